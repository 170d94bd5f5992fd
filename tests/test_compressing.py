"""Compressed answers, through a whole app."""

from __future__ import annotations

import gzip
import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite import Atilite
from atilite.server.server import Server
from atilite.testing.client import Client

LONG = "<p>Hello, world!</p>\n" * 200
GZIP = {"Accept-Encoding": "gzip"}


@pytest.fixture
def app(tmp_path: Path) -> Atilite:
    app = Atilite("tested")
    app.securekey = "a key that nobody knows"
    app.use_templates([tmp_path], reload=False)
    (tmp_path / "form.j2").write_text("<form>{{ was.csrf_token_input }}</form>" + LONG)

    @app.route("/long")
    def long(was: Any) -> str:
        return LONG

    @app.route("/data")
    def data(was: Any) -> Any:
        return was.API(rows=list(range(1000)))

    @app.route("/form")
    def form(was: Any) -> Any:
        return was.render("form.j2")

    return app


@pytest.fixture
def client(app: Atilite) -> Client:
    return Client(app)


def plain(found: Any) -> bool:
    return "Content-Encoding" not in dict(found.headers) and "Hello" in found.text


def test_a_long_text_is_compressed_for_who_accepts_it(client: Client) -> None:
    found = client.get("/long", headers=GZIP)

    assert (found.header("Content-Encoding"), gzip.decompress(found.data).decode()) == ("gzip", LONG)
    assert found.header("Content-Length") == str(len(found.data))
    assert client.get("/data", headers=GZIP).header("Content-Encoding") == "gzip"
    for accepted in ({}, {"Accept-Encoding": "br"}, {"Accept-Encoding": "gzip;q=0"}):
        other = client.get("/long", headers=accepted)
        assert (other.text, other.header("Vary")) == (LONG, "Accept-Encoding")


def test_short_and_streamed_answers_are_not(app: Atilite, client: Client) -> None:
    @app.route("/short")
    def short(was: Any) -> str:
        return "Hello"

    @app.route("/stream")
    def stream(was: Any) -> Iterator[str]:
        for _ in range(5):
            yield LONG

    @app.route("/events")
    def events(was: Any) -> Any:
        return was.response("200 OK", "data: Hello\n\n" * 200, [("Content-Type", "text/event-stream")])

    for path in ("/short", "/stream", "/events"):
        found = client.get(path, headers=GZIP)
        assert plain(found)
        assert found.header("Vary") is None


def test_a_page_with_a_csrf_token_is_never_compressed(client: Client) -> None:
    first = client.get("/form", headers=GZIP)
    again = client.get("/form", headers=GZIP)  # this time no cookie is set

    assert plain(first)
    assert first.all_headers("Set-Cookie")
    assert plain(again)
    assert not again.all_headers("Set-Cookie")


def test_an_answer_that_leaves_or_shows_a_secret_is_not_compressed(app: Atilite, client: Client) -> None:
    @app.route("/enter")
    def enter(was: Any) -> str:
        was.session["name"] = "Ana"
        return LONG

    @app.route("/token")
    def token(was: Any) -> Any:
        return was.encode_ott("x") + was.encode_jwt({"exp": 4e9}) + LONG

    @app.route("/code")
    def code(was: Any) -> Any:
        return was.generate_otp() + LONG

    for path in ("/enter", "/token", "/code"):
        assert plain(client.get(path, headers=GZIP))


def test_a_page_that_another_site_has_its_visitor_ask_for_is_not_compressed(client: Client) -> None:
    foreign = {**GZIP, "Sec-Fetch-Site": "cross-site", "Cookie": "session=x"}

    assert plain(client.get("/long", headers=foreign))
    assert not plain(client.get("/long", headers={**foreign, "Sec-Fetch-Site": "same-origin"}))


def test_app_and_route_can_switch_it_off(app: Atilite, client: Client) -> None:
    @app.route("/never", compress=False)
    def never(was: Any) -> str:
        return LONG

    @app.route("/always", compress=True)
    def always(was: Any) -> str:
        return LONG

    assert plain(client.get("/never", headers=GZIP))
    app.config.COMPRESS = False
    assert plain(client.get("/long", headers=GZIP))
    assert not plain(client.get("/always", headers=GZIP))


def test_both_forms_of_a_version_are_known_and_may_be_changed(app: Atilite, client: Client) -> None:
    @app.route("/versioned", methods=["GET", "PUT"])
    def versioned(was: Any) -> str:
        was.response.set_etag("version 1")
        return LONG

    @app.route("/own")
    def own(was: Any) -> Any:
        if was.env.get("HTTP_IF_NONE_MATCH") == '"7"':
            return was.response("304 Not Modified", "", [("ETag", '"7"')])
        return was.response("200 OK", LONG, [("ETag", '"7"')])

    for path in ("/versioned", "/own"):
        compressed = client.get(path, headers=GZIP).header("ETag")
        identity = client.get(path).header("ETag") or ""
        assert compressed == identity[:-1] + '-gzip"'
        for etag in (compressed, identity):
            again = client.get(path, headers={**GZIP, "If-None-Match": etag})
            assert (again.status_code, again.data, again.header("ETag")) == (304, b"", etag)
    current = client.get("/versioned", headers=GZIP).header("ETag") or ""
    assert client.put("/versioned", headers={"If-Match": current}).status_code == 200
    assert client.put("/versioned", headers={"If-Match": '"other-gzip"'}).status_code == 412


def test_head_tells_what_get_would_be(client: Client) -> None:
    head = client.request("HEAD", "/long", headers=GZIP)

    assert (head.status_code, head.data) == (200, b"")
    assert (head.header("Content-Encoding"), head.header("Content-Length")) == ("gzip", None)
    assert client.request("HEAD", "/long").header("Content-Length") == str(len(LONG))


def test_on_the_loop_only_what_is_done_at_once_is_compressed(app: Atilite, client: Client, monkeypatch: Any) -> None:
    @app.route("/large")
    def large(was: Any) -> str:
        return LONG * 20

    monkeypatch.setattr(app.runtime.loop, "inside", lambda: True)

    assert plain(client.get("/large", headers=GZIP))
    assert not plain(client.get("/long", headers=GZIP))


@pytest.mark.parametrize("size", [1000, 100_000, 1_000_000])
def test_a_large_answer_of_a_coroutine_is_compressed_by_a_thread(app: Atilite, size: int) -> None:
    @app.route("/later")
    def later(was: Any) -> Any:
        yield was.Sleep(0.01)
        was.response.set_etag("later")
        return was.response("200 OK", "x" * size, [("Content-Type", "text/plain")])

    server = Server(app, loop=app.runtime.loop, listeners=["127.0.0.1:0"])
    server.bind()
    server.start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", int(server.addresses[0].rpartition(":")[2]), timeout=20)
        connection.request("GET", "/later", headers=GZIP)
        found = connection.getresponse()
        data = found.read()
        connection.close()
    finally:
        server.stop(0).wait(20)
    assert (found.headers["Content-Encoding"] == "gzip") is (size > 1024)
    assert (gzip.decompress(data) if size > 1024 else data) == b"x" * size
    assert found.headers["Content-Length"] == (None if size > 65536 else str(len(data)))
