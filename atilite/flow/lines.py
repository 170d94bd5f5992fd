"""Logical lines of a script: comments cut, continued lines joined, words and quoted texts told apart. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from atilite.flow.model import Place

COMPARISONS = ("==", "!=", "<", "<=", ">=", ">")
CONNECTIVES = (
    "to", "by", "with", "from", "per", "for", "cum", "qua", "via", "as", "at", "in", "of", "on", "re", "is", "if", "be",
    "into", "and", "not", "+-",
)  # fmt: skip
RESERVED = frozenset(CONNECTIVES + COMPARISONS)

# A quote within a word is an apostrophe.
_WORD = re.compile(r"""#.*|"[^"]*"|'[^']*'|[^\s"']+(?:'[^\s"']+)*|["']""")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One declaration: its words, of which quoted ones keep their quotes, and where it begins."""

    words: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a line, and what to do about it."""

    place: Place
    message: str

    def __str__(self) -> str:
        owner = f"{self.place.owner}: " if self.place.owner else ""
        return f"{self.place.file}:{self.place.line}: {owner}{self.message}"


def words_of(line: str) -> list[str]:
    """The words of one line, without a comment.

    >>> words_of('print "at # last"  # told')
    ['print', '"at # last"']
    """
    found = []
    for word in _WORD.findall(line):
        if word.startswith("#"):
            break
        found.append(word)
    return found


def sentences(text: str, file: str) -> Iterator[Sentence]:
    """Join what belongs together: lines that end with a backslash, and lines that begin with a connective.

    A `load` ends where its line ends: what follows is read behind the other file.
    """
    words: list[str] = []
    begun = 0
    joined = False  # the line before ended with a backslash
    for number, line in enumerate(text.splitlines(), 1):
        continued = line.rstrip().endswith("\\") and "#" not in line
        found = words_of(line.rstrip()[:-1] if continued else line)
        if found and words and not joined and (found[0] not in RESERVED or words[0] == "load"):
            yield Sentence(tuple(words), Place(file, begun, " ".join(words)))
            words = []
        if found and not words:
            begun = number
        words += found
        # An empty line ends nothing; what a backslash continues is the next line that says something.
        joined = continued or (joined and not found)
    if words:
        yield Sentence(tuple(words), Place(file, begun, " ".join(words)))
