"""The server beside waitress as it is: the same Bottle application, CPU time of the server process per request."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

NAME = "server"
TICK = os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0))
GOAL = 0.9


class Served:
    """One server process, pinned to the first core."""

    def __init__(
        self, kind: str, command: tuple[str, ...] = (), *, python: str = "", folder: Path | None = None
    ) -> None:
        """`command` is a module with its arguments, or with another `python` a script."""
        self.kind = kind
        words = [python, *command] if python else [sys.executable, "-m", *(command or ("tests.bench.served", kind))]
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            preexec_fn=lambda: os.sched_setaffinity(0, CORES[:1]),
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait(10)

    def cpu(self) -> float:
        """Seconds of CPU that the process has used."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def resident(self) -> int:
        """Bytes of memory that the process occupies."""
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def measure(self, path: str, connections: int, seconds: float) -> dict[str, Any]:
        """Load it once; adds `cpu`, microseconds per request."""
        before = self.cpu()
        found = load(self.port, path, connections, seconds)
        found["cpu"] = (self.cpu() - before) / found["requests"] * 1e6
        return found


def start_load(port: int, *arguments: object) -> subprocess.Popen[str]:
    """Start the generator on another core."""
    others = CORES[1:] or CORES
    return subprocess.Popen(
        [sys.executable, "-m", "tests.bench.load", str(port), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, others),
    )


def load(port: int, *arguments: object) -> dict[str, Any]:
    """Run the generator and return what it saw."""
    output, _ = start_load(port, *arguments).communicate()
    found: dict[str, Any] = json.loads(output)
    return found


def verdict(name: str, ratio: float, goal: float, *, at_least: bool = False) -> str:
    """Return the line by which a benchmark is judged."""
    held = ratio >= goal if at_least else ratio <= goal
    return f"{name} {ratio:.2f} {'>=' if at_least else '<='}{goal} {'OK' if held else 'SHORT'}"


def plain(quick: bool) -> list[str]:
    """Plain text through a worker thread and on the loop, interleaved with stock waitress."""
    rounds, seconds = (3, 1.0) if quick else (5, 2.0)
    servers = [Served(kind) for kind in ("waitress", "atilite", "hub")]
    lines = [f"{'plain text':22} {'CPU us/request':>16} {'requests/s':>12} {'p99 ms':>8}"]
    verdicts = []
    try:
        for server in servers:
            server.measure("/text", 16, 0.5)
        for connections in (1, 16, 64):
            seen: dict[str, list[dict[str, Any]]] = {server.kind: [] for server in servers}
            for _ in range(rounds):
                for server in servers:
                    seen[server.kind].append(server.measure("/text", connections, seconds))
            median = {
                kind: {key: statistics.median(one[key] for one in found) for key in ("cpu", "rate", "p99")}
                for kind, found in seen.items()
            }
            for kind, of in median.items():
                lines.append(f"{kind:12} c={connections:<7} {of['cpu']:16.1f} {of['rate']:12.0f} {of['p99']:8.2f}")
            base = median["waitress"]["cpu"]
            verdicts.append(verdict(f"server-text-c{connections}", median["atilite"]["cpu"] / base, GOAL))
            verdicts.append(verdict(f"server-hub-c{connections}", median["hub"]["cpu"] / base, GOAL))
    finally:
        for server in servers:
            server.close()
    return lines + verdicts


def parked(quick: bool) -> list[str]:
    """2,000 parked requests of 1 s on 4 threads, with a plain request beside; memory of each."""
    count, rounds = 2000, 2 if quick else 5
    server = Served("atilite")
    try:
        load(server.port, "/text", 16, 0.5)
        before = server.resident()
        many = start_load(server.port, "/later", count, 0, rounds)
        beside = load(server.port, "/text", 1, rounds)
        each = (server.resident() - before) / count / 1024
        found = json.loads(many.communicate()[0])
    finally:
        server.close()
    return [
        f"{count} parked requests of 1 s: {found['requests']} answers in {found['seconds']:.2f} s, "
        f"p99 {found['p99']:.0f} ms; {each:.1f} KiB each; a plain request beside them: p99 {beside['p99']:.1f} ms",
        verdict("server-parked-2000", rounds / found["seconds"], GOAL, at_least=True),
        verdict("server-plain-beside-ms", beside["p99"], 20),
        verdict("server-parked-kib", each, 10),
    ]


def run(quick: bool) -> list[str]:
    """Return the table and the verdicts."""
    return plain(quick) + parked(quick)
