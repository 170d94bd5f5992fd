"""Cookies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atilite.web.cookies import Cookies, read_cookie, read_cookies, write_cookie


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("", {}),
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2 ; c", {"a": "1", "b": "2"}),
        ('a="x y"', {"a": "x y"}),
        ("a=%C3%A4", {"a": "ä"}),
        ("a=100%", {"a": "100%"}),
        ("a=1; a=2", {"a": "1"}),
        ("a=b=c", {"a": "b=c"}),
        ("=x; ;", {}),
        ("a=%ff", {"a": "\ufffd"}),
    ],
)
def test_a_cookie_header_is_read_as_browsers_write_it(header: str, cookies: dict[str, str]) -> None:
    assert read_cookies(header) == cookies


def test_one_cookie_is_found_by_its_whole_name() -> None:
    assert read_cookie("session=1; s=2", "s") == "2"
    assert read_cookie("session=1", "s") is None


@pytest.mark.row("A114")
@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=300))
def test_every_text_comes_back_from_a_cookie(value: str) -> None:
    cookies = Cookies()

    cookies["a"] = value
    name, text = cookies.headers()[0]
    pair = text.split("; ")[0]

    assert name == "Set-Cookie"
    assert text.isascii()
    assert text.isprintable()
    assert read_cookies(pair) == {"a": value}


@pytest.mark.row("A114")
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "k=v; Path=/app; HttpOnly; SameSite=Lax"),
        ({"expires": 60}, "k=v; Path=/app; Max-Age=60; HttpOnly; SameSite=Lax"),
        ({"expires": 0}, "k=; Path=/app; Max-Age=0; HttpOnly; SameSite=Lax"),
        ({"expires": "now"}, "k=; Path=/app; Max-Age=0; HttpOnly; SameSite=Lax"),
        ({"expires": "never"}, "k=v; Path=/app; Max-Age=3153600000; HttpOnly; SameSite=Lax"),
        ({"path": "/x y", "domain": "example.com"}, "k=v; Path=/x%20y; Domain=example.com; HttpOnly; SameSite=Lax"),
        ({"secure": True, "http_only": False}, "k=v; Path=/app; Secure; SameSite=Lax"),
        ({"same_site": "Strict"}, "k=v; Path=/app; HttpOnly; SameSite=Strict"),
        ({"same_site": "None"}, "k=v; Path=/app; Secure; HttpOnly; SameSite=None"),
    ],
)
def test_a_cookie_is_set_with_its_attributes(options: dict[str, Any], text: str) -> None:
    cookies = Cookies(path="/app")

    cookies.set("k", "v", **options)

    assert cookies.headers() == [("Set-Cookie", text)]


def test_a_cookie_is_secure_by_itself_on_https() -> None:
    cookies = Cookies(secure=True)

    cookies["a"] = "1"

    assert "; Secure; " in cookies.headers()[0][1]


@pytest.mark.row("A114")
def test_cookies_are_a_mapping_that_shows_what_was_changed() -> None:
    cookies = Cookies("a=1; b=2; c=3")

    cookies["a"] = "9"
    del cookies["b"]

    assert dict(cookies) == {"a": "9", "c": "3"}
    assert "b" not in cookies
    assert len(cookies) == 2
    assert [text.split(";")[0] for _, text in cookies.headers()] == ["a=9", "b="]
    cookies.clear()
    assert not dict(cookies)
    with pytest.raises(KeyError):
        del cookies["b"]


def test_the_last_change_of_a_cookie_counts() -> None:
    cookies = Cookies()

    cookies["a"] = "1"
    cookies["a"] = "2"

    assert [text.split(";")[0] for _, text in cookies.headers()] == ["a=2"]


def test_reading_alone_sets_nothing() -> None:
    cookies = Cookies("a=1")

    assert cookies["a"] == "1"
    assert cookies.headers() == []


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a b", {}),
        ("a;b", {}),
        ("", {}),
        ("a\r\nb", {}),
        ("a", {"path": "/; Domain=evil.example"}),
        ("a", {"domain": "x\r\nSet-Cookie: b=1"}),
        ("a", {"same_site": "lax; Secure"}),
    ],
)
def test_nothing_can_be_smuggled_into_the_header(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"cookie|same_site"):
        write_cookie(name, "v", **options)


def test_an_unknown_expiry_is_refused() -> None:
    with pytest.raises(ValueError, match="expires"):
        Cookies().set("a", "1", expires="tomorrow")  # type: ignore[arg-type]


def test_a_cookie_that_browsers_would_drop_is_refused() -> None:
    with pytest.raises(ValueError, match="4096"):
        write_cookie("a", "x" * 4096)
