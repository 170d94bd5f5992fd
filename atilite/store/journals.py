"""The trace of every run: written through the writer thread, read by any thread, told to subscribers when it is stored.

A run is one value in memory from `open` to the commit of its `close`. Each change replaces the value and queues a
flush, which stores the newest value; so a run that ends before the writer got to it costs one INSERT and one commit.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..clock import Clock
from ..events import Emitter
from .columns import clean, decode, encode, micros
from .database import Database
from .history import FOREVER, History
from .removal import remove_runs
from .runs import COLUMNS, FINISHED, STATUSES, Filter, Headline, Progress, row_of, storable
from .streams import merge, streams
from .walk import Combination, combinations
from .writer import Done

log = logging.getLogger("atilite.store")

# Ended runs that could not be stored (a full disk) wait in memory for better times, at most so many.
UNSAVED = 10_000

_INSERT = f"INSERT INTO journal({COLUMNS}) VALUES ({', '.join('?' * 19)})"
# The rest never changes.
_UPDATE = """UPDATE journal SET status = ?, started_at = ?, finished_at = ?, duration = ?, error = ?, traceback = ?,
result = ?, labels = ?, change = ? WHERE id = ?"""
_LABEL = "INSERT OR REPLACE INTO journal_label(label, status, journal) VALUES (?, ?, ?)"
_UNLABEL = "DELETE FROM journal_label WHERE label = ? AND status = ? AND journal = ?"
_RECORD = "INSERT INTO record(journal, id, created_at, source, level, message, params) VALUES (?, ?, ?, ?, ?, ?, ?)"

RecordRow = tuple[int, int, int, str, str | None, str, str]


class _Live:
    """A run of this process: its newest value, and the value that is stored (None: not yet), if that is `certain`."""

    __slots__ = ("certain", "change", "headline", "progress", "stored")

    def __init__(self, headline: Headline) -> None:
        self.headline = headline
        self.stored: Headline | None = None
        self.certain = True
        self.change = 0
        self.progress: Progress | None = None


class _Flush:
    """Stores the newest value of a run, unless an earlier flush has done so. Writer's thread."""

    __slots__ = ("_done", "_journals", "_live", "_wrote")

    def __init__(self, journals: Journals, live: _Live, done: Done | None) -> None:
        self._journals, self._live, self._done = journals, live, done
        self._wrote = False

    def __call__(self, connection: sqlite3.Connection) -> None:
        live = self._live
        if self._wrote:
            live.certain = False  # called again after a rollback: what was noted as stored is not
        if not live.certain or live.stored is not live.headline:
            self._wrote = True
            self._journals._store(connection, live)

    def committed(self, value: object, error: BaseException | None) -> None:
        """Called by the writer at the end."""
        if error is not None:
            self._live.certain = False
        self._journals._flushed(self._live, error, self._wrote)
        if self._done is not None:
            self._done(value, error)


class _Records:
    """The records that were queued while no other flush of records was: one executemany. Writer's thread."""

    __slots__ = ("_flushes", "_journals", "_taken")

    def __init__(self, journals: Journals) -> None:
        self._journals = journals
        self._taken: list[tuple[RecordRow, Done | None]] = []
        self._flushes: list[_Flush] = []

    def __call__(self, connection: sqlite3.Connection) -> None:
        if not self._taken:
            self._taken, unstored = self._journals._take_records()
            # This was queued before some of its records were, so their runs may come later in the queue, even in
            # another transaction: a record must never be on the disk without its run.
            self._flushes = [_Flush(self._journals, live, None) for live in unstored]
        for flush in self._flushes:
            flush(connection)
        self._journals._store_records(connection, [row for row, _ in self._taken])

    def committed(self, value: object, error: BaseException | None) -> None:
        """Called by the writer at the end."""
        for flush in self._flushes:
            flush.committed(value, error)
        for row, done in self._taken or self._journals._take_records()[0]:
            if error is None:
                self._journals.recorded.emit(row[0])
            if done is not None:
                done(row[1], error)


class Journals(History):
    """All runs of one database: writes here, reads in History.

    Writes never block and may be done on any thread. `done(value, error)` is called in the writer's thread once the
    write is on the disk; without it the write may wait a moment for company. `updated` and `recorded` emit the id of
    the run after each commit of a change or of a record.
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        super().__init__(database)
        self._clock = clock or database.clock
        self._writer = database.writer
        self._lock = threading.Lock()
        self._live: dict[int, _Live] = {}
        self._unsaved: list[_Live] = []  # touched by the writer's thread only
        self._records: list[tuple[RecordRow, Done | None]] = []
        self.updated: Emitter[int] = Emitter()
        self.recorded: Emitter[int] = Emitter()
        self.progressed: Emitter[int] = Emitter()
        if not database.readonly:
            self._text.catch_up()
            self._writer.submit(lambda connection: combinations(connection), self._begin, urgent=False)

    def open(
        self,
        operation: str,
        *,
        description: str = "",
        kind: str = "function",
        trigger: str = "call",
        who: str | None = None,
        parameters: Mapping[str, object] | None = None,
        parent: int | None = None,
        attempt: int = 1,
        labels: Iterable[str] = (),
        status: str = "running",
        done: Done | None = None,
    ) -> int:
        """Begin a run and return its id, which is known at once; the row follows. `done` gets None.

        `status` is "running" or "queued". Raises TypeError for parameters that JSON does not have.
        """
        if status not in ("queued", "running"):
            raise ValueError(f"a run begins queued or running, not {status!r}")
        now = self._clock.now()
        live = _Live(
            Headline(
                self._database.journal_ids.next(),
                clean(operation),
                clean(description),
                clean(kind),
                clean(trigger),
                clean(who) if who else None,
                # A copy: what the run does to its parameters later is not what it was called with.
                decode(encode(dict(parameters), "parameters")) if parameters else {},
                status,
                now,
                now,
                labels=tuple(dict.fromkeys(map(clean, labels))),
                parent=parent,
                attempt=attempt,
            )
        )
        self._live[live.headline.id] = live
        self._flush(live, done)
        return live.headline.id

    def start(self, id: int, *, done: Done | None = None) -> bool:
        """Let a queued run begin now; False if it isn't queued any more (then `done` is not called)."""
        with self._lock:
            live = self._live.get(id)
            if live is None or live.headline.status != "queued":
                return False
            live.headline = replace(live.headline, status="running", started_at=self._clock.now())
        self._flush(live, done)
        return True

    def close(
        self,
        id: int,
        status: str,
        *,
        duration: float | None,
        error: str | None = None,
        traceback: str | None = None,
        result: object = None,
        done: Done | None = None,
    ) -> bool:
        """End a run; False if it has ended already (then the first end stands and `done` is not called).

        `duration` is in seconds. A result that JSON does not have is stored as the text that shows it.
        """
        if status not in FINISHED:
            raise ValueError(f"a run cannot end as {status!r}; known: {', '.join(STATUSES[2:])}")
        with self._lock:
            live = self._live.get(id)
            if live is None or not live.headline.pending:
                return False
            live.headline = replace(
                live.headline,
                status=status,
                finished_at=self._clock.now(),
                duration=duration,
                error=None if error is None else clean(error),
                traceback=None if traceback is None else clean(traceback),
                result=storable(result),
            )
        self._flush(live, done)
        return True

    def record(
        self,
        id: int,
        message: str,
        params: Mapping[str, object] | None = None,
        *,
        source: str = "record",
        level: str | None = None,
        done: Done | None = None,
    ) -> int:
        """Add a message with fields to a run and return the record's id, which `done` gets too.

        Raises TypeError at once for fields that JSON does not have.
        """
        fields = encode(dict(params), f"a field of the record {message!r}") if params else "{}"
        text, now = clean(message), micros(self._clock.now())
        with self._lock:
            # Numbered and queued in one order: who has read a record never has to look for one with a lower number.
            number = self._database.record_ids.next()
            self._records.append(((id, number, now, source, level, text, fields), done))
            first = len(self._records) == 1
        if first:
            flush = _Records(self)
            self._writer.submit(flush, flush.committed, urgent=done is not None)
        elif done is not None:
            self._writer.hurry()
        return number

    def label(self, id: int, labels: Iterable[str], *, done: Done | None = None) -> None:
        """Add labels to a run, also to one that has ended; the ones that it has already are ignored.

        `done` gets None, or LookupError if there is no such run.
        """
        added = tuple(map(clean, labels))
        with self._lock:
            live = self._live.get(id)
            if live is not None:
                live.headline = replace(live.headline, labels=_merged(live.headline.labels, added))
        if live is None:
            self._writer.submit(lambda connection: self._label_ended(connection, id, added), self._telling(id, done))
        else:
            self._flush(live, done)

    def progress(self, id: int) -> Progress | None:
        """Return how far a run of this process is, None if it hasn't said or has ended. Any thread, no I/O."""
        live = self._live.get(id)
        return live.progress if live is not None and live.headline.pending else None

    def set_progress(self, id: int, done: float, total: float | None = None, text: str = "") -> None:
        """Note how far a run is, in memory only, and emit `progressed`. Any thread, never blocks."""
        live = self._live.get(id)
        if live is not None:
            live.progress = Progress(done, total, text)
            self.progressed.emit(id)

    def headline(self, id: int) -> Headline | None:
        """Return a run without its records, None if there is none; also one whose row is not stored yet."""
        live = self._live.get(id)
        return replace(live.headline, change=live.change) if live is not None else super().headline(id)

    def remove(self, ids: Iterable[int], *, done: Done | None = None) -> None:
        """Delete ended runs with all that belongs to them; `done` gets how many there were.

        Runs that go on in this process stay.
        """
        wanted = [id for id in ids if id not in self._live]
        self._writer.submit(lambda connection: remove_runs(connection, wanted, indexed=self._text.available), done)

    def remove_dead(self, *, done: Done | None = None) -> None:
        """Delete the runs that a dead process left behind; `done` gets how many there were."""

        def remove(connection: sqlite3.Connection) -> int:
            interrupted = merge(streams(connection, Filter(status="interrupted")), 0, FOREVER, FOREVER)
            return remove_runs(connection, interrupted, indexed=self._text.available)

        self._writer.submit(remove, done)

    def _begin(self, known: list[Combination] | None, error: BaseException | None) -> None:
        # Here, in the writer's thread: every change after it adds its own.
        self._known = None if known is None else set(known)

    def _flush(self, live: _Live, done: Done | None) -> None:
        flush = _Flush(self, live, done)
        # The end of a run is durable as soon as possible, whether or not anybody waits.
        self._writer.submit(flush, flush.committed, urgent=done is not None or not live.headline.pending)

    def _store(self, connection: sqlite3.Connection, live: _Live) -> None:
        headline = live.headline
        before = live.stored if live.certain else self.headline_on(connection, headline.id)
        changes = self._database.changes
        live.change = changes.next()
        changes.cover(connection, live.change)
        row = row_of(headline, live.change)
        if before is None:
            connection.execute(_INSERT, row)
        else:
            connection.execute(_UPDATE, (row[7], *row[9:16], row[18], row[0]))
        if headline.labels:
            _store_labels(connection, headline, before)
        live.stored, live.certain = headline, True

    def _flushed(self, live: _Live, error: BaseException | None, wrote: bool) -> None:
        if error is not None:
            self._keep_unsaved(live, error)
            return
        self._forget(live)
        if wrote:
            self.written(live.headline, live.change)
            self.updated.emit(live.headline.id)
        # Writing works: what a full disk kept out goes in now.
        waiting, self._unsaved = self._unsaved, []
        for unsaved in waiting:
            self._flush(unsaved, None)

    def _keep_unsaved(self, live: _Live, error: BaseException) -> None:
        if live.headline.pending:
            return  # its end will store all of it
        if len(self._unsaved) < UNSAVED:
            self._unsaved.append(live)
            return
        log.error("run %d (%s) is lost: %s", live.headline.id, live.headline.operation, error)
        with self._lock:
            self._live.pop(live.headline.id, None)

    def _forget(self, live: _Live) -> None:
        with self._lock:
            if not live.headline.pending and live.certain and live.stored is live.headline:
                self._live.pop(live.headline.id, None)

    def _take_records(self) -> tuple[list[tuple[RecordRow, Done | None]], list[_Live]]:
        """Return the queued records, and their runs that are not stored yet."""
        with self._lock:
            taken, self._records = self._records, []
        runs = [self._live.get(id) for id in {row[0] for row, _ in taken}]
        return taken, [live for live in runs if live is not None and live.stored is None]

    def _store_records(self, connection: sqlite3.Connection, rows: list[RecordRow]) -> None:
        if rows:
            self._database.record_ids.cover(connection, max(row[1] for row in rows))
            connection.executemany(_RECORD, rows)

    def _label_ended(self, connection: sqlite3.Connection, id: int, added: tuple[str, ...]) -> tuple[Headline, int]:
        before = self.headline_on(connection, id)
        if before is None:
            raise LookupError(f"there is no run {id}")
        headline = replace(before, labels=_merged(before.labels, added))
        change = self._database.changes.next()
        self._database.changes.cover(connection, change)
        row = row_of(headline, change)
        connection.execute(_UPDATE, (row[7], *row[9:16], row[18], row[0]))
        _store_labels(connection, headline, before)
        return headline, change

    def _telling(self, id: int, done: Done | None) -> Done:
        def committed(stored: Any, error: BaseException | None) -> None:
            if error is None:
                self.written(*stored)
                self.updated.emit(id)
            if done is not None:
                done(None, error)

        return committed


def _store_labels(connection: sqlite3.Connection, headline: Headline, before: Headline | None) -> None:
    if before is not None and before.status == headline.status and before.labels == headline.labels:
        return
    if before is not None:
        connection.executemany(_UNLABEL, [(label, before.status, headline.id) for label in before.labels])
    connection.executemany(_LABEL, [(label, headline.status, headline.id) for label in headline.labels])


def _merged(labels: tuple[str, ...], added: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(labels + added))
