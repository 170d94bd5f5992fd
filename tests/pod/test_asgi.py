"""Applications of the kind ASGI as beans, with uvicorn."""

from __future__ import annotations

import asyncio
import http.client
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atilite.pod.asgi import ASGIServer
from tests.pod.living import PATIENCE, Happened, Living

Alive = Callable[..., Living]


class Application:
    """Answers with its path; tells of its life by `happened`."""

    pod_context: Any

    def __init__(self) -> None:
        self.happened = Happened()
        self.go = asyncio.Event()
        self.fails = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        self.happened(scope["path"])
        if scope["path"] == "/slow":
            await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        body = f"bean {self.pod_context.id} at {scope['path']}".encode()
        await send({"type": "http.response.body", "body": body})

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        if self.fails:
            await send({"type": "lifespan.startup.failed", "message": "no database"})
            return
        self.happened("startup")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.happened("shutdown")
        await send({"type": "lifespan.shutdown.complete"})


found = Application()


def serving(alive: Alive, app: Any, **keys: Any) -> Living:
    """A bean that serves already."""
    return alive(ASGIServer, app=app, ready="explicit", **{"port": 0, **keys})


def get(living: Living, path: str) -> tuple[int, str]:
    host, _, port = living.instance.addresses[0].rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.row("P26")
def test_an_application_is_served_and_lives_with_the_bean(alive: Alive) -> None:
    app = Application()
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    living = serving(alive, app)

    assert get(living, "/there") == (200, "bean 1 at /there")
    assert vars(app)["aio_pod_context"] is living.bean.context
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    assert living.pod.send_signal("SIGTERM").fetch(PATIENCE) == 1
    assert living.ended() == 0
    assert app.happened.things == ["startup", "/there", "shutdown"]
    with pytest.raises(ConnectionRefusedError):
        get(living, "/")


@pytest.mark.row("P26")
def test_it_never_takes_signals_even_on_the_main_thread() -> None:
    from atilite.pod.asgi import quiet_server

    before = signal.getsignal(signal.SIGTERM)
    with quiet_server(found, {}, grace=1).capture_signals():
        assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.row("P26")
def test_an_application_is_found_by_its_path(alive: Alive) -> None:
    assert get(serving(alive, "tests.pod.test_asgi.found", lifespan="off"), "/")[1] == "bean 1 at /"


@pytest.mark.row("P26")
def test_a_request_that_runs_may_end_when_the_pod_does(alive: Alive) -> None:
    app = Application()
    living = serving(alive, app, grace=PATIENCE)
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(get(living, "/slow")))
    asking.start()
    app.happened.wait_for("/slow")
    living.pod.send_signal("SIGTERM").fetch(PATIENCE)
    living.call(app.go.set)
    asking.join(PATIENCE)

    assert living.ended() == 0
    assert answers == [(200, "bean 1 at /slow")]


@pytest.mark.row("P26")
def test_an_application_that_refuses_to_start_fails_its_bean_alone(alive: Alive) -> None:
    app = Application()
    app.fails = True
    living = alive(ASGIServer, app=app, port=0)

    assert living.ended() == 1
    assert "refused to start" in (living.bean.error or "")
    assert living.call(lambda: "the loop turns") == "the loop turns"


def test_a_unix_socket_goes_with_the_bean(alive: Alive, tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    living = serving(alive, Application(), unix=str(path))
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(str(path))
        client.sendall(b"GET /there HTTP/1.0\r\n\r\n")
        assert b"bean 1 at /there" in client.makefile("rb").read()
    living.pod.send_signal("SIGTERM").fetch(PATIENCE)

    assert living.ended() == 0
    assert not path.exists()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "app: is missing"),
        ({"app": found, "workers": 2}, "workers is no key of ASGIServer; write processes="),
        ({"app": found, "colour": "red"}, "colour"),
    ],
)
def test_a_key_that_cannot_be_is_named(alive: Alive, keys: dict[str, Any], words: str) -> None:
    living = alive(ASGIServer, **keys)

    assert living.ended() == 1
    assert words in (living.bean.error or "")


@pytest.mark.row("P26")
def test_without_uvicorn_it_says_what_to_install(alive: Alive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    living = alive(ASGIServer, app=found)

    assert living.ended() == 1
    assert "pip install uvicorn" in (living.bean.error or "")


def test_a_port_in_use_is_told_with_what_to_do(alive: Alive) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        living = alive(ASGIServer, app=Application(), port=taken.getsockname()[1])

        assert living.ended() == 1
    assert "another process uses it" in (living.bean.error or "")
