from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from atilite import Atilite
from atilite.errors import SetupError
from atilite.testing.client import Client
from atilite.testing.clock import FakeClock

HTML = {"Accept": "text/html,*/*"}


@pytest.fixture
def app() -> Atilite:
    return Atilite("tested")


@pytest.fixture
def client(app: Atilite) -> Client:
    return Client(app, headers=HTML)


def failing(app: Atilite) -> None:
    @app.route("/gone")
    def gone(was: Any, a: str = "") -> None:
        was.response.set_header("ETag", '"of the page that failed"')
        raise was.Error("410 Gone", "no such <photo>", 41001, headers=[("X-Why", "old")])

    app.route("/bug")(lambda was: 1 / 0)
    app.route("/only", methods=["PUT"], name="only")(lambda was: "x")


@pytest.mark.row("A177")
def test_a_template_tells_what_went_wrong(app: Atilite, client: Client, tmp_path: Path) -> None:
    (tmp_path / "errors").mkdir()
    (tmp_path / "errors/default.j2").write_text(
        "<h1>{{ error.code }} {{ error.message }}</h1><p>{{ error.detail }}</p>"
        "<i>{{ error.url }} {{ error.time }} {{ error.errno }} {{ error.mode }} {{ error.traceback }}</i>"
    )
    app.use_templates([tmp_path], reload=False)
    app.clock = FakeClock(1_700_000_000.0)

    @app.default_error_handler
    def default_error_handler(was: Any, error: Any) -> Any:
        return was.render("errors/default.j2", error=error)

    failing(app)

    answer = client.get("/gone?a=1")
    assert answer.status == "410 Gone"
    assert answer.text == (
        "<h1>410 Gone</h1><p>no such &lt;photo&gt;</p><i>/gone?a=1 2023-11-14 22:13:20 41001 normal </i>"
    )
    assert (answer.header("X-Why"), answer.header("ETag")) == ("old", None)
    assert str(answer.header("Content-Type")).startswith("text/html")


@pytest.mark.row("A177")
def test_one_status_has_a_page_of_its_own_and_the_others_the_default(app: Atilite, client: Client) -> None:
    app.default_error_handler(lambda was, error: f"default {error.code}")
    app.error_handler(404)(lambda was, error: f"nothing at {error.url}")
    failing(app)

    answers = {path: client.get(path) for path in ("/none", "/gone", "/bug", "/only")}
    found = {path: (answer.status_code, answer.text) for path, answer in answers.items()}
    assert found == {
        "/none": (404, "nothing at /none"),
        "/gone": (410, "default 410"),
        "/bug": (500, "default 500"),
        "/only": (405, "default 405"),
    }
    assert client.get("/only").header("Allow") == "PUT"


@pytest.mark.row("A177", "D21")
@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/xml", ""])
def test_who_does_not_name_html_gets_data(app: Atilite, accept: str) -> None:
    app.default_error_handler(lambda was, error: "a page")
    failing(app)
    client = Client(app, headers={"Accept": accept})

    for path in ("/gone", "/none", "/only"):
        answer = client.get(path)
        assert answer.text != "a page"
        assert answer.header("Content-Type") in ("application/json; charset=utf-8", "text/xml; charset=utf-8")


@pytest.mark.row("D21", "A66")
def test_who_is_not_known_gets_the_page_or_the_data_with_the_way_to_sign_in(app: Atilite) -> None:
    app.default_error_handler(lambda was, error: f"<h1>{error.code}</h1>")
    app.users = {"ana": "secret"}
    app.route("/in", authenticate="basic")(lambda was: "in")

    for accept, text, kind in (
        ("text/html", "<h1>401</h1>", "text/html; charset=utf-8"),
        ("*/*", '"code":40100', "application/json; charset=utf-8"),
        ("text/xml", "<int>40100</int>", "text/xml; charset=utf-8"),
    ):
        answer = Client(app, headers={"Accept": accept}).get("/in")
        assert (answer.status_code, answer.header("Content-Type")) == (401, kind)
        assert text in answer.text
        assert str(answer.header("WWW-Authenticate")).startswith("Basic realm=")


@pytest.mark.row("A177")
@pytest.mark.parametrize("page", [lambda was, error: None, lambda was, error: 1 / 0, lambda was, error: 42])
def test_a_handler_that_fails_or_returns_nothing_falls_back_to_the_plain_page(
    app: Atilite, client: Client, page: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app.default_error_handler(page)
    failing(app)

    with caplog.at_level(logging.ERROR):
        answer = client.get("/gone")
    assert (answer.status_code, "no such &lt;photo&gt;" in answer.text, answer.header("X-Why")) == (410, True, "old")
    assert "the error handler for 410 Gone" in caplog.text


@pytest.mark.row("A177")
def test_a_page_may_have_a_status_and_headers_of_its_own(app: Atilite, client: Client) -> None:
    @app.error_handler(410)
    def gone(was: Any, error: Any) -> Any:
        was.response.set_header("X-Page", "gone")
        return was.response("404 Not Found", "never was")

    failing(app)
    answer = client.get("/gone")
    assert (answer.status_code, answer.text, answer.header("X-Page")) == (404, "never was", "gone")


@pytest.mark.row("A177", "D20")
def test_the_traceback_is_told_in_debug_mode_only(app: Atilite, client: Client) -> None:
    app.default_error_handler(lambda was, error: f"{error.mode} {error.traceback} {error.software}")
    failing(app)

    assert client.get("/bug").text.startswith("normal  atilite ")
    app.debug = True
    text = client.get("/bug").text
    assert text.startswith("debug Traceback")
    assert "ZeroDivisionError: division by zero" in text


@pytest.mark.row("D20")
def test_a_bug_is_500(app: Atilite) -> None:
    failing(app)

    assert Client(app).get("/bug").json() == {"code": 50000, "message": "internal server error", "more_info": ""}


def test_what_is_no_error_has_no_error_handler(app: Atilite) -> None:
    for code in (200, 302, 600):
        with pytest.raises(SetupError, match="from 400 to 599"):
            app.error_handler(code)


def test_a_redirect_is_no_error(app: Atilite, client: Client) -> None:
    app.default_error_handler(lambda was, error: "a page")
    app.route("/folder/")(lambda was: "x")

    assert client.get("/folder").status_code == 301
