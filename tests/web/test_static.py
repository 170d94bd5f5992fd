"""Static files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atilite.web import static
from atilite.web.request import Request
from atilite.web.response import serialize
from atilite.web.static import StaticFiles, mimetype, wanted_range


@pytest.fixture
def files(tmp_path: Path) -> StaticFiles:
    root = tmp_path / "static"
    (root / "sub").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / ".well-known").mkdir()
    (root / "a b.txt").write_bytes(b"0123456789")
    (root / "empty").write_bytes(b"")
    (root / "ä.txt").write_bytes(b"umlaut")
    (root / "sub" / "index.html").write_bytes(b"<h1>")
    (root / ".env").write_bytes(b"secret")
    (root / ".git" / "config").write_bytes(b"secret")
    (root / ".well-known" / "x").write_bytes(b"public")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (tmp_path / "static-private").mkdir()
    (tmp_path / "static-private" / "x").write_bytes(b"secret")
    os.symlink(tmp_path / "secret.txt", root / "link.txt")
    os.symlink(root / "a b.txt", root / "inner.txt")
    os.mkfifo(root / "pipe")
    return StaticFiles(root)


def get(files: StaticFiles, path: str, method: str = "GET", **more: str) -> tuple[str, dict[str, str], bytes]:
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": "/" + path, **more}
    response = files.answer(path, environ)
    assert response is not None
    status, headers, body = serialize(response, None, Request(environ))
    if isinstance(body, bytes):
        return status, dict(headers), body
    content = b"".join(body)
    body.close()  # type: ignore[attr-defined]
    return status, dict(headers), content


@pytest.mark.row("A15")
@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("a b.txt", b"0123456789"),
        ("ä.txt", b"umlaut"),
        ("empty", b""),
        ("sub/index.html", b"<h1>"),
        ("sub/", b"<h1>"),
        ("sub//index.html", b"<h1>"),
        ("inner.txt", b"0123456789"),
        (".well-known/x", b"public"),
    ],
)
def test_a_file_is_found(files: StaticFiles, path: str, content: bytes) -> None:
    status, headers, body = get(files, path)

    assert (status, body) == ("200 OK", content)
    assert headers["Content-Length"] == str(len(content))
    assert {"ETag", "Last-Modified", "Content-Type"} <= headers.keys()


@pytest.mark.parametrize(
    "path",
    [
        "", "none", "sub", "sub/none", "../secret.txt", "sub/../../secret.txt", "/../secret.txt", "..\\secret.txt",
        "../static-private/x", "link.txt", ".env", ".git/config", "a b.txt\0", "a b.txt/", "pipe", "x" * 5000, "..",
    ],
)  # fmt: skip
def test_nothing_else_is_found(files: StaticFiles, path: str) -> None:
    assert files.find(path) is None
    assert files.answer(path, {"REQUEST_METHOD": "GET"}) is None


@given(st.lists(st.sampled_from(["..", ".", "sub", "secret.txt", "", "static", "\\..", "/", "index.html"]), max_size=6))
def test_no_path_leads_outside(parts: list[str]) -> None:
    root = Path(__file__).parent / "none-such"

    assert StaticFiles(root).find("/".join(parts)) is None


PARTS = ["..", ".", "sub", "secret.txt", "", "static", "\\..", "/", "index.html", "out", "x", ".env", "a b.txt"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=6))
def test_what_is_found_is_a_file_inside_that_is_not_hidden(files: StaticFiles, parts: list[str]) -> None:
    outside = files.root.parent / "static-private"
    if not (files.root / "out").is_symlink():
        os.symlink(outside, files.root / "out")

    for _ in range(2):  # the second time from what it remembers
        found = files.find("/".join(parts))
        if found is not None:
            assert os.path.realpath(found).startswith(f"{files.root}{os.sep}")
            assert "/." not in found[len(str(files.root)) :]


def test_a_file_that_becomes_a_link_is_followed_anew(files: StaticFiles, tmp_path: Path) -> None:
    assert files.find("sub/index.html")
    assert files.find("a b.txt")

    (files.root / "a b.txt").unlink()
    os.symlink(tmp_path / "secret.txt", files.root / "a b.txt")
    (files.root / "sub" / "index.html").unlink()
    (files.root / "sub").rmdir()
    (tmp_path / "static-private" / "index.html").write_bytes(b"secret")
    os.symlink(tmp_path / "static-private", files.root / "sub")

    assert files.find("a b.txt") is None
    assert files.find("sub/index.html") is None


def test_what_it_remembers_of_paths_is_bounded(files: StaticFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static, "_REMEMBERED", 3)
    for number in range(10):
        (files.root / f"{number}.txt").write_text("x")
        assert files.find(f"{number}.txt")

    assert len(files._inside) <= 3


def test_only_get_and_head_find_files(files: StaticFiles) -> None:
    assert files.answer("a b.txt", {"REQUEST_METHOD": "POST"}) is None
    assert get(files, "a b.txt", "HEAD")[0] == "200 OK"


def test_a_client_that_has_the_file_gets_304(files: StaticFiles) -> None:
    _, headers, _ = get(files, "a b.txt")

    for condition in (
        {"HTTP_IF_NONE_MATCH": headers["ETag"]},
        {"HTTP_IF_NONE_MATCH": "W/" + headers["ETag"]},
        {"HTTP_IF_MODIFIED_SINCE": headers["Last-Modified"]},
    ):
        status, again, body = get(files, "a b.txt", **condition)
        assert (status, body) == ("304 Not Modified", b"")
        assert again["ETag"] == headers["ETag"]
        assert not {"Content-Length", "Content-Type"} & again.keys()
    assert (
        get(files, "a b.txt", HTTP_IF_NONE_MATCH='"old"', HTTP_IF_MODIFIED_SINCE=headers["Last-Modified"])[0]
        == "200 OK"
    )
    assert get(files, "a b.txt", HTTP_IF_MATCH='"old"')[0] == "412 Precondition Failed"


def test_a_changed_file_has_another_etag(files: StaticFiles) -> None:
    before = get(files, "a b.txt")[1]["ETag"]

    (files.root / "a b.txt").write_bytes(b"other content")

    assert get(files, "a b.txt")[1]["ETag"] != before


@pytest.mark.parametrize(
    ("header", "status", "body", "where"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=7-99", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=0-", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=" + "9" * 30 + "-", 416, b"", "bytes */10"),
        ("bytes=4-2", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
        ("bytes=x-", 200, b"0123456789", None),
    ],
)
def test_a_range_is_a_part_of_the_file(
    files: StaticFiles, header: str, status: int, body: bytes, where: str | None
) -> None:
    found, headers, content = get(files, "a b.txt", HTTP_RANGE=header)

    assert (int(found[:3]), content, headers.get("Content-Range")) == (status, body, where)
    assert headers["Content-Length"] == str(len(body))


@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60))
def test_a_range_stays_within_the_file(size: int, first: int, last: int) -> None:
    found = wanted_range({"REQUEST_METHOD": "GET", "HTTP_RANGE": f"bytes={first}-{last}"}, size, '"x"', 0)

    assert (found is None) == (last < first)
    if found is not None and found[1]:
        assert found == (first, min(last, size - 1) - first + 1)
        assert sum(found) <= size


def test_a_range_of_another_version_is_the_whole_file(files: StaticFiles) -> None:
    _, headers, _ = get(files, "a b.txt")

    assert get(files, "a b.txt", HTTP_RANGE="bytes=0-1", HTTP_IF_RANGE='"old"')[0] == "200 OK"
    assert get(files, "a b.txt", HTTP_RANGE="bytes=0-1", HTTP_IF_RANGE=headers["ETag"])[2] == b"01"
    assert get(files, "a b.txt", HTTP_RANGE="bytes=0-1", HTTP_IF_RANGE=headers["Last-Modified"])[2] == b"01"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.JS", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.svg", "image/svg+xml; charset=utf-8"),
        ("a.png", "image/png"),
        ("a.woff2", "font/woff2"),
        ("a.tar.gz", "application/gzip"),
        ("a.unknown-kind", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_the_type_follows_the_name(name: str, kind: str) -> None:
    assert mimetype(name) == kind


@pytest.mark.row("A3")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/a b.txt", 200),
        ("HEAD", "/a b.txt", 200),
        ("GET", "/none", 404),
        ("GET", "/ä.txt", 200),
        ("GET", "/.env", 404),
    ],
)
def test_a_folder_is_a_wsgi_application(files: StaticFiles, method: str, path: str, status: int) -> None:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "/files",
        "PATH_INFO": path.encode().decode("latin-1"),
        "QUERY_STRING": "",
    }
    setup_testing_defaults(environ)
    told: list[Any] = []

    body: Any = validator(files)(environ, lambda *answer: told.append(answer))  # type: ignore[arg-type]
    content = b"".join(body)
    body.close()

    assert int(told[0][0][:3]) == status
    assert ("X-Content-Type-Options", "nosniff") in told[0][1]
    assert bool(content) == (method == "GET")
