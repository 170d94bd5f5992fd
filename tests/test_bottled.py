"""What is written for Bottle, around handlers of every kind: its plugins, its hooks, its response."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import bottle
import pytest

from atilite import Atilite
from atilite.testing.client import Client


@pytest.fixture
def app() -> Atilite:
    return Atilite("tested")


@pytest.fixture
def client(app: Atilite) -> Client:
    return Client(app)


class Giver:
    """A plugin as Bottle's manual has it: it gives the handler an object, named and configured by the route."""

    name, api = "giver", 2

    def apply(self, callback: Callable[..., Any], route: Any) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            kwargs["thing"] = route.config.get("thing.made", "made by default")
            return callback(*args, **kwargs)

        return call


def stamp(callback: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        answer = callback(*args, **kwargs)
        bottle.response.set_header("X-Stamp", "stamped")
        return answer

    return call


def declare_every_kind(app: Atilite) -> None:
    @app.route("/was")
    def with_was(was: Any) -> str:
        return "was"

    @app.route("/api")
    def api(was: Any) -> Any:
        return was.API(a=1)

    @app.route("/response")
    def response(was: Any) -> Any:
        return was.response("201 Created", "made")

    @app.route("/task")
    def task(was: Any) -> Any:
        return was.Thread(lambda: "task")

    @app.route("/map")
    def mapped(was: Any) -> Any:
        return was.Map(a=was.Thread(lambda: 1))

    @app.route("/stream")
    def stream() -> Iterator[str]:
        yield "stream"

    @app.route("/waiting")
    def waiting(was: Any) -> Any:
        yield was.Sleep(0)
        return "waiting"

    @app.route("/async")
    async def asynchronous(was: Any) -> str:
        await was.Sleep(0)
        return "async"

    @app.route("/iterable")
    def iterable() -> Iterator[str]:
        return iter(["iterable"])


KINDS = ("was", "api", "response", "task", "map", "stream", "waiting", "async", "iterable")


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_that_a_plugin_sets_goes_with_the_answer_of_every_kind_of_handler(
    app: Atilite, client: Client, kind: str
) -> None:
    app.install(stamp)
    declare_every_kind(app)

    assert client.get(f"/{kind}").header("X-Stamp") == "stamped"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hook", ["before_request", "after_request"])
def test_so_does_one_that_a_hook_of_bottle_sets(app: Atilite, client: Client, kind: str, hook: str) -> None:
    app.add_hook(hook, lambda: bottle.response.set_header("X-Hooked", hook))
    declare_every_kind(app)

    assert client.get(f"/{kind}").header("X-Hooked") == hook


def test_what_a_plugin_gives_need_not_come_with_the_request(app: Atilite, client: Client) -> None:
    app.install(Giver())

    @app.route("/was/<n:int>", thing={"made": "made as the route says"})
    def with_was(was: Any, n: int, thing: str) -> str:
        return f"{n} {thing}"

    @app.get("/bare")
    def bare(thing: str, name: str) -> str:
        return f"{name} {thing}"

    assert client.get("/was/5").text == "5 made as the route says"
    assert client.get("/bare?name=ada").text == "ada made by default"


def test_what_neither_the_request_nor_a_plugin_gives_is_missing(app: Atilite, client: Client) -> None:
    app.install(Giver())

    @app.get("/bare")
    def bare(thing: str, name: str) -> str:
        return name

    refused = client.get("/bare")
    assert (refused.status_code, refused.json()["fields"]) == (400, {"name": "is missing"})


def test_a_route_that_skips_all_plugins_keeps_what_makes_it_a_route_of_ours(app: Atilite, client: Client) -> None:
    app.install(stamp)

    @app.route("/bare", skip=True)
    def bare(was: Any) -> Any:
        return was.API(path=was.request.path)

    answer = client.get("/bare")
    assert (answer.json(), answer.header("X-Stamp")) == ({"path": "/bare"}, None)


def test_a_coroutine_may_set_bottles_response_at_every_step(app: Atilite, client: Client) -> None:
    @app.get("/csv")
    def csv() -> Iterator[str]:
        bottle.response.content_type = "text/csv"
        yield "a,b"

    @app.get("/late")
    def late() -> Any:
        yield app.Sleep(0)
        bottle.response.status = 202
        bottle.response.set_cookie("seen", bottle.request.path)
        return "late"

    assert client.get("/csv").header("Content-Type") == "text/csv; charset=utf-8"
    answer = client.get("/late")
    assert (answer.status_code, client.cookies["seen"].strip('"')) == (202, "/late")


def test_a_cookie_alone_is_sent_too(app: Atilite, client: Client) -> None:
    @app.get("/")
    def index() -> str:
        bottle.response.set_cookie("name", "ada")
        return "index"

    assert client.get("/").header("Set-Cookie") == "name=ada"


def test_what_a_plugin_sets_stands_in_place_of_what_the_handler_said(app: Atilite, client: Client) -> None:
    app.install(stamp)

    @app.route("/")
    def index(was: Any) -> str:
        was.response.set_status(201)
        was.response.set_header("X-Stamp", "mine")
        return "index"

    answer = client.get("/")
    assert (answer.status_code, answer.headers.get_all("X-Stamp")) == (201, ["stamped"])


def test_a_bottle_app_below_one_with_plugins_answers_each_header_once(app: Atilite, client: Client) -> None:
    inner = bottle.Bottle()

    @inner.get("/x")
    def x() -> str:
        bottle.response.set_header("X-Inner", "once")
        bottle.response.set_cookie("inner", "once")
        return "x"

    app.install(stamp)
    app.mount("/inner", inner)
    answer = client.get("/inner/x")
    assert (answer.headers.get_all("X-Inner"), answer.headers.get_all("Set-Cookie")) == (["once"], ["inner=once"])


def test_an_after_hook_of_bottle_is_called_for_errors_as_well(app: Atilite, client: Client) -> None:
    told: list[int] = []
    app.add_hook("after_request", lambda: told.append(1))

    @app.route("/bug")
    def bug(was: Any) -> str:
        raise KeyError("bug")

    @app.route("/fine")
    def fine(was: Any) -> str:
        return "fine"

    assert [client.get("/bug").status_code, client.get("/fine").status_code, len(told)] == [500, 200, 2]


def test_anything_that_can_be_called_is_a_handler(app: Atilite, client: Client) -> None:
    class Greeter:
        def __call__(self, was: Any, name: str = "nobody") -> str:
            return f"hello {name} at {was.urlfor('Greeter')}"

        def bow(self, was: Any) -> str:
            return "bows"

    def add(was: Any, a: int, b: int = 2) -> Any:
        return was.API(sum=a + b)

    app.get("/greet")(Greeter())
    app.get("/bow")(Greeter().bow)
    app.get("/add")(functools.partial(add, a=1))
    app.get("/lambda")(lambda was: "lambda")

    assert client.get("/greet?name=ada").text == "hello ada at /greet"
    assert client.get("/add").json() == {"sum": 3}
    assert [client.get(path).text for path in ("/bow", "/lambda")] == ["bows", "lambda"]


def test_an_error_of_bottle_may_be_raised_or_returned(app: Atilite, client: Client) -> None:
    @app.get("/raised")
    def raised() -> None:
        raise bottle.HTTPError(409, "taken")

    @app.get("/returned")
    def returned(was: Any) -> Any:
        return bottle.HTTPError(409, "taken")

    @app.get("/later")
    def later(was: Any) -> Any:
        yield was.Sleep(0)
        return bottle.HTTPError(409, "taken")

    told = {"code": 40900, "message": "conflict", "more_info": "taken"}
    assert [client.get(path).json() for path in ("/raised", "/returned", "/later")] == [told] * 3


@pytest.mark.parametrize(("options", "status"), [({}, 200), ({"coroutine": True}, 500)])
def test_a_stream_may_have_nothing_to_send(app: Atilite, client: Client, options: Any, status: int) -> None:
    @app.get("/rows", **options)
    def rows() -> Iterator[str]:
        yield from ()

    answer = client.get("/rows")
    assert answer.status_code == status
    assert status == 500 or answer.text == ""
