"""Words and what they stand for."""

from __future__ import annotations

from typing import Any

import pytest

from atilite.flow.cursor import Cursor, Wrong, literal, nearest, number


@pytest.mark.row("I34")
@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("3", 3), ("-3", -3), ("+3", 3), ("3.5", 3.5), ("-0.25", -0.25), (".5", 0.5), ("3.", 3.0), ("1e3", 1000.0),
        ("1E-3", 0.001), ("0x10", 16), ("0XfF", 255), ("-0x10", -16), ("40N30.0", 40.5), ("40S30.0", -40.5),
        ("7E15.0", 7.25), ("7w15.0", -7.25), ("true", True), ("True", True), ("yes", True), ("false", False),
        ("no", False), ("none", None), ('"a b"', "a b"), ("'a b'", "a b"), ('""', ""), ('"3"', "3"),
    ],
)  # fmt: skip
def test_a_literal_is_a_number_a_truth_value_a_text_or_a_place(word: str, value: Any) -> None:
    found = literal(word)
    assert found == (True, value)
    assert type(found[1]) is type(value)


@pytest.mark.row("I34")
@pytest.mark.parametrize("word", ["abc", ".a.b", "a.b", "3x", "1e", "0x", "--3", "1_000", "nan", "inf", "40N30"])
def test_anything_else_is_no_literal(word: str) -> None:
    assert literal(word) == (False, None)


@pytest.mark.row("I34")
@pytest.mark.parametrize("word", ['"abc', "'", '"abc\''])
def test_a_text_ends_with_the_quote_that_it_begins_with(word: str) -> None:
    with pytest.raises(Wrong, match="closing quote"):
        literal(word)


def test_a_whole_number_stays_one() -> None:
    assert isinstance(number("12"), int)
    assert isinstance(number("12.0"), float)


@pytest.mark.row("I43")
def test_the_nearest_name_is_hinted_at_or_the_few_that_there_are() -> None:
    assert nearest("misson", ["mission", "autopilot"]) == "; did you mean mission?"
    assert nearest("zzz", ["b", "a"]) == "; known: a, b"
    assert nearest("zzz", [f"name{at}" for at in range(9)]) == ""
    assert nearest("zzz", []) == ""


@pytest.mark.row("I43")
def test_a_word_that_is_none_of_a_few_is_told_with_these_once() -> None:
    with pytest.raises(Wrong, match=r"^bid: the control is one of stop, start, not halt$"):
        Cursor("bid", ("halt",)).choice("the control", "stop", "start")
    with pytest.raises(Wrong, match=r"^bid: the control is one of stop, start, not strt; did you mean start\?$"):
        Cursor("bid", ("strt",)).choice("the control", "stop", "start")


def test_words_are_taken_one_after_another() -> None:
    words = Cursor("go", ("next", "if", "x", "3"))
    assert (words.peek, words.take("a frame"), words.rest) == ("next", "next", ("if", "x", "3"))
    assert (words.skip("as"), words.skip("if"), words.name("a share"), words.number("a number")) == ("", "if", "x", 3)
    words.end()
    with pytest.raises(Wrong, match="go: a word is missing at the end"):
        words.take("a word")


@pytest.mark.parametrize("word", ["if", "3", "a.b", "+-", "_a", "a-b", ">="])
def test_a_connective_or_another_sign_is_no_name(word: str) -> None:
    with pytest.raises(Wrong, match="cannot be the name of a frame"):
        Cursor("frame", (word,)).name("a frame")


def test_a_choice_hints_at_the_nearest() -> None:
    with pytest.raises(Wrong, match=r"framer: the order is one of front, mid, back, not bak; did you mean back\?"):
        Cursor("framer", ("bak",)).choice("the order", "front", "mid", "back")
