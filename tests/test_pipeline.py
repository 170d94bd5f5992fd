"""The way of a request through an app: routes, parameters, hooks, handlers of every kind, answers and errors."""

from __future__ import annotations

from typing import Any
from wsgiref.validate import validator

import bottle
import pytest

from atilite import Atilite, Error
from atilite.errors import Frozen, ResourceError, SetupError, StoreFull
from atilite.testing.client import Client


@pytest.fixture
def app() -> Atilite:
    return Atilite("tested")


@pytest.fixture
def client(app: Atilite) -> Client:
    return Client(app)


@pytest.mark.row("A1")
def test_a_handler_with_was_gets_the_helper_of_this_app(app: Atilite, client: Client) -> None:
    @app.route("/")
    def index(was: Any) -> str:
        return f"{was.app is app} {was.request.method}"

    assert client.get("/").text == "True GET"


@pytest.mark.row("A1")
def test_a_handler_without_was_gets_only_its_parameters(app: Atilite, client: Client) -> None:
    @app.get("/add/<a:int>/<b:int>")
    def add(a: int, b: int) -> dict[str, int]:
        return {"sum": a + b}

    assert client.get("/add/2/3").json() == {"sum": 5}


@pytest.mark.row("A89", "A90")
def test_a_route_answers_get_head_and_post_unless_it_names_methods(app: Atilite, client: Client) -> None:
    @app.route("/both")
    def both(was: Any) -> str:
        return was.request.method

    @app.route("/put", methods=["PUT"])
    def put(was: Any) -> str:
        return "put"

    assert client.get("/both").text == "GET"
    assert client.post("/both").text == "POST"
    head = client.request("HEAD", "/both")
    assert (head.status_code, head.data, head.header("Content-Length")) == (200, b"", "4")
    refused = client.get("/put")
    assert (refused.status_code, refused.header("Allow")) == (405, "PUT")


@pytest.mark.row("A90")
def test_the_allow_of_a_405_names_head_wherever_get_is_answered(app: Atilite, client: Client) -> None:
    app.route("/both")(lambda was: "both")
    app.route("/items/<int:id>", methods=["GET", "DELETE"], name="item")(lambda was, id: "item")
    app.route("/put", methods=["PUT"], name="put")(lambda was: "put")

    refused = {path: client.request("PATCH", path) for path in ("/both", "/items/1", "/put")}
    assert {path: (answer.status_code, answer.header("Allow")) for path, answer in refused.items()} == {
        "/both": (405, "GET, HEAD, POST"),
        "/items/1": (405, "DELETE, GET, HEAD"),
        "/put": (405, "PUT"),
    }
    assert client.request("HEAD", "/put").header("Allow") == "PUT"


@pytest.mark.row("A94")
def test_the_last_parameter_of_the_path_may_be_left_out_when_it_has_a_default(app: Atilite, client: Client) -> None:
    @app.route("/profiles/<int:id>")
    def profile(was: Any, id: int | None = None, detail: str = "no") -> Any:
        return was.API(id=id, detail=detail)

    assert client.get("/profiles/5?detail=yes").json() == {"id": 5, "detail": "yes"}
    assert client.get("/profiles").json() == {"id": None, "detail": "no"}
    assert client.get("/profiles/me").json() == {"id": "me", "detail": "no"}


@pytest.mark.row("A94")
def test_a_route_declared_for_the_shorter_url_goes_before_the_one_with_a_parameter_left_out(
    app: Atilite, client: Client
) -> None:
    @app.route("/profiles/<int:id>")
    def profile(was: Any, id: int | None = None) -> str:
        return "one"

    @app.route("/profiles")
    def profiles(was: Any) -> str:
        return "all"

    assert client.get("/profiles").text == "all"


@pytest.mark.row("A14")
def test_a_path_without_its_slash_is_led_to_the_one_with_it(app: Atilite, client: Client) -> None:
    @app.route("/sub/")
    def sub(was: Any) -> str:
        return "sub"

    led = client.get("/sub?a=1")
    assert (led.status_code, led.header("Location")) == (301, "/sub/?a=1")
    assert client.post("/sub").status_code == 404


@pytest.mark.row("A96")
def test_missing_and_unneeded_parameters_are_named(app: Atilite, client: Client) -> None:
    @app.route("/x")
    def x(was: Any, name: str) -> str:
        return name

    assert client.get("/x").json()["more_info"] == "parameter `name` is missing"
    assert "`other` needn't" in client.get("/x?name=a&other=b").json()["more_info"]


@pytest.mark.row("A15", "A24")
def test_an_existing_static_file_wins_over_a_route(app: Atilite, client: Client, tmp_path: Any) -> None:
    (tmp_path / "hello.txt").write_text("from the file")
    app.set_static("/", tmp_path)

    @app.route("/hello.txt")
    def hello(was: Any) -> str:
        return "from the route"

    @app.route("/other")
    def other(was: Any) -> str:
        return "from the other route"

    served = client.get("/hello.txt")
    assert served.text == "from the file"
    assert client.get("/hello.txt", headers={"If-None-Match": served.header("ETag") or ""}).status_code == 304
    assert client.request("HEAD", "/hello.txt").data == b""
    assert client.get("/other").text == "from the other route"


def test_headers_and_status_set_on_bottles_own_response_hold_for_handlers_without_was(
    app: Atilite, client: Client
) -> None:
    @app.get("/old")
    def old() -> str:
        bottle.response.status = 201
        bottle.response.set_header("X-Old", "yes")
        return "made"

    answer = client.get("/old")
    assert (answer.status_code, answer.header("X-Old"), answer.text) == (201, "yes", "made")
    assert client.get("/nothing").header("X-Old") is None


def test_bottles_abort_and_redirect_work(app: Atilite, client: Client) -> None:
    @app.get("/abort")
    def stop() -> None:
        bottle.abort(409, "taken")

    @app.get("/away")
    def away() -> None:
        bottle.redirect("/there", 303)

    taken = client.get("/abort").json()
    assert (taken["code"], taken["more_info"]) == (40900, "taken")
    assert client.get("/away").status_code == 303


def test_a_bottle_plugin_installed_by_the_user_wraps_the_handler(app: Atilite, client: Client) -> None:
    def shout(callback: Any) -> Any:
        def wrapper(*args: Any, **kwargs: Any) -> str:
            return str(callback(*args, **kwargs)).upper()

        return wrapper

    app.install(shout)

    @app.route("/hello/<name>")
    def hello(was: Any, name: str) -> str:
        return f"hello {name}"

    assert client.get("/hello/ada").text == "HELLO ADA"


def test_a_wsgi_app_and_a_bottle_app_can_be_mounted_below_an_app(app: Atilite, client: Client) -> None:
    def wsgi(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{environ['SCRIPT_NAME']} {environ['PATH_INFO']}".encode()]

    other = bottle.Bottle()

    @other.get("/x")
    def x() -> str:
        return "from bottle"

    app.mount("/wsgi", wsgi)
    app.mount("/bottle", other)
    served = client.get("/wsgi/a/b")
    assert served.text == "/wsgi /a/b"
    assert served.header("X-Content-Type-Options") == "nosniff"
    assert client.get("/bottle/x").text == "from bottle"


@pytest.mark.row("A154")
def test_a_bug_is_a_500_that_tells_strangers_nothing(app: Atilite, client: Client) -> None:
    @app.route("/bug")
    def bug(was: Any) -> str:
        raise KeyError("the secret")

    answer = client.get("/bug")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    app.debug = True
    assert "the secret" in client.get("/bug").text


@pytest.mark.row("M18", "reliability-30")
def test_not_even_a_developer_sees_a_secret_in_a_traceback(
    app: Atilite, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATILITE_SECRET_PUMP", "s3cr3t-of-the-pump")

    @app.route("/bug")
    def bug(was: Any) -> str:
        raise KeyError(app.secret("pump"))

    app.debug = True
    for accept in ("application/json", "text/html"):
        text = client.get("/bug", headers={"Accept": accept}).text
        assert "KeyError" in text
        assert "s3cr3t" not in text


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (Error(418, "short and stout"), 418),
        (TimeoutError("too long"), 504),
        (ResourceError("@api", "away"), 502),
        (StoreFull("disk full"), 503),
        (ValueError("bug"), 500),
    ],
)
def test_what_a_handler_raises_decides_the_status(app: Atilite, client: Client, raised: Exception, status: int) -> None:
    @app.route("/raise")
    def fail(was: Any) -> None:
        raise raised

    assert client.get("/raise").status_code == status


@pytest.mark.parametrize("raised", [ResourceError("@db", "no column named pin"), TimeoutError("http://10.0.0.7/x")])
def test_what_failed_behind_a_handler_is_for_the_log_and_a_developer(
    app: Atilite, client: Client, caplog: pytest.LogCaptureFixture, raised: Exception
) -> None:
    @app.route("/raise")
    def fail(was: Any) -> None:
        raise raised

    assert client.get("/raise").json()["more_info"] == ""
    assert "GET /raise: 50" in caplog.text
    assert str(raised) in caplog.text
    app.debug = True
    assert client.get("/raise").json()["more_info"] == str(raised)


@pytest.mark.row("A152", "A153")
def test_an_error_is_json_or_html_as_the_client_accepts(app: Atilite, client: Client) -> None:
    @app.route("/raised")
    def raised(was: Any) -> None:
        raise was.Error("410 Gone", "it was <here>", 41001)

    assert client.get("/raised").json() == {"code": 41001, "message": "gone", "more_info": "it was <here>"}
    page = client.get("/raised", headers={"Accept": "text/html"})
    assert page.header("Content-Type") == "text/html; charset=utf-8"
    assert "it was &lt;here&gt;" in page.text


@pytest.mark.row("A155")
def test_none_is_no_answer_and_the_log_names_the_handler(
    app: Atilite, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    @app.route("/nothing")
    def nothing(was: Any) -> None:
        return None

    assert client.get("/nothing").status_code == 500
    assert f"{__name__}.nothing returned None" in caplog.text


@pytest.mark.row("A75", "A76", "A77", "A78")
def test_hooks_run_around_a_request_in_their_order(app: Atilite, client: Client) -> None:
    told: list[str] = []

    @app.before_request
    def before(was: Any) -> str | None:
        told.append("before")
        return "closed" if was.request.path == "/closed" else None

    @app.finish_request
    def finish(was: Any, response: Any) -> str:
        told.append("finish")
        was.response.add_header("X-Custom", "some-value")
        return response + "--"

    @app.failed_request
    def failed(was: Any, expt: Any) -> str | None:
        told.append(f"failed {expt[0].__name__}")
        return "mended" if was.request.path == "/mend" else None

    @app.teardown_request
    def teardown(was: Any) -> None:
        told.append("teardown")

    @app.route("/<path:path>")
    def handler(was: Any, path: str) -> str:
        told.append("handler")
        if path != "fine":
            raise ValueError(path)
        return path

    fine = client.get("/fine")
    assert (fine.text, fine.header("X-Custom")) == ("fine--", "some-value")
    assert told == ["before", "handler", "finish", "teardown"]
    told.clear()
    assert client.get("/closed").text == "closed--"
    assert told == ["before", "finish", "teardown"]
    told.clear()
    assert client.get("/mend").text == "mended"
    assert told == ["before", "handler", "failed ValueError", "teardown"]


@pytest.mark.row("A81")
def test_hooks_of_a_coroutine_run_at_its_true_end(app: Atilite, client: Client) -> None:
    told: list[str] = []

    @app.finish_request
    def finish(was: Any, response: Any) -> None:
        told.append(f"finish {response}")

    @app.teardown_request
    def teardown(was: Any) -> None:
        told.append("teardown")

    @app.route("/co", coroutine=True)
    def co(was: Any) -> Any:
        task = yield was.Thread(lambda: told.append("task") or "result")
        return task.fetch()

    assert client.get("/co").text == "result"
    assert told == ["task", "finish result", "teardown"]


def test_every_answer_carries_the_security_headers(app: Atilite, client: Client) -> None:
    @app.route("/")
    def index(was: Any) -> str:
        return "x"

    for path in ("/", "/missing"):
        answer = client.get(path)
        assert "default-src 'self'" in (answer.header("Content-Security-Policy") or "")
        assert answer.header("X-Frame-Options") == "DENY"
        assert answer.header("Cache-Control") == "no-store"


def test_a_route_with_a_role_lets_nobody_in_where_nobody_has_an_account(app: Atilite, client: Client) -> None:
    @app.route("/admin", role="admin")
    def admin(was: Any) -> str:
        return "secret"

    assert client.get("/admin").status_code == 401


def test_a_route_after_the_first_request_is_refused(app: Atilite, client: Client) -> None:
    client.get("/")
    with pytest.raises(Frozen, match="after the app had started"):
        app.route("/late")(lambda was: "late")


def test_a_rule_must_begin_with_a_slash(app: Atilite) -> None:
    with pytest.raises(SetupError, match="must be blank or start with '/'"):
        app.route("late")(lambda was: "late")


def test_the_app_follows_the_rules_of_wsgi(app: Atilite) -> None:
    @app.route("/")
    def index(was: Any) -> str:
        return "hello"

    @app.route("/stream")
    def stream(was: Any) -> Any:
        yield "a"
        yield "b"

    @app.route("/co")
    def co(was: Any) -> Any:
        yield was.Sleep(0)
        return {"done": True}

    client = Client(validator(app))
    assert client.get("/").text == "hello"
    assert client.get("/stream").text == "ab"
    assert client.get("/co").json() == {"done": True}
    assert client.get("/missing").status_code == 404
    assert client.request("HEAD", "/").data == b""


@pytest.mark.row("A25", "A26")
def test_events_reach_their_subscribers_with_was_first(app: Atilite, client: Client) -> None:
    from queue import SimpleQueue

    told: SimpleQueue[Any] = SimpleQueue()

    @app.on("custom-event")
    def on_custom(was: Any, detail: str) -> None:
        told.put((was.app, detail))

    @app.route("/make")
    def make(was: Any) -> str:
        app.emit("custom-event", "seen")
        return "OK"

    client.get("/make")
    assert told.get(timeout=5) == (app, "seen")


@pytest.mark.row("A35", "A36")
def test_the_apps_store_is_a_dictionary_for_all_threads(app: Atilite) -> None:
    app.store.set("nodes", 3)
    assert app.store.get("nodes") == 3
    assert app.g["nodes"] == 3


@pytest.mark.row("A123", "A124", "A125")
def test_urls_are_made_from_names_handlers_and_paths(app: Atilite, client: Client) -> None:
    @app.route("/items/<int:id>")
    def item(was: Any, id: int | None = None, detail: str = "no") -> Any:
        return was.API(
            name=was.urlfor("item", 5),
            function=was.urlfor(item, id=7, detail="yes"),
            path=was.urlfor("/index.htm"),
            static=was.static("img/x.png"),
        )

    assert client.get("/items/1").json() == {
        "name": "/items/5",
        "function": "/items/7?detail=yes",
        "path": "/index.htm",
        "static": "/img/x.png",
    }
