"""Text to words."""

from __future__ import annotations

import pytest

from atilite.store.words import asked_words, contains, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Read sensors, twice!", ["read", "sensors", "twice"]),
        ("ReadTimeout", ["readtimeout", "read", "timeout"]),
        ("sensor12", ["sensor12", "sensor", "12"]),
        ("snake_case /dev/ttyUSB0", ["snake", "case", "dev", "ttyusb0", "tty", "usb", "0"]),
        ("Café straße", ["cafe", "strasse"]),
        ("", []),
    ],
)
def test_words_are_found_without_case_and_accents(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_asked_words_are_taken_as_typed() -> None:
    assert asked_words('ReadTimeout "bank" bank Café') == ["readtimeout", "bank", "cafe"]


def test_a_word_is_found_by_its_beginning() -> None:
    assert contains({"sensors", "read"}, ["sens", "read"])
    assert not contains({"sensors", "read"}, ["ensors"])
