"""Text to words."""

from __future__ import annotations

import pytest

from atilite.store.words import asked_words, contains, says, words_of


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


@pytest.mark.parametrize(
    ("text", "asked", "found"),
    [
        ("ReadTimeout2 of the bank", "time ban", True), ("ReadTimeout2 of the bank", "imeout", False),
        ("The T\u00fcr is open", "tur", True), ("The Tur is open", "t\u00fcr", True), ("\ufb01ne", "fine", True),
        ("a" * 100, "a" * 80, True), ("bank", "bank photos", False), ("STRASSE", "stra\u00dfe", True),
    ],
)  # fmt: skip
def test_a_text_says_the_words_that_it_has(text: str, asked: str, found: bool) -> None:
    assert says(text, asked_words(asked)) is found
    assert contains(set(words_of(text)), asked_words(asked)) is found
