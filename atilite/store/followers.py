"""What is to follow runs that have ended: noted in the transaction of the end, struck out in that of the opening.

So a process that dies in between has neither forgotten to start a follower, nor will the next one start it again.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from .columns import micros, moment
from .database import Database
from .runs import Headline
from .writer import Done

_NOTE = "INSERT OR IGNORE INTO follower(run, app, action, at) VALUES (?, ?, ?, ?)"
_STRIKE = "DELETE FROM follower WHERE run = ? AND app = ? AND action = ?"
_ONE = "SELECT 1 FROM follower WHERE run = ? AND app = ? AND action = ?"
_OF_APP = "SELECT run, app, action, at FROM follower WHERE app = ? ORDER BY run"


class Follower(NamedTuple):
    """An action of an app that is to be started because a run has ended."""

    run: int
    app: str
    action: str


class Following:
    """What one run has to do with others: which note its opening strikes out, which its end makes. Writer's thread."""

    __slots__ = ("follows", "leads")

    def __init__(self, follows: Follower | None = None) -> None:
        self.follows = follows
        self.leads: tuple[Follower, ...] = ()

    def store(self, connection: sqlite3.Connection, headline: Headline, before: Headline | None) -> None:
        """Write what goes with a change of the run whose row held `before`, in the same transaction."""
        if before is None and self.follows is not None:
            connection.execute(_STRIKE, self.follows)
        if headline.finished_at is not None and (before is None or before.pending):
            ended = micros(headline.finished_at)
            connection.executemany(_NOTE, [(*follower, ended) for follower in self.leads])


class Followers:
    """The notes of a database. `database.part(Followers)` is the one of a process. Any thread; writes never block."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._claimed: set[Follower] = set()

    def claim(self, follower: Follower) -> bool:
        """Say that one sees to its start, until `release`; False if somebody of this process does already."""
        with self._lock:
            if follower in self._claimed:
                return False
            self._claimed.add(follower)
            return True

    def release(self, follower: Follower) -> None:
        """See to its start no more: it has been opened, or it has to wait for the next start of the app."""
        with self._lock:
            self._claimed.discard(follower)

    def waiting(self, app: str) -> list[tuple[Follower, datetime]]:
        """What an app has still to start, with the end of the run that it follows, oldest first."""
        rows = self._database.connection().execute(_OF_APP, (app,)).fetchall()
        return [(Follower(run, of, action), moment(at)) for run, of, action, at in rows]

    def waits(self, follower: Follower) -> bool:
        """Whether it has still to be started."""
        return self._database.connection().execute(_ONE, follower).fetchone() is not None

    def strike(self, followers: Iterable[Follower], done: Done | None = None) -> None:
        """Forget them: they will not be started. Whoever claimed them has released them when `done` is called."""
        struck = tuple(followers)

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(_STRIKE, struck)

        def written(value: None, error: BaseException | None) -> None:
            for follower in struck:
                self.release(follower)
            if done is not None:
                done(value, error)

        self._database.writer.submit(write, written)
