"""Applications of other frameworks below a site, and below an app of ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import bottle
import flask
import pytest

from atilite import Atilite
from atilite.config import Settings
from atilite.errors import SetupError
from atilite.foreign import MILD
from atilite.mounting import Preference
from atilite.site import Site
from atilite.testing.client import Answer, Client
from tests.api.conftest import PASSWORD
from tests.packages import package

CSP = "Content-Security-Policy"


class Place:
    """Where an application is mounted: at /x of a site, or at /x of an app of ours at /our."""

    def __init__(self, folder: Path, below_app: bool) -> None:
        self.site, self.below_app = Site(folder), below_app
        self.outer = Atilite("outer")
        self.outer.securekey = "k" * 32
        self.prefix = "/our/x" if below_app else "/x"
        self.settings = Settings(db=f"sqlite:///{folder}/data.db")

    def mount(self, application: Any, **options: Any) -> Client:
        if self.below_app:
            self.outer.mount("/x", application, **options)
        else:
            self.site.mount("/x", application)
        self.site.mount("/our", self.outer)
        return Client(self.site.open(self.settings))


@pytest.fixture(params=[False, True], ids=["site", "app"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path, request.param)
    yield made
    made.site.stop(1.0)
    made.site.close()


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Place]:
    """Below an app of ours."""
    made = Place(tmp_path, True)
    yield made
    made.site.stop(1.0)
    made.site.close()


def told(environ: Any, start_response: Any) -> list[bytes]:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Type", "text/plain")])
    words = [environ["REQUEST_METHOD"], environ["SCRIPT_NAME"], environ["PATH_INFO"], environ["QUERY_STRING"]]
    return [" ".join(words).encode("latin-1"), b" ", body]


@pytest.mark.row("A199", "A3")
@pytest.mark.parametrize(
    ("path", "info"), [("", ""), ("/", "/"), ("/a/b%20c", "/a/b c"), ("/%C3%A4/%2F", "/ä//"), ("/%FF", "/\xff")]
)
def test_an_application_is_called_as_its_own_server_would(place: Place, path: str, info: str) -> None:
    client = place.mount(told)

    raw = info.encode("latin-1") if info == "/\xff" else info.encode()
    assert client.get(f"{place.prefix}{path}?q=1").data == f"GET {place.prefix} ".encode() + raw + b" q=1 "
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"):
        assert client.request(method, place.prefix + path, body=b"sent").data.startswith(f"{method} ".encode())
    assert client.post(place.prefix, form={"a": "1"}).data.endswith(b" a=1")
    assert client.get(place.prefix + "y").status_code == 404


@pytest.mark.row("A199")
def test_its_headers_stay_and_milder_ones_than_ours_are_added(place: Place) -> None:
    own = [("Content-Type", "text/html"), ("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("x-frame-options", "DENY")]

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("299 As You Like", own)
        return [b"<script>1</script>"]

    answer = place.mount(application).get(place.prefix)

    assert answer.status == "299 As You Like"
    assert [header for header in answer.headers if header in own] == own
    assert len(answer.all_headers("X-Frame-Options")) == 1
    assert {name: answer.header(name) for name, _ in MILD} == {**dict(MILD), "X-Frame-Options": "DENY"}
    assert "default-src" not in (answer.header(CSP) or "")


@pytest.mark.row("A199")
def test_a_stream_comes_piece_by_piece_and_is_closed(place: Place) -> None:
    seen: list[str] = []

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        # The status of a generator comes with its first step, and write() goes before what is returned.
        write = start_response("201 Created", [("Content-Type", "text/plain")])
        write(b"zero ")
        try:
            for number in range(3):
                seen.append(str(number))
                yield f"{number} ".encode()
        finally:
            seen.append("closed")

    client = place.mount(application)
    heads: list[str] = []
    body = place.site(environ_of(place.prefix), lambda status, headers: heads.append(status))
    pieces = iter(body)
    assert (heads, next(pieces), len(seen) <= 1) == (["201 Created"], b"zero ", True)
    assert next(pieces) == b"0 "
    body.close()  # type: ignore[attr-defined]
    assert seen[-1] == "closed"
    assert client.get(place.prefix).text == "zero 0 1 2 "


def environ_of(path: str) -> dict[str, Any]:
    made: dict[str, Any] = {"PATH_INFO": path, "SCRIPT_NAME": "", "HTTP_HOST": "localhost"}
    setup_testing_defaults(made)
    return made


@pytest.mark.row("A199", "A154")
@pytest.mark.parametrize("late", [False, True])
def test_a_bug_of_the_application_is_a_recorded_500(place: Place, late: bool, caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: Any, start_response: Any) -> Any:
        if not late:
            raise KeyError("the secret")
        return generated(start_response)

    def generated(start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b""
        raise KeyError("the secret")

    with caplog.at_level(logging.ERROR, "atilite"):
        answer = place.mount(application).get(place.prefix + "/bug", headers={"Accept": "text/html"})

    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "the secret" in caplog.text
    assert "/bug" in caplog.text


@pytest.mark.row("A199")
def test_an_error_after_the_first_piece_breaks_the_answer(place: Place) -> None:
    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"begun"
        raise ValueError("too late")

    client = place.mount(application)
    with pytest.raises(ValueError, match="too late"):
        client.get(place.prefix)


@pytest.mark.row("A199")
def test_an_application_may_replace_its_answer_by_an_error_of_its_own(place: Place) -> None:
    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        start_response("503 Not Now", [("Content-Type", "text/plain")], (None, None, None))
        return [b"own error"]

    answer = place.mount(application).get(place.prefix)

    assert (answer.status, answer.text) == ("503 Not Now", "own error")


@pytest.mark.parametrize("fault", ["never", "twice"])
def test_an_application_that_breaks_the_rules_is_a_500(place: Place, fault: str) -> None:
    def application(environ: Any, start_response: Any) -> list[bytes]:
        for _ in range(2 if fault == "twice" else 0):
            start_response("200 OK", [])
        return [b"x"]

    assert place.mount(application).get(place.prefix).status_code == 500


def flask_app() -> flask.Flask:
    app = flask.Flask("shop")
    app.secret_key = "a key of its own"

    @app.route("/", methods=["GET", "POST"])
    def index() -> Any:
        flask.session["count"] = flask.session.get("count", 0) + 1
        return f"{flask.url_for('item', name='a b')} {flask.session['count']} {flask.request.form.get('text', '')}"

    @app.route("/item/<name>")
    def item(name: str) -> str:
        return name

    @app.route("/stream")
    def stream() -> Any:
        return flask.Response(flask.stream_with_context(f"{flask.request.path} {n} " for n in range(2)))

    @app.route("/bug")
    def bug() -> Any:
        raise ValueError("a bug")

    @app.errorhandler(404)
    def missing(error: Any) -> Any:
        return "its own page", 404

    return app


@pytest.mark.row("A199")
def test_a_flask_app_has_its_urls_its_session_its_streams_and_its_error_pages(place: Place) -> None:
    client = place.mount(flask_app())

    assert client.get(place.prefix + "/").text == f"{place.prefix}/item/a%20b 1 "
    foreign = {"Origin": "http://elsewhere.example"}
    assert client.post(place.prefix + "/", form={"text": "sent"}, headers=foreign).text.endswith(" 2 sent")
    assert client.get(place.prefix + "/item/a%20b").text == "a b"
    assert client.get(place.prefix + "/stream").text == "/stream 0 /stream 1 "
    assert client.get(place.prefix + "/bug").status_code == 500
    answer = client.get(place.prefix + "/nowhere")
    assert (answer.status_code, answer.text) == (404, "its own page")
    assert client.request("HEAD", place.prefix + "/item/x").data == b""


def bottle_app() -> bottle.Bottle:
    app = bottle.Bottle()

    @app.hook("before_request")
    def before() -> None:
        bottle.response.set_header("X-Own", bottle.request.script_name)

    @app.get("/")
    def index() -> str:
        return "index"

    @app.get("/data/<name>")
    def data(name: str) -> dict[str, str]:
        return {"name": name, "url": bottle.request.fullpath}

    @app.get("/stream")
    def stream() -> Iterator[str]:
        for _ in range(2):
            yield bottle.request.path + " "

    @app.post("/form")
    def form() -> str:
        return str(bottle.request.forms.get("text"))

    @app.get("/file")
    def file() -> Any:
        return bottle.static_file("test_foreign.py", Path(__file__).parent)

    @app.error(404)
    def missing(error: Any) -> str:
        return "its own page"

    return app


@pytest.mark.row("A199")
def test_a_bottle_app_keeps_its_hooks_its_plugins_and_its_error_pages(place: Place) -> None:
    client = place.mount(bottle_app())

    index = client.get(place.prefix + "/")
    assert (index.text, index.header("X-Own")) == ("index", place.prefix + "/")
    assert client.get(place.prefix).text == "index"
    assert client.get(place.prefix + "/data/a").json() == {"name": "a", "url": place.prefix + "/data/a"}
    assert client.get(place.prefix + "/stream").text == "/stream /stream "
    assert client.post(place.prefix + "/form", form={"text": "sent"}).text == "sent"
    assert client.get(place.prefix + "/file").data == Path(__file__).read_bytes()
    answer = client.get(place.prefix + "/nowhere")
    assert (answer.status_code, answer.text) == (404, "its own page")


@pytest.mark.row("A199")
def test_one_application_may_stand_at_two_places(inside: Place) -> None:
    app = bottle_app()
    inside.outer.mount("/y", app)
    client = inside.mount(app)

    assert [client.get(f"/our/{name}/data/a").json()["url"] for name in "xy"] == ["/our/x/data/a", "/our/y/data/a"]


@pytest.mark.row("A199")
def test_an_app_of_ours_inside_something_else_answers_through_that(place: Place) -> None:
    inner = Atilite("inner")

    @inner.route("/slow", coroutine=True)
    def slow(was: Any) -> Any:
        task = yield was.Thread(lambda: "done")
        return f"{task.fetch()} {was.urlfor('slow')}"

    def shouting(environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: Any, *rest: Any) -> Any:
            return start_response(status, [*headers, ("X-Wrapped", "yes")], *rest)

        return [b"".join(inner(environ, start)).upper()]

    place.mount(shouting)
    environ = {**environ_of(place.prefix + "/slow"), "atilite.exchange": True}
    heads: list[Any] = []
    body = b"".join(place.site(environ, lambda *head: heads.extend(head)))
    assert body == f"DONE {place.prefix}/SLOW".upper().encode()
    assert ("X-Wrapped", "yes") in heads[1]


# -- what surrounds an application that is mounted in an app


@pytest.mark.row("A199", "A75", "A76", "A78")
def test_the_hooks_of_the_surrounding_app_run_and_leave_it_its_body(inside: Place) -> None:
    told_of: list[str] = []

    @inside.outer.before_request
    def before(was: Any) -> None:
        told_of.append(f"before {was.request.args.get('text')}")
        was.cookie["seen"] = "1"

    @inside.outer.finish_request
    def finish(was: Any, response: Any) -> None:
        response.add_header("X-Finished", response.status_code)

    @inside.outer.teardown_request
    def teardown(was: Any) -> None:
        told_of.append("teardown")

    client = inside.mount(flask_app())
    answer = client.post("/our/x/", form={"text": "sent"})

    assert answer.text.endswith(" 1 sent")
    assert answer.header("X-Finished") == "200"
    assert told_of == ["before sent", "teardown"]
    assert {"seen", "session"} <= set(client.cookies)
    boundary = b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nmany parts\r\n--b--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    assert client.post("/our/x/", body=boundary, headers=kind).text.endswith(" 2 many parts")
    assert told_of[-2:] == ["before many parts", "teardown"]


@pytest.mark.row("A199")
def test_the_surroundings_and_the_application_see_their_own_request(inside: Place) -> None:
    seen: list[str] = []
    inside.outer.add_hook("after_request", lambda: seen.append(bottle.request.path))

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [" ".join(key for key in environ if key.startswith(("bottle.", "route."))).encode()]

    inside.outer.mount("/y", bottle_app())
    client = inside.mount(application)

    assert client.get("/our/x/a").text == ""
    assert client.get("/our/y/data/a").status_code == 200
    assert seen == ["/x/a", "/y/data/a"]


@pytest.mark.row("A199")
def test_its_answers_are_neither_compressed_nor_added_to(place: Place) -> None:
    body = b'{"secret": "' + b"x" * 5000 + b'"}'

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    place.settings = Settings(db=place.settings.db, devel=True)
    answer = place.mount(application).get(place.prefix, headers={"Accept-Encoding": "gzip"})

    assert answer.data == body
    assert answer.header("Content-Encoding") is None


@pytest.mark.row("A199")
def test_a_path_that_only_looks_like_one_below_the_application_is_not(inside: Place) -> None:
    assert inside.mount(told).get("/our/%FFx/a").status_code == 404


@pytest.mark.row("A199", "A77")
def test_the_surrounding_app_answers_for_its_bugs(inside: Place) -> None:
    @inside.outer.failed_request
    def failed(was: Any, info: Any) -> Any:
        return was.response("503 Broken", type(info[1]).__name__)

    def application(environ: Any, start_response: Any) -> Any:
        raise KeyError("x")

    answer = inside.mount(application).get("/our/x")
    assert (answer.status, answer.text) == ("503 Broken", "KeyError")


@pytest.mark.row("A199", "A65")
def test_the_authentication_of_the_surrounding_app_holds_for_it(inside: Place) -> None:
    inside.outer.authenticate, inside.outer.users = "basic", {"ana": "secret"}
    client = inside.mount(told)

    assert client.get("/our/x").status_code == 401
    assert client.get("/our/x", headers={"Authorization": "Basic YW5hOnNlY3JldA=="}).status_code == 200


@pytest.mark.row("A199", "reliability-23", "reliability-24")
def test_a_role_guards_it_without_a_token_of_ours_in_its_forms(inside: Place) -> None:
    client = inside.mount(flask_app(), role="run")
    accounts = inside.site.database().accounts
    for role in ("view", "run"):
        accounts.add(role, PASSWORD, role)

    def post(role: str, **headers: str) -> Answer:
        client.cookies.clear()
        if role:
            client.cookies["atilite_session"] = inside.site.access.login(role, PASSWORD, "10.0.0.1")
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.post("/our/x/", form={"text": "sent"}, headers=sent)

    assert post("run", Origin="http://localhost").status_code == 200
    assert post("run").status_code == 200
    assert post("").status_code == 401
    assert post("view", Origin="http://localhost").status_code == 403
    for foreign in ({"Origin": "http://evil.example"}, {"Sec_Fetch_Site": "cross-site"}):
        assert post("run", **foreign).status_code == 403
    token = accounts.add_token("phone", "run")
    assert post("", Authorization=f"Bearer {token}", Origin="http://elsewhere.example").status_code == 200


@pytest.mark.row("A199", "A15", "A24")
def test_files_below_an_application_are_served_before_it(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.css").write_text("body {}")
    outer, pref = Atilite("outer"), Preference()
    outer.mount("/x", told)
    pref.set_static("/x/static", str(tmp_path / "files"))
    site = Site(tmp_path)
    site.mount("/site", told)
    site.mount("/site/static", str(tmp_path / "files"))
    site.mount("/our", outer, pref)
    client = Client(site.open(Settings(db=f"sqlite:///{tmp_path}/data.db")))

    for prefix in ("/site", "/our/x"):
        assert client.get(f"{prefix}/static/a.css").text == "body {}"
        assert client.get(f"{prefix}/page").text == f"GET {prefix} /page  "
    site.close()


def test_it_has_a_name_for_urls_and_wins_over_routes_that_take_everything(inside: Place) -> None:
    @inside.outer.route("/<path:path>")
    def rest(was: Any, path: str) -> str:
        return was.urlfor("shop")  # type: ignore[no-any-return]

    client = inside.mount(told, name="shop")

    assert client.get("/our/elsewhere").text == "/our/x"
    assert client.get("/our/x/a").text == "GET /our/x /a  "


@pytest.mark.row("A12", "D1")
@pytest.mark.parametrize("hook", ["__setup__", "__mount__"])
def test_its_point_is_relative_to_the_module_that_mounts_it(tmp_path: Path, hook: str) -> None:
    files = {
        "myapp/__init__.py": """
            def __setup__ (app):
                from . import sub
                app.mount ('/sub', sub)
            """,
        "myapp/sub.py": f"""
            from tests.test_foreign import told

            def {hook} (app):
                app.mount ('/x', told)
            """,
    }
    with package(tmp_path, "myapp", files) as myapp:
        site = Site(tmp_path)
        site.mount("/our", myapp)
        client = Client(site.open(Settings(db=f"sqlite:///{tmp_path}/data.db")))
        assert client.get("/our/sub/x/a").text == "GET /our/sub/x /a  "
        assert client.get("/our/x/a").status_code == 404
        assert client.get("/our/sub/told").status_code == 404
        site.close()


def test_the_root_of_an_app_is_no_place_for_another_application() -> None:
    with pytest.raises(SetupError, match="say atilite"):
        Atilite("outer").mount("/", told)
