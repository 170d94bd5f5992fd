from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from atilite.runtime.loop import Loop
from atilite.server.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(20)
        yield sock


def test_ready_status_and_stopping_reach_the_manager(manager: socket.socket) -> None:
    notifier = Notifier.from_environ({"NOTIFY_SOCKET": manager.getsockname()}, pid=1)
    notifier.ready("serving\n on 5000")
    notifier.status("3 runs")
    notifier.stopping()
    assert [manager.recv(1000) for _ in range(3)] == [
        b"READY=1\nSTATUS=serving on 5000",
        b"STATUS=3 runs",
        b"STOPPING=1",
    ]


def test_an_abstract_name_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("")  # the system chooses an abstract name
        name = sock.getsockname()
        Notifier("@" + name[1:].decode()).ready()
        sock.settimeout(20)
        assert sock.recv(100) == b"READY=1"


def test_the_loop_itself_tells_the_watchdog(manager: socket.socket, loop: Loop) -> None:
    environ = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "20000", "WATCHDOG_PID": "7"}
    notifier = Notifier.from_environ(environ, pid=7)
    loop.call_soon(notifier.watch, loop)
    assert [manager.recv(100) for _ in range(4)] == [b"WATCHDOG=1"] * 4
    loop.call_soon(notifier.unwatch)


def test_the_watchdog_is_not_told_while_something_is_unwell(manager: socket.socket, loop: Loop) -> None:
    notifier = Notifier.from_environ({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "20000"}, pid=7)
    answers = iter([True, False, True])

    def well() -> bool:
        answer = next(answers, None)
        if answer is None:
            notifier.status("enough")
        return bool(answer)

    loop.call_soon(notifier.watch, loop, well)

    assert [manager.recv(100) for _ in range(3)] == [b"WATCHDOG=1", b"WATCHDOG=1", b"STATUS=enough"]
    loop.call_soon(notifier.unwatch)


def test_a_reload_is_told_with_its_moment(manager: socket.socket) -> None:
    notifier = Notifier(manager.getsockname())
    notifier.reloading("reading")

    first, moment, status = manager.recv(1000).decode().split("\n")
    assert (first, status) == ("RELOADING=1", "STATUS=reading")
    assert moment.removeprefix("MONOTONIC_USEC=").isdigit()
    assert notifier.heard
    assert not Notifier(None).heard


def test_the_watchdog_of_another_process_is_not_ours(manager: socket.socket, loop: Loop) -> None:
    environ = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "20000", "WATCHDOG_PID": "8"}
    notifier = Notifier.from_environ(environ, pid=7)
    notifier.watch(loop)
    notifier.ready()
    assert manager.recv(100) == b"READY=1"


def test_without_a_manager_nothing_happens_and_with_a_dead_one_it_is_only_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Notifier.from_environ({}, pid=1).ready()
    with caplog.at_level(logging.DEBUG, "atilite.server"):
        Notifier(str(tmp_path / "nobody")).ready()
        assert "nobody" in caplog.text
        Notifier(str(tmp_path / ("too-long" * 40))).ready()
    assert "READY=1" in caplog.text
