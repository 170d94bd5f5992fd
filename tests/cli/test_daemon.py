"""start, stop, restart, status with a small program in the place of a server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from atilite.cli import daemon
from atilite.cli.daemon import PidFile
from atilite.cli.install import Systemd
from atilite.errors import AtiliteError
from tests.cli.conftest import Make, Shell

SERVES = """
import os, signal, socket, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print("serving with", *sys.argv[1:], flush=True)
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
signal.sigwait({signal.SIGTERM})
"""
REFUSES = 'import sys; print("atilite: the port is taken (use another --port)", file=sys.stderr); sys.exit(1)'
DEAF = SERVES.replace("signal.sigwait", "while True: signal.sigwait")


@pytest.fixture(autouse=True)
def _no_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "Systemd", lambda: Systemd(tmp_path / "no units"))


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Path]:
    """The program's file; whatever it has started is ended."""
    path = tmp_path / "serve.py"
    yield path
    pid = PidFile(tmp_path / "board.pid").running()
    if pid:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.mark.row("A194")
def test_start_comes_back_when_it_serves_and_stop_when_it_has_ended(
    call: Make, program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program.write_text(SERVES, encoding="utf-8")
    made = call(name="board", port="0")

    assert daemon.start(made) == 0
    assert daemon.status(made) == 0
    pid = PidFile(tmp_path / "board.pid").running()
    assert f"board runs as process {pid}" in capsys.readouterr().out
    assert f"serving with --port 0 --db sqlite:///{tmp_path}/data.db --name board" in (
        tmp_path / "board.log"
    ).read_text(encoding="utf-8")

    assert daemon.stop(made) == 0
    assert daemon.status(made) == daemon.NOT_RUNNING
    assert not (tmp_path / "board.pid").exists()


@pytest.mark.row("A194")
def test_d_is_short_for_start(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(daemon, "start", lambda call: started.append(call.settings.port) or 0)

    assert shell("-d", "--port", "8123") == 0
    assert started == [8123]


def test_a_second_start_is_refused(call: Make, program: Path) -> None:
    program.write_text(SERVES, encoding="utf-8")
    daemon.start(call(name="board"))

    with pytest.raises(AtiliteError, match=r"runs already as process \d+ \(use restart\)"):
        daemon.start(call(name="board"))

    daemon.stop(call(name="board"))


@pytest.mark.row("A194")
def test_restart_is_another_process(call: Make, program: Path, tmp_path: Path) -> None:
    program.write_text(SERVES, encoding="utf-8")
    file = PidFile(tmp_path / "board.pid")
    daemon.start(call(name="board"))
    before = file.running()

    assert daemon.restart(call(name="board")) == 0

    assert file.running() not in (None, before)
    daemon.stop(call(name="board"))


def test_a_log_that_cannot_be_written_is_one_line(call: Make, program: Path, tmp_path: Path) -> None:
    program.write_text(SERVES, encoding="utf-8")
    (tmp_path / "board.log").mkdir()

    with pytest.raises(AtiliteError, match=r"board\.log cannot be written: Is a directory \(make its folder writable"):
        daemon.start(call(name="board"))


def test_what_does_not_start_is_told_with_its_own_last_words(call: Make, program: Path, tmp_path: Path) -> None:
    program.write_text(REFUSES, encoding="utf-8")

    with pytest.raises(AtiliteError) as caught:
        daemon.start(call(name="board"))

    assert "did not start: the port is taken (use another --port)" in str(caught.value)
    assert "board.log)" in str(caught.value)

    assert not (tmp_path / "board.pid").exists()


def test_what_does_not_stop_is_told(call: Make, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program.write_text(DEAF, encoding="utf-8")
    monkeypatch.setattr(daemon, "STOP_MARGIN", 0.1)
    daemon.start(call(name="board"))

    with pytest.raises(AtiliteError, match=r"kill -9"):
        daemon.stop(call(name="board", stop_timeout="0"))


def test_stopping_what_does_not_run_is_no_error(call: Make, capsys: pytest.CaptureFixture[str]) -> None:
    assert daemon.stop(call(name="board")) == 0
    assert capsys.readouterr().out == "board does not run\n"


def test_status_is_json_for_a_program(call: Make, capsys: pytest.CaptureFixture[str]) -> None:
    assert daemon.status(call({"json": True}, name="board")) == 3
    said = json.loads(capsys.readouterr().out)
    assert said == {"name": "board", "running": False, "pid": None, "installed": False}


def test_a_pid_that_belongs_to_another_process_by_now_does_not_count(tmp_path: Path) -> None:
    file = PidFile(tmp_path / "board.pid")
    file.path.write_text(f"{os.getpid()} 1\n", encoding="ascii")

    assert file.running() is None
    assert not file.path.exists()

    file.write(os.getpid())
    assert file.running() == os.getpid()


def test_a_process_that_has_ended_does_not_run(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    file = PidFile(tmp_path / "board.pid")
    file.write(process.pid)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and not yet taken away

    assert file.running() is None
    assert process.wait() == 0
