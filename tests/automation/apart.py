"""Functions for actions in processes of their own."""

from __future__ import annotations

import ctypes
import logging
import sys
from typing import Any

from atilite.automation.journal import Journals
from atilite.scalars import Secret
from atilite.uploads import Upload


def talk(was: Any, word: Secret, count: int = 2) -> dict[str, int]:
    """Says what it does."""
    for done in range(count):
        print(f"{word} {done}")
        was.progress(done + 1, count, "talking")
    print("careful", file=sys.stderr)
    logging.getLogger("pump").info("two of %s", word)
    was.record("counted", count=count, word=str(word))
    was.labels("chatty")
    return {"count": count}


def crash() -> None:
    ctypes.string_at(0)


def exhaust() -> None:
    raise MemoryError("too much")


def spin() -> None:
    print("spinning", flush=True)
    while True:
        sum(range(1000))


def greet(name: str, greeting: str = "hello") -> str:
    return f"{greeting} {name}"


journal = Journals()


@journal
def journaled(photo: Upload) -> int:
    journal.record("measured", size=photo.size)
    journal.labels("big")
    journal.progress(1, 1)
    return len(photo.read())
