"""The runs of this process, from their beginning to the commit of their end, and how they get to the disk.

A run is one value in memory. Each change replaces the value and queues a flush, which stores the newest value; so a run
that ends before the writer got to it costs one INSERT and one commit.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable

from .counters import Counter
from .followers import Follower, Following
from .runs import COLUMNS, Headline, Progress, headline_of, row_of
from .writer import Done, Writer

log = logging.getLogger("atilite.store")

# Ended runs that could not be stored (a full disk) wait in memory for better times, at most so many.
UNSAVED = 10_000

_ONE = f"SELECT {COLUMNS} FROM journal WHERE id = ?"
INSERT_RUN = f"INSERT INTO journal({COLUMNS}) VALUES ({', '.join('?' * 19)})"
# The rest never changes.
_UPDATE = """UPDATE journal SET status = ?, started_at = ?, finished_at = ?, duration = ?, error = ?, traceback = ?,
result = ?, labels = ?, attempt = ?, change = ? WHERE id = ?"""
INSERT_LABEL = "INSERT OR REPLACE INTO journal_label(label, status, journal) VALUES (?, ?, ?)"
_UNLABEL = "DELETE FROM journal_label WHERE label = ? AND status = ? AND journal = ?"
INSERT_RECORD = """INSERT INTO record(journal, id, created_at, source, level, message, params)
VALUES (?, ?, ?, ?, ?, ?, ?)"""

# journal, id, created_at, source, level, message, params
RecordRow = tuple[int, int, int, str, str | None, str, str]


class Live:
    """A run of this process: its newest value, and the value that is stored (None: not yet), if that is `certain`."""

    __slots__ = ("certain", "change", "following", "headline", "progress", "stored")

    def __init__(self, headline: Headline) -> None:
        self.headline = headline
        self.stored: Headline | None = None
        self.certain = True
        self.change = 0
        # None for nearly all runs, which nothing follows and which follow nothing.
        self.following: Following | None = None
        self.progress: Progress | None = None


class LiveRuns:
    """All runs of this process that go on or are not stored yet.

    `storing(headline)` is called in the writer's thread before each commit, `written(headline, change)` and
    `recorded(id of the run)` after it.
    """

    def __init__(
        self,
        writer: Writer,
        changes: Counter,
        record_ids: Counter,
        storing: Callable[[Headline], None],
        written: Callable[[Headline, int], None],
        recorded: Callable[[int], None],
    ) -> None:
        self.writer, self.written, self.recorded = writer, written, recorded
        self._storing = storing
        self._changes, self._record_ids = changes, record_ids
        self._lock = threading.Lock()
        self._runs: dict[int, Live] = {}
        self._unsaved: list[Live] = []  # touched by the writer's thread only
        self._records: list[tuple[RecordRow, Done | None]] = []

    def __contains__(self, id: int) -> bool:
        return id in self._runs

    def find(self, id: int) -> Live | None:
        """Return a run that goes on or is not stored yet. Any thread."""
        return self._runs.get(id)

    def begin(self, headline: Headline, done: Done | None, follows: Follower | None = None) -> None:
        """Take a new run in and queue its first flush. Any thread, never blocks."""
        live = self._runs[headline.id] = Live(headline)
        if follows is not None:
            live.following = Following(follows)
        self._flush(live, done)

    def change(
        self, id: int, new: Callable[[Headline], Headline | None], done: Done | None, *, here: bool = False,
        leads: tuple[Follower, ...] = (),
    ) -> bool:  # fmt: skip
        """Replace the value of a run by `new(value)` and queue a flush; False if it's unknown or `new` gives None.

        Any thread; `done` is called only if True is returned. For `here` see `Writer.submit`; `leads` are to follow.
        """
        with self._lock:
            live = self._runs.get(id)
            changed = None if live is None else new(live.headline)
            if live is None or changed is None:
                return False
            if leads:
                # Before the value: whoever writes the end at this moment has to find them.
                live.following = live.following or Following()
                live.following.leads = leads
            live.headline = changed
        self._flush(live, done, here)
        return True

    def record(
        self, run: int, created: int, source: str, level: str | None, message: str, fields: str, done: Done | None
    ) -> int:
        """Queue a record and return its id, which `done` gets too. Any thread, never blocks."""
        with self._lock:
            # Numbered under the lock: whoever has read up to a number must not miss a lower one that comes later.
            number = self._record_ids.next()
            self._records.append(((run, number, created, source, level, message, fields), done))
            first = len(self._records) == 1
        if first:
            flush = _RecordsFlush(self)
            self.writer.submit(flush, flush.committed, urgent=done is not None)
        elif done is not None:
            self.writer.hurry()
        return number

    def store(self, connection: sqlite3.Connection, headline: Headline, before: Headline | None) -> int:
        """Write a run whose row holds `before` (None: there is none) and return the number of the change.

        Writer's thread, in a transaction.
        """
        self._storing(headline)
        change = self._changes.next()
        self._changes.cover(connection, change)
        row = row_of(headline, change)
        if before is None:
            connection.execute(INSERT_RUN, row)
        else:
            connection.execute(_UPDATE, (row[7], *row[9:16], *row[17:], row[0]))
        if headline.labels:
            _store_labels(connection, headline, before)
        return change

    def store_live(self, connection: sqlite3.Connection, live: Live) -> None:
        """Write the newest value of a run. Writer's thread, in a transaction."""
        headline = live.headline
        before = live.stored if live.certain else stored_headline(connection, headline.id)
        live.change = self.store(connection, headline, before)
        if live.following is not None:
            live.following.store(connection, headline, before)
        live.stored, live.certain = headline, True

    def store_records(self, connection: sqlite3.Connection, rows: list[RecordRow]) -> None:
        """Write records. Writer's thread, in a transaction."""
        if rows:
            self._record_ids.cover(connection, max(row[1] for row in rows))
            connection.executemany(INSERT_RECORD, rows)

    def take_records(self) -> tuple[list[tuple[RecordRow, Done | None]], list[Live]]:
        """Return the queued records, and those of their runs that are not stored yet. Writer's thread."""
        with self._lock:
            taken, self._records = self._records, []
        runs = (self._runs.get(id) for id in {row[0] for row, _ in taken})
        return taken, [live for live in runs if live is not None and live.stored is None]

    def flushed(self, live: Live, error: BaseException | None, wrote: bool) -> None:
        """Note how a flush ended. Writer's thread."""
        if error is not None:
            self._keep_unsaved(live, error)
            return
        with self._lock:
            if not live.headline.pending and live.certain and live.stored is live.headline:
                self._runs.pop(live.headline.id, None)
        if wrote:
            self.written(live.headline, live.change)
        # Writing works: what a full disk kept out goes in now.
        waiting, self._unsaved = self._unsaved, []
        for unsaved in waiting:
            self._flush(unsaved, None)

    def _flush(self, live: Live, done: Done | None, here: bool = False) -> None:
        flush = _RunFlush(self, live, done)
        # The end of a run is durable as soon as possible, whether or not anybody waits.
        self.writer.submit(flush, flush.committed, urgent=done is not None or not live.headline.pending, here=here)

    def _keep_unsaved(self, live: Live, error: BaseException) -> None:
        if live.headline.pending:
            return  # its end will store all of it
        if live.following is not None:
            # Whoever waited was told the fault, and what follows is started without a note: no second start of it.
            live.following.leads = ()
        if len(self._unsaved) < UNSAVED:
            self._unsaved.append(live)
            return
        log.error("run %d (%s) is lost: %s", live.headline.id, live.headline.operation, error)
        with self._lock:
            self._runs.pop(live.headline.id, None)


class _RunFlush:
    """Stores the newest value of a run, unless an earlier flush has done so. Writer's thread."""

    __slots__ = ("_done", "_live", "_runs", "_wrote")

    def __init__(self, runs: LiveRuns, live: Live, done: Done | None) -> None:
        self._runs, self._live, self._done = runs, live, done
        self._wrote = False

    def __call__(self, connection: sqlite3.Connection) -> None:
        live = self._live
        if self._wrote:
            live.certain = False  # called again after a rollback: what was noted as stored is not
        if not live.certain or live.stored is not live.headline:
            self._wrote = True
            self._runs.store_live(connection, live)

    def committed(self, value: object, error: BaseException | None) -> None:
        """Called by the writer at the end."""
        if error is not None:
            self._live.certain = False
        self._runs.flushed(self._live, error, self._wrote)
        if self._done is not None:
            self._done(value, error)


class _RecordsFlush:
    """The records that were queued while no other flush of records was: one executemany. Writer's thread."""

    __slots__ = ("_flushes", "_runs", "_taken")

    def __init__(self, runs: LiveRuns) -> None:
        self._runs = runs
        self._taken: list[tuple[RecordRow, Done | None]] = []
        self._flushes: list[_RunFlush] = []

    def __call__(self, connection: sqlite3.Connection) -> None:
        if not self._taken:
            self._taken, unstored = self._runs.take_records()
            # This was queued before some of its records were, so their runs may come later in the queue, even in
            # another transaction: a record must never be on the disk without its run.
            self._flushes = [_RunFlush(self._runs, live, None) for live in unstored]
        for flush in self._flushes:
            flush(connection)
        self._runs.store_records(connection, [row for row, _ in self._taken])

    def committed(self, value: object, error: BaseException | None) -> None:
        """Called by the writer at the end."""
        for flush in self._flushes:
            flush.committed(value, error)
        for row, done in self._taken or self._runs.take_records()[0]:
            if error is None:
                self._runs.recorded(row[0])
            if done is not None:
                done(row[1], error)


def stored_headline(connection: sqlite3.Connection, id: int) -> Headline | None:
    """Read a run, None if there is none. Any thread."""
    row = connection.execute(_ONE, (id,)).fetchone()
    return None if row is None else headline_of(row)


def merged(labels: tuple[str, ...], added: Iterable[str]) -> tuple[str, ...]:
    """Return labels with others added, each once."""
    return tuple(dict.fromkeys((*labels, *added)))


def _store_labels(connection: sqlite3.Connection, headline: Headline, before: Headline | None) -> None:
    if before is not None and before.status == headline.status and before.labels == headline.labels:
        return
    if before is not None:
        connection.executemany(_UNLABEL, [(label, before.status, headline.id) for label in before.labels])
    connection.executemany(INSERT_LABEL, [(label, headline.status, headline.id) for label in headline.labels])
