"""Answers with static files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from atilite import Atilite
from atilite.config import Settings
from atilite.mounting import Preference
from atilite.site import Site
from atilite.testing.client import Client

LONG = b"body { color: red }\n" * 100


@pytest.fixture
def site(tmp_path: Path) -> Site:
    for name, content in {
        "static/img/logo.svg": b"<svg/>",
        "static/long.css": LONG,
        "static/404.html": b"<h1>nothing",
        "robots/robots.real.txt": b"User-Agent: *",
        "media/photo.jpg": b"photo",
        "shared/x.pdf": b"0123456789",
        "secret.txt": b"secret",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return Site(tmp_path)


def handlers(app: Atilite) -> Atilite:
    @app.route("/file/<path:path>", methods=["GET", "POST"])
    def file(was: Any, path: str) -> Any:
        return was.Static(path)

    @app.route("/absolute")
    def absolute(was: Any) -> Any:
        return was.Static("/robots.real.txt")

    @app.route("/photo")
    def photo(was: Any) -> Any:
        return was.Media("photo.jpg")

    @app.route("/at")
    def at(was: Any, uri: str) -> Any:
        return was.MountedFile(uri)

    @app.route("/mine")
    def mine(was: Any) -> Any:
        was.response.set_max_age(60)
        was.response["Content-Type"] = "text/plain"
        was.response["Vary"] = "Cookie"
        was.response["ETag"] = '"of something else"'
        return was.Static("long.css")

    @app.route("/missing")
    def missing(was: Any) -> Any:
        was.response.set_status(404)
        return was.Static("404.html")

    return app


def opened(site: Site, **settings: Any) -> Client:
    pref = Preference()
    pref.set_static("/", "robots")
    pref.set_static("/static", "static")
    pref.set_media("/media", "media")
    site.mount("/app", handlers(Atilite("app")), pref, name="app")
    site.mount("/other", handlers(Atilite("other")), name="other")
    site.mount("/shared", "shared")
    settings.setdefault("db", "sqlite:///:memory:")
    return Client(site.open(Settings(no_console=True, **settings)))


def etag_of_long(client: Client) -> str | None:
    return client.get("/app/static/long.css").header("ETag")


@pytest.mark.row("A160")
def test_a_static_file_is_answered_with_its_type_and_validators(site: Site) -> None:
    client = opened(site)

    found = client.get("/app/file/img/logo.svg")

    assert (found.status_code, found.data) == (200, b"<svg/>")
    assert found.header("Content-Type") == "image/svg+xml; charset=utf-8"
    assert found.header("Last-Modified")
    for condition in ({"If-None-Match": found.header("ETag")}, {"If-Modified-Since": found.header("Last-Modified")}):
        assert client.get("/app/file/img/logo.svg", headers=condition).status_code == 304
    part = client.get("/app/file/img/logo.svg", headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.data, part.header("Content-Range")) == (206, b"svg", "bytes 1-3/6")
    head = client.request("HEAD", "/app/file/img/logo.svg")
    assert (head.status_code, head.data, head.header("Content-Length")) == (200, b"", "6")


@pytest.mark.row("A160", "A16", "A200")
def test_media_and_absolute_paths_and_files_of_the_site_are_found(site: Site) -> None:
    client = opened(site)

    assert client.get("/app/photo").data == b"photo"
    assert client.get("/app/media/photo.jpg").data == b"photo"
    assert client.get("/app/photo").header("Content-Type") == "image/jpeg"
    assert client.get("/app/absolute").data == b"User-Agent: *"
    assert client.get("/other/file/app:img/logo.svg").data == b"<svg/>"
    assert client.get("/other/at?uri=/app/static/img/logo.svg").data == b"<svg/>"
    assert client.get("/app/at?uri=/shared/x.pdf").data == b"0123456789"


@pytest.mark.row("A160")
@pytest.mark.parametrize(
    "path",
    ["/app/file/none", "/app/file/../secret.txt", "/app/file/%2e%2e/secret.txt", "/app/at?uri=/shared/../secret.txt",
     "/app/at?uri=/none/x", "/other/absolute", "/other/file/x"],
)  # fmt: skip
def test_nothing_else_is_found(site: Site, path: str) -> None:
    assert opened(site).get(path).status_code == 404


def test_without_a_media_folder_the_program_is_told_so(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    assert opened(site).get("/other/photo").status_code == 500
    assert "pref.set_media" in caplog.text


@pytest.mark.row("A160")
def test_what_the_handler_set_before_holds(site: Site) -> None:
    client = opened(site)

    found = client.get("/app/mine", headers={"Accept-Encoding": "gzip"})

    assert found.all_headers("Cache-Control") == ["max-age=60"]
    assert found.all_headers("Content-Type") == ["text/plain"]
    assert found.all_headers("Vary") == ["Cookie, Accept-Encoding"]
    assert found.header("Content-Encoding") == "gzip"
    assert found.all_headers("ETag") == [str(etag_of_long(client))[:-1] + '-gzip"']
    missing = client.get("/app/missing", headers={"If-None-Match": "*"})
    assert (missing.status_code, missing.data) == (404, b"<h1>nothing")


def test_a_post_is_answered_with_the_whole_file(site: Site) -> None:
    client = opened(site)
    etag = client.get("/app/file/img/logo.svg").header("ETag")

    found = client.post("/app/file/img/logo.svg", headers={"If-None-Match": etag, "Range": "bytes=0-1"})

    assert (found.status_code, found.data) == (200, b"<svg/>")


@pytest.mark.row("A160")
def test_files_that_a_proxy_serves_are_answers_all_the_same(site: Site) -> None:
    client = opened(site, disable_static=True)

    assert client.get("/app/static/img/logo.svg").status_code == 404
    assert client.get("/app/file/img/logo.svg").data == b"<svg/>"
    assert client.get("/app/photo").data == b"photo"
