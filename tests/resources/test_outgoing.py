from __future__ import annotations

import io
from pathlib import Path

import pytest

from atilite.resources.outgoing import (
    Order,
    Streamed,
    authorization,
    encode,
    fill,
    joined,
    merged,
    multipart,
    shown,
    with_query,
)

pytestmark = pytest.mark.row("A134")


def test_placeholders_take_values_in_order_and_by_name() -> None:
    assert fill("/a/{}?limit={}", (100, 10), {}) == ("/a/100?limit=10", [], set())
    assert fill("/a/{id}/{}", ("x", "left"), {"id": 1}) == ("/a/1/x", ["left"], {"id"})


def test_values_cannot_leave_their_place() -> None:
    assert fill("/a/{}", ("../b?c=d&e#f/ü",), {})[0] == "/a/..%2Fb%3Fc%3Dd%26e%23f%2F%C3%BC"


def test_other_braces_stay() -> None:
    assert fill('/find?q={"a":1}', (), {})[0] == '/find?q={"a":1}'


@pytest.mark.parametrize("path", ["/{}", "/{name}"])
def test_a_hole_without_a_value_is_an_error(path: str) -> None:
    with pytest.raises(TypeError, match="no value for"):
        fill(path, (), {})


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("http://h/api", "/x", "http://h/api/x"),
        ("http://h/api/", "x", "http://h/api/x"),
        ("http://h", ".evil/x", "http://h/.evil/x"),
        ("http://h/api", "?q=1", "http://h/api?q=1"),
        ("", "http://h/x", "http://h/x"),
        ("http://h/api", "", "http://h/api"),
    ],
)
def test_a_path_stays_below_its_base(base: str, path: str, url: str) -> None:
    assert joined(base, path) == url


def test_a_query_is_added_to_the_one_that_is_there() -> None:
    assert with_query("/a?b=1#c", {"d": [1, True], "e": None, "f": "ä b"}) == "/a?b=1&d=1&d=true&f=%C3%A4+b#c"
    assert with_query("/a", {}) == "/a"


@pytest.mark.parametrize(
    ("payload", "body", "kind"),
    [
        ({"a": "ü"}, '{"a": "ü"}'.encode(), "application/json"),
        ([1], b"[1]", "application/json"),
        ("text", b"text", "text/plain; charset=utf-8"),
        (b"bytes", b"bytes", "application/octet-stream"),
        (None, None, None),
    ],
)
def test_a_payload_is_sent_by_its_type(payload: object, body: bytes | None, kind: str | None) -> None:
    assert encode(payload) == (body, kind)


def test_a_form_is_urlencoded() -> None:
    assert encode(None, form={"a": "1 2", "b": ["x", "y"]}) == (
        b"a=1+2&b=x&b=y",
        "application/x-www-form-urlencoded",
    )


def test_open_files_and_iterators_are_streams(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc" * 100_000)
    with (tmp_path / "f").open("rb") as file:
        body = encode(file).body
        assert isinstance(body, Streamed)
        assert body.size == 300_000
        assert b"".join(body) == b"abc" * 100_000
    stream = encode(iter(["ä", b"b"])).body
    assert isinstance(stream, Streamed)
    assert (stream.size, b"".join(stream)) == (None, b"\xc3\xa4b")


def test_files_are_multipart_and_their_length_is_known() -> None:
    files = {"f": ('n"ä.txt', "text", "text/plain"), "g": [io.BytesIO(b"one"), ("t", b"two")]}
    body, kind = multipart({"a": 1}, files)

    assert isinstance(body, Streamed)
    data = b"".join(body)
    assert body.size == len(data)
    assert kind is not None
    boundary = kind.partition("boundary=")[2].encode()
    assert data.count(b"--" + boundary) == 5
    assert 'name="f"; filename="n%22ä.txt"\r\nContent-Type: text/plain\r\n\r\ntext\r\n'.encode() in data
    assert b'name="g"; filename="file"\r\nContent-Type: application/octet-stream\r\n\r\none\r\n' in data


def test_later_headers_replace_earlier_ones_and_none_removes() -> None:
    assert merged({"Accept": "a", "X": "1"}, {"accept": "b"}, {"x": None}) == (("accept", "b"),)


@pytest.mark.parametrize("header", [("X", "a\r\nY: b"), ("X\nY", "a"), ("", "a")])
def test_a_header_cannot_begin_another_one(header: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="line break"):
        merged(dict([header]))


def test_tokens_and_passwords_become_headers() -> None:
    assert authorization("token") == "Bearer token"
    assert authorization(("user", "päss")) == "Basic dXNlcjpww6Rzcw=="


def test_what_is_shown_of_a_url_has_no_secrets() -> None:
    assert shown("https://user:pass@host:1/path?token=x#y") == "https://host:1/path"


def test_only_what_does_the_same_twice_may_be_sent_twice() -> None:
    assert Order("PUT", "/", (), b"x").repeatable
    assert not Order("POST", "/", (), b"x").repeatable
    assert not Order("PUT", "/", (), Streamed([])).repeatable
