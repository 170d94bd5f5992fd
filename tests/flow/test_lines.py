"""Which lines make one sentence."""

from __future__ import annotations

import pytest

from atilite.flow.lines import sentences, words_of


def read(text: str) -> list[tuple[int, str]]:
    return [(one.place.line, one.place.text) for one in sentences(text, "plan.flo")]


@pytest.mark.row("I42")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("house a\nhouse b\n", [(1, "house a"), (2, "house b")]),
        ("  house a  \n\n\n\thouse   b", [(1, "house a"), (4, "house b")]),
        ("go next\n  if .x > 3\n  and .y\nprint x", [(1, "go next if .x > 3 and .y"), (4, "print x")]),
        ("framer f\n\n # why\n be active\n at 0.5", [(1, "framer f be active at 0.5")]),
        ("print a \\\n  b \\\n c\nprint d", [(1, "print a b c"), (4, "print d")]),
        ("put 3 \\\n\ninto .x", [(1, "put 3 into .x")]),
        ("# only\nhouse a # behind\n#", [(2, "house a")]),
        ('print "a # b" # c', [(1, 'print "a # b"')]),
        ("print 'a \\\\ b'", [(1, "print 'a \\\\ b'")]),
        ('load "a.flo"\nin b', [(1, 'load "a.flo"'), (2, "in b")]),
        ("", []), ("\n\n#\n", []), ("house a\r\nhouse b\r\n", [(1, "house a"), (2, "house b")]),
    ],
)  # fmt: skip
def test_lines_are_joined_by_a_backslash_or_a_connective(text: str, expected: list[tuple[int, str]]) -> None:
    assert read(text) == expected


@pytest.mark.row("I42")
def test_a_quoted_text_is_one_word_with_its_quotes() -> None:
    assert words_of("put \"a b\" into 'c d'x") == ["put", '"a b"', "into", "'c d'", "x"]
