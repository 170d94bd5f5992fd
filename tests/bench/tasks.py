"""Tasks of every kind, a great many of them: what a program holds afterwards is what it held before.

The quick form runs a tenth of them; a test runs some thousands.
"""

from __future__ import annotations

import json
import socket
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

from tests.faults.program import Program

NAME = "tasks"
COUNT, WARM, AT_ONCE = 200_000, 3_000, 200

SCRIPT = """
    import gc, threading, time
    import atilite
    from atilite import Atilite
    from greenlet import greenlet

    app = Atilite(__name__)

    def fail():
        raise ValueError("as expected")

    async def awaited(was):
        return await was.Thread(abs, -1)

    def steps(was, task):
        yield was.Sleep(0)
        return task.fetch()

    def produce(queue):
        for _ in range(20):
            queue.put("x" * 100)

    def kinds(was, number):
        if number % 500 == 0:
            return was.Subprocess(["true"])
        if number % 500 == 1:
            return was.Process(abs, -1, timeout=60)
        if number % 500 == 2:
            return was.Subprocess(["sleep", "60"], timeout=0.05)
        turn = number % 11
        if turn == 0:
            return was.Thread(abs, number)
        if turn == 1:
            return was.Sleep(0.001)
        if turn == 2:
            return was.Mask(number)
        if turn == 3:
            return was.Thread(fail)
        if turn == 4:
            return was.Thread(abs, number).then(lambda was, task: task.fetch() + 1)
        if turn == 5:
            return was.Mask(number).then(steps)
        if turn == 6:
            return was.Tasks(a=was.Thread(abs, 1), b=was.Tasks(was.Mask(1), was.Sleep(0)))
        if turn == 7:
            return was.ThreadPass(awaited)
        if turn == 8:
            return was.Map(x__one=was.Mask([1]), y=was.Sleep(0))
        if turn == 9:
            task = was.Sleep(60)
            task.cancel()
            return task
        return was.Mask([]).then(lambda task: task.one())

    @app.route("/mix", methods=["GET"])
    def mix(was, count: int, at_once: int):
        ended = {"good": 0, "bad": 0}
        while count > 0:
            tasks = [kinds(was, count - number) for number in range(min(count, at_once))]
            count -= len(tasks)
            yield was.Tasks(tasks, timeout=120)
            for task in tasks:
                try:
                    task.fetch(0)
                except Exception:
                    ended["bad"] += 1
                else:
                    ended["good"] += 1
        return ended

    @app.route("/warm", methods=["GET"])
    def warm(was):
        # As many of each as its pool takes at a time: a pool that grows later would look like a leak.
        runtime = app.runtime
        fed = [was.Task(runtime.producers.submit(time.sleep, 0.5)) for _ in range(runtime.producers.size)]
        threads = [was.Thread(time.sleep, 0.5) for _ in range(runtime.threads.size)]
        programs = [was.Subprocess(["sleep", "0.5"]) for _ in range(runtime.subprocesses.threads.size)]
        processes = [was.Process(time.sleep, 0.5, timeout=60) for _ in range(runtime.processes.size)]
        yield was.Tasks(fed, threads, programs, processes, timeout=120)
        return "warm"

    @app.route("/each", methods=["GET"])
    def each(was):
        # Every worker has a connection to the database for itself, from its first question on.
        time.sleep(0.3)
        return [len(app.automation.storage.database.connection().execute("select 1").fetchall())]

    @app.route("/stream", methods=["GET"])
    def stream(was):
        return was.Queue(produce)

    @app.route("/endless", methods=["GET"], coroutine=True)
    def endless(was):
        while True:
            yield was.Sleep(0)
            yield "x" * 1000

    @app.route("/parked", methods=["GET"])
    def parked(was):
        return was.Sleep(3).then(lambda task: "late")

    @app.route("/held", methods=["GET"])
    def held(was):
        gc.collect()
        greenlets = sum(isinstance(one, greenlet) and not one.dead for one in gc.get_objects())
        return was.API(greenlets=greenlets, threads=threading.active_count(), timers=app.runtime.loop.timers)

    atilite.mount("/", app)
    atilite.run(name="tasks")
"""


@dataclass
class Held:
    """What a program holds."""

    greenlets: int
    threads: int
    timers: int
    descriptors: int
    sockets: int

    @classmethod
    def of(cls, program: Program) -> Held:
        told = program.json("/held")
        time.sleep(0.1)  # the connection of this question is closed, and the program sees it
        return cls(told["greenlets"], told["threads"], told["timers"], program.descriptors(), program.sockets())

    def within(self, other: Held) -> bool:
        """Whether it is no more of anything than `other`."""
        return all(mine <= its for mine, its in zip(astuple(self), astuple(other), strict=True))


def mixed(program: Program, count: int) -> dict[str, int]:
    """Run so many tasks of every kind in one request, AT_ONCE at a time; how many ended well, and how many not."""
    found: dict[str, int] = {"good": 0, "bad": 0}
    while count > 0:
        piece = min(count, 1_000)
        status, body = program.ask("GET", f"/mix?count={piece}&at_once={AT_ONCE}")
        assert status == 200, body
        told = json.loads(body)
        found = {name: number + told[name] for name, number in found.items()}
        count -= piece
    return found


def leavers(program: Program, count: int) -> None:
    """Open streams and parked requests, and leave them."""
    for number in range(count):
        path = ("/stream", "/endless", "/parked")[number % 3]
        with socket.create_connection(("127.0.0.1", program.port), timeout=20) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            if path != "/parked":
                assert client.recv(100)


def _later(program: Program) -> Held:
    time.sleep(0.4)
    return Held.of(program)


def soaked(program: Program, count: int, left: int) -> tuple[dict[str, int], Held, Held]:
    """Warm up, run `count` tasks and `left` requests whose client leaves; what was held before and after."""
    assert program.ask("GET", "/warm")[0] == 200
    mixed(program, WARM)
    leavers(program, 6)
    with ThreadPoolExecutor(16) as askers:
        assert {status for status, _ in askers.map(lambda _: program.ask("GET", "/each"), range(32))} == {200}
    samples = [_later(program) for _ in range(5)]
    before = Held(*(max(column) for column in zip(*map(astuple, samples), strict=True)))
    found = mixed(program, count)
    leavers(program, left)

    end, after = time.monotonic() + 60, Held.of(program)
    while not after.within(before) and time.monotonic() < end:
        after = _later(program)
    return found, before, after


@contextmanager
def _served() -> Iterator[Program]:
    with tempfile.TemporaryDirectory() as folder:
        program = Program(Path(folder), SCRIPT, "--devel", "--no-console")
        try:
            yield program.start()
        finally:
            program.close()


def run(quick: bool) -> list[str]:
    """Return what was found and the verdicts."""
    count = COUNT // 10 if quick else COUNT
    with _served() as program:
        used, begun = program.cpu(), time.monotonic()
        found, before, after = soaked(program, count, count // 200)
        seconds, cpu = time.monotonic() - begun, program.cpu() - used
    lines = [f"{count} tasks in {seconds:.0f} s ({cpu / count * 1e6:.0f} us CPU each): {found}; {before}, then {after}"]
    for name, was in vars(before).items():
        more = getattr(after, name) - was
        lines.append(f"tasks-{name} {more} 0 {'OK' if more <= 0 else 'SHORT'}")
    return lines
