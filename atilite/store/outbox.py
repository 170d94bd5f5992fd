"""Notifications on their way: kept until their channel has taken them, over a restart as well."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ..quickly import dataclass
from .columns import clean, decode, encode, micros, moment, moment_or_none
from .database import Database
from .writer import Done

# What is over is kept for so long, so that one can see what was told; and no more than so many.
DAYS = 30
MOST = 5000

WAITING, SENT, GIVEN_UP = "waiting", "sent", "given up"

_PUT = "INSERT INTO notice(channel, content, created, due, attempts, state) VALUES (?, ?, ?, ?, 0, 'waiting')"
_FORGET = "DELETE FROM notice WHERE state != 'waiting' AND (id <= ? OR created < ?)"
_SELECT = "SELECT id, channel, content, created, due, attempts, state, ended, error FROM notice"
_ENDED = "UPDATE notice SET state = ?, ended = ?, attempts = attempts + 1, error = ? WHERE id = ?"
_AGAIN = "UPDATE notice SET due = ?, attempts = attempts + 1, error = ? WHERE id = ?"
_LAST = "SELECT channel, max(ended) FROM notice WHERE state = 'sent' GROUP BY channel"
_REFUSED = "SELECT channel, error, min(due) FROM notice WHERE state = 'waiting' AND attempts > 0 GROUP BY channel"
_COUNTS = "SELECT channel, state, count(*) FROM notice GROUP BY channel, state"


@dataclass(frozen=True, slots=True)
class Letter:
    """A notification for one channel. `state` is waiting, sent or given up; `error` is that of the last attempt."""

    id: int
    channel: str
    content: dict[str, Any]
    created: datetime
    due: datetime
    attempts: int
    state: str
    ended: datetime | None
    error: str | None


class Outbox:
    """The notifications of a database. `database.part(Outbox)` is the one of a process. Writes never block."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, channel: str, content: Mapping[str, Any], done: Done | None = None) -> None:
        """Keep a notification for `channel`; `done` gets its number when it is durable. Any thread."""
        now = self._database.clock.now()
        row = (clean(channel), encode(dict(content), "notice"), micros(now), micros(now))
        oldest = micros(now - timedelta(days=DAYS))

        def write(connection: sqlite3.Connection) -> int:
            id = int(connection.execute(_PUT, row).lastrowid or 0)
            if id % 100 == 0:
                connection.execute(_FORGET, (id - MOST, oldest))
            return id

        self._database.writer.submit(write, done)

    def waiting(self, channel: str, limit: int) -> list[Letter]:
        """What waits for a channel, oldest first."""
        return self._read(f"{_SELECT} WHERE state = 'waiting' AND channel = ? ORDER BY id LIMIT ?", channel, limit)

    def channels(self) -> list[str]:
        """The channels for which something waits."""
        rows = self._database.connection().execute("SELECT DISTINCT channel FROM notice WHERE state = 'waiting'")
        return [channel for (channel,) in rows.fetchall()]

    def recent(self, limit: int = 50, before: int | None = None) -> list[Letter]:
        """What was told, newest first."""
        last = before if before is not None else 2**63 - 1
        return self._read(f"{_SELECT} WHERE id < ? ORDER BY id DESC LIMIT ?", last, limit)

    def counts(self) -> dict[str, dict[str, int]]:
        """How many notifications of each channel are in each state."""
        found: dict[str, dict[str, int]] = {}
        for channel, state, count in self._database.connection().execute(_COUNTS).fetchall():
            found.setdefault(channel, {})[state] = count
        return found

    def last_sent(self) -> dict[str, datetime]:
        """When each channel took something last."""
        rows = self._database.connection().execute(_LAST).fetchall()
        return {channel: moment(ended) for channel, ended in rows}

    def refused(self) -> dict[str, tuple[str, datetime]]:
        """Why the channels for which something waits did not take it, and when it is tried again."""
        rows = self._database.connection().execute(_REFUSED).fetchall()
        return {channel: (error or "", moment(due)) for channel, error, due in rows}

    def sent(self, ids: Sequence[int]) -> None:
        """The channel has taken them. Blocks until that is durable: otherwise a crash would send them twice."""
        self._end(ids, SENT, None)

    def give_up(self, ids: Sequence[int], error: str) -> None:
        """Nobody will try again. Blocks as `sent`."""
        self._end(ids, GIVEN_UP, clean(error))

    def again(self, ids: Sequence[int], due: datetime, error: str) -> None:
        """An attempt has failed; the next is at `due`. Blocks as `sent`."""
        values = (micros(due), clean(error))
        self._database.writer.call(lambda connection: _each(connection, _AGAIN, values, ids))

    def _end(self, ids: Sequence[int], state: str, error: str | None) -> None:
        values = (state, micros(self._database.clock.now()), error)
        self._database.writer.call(lambda connection: _each(connection, _ENDED, values, ids))

    def _read(self, statement: str, *values: Any) -> list[Letter]:
        rows = self._database.connection().execute(statement, values).fetchall()
        return [
            Letter(
                id, channel, decode(content), moment(created), moment(due), attempts, state, moment_or_none(end), error
            )
            for id, channel, content, created, due, attempts, state, end, error in rows
        ]


def _each(connection: sqlite3.Connection, statement: str, values: tuple[Any, ...], ids: Sequence[int]) -> None:
    for id in ids:
        connection.execute(statement, (*values, id))
