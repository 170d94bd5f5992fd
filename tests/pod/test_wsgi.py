"""Applications of the kind WSGI as beans: served, told of their pod, ended in peace."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bottle
import flask
import pytest

from atilite import Atilite, Database
from atilite.pod.wsgi import WSGIServer
from tests.pod.living import PATIENCE, Happened, Living

Alive = Callable[..., Living]


def hello(environ: Any, start_response: Any) -> list[bytes]:
    """An application that is a function."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello from ", environ["PATH_INFO"].encode()]


class Serving:
    """A bean that serves, and what one asks it."""

    def __init__(self, alive: Alive, app: Any, **keys: Any) -> None:
        self.living = alive(WSGIServer, app=app, ready="explicit", **{"port": 0, **keys})
        self.address = self.living.instance.addresses[0]

    def get(self, path: str) -> tuple[int, str]:
        host, _, port = self.address.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


@pytest.mark.row("P26")
def test_a_function_is_served(alive: Alive) -> None:
    serving = Serving(alive, hello)

    assert serving.get("/there") == (200, "hello from /there")
    assert serving.living.stop() == 0
    with pytest.raises(ConnectionRefusedError):
        serving.get("/")


@pytest.mark.row("P26")
def test_an_application_is_found_by_its_path(alive: Alive) -> None:
    assert Serving(alive, "tests.pod.test_wsgi.hello").get("/") == (200, "hello from /")


@pytest.mark.row("P26")
def test_an_application_of_bottle_knows_its_pod_in_each_life(alive: Alive) -> None:
    app = bottle.Bottle()
    seen: list[Any] = []
    app.route("/", callback=lambda: str(app.pod_context.label))

    for label in ("one", "two"):
        serving = Serving(alive, app, label=label)
        assert serving.get("/") == (200, label)
        seen.append(app.aio_pod_context is serving.living.bean.context)
        serving.living.stop()
    assert seen == [True, True]


@pytest.mark.row("P26")
def test_an_application_of_flask_is_served(alive: Alive) -> None:
    app = flask.Flask("beside")
    app.add_url_rule("/", view_func=lambda: f"bean {vars(app)['pod_context'].id}")

    assert Serving(alive, app).get("/") == (200, "bean 1")


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Atilite:
    database = Database.open(f"sqlite:///{tmp_path}/data.db")
    monkeypatch.setattr("atilite.app.process_database", lambda url: database)
    return Atilite("beside")


@pytest.mark.row("P26")
def test_an_app_of_ours_parks_its_requests_and_lives_with_the_bean(alive: Alive, app: Atilite) -> None:
    happened, go = Happened(), threading.Event()

    @app.service
    def keep(was: Any) -> None:
        happened("service")
        was.wait(PATIENCE)
        happened("service ends")

    @app.get("/waiting")
    def waiting(was: Any) -> Any:
        happened("waits")
        yield was.Thread(go.wait, 10)
        return {"waited": True}

    @app.get("/go")
    def let_go(was: Any) -> Any:
        happened.wait_for("waits")
        go.set()
        return {"bean": app.pod_context.id}

    serving = Serving(alive, app, threads=1)
    happened.wait_for("service")
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(serving.get("/waiting")))
    asking.start()
    happened.wait_for("waits")
    assert json.loads(serving.get("/go")[1]) == {"bean": 1}  # by the one thread, which nobody keeps waiting
    asking.join(PATIENCE)
    assert answers[0][0] == 200

    assert serving.living.stop() == 0
    happened.wait_for("service ends")


@pytest.mark.row("P26")
def test_an_app_of_ours_may_be_served_again(alive: Alive, app: Atilite) -> None:
    happened = Happened()

    @app.service
    def keep(was: Any) -> None:
        happened(f"service of bean {app.pod_context.label}")
        was.wait(PATIENCE)

    @app.get("/")
    def index(was: Any) -> Any:
        return "there"

    for label in ("one", "two"):
        serving = Serving(alive, app, label=label)
        happened.wait_for(f"service of bean {label}")
        assert serving.get("/") == (200, "there")
        serving.living.stop()


@pytest.mark.row("P26")
def test_a_request_that_runs_may_end_when_the_pod_does(alive: Alive) -> None:
    happened, go = Happened(), threading.Event()

    def slow(environ: Any, start_response: Any) -> list[bytes]:
        happened("asked")
        go.wait(PATIENCE)
        return hello(environ, start_response)

    serving = Serving(alive, slow, grace=PATIENCE)
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(serving.get("/")))
    asking.start()
    happened.wait_for("asked")
    done = serving.living.pod.stop()
    go.set()
    asking.join(PATIENCE)

    assert done.wait(PATIENCE) == 0
    assert answers == [(200, "hello from /")]


@pytest.mark.row("P26")
def test_an_error_of_the_application_is_an_answer_and_the_server_goes_on(
    alive: Alive, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(environ: Any, start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/broken":
            raise ValueError("in the application")
        return hello(environ, start_response)

    serving = Serving(alive, broken)
    with caplog.at_level(logging.ERROR):
        assert serving.get("/broken")[0] == 500

    assert serving.get("/") == (200, "hello from /")
    assert "in the application" in caplog.text


def test_a_unix_socket_is_for_this_user_alone_and_goes_with_the_bean(alive: Alive, tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    serving = Serving(alive, hello, unix=str(path))

    assert serving.address == f"unix:{path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    serving.living.stop()
    assert not path.exists()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "app: is missing"),
        ({"app": "os.sep"}, "no application"),
        ({"app": hello, "threads": 0}, "threads: must be at least 1"),
        ({"app": "tests.pod.test_wsgi.helo"}, "did you mean hello?"),
    ],
)
def test_a_key_that_cannot_be_is_named(alive: Alive, keys: dict[str, Any], words: str) -> None:
    living = alive(WSGIServer, **keys)

    assert living.ended() == 1
    assert words in (living.bean.error or "")


def test_a_port_in_use_is_told_with_what_to_do(alive: Alive) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        living = alive(WSGIServer, app=hello, port=taken.getsockname()[1])

        assert living.ended() == 1
    assert "another process uses it" in (living.bean.error or "")
