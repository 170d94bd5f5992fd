"""Commands beside a server that runs: two real processes on one folder."""

from __future__ import annotations

import getpass
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite import Client
from atilite.web import webhooks
from tests.faults.program import until
from tests.resources.authority import Authority
from tests.running import Running

GARDEN = """
    import atilite

    app = atilite.Atilite("garden")


    @app.action(name="Deploy", hook=True)
    def deploy():
        return "deployed"


    @app.schedule("0 7 * * *")
    @app.action(name="Water")
    def water(seconds: int = 5):
        app.journal.record("watered", seconds=seconds)
        return seconds


    @app.action(name="Sleep")
    def sleep(was):
        yield was.Sleep(3600)


    @app.service(name="pump", autostart=False)
    def pump(was):
        yield was.Sleep(3600)


    @app.on("rain")
    def rained(was, mm):
        app.kv.set(rain=mm).fetch()


    atilite.mount("/", app)
    atilite.run()
"""


def typed(board: Running, *words: str) -> subprocess.CompletedProcess[str]:
    """`python serve.py WORDS` in the folder of the board."""
    return subprocess.run(
        [sys.executable, "serve.py", *words], cwd=board.folder, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def garden(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server on a port, which asks everybody who they are."""
    board = Running(tmp_path_factory.mktemp("garden"), GARDEN)
    board.start()
    yield board
    board.close()


def said(board: Running, *words: str) -> str:
    """What a command that must succeed prints."""
    done = typed(board, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def hooked(board: Running, secret: str) -> int:
    """The status of a request that is signed with this secret."""
    connection: http.client.HTTPConnection = board.connect()
    try:
        body = b"{}"
        headers = {"Content-Type": "application/json", "X-Signature": webhooks.sign(secret, body, time.time())}
        connection.request("POST", "/internal/hook/Deploy", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.row("M19")
def test_a_renewed_secret_of_a_hook_counts_at_once(garden: Running) -> None:
    old = typed(garden, "hook", "secret", "Deploy").stdout.strip()
    assert hooked(garden, old) == 202
    renewed = typed(garden, "hook", "secret", "Deploy", "--new")
    assert renewed.returncode == 0, renewed.stderr
    assert hooked(garden, old) == 401
    assert hooked(garden, renewed.stdout.strip()) == 202


def listed(board: Running, *words: str) -> Any:
    return json.loads(said(board, *words, "--json"))


@pytest.mark.row("B29", "M10")
def test_services_of_the_server_are_started_and_stopped(garden: Running) -> None:
    assert said(garden, "services", "start", "pump") == "pump is running"
    (first,) = listed(garden, "services")
    assert first["status"] == "running"
    assert said(garden, "services", "restart", "pump") == "pump is running"
    (second,) = listed(garden, "services")
    assert second["since"] > first["since"]
    assert said(garden, "services", "stop", "pump") == "pump is stopped"
    wrong = typed(garden, "services", "start", "pmup")
    assert (wrong.returncode, wrong.stderr.startswith("atilite: there is no service 'pmup' (")) == (1, True)


@pytest.mark.row("M7")
def test_schedules_of_the_server_are_paused_and_resumed(garden: Running) -> None:
    assert said(garden, "schedules", "pause", "Water")== "water is paused"
    assert [one["paused"] for one in listed(garden, "schedules")] == [True]
    assert said(garden, "schedules", "resume", "Water").startswith("water is resumed, next: 2")
    assert [one["paused"] for one in listed(garden, "schedules")] == [False]


@pytest.mark.row("M17", "M20")
def test_values_are_written_by_the_server_and_noted_with_the_name_of_the_person(garden: Running) -> None:
    said(garden, "kv", "set", "beds", "north", '{"dry": true}')
    said(garden, "kv", "set", "beds", "mode", "auto", "--ttl", "600")
    assert json.loads(said(garden, "kv", "get", "beds", "north")) == {"dry": True}
    assert [(one["key"], one["value"]) for one in listed(garden, "kv", "list", "beds")] == [
        ("mode", "auto"), ("north", {"dry": True}),
    ]  # fmt: skip
    assert {"namespace": "beds", "keys": 2} in listed(garden, "kv", "list")
    said(garden, "kv", "remove", "beds", "mode")
    assert typed(garden, "kv", "get", "beds", "mode").returncode == 1
    changes = [one for one in listed(garden, "audit") if one["target"] == "beds/north"]
    assert [(one["what"], one["via"]) for one in changes] == [("set key", "api")]
    assert getpass.getuser() in changes[0]["who"]


@pytest.mark.row("M19")
def test_an_event_is_told_to_the_server(garden: Running) -> None:
    assert said(garden, "emit", "rain", "4") == "1 function heard rain"
    until(lambda: typed(garden, "kv", "get", "default", "rain").stdout.strip() == "4")
    assert said(garden, "emit", "snow") == "0 functions heard snow"


@pytest.mark.row("M9", "B18")
def test_runs_are_listed_shown_and_cancelled(garden: Running) -> None:
    token = said(garden, "token", "add", "phone", "--role", "run").splitlines()[-1]
    with Client(f"http://127.0.0.1:{garden.port}", token) as board:
        board.actions.run("Water", seconds=7)
        run = board.actions.start("Sleep")
        (found,) = listed(garden, "runs", "--operation", "Water", "--status", "succeeded")
        shown = said(garden, "runs", "show", str(found["id"]))
        assert "watered seconds=7" in shown
        assert "result: 7" in shown
        assert listed(garden, "runs", "show", str(found["id"]))["records"][0]["params"] == {"seconds": 7}
        assert said(garden, "runs", "cancel", str(run.id)) == f"run {run.id} was asked to end"
        until(lambda: run.status == "cancelled")
    refused = typed(garden, "runs", "cancel", str(run.id))
    assert refused.returncode == 1
    assert "cancelled" in refused.stderr


def test_the_token_of_a_command_is_gone_with_it(garden: Running) -> None:
    said(garden, "kv", "set", "beds", "south", "1")
    assert [one["name"] for one in listed(garden, "token", "list") if "serve.py" in one["name"]] == []


def test_a_server_that_speaks_tls_by_another_name_is_told_as_well(tmp_path: Path) -> None:
    (tmp_path / "ca").mkdir()
    certificate, key = Authority(tmp_path / "ca").certificate("DNS:board.local")
    board = Running(tmp_path, GARDEN, "--tls-cert", certificate, "--tls-key", key)
    try:
        board.start()
        until(lambda: typed(board, "services", "start", "pump").returncode == 0)
        assert said(board, "services", "start", "pump") == "pump is running"
        assert said(board, "emit", "rain", "2") == "1 function heard rain"
    finally:
        board.close()


def test_a_server_on_a_unix_socket_is_told_as_well(tmp_path: Path) -> None:
    board = Running(tmp_path, GARDEN, "--unix", "board.sock")
    command = [sys.executable, "serve.py", "--unix", "board.sock"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    try:
        until((tmp_path / "board.sock").exists)
        until(lambda: typed(board, "services", "start", "pump").stdout.strip() == "pump is running")
        assert said(board, "emit", "rain", "2") == "1 function heard rain"
    finally:
        process.terminate()
        process.wait(20)
