"""A long run of 100,000 journaled actions: is memory flat, and does the database stay within its retention?

And what a journaled action writes to the disk, beside BINP if BENCH_BINP names a Python that has it (see actions.py).
The kernel counts the bytes (`write_bytes` of /proc/PID/io); nothing is counted on a file system in memory.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path

from tests.bench.actions import PATH, servers
from tests.bench.server import Served
from tests.bench.soak import MEGABYTE, PIECE, SETTLED, Vitals, served, verdict
from tests.faults.program import Program, until

NAME = "long"
ROUNDS, HALF = 10, 5
# Bytes written for an action, as a share of BINP's, by the number of connections.
SHARES = {1: 0.6, 8: 0.2, 32: 0.2}


def written(pid: int) -> int:
    """Bytes that a process has given to the disk so far."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def on_disk(program: Program) -> int:
    """Bytes of the database's pages. The file has as many only after its log was folded into it the next time."""
    with closing(sqlite3.connect(f"file:{program.folder}/data.db?mode=ro", uri=True)) as connection:
        count, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return int(count * size)


def steady(program: Program, pause: float = 2.0) -> bool:
    """Whether the database keeps its size for a moment: the space of removed runs is given back a little later."""
    before = on_disk(program)
    time.sleep(pause)
    return on_disk(program) == before


def stored(program: Program) -> int:
    """How many runs the database holds."""
    newest = program.json("/internal/journals/?limit=1")[0]["id"]
    low, high = 0, newest
    # Retention takes the oldest away, so the lowest number that is still there is found by halving.
    while high - low > 1:
        middle = (low + high) // 2
        if program.json(f"/internal/journals/?before={middle + 1}&limit=1"):
            high = middle
        else:
            low = middle
    return int(newest - high + 1)


def long_run(program: Program, count: int, kept: int) -> list[str]:
    """Let a program run so many short actions of all kinds, and look at it after each tenth.

    Half-way and at the end it is left alone until retention, which comes within a minute of a run's end, has done its
    work: the second half then writes into the space that the first one has given back.
    """
    lines, vitals, sizes, seconds = [], [], [], 0.0
    before = written(program.pid)
    for number in range(1, ROUNDS + 1):
        begin = time.monotonic()
        for _ in range(count // ROUNDS // PIECE):
            program.call("many", count=PIECE)
        seconds += time.monotonic() - begin
        until(lambda: program.threads() <= SETTLED, 60)
        if number in (HALF, ROUNDS):
            until(lambda: stored(program) <= kept + PIECE, 120)
            until(lambda: steady(program), 60)
        vitals.append(Vitals.of(program))
        sizes.append(on_disk(program))
        lines.append(
            f"after {count // ROUNDS * number}: {vitals[-1].resident / MEGABYTE:.1f} MB resident, "
            f"{vitals[-1].threads} threads, {vitals[-1].descriptors} descriptors, {sizes[-1] / MEGABYTE:.1f} MB on disk"
        )
    each = (written(program.pid) - before) / count
    lines.append(f"{count} actions in {seconds:.0f} s, {each * 1000 / MEGABYTE:.2f} MB written per 1,000")
    warm, last = vitals[HALF - 1], vitals[-1]
    # The first half warms up: pools, caches and the database's own pages have their size then.
    lines.append(verdict("long-growth-mb", (last.resident - warm.resident) / MEGABYTE, 2))
    lines.append(verdict("long-database-growth-mb", (sizes[-1] - sizes[HALF - 1]) / MEGABYTE, 2))
    lines.append(verdict("long-runs-kept", stored(program), kept + PIECE))
    for name in ("greenlets", "threads", "descriptors"):
        lines.append(verdict(f"long-{name}", getattr(last, name) - getattr(warm, name), 2))
    return lines


def wear(quick: bool) -> list[str]:
    """What a durable, journaled action through the API writes, by the number of connections."""
    lines, seconds = [], 2.0 if quick else 5.0
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        among = servers(stack, Path(name))
        for connections, bar in SHARES.items():
            found = {who: bytes_each(server, connections, seconds) for who, server in among.items()}
            told = ", ".join(f"{who} {each * 1000 / MEGABYTE:.2f} MB" for who, each in found.items())
            lines.append(f"written per 1,000 actions, c={connections}: {told}")
            if found.get("binp"):
                lines.append(verdict(f"long-written-c{connections}", found["atilite"] / found["binp"], bar))
    return lines


def bytes_each(server: Served, connections: int, seconds: float) -> float:
    """Bytes that a server writes for one journaled action."""
    server.measure(PATH, connections, 0.5)
    before = written(server.process.pid)
    requests = server.measure(PATH, connections, seconds)["requests"]
    return (written(server.process.pid) - before) / float(requests)


def run(quick: bool) -> list[str]:
    """Return what was found and the verdicts."""
    count, kept = (10_000, 1_000) if quick else (100_000, 5_000)
    with served("--keep", str(kept)) as program:
        lines = long_run(program, count, kept)
    return lines + wear(quick)
