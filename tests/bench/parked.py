"""10,000 requests that wait: memory of each, what a plain request notices of them, and whether all are answered."""

from __future__ import annotations

import http.client
import importlib.util
import resource
import selectors
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from typing import Any

from tests.bench.parking import FILES, HOLD, PARKED
from tests.bench.server import Served, verdict

NAME = "parked"
COUNT = 10_000
PEERS = {"fastapi": ("fastapi", "uvicorn", "uvloop", "httptools"), "pywsgi": ("gevent",)}
# How often plain requests are measured beside waiting ones and, in turns with that, without them.
WINDOWS = 5
REQUEST = b"GET /park HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: parked\r\n\r\n"


@dataclass(frozen=True)
class Seen:
    """One kind of server in one round. `memory` in KiB and `cpu` in microseconds are those of one waiting request, from
    its connection to its answer. Then hellos a second and the CPU of one, without them and beside them; and which part
    of the rate was kept beside them, by the clock and by CPU: medians of what was measured in turns.
    """

    memory: float
    cpu: float
    rate: float
    meanwhile: float
    hello: float
    beside: float
    p99: float
    by_clock: float
    by_cpu: float
    answered: int


def get(port: int, path: str) -> str:
    """GET a path on a new connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def park(port: int, count: int) -> list[socket.socket]:
    """Open connections and ask on each; return when all of them wait."""
    sockets, end = [], time.monotonic() + HOLD
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", port), timeout=30)
        sock.sendall(REQUEST)
        sockets.append(sock)
    while int(get(port, "/count")) < count:
        if time.monotonic() > end:
            raise AssertionError("the first are answered before all have been asked: the machine is too busy")
        time.sleep(0.1)
    return sockets


def answers(sockets: list[socket.socket], deadline: float) -> int:
    """Read until all were answered or the time is over; return how many got the whole right answer."""
    good = 0
    partial: dict[int, bytes] = {}
    with selectors.DefaultSelector() as selector:
        for sock in sockets:
            selector.register(sock, selectors.EVENT_READ)
        while selector.get_map() and time.monotonic() < deadline:
            for key, _ in selector.select(1.0):
                piece = key.fileobj.recv(4096)  # type: ignore[union-attr]
                data = partial[key.fd] = partial.get(key.fd, b"") + piece
                whole = data.startswith(b"HTTP/1.1 200 ") and data.endswith(b"\r\n\r\n" + PARKED.encode())
                if whole or not piece:
                    good += whole
                    selector.unregister(key.fileobj)
    return good


def in_turns(free: Served, full: Served, seconds: float) -> tuple[float, ...]:
    """Hellos of a server where nothing waits and of one where much does, in turns: what else the machine does between
    one minute and the next is the same for both. The figures are in the order of `Seen`.
    """
    pairs = [(free.measure("/hello", 16, seconds), full.measure("/hello", 16, seconds)) for _ in range(WINDOWS)]

    def median(of: Callable[[dict[str, Any], dict[str, Any]], float]) -> float:
        return statistics.median(of(without, beside) for without, beside in pairs)

    return (
        median(lambda without, _: without["rate"]),
        median(lambda _, beside: beside["rate"]),
        median(lambda without, _: without["cpu"]),
        median(lambda _, beside: beside["cpu"]),
        median(lambda _, beside: beside["p99"]),
        median(lambda without, beside: beside["rate"] / without["rate"]),
        median(lambda without, beside: without["cpu"] / beside["cpu"]),
    )


def measured(free: Served, server: Served, count: int, seconds: float) -> Seen:
    """One round with two servers, which are new; much will wait at the second one."""
    for one in (free, server):
        one.measure("/hello", 16, 1.0)
        park(one.port, 1)[0].close()  # what is loaded with the first one is loaded
    memory, cpu, begun = server.resident(), server.cpu(), time.monotonic()
    sockets = park(server.port, count)
    cpu, memory = server.cpu() - cpu, server.resident() - memory
    try:
        hellos = in_turns(free, server, seconds)
        if time.monotonic() - begun > HOLD:
            raise AssertionError(f"{server.kind}: the first were answered before all had been asked and measured")
        finish = server.cpu()
        answered = answers(sockets, time.monotonic() + HOLD + 30)
        cpu += server.cpu() - finish
    finally:
        for sock in sockets:
            sock.close()
    return Seen(memory / count / 1024, cpu / count * 1e6, *hellos, answered)


def once(kind: str, count: int, seconds: float) -> Seen:
    """Start two servers, measure, end them."""
    with ExitStack() as stack:
        servers = []
        for _ in range(2):
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            servers.append(Served(kind, ("tests.bench.parking", kind, folder)))
            stack.callback(servers[-1].close)
        return measured(*servers, count, seconds)


def run(quick: bool) -> list[str]:
    """Return the table and the verdicts; a round takes about a minute a kind of server."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))
    count = min(COUNT, min(FILES, hard) - 1000)
    kinds = ["atilite", *(kind for kind, needs in PEERS.items() if all(map(importlib.util.find_spec, needs)))]
    seen: dict[str, list[Seen]] = {kind: [] for kind in kinds}
    for _ in range(1 if quick else 3):
        for kind in kinds:
            seen[kind].append(once(kind, count, 1.0))
    lines = [
        f"{count} requests wait {HOLD:.0f} s",
        f"{'':10}{'KiB each':>10}{'CPU us each':>13}{'hellos/s':>10}{'meanwhile':>11}"
        f"{'CPU us':>8}{'meanwhile':>11}{'p99 ms':>8}{'kept':>7}{'by CPU':>8}{'answered':>10}",
    ]
    for kind, rounds in seen.items():
        one = Seen(*map(statistics.median, zip(*map(astuple, rounds), strict=True)))
        lines.append(
            f"{kind:10}{one.memory:10.1f}{one.cpu:13.0f}{one.rate:10.0f}{one.meanwhile:11.0f}"
            f"{one.hello:8.0f}{one.beside:11.0f}{one.p99:8.1f}{one.by_clock:7.2f}{one.by_cpu:8.2f}"
            f"{min(each.answered for each in rounds):10}"
        )
    ours = seen["atilite"]
    # By the clock the rate also tells who else wants the server's core; by its CPU it does not.
    by_clock = statistics.median(each.by_clock for each in ours)
    by_cpu = statistics.median(each.by_cpu for each in ours)
    return [
        *lines,
        verdict("parked-kib", statistics.median(each.memory for each in ours), 10),
        verdict("parked-hello-kept", by_cpu, 0.8, at_least=True),
        verdict("parked-hello-kept-by-the-clock", by_clock, 0.8, at_least=True),
        verdict("parked-answered", min(each.answered for each in ours) / count, 1.0, at_least=True),
    ]
