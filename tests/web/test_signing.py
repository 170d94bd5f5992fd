"""Signed values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atilite.clock import Clock
from atilite.errors import SetupError
from atilite.web.signing import BadSignature, SignatureExpired, Signing


class Step(Clock):
    at = 1_800_000_000.0

    def time(self) -> float:
        return self.at


@pytest.mark.parametrize("value", [None, 1, "ä", [1, {"a": None}], {"text": "x" * 500}])
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    signing = Signing("key", "test")

    text = signing.sign(value)

    assert text.isascii()
    assert signing.check(text) == value
    assert signing.check(text, max_age=60) == value


def test_a_value_gets_too_old() -> None:
    clock = Step()
    signing = Signing(b"key", "test", clock)
    text = signing.sign(1)

    clock.at += 60
    assert signing.check(text, max_age=60) == 1
    clock.at += 1

    with pytest.raises(SignatureExpired):
        signing.check(text, max_age=60)
    assert signing.check(text) == 1


def test_a_value_of_another_key_or_purpose_is_refused() -> None:
    text = Signing("key", "reset").sign(1)

    for other in (Signing("key", "session"), Signing("other", "reset")):
        with pytest.raises(BadSignature):
            other.check(text)


@given(st.integers(0, 2000), st.characters(exclude_categories=("Cs",)))
def test_no_text_with_something_put_in_is_accepted(place: int, sign: str) -> None:
    signing = Signing("key", "test", Step())
    text = signing.sign({"user": "ana"})
    place %= len(text) + 1

    with pytest.raises(BadSignature):
        signing.check(text[:place] + sign + text[place:])


@pytest.mark.row("A115")
def test_the_first_of_several_keys_signs_and_all_of_them_check() -> None:
    old = Signing("old", "test").sign(1)
    both = Signing(["new", b"old"], "test")

    assert both.check(old) == 1
    assert Signing("new", "test").check(both.sign(2)) == 2
    with pytest.raises(BadSignature):
        Signing(["new"], "test").check(old)


@given(st.integers(0, 200), st.characters(exclude_categories=("Cs",)))
def test_no_altered_text_is_accepted(place: int, sign: str) -> None:
    signing = Signing("key", "test", Step())
    text = signing.sign({"user": "ana", "role": "view"})
    place %= len(text)
    altered = text[:place] + sign + text[place + 1 :]
    if altered == text:
        return

    with pytest.raises(BadSignature):
        signing.check(altered)


@pytest.mark.parametrize("text", ["", ".", "a.b.c", "\ud800", "x" * 10_000])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(BadSignature):
        Signing("key", "test").check(text)


@pytest.mark.parametrize("key", ["", b"", None, [], ["good", ""]])
def test_a_blank_key_is_refused(key: Any) -> None:
    with pytest.raises(SetupError, match="securekey"):
        Signing(key, "test")
