"""HTTP tasks: 500 requests that take 100 ms each, 100 at once, without keeping the hub; plain and encrypted."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from atilite.resources.aliases import PROTO_HTTP, PROTO_HTTPS, Aliases
from atilite.resources.http import Stub
from atilite.runtime.engine import process_runtime
from atilite.serving import spare_collector
from tests.resources.authority import Authority

NAME = "client"
REQUESTS, AT_ONCE, DELAY = 500, 100, 0.1
GOAL, LAG_GOAL = 1.0, 0.015


def run(quick: bool) -> list[str]:
    """Seconds and the hub's longest lag; the best of some rounds, because others use the machine, too.

    The lag is told twice: as the clock saw it, and as CPU that the hub's thread used between two looks at its timers.
    The first is what a user would feel, the second does not depend on who else wants the processor.
    """
    lines = []
    spare_collector()  # as a server does after its start
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder))
        for name, tls in (("http", None), ("https", authority.certificate("IP:127.0.0.1"))):
            rounds = [measured(tls, authority.file) for _ in range(2 if quick else 5)]
            seconds, lag = min(found[0] for found in rounds), min(found[1] for found in rounds)
            cpu, work = min(found[2] for found in rounds), statistics.median(found[3] for found in rounds)
            verdict = "OK" if seconds <= GOAL and work <= LAG_GOAL else "SHORT"
            lines.append(
                f"{NAME} {name}: {REQUESTS} of {DELAY * 1000:.0f} ms in {seconds:.2f} s, {cpu:.2f} s of CPU, "
                f"lag {lag * 1000:.1f} ms, {work * 1000:.1f} ms of it work (median), "
                f"goal {GOAL:.0f} s and {LAG_GOAL * 1000:.0f} ms {verdict}"
            )
    return lines


def measured(tls: tuple[str, str] | None, authority: str) -> tuple[float, float, float, float]:
    """(seconds, the longest that the hub kept a timer waiting, seconds of CPU, the hub's longest work) of one round."""
    words = [sys.executable, "-m", "tests.resources.webpeer", *(tls or ())]
    peer = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert peer.stdout is not None
        host = f"127.0.0.1:{int(peer.stdout.readline())}"
        aliases = Aliases()
        kind = PROTO_HTTPS if tls else PROTO_HTTP
        aliases.add("@peer", kind, host, max_conns=AT_ONCE, ssl=authority if tls else False)
        return asked(Stub(process_runtime(), aliases, "@peer"))
    finally:
        peer.communicate(timeout=20)


def asked(stub: Any) -> tuple[float, float, float, float]:
    """The requests through one stub."""
    stub.get("/slow?ms=1").fetch()  # loads what is loaded once
    pulse = Pulse()
    cpu, start = time.process_time(), time.perf_counter()
    tasks = [stub.get(f"/slow?ms={DELAY * 1000:.0f}") for _ in range(REQUESTS)]
    for task in tasks:
        assert task.fetch() == "slow"
    seconds, (lag, work) = time.perf_counter() - start, pulse.end()
    return seconds, lag, time.process_time() - cpu, work


class Pulse:
    """A timer of the hub every millisecond, and how late the latest one came."""

    def __init__(self) -> None:
        self._loop = process_runtime().loop
        self._lag = self._work = 0.0
        self._last: tuple[float, float] | None = None
        self._beating = True
        self._loop.call_soon(self._beat)

    def _beat(self) -> None:
        now, used = time.perf_counter(), time.thread_time()
        if self._last is not None:
            self._lag = max(self._lag, now - self._last[0] - 0.001)
            self._work = max(self._work, used - self._last[1])
        self._last = now, used
        if self._beating:
            self._loop.call_later(0.001, self._beat)

    def end(self) -> tuple[float, float]:
        """Seconds of the longest lag, and of the longest work between two beats."""
        self._beating = False
        return self._lag, self._work
