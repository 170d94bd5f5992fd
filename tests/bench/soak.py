"""What only shows after a while: many clients, long queues, many runs, many viewers. The quick form is a test as well.

Each part drives a program of its own and returns what it found; the bars are those of one small board.
"""

from __future__ import annotations

import http.client
import selectors
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.program import Program, until

NAME = "soak"
MEGABYTE = 1 << 20

SCRIPT = """
    import gc, os, threading, time
    from collections import deque
    import atilite
    from atilite import Atilite
    from greenlet import greenlet

    app = Atilite(__name__)

    @app.action(name="noop")
    def noop() -> int:
        return 1

    @app.action(name="short, yielding")
    def short_yielding(was):
        yield was.Sleep(0)

    @app.action(name="short, async")
    async def short_async() -> None:
        print("done")

    @app.action(name="short, failing")
    def short_failing() -> None:
        raise ValueError("as expected")

    SHORT = ("noop", "short, yielding", "short, async", "short, failing")

    @app.action(name="queue", journal=False)
    def queue(count: int) -> None:
        for _ in range(count):
            app.action.start("noop", {}, trigger="call")

    @app.action(name="many", journal=False, timeout=3600)
    def many(count: int) -> int:
        open_ones = deque()
        for number in range(count):
            _, task = app.action.start(SHORT[number % len(SHORT)], {}, trigger="call")
            open_ones.append(task)
            if len(open_ones) == 200:
                open_ones.popleft().wait(60)
        return sum(task.wait(60) for task in open_ones)

    @app.action(name="talk", timeout=3600)
    def talk(was, records: int, pause: float) -> None:
        for number in range(records):
            app.journal.record("line", number=number)
            was.wait(pause)

    @app.route("/vitals", methods=["GET"])
    def vitals(was):
        gc.collect()
        greenlets = sum(isinstance(one, greenlet) and not one.dead for one in gc.get_objects())
        return was.API(greenlets=greenlets, threads=threading.active_count())

    atilite.mount("/", app)
    atilite.run(name="soak")
"""
# Threads that a program may keep: the pools' own, and some of the system's.
SETTLED = 45
# Short actions that one request asks for.
PIECE = 1000
PATHS = ("/console/", "/console/runs", "/internal/actions/", "/internal/journals/", "/internal/services/")


def share(delays: list[float], percent: int) -> float:
    """The delay, in seconds, that so many percent stay below."""
    return statistics.quantiles(delays, n=100)[percent - 1] if len(delays) > 1 else max(delays, default=0.0)


@dataclass
class Clients:
    """What clients with one connection each went through."""

    delays: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    grown: int = 0


def ask_for(program: Program, clients: int, seconds: float) -> Clients:
    """Let keep-alive clients ask for pages and figures, one after the other, as quickly as they are answered."""
    found, end = Clients(), time.monotonic() + seconds

    def ask(number: int) -> None:
        connection = program.connect()
        try:
            while time.monotonic() < end:
                number += 1
                begin = time.monotonic()
                connection.request("GET", PATHS[number % len(PATHS)], headers={"Accept": "text/html, */*"})
                answer = connection.getresponse()
                size = len(answer.read())
                found.delays.append(time.monotonic() - begin)
                if answer.status != 200 or not size:
                    found.errors.append(f"{answer.status} {PATHS[number % len(PATHS)]}")
        except (OSError, http.client.HTTPException) as error:
            found.errors.append(repr(error))
        finally:
            connection.close()

    before = program.resident()
    _together(clients, ask)
    found.grown = program.resident() - before
    return found


def _together(count: int, function: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=function, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@dataclass
class Queued:
    """What became of journals queued in one go, and of pages asked for meanwhile."""

    stored: int
    seconds: float
    delays: list[float]


def queue(program: Program, count: int) -> Queued:
    """Start so many runs in one go, and look at pages until all have ended."""
    begin, delays = time.monotonic(), []
    first = program.call("noop")["run"]
    program.ask("POST", "/internal/action/queue?wait=0", {"count": count})
    while True:
        for path in ("/console/", "/console/runs"):
            asked = time.monotonic()
            status, _ = program.ask("GET", path, Accept="text/html")
            delays.append(time.monotonic() - asked)
            assert status == 200, status
        newest = program.json("/internal/journals/?limit=1")[0]["id"]
        if newest >= first + count and not program.json("/internal/journals/?pending=1&limit=1"):
            break
        assert time.monotonic() - begin < 600, f"stuck at run {newest}"
    seconds = time.monotonic() - begin
    bad = program.json("/internal/journals/?failed=1&limit=1&operation=noop")
    assert bad == [], bad
    return Queued(newest - first, seconds, delays)


@dataclass
class Vitals:
    """How much of everything a program holds."""

    greenlets: int
    threads: int
    descriptors: int
    resident: int

    @classmethod
    def of(cls, program: Program) -> Vitals:
        told = program.json("/vitals")
        return cls(told["greenlets"], told["threads"], program.descriptors(), program.resident())


def short_actions(program: Program, count: int, rounds: int) -> list[Vitals]:
    """Run short actions of every kind, in rounds; returns the vitals after each round, the first one warms up.

    Between two rounds there is a pause: threads that were added for the rush go when they are not needed.
    """
    found = []
    for _ in range(rounds):
        for _ in range(count // rounds // PIECE):
            program.call("many", count=PIECE)
        until(lambda: program.threads() <= SETTLED)
        found.append(Vitals.of(program))
    return found


@dataclass
class Viewed:
    """What viewers of one live page have seen, and how long buttons took meanwhile."""

    lines: list[int]
    buttons: list[float]


def viewers(program: Program, count: int, records: int, pause: float) -> Viewed:
    """Open the live page of a run so many times, and press buttons until the run ends."""
    run = program.begin("talk", records=records, pause=pause)
    with _watching(program, f"/console/runs/{run}", count) as seen:
        buttons = []
        while program.journal(run)["status"] == "running":
            begin = time.monotonic()
            assert program.call("noop")["status"] == "succeeded"
            buttons.append(time.monotonic() - begin)
            time.sleep(0.05)
        until(lambda: all(b"</html>" in text for text in seen))
    return Viewed([text.count(b"number=") or text.count(b"<dt>number") for text in seen], buttons)


@contextmanager
def _watching(program: Program, path: str, count: int) -> Iterator[list[bytearray]]:
    """Open so many connections to a page that goes on, and read them all in a thread."""
    selector, seen, over = selectors.DefaultSelector(), [bytearray() for _ in range(count)], threading.Event()
    sockets = [socket.create_connection(("127.0.0.1", program.port), timeout=20) for _ in range(count)]
    for sock, text in zip(sockets, seen, strict=True):
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n".encode())
        selector.register(sock, selectors.EVENT_READ, text)

    def read() -> None:
        while not over.is_set():
            for key, _ in selector.select(0.1):
                data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                key.data.extend(data)
                if not data:
                    selector.unregister(key.fileobj)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield seen
    finally:
        over.set()
        reader.join()
        for sock in sockets:
            sock.close()


@contextmanager
def served(*flags: str) -> Iterator[Program]:
    """A program of its own in a temporary folder, warm."""
    with tempfile.TemporaryDirectory() as folder:
        program = Program(Path(folder), SCRIPT, "--devel", *flags)
        try:
            program.start()
            program.call("noop")
            for path in PATHS:
                program.ask("GET", path, Accept="text/html")
            yield program
        finally:
            program.close()


def verdict(name: str, found: float, bar: float) -> str:
    """The line that says whether a bar was kept: found is to be at most the bar."""
    return f"soak-{name} {found:.3f} {bar:g} {'OK' if found <= bar else 'SHORT'}"


def run(quick: bool) -> list[str]:
    """Return what was found and the verdicts."""
    scale = 10 if quick else 1
    lines = []
    with served() as program:
        ask_for(program, 50, 3)  # the first requests make caches that stay
        found = ask_for(program, 50, 30 / scale)
        lines.append(f"50 clients: {len(found.delays)} requests, p99 {share(found.delays, 99) * 1000:.0f} ms")
        lines += [
            verdict("clients-errors", len(found.errors), 0),
            verdict("clients-p99", share(found.delays, 99), 0.15),
        ]
        lines.append(verdict("clients-growth-mb", found.grown / MEGABYTE, 10))
        lines.append(verdict("clients-rss-mb", program.resident() / MEGABYTE, 160))
    with served() as program:
        queued = queue(program, 10_000 // scale)
        lines.append(f"queued in one go: {queued.stored} stored in {queued.seconds:.1f} s")
        lines += [
            verdict("queue-lost", 10_000 // scale - queued.stored, 0),
            verdict("queue-page", max(queued.delays), 0.5),
        ]
    with served("--keep", "2000") as program:
        rounds = short_actions(program, 150_000 // scale, 5)
        warm, last = rounds[2], rounds[-1]
        lines.append(f"short actions: {warm} after three fifths, {last} at the end")
        for name in ("greenlets", "threads", "descriptors"):
            lines.append(verdict(f"actions-{name}", getattr(last, name) - getattr(warm, name), 2))
        lines.append(verdict("actions-growth-mb", (last.resident - warm.resident) / MEGABYTE, 1))
        size = (program.folder / "data.db").stat().st_size
        lines.append(verdict("actions-database-mb", size / MEGABYTE, 40))
    with served() as program:
        viewed = viewers(program, 100, 300 // scale, 0.1)
        lines.append(f"100 viewers: each saw {min(viewed.lines)} to {max(viewed.lines)} lines")
        lines.append(verdict("viewers-button", max(viewed.buttons), 0.5))
        lines.append(verdict("viewers-missed", 300 // scale - min(viewed.lines), 0))
    return lines
