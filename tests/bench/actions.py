"""Journaled actions through the API, each durable before its answer, beside raw sqlite3 and BINP's measured rates."""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

from tests.bench.server import Served, verdict

NAME = "actions"
# Actions a second of BINP 0.0.7, measured once on such a machine, and how many times as fast we want to be.
PEER = {1: (351, 8), 8: (238, 15), 32: (156, 20)}


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


def run(quick: bool) -> list[str]:
    """Return the table and the verdicts."""
    rounds, seconds = (3, 1.0) if quick else (5, 2.0)
    lines = [f"{'journaled actions':18} {'a second':>10} {'CPU us':>8} {'p99 ms':>8} {'of raw sqlite3':>15}"]
    verdicts = []
    with tempfile.TemporaryDirectory() as folder:
        site = Served("site", ("tests.bench.whole", folder))
        try:
            site.measure("POST /internal/action/noop", 8, 0.5)
            for connections, (peer, factor) in PEER.items():
                found, raws = [], []
                for _ in range(rounds):
                    found.append(site.measure("POST /internal/action/noop", connections, seconds))
                    raws.append(raw(Path(folder), seconds / 2))
                rate = statistics.median(one["rate"] for one in found)
                cpu = statistics.median(one["cpu"] for one in found)
                p99 = statistics.median(one["p99"] for one in found)
                share = rate / statistics.median(raws)
                lines.append(f"c={connections:<16} {rate:10.0f} {cpu:8.0f} {p99:8.2f} {share:15.2f}")
                verdicts.append(verdict(f"actions-c{connections}", rate / peer, factor, at_least=True))
        finally:
            site.close()
    return lines + verdicts
