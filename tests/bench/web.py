"""A whole site beside a bare Bottle app on waitress: what all of atilite's layers cost together."""

from __future__ import annotations

import statistics
import tempfile
from typing import Any

from tests.bench.server import Served, load, verdict

NAME = "web"
GOALS = {"text": 0.9, "hub": 0.9, "json": 0.9}


def plain(quick: bool, site: Served) -> list[str]:
    """Text through a worker, text on the hub, JSON; interleaved with Bottle on stock waitress."""
    rounds, seconds = (3, 1.0) if quick else (5, 2.0)
    peer = Served("waitress")
    lines = [f"{'whole site':22} {'CPU us/request':>16} {'requests/s':>12} {'p99 ms':>8}"]
    verdicts = []
    try:
        for connections in (1, 16, 64):
            cases: dict[str, tuple[Served, str]] = {"bottle": (peer, "/text")}
            cases.update({name: (site, f"/{name}") for name in GOALS})
            seen: dict[str, list[dict[str, Any]]] = {name: [] for name in cases}
            for _ in range(rounds):
                for name, (server, path) in cases.items():
                    seen[name].append(server.measure(path, connections, seconds))
            median = {
                name: {key: statistics.median(one[key] for one in found) for key in ("cpu", "rate", "p99")}
                for name, found in seen.items()
            }
            for name, of in median.items():
                lines.append(f"{name:12} c={connections:<7} {of['cpu']:16.1f} {of['rate']:12.0f} {of['p99']:8.2f}")
            for name, goal in GOALS.items():
                verdicts.append(
                    verdict(f"web-{name}-c{connections}", median[name]["cpu"] / median["bottle"]["cpu"], goal)
                )
    finally:
        peer.close()
    return lines + verdicts


def waiting(site: Served) -> list[str]:
    """2,000 coroutines that wait one second, on 4 threads."""
    found = load(site.port, "/later", 2000, 0, 2)
    return [
        f"2000 coroutines of 1 s, twice each: {found['seconds']:.2f} s, p99 {found['p99']:.0f} ms",
        verdict("web-coroutines-2000", 2 / found["seconds"], 0.9, at_least=True),
    ]


def run(quick: bool) -> list[str]:
    """Return the table and the verdicts."""
    with tempfile.TemporaryDirectory() as folder:
        site = Served("site", ("tests.bench.whole", folder))
        try:
            return plain(quick, site) + waiting(site)
        finally:
            site.close()
