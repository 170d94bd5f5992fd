from __future__ import annotations

import pytest

from atilite.automation.failures import MAX_TRACEBACK, error_text, traceback_text


class Broken(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.row("B12")
def test_the_text_of_an_error_is_never_empty():
    assert error_text(AssertionError()) == "AssertionError"
    assert error_text(ValueError("dry")) == "ValueError: dry"
    assert error_text(KeyError("zone")) == "KeyError: 'zone'"
    assert error_text(Broken()).startswith("Broken: ")


def test_the_traceback_begins_with_the_users_own_frame():
    def pump():
        return 1 / 0

    with pytest.raises(ZeroDivisionError) as caught:
        pump()
    text = traceback_text(caught.value)

    assert "return 1 / 0" in text
    assert text.endswith("ZeroDivisionError: division by zero\n")


def test_a_very_long_traceback_keeps_its_ends():
    text = traceback_text(ValueError("x" * 100_000))

    assert len(text) < MAX_TRACEBACK + 100
    assert text.startswith("ValueError: x")
    assert "left out" in text
