"""All writes of a process, one after the other: what is queued meanwhile becomes one transaction (group commit).

An operation is a function of the connection. It may be run a second time after a rollback, so it changes nothing but
the database, or notices that it is run again.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextvars import Context
from pathlib import Path
from typing import Any, TypeVar

from ..errors import StoreError, StoreFull, StoreUnavailable
from ..events import Emitter
from .failures import translate

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]
Done = Callable[[Any, BaseException | None], object]
Entry = tuple[Operation[Any], Done | None]

log = logging.getLogger("atilite.store")

# How long writes that nobody waits for may gather, in seconds: the price of a crash is that much of them. After as long
# without a write there is leisure for those that can wait.
LINGER = 0.02
BATCH = 1000
# After the disk was full, so many free bytes are taken for the end of that.
ROOM = 256 * 1024


class _Spoiled(Exception):
    """An operation failed after it had changed something, so the transaction it shares has to be undone."""


class Writer:
    """The one thread that writes, "the writer's thread". Only one that offers itself may take its place for a commit.

    `commits`, `operations`, `rollbacks` and `fault` (None when the last commit went well) are for the diagnostics.
    `failing` emits each fault that is of another kind than the one before, in the writer's thread.
    """

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], path: Path, *, linger: float = LINGER, batch: int = BATCH
    ) -> None:
        self._connect, self._path, self._linger, self._batch = connect, path, linger, batch
        self._queue: deque[Entry] = deque()
        self._leisurely: deque[Entry] = deque()
        # Held for moments only; guards the queues and the three facts below.
        self._gate = threading.Lock()
        self._urgent = False  # somebody waits for what is queued
        self._busy = False  # somebody writes; looks again at the end, so nobody needs to ring meanwhile
        self._asleep = False  # the thread sleeps until it is rung for
        # The bell is a raw lock (a ring is an unlocked lock), several times cheaper than a condition.
        self._bell = threading.Lock()
        self._bell.acquire()
        self._refusal: str | None = None
        self._thread: threading.Thread | None = None
        self._connection: sqlite3.Connection | None = None
        self.commits = self.operations = self.rollbacks = 0
        self.fault: BaseException | None = None
        self.failing: Emitter[StoreError] = Emitter()

    def submit(
        self, operation: Operation[Any], done: Done | None = None, *, urgent: bool = True, here: bool = False
    ) -> None:
        """Queue a write; any thread, never blocks unless it is done `here`.

        `done(value, error)` is called in the writer's thread once the write is on the disk or has failed; it must be
        quick. A write that is not `urgent` waits a moment for company: say so when nobody waits for it. With `here`
        the calling thread, which must be free to block and hold no lock, writes what is queued itself if nobody is
        at it: waking another thread costs as much as a small commit. Raises StoreUnavailable after `close`.
        """
        with self._gate:
            self._admit()
            self._queue.append((operation, done))
            self._urgent = self._urgent or urgent
            here = here and not self._busy and self._connection is not None
            if here:
                self._busy = True
            elif (urgent or self._asleep) and not self._busy:
                self._ring()
        if here:
            # In an empty context: what callbacks log belongs to no run.
            Context().run(self._write)

    def at_leisure(self, operation: Operation[Any], done: Done | None = None) -> None:
        """Queue a write for when nothing else has been written for a moment, or never. Otherwise as `submit`."""
        with self._gate:
            self._admit()
            self._leisurely.append((operation, done))
            if self._asleep:
                self._ring()

    def hurry(self) -> None:
        """Write what is queued now: somebody has begun to wait for it. Any thread, never blocks."""
        with self._gate:
            if self._queue and not self._urgent:
                self._urgent = True
                if not self._busy:
                    self._ring()

    def call(self, operation: Operation[T]) -> T:
        """Write and wait until it is on the disk; returns or raises what the operation does.

        Blocks the calling thread: never call it on the event loop, nor in a `done` callback.
        """
        result: list[Any] = []
        waiting = threading.Lock()
        waiting.acquire()

        def done(value: Any, error: BaseException | None) -> None:
            result[:] = value, error
            waiting.release()

        self.submit(operation, done)
        waiting.acquire()
        value, error = result
        if error is not None:
            raise error
        return value  # type: ignore[no-any-return]

    def flush(self) -> None:
        """Wait until everything queued before this call is on the disk or has failed. Blocks like `call`."""
        self.call(lambda connection: None)

    @property
    def closed(self) -> bool:
        """Whether further writes are refused."""
        return self._refusal is not None

    def refuse(self, reason: str) -> None:
        """Refuse further writes with StoreUnavailable for this reason; the queued ones go on. Any thread."""
        with self._gate:
            self._refusal = self._refusal or reason
            self._ring()

    def left_by_fork(self, reason: str) -> None:
        """Refuse all writes in a child: the thread that writes, and the connection, are its parent's."""
        self._gate = threading.Lock()  # somebody may have held it
        self._refusal, self._thread = reason, None
        self._queue.clear()
        self._leisurely.clear()

    @property
    def waiting(self) -> int:
        """How many operations wait just now to be written. Any thread."""
        return len(self._queue)

    def close(self) -> None:
        """Refuse further writes, finish the queued ones and end the thread. Blocks; a second call does nothing."""
        self.refuse("the database is closed")
        if self._thread is not None:
            self._thread.join()

    def _admit(self) -> None:
        """Under the gate: see that there is a thread, or refuse."""
        if self._refusal is not None:
            raise StoreUnavailable(f"{self._path}: {self._refusal}")
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
            self._thread.start()

    def _ring(self) -> None:
        """Under the gate: let the thread look at the queue."""
        self._asleep = False
        if self._bell.locked():
            self._bell.release()

    def _run(self) -> None:
        try:
            self._connection = self._connect()
        except Exception as error:
            # Whoever waits has to be told; there is nobody else to write for them.
            told = translate(error, self._path)
            self.refuse(f"it could not be opened for writing: {told}")
            self._fail(list(self._queue), error)
            return
        try:
            while self._wait():
                self._write()
        finally:
            self._connection.close()

    def _wait(self) -> bool:
        """Sleep until something has to be written; False at the end. True makes this thread the one that writes."""
        while True:
            commits = self.commits
            rung = self._bell.acquire(timeout=-1 if self._asleep else self._linger)
            with self._gate:
                if self._busy:
                    continue
                if not rung and not self._queue and self.commits == commits:
                    self._queue.extend(self._leisurely)
                    self._leisurely.clear()
                    self._asleep = not self._queue
                if self._queue and (self._urgent or self.closed or not rung):
                    self._busy = True
                    return True
                if self.closed:
                    return False

    def _write(self) -> None:
        """Commit what is queued: one batch of it, in the thread that has made itself busy."""
        assert self._connection is not None
        with self._gate:
            queue = self._queue
            if len(queue) <= self._batch:
                batch = list(queue)
                queue.clear()
            else:
                batch = [queue.popleft() for _ in range(self._batch)]
            self._urgent = bool(queue)
        try:
            self._commit(self._connection, batch)
        finally:
            with self._gate:
                self._busy = False
                if self._urgent or self.closed:
                    self._ring()

    def _commit(self, connection: sqlite3.Connection, batch: list[Entry]) -> None:
        before = connection.total_changes
        try:
            results = self._together(connection, batch)
        except (sqlite3.Error, _Spoiled) as error:
            self._undo(connection)
            if isinstance(error, sqlite3.Error) and not self._worth_repeating(error):
                self._fail(batch, error)
                return
            for entry in batch:
                self._alone(connection, entry)
            return
        self._went_well(len(batch), connection.total_changes != before)
        for (_, done), (value, error_of_one) in zip(batch, results, strict=True):
            self._tell(done, value, error_of_one)

    def _together(self, connection: sqlite3.Connection, batch: list[Entry]) -> list[tuple[Any, BaseException | None]]:
        results: list[tuple[Any, BaseException | None]] = []
        execute = connection.execute
        execute("BEGIN IMMEDIATE")
        for operation, _ in batch:
            before = connection.total_changes
            try:
                results.append((operation(connection), None))
            except Exception as error:
                # No savepoint before every operation (it would double the cost of a small one): if this one had
                # changed nothing it just failed, otherwise all are run again, each in a transaction of its own.
                if connection.total_changes != before or not connection.in_transaction:
                    raise _Spoiled from error
                results.append((None, translate(error, self._path)))
        execute("COMMIT")
        return results

    def _alone(self, connection: sqlite3.Connection, entry: Entry) -> None:
        operation, done = entry
        before = connection.total_changes
        try:
            connection.execute("BEGIN IMMEDIATE")
            value = operation(connection)
            connection.execute("COMMIT")
        except Exception as error:
            self._undo(connection)
            self._fail([entry], error)
            return
        self._went_well(1, connection.total_changes != before)
        self._tell(done, value, None)

    def _fail(self, batch: list[Entry], error: BaseException) -> None:
        told = translate(error, self._path)
        if isinstance(told, StoreError):
            before, self.fault = self.fault, told
            if type(before) is not type(told):
                log.error("writing failed: %s", told)
                self.failing.emit(told)
        for _, done in batch:
            self._tell(done, None, told)

    def _went_well(self, operations: int, changed: bool) -> None:
        if self.fault is not None and changed and self._has_room():
            log.warning("%s: writing works again", self._path)
            self.fault = None
        self.commits += 1
        self.operations += operations

    def _has_room(self) -> bool:
        """Tell whether the disk is full no more: a small write may fit although the next one won't."""
        if not isinstance(self.fault, StoreFull):
            return True
        disk = os.statvfs(self._path.parent)
        return disk.f_bavail * disk.f_frsize >= ROOM

    @staticmethod
    def _worth_repeating(error: sqlite3.Error) -> bool:
        """Tell whether trying the operations one by one makes sense: not when another process holds the lock."""
        return getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY

    def _undo(self, connection: sqlite3.Connection) -> None:
        self.rollbacks += 1
        # SQLite itself has ended the transaction after some errors, a full disk among them.
        if connection.in_transaction:
            connection.execute("ROLLBACK")

    @staticmethod
    def _tell(done: Done | None, value: Any, error: BaseException | None) -> None:
        if done is None:
            return
        try:
            done(value, error)
        except Exception:
            log.exception("the callback %r of a write failed", done)
