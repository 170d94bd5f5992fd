"""Pages, files and uploads beside FastAPI, Bottle and Flask: CPU time of the server process per request."""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.paged import prepare
from tests.bench.server import CORES, Served, verdict

NAME = "pages"
PEERS = {
    "fastapi": ("fastapi", "uvicorn", "uvloop", "httptools"),
    "bottle": ("bottle", "waitress"),
    "flask": ("flask",),
}


@dataclass(frozen=True)
class Case:
    """One request, and whom we are compared with in it."""

    name: str
    path: str
    peer: str
    goal: float
    status: str = "200"
    method: str = "GET"
    mebibytes: float = 0
    headers: tuple[str, ...] = ()
    ours: str = ""  # our path, if it is another one
    held: bool = False  # ask with the ETag of the first answer


CASES = (
    Case("page of 50 rows", "/page", "fastapi", 1.0),
    Case("page, on the hub", "/page", "fastapi", 1.0, ours="/page-hub"),
    Case("static 10 KiB", "/static/file.css", "fastapi", 0.5),
    Case("static 304", "/static/file.css", "bottle", 0.6, status="304", held=True),
    Case("404", "/none", "bottle", 0.75, status="404"),
    Case("405", "/only-post", "bottle", 0.75, status="405"),
    Case("redirect", "/away", "bottle", 0.75, status="302"),
    Case("upload of 1 MiB", "/upload", "flask", 0.7, method="POST", mebibytes=1),
)


def measured(server: Served, case: Case, path: str, headers: tuple[str, ...], seconds: float) -> dict[str, Any]:
    """Ask one server for so long; adds `cpu`, microseconds per request."""
    connections = 4 if case.mebibytes else 16
    words = [server.port, connections, seconds, case.method, path, case.mebibytes, *headers]
    before = server.cpu()
    output = subprocess.run(
        ["taskset", "-c", ",".join(map(str, CORES[1:] or CORES)), sys.executable, "-m", "tests.bench.asking"]
        + [str(word) for word in words],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found: dict[str, Any] = json.loads(output)
    found["cpu"] = (server.cpu() - before) / found["requests"] * 1e6
    return found


def held(server: Served, path: str) -> tuple[str, ...]:
    """The header of a client that has the file."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return (f"If-None-Match: {answer.headers['ETag']}",)


def run(quick: bool) -> list[str]:
    """Return the table and the verdicts."""
    rounds, seconds = (3, 1.0) if quick else (7, 1.5)
    missing = {name for name, needs in PEERS.items() if any(importlib.util.find_spec(need) is None for need in needs)}
    lines = [f"{'':26} {'CPU us/request':>16} {'requests/s':>12} {'bytes':>7} {'reopened':>9}"]
    verdicts = []
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        servers = {
            kind: Served(kind, ("tests.bench.paged", kind, name)) for kind in ("atilite", *PEERS) if kind not in missing
        }
        try:
            for case in CASES:
                if case.peer in servers:
                    table, ratio = compared(case, servers, rounds, seconds)
                    lines += table
                    verdicts.append(
                        verdict("pages-" + case.name.replace(", ", "-").replace(" ", "-"), ratio, case.goal)
                    )
        finally:
            for server in servers.values():
                server.close()
    return lines + verdicts


def compared(case: Case, servers: dict[str, Served], rounds: int, seconds: float) -> tuple[list[str], float]:
    """The lines of one case, and how our CPU time is to the peer's; interleaved rounds, medians."""
    sides = {kind: servers[kind] for kind in (case.peer, "atilite")}
    paths = {kind: case.ours if kind == "atilite" and case.ours else case.path for kind in sides}
    extra = {kind: held(server, paths[kind]) if case.held else case.headers for kind, server in sides.items()}
    seen: dict[str, list[dict[str, Any]]] = {kind: [] for kind in sides}
    for number in range(rounds + 1):
        for kind, server in sides.items():
            found = measured(server, case, paths[kind], extra[kind], seconds if number else 0.3)
            if not found["status"].startswith(case.status[:2]):
                raise AssertionError(f"{kind} answers {case.name} with {found['status']}")
            if number:
                seen[kind].append(found)
    cpu = {kind: statistics.median(one["cpu"] for one in found) for kind, found in seen.items()}
    lines = []
    for kind, rows in seen.items():
        rate = statistics.median(one["requests"] / one["seconds"] for one in rows)
        last = rows[-1]
        label = f"{case.name}: {kind}"
        lines.append(f"{label:26} {cpu[kind]:16.1f} {rate:12.0f} {last['bytes']:7} {last['reopened']:9}")
    return lines, cpu["atilite"] / cpu[case.peer]
