"""Applications of aiohttp's as beans."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from atilite.pod.aioweb import WebAdapter
from tests.pod.living import PATIENCE, Happened, Living

Alive = Callable[..., Living]


def application(happened: Happened, go: asyncio.Event | None = None) -> web.Application:
    app = web.Application()

    async def hello(request: web.Request) -> web.Response:
        return web.Response(text=f"bean {vars(app)['aio_pod_context'].id}")

    async def slow(request: web.Request) -> web.Response:
        happened("asked")
        assert go is not None
        await go.wait()
        return web.Response(text="slow")

    async def life(app: web.Application) -> Any:
        happened("startup")
        yield
        happened("shutdown")

    app.router.add_get("/", hello)
    app.router.add_get("/slow", slow)
    app.cleanup_ctx.append(life)
    return app


def serving(alive: Alive, app: Any, **keys: Any) -> Living:
    """A bean that serves already."""
    return alive(WebAdapter, app=app, ready="explicit", **{"port": 0, **keys})


def get(address: str, path: str) -> str:
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


@pytest.mark.row("P27")
def test_an_application_is_served_and_lives_with_the_bean(alive: Alive) -> None:
    happened = Happened()
    living = serving(alive, application(happened))

    assert get(living.instance.addresses[0], "/") == "bean 1"
    living.pod.send_signal("SIGTERM").fetch(PATIENCE)
    assert living.ended() == 0
    assert happened.things == ["startup", "shutdown"]
    with pytest.raises(ConnectionRefusedError):
        get(living.instance.addresses[0], "/")


@pytest.mark.row("P27")
def test_the_application_may_be_the_result_of_a_coroutine(alive: Alive) -> None:
    async def made() -> web.Application:
        return application(Happened())

    assert get(serving(alive, made()).instance.addresses[0], "/") == "bean 1"


@pytest.mark.row("P27")
def test_the_host_may_be_a_list(alive: Alive) -> None:
    addresses = serving(alive, application(Happened()), host=["127.0.0.1", "127.0.0.2"]).instance.addresses

    assert [address.partition(":")[0] for address in addresses] == ["127.0.0.1", "127.0.0.2"]
    assert [get(address, "/") for address in addresses] == ["bean 1", "bean 1"]


@pytest.mark.row("P27")
def test_it_serves_at_unix_sockets_and_takes_them_away(alive: Alive, tmp_path: Path) -> None:
    paths = [tmp_path / "one.sock", tmp_path / "two.sock"]
    living = serving(alive, application(Happened()), path=[str(path) for path in paths])

    assert living.instance.addresses == [f"unix:{path}" for path in paths]
    for path in paths:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(str(path))
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert client.makefile("rb").read().endswith(b"bean 1")
    living.pod.send_signal("SIGTERM").fetch(PATIENCE)
    assert living.ended() == 0
    assert not any(path.exists() for path in paths)


@pytest.mark.row("P27")
def test_it_serves_at_a_socket_that_it_is_given(alive: Alive) -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    address = "127.0.0.1:" + str(sock.getsockname()[1])
    living = serving(alive, application(Happened()), sock=sock)

    assert living.instance.addresses == [address]
    assert get(address, "/") == "bean 1"


@pytest.mark.row("P27")
def test_a_request_that_runs_may_end_when_the_pod_does(alive: Alive) -> None:
    happened, go = Happened(), asyncio.Event()
    living = serving(alive, application(happened, go))
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(get(living.instance.addresses[0], "/slow")))
    asking.start()
    happened.wait_for("asked")
    living.pod.send_signal("SIGTERM").fetch(PATIENCE)
    living.call(go.set)
    asking.join(PATIENCE)

    assert living.ended() == 0
    assert answers == ["slow"]


@pytest.mark.row("P27")
def test_the_timeout_for_the_end_is_the_manuals() -> None:
    from atilite.pod.aioweb import WebKeys

    assert WebKeys(None).shutdown_timeout == 60.0


@pytest.mark.parametrize(
    ("keys", "words"),
    [({}, "app: is missing"), ({"app": "os.sep"}, "no application of aiohttp's"), ({"app": 1, "port": "x"}, "port")],
)
def test_a_key_that_cannot_be_is_named(alive: Alive, keys: dict[str, Any], words: str) -> None:
    living = alive(WebAdapter, **keys)

    assert living.ended() == 1
    assert words in (living.bean.error or "")


@pytest.mark.row("P27")
def test_without_aiohttp_it_says_what_to_install(alive: Alive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    living = alive(WebAdapter, app=web.Application())

    assert living.ended() == 1
    assert "pip install aiohttp" in (living.bean.error or "")
