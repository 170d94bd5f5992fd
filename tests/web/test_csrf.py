from __future__ import annotations

import pytest

from atilite.web import csrf

HOST = {"HTTP_HOST": "board.local:5000"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"HTTP_ORIGIN": "http://board.local:5000"},
        {"HTTP_ORIGIN": "https://BOARD.local:5000"},
        {"HTTP_SEC_FETCH_SITE": "same-origin"},
        {"HTTP_SEC_FETCH_SITE": "none"},
        {"HTTP_SEC_FETCH_SITE": "same-origin", "HTTP_ORIGIN": "http://board.local:5000"},
    ],
)
def test_a_request_of_our_own_pages_is_not_foreign(headers: dict[str, str]) -> None:
    assert csrf.foreign({**HOST, **headers}) == ""


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_ORIGIN": "http://evil.example"},
        {"HTTP_ORIGIN": "http://board.local"},
        {"HTTP_ORIGIN": "http://board.local:5001"},
        {"HTTP_ORIGIN": "http://board.local:5000.evil.example"},
        {"HTTP_ORIGIN": "null"},
        {"HTTP_ORIGIN": ""},
        {"HTTP_ORIGIN": "file://board.local:5000"},
        {"HTTP_ORIGIN": "http://evil@board.local:5000"},
        {"HTTP_SEC_FETCH_SITE": "cross-site"},
        {"HTTP_SEC_FETCH_SITE": "same-site"},
        {"HTTP_SEC_FETCH_SITE": "cross-site", "HTTP_ORIGIN": "http://board.local:5000"},
        {"HTTP_SEC_FETCH_SITE": "same-origin", "HTTP_ORIGIN": "http://evil.example"},
    ],
)
def test_a_request_of_another_site_is_foreign(headers: dict[str, str]) -> None:
    assert csrf.foreign({**HOST, **headers})


@pytest.mark.parametrize(
    ("origin", "host"),
    [("http://a", "a:80"), ("https://a:443", "a"), ("http://[::1]:5000", "[::1]:5000"), ("http://a.", "a")],
)
def test_usual_ports_and_spellings_are_the_same_host(origin: str, host: str) -> None:
    assert csrf.foreign({"HTTP_ORIGIN": origin, "HTTP_HOST": host}) == ""


def test_an_origin_without_a_host_to_compare_is_foreign() -> None:
    assert csrf.foreign({"HTTP_ORIGIN": "http://a"})


def test_only_programs_send_a_change_without_any_mark_of_a_browser() -> None:
    assert not csrf.from_browser({"HTTP_HOST": "localhost", "HTTP_USER_AGENT": "curl/8"})
    for mark in csrf.BROWSER_MARKS:
        assert csrf.from_browser({mark: "x"})


@pytest.mark.row("A179")
def test_a_token_is_right_for_its_session_and_key_only() -> None:
    tokens = csrf.Tokens(b"k" * 32)
    token = tokens.token("session-1")
    assert tokens.valid("session-1", token)
    assert not tokens.valid("session-2", token)
    assert not tokens.valid("session-1", "")
    assert not tokens.valid("session-1", "ä" + token)
    assert not csrf.Tokens(b"j" * 32).valid("session-1", token)
    assert not tokens.valid("", tokens.token(""))
    assert "session" not in token


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "post", "FOO"])
def test_every_method_that_is_not_known_to_be_harmless_is_a_change(method: str) -> None:
    assert csrf.changing(method)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_is_no_change(method: str) -> None:
    assert not csrf.changing(method)


def test_the_token_may_come_in_either_header() -> None:
    assert csrf.sent_token({"HTTP_X_CSRF_TOKEN": "a"}) == "a"
    assert csrf.sent_token({"HTTP_X_XSRF_TOKEN": "b"}) == "b"
    assert csrf.sent_token({}) == ""
