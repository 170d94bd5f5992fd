"""CORS of routes and of whole apps, preflight and ordinary requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from atilite import Atilite
from atilite.testing.client import Answer, Client

SHOP, EVIL = "https://shop.example.org", "https://evil.example.org"


@pytest.fixture
def app() -> Atilite:
    return Atilite("tested")


@pytest.fixture
def client(app: Atilite) -> Client:
    return Client(app)


def preflight(client: Client, path: str, method: str, origin: str = SHOP, **headers: str) -> Answer:
    asked = {"Origin": origin, "Access-Control-Request-Method": method, **headers}
    return client.request("OPTIONS", path, headers=asked)


def allowed(answer: Answer) -> str | None:
    return answer.header("Access-Control-Allow-Origin")


@pytest.mark.row("A54", "A55")
def test_a_route_of_its_own_answers_the_preflight(app: Atilite, client: Client) -> None:
    @app.route(
        "/post", methods=["POST", "OPTIONS"], access_control_allow_origin=["*"], access_control_max_age=3600
    )  # fmt: skip
    def post(was: Any) -> str:
        return "hello"

    answer = preflight(client, "/post", "POST", **{"Access-Control-Request-Headers": "X-Token"})
    assert (answer.status_code, answer.data, allowed(answer)) == (200, b"", SHOP)
    assert answer.header("Access-Control-Allow-Methods") == "OPTIONS, POST"
    assert answer.header("Access-Control-Max-Age") == "3600"
    assert answer.header("Access-Control-Allow-Headers") == "X-Token"
    assert answer.header("Access-Control-Allow-Credentials") is None
    assert preflight(client, "/post", "DELETE").status_code == 405

    sent = client.post("/post", headers={"Origin": SHOP})
    assert (sent.text, allowed(sent), sent.header("Vary")) == ("hello", SHOP, "Origin")


@pytest.mark.row("A53", "A55", "A56")
def test_a_whole_app_answers_for_every_route_with_and_without_options(app: Atilite, client: Client) -> None:
    app.access_control_allow_origin, app.access_control_max_age = [SHOP], 60
    app.route("/items", methods=["GET", "POST"])(lambda was: "items")
    app.route("/items", methods=["DELETE"], name="remove")(lambda was: "gone")
    app.route("/own", methods=["GET", "OPTIONS"], name="own")(lambda was: was.request.method)

    for path, methods in (("/items", "DELETE, GET, HEAD, POST"), ("/own", "GET, HEAD, OPTIONS")):
        answer = preflight(client, path, "GET")
        assert (answer.status_code, allowed(answer)) == (200, SHOP)
        assert answer.header("Access-Control-Allow-Methods") == methods
        assert answer.header("Access-Control-Allow-Credentials") == "true"
    assert preflight(client, "/items", "HEAD").status_code == 200
    assert preflight(client, "/items", "PATCH").status_code == 405
    assert preflight(client, "/items", "GET", EVIL).status_code == 403
    assert preflight(client, "/nowhere", "GET").status_code == 404
    assert client.request("OPTIONS", "/own").text == "OPTIONS"


@pytest.mark.row("A56")
def test_a_foreign_origin_is_403_and_none_passes_without_headers(app: Atilite, client: Client) -> None:
    ran: list[str] = []
    app.access_control_allow_origin = [SHOP]
    app.route("/")(lambda was: ran.append("ran") or "hello")

    refused = client.get("/", headers={"Origin": EVIL})
    assert (refused.status_code, allowed(refused), ran) == (403, None, [])
    plain = client.get("/")
    assert (plain.text, allowed(plain), plain.header("Vary")) == ("hello", None, "Origin")
    assert client.get("/", headers={"Origin": "http://localhost"}).text == "hello"


@pytest.mark.row("A56")
def test_without_cors_options_is_405_and_answers_have_no_such_headers(app: Atilite, client: Client) -> None:
    app.route("/")(lambda was: "hello")

    assert preflight(client, "/", "GET").status_code == 405
    assert client.request("OPTIONS", "/").status_code == 405
    answer = client.get("/", headers={"Origin": EVIL})
    assert (answer.text, allowed(answer), answer.header("Vary")) == ("hello", None, None)


@pytest.mark.row("A54")
def test_a_route_leaves_the_rule_of_its_app(app: Atilite, client: Client) -> None:
    app.access_control_allow_origin = ["*"]
    app.route("/", access_control_allow_origin=None)(lambda was: "private")

    assert allowed(client.get("/", headers={"Origin": SHOP})) is None
    assert preflight(client, "/", "GET").status_code == 405


@pytest.mark.row("A53")
def test_errors_files_streams_and_late_answers_carry_the_headers_too(
    app: Atilite, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("a")
    app.access_control_allow_origin = [SHOP]
    app.set_static("/static", tmp_path)

    @app.route("/bug")
    def bug(was: Any) -> str:
        raise ValueError("bug")

    @app.route("/late")
    def late(was: Any) -> Any:
        task = yield was.Mask("late")
        return task.fetch()

    @app.route("/stream")
    def stream(was: Any) -> Any:
        yield "a"

    statuses = {}
    for path in ("/bug", "/late", "/stream", "/static/a.txt", "/missing"):
        answer = client.get(path, headers={"Origin": SHOP})
        assert answer.all_headers("Access-Control-Allow-Origin") == [SHOP], path
        statuses[path] = answer.status_code
    assert statuses == {"/bug": 500, "/late": 200, "/stream": 200, "/static/a.txt": 200, "/missing": 404}
    assert allowed(client.get("/static/a.txt", headers={"Origin": EVIL})) is None


@pytest.mark.row("A55")
def test_a_preflight_needs_no_password(app: Atilite, client: Client) -> None:
    app.access_control_allow_origin, app.authenticate, app.users = [SHOP], "basic", {"ana": "1234"}
    app.route("/", methods=["GET", "OPTIONS"])(lambda was: "in")

    assert preflight(client, "/", "GET").status_code == 200
    refused = client.get("/", headers={"Origin": SHOP})
    assert (refused.status_code, allowed(refused)) == (401, SHOP)
