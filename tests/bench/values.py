"""Values of the key-value store from a handler, read and durably set, beside BINP in the same run.

BENCH_BINP names the Python of an environment with `binp==0.0.7` and uvicorn; without it only our own figures are told.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.bench.actions import servers
from tests.bench.server import Served, verdict

NAME = "values"
# How many times as many a second as BINP we want.
PATHS = {"get": ("GET /kv-get", 20), "set": ("POST /kv-set", 8)}
CONNECTIONS = (1, 16)


def compare(
    among: dict[str, Served], path: str, connections: int, rounds: int, seconds: float
) -> dict[str, dict[str, float]]:
    """Median rate, CPU and p99 of each server from interleaved rounds."""
    seen: dict[str, list[dict[str, Any]]] = {name: [] for name in among}
    for _ in range(rounds):
        for name, server in among.items():
            seen[name].append(server.measure(path, connections, seconds))
    return {
        name: {key: statistics.median(one[key] for one in found) for key in ("rate", "cpu", "p99")}
        for name, found in seen.items()
    }


def run(quick: bool) -> list[str]:
    """Return the table and the verdicts."""
    rounds, seconds = (3, 1.0) if quick else (5, 2.0)
    lines = [f"{'values from a handler':24} {'a second':>10} {'CPU us':>8} {'p99 ms':>8}"]
    verdicts = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        among = servers(stack, Path(name))
        for what, (path, goal) in PATHS.items():
            for server in among.values():
                server.measure("POST /kv-set", 4, 0.3)
            for connections in CONNECTIONS:
                found = compare(among, path, connections, rounds, seconds)
                for one, figures in found.items():
                    head = f"{one} {what} c={connections}"
                    lines.append(f"{head:24} {figures['rate']:10.0f} {figures['cpu']:8.0f} {figures['p99']:8.2f}")
                if "BENCH_BINP" in os.environ:
                    ratio = found["atilite"]["rate"] / found["binp"]["rate"]
                    verdicts.append(verdict(f"values-{what}-c{connections}", ratio, goal, at_least=True))
    return lines + verdicts
