from __future__ import annotations

import hashlib
import hmac

import pytest

from atilite.web import webhooks
from atilite.web.webhooks import BadHook

SECRET = webhooks.secret_text(b"k" * 32)
NOW = 1_763_740_000.5


def test_a_signature_is_what_the_documented_recipe_gives():
    digest = hmac.new(SECRET.encode(), b'1763740000.{"a": 1}', hashlib.sha256).hexdigest()
    assert webhooks.sign(SECRET, b'{"a": 1}', NOW) == f"t=1763740000,v1={digest}"


def test_a_right_signature_is_accepted_within_its_window_only():
    header = webhooks.sign(SECRET, b"body", NOW)
    for offset in (-300, 0, 299):
        assert webhooks.check(header, SECRET, b"body", int(NOW) + offset).mark in header
    for offset in (-301, 301, 86_400):
        with pytest.raises(BadHook, match="300 s"):
            webhooks.check(header, SECRET, b"body", int(NOW) + offset)


def test_the_time_is_signed_as_well_as_the_body():
    header = webhooks.sign(SECRET, b"body", NOW)
    moved = header.replace("t=1763740000", "t=1763740001")
    for told, body in ((moved, b"body"), (header, b"bodz"), (header, b"")):
        with pytest.raises(BadHook, match="wrong"):
            webhooks.check(told, SECRET, body, NOW)
    with pytest.raises(BadHook, match="wrong"):
        webhooks.check(header, SECRET + "x", b"body", NOW)


def test_a_stranger_does_not_learn_whether_the_clock_is_right():
    header = webhooks.sign("another", b"body", 5)
    with pytest.raises(BadHook, match="wrong"):
        webhooks.check(header, SECRET, b"body", NOW)


@pytest.mark.parametrize(
    "header", ["", "t=", "v1=00", "t=1763740000", "t=abc,v1=00", "t=1,t=2,v1=00", "t=-5,v1=00", "t=" + "9" * 400, "é=ü"]
)
def test_what_is_no_signature_is_refused_in_words(header: str):
    with pytest.raises(BadHook, match="must be t="):
        webhooks.check(header, SECRET, b"", NOW)


def test_one_of_several_signatures_is_enough_while_the_secret_is_changed():
    old, new = webhooks.sign("old", b"x", NOW), webhooks.sign(SECRET, b"x", NOW)
    assert webhooks.check(f"{old},{new.partition(',')[2]}", SECRET, b"x", NOW)


def test_the_signature_of_github_covers_the_body():
    digest = hmac.new(SECRET.encode(), b"payload", hashlib.sha256).hexdigest()
    assert webhooks.check_github(f"sha256={digest}", SECRET, b"payload").mark == digest
    for header in (f"sha256={digest}", "sha256=00", "sha1=" + digest, "", "sha256=é"):
        with pytest.raises(BadHook):
            webhooks.check_github(header, SECRET, b"payloae")
