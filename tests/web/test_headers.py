"""Security headers."""

from __future__ import annotations

import pytest

from atilite.web.headers import clean, secure


def test_every_answer_gets_the_security_headers() -> None:
    headers = dict(secure([("Content-Type", "text/html"), ("Content-Length", "1")]))

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", ["Cache-Control", "ETag", "last-modified", "Expires"])
def test_no_store_is_only_for_answers_that_say_nothing_about_caching(name: str) -> None:
    headers = secure([(name, "x")])

    assert ("Cache-Control", "no-store") not in headers
    assert ("X-Frame-Options", "DENY") in headers


def test_what_the_answer_says_itself_stays_and_nothing_is_doubled() -> None:
    headers = secure(secure([("content-security-policy", "default-src 'none'"), ("X-A", "1")]))

    names = [name.lower() for name, _ in headers]
    assert len(names) == len(set(names))
    assert headers[0] == ("content-security-policy", "default-src 'none'")


def test_the_headers_of_two_answers_are_not_shared() -> None:
    first, second = secure([]), secure([])

    first.append(("X-A", "1"))

    assert ("X-A", "1") not in second


def test_a_header_value_is_text_that_can_be_sent() -> None:
    assert clean("X-A", 5) == ("X-A", "5")
    assert clean("X-A", "größe")[1] == "größe"
    assert clean("X-A", "→")[1].encode("latin-1").decode() == "→"
    for value in ("a\r\nb", "a\nb", "a\0", "a\x7f"):
        with pytest.raises(ValueError, match="control"):
            clean("X-A", value)
