"""Hooks and events around requests: their order, their scope, and when they run."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from atilite import Atilite
from atilite.config import Settings
from atilite.errors import Frozen
from atilite.hooks import fitted
from atilite.site import Site
from atilite.testing.client import Client


@pytest.fixture
def app() -> Atilite:
    return Atilite("tested")


@pytest.fixture
def client(app: Atilite) -> Client:
    return Client(app)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.stop(1.0)
    made.close()


@pytest.mark.row("A49")
@pytest.mark.parametrize(
    ("function", "given"),
    [
        (lambda: (), ()),
        (lambda was: (was,), ("was",)),
        (lambda response: (response,), ("response",)),
        (lambda was, response: (was, response), ("was", "response")),
        (lambda *args: args, ("was", "response")),
        (lambda was, response, more=1: (was, response), ("was", "response")),
        (lambda response, was: (was, response), ("was", "response")),
        (lambda *, was: (was,), ("was",)),
        (lambda *args, was: (was, *args), ("was", "response")),
        (lambda response, more=1, was=None: (was, response, more), ("was", "response", 1)),
    ],
)
def test_a_function_gets_what_it_has_room_for(function: Any, given: tuple[str, ...]) -> None:
    assert fitted(function, 2)("was", "response") == given


@pytest.mark.row("A75", "A76", "A78", "A79")
def test_several_hooks_of_each_kind_run_in_order(app: Atilite, client: Client) -> None:
    order: list[str] = []
    for number in (1, 2):
        app.before_request(lambda was, n=number: order.append(f"before{n}"))
        app.finish_request(lambda was, response, n=number: order.append(f"finish{n}"))
        app.teardown_request(lambda was, n=number: order.append(f"teardown{n}"))
        app.failed_request(lambda was, error, n=number: order.append(f"failed{n}"))
    app.route("/")(lambda was: order.append("handler") or "x")
    app.route("/bug")(lambda was: 1 / 0)

    assert client.get("/").text == "x"
    assert order == ["before1", "before2", "handler", "finish1", "finish2", "teardown1", "teardown2"]
    order.clear()
    assert client.get("/bug").status_code == 500
    assert order == ["before1", "before2", "failed1", "failed2", "teardown1", "teardown2"]


@pytest.mark.row("A75", "A79")
def test_the_first_before_hook_that_answers_ends_the_round(app: Atilite, client: Client) -> None:
    order: list[str] = []
    app.before_request(lambda was: "closed" if was.request.args.get("closed") else None)
    app.before_request(lambda was: order.append("second"))
    app.route("/")(lambda was, closed="": order.append("handler") or "open")

    assert client.get("/?closed=1").text == "closed"
    assert order == []
    assert client.get("/").text == "open"


@pytest.mark.row("A79")
def test_a_list_of_processors_is_composed_by_hand(app: Atilite, client: Client) -> None:
    class Checker:
        def __call__(self, was: Any) -> None:
            if was.request.get_header("x-token") is None:
                raise was.Error("400 Bad Request")

    processors = [Checker(), lambda was: None]

    @app.before_request
    def before_request(was: Any) -> Any:
        for processor in processors:
            response = processor(was)
            if response:
                return response
        return None

    @app.finish_request
    def finish_request(was: Any, response: str) -> str:
        was.response.add_header("X-Custom", "some-value")
        return response + "--"

    app.route("/")(lambda was: "x")

    assert client.get("/").status_code == 400
    answer = client.get("/", headers={"X-Token": "1"})
    assert (answer.text, answer.header("X-Custom")) == ("x--", "some-value")


@pytest.mark.row("A76", "D8")
def test_finish_request_gets_what_the_handler_returned_and_may_replace_it(app: Atilite, client: Client) -> None:
    seen: list[Any] = []
    app.finish_request(lambda was, response: seen.append(response))
    app.finish_request(lambda was, response: {"wrapped": response} if isinstance(response, dict) else None)
    app.route("/dict")(lambda was: {"a": 1})
    app.route("/text")(lambda was: "text")

    @app.route("/coroutine")
    def coroutine(was: Any) -> Any:
        task = yield was.Mask({"late": 1})
        return task.fetch()

    found = [client.get(path).data for path in ("/dict", "/text", "/coroutine")]
    assert found == [b'{"wrapped":{"a":1}}', b"text", b'{"wrapped":{"late":1}}']
    assert seen == [{"a": 1}, "text", {"late": 1}]


@pytest.mark.row("A76", "A81", "D8")
def test_finish_request_gets_the_response_of_a_stream_and_may_send_something_else(
    app: Atilite, client: Client
) -> None:
    closed: list[str] = []

    @app.finish_request
    def finish(was: Any, response: Any) -> Any:
        assert response is was.response
        response.set_header("X-Finished", "yes")
        return "instead" if "instead" in was.request.uri else None

    @app.route("/stream")
    def stream(was: Any) -> Any:
        try:
            yield "a"
            yield "b"
        finally:
            closed.append("closed")

    app.route("/instead", name="instead")(stream)

    answer = client.get("/stream")
    assert (answer.text, answer.header("X-Finished")) == ("ab", "yes")
    assert client.get("/instead").text == "instead"
    assert closed == ["closed", "closed"]


@pytest.mark.row("A77")
def test_failed_request_answers_for_errors_and_for_bugs(app: Atilite, client: Client) -> None:
    seen: list[Any] = []

    @app.failed_request
    def failed(was: Any, expt: Any) -> Any:
        kind, error, _ = expt
        seen.append(kind.__name__)
        return was.API("503 Service Unavailable", sorry=str(error)) if kind is ZeroDivisionError else None

    app.route("/bug")(lambda was: 1 / 0)

    @app.route("/error")
    def error(was: Any) -> None:
        raise was.Error("404 Not Found", "no photo")

    answer = client.get("/bug")
    assert (answer.status_code, answer.json()) == (503, {"sorry": "division by zero"})
    assert client.get("/error").json()["more_info"] == "no photo"
    assert seen == ["ZeroDivisionError", "Error"]


@pytest.mark.row("A77")
def test_a_failing_hook_is_an_error_like_any_other(app: Atilite, client: Client) -> None:
    ended: list[str] = []

    @app.failed_request
    def failed(was: Any, expt: Any) -> None:
        raise was.Error("409 Conflict", "from the hook")

    app.teardown_request(lambda was: ended.append("ended"))
    app.route("/bug")(lambda was: 1 / 0)

    answer = client.get("/bug")
    assert (answer.status_code, answer.json()["more_info"], ended) == (409, "from the hook", ["ended"])


@pytest.mark.row("A75")
def test_addresses_that_lead_nowhere_and_wrong_methods_run_no_before_hook(app: Atilite, client: Client) -> None:
    order: list[str] = []
    app.before_request(lambda was: order.append("before"))
    app.route("/", methods=["GET"])(lambda was: "x")

    assert [client.get("/none").status_code, client.post("/").status_code, order] == [404, 405, []]


@pytest.mark.row("A78")
def test_teardown_always_runs_and_an_error_in_it_stops_no_other(
    app: Atilite, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[str] = []
    app.teardown_request(lambda was: 1 / 0)
    app.teardown_request(lambda was: ended.append(was.request.uri))
    app.before_request(lambda was: 1 / 0 if "before" in was.request.uri else None)
    app.finish_request(lambda was, response: 1 / 0 if "finish" in was.request.uri else None)
    for name in ("ok", "before", "finish"):
        app.route(f"/{name}", name=name)(lambda was: "x")

    assert [client.get(path).status_code for path in ("/ok", "/before", "/finish")] == [200, 500, 500]
    assert ended == ["/ok", "/before", "/finish"]
    assert caplog.text.count("teardown_request hook") == 3


@pytest.mark.row("A78", "A81")
def test_teardown_waits_for_the_true_end_of_streams_bodies_and_coroutines(app: Atilite) -> None:
    order: list[str] = []
    app.teardown_request(lambda was: order.append("teardown"))

    def pieces() -> Iterator[str]:
        yield "a"
        order.append("piece")

    @app.route("/stream")
    def stream(was: Any) -> Any:
        yield from pieces()

    app.route("/body")(lambda was: was.response("200 OK", iter([*"ab"])))

    @app.route("/coroutine")
    def coroutine(was: Any) -> Any:
        yield was.Mask(1)
        order.append("piece")
        return "x"

    client = Client(app)
    for path in ("/stream", "/coroutine"):
        client.get(path)
    assert order == ["piece", "teardown", "piece", "teardown"]

    order.clear()
    started: list[str] = []
    from atilite.testing.client import environ

    body = app(environ("GET", "/body", {}, b""), lambda status, headers: started.append(status))
    assert (started, order) == (["200 OK"], [])
    assert b"".join(body) == b"ab"
    body.close()  # type: ignore[attr-defined]
    assert order == ["teardown"]


@pytest.mark.row("A77", "A81", "D19")
def test_an_error_has_one_path_before_and_after_a_wait(app: Atilite, client: Client) -> None:
    seen: list[str] = []
    app.failed_request(lambda was, expt: seen.append(was.request.uri))

    def failing(waits: int, done: bool) -> Any:
        def handler(was: Any) -> Any:
            for _ in range(waits):
                yield was.Mask(1) if done else was.Thread(lambda: 1)
            raise was.Error("410 Gone", "one error path")
            yield

        return handler

    for waits, done in ((0, True), (1, True), (1, False), (2, True)):
        app.route(f"/{waits}/{done}", name=f"r{waits}{done}", coroutine=True)(failing(waits, done))
    paths = ["/0/True", "/1/True", "/1/False", "/2/True"]
    answers = [client.get(path) for path in paths]

    assert [answer.status for answer in answers] == ["410 Gone"] * 4
    assert {answer.json()["more_info"] for answer in answers} == {"one error path"}
    assert seen == paths


@pytest.mark.row("A77", "A81")
def test_an_error_in_the_middle_of_a_stream_is_told_to_the_hooks(app: Atilite, client: Client) -> None:
    seen: list[Any] = []
    app.failed_request(lambda was, expt: seen.append(expt[0]))
    app.teardown_request(lambda was: seen.append("teardown"))

    @app.route("/")
    def stream(was: Any) -> Any:
        yield "a"
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        client.get("/")
    assert seen == [ValueError, "teardown"]


@pytest.mark.row("A38", "A36")
def test_hooks_and_handler_share_the_requests_and_the_apps_dictionary(app: Atilite, client: Client) -> None:
    app.g["total"] = 0

    @app.before_request
    def before(was: Any) -> None:
        app.g["total"] += 1
        was.request.g["resource"] = [was.request.uri]

    @app.teardown_request
    def teardown(was: Any) -> None:
        was.request.g["resource"].clear()

    app.route("/<name>")(lambda was, name: was.API(resource=was.request.g["resource"], total=app.g["total"]))

    assert client.get("/a").json() == {"resource": ["/a"], "total": 1}
    assert client.get("/b").json() == {"resource": ["/b"], "total": 2}


def module(name: str, mark: str, order: list[str], child: tuple[str, ModuleType] | None = None) -> ModuleType:
    """A mount whose hooks and handler say that they ran."""
    made = ModuleType(name)

    def setup(app: Any, mntopt: Any) -> None:
        app.before_request(lambda was: order.append(f"before {mark}"))
        app.finish_request(lambda was, response: order.append(f"finish {mark}"))
        app.failed_request(lambda was, expt: order.append(f"failed {mark}"))
        app.teardown_request(lambda was: order.append(f"teardown {mark}"))
        if child is not None:
            app.mount(*child)

    def mount(app: Any, mntopt: Any) -> None:
        app.route("/x")(lambda was: "x")
        app.route("/bug")(lambda was: 1 / 0)

    vars(made).update({"__setup__": setup, "__mount__": mount, "__file__": None})
    return made


@pytest.mark.row("A79")
def test_a_hook_of_a_mount_holds_for_it_and_for_what_is_below(site: Site) -> None:
    order: list[str] = []
    deep = module("deep", "deep", order)
    package = module("package", "package", order, ("/sub", module("sub", "sub", order, ("/deep", deep))))
    other = module("other", "other", order)
    own_setup = vars(package)["__setup__"]
    vars(package)["__setup__"] = lambda app, mntopt: (own_setup(app, mntopt), app.mount("/other", other))
    app = vars(package)["app"] = Atilite("package")
    app.route("/module")(lambda was: "x")
    site.mount("/", package)
    client = Client(site.open(Settings(db=f"sqlite:///{site.root}/data.db")))

    def ran(path: str) -> list[str]:
        order.clear()
        client.get(path)
        return [word for word in order if not word.startswith(("finish", "teardown"))]

    inwards = ["before package", "before sub", "before deep"]
    assert ran("/sub/deep/x") == inwards
    assert order == [
        *inwards, "finish deep", "finish sub", "finish package", "teardown deep", "teardown sub", "teardown package",
    ]  # fmt: skip
    assert ran("/sub/deep/bug") == [*inwards, "failed deep", "failed sub", "failed package"]
    assert ran("/sub/x") == inwards[:2]
    assert ran("/other/x") == ["before package", "before other"]
    # The package that makes the app is the app: its hooks hold for what is declared beside the mounts too.
    assert ran("/x") == ran("/module") == ["before package"]


def test_a_hook_that_comes_after_the_first_request_is_an_error(app: Atilite, client: Client) -> None:
    client.get("/")
    with pytest.raises(Frozen, match="before_request"):
        app.before_request(lambda was: None)


@pytest.mark.row("A80", "D9")
def test_events_tell_of_each_point_asynchronously_and_cannot_answer(app: Atilite, client: Client) -> None:
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()

    @app.on("before_request")
    def on_before_request(was: Any) -> str:
        told.put(("before", was.request.uri))
        return "ignored"

    @app.on("finish_request")
    def on_finish_request(was: Any, response: Any) -> None:
        told.put(("finish", was.request.uri, response))
        raise ValueError("only logged")

    @app.on("failed_request")
    def on_failed_request(was: Any, expt: Any) -> None:
        told.put(("failed", was.request.uri, expt[0]))

    @app.on("teardown_request")
    def on_teardown_request(was: Any) -> None:
        told.put(("teardown", was.request.uri))

    app.finish_request(lambda was, response: response + "!")
    app.route("/ok")(lambda was: "ok")
    app.route("/bug")(lambda was: 1 / 0)

    assert client.get("/ok").text == "ok!"
    assert client.get("/bug").status_code == 500
    events = {told.get(timeout=10) for _ in range(6)}
    assert events == {
        ("before", "/ok"), ("finish", "/ok", "ok!"), ("teardown", "/ok"),
        ("before", "/bug"), ("failed", "/bug", ZeroDivisionError), ("teardown", "/bug"),
    }  # fmt: skip


@pytest.mark.row("A80")
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_handler_of_an_event_may_leave_was_out_and_be_async(
    app: Atilite, client: Client, asynchronous: bool
) -> None:
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    if asynchronous:

        @app.on("finish_request")
        async def later(response: Any) -> None:
            told.put(response)
    else:
        app.on("finish_request")(lambda response: told.put(response))
    app.route("/")(lambda: "ok")

    client.get("/")
    assert told.get(timeout=10) == "ok"


@pytest.mark.row("A75")
def test_hooks_of_an_app_do_not_run_for_another_one(site: Site) -> None:
    order: list[str] = []
    one, two = Atilite("one"), Atilite("two")
    one.before_request(lambda was: order.append("one"))
    for app in (one, two):
        app.route("/x")(lambda was: "x")
    site.mount("/one", one)
    site.mount("/two", two)
    client = Client(site.open(Settings(db=f"sqlite:///{site.root}/data.db")))

    assert [client.get(path).text for path in ("/two/x", "/one/x")] == ["x", "x"]
    assert order == ["one"]
