"""Journaled actions through the API, each durable before its answer, beside BINP and raw sqlite3 in the same run.

BENCH_BINP names the Python of an environment with `binp==0.0.7` and uvicorn; without it the rates that BINP once
reached are taken, which says little about this machine.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.bench.server import Served, verdict

NAME = "actions"
# Actions a second of BINP 0.0.7 on a machine whose sqlite3 committed 8,590 times a second, and how many times as fast
# we want to be.
PEER = {1: (351, 8), 8: (238, 15), 32: (156, 20)}
RAW_THEN = 8590
PATH = "POST /internal/action/noop"


def raw(folder: Path, seconds: float) -> float:
    """Durable single-row commits a second of sqlite3 itself, on the same disk."""
    connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, a TEXT, b TEXT)")
    count, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        connection.execute("INSERT INTO t (a, b) VALUES (?, ?)", ("operation", "x" * 200))
        count += 1
    connection.close()
    return count / seconds


def servers(stack: ExitStack, folder: Path) -> dict[str, Served]:
    """The servers to compare, each with a folder of its own."""
    ours = Served("site", ("tests.bench.whole", str(folder)))
    stack.callback(ours.close)
    found = {"atilite": ours}
    python = os.environ.get("BENCH_BINP")
    if python:
        peer_folder = folder / "peer"
        peer_folder.mkdir()
        script = str(Path(__file__).parent / "peers" / "binp_app.py")
        found["binp"] = peer = Served("binp", (script,), python=python, folder=peer_folder)
        stack.callback(peer.close)
    return found


def compare(among: dict[str, Served], folder: Path, connections: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Median rate, CPU and p99 of each server, and the raw rate, from interleaved rounds."""
    seen: dict[str, list[dict[str, Any]]] = {name: [] for name in among}
    raws = []
    for _ in range(rounds):
        for name, server in among.items():
            seen[name].append(server.measure(PATH, connections, seconds))
        raws.append(raw(folder, seconds / 2))
    medians = {
        name: {key: statistics.median(one[key] for one in found) for key in ("rate", "cpu", "p99")}
        for name, found in seen.items()
    }
    return {"raw": statistics.median(raws), **medians}


def run(quick: bool) -> list[str]:
    """Return the table and the verdicts."""
    rounds, seconds = (3, 1.0) if quick else (5, 2.0)
    lines = [f"{'journaled actions':24} {'a second':>10} {'CPU us':>8} {'p99 ms':>8} {'of raw sqlite3':>15}"]
    verdicts = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        among = servers(stack, folder)
        for server in among.values():
            server.measure(PATH, 8, 0.5)
        for connections, (then, factor) in PEER.items():
            found = compare(among, folder, connections, rounds, seconds)
            for name in among:
                one, share = found[name], found[name]["rate"] / found["raw"]
                head = f"{name} c={connections}"
                lines.append(f"{head:24} {one['rate']:10.0f} {one['cpu']:8.0f} {one['p99']:8.2f} {share:15.2f}")
            # Without the peer itself: its rate then, in proportion to what the disks of then and now commit.
            peer = found["binp"]["rate"] if "binp" in found else then * found["raw"] / RAW_THEN
            ratio = found["atilite"]["rate"] / peer
            verdicts.append(verdict(f"actions-c{connections}", ratio, factor, at_least=True))
    return lines + verdicts
