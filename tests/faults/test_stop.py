"""SIGTERM to a program that has its hands full: it ends in time, says what it cut off, and leaves nothing behind."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import Request

from tests.faults.program import Program, until
from tests.packages import write

SCRIPT = """
    import asyncio, time
    import atilite
    from atilite import Atilite
    import work

    app = Atilite(__name__)

    @app.action(name="plain")
    def plain() -> None:
        time.sleep(600)

    @app.action(name="listening")
    def listening(was) -> None:
        was.wait()
        app.journal.record("tidied")

    @app.action(name="generator")
    def generator(was):
        try:
            yield was.Sleep(600)
        finally:
            app.journal.record("tidied")

    @app.action(name="waiting")
    def waiting(was):
        yield was.Thread(time.sleep, 600, timeout=None)

    @app.action(name="async")
    async def asynchronous() -> None:
        try:
            await asyncio.sleep(600)
        finally:
            app.journal.record("tidied")

    @app.action(name="process")
    def process(was):
        return was.Process(work.sleep, timeout=None).fetch(None)

    @app.action(name="subprocess")
    def program(was, mark: str):
        return was.Subprocess(f"sleep {mark} & sleep {mark}", timeout=None).fetch(None)

    @app.action(name="deaf")
    def deaf(was, mark: str):
        yield was.Subprocess(f"trap '' TERM; sleep {mark}; sleep {mark}", timeout=None)

    @app.action(name="stubborn")
    def stubborn(was):
        while True:
            try:
                yield was.Sleep(0.1)
            except GeneratorExit:
                continue

    @app.action(name="one at a time", overlap="queue")
    def one_at_a_time() -> None:
        time.sleep(600)

    @app.service
    def kept(was):
        was.wait()

    @app.service(stop_timeout=60)
    def deaf_service():
        time.sleep(600)

    @app.route("/slow", methods=["GET"])
    def slow(was):
        for _ in range(1000):
            yield b"x" * 100_000
            yield was.Sleep(0.05)

    @app.route("/busy", methods=["GET"])
    def busy(was):
        time.sleep(600)

    atilite.mount("/", app)
    atilite.run(name="busy")
"""
WORK = {
    "work.py": """
        import time

        def sleep():
            time.sleep(600)
    """
}
MARK = "613.70141"
KINDS = {
    "plain": "interrupted", "listening": "interrupted", "generator": "interrupted", "waiting": "interrupted",
    "async": "interrupted", "process": "interrupted", "subprocess": "interrupted", "deaf": "interrupted",
    "stubborn": "interrupted", "one at a time": "interrupted",
}  # fmt: skip
TIDY = ("generator", "async")


def children(pid: int) -> set[int]:
    """The process and all below it, also those in sessions of their own."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(line.split()[0]): int(line.split()[1]) for line in listed.splitlines()}
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def begin_all(program: Program) -> dict[str, list[int]]:
    """Start two runs of each kind; returns their numbers."""
    runs: dict[str, list[int]] = {}
    for kind in KINDS:
        given = {"mark": MARK} if kind in ("subprocess", "deaf") else {}
        runs[kind] = [program.begin(kind, **given) for _ in range(2)]
    # Two Python children and the shells with their sleeps.
    until(lambda: len(children(program.pid)) > 10)
    return runs


def open_websocket(program: Program) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", program.port), timeout=10)
    wire = WSConnection(ConnectionType.CLIENT)
    sock.sendall(wire.send(Request(host=f"127.0.0.1:{program.port}", target="/internal/journals/updates")))
    assert sock.recv(4096).startswith(b"HTTP/1.1 101")
    return sock


def open_stream(program: Program, path: str, **headers: str) -> http.client.HTTPConnection:
    """Ask, and read no more than the beginning of the answer."""
    connection = program.connect()
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    connection.answer = answer  # type: ignore[attr-defined]  # closed with it
    return connection


@pytest.mark.row("reliability-9", "A140")
def test_everything_at_once_ends_within_five_seconds_and_leaves_no_process(serve: Callable[..., Program]) -> None:
    program = serve(SCRIPT)
    write(program.folder, WORK)
    program.start()
    runs = begin_all(program)
    family = children(program.pid)
    held = [
        open_stream(program, "/internal/journals/updates", Accept="text/event-stream"),
        open_stream(program, f"/console/runs/{runs['plain'][0]}", Accept="text/html"),
        open_stream(program, "/console/", Accept="text/html"),
        open_stream(program, "/slow"),
    ]
    busy = program.connect()
    busy.request("GET", "/busy")
    line = open_websocket(program)

    begin = time.monotonic()
    code = program.terminate()
    took = time.monotonic() - begin

    log = program.log.read_text()
    assert code == 0, log
    # The bar is five; the rest is for a busy machine.
    assert took < 7, f"stopping took {took:.1f} s\n{log}"
    assert "Traceback" not in log
    until(lambda: not [pid for pid in family if alive(pid)], 5)
    for connection in (*held, busy):
        connection.close()
    line.close()

    program.start()
    for kind, numbers in runs.items():
        for number in numbers:
            journal = program.journal(number)
            assert journal["status"] == KINDS[kind], (kind, journal)
            if kind in TIDY:
                assert [record["message"] for record in journal["records"]] == ["tidied"], kind
    assert {run["operation"] for run in program.json("/internal/journals/?status=running")} <= {"kept", "deaf_service"}


@pytest.mark.row("reliability-9")
def test_a_second_signal_ends_it_at_once_and_the_next_start_tells_the_truth(serve: Callable[..., Program]) -> None:
    program = serve(SCRIPT, "--stop-timeout", "60")
    write(program.folder, WORK)
    program.start()
    run = program.begin("plain")
    os.kill(program.pid, signal.SIGTERM)
    until(lambda: "stopping" in program.log.read_text())
    begin = time.monotonic()
    assert program.terminate() != 0
    assert time.monotonic() - begin < 3
    program.start()
    assert program.journal(run)["status"] == "interrupted"


@pytest.mark.row("reliability-9")
def test_new_requests_on_open_connections_are_told_to_come_again(serve: Callable[..., Program]) -> None:
    program = serve(SCRIPT, "--stop-timeout", "2")
    write(program.folder, WORK)
    program.start()
    program.begin("plain")
    stream = open_stream(program, "/slow")
    connection = program.connect()
    connection.request("GET", "/healthz")
    assert connection.getresponse().read()
    os.kill(program.pid, signal.SIGTERM)
    until(lambda: "stopping" in program.log.read_text())
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    assert answer.status == 503
    assert answer.getheader("Retry-After")
    connection.close()
    stream.close()
    assert program.process is not None
    assert program.process.wait(20) == 0


@pytest.mark.row("reliability-9")
def test_the_unix_socket_goes_with_the_program(serve: Callable[..., Program], tmp_path: Path) -> None:
    path = tmp_path / "s"
    program = serve(SCRIPT, "--unix", str(path), "--stop-timeout", "1")
    write(program.folder, WORK)
    with program.log.open("ab") as out:
        words = [sys.executable, "serve.py", *program.flags]
        program.process = subprocess.Popen(words, cwd=program.folder, stdout=out, stderr=out)
    until(path.exists)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(str(path))
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert json.loads(sock.recv(65536).partition(b"\r\n\r\n")[2])["status"] == "ok"
    assert program.terminate() == 0
    assert not path.exists()
