"""Numbers that are given out in memory and yet never twice, not even after a crash or when the newest row is gone."""

from __future__ import annotations

import itertools
import sqlite3

from .writer import Writer

BLOCK = 10_000
_MARK = """INSERT INTO mark(name, value) VALUES (?, ?)
ON CONFLICT(name) DO UPDATE SET value = max(value, excluded.value)"""


class Counter:
    """A sequence of numbers. `cover` has to be called in the transaction that stores one of them.

    With `block` numbers are marked as used that many at a time, so a restart may skip some.
    """

    def __init__(self, name: str, writer: Writer, last: int, block: int = BLOCK) -> None:
        self._name, self._writer, self._block = name, writer, block
        self._numbers = itertools.count(last + 1)
        self.last = last
        self._covered = last
        self._rollbacks = -1

    def next(self) -> int:
        """Return a number that nobody else has. Any thread; with several of them `last` is only about right."""
        self.last = number = next(self._numbers)
        return number

    def cover(self, connection: sqlite3.Connection, number: int) -> None:
        """Make sure that no later process gives out `number`. Writer's thread, in a transaction."""
        # A rollback takes the mark back, so what was covered before it counts no more.
        if number <= self._covered and self._rollbacks == self._writer.rollbacks:
            return
        self._covered, self._rollbacks = number + self._block, self._writer.rollbacks
        connection.execute(_MARK, (self._name, self._covered))


def marked(connection: sqlite3.Connection, name: str) -> int:
    """Return the number that is marked under `name`, 0 if none is. Any thread."""
    row = connection.execute("SELECT value FROM mark WHERE name = ?", (name,)).fetchone()
    return row[0] if row else 0
