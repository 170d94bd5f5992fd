"""What holds a talk in bounds: sizes, errors, slow readers, silence, refusals, and the end of the server."""

from __future__ import annotations

import gc
import http.client
import logging
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from wsproto.extensions import PerMessageDeflate

import atilite
from atilite import Atilite
from atilite.web.exchange import CAN_PARK
from atilite.websockets import line, talk
from tests.websockets.peer import PATIENCE, Told, served

WS_HANDSHAKE = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}  # fmt: skip


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def app(told: Told) -> Atilite:
    app = Atilite("bounds")

    @app.route("/echo")
    @app.websocket(atilite.WS_CHANNEL, onclose=lambda was: told((was.websocket.code, was.websocket.reason)))
    def echo(was: Any, message: Any) -> Any:
        return message

    return app


def declare(app: Atilite, path: str, handler: Any, spec: int = atilite.WS_CHANNEL, **options: Any) -> None:
    app.route(path)(app.websocket(spec, **options)(handler))


# -- sizes and broken messages


def test_a_message_above_the_limit_closes_with_1009(app: Atilite) -> None:
    declare(app, "/small", lambda was, message: message, max_message=10)

    with served(app) as site:
        with site.open("/small") as peer:
            assert peer.ask("x" * 10) == "x" * 10
            peer.send("x" * 11)
            assert peer.closing() == (1009, "a message is larger than 10 bytes")
        with site.open("/small", extensions=[PerMessageDeflate()]) as peer:
            peer.send("x" * 100_000)
            assert peer.closing()[0] == 1009


def test_text_that_is_not_utf8_closes_with_1007(app: Atilite, told: Told) -> None:
    with served(app) as site, site.open("/echo") as peer:
        peer.raw(b"\x81\x81\0\0\0\0\xff")
        assert peer.closing()[0] == 1007
        told.wait(lambda things: things and things[0][0] == 1007)


def test_a_breach_of_the_protocol_closes_with_1002(app: Atilite) -> None:
    with served(app) as site, site.open("/echo") as peer:
        peer.raw(b"\x81\x01x")
        assert peer.closing()[0] == 1002


# -- compression and subprotocols


def test_messages_are_compressed_for_those_who_want_it(app: Atilite) -> None:
    with served(app) as site:
        with site.open("/echo", extensions=[PerMessageDeflate()]) as peer:
            assert [extension.enabled() for extension in peer.extensions] == [True]
            for message in ("", "short", "a" * 100_000, b"\0" * 5000):
                assert peer.ask(message) == message
        with site.open("/echo") as peer:
            assert peer.extensions == []


def test_an_app_that_compresses_nothing_does_not_here_either(app: Atilite) -> None:
    app.config["COMPRESS"] = False

    with served(app) as site, site.open("/echo", extensions=[PerMessageDeflate()]) as peer:
        assert peer.extensions == []


def test_a_subprotocol_is_agreed_on(app: Atilite) -> None:
    declare(app, "/sub", lambda was, message: str(was.websocket.subprotocol), subprotocols=["v2", "v1"])

    with served(app) as site:
        with site.open("/sub", subprotocols=["v1", "v2"]) as peer:
            assert (peer.subprotocol, peer.ask("?")) == ("v2", "v2")
        with site.open("/sub") as peer:
            assert (peer.subprotocol, peer.ask("?")) == (None, "None")


# -- who may


def test_a_page_of_another_site_is_refused_unless_it_was_named(app: Atilite) -> None:
    declare(app, "/friends", lambda was, message: message, origins="https://friend.example")
    declare(app, "/everybody", lambda was, message: message, origins=["*"])
    foreign = [("Origin", "https://friend.example"), ("Sec-Fetch-Site", "cross-site")]

    with served(app) as site:
        assert site.refused("/echo", headers=foreign).status == 403
        own = [("Origin", f"http://localhost:{site.port}"), ("Sec-Fetch-Site", "same-origin")]
        for path, headers in (("/echo", own), ("/friends", foreign), ("/friends", own), ("/everybody", foreign)):
            with site.open(path, headers=headers) as peer:
                assert peer.ask("x") == "x"
        assert site.refused("/friends", headers=[("Origin", "https://enemy.example")]).status == 403


def test_a_role_is_asked_for_before_the_handshake_is_answered(app: Atilite) -> None:
    app.route("/admins", role="admin")(app.websocket()(lambda was, message: was.identity.name))

    with served(app) as site:
        accounts = site.local.database.accounts
        tokens = {role: accounts.add_token(f"program-{role}", role) for role in ("view", "admin")}
        assert site.refused("/admins").status == 401
        assert site.refused("/admins", headers=[("Authorization", f"Bearer {tokens['view']}")]).status == 403
        with site.open("/admins", headers=[("Authorization", f"Bearer {tokens['admin']}")]) as peer:
            assert peer.ask("?") == "program-admin"


def test_permissions_of_the_app_and_hooks_refuse_too(app: Atilite) -> None:
    @app.permission_handler
    def judge(was: Any, permissions: Any) -> None:
        if "who" not in was.request.args:
            raise was.Error("403 Permission Denied")

    @app.before_request
    def before(was: Any) -> Any:
        return was.Error(418) if "hook" in was.request.args else None

    app.route("/guarded")(app.permission_required(["staff"])(app.websocket()(lambda was, message, **args: message)))

    with served(app) as site:
        assert site.refused("/guarded").status == 403
        assert site.refused("/guarded?who=me&hook=1").status == 418
        with site.open("/guarded?who=me") as peer:
            assert peer.ask("x") == "x"


def test_a_foreign_host_name_is_refused(app: Atilite) -> None:
    with served(app) as site:
        answer = site.local.get("/echo", headers={**WS_HANDSHAKE, "Host": "evil.example"})
        assert answer.status_code == 400


def test_onopen_may_refuse(app: Atilite, told: Told) -> None:
    def onopen(was: Any) -> None:
        raise was.Error(409, "the room is full")

    declare(app, "/full", lambda was, message: message, onopen=onopen, onclose=lambda was: told("closed"))

    with served(app) as site:
        refused = site.refused("/full")
        assert (refused.status, "the room is full" in refused.body) == (409, True)
        assert len(app.websockets) == 0
    assert told.things == []


def test_an_error_in_onopen_is_a_500(app: Atilite, caplog: pytest.LogCaptureFixture) -> None:
    declare(app, "/broken", lambda was, message: message, onopen=lambda was: 1 / 0)

    with served(app) as site:
        assert site.refused("/broken").status == 500
    assert "ZeroDivisionError" in caplog.text


def test_an_ordinary_request_is_told_what_is_spoken_here(app: Atilite) -> None:
    with served(app) as site:
        answer = site.local.get("/echo")
        assert (answer.status_code, answer.headers["upgrade"]) == (426, "websocket")
        line = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)
        line.request("GET", "/echo")
        sent = line.getresponse()
        assert (sent.status, sent.headers["upgrade"], sent.headers["connection"]) == (426, "websocket", "Upgrade")
        assert "this address answers WebSocket clients only" in sent.read().decode()
        line.close()


def test_another_server_says_501_and_what_to_do(app: Atilite) -> None:
    with served(app) as site:
        answer = site.local.get("/echo", headers=WS_HANDSHAKE)  # straight to the WSGI interface
        assert CAN_PARK not in answer.headers
        assert answer.status_code == 501
        assert "start the program with atilite's own server" in answer.text


# -- errors of handlers


@pytest.mark.parametrize("flag", [atilite.WS_THREAD, atilite.WS_NOTHREAD])
def test_an_error_closes_with_1011_and_is_logged(
    app: Atilite, told: Told, flag: int, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(was: Any, message: str) -> None:
        told(message)
        raise ValueError("secret")

    declare(app, "/fails", fails, atilite.WS_CHANNEL | flag, onclose=lambda was: told(was.websocket.code))

    with served(app) as site, site.open("/fails") as peer:
        peer.send("one", "two")
        assert peer.closing() == (1011, "")
        assert told.wait(lambda things: 1011 in things) == ["one", 1011]
    assert "the WebSocket /fails failed" in caplog.text
    assert "ValueError: secret" in caplog.text


def test_a_debugged_app_tells_the_client_what_failed(app: Atilite) -> None:
    declare(app, "/fails", lambda was, message: 1 / 0)

    with served(app) as site, site.open("/fails") as peer:
        app.debug = True
        peer.send("x")
        assert peer.closing() == (1011, "division by zero")


def test_an_error_of_a_coroutine_closes_with_1011(app: Atilite, caplog: pytest.LogCaptureFixture) -> None:
    def fails(was: Any) -> Iterator[Any]:
        yield was.Input()
        yield object()

    declare(app, "/fails", fails, atilite.WS_COROUTINE)

    with served(app) as site, site.open("/fails") as peer:
        peer.send("x")
        assert peer.closing() == (1011, "")
    assert "a WebSocket sends text, bytes, a dict or a list, not object" in caplog.text


def test_an_http_error_closes_with_1008_and_its_reason(app: Atilite, caplog: pytest.LogCaptureFixture) -> None:
    def refuses(was: Any, message: str) -> None:
        raise was.Error(403, "not you")

    declare(app, "/refuses", refuses)

    with served(app) as site, site.open("/refuses") as peer:
        peer.send("x")
        assert peer.closing() == (1008, "not you")
    assert "refuses failed" not in caplog.text


def test_an_error_in_onclose_is_logged_and_everything_ends(
    app: Atilite, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    declare(app, "/sad", lambda was, message: message, onclose=lambda was: 1 / 0)
    app.teardown_request(lambda was: told("end"))

    with served(app) as site:
        site.open("/sad").vanish()
        told.wait(bool)
    assert "onclose of the WebSocket /sad failed" in caplog.text


def test_a_handler_says_good_bye(app: Atilite, told: Told) -> None:
    def leaves(was: Any, message: str) -> None:
        was.websocket.send("bye")
        was.websocket.close(4004, "done")

    declare(app, "/leaves", leaves, onclose=lambda was: told((was.websocket.code, was.websocket.closed)))

    with served(app) as site, site.open("/leaves") as peer:
        assert peer.ask("x") == "bye"
        assert peer.closing() == (4004, "done")
        assert told.wait(bool) == [(4004, True)]


def test_onopen_may_close_at_once(app: Atilite, told: Told) -> None:
    def onopen(was: Any) -> str:
        was.websocket.close(4001, "not today")
        return "hello"

    declare(app, "/closed", lambda was, message: message, onopen=onopen, onclose=lambda was: told(was.websocket.code))

    with served(app) as site, site.open("/closed") as peer:
        assert peer.receive() == "hello"
        assert peer.closing() == (4001, "not today")
        assert told.wait(bool) == [4001]


# -- slow and silent peers


def test_a_reader_that_takes_nothing_is_cut_off(app: Atilite, told: Told, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ids: list[str] = []
    declare(
        app,
        "/slow",
        lambda was, message: None,
        onopen=lambda was: ids.append(was.websocket.client_id),
        onclose=lambda was: told(was.websocket.code),
        max_message=1000,
        max_unsent=100_000,
    )

    with served(app) as site, site.open("/slow"):
        for _ in range(10_000):
            if not app.websocket_send(ids[0], "x" * 10_000):
                break
        assert told.wait(bool) == [1006]
        assert app.websocket_send(ids[0], "x") is False
    assert "leaves 1" in caplog.text


def test_a_thread_that_sends_much_waits_for_its_client(app: Atilite) -> None:
    most: list[int] = []
    size, count = 100_000, 200

    def pours(was: Any, message: str) -> str:
        for _ in range(count):
            was.websocket.send(b"x" * size)
            most.append(was.websocket._talk._line.unsent + was.websocket._talk._posted)
        return "all"

    declare(app, "/pours", pours)

    with served(app) as site, site.open("/pours") as peer:
        peer.send("go")
        for _ in range(count):
            assert len(peer.receive()) == size  # type: ignore[arg-type]
        assert peer.receive() == "all"
    assert max(most) < 4 * line.WATER


def test_a_coroutine_that_sends_much_waits_for_its_client(app: Atilite) -> None:
    most: list[int] = []

    def pours(was: Any) -> Iterator[Any]:
        for _ in range(200):
            yield b"x" * 100_000
            most.append(was.websocket._talk._line.unsent)

    declare(app, "/pours", pours, atilite.WS_COROUTINE)

    with served(app) as site, site.open("/pours") as peer:
        for _ in range(200):
            assert len(peer.receive()) == 100_000  # type: ignore[arg-type]
        assert peer.closing()[0] == 1000
    assert max(most) < 2 * line.WATER


def test_a_client_that_talks_faster_than_it_is_answered_is_read_no_further(
    app: Atilite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talk, "MAX_WAITING", 4)
    go = threading.Event()
    waiting: list[int] = []

    def slow(was: Any, message: str) -> str:
        assert go.wait(PATIENCE)
        waiting.append(len(was.websocket._talk._inbox))
        return message

    declare(app, "/busy", slow)

    with served(app) as site, site.open("/busy") as peer:
        # More than one read of the server takes, so that it could stop in between.
        words = [f"{number}-" + "x" * 40_000 for number in range(40)]
        writer = threading.Thread(target=lambda: [peer.send(word) for word in words])
        writer.start()
        go.set()
        assert [peer.receive() for _ in words] == words
        writer.join(PATIENCE)
    assert max(waiting) <= 8


def test_a_silent_connection_is_closed_after_its_timeout(app: Atilite, told: Told) -> None:
    declare(app, "/idle", lambda was, message: message, timeout=0.2, onclose=lambda was: told(was.websocket.code))

    with served(app) as site, site.open("/idle") as peer:
        assert peer.ask("x") == "x"
        assert peer.closing() == (1000, "nothing was said for 0.2 s")
        assert told.wait(bool) == [1000]


def test_a_silent_client_is_asked_whether_it_is_there_and_cut_off_if_not(
    app: Atilite, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "PING_SECONDS", 0.1)
    declare(app, "/ping", lambda was, message: message, timeout=None, onclose=lambda was: told(was.websocket.code))

    with served(app) as site:
        with site.open("/ping") as peer:
            for _ in range(3):  # three pings, answered as any client does
                event = peer._event()
                peer.raw(peer.wire.send(event.response()))  # type: ignore[union-attr]
            assert told.things == []
            assert peer.ask("still here") == "still here"
        told.wait(lambda things: things == [1006])
        with site.open("/ping"):  # reads nothing, answers nothing
            told.wait(lambda things: things == [1006, 1006])


def test_a_good_bye_that_is_not_answered_ends_after_a_moment(
    app: Atilite, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "CLOSE_SECONDS", 0.1)
    declare(app, "/bye", lambda was, message: was.websocket.close())

    with served(app) as site, site.open("/bye") as peer:
        peer.send("x")
        event = peer.receive()
        assert event.code == 1000  # type: ignore[union-attr]
        assert peer.socket.recv(10) == b""  # the server has hung up by itself


# -- the end of the server, of the app


def test_stopping_says_1001_and_waits_for_onclose(app: Atilite, told: Told) -> None:
    def listens(was: Any) -> Iterator[Any]:
        told((yield was.Input()))

    declare(app, "/listens", listens, atilite.WS_COROUTINE, onclose=lambda was: told("closed"))

    with served(app) as site, site.open("/echo") as first, site.open("/listens") as second:
        stopped = site.server.stop(PATIENCE)
        assert first.closing() == second.closing() == (1001, "the server is stopping")
        assert stopped.wait(PATIENCE) == 0
        assert told.wait(lambda things: len(things) == 3)
        assert set(told.things) == {None, "closed", (1001, "the server is stopping")}


def test_an_app_that_stops_closes_its_own_and_opens_no_more(app: Atilite, told: Told) -> None:
    with served(app) as site, site.open("/echo") as peer:
        ended: list[bool] = []
        stopping = threading.Thread(target=lambda: ended.append(app.websockets.close(PATIENCE)))
        stopping.start()
        assert peer.closing()[0] == 1001
        stopping.join(PATIENCE)
        assert (ended, told.things) == ([True], [(1001, "the server is stopping")])
        assert site.refused("/echo").status == 503


def test_nothing_is_left_of_closed_connections_even_without_the_collector(app: Atilite, told: Told) -> None:
    talks: weakref.WeakSet[Any] = weakref.WeakSet()
    app.route("/seen")(
        app.websocket(
            onopen=lambda was: talks.add(was.websocket._talk),
            onclose=lambda was: told(was.websocket.code),
        )(lambda was, message: message)
    )

    with served(app) as site:
        gc.disable()
        try:
            for number in range(6):
                with site.open("/seen") as peer:
                    assert peer.ask("x") == "x"
                    if number % 2:
                        peer.close()
            told.wait(lambda things: len(things) == 6)
            with site.open("/seen") as peer:
                peer.ask("x")
                assert site.server.stats.hijacked == 1
                assert len(app.websockets) == 1
                # The last one's teardown may be under way.
                assert len(talks) <= 2
        finally:
            gc.enable()
