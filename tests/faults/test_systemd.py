"""What systemd sees: a watchdog that falls silent when the loop is blocked, and restarts that refuse nobody."""

from __future__ import annotations

import http.client
import itertools
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.faults.program import Program, until

SCRIPT = """
    import time
    import atilite
    from atilite import Atilite

    app = Atilite(__name__)

    @app.route("/block", methods=["GET"], start="hub")
    def block(was):
        time.sleep(1.5)
        return "at last"

    @app.route("/spin", methods=["GET"])
    def spin(was):
        time.sleep(1.5)
        return "spun"

    atilite.mount("/", app)
    atilite.run(name="watched")
"""
# systemd sets LISTEN_PID after the fork.
ACTIVATED = (
    """
    import os
    os.environ["LISTEN_PID"] = str(os.getpid())
"""
    + SCRIPT
)
INTERVAL = 0.2


class Manager:
    """Listens as systemd does and notes when it was told what."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: list[tuple[float, str]] = []
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(str(path))
        self._sock.settimeout(0.1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                self.told.append((time.monotonic(), self._sock.recv(4096).decode()))
            except TimeoutError:
                continue

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._sock.close()

    def silence(self, begin: float, end: float) -> float:
        """The longest time between two signs of life from `begin` to `end`."""
        moments = [begin, *(at for at, what in self.told if "WATCHDOG=1" in what and begin < at < end), end]
        return max(later - sooner for sooner, later in itertools.pairwise(moments))


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    yield made
    made.close()


@pytest.mark.row("reliability-16")
def test_the_watchdog_falls_silent_exactly_while_the_loop_is_blocked(
    serve: Callable[..., Program], manager: Manager
) -> None:
    program = serve(SCRIPT).start(NOTIFY_SOCKET=str(manager.path), WATCHDOG_USEC=str(int(INTERVAL * 1_000_000)))
    until(lambda: any("READY=1" in what for _, what in manager.told))
    until(lambda: sum("WATCHDOG=1" in what for _, what in manager.told) > 3)

    begin = time.monotonic()
    assert program.ask("GET", "/spin")[1] == b"spun"
    # A busy worker is no reason to restart.
    assert manager.silence(begin, time.monotonic()) < 1

    begin = time.monotonic()
    assert program.ask("GET", "/block")[1] == b"at last"
    assert manager.silence(begin, time.monotonic()) > 1.2
    until(lambda: "WATCHDOG=1" in manager.told[-1][1])

    assert program.terminate() == 0
    assert any("STOPPING=1" in what for _, what in manager.told)


class Activated:
    """A serve.py that is started with a listening socket, as often as one likes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "serve.py").write_text(dedent(ACTIVATED))
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.sock.getsockname()[1]
        self.starts = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.starts += 1
        log = self.folder / f"log-{self.starts}.txt"
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "serve.py", "--devel"],
                cwd=self.folder, stdout=out, stderr=out, pass_fds=[3], env={**os.environ, "LISTEN_FDS": "1"},
                preexec_fn=lambda: os.dup2(self.sock.fileno(), 3),
            )  # fmt: skip
        until(lambda: re.search("served at", log.read_text()))

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        assert self.process.wait(20) == 0

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.sock.close()


@pytest.fixture
def activated(tmp_path: Path) -> Iterator[Activated]:
    made = Activated(tmp_path)
    yield made
    made.close()


@pytest.mark.row("reliability-16")
def test_restarts_under_socket_activation_refuse_none_of_two_hundred_requests(activated: Activated) -> None:
    answers: list[object] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set() or len(answers) < 200:
            connection = http.client.HTTPConnection("127.0.0.1", activated.port, timeout=20)
            try:
                connection.request("GET", "/healthz")
                answers.append(connection.getresponse().status)
            except (OSError, http.client.HTTPException) as error:
                answers.append(error)
            finally:
                connection.close()
            time.sleep(0.01)

    activated.start()
    clients = [threading.Thread(target=ask) for _ in range(8)]
    for client in clients:
        client.start()
    try:
        for _ in range(3):
            time.sleep(0.2)
            activated.stop()
            activated.start()
    finally:
        over.set()
        for client in clients:
            client.join(30)
    assert len(answers) >= 200
    assert [answer for answer in answers if answer != 200] == []
    activated.stop()
