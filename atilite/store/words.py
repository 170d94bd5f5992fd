"""Text to words, for the search in runs. Pure."""

from __future__ import annotations

import functools
import re
import unicodedata
import zlib
from collections.abc import Iterable

from .runs import Filter, Headline

# What of a run is searched at most, in characters; what of a word counts.
LENGTH = 50_000
WORD_LENGTH = 64

_WORD = re.compile(r"[^\W_]+")
_PARTS = re.compile(r"(?<=[^\W\dA-Z_])(?=[A-Z])|(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)")

# What may stand for one searched word: itself, or all words that begin with it.
Choice = frozenset[str]


def words_of(text: str) -> list[str]:
    """Return the words of a text without case and accents; `ReadTimeout2` is also `read`, `timeout` and `2`."""
    if not text.isascii():
        text = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    found: list[str] = []
    for word in _WORD.findall(text):
        found.append(word.casefold()[:WORD_LENGTH])
        parts = _PARTS.split(word)
        if len(parts) > 1:
            found += [part.casefold()[:WORD_LENGTH] for part in parts]
    return found


def asked_words(text: str) -> list[str]:
    """Return the words that somebody searches for, each once."""
    return list(dict.fromkeys(word.casefold()[:WORD_LENGTH] for part in text.split() for word in _plain(part)))


def run_words(headline: Headline, messages: Iterable[str]) -> set[str]:
    """Return all words under which a run is found."""
    return set(words_of(run_text(headline, messages)))


def run_text(headline: Headline, messages: Iterable[str]) -> str:
    """Return the text that is searched for a run."""
    parts = [headline.operation, headline.description, headline.error or "", *headline.labels]
    parts += [str(part) for pair in headline.parameters.items() for part in pair]
    length = sum(map(len, parts))
    for message in messages:
        parts.append(message)
        length += len(message)
        if length > LENGTH:
            break
    return "\n".join(parts)[:LENGTH]


def value_words(headline: Headline) -> list[str]:
    """Return words that stand for the other conditions of a filter; nobody can type them by chance."""
    pairs = [("o", headline.operation), ("k", headline.kind), ("t", headline.trigger), ("s", headline.status)]
    pairs += [("l", label) for label in headline.labels]
    if headline.who:
        pairs.append(("w", headline.who))
    return [_value_word(*pair) for pair in pairs]


def query(choices: Iterable[Choice], filter: Filter) -> str:
    """Return the FTS5 query for words (each one of a choice) and the other conditions of `filter`, without its times.

    A choice of one word that has a digit in it stands for everything that begins with it.
    """
    parts = [_either(choice) + (" *" if is_open(choice) else "") for choice in choices]
    single = (("o", filter.operation), ("k", filter.kind), ("t", filter.trigger), ("w", filter.who))
    parts += [_either([_value_word(letter, value)]) for letter, value in single if value is not None]
    for letter, values in (("s", filter.statuses), ("l", filter.labels)):
        if values is not None:
            parts.append(_either(_value_word(letter, value) for value in values))
    return " AND ".join(parts)


def is_open(choice: Choice) -> bool:
    """Tell whether a choice stands for everything that begins with its one word: there is no list of such words."""
    return len(choice) == 1 and not listed(next(iter(choice)))


def listed(word: str) -> bool:
    """Tell whether a word is kept in the list of words: numbers and the like are too many."""
    return len(word) <= 24 and word.isalpha()


def fits(headline: Headline, filter: Filter) -> bool:
    """Tell whether a run fulfils `filter`, without its text."""
    single = ("operation", "kind", "trigger", "who")
    return (
        all(getattr(filter, name) in (None, getattr(headline, name)) for name in single)
        and filter.parent in (None, headline.parent)
        and (filter.statuses is None or headline.status in filter.statuses)
        and (filter.labels is None or not set(filter.labels).isdisjoint(headline.labels))
        and (filter.since is None or headline.created_at >= filter.since)
        and (filter.until is None or headline.created_at < filter.until)
    )


def contains(words: set[str], asked: Iterable[str]) -> bool:
    """Tell whether each asked word is the beginning of one of `words`."""
    return all(word in words or any(one.startswith(word) for one in words) for word in asked)


def says(text: str, asked: Iterable[str]) -> bool:
    """Tell whether each asked word is the beginning of a word of `text`."""
    if text.isascii():
        # Most texts have not even the letters, and to take them apart takes ten times as long.
        folded = text.lower()
        if not all(word in folded for word in asked):
            return False
    return contains(set(words_of(text)), asked)


def _plain(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKD", text) if not text.isascii() else text
    return _WORD.findall("".join(letter for letter in folded if not unicodedata.combining(letter)))


@functools.lru_cache(1024)
def _value_word(letter: str, value: str) -> str:
    return f"zq{letter}{zlib.crc32(value.encode('utf-8', 'replace')):08x}"


def _either(words: Iterable[str]) -> str:
    found = [f'"{word}"' for word in sorted(words)]
    return found[0] if len(found) == 1 else f"({' OR '.join(found)})"
