"""Words of one sentence, taken one after another. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

from atilite.flow.lines import RESERVED

NAME = re.compile(r"[a-zA-Z]\w*\Z")
PATH = re.compile(r"\.?[a-zA-Z_]\w*(\.[a-zA-Z_]\w*)*\Z")
INODE = re.compile(r"\.?[a-zA-Z_]\w*(\.[a-zA-Z_]\w*)*\.?\Z|\.\Z")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\Z")
_HEX = re.compile(r"[-+]?0[xX][0-9a-fA-F]+\Z")
_COORDINATE = re.compile(r"(\d+)([NESWnesw])(\d+\.\d+)\Z")
_WORDS: dict[str, Any] = {"true": True, "yes": True, "false": False, "no": False, "none": None}


class Wrong(Exception):  # it is caught where a sentence ends, and becomes a Problem there
    """A sentence is not understood; the text says what was expected."""


def number(word: str) -> float | int | None:
    """The number that a word is, or None: decimal, 0x hexadecimal, or degrees with minutes such as 40N30.0."""
    if _NUMBER.match(word):
        return int(word) if word.lstrip("+-").isdigit() else float(word)
    if _HEX.match(word):
        return int(word, 16)
    found = _COORDINATE.match(word)
    if found:
        degrees = int(found[1]) + float(found[3]) / 60
        return -degrees if found[2] in "SWsw" else degrees
    return None


def literal(word: str) -> tuple[bool, Any]:
    """Whether a word is a value that is no path, and which."""
    if word[0] in "\"'":
        if len(word) < 2 or word[-1] != word[0]:
            raise Wrong(f"{word} has no closing quote")
        return True, word[1:-1]
    if word.lower() in _WORDS:
        return True, _WORDS[word.lower()]
    found = number(word)
    return found is not None, found


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the known name that is most like it, or all of a few."""
    names = sorted({one for one in known if one})
    close = difflib.get_close_matches(name, names, 1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known: {', '.join(names)}" if 0 < len(names) <= 6 else ""


class Cursor:
    """The words of a sentence behind its verb."""

    def __init__(self, verb: str, words: tuple[str, ...]) -> None:
        self.verb = verb
        self._words = words
        self._at = 0

    @property
    def peek(self) -> str:
        """The next word, empty behind the last one."""
        return self._words[self._at] if self._at < len(self._words) else ""

    @property
    def rest(self) -> tuple[str, ...]:
        """All words from here on."""
        return self._words[self._at :]

    def take(self, what: str) -> str:
        """The next word, whatever it is; `what` says what it should be."""
        word = self.peek
        if not word:
            raise Wrong(f"{self.verb}: {what} is missing at the end")
        if word in ('"', "'"):
            raise Wrong(f"{self.verb}: a quote is not closed")
        self._at += 1
        return word

    def skip(self, *words: str) -> str:
        """Take the next word if it is one of these; else nothing is taken and the answer is empty."""
        if self.peek in words and self.peek:
            self._at += 1
            return self._words[self._at - 1]
        return ""

    def expect(self, *words: str) -> str:
        """Take the next word, which has to be one of these."""
        found = self.skip(*words)
        if not found:
            wanted = " or ".join(words)
            raise Wrong(f"{self.verb}: expected {wanted}, found {self.peek or 'nothing'}")
        return found

    def name(self, what: str) -> str:
        """Take a name: letters, digits and underscores, a letter first, and no connective."""
        word = self.take(f"the name of {what}")
        if word in RESERVED or not NAME.match(word):
            raise Wrong(f"{self.verb}: {word} cannot be the name of {what}; a name has letters, digits and underscores")
        return word

    def number(self, what: str) -> float | int:
        word = self.take(what)
        found = number(word)
        if found is None:
            raise Wrong(f"{self.verb}: {what} is a number, not {word}")
        return found

    def choice(self, what: str, *choices: str) -> str:
        word = self.take(what)
        if word not in choices:
            hint = nearest(word, choices)
            known = "" if hint.startswith("; known") else hint  # they are named already
            raise Wrong(f"{self.verb}: {what} is one of {', '.join(choices)}, not {word}{known}")
        return word

    def end(self) -> None:
        """Nothing may be left."""
        if self.peek:
            raise Wrong(f"{self.verb}: {' '.join(self.rest)} is more than it takes")
