"""`serve.py install` for real: systemd as the first process of a small machine, and the example as its service."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.machine import PACKAGES, Machine, Unbootable, obstacle

ROOT = Path(__file__).parents[2]
PROJECT = ("atilite", "services", "templates", "static")
HOME = Path("/opt/board")
DATA = "sqlite:////var/lib/board/data.db"
PORT = 8080
PATIENCE = 30.0
# What the example does not do, and a user's code may.
TRIAL = '''
import os, time
import atilite

app = atilite.Atilite(__name__)

def square(number):
    return number * number

@app.action
def elsewhere(was):
    """In another process and in another program."""
    return [was.Process(square, args=(7,), timeout=60).fetch(), was.Subprocess("echo here", timeout=20).fetch()]

@app.action
def sleeper():
    time.sleep(600)

@app.action
def facts():
    def tried(path):
        try:
            open(path, "a").close()
            return "written"
        except OSError as error:
            return error.strerror
    places = ("/etc/passwd", "/opt/board/serve.py", "/var/lib/board/own.txt", "/tmp/own.txt", "/dev/mem")
    return {"user": os.getuid(), "places": {place: tried(place) for place in places}}
'''


class Board(Machine):
    """The machine with the project in /opt/board."""

    token = ""

    def furnish_project(self) -> None:
        folder = self.root / HOME.relative_to("/")
        folder.mkdir()
        for name in PROJECT:
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        served = (ROOT / "serve.py").read_text(encoding="utf-8")
        assert "import services\n" in served
        served = served.replace("import services\n", "import services\nimport trial\n")
        served = served.replace("    atilite.run(", '    atilite.mount("/trial", trial)\n    atilite.run(')
        (folder / "serve.py").write_text(served, encoding="utf-8")
        (folder / "trial.py").write_text(TRIAL, encoding="utf-8")
        assert self.run(self.python, "-m", "venv", "--without-pip", f"{HOME}/.venv").returncode == 0
        (packages,) = folder.glob(".venv/lib/python*/site-packages")
        (packages / "dependencies.pth").write_text(f"{PACKAGES}\n", encoding="utf-8")

    def serve(self, *words: str, stdin: str = "", code: int = 0) -> str:
        """Type a command in the project's folder, as root; its exit code must be this. Returns what it said."""
        done = self.run("env", "-C", str(HOME), ".venv/bin/python", "serve.py", *words, stdin=stdin)
        assert done.returncode == code, done.stdout + done.stderr + self.run("journalctl", "-n", "40").stdout
        return done.stdout + done.stderr

    def show(self, what: str, unit: str = "board.service") -> str:
        return self.run("systemctl", "show", "--value", "-p", what, unit).stdout.strip()

    def ask(self, path: str, *options: str, port: int = PORT) -> str:
        done = self.run(
            "curl", "-sS", "--max-time", "20", "-H", f"Authorization: Bearer {self.token}", *options,
            f"http://127.0.0.1:{port}{path}",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def call(self, action: str, wait: bool = True, **parameters: Any) -> Any:
        path = f"/internal/action/{action.replace(' ', '%20')}" + ("" if wait else "?wait=0")
        answer = self.ask(path, "-H", "Content-Type: application/json", "-d", json.dumps(parameters))
        return json.loads(answer)

    def until(self, path: str = "/healthz") -> None:
        """Wait until it answers."""
        wait(lambda: self.run("curl", "-fs", "-o", "/dev/null", f"http://127.0.0.1:{PORT}{path}").returncode == 0)


def wait(condition: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """The machine with the service installed."""
    reason = obstacle()
    if reason:
        pytest.skip(reason)
    board = Board(tmp_path_factory.mktemp("machine"))
    try:
        board.boot()
    except Unbootable as error:
        board.close()
        pytest.skip(f"no machine can be booted in this one: {error}")
    try:
        board.furnish_project()
        said = board.serve("--port", str(PORT), "install")
        assert said.startswith("wrote /etc/systemd/system/board.service, enabled and started board\n")
        board.token = board.serve("--db", DATA, "token", "add", "robot", "--role", "admin").split()[-1]
        yield board
    finally:
        board.close()


@pytest.fixture
def board(booted: Board) -> Board:
    """The same, and the service runs."""
    booted.run("systemctl", "start", "board")
    booted.until()
    return booted


@pytest.mark.row("A195", "A198", "M15")
def test_it_runs_as_a_user_of_its_own_with_a_folder_of_its_own(board: Board) -> None:
    assert board.show("StatusText") == f"serving at http://127.0.0.1:{PORT}"
    assert "board.service is active, serving at" in board.serve("status")
    assert board.run("systemctl", "is-enabled", "board").stdout == "enabled\n"

    facts = board.call("facts")["result"]
    state = (board.root / "var/lib/private/board").stat()
    assert facts["user"] == state.st_uid != 0
    assert state.st_mode & 0o777 == 0o700
    files = [path.lstat() for path in (board.root / "var/lib/private/board").rglob("*")]
    assert {file.st_uid for file in files} == {state.st_uid}
    assert not [file for file in files if file.st_mode & 0o077]


@pytest.mark.row("A198", "reliability-31")
def test_it_may_write_nothing_but_what_is_its_own(board: Board) -> None:
    places = board.call("facts")["result"]["places"]

    written = {place for place, what in places.items() if what == "written"}
    assert written == {"/var/lib/board/own.txt", "/tmp/own.txt"}
    assert not (board.root / "tmp/own.txt").exists(), "its /tmp is its own"


def test_the_example_works_inside_these_walls(board: Board) -> None:
    reading = board.call("Read the board")["result"]
    assert {"load", "memory", "disk"} <= set(reading)
    assert "<svg" in board.ask("/board")

    assert board.call("Write a memo", title="hello")["result"] == ["hello-1.txt"]
    assert (board.root / "var/lib/private/board/inbox/hello-1.txt").exists()
    (watcher,) = json.loads(board.ask("/internal/services/"))
    assert (watcher["status"], watcher["error"]) == ("running", None)

    photo = board.root / "home/photo.png"
    photo.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    page = board.ask("/notes", "-c", "/tmp/jar")
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    form = ("-F", f"csrf={csrf}", "-F", "text=water the tomatoes", "-F", "photo=@/home/photo.png;type=image/png")
    board.ask("/notes", "-b", "/tmp/jar", "-H", f"Origin: http://127.0.0.1:{PORT}", *form)
    assert "water the tomatoes" in board.ask("/notes")
    assert len(list((board.root / "var/lib/private/board/photos").iterdir())) == 1

    board.ask("/internal/kv/default/presses/incr?by=2", "-X", "POST")
    assert board.ask("/internal/kv/default/presses") == "2"
    assert board.call("elsewhere")["result"] == [49, "here\n"]


@pytest.mark.row("A195", "reliability-16")
def test_after_kill_9_it_is_back_and_says_what_was_interrupted(board: Board) -> None:
    run = board.call("sleeper", wait=False)["run"]
    restarts, pid = int(board.show("NRestarts")), board.show("MainPID")

    board.run("systemctl", "kill", "-s", "KILL", "board")
    wait(lambda: board.show("MainPID") not in (pid, "0"))
    board.until()

    assert int(board.show("NRestarts")) == restarts + 1
    assert json.loads(board.ask(f"/internal/journal/{run}"))["status"] == "interrupted"


@pytest.mark.row("reliability-16")
def test_a_loop_that_stands_still_is_killed_and_started_again(board: Board) -> None:
    dropin = board.root / "etc/systemd/system/board.service.d/quick.conf"
    dropin.parent.mkdir()
    dropin.write_text("[Service]\nWatchdogSec=2\n", encoding="ascii")
    try:
        board.run("systemctl", "daemon-reload")
        board.run("systemctl", "restart", "board")
        pid, restarts = board.show("MainPID"), int(board.show("NRestarts"))
        time.sleep(3.5)  # more than the time in which a loop that turns must have said so
        assert board.show("MainPID") == pid

        board.run("kill", "-STOP", pid)
        wait(lambda: board.show("MainPID") not in (pid, "0"))
        board.until()
        assert int(board.show("NRestarts")) == restarts + 1
    finally:
        shutil.rmtree(dropin.parent)
        board.run("systemctl", "daemon-reload")
        board.run("systemctl", "restart", "board")


@pytest.mark.row("A195")
def test_a_hang_up_ends_it_in_order_and_starts_it_again(board: Board) -> None:
    pid = board.show("MainPID")

    board.run("systemctl", "kill", "-s", "HUP", "board")
    wait(lambda: board.show("MainPID") not in (pid, "0"))
    board.until()

    assert "stopping; what runs has" in board.run("journalctl", "-u", "board", "-n", "60").stdout


@pytest.mark.row("reliability-9", "A194", "M15")
def test_it_stops_in_time_and_marks_what_it_cut_off(board: Board) -> None:
    run = board.call("sleeper", wait=False)["run"]

    begin = time.monotonic()
    assert board.serve("stop") == "stopped board.service\n"
    took = time.monotonic() - begin

    assert took < 12, "systemd had to kill it"
    assert board.show("Result") == "success"
    assert board.serve("status", code=3).startswith("board.service is not active")
    assert board.serve("start") == "started board.service\n"
    board.until()
    assert json.loads(board.ask(f"/internal/journal/{run}"))["status"] == "interrupted"


@pytest.mark.row("A194")
def test_what_root_restores_the_service_can_open(board: Board) -> None:
    board.ask("/internal/kv/default/kept/incr?by=1", "-X", "POST")
    board.serve("--db", DATA, "backup", "/root/copy.db")
    board.serve("stop")
    board.serve("--db", DATA, "restore", "/root/copy.db")

    assert board.serve("restart") == "restarted board.service\n"
    board.until()
    assert board.ask("/internal/kv/default/kept") == "1"


@pytest.mark.row("A195")
def test_after_a_reboot_it_serves_with_what_it_had(board: Board) -> None:
    board.ask("/internal/kv/default/before/incr?by=5", "-X", "POST")

    board.close()
    board.boot()

    board.until()
    assert board.ask("/internal/kv/default/before") == "5"


@pytest.mark.row("A194", "A195")
def test_a_low_port_and_devices_cost_little_and_update_writes_the_unit_again(board: Board) -> None:
    assert "use update" in board.serve("--port", "80", "install", code=1)
    try:
        board.serve("--port", "80", "update", "--device", "serial", "--device", "video")
        assert board.show("StatusText") == "serving at http://127.0.0.1:80"
        assert '"status":"ok"' in board.ask("/healthz", port=80)
        assert board.show("CapabilityBoundingSet") == "cap_net_bind_service"
        assert board.show("SupplementaryGroups") == "dialout video"
    finally:
        board.serve("--port", str(PORT), "update")


@pytest.mark.row("A197", "A195")
def test_a_proxy_of_another_user_reaches_its_socket_and_others_files_it_does_not(board: Board) -> None:
    place = "/run/board/http.sock"
    try:
        board.serve("--unix", place, "--behind-proxy", "unix", "update")
        somebody = ("setpriv", "--reuid=33", "--regid=33", "--clear-groups")
        asked = board.run(*somebody, "curl", "-s", "--unix-socket", place, "http://localhost/healthz")
        assert '"status":"ok"' in asked.stdout
        assert board.run(*somebody, "ls", "/var/lib/board/").returncode != 0
    finally:
        board.serve("--port", str(PORT), "update")


@pytest.mark.row("reliability-16")
def test_with_a_socket_of_systemd_s_a_restart_refuses_nobody(board: Board) -> None:
    socket = board.root / "etc/systemd/system/board.socket"
    socket.write_text(f"[Socket]\nListenStream=127.0.0.1:{PORT}\n", encoding="ascii")
    try:
        board.run("systemctl", "daemon-reload")
        board.run("systemctl", "stop", "board")
        started = board.run("systemctl", "start", "board.socket", "board.service")
        assert started.returncode == 0, started.stderr
        # What comes while it stops and starts again waits in the socket, however long that takes here.
        ask = f"curl -s -o /dev/null --max-time 60 -w '%{{http_code}} ' http://127.0.0.1:{PORT}/healthz"
        asking = f"for i in $(seq 40); do {ask}; sleep 0.05; done & systemctl restart board; wait"
        codes = board.run("sh", "-c", asking, timeout=110).stdout.split()
        assert codes == ["200"] * 40, board.run("journalctl", "-u", "board.service", "-n", "40").stdout
    finally:
        board.run("systemctl", "stop", "board.socket", "board.service")
        socket.unlink()
        board.run("systemctl", "daemon-reload")


@pytest.mark.row("reliability-30", "A195")
def test_a_service_for_others_waits_for_the_first_account_and_removing_it_leaves_the_data(board: Board) -> None:
    flags = ("--name", "garden", "--host", "0.0.0.0", "--port", "8090")
    place = "sqlite:////var/lib/garden/data.db"
    refused = board.serve(*flags, "install", code=2)
    assert f"mkdir -p /var/lib/garden, then python serve.py --db {place} user add NAME --role admin" in refused
    assert not (board.root / "etc/systemd/system/garden.service").exists()

    board.run("mkdir", "-p", "/var/lib/garden")
    board.serve("--db", place, "user", "add", "ana", "--role", "admin", stdin="correct horse\n")
    board.serve(*flags, "install")
    assert '"status":"ok"' in board.ask("/healthz", port=8090)
    assert "ana" in board.serve("--db", place, "user", "list")

    assert "the data in /var/lib/garden is left" in board.serve("--name", "garden", "remove")
    left = [path.name for path in (board.root / "etc/systemd/system").rglob("garden*")]
    assert left == []
    assert board.show("LoadState", "garden.service") == "not-found"
    assert (board.root / "var/lib/private/garden/data.db").exists()
