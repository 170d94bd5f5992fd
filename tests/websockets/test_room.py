"""Sending to clients from anywhere in the process."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from wsproto.extensions import PerMessageDeflate

import atilite
from atilite import Atilite
from tests.server.apps import until
from tests.websockets.peer import PATIENCE, served


@pytest.fixture
def ids() -> list[str]:
    return []


@pytest.fixture
def app(ids: list[str]) -> Atilite:
    app = Atilite("room")

    @app.route("/chat")
    @app.websocket(atilite.WS_CHANNEL, onopen=lambda was: ids.append(was.websocket.client_id))
    def chat(was: Any, message: str) -> str:
        return message

    @app.route("/data")
    @app.websocket(atilite.WS_CHANNEL, encoding="json", onopen=lambda was: ids.append(was.websocket.client_id))
    def data(was: Any, message: Any) -> Any:
        return message

    @app.route("/push")
    def push(was: Any, to: str, message: str) -> str:
        return str(app.websocket_send(to, message))

    app.chat = chat
    return app


@pytest.mark.row("A189")
def test_a_client_is_sent_to_by_its_id_from_a_route_a_thread_and_the_loop(app: Atilite, ids: list[str]) -> None:
    with served(app) as site, site.open("/chat") as peer, site.open("/chat") as other:
        assert len(set(ids)) == 2
        assert site.local.get("/push", params={"to": ids[0], "message": "from a route"}).text == "True"
        assert peer.receive() == "from a route"
        sender = threading.Thread(target=lambda: app.websocket_send(ids[0], {"from": "a thread"}))
        sender.start()
        sender.join(PATIENCE)
        assert peer.receive() == '{"from": "a thread"}'
        app.runtime.loop.call_soon(app.websocket_send, ids[0], b"from the loop")
        assert peer.receive() == b"from the loop"
        assert other.ask("nothing before this") == "nothing before this"


@pytest.mark.row("A189")
def test_an_unknown_id_is_ignored_and_told(app: Atilite, ids: list[str]) -> None:
    assert Atilite("none").websocket_send("x", "y") is False

    with served(app) as site:
        assert app.websocket_send("nobody", "x") is False
        assert app.websocket_send(None, "x") is False  # type: ignore[arg-type]
        with site.open("/chat") as peer:
            peer.close()
        until(lambda: app.websocket_send(ids[0], "x") is False)


def test_what_cannot_be_sent_is_an_error_where_it_is_given(app: Atilite, ids: list[str]) -> None:
    with served(app) as site, site.open("/chat") as peer:
        with pytest.raises(TypeError, match="not object"):
            app.websocket_send(ids[0], object())
        assert peer.ask("x") == "x"


@pytest.mark.row("A187")
def test_many_threads_send_at_once_and_every_message_arrives_whole(app: Atilite, ids: list[str]) -> None:
    @app.route("/threads")
    @app.websocket(atilite.WS_CHANNEL | atilite.WS_THREADSAFE)
    def threads(was: Any, message: str) -> str:
        def send(letter: str) -> None:
            for number in range(50):
                was.websocket.send(f"{letter}{number:02}" * 1000)

        running = [threading.Thread(target=send, args=(letter,)) for letter in message]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        return "all"

    with served(app) as site, site.open("/threads") as peer:
        peer.send("abcd")
        found: dict[str, list[str]] = {letter: [] for letter in "abcd"}
        while (message := peer.receive()) != "all":
            assert isinstance(message, str)
            assert message == message[:3] * 1000
            found[message[0]].append(message[1:3])
    assert set(map(tuple, found.values())) == {tuple(f"{number:02}" for number in range(50))}


def test_a_broadcast_reaches_all_or_those_of_one_handler(app: Atilite) -> None:
    with (
        served(app) as site,
        site.open("/chat") as plain,
        site.open("/chat", extensions=[PerMessageDeflate()]) as packed,
        site.open("/data") as data,
    ):
        assert app.websocket_broadcast("x" * 1000) == 3
        assert app.websocket_broadcast("to the chat", app.chat) == 2
        assert app.websocket_broadcast(("one", "two")) == 3
        for peer in (plain, packed):
            assert [peer.receive() for _ in range(4)] == ["x" * 1000, "to the chat", "one", "two"]
        assert [data.receive() for _ in range(3)] == ['"' + "x" * 1000 + '"', '"one"', '"two"']
    assert Atilite("none").websocket_broadcast("x") == 0
