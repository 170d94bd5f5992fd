"""The same app under another WSGI server: everything works, a waiting coroutine holds one of its threads."""

from __future__ import annotations

import http.client
import importlib.util
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.require import require

SCRIPT = """
    from atilite import Atilite

    app = Atilite(__name__)

    @app.route("/text")
    def text(was):
        return "text"

    @app.route("/coroutine")
    def coroutine(was):
        task = yield was.Thread(lambda: 5)
        return {"got": task.fetch()}

    @app.route("/async")
    async def asynchronous(was):
        return {"got": await was.Thread(lambda: 6)}

    @app.route("/stream")
    def stream(was):
        yield "a"
        yield "b"

    @app.route("/talk")
    @app.websocket()
    def talk(was, message):
        return message

    @app.route("/run")
    def run(was):
        return {"got": app.action.invoke("double", number=4).fetch()}

    @app.action(name="double")
    def double(number: int) -> int:
        app.journal.record("doubling", number=number)
        return 2 * number

    @app.route("/runs")
    def runs(was):
        return [(run.operation, run.status) for run in app.journal.history().fetch()]
"""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The port of a gunicorn with one worker of two threads."""
    require(importlib.util.find_spec("gunicorn"), "gunicorn is not installed")
    (tmp_path / "board.py").write_text(dedent(SCRIPT))
    words = ["-m", "gunicorn", "board:app", "--bind", "127.0.0.1:0", "--threads", "2", "--worker-class", "gthread"]
    log = tmp_path / "log.txt"
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, *words], cwd=tmp_path, stdout=out, stderr=out)
    try:
        end = time.monotonic() + 30
        while not (found := re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        yield int(found[1])
    finally:
        process.terminate()
        process.wait(20)


def get(port: int, path: str) -> tuple[int, bytes]:
    """GET a path."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def test_every_kind_of_handler_and_an_action_work_under_gunicorn(port: int) -> None:
    assert get(port, "/text") == (200, b"text")
    assert json.loads(get(port, "/coroutine")[1]) == {"got": 5}
    assert json.loads(get(port, "/async")[1]) == {"got": 6}
    assert get(port, "/stream") == (200, b"ab")
    assert json.loads(get(port, "/run")[1]) == {"got": 8}
    assert json.loads(get(port, "/runs")[1]) == [["double", "succeeded"]]
    assert get(port, "/missing")[0] == 404


@pytest.mark.row("A183")
def test_a_websocket_is_answered_with_what_to_do(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }  # fmt: skip
    connection.request("GET", "/talk", headers=headers)
    answer = connection.getresponse()
    assert (answer.status, b"start the program with atilite's own server" in answer.read()) == (501, True)
    connection.close()
