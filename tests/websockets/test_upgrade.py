"""`@app.websocket` on a real server: every way of being called, from the handshake to the true end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import atilite
from atilite import Atilite
from atilite.errors import SetupError
from tests.websockets.peer import Told, served

WAYS = {
    "threads": atilite.WS_CHANNEL | atilite.WS_THREAD,
    "threadsafe": atilite.WS_CHANNEL | atilite.WS_THREADSAFE,
    "loop": atilite.WS_CHANNEL | atilite.WS_NOTHREAD,
}


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def app() -> Atilite:
    app = Atilite("talking")
    app.securekey = "something that nobody guesses"
    return app


def echo(app: Atilite, *args: Any, **options: Any) -> None:
    @app.route("/echo")
    @app.websocket(*args, **options)
    def echo(was: Any, message: Any) -> Any:
        return message


@pytest.mark.row("A183", "A185", "A186", "A187")
@pytest.mark.parametrize("way", WAYS)
def test_each_message_is_one_call_in_order_and_what_it_returns_is_sent(app: Atilite, told: Told, way: str) -> None:
    loop_thread: list[bool] = []

    @app.route("/say")
    @app.websocket(WAYS[way], 60)
    def say(was: Any, message: str) -> str | None:
        told(message)
        loop_thread.append(app.runtime.loop.inside())
        return None if message == "quiet" else f"you said: {message}"

    with served(app) as site, site.open("/say") as peer:
        peer.send("a", "quiet", "", "ä" * 70000, "z")
        assert [peer.receive() for _ in range(4)] == [
            "you said: a", "you said: ", "you said: " + "ä" * 70000, "you said: z"
        ]  # fmt: skip
        assert peer.close() == 1000
    assert [len(one) for one in told.things] == [1, 5, 0, 70000, 1]
    assert set(loop_thread) == {way == "loop"}


@pytest.mark.row("A183")
def test_the_constants_are_public_and_threads_are_the_default(app: Atilite) -> None:
    assert {name for name in atilite.__all__ if name.startswith("WS_")} == {
        "WS_CHANNEL", "WS_CHATTY", "WS_COROUTINE", "WS_NOPOOL", "WS_NOTHREAD", "WS_SESSION", "WS_THREAD",
        "WS_THREADSAFE",
    }  # fmt: skip

    @app.route("/where")
    @app.websocket()
    def where(was: Any, message: str) -> str:
        return threading.current_thread().name

    with served(app) as site, site.open("/where") as peer:
        assert "task" in peer.ask("?")


@pytest.mark.row("A183")
def test_the_message_is_the_first_argument_and_the_address_gives_the_others(app: Atilite) -> None:
    @app.route("/room/<name>")
    @app.websocket(atilite.WS_CHANNEL)
    def room(was: Any, message: str, name: str, times: int = 1, **options: Any) -> str:
        return f"{name}: {message * times} {options}"

    with served(app) as site:
        with site.open("/room/blue?times=2&a=b") as peer:
            assert peer.ask("x") == "blue: xx {'a': 'b'}"
        wrong = site.refused("/room/blue?times=many")
        assert (wrong.status, "times" in wrong.body) == (400, True)
        assert site.refused("/room/blue?message=x").status == 400


def test_a_handler_may_take_nothing_but_the_message(app: Atilite) -> None:
    @app.route("/plain")
    @app.websocket(atilite.WS_CHANNEL)
    def plain(message: str) -> str:
        return message.upper()

    with served(app) as site, site.open("/plain") as peer:
        assert peer.ask("x") == "X"


@pytest.mark.row("A184", "D23")
def test_a_coroutine_hears_an_empty_message_and_then_none_at_the_end(app: Atilite, told: Told) -> None:
    @app.route("/talk")
    @app.websocket(atilite.WS_COROUTINE, 60)
    def talk(was: Any, name: str = "nobody") -> Iterator[Any]:
        while True:
            message = yield was.Input()
            told(message)
            if message is None:
                break
            task = yield was.Thread(lambda: name)
            yield f"{task.fetch()}: {message}"
            yield {"more": [message]}
        told("end")

    with served(app) as site, site.open("/talk?name=Ann") as peer:
        assert peer.ask("") == "Ann: "
        assert peer.receive() == '{"more": [""]}'
        peer.send("x", "y")
        assert [peer.receive() for _ in range(4)][::2] == ["Ann: x", "Ann: y"]
        assert peer.close() == 1000
        assert told.wait(lambda things: "end" in things) == ["", "x", "y", None, "end"]


@pytest.mark.row("A184")
def test_a_coroutine_that_returns_says_good_bye(app: Atilite) -> None:
    @app.route("/once")
    @app.websocket(atilite.WS_COROUTINE)
    def once(was: Any) -> Iterator[Any]:
        yield "one"
        message = yield was.Input()
        return f"last: {message}"

    with served(app) as site, site.open("/once") as peer:
        assert peer.receive() == "one"
        assert peer.ask("x") == "last: x"
        assert peer.closing() == (1000, "")


@pytest.mark.row("A184")
def test_a_coroutine_that_only_sends_is_closed_when_its_client_has_left(app: Atilite, told: Told) -> None:
    @app.route("/ticks")
    @app.websocket(atilite.WS_COROUTINE, onclose=lambda was: told("closed"))
    def ticks(was: Any) -> Iterator[Any]:
        try:
            while True:
                yield "tick"
                yield was.Sleep(0.001)
        finally:
            told("cleaned up")

    with served(app) as site:
        peer = site.open("/ticks")
        assert peer.receive() == "tick"
        peer.vanish()
        assert told.wait(lambda things: len(things) == 2) == ["cleaned up", "closed"]


def test_a_coroutine_that_listens_on_after_the_end_is_ended(app: Atilite, told: Told) -> None:
    @app.route("/deaf")
    @app.websocket(atilite.WS_COROUTINE, onclose=lambda was: told("closed"))
    def deaf(was: Any) -> Iterator[Any]:
        while True:
            told((yield was.Input()))

    with served(app) as site:
        site.open("/deaf").vanish()
        assert told.wait(lambda things: "closed" in things) == [None, "closed"]


@pytest.mark.row("A188")
@pytest.mark.parametrize("spec", [atilite.WS_SESSION, atilite.WS_CHATTY, atilite.WS_CHATTY | atilite.WS_NOTHREAD])
def test_a_session_is_one_generator_that_takes_messages_by_a_bare_yield(app: Atilite, spec: int) -> None:
    @app.route("/session")
    @app.websocket(spec)
    def session(was: Any) -> Iterator[Any]:
        for number in range(1, 3):
            message = yield
            yield (f"{number}: {message}", app.runtime.loop.inside())[0]
            yield ("two", f"in one {app.runtime.loop.inside()}")

    with served(app) as site, site.open("/session") as peer:
        where = bool(spec & atilite.WS_NOTHREAD)
        assert peer.ask("x") == "1: x"
        assert (peer.receive(), peer.receive()) == ("two", f"in one {where}")
        assert peer.ask("y") == "2: y"


@pytest.mark.row("A185", "D23")
@pytest.mark.parametrize("way", WAYS)
def test_onopen_comes_first_and_onclose_last_however_soon_the_client_talks(app: Atilite, told: Told, way: str) -> None:
    def onopen(was: Any) -> str:
        told(("open", was.websocket.client_id))
        return "welcome"

    def onclose(was: Any) -> None:
        told(("close", was.websocket.client_id, was.websocket.code, was.websocket.reason))

    @app.route("/order")
    @app.websocket(WAYS[way], 60, onopen, onclose)
    def order(was: Any, message: str) -> str:
        told(message)
        return message

    with served(app) as site:
        for round_ in range(20):
            told.things.clear()
            peer = site.open("/order")
            peer.send("1", "2", "3")
            peer.close(4000 + round_, "enough")
            (_, client), *messages, closed = told.wait(lambda things: len(things) == 5)
            assert messages == ["1", "2", "3"]
            assert closed == ("close", client, 4000 + round_, "enough")


@pytest.mark.row("D23")
def test_what_onopen_sends_and_returns_comes_before_any_answer(app: Atilite) -> None:
    def onopen(was: Any) -> str:
        assert was.websocket.send("first")
        return "second"

    @app.route("/greets")
    @app.websocket(atilite.WS_CHANNEL, 60, onopen)
    def greets(was: Any, message: str) -> str:
        return message

    with served(app) as site, site.open("/greets") as peer:
        peer.send("third")
        assert [peer.receive() for _ in range(3)] == ["first", "second", "third"]


def test_onopen_may_be_a_coroutine_or_async(app: Atilite) -> None:
    def coroutine(was: Any) -> Iterator[Any]:
        task = yield was.Thread(lambda: "from a task")
        return task.fetch()

    async def asynchronous(was: Any) -> Any:
        return await was.Thread(lambda: "awaited")

    for path, onopen in (("/one", coroutine), ("/two", asynchronous)):
        app.route(path)(app.websocket(atilite.WS_CHANNEL, onopen=onopen)(lambda was, message: message))

    with served(app) as site:
        for path, greeting in (("/one", "from a task"), ("/two", "awaited")):
            with site.open(path) as peer:
                assert peer.receive() == greeting


def test_handlers_of_every_kind_answer_a_message(app: Atilite) -> None:
    @app.route("/async")
    @app.websocket(atilite.WS_CHANNEL)
    async def asynchronous(was: Any, message: str) -> str:
        return f"async {(await was.Thread(lambda: message))}"

    @app.route("/coroutine")
    @app.websocket(atilite.WS_CHANNEL | atilite.WS_NOTHREAD)
    def coroutine(was: Any, message: str) -> Iterator[Any]:
        yield "wait"
        task = yield was.Thread(lambda: message)
        return f"coroutine {task.fetch()}"

    for name, flag in (("task", atilite.WS_THREAD), ("task-on-loop", atilite.WS_NOTHREAD)):
        app.route(f"/{name}")(
            app.websocket(atilite.WS_CHANNEL | flag)(lambda was, message: was.Thread(lambda: f"task {message}"))
        )

    with served(app) as site:
        for path, answers in {
            "/async": ["async x"], "/coroutine": ["wait", "coroutine x"], "/task": ["task x"],
            "/task-on-loop": ["task x"],
        }.items():  # fmt: skip
            with site.open(path) as peer:
                peer.send("x")
                assert [peer.receive() for _ in answers] == answers, path


@pytest.mark.row("A51")
def test_there_is_no_response_in_the_handlers_of_a_websocket(app: Atilite) -> None:
    seen: list[Any] = []

    @app.before_request
    def before(was: Any) -> None:
        was.response.set_header("X-Before", "1")

    @app.finish_request
    def finish(was: Any, response: Any) -> None:
        seen.append(was.response)

    def onopen(was: Any) -> None:
        seen.append(hasattr(was, "response"))

    @app.route("/none")
    @app.websocket(atilite.WS_CHANNEL, onopen=onopen)
    def none(was: Any, message: str) -> str:
        try:
            return str(was.response)
        except AttributeError as error:
            return f"AttributeError {error}"

    with served(app) as site, site.open("/none") as peer:
        assert peer.ask("?").startswith("AttributeError was.response: a WebSocket has no answer")
    assert seen == [False]


@pytest.mark.row("A190")
def test_a_session_changed_in_onopen_goes_out_with_the_handshake_and_is_read_by_everybody(app: Atilite) -> None:
    def onopen(was: Any) -> None:
        was.request.session.set("WS_ID", was.websocket.client_id)
        was.cookie["colour"] = "blue ink"

    @app.route("/websocket")
    @app.websocket(atilite.WS_CHANNEL | atilite.WS_THREAD, 1200, onopen)
    def websocket(was: Any, message: str) -> str:
        mine = was.request.session.get("WS_ID") == was.websocket.client_id
        return f"{mine} {was.cookie['colour']} {was.session['WS_ID'] == was.websocket.client_id}"

    @app.route("/item_in_stock")
    def item_in_stock(was: Any) -> str:
        return str(app.websocket_send(was.request.session.get("WS_ID"), "Item In Stock!"))

    with served(app) as site, site.open("/websocket") as peer:
        cookies = [value for name, value in peer.headers if name == "set-cookie"]
        assert [cookie.partition("=")[0] for cookie in cookies] == ["colour", "ATLSES_DEFAULT"]
        assert peer.ask("?") == "True blue ink True"
        sent = "; ".join(cookie.partition(";")[0] for cookie in cookies)
        assert site.local.get("/item_in_stock", headers={"Cookie": sent}).text == "True"
        assert peer.receive() == "Item In Stock!"


@pytest.mark.row("A190")
def test_a_session_changed_later_is_an_error_that_says_so(app: Atilite, caplog: pytest.LogCaptureFixture) -> None:
    @app.route("/late")
    @app.websocket(atilite.WS_CHANNEL)
    def late(was: Any, message: str) -> str:
        was.session["late"] = message
        return "kept?"

    with served(app) as site, site.open("/late") as peer:
        assert peer.ask("x") == "kept?"
        assert peer.closing()[0] == 1011
    assert "change them in onopen" in caplog.text


@pytest.mark.row("A190")
def test_a_session_changed_in_onclose_is_told_in_the_log(
    app: Atilite, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    def onclose(was: Any) -> None:
        was.session["gone"] = True

    echo(app, onclose=onclose)
    app.teardown_request(lambda was: told("end"))
    with served(app) as site:
        site.open("/echo").close()
        told.wait(bool)
    assert "onclose of /echo changes the session or a cookie: no answer carries that" in caplog.text


def test_teardown_runs_once_at_the_true_end(app: Atilite, told: Told) -> None:
    @app.teardown_request
    def teardown(was: Any) -> None:
        told("teardown")

    echo(app, onclose=lambda was: told("close"))
    with served(app) as site:
        with site.open("/echo") as peer:
            assert peer.ask("x") == "x"
            assert told.things == []
        assert told.wait(lambda things: len(things) == 2) == ["close", "teardown"]


@pytest.mark.parametrize(
    ("spec", "handler", "reason"),
    [
        (4, lambda was, message: None, "no sum of WS_"),
        ("x", lambda was, message: None, "no sum of WS_"),
        (atilite.WS_CHANNEL, lambda was: None, "takes the message"),
        (atilite.WS_COROUTINE, lambda was, message: None, "wants a generator"),
        (atilite.WS_SESSION, lambda was, message: None, "wants a generator"),
        (atilite.WS_COROUTINE | atilite.WS_SESSION, lambda was, message: None, "in threads"),
    ],
)
def test_a_handler_that_cannot_work_is_refused_when_it_is_declared(
    app: Atilite, spec: Any, handler: Any, reason: str
) -> None:
    with pytest.raises(SetupError, match=reason):
        app.websocket(spec)(handler)


@pytest.mark.row("A188")
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"encoding": "grpc"}, "gRPC has its own protocol"),
        ({"encoding": "yaml"}, "no encoding 'yaml'"),
        ({"timeout": -1}, "timeout"),
        ({"onopen": "f"}, "onopen is a function"),
        ({"max_message": 100, "max_unsent": 10}, "max_unsent"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(app: Atilite, options: dict[str, Any], reason: str) -> None:
    with pytest.raises(SetupError, match=reason):
        app.websocket(atilite.WS_CHANNEL, **options)(lambda was, message: None)


def test_above_the_route_it_would_do_nothing_and_is_refused(app: Atilite) -> None:
    handler = app.route("/x")(lambda was, message: None)

    with pytest.raises(SetupError, match=r"must stand below @app\.route"):
        app.websocket()(handler)


def test_it_is_described_and_answered_as_a_get_only(app: Atilite) -> None:
    app.route("/talk")(app.permission_required(["staff"])(app.websocket()(lambda was, message, times=1: message)))
    app.permission_handler(lambda was, permissions: None)

    with served(app) as site:
        described = site.local.client("admin").get("/openapi.json").json()["paths"]["/talk"]
        assert list(described) == ["get"]
        assert [one["name"] for one in described["get"]["parameters"]] == ["times"]
        assert {"101", "426"} <= set(described["get"]["responses"])
        assert "200" not in described["get"]["responses"]
        assert site.local.post("/talk").status_code == 405
