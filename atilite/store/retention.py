"""Removing what is old, in steps so small that nobody waits for them: old runs, expired keys, forgotten sessions.

On a full disk nothing can be removed either, because that needs room in the log: then the reserve file makes room.
"""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import NamedTuple, TypeVar

from ..errors import StoreFull
from ..quickly import dataclass
from .columns import micros
from .database import Database
from .kv import KV, Forgotten
from .removal import remove_runs
from .runs import PENDING
from .textindex import is_available
from .walk import combinations
from .writer import Operation

T = TypeVar("T")

log = logging.getLogger("atilite.store")

# Runs removed in one transaction. Fewer when the disk is full: the log of a transaction has to fit into the reserve.
STEP, SMALL_STEP = 200, 20
# Pages given back in one transaction; each may have to be moved, through the log.
PAGES = 200
# Space that came free is kept for the next runs up to so many pages: giving back and taking again wears the card.
SLACK = 2000
# A session that nobody has used for so long has ended, whatever it was made for.
SESSION_DAYS = 60

DAY = 86_400_000_000
_KEEP = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:,?(\d+))?")

_OLDEST = """SELECT id, created_at FROM journal WHERE id > ? AND status NOT IN ('queued', 'running')
AND operation NOT IN ({}) ORDER BY id LIMIT ?"""
_OLDEST_OF = """SELECT id FROM journal INDEXED BY journal_operation_kind_trigger_who_status
WHERE operation = ? AND kind = ? AND "trigger" = ? AND who = ? AND status = ? AND id > ? ORDER BY id LIMIT ?"""
_COUNT_OF = """SELECT count(*) FROM journal INDEXED BY journal_operation_kind_trigger_who_status WHERE operation = ?"""
_EXPIRED = "SELECT 1 FROM kv WHERE expires <= ? UNION ALL SELECT 1 FROM login WHERE seen <= ? LIMIT 1"

# The oldest ended runs after an id, oldest first: (after, at most) -> ids with the time when they were asked for.
Oldest = Callable[[int, int], list[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept: `days` of age, a number of `runs`, `bytes` of the database. None is no limit."""

    days: float | None = None
    runs: int | None = None
    bytes: int | None = None

    @classmethod
    def of(cls, text: str) -> Limits:
        """Return the limits that `30d,1000` (or one of both) says. Raises ValueError."""
        found = _KEEP.fullmatch(text.replace(" ", ""))
        if not found or not any(found.groups()):
            raise ValueError(f"{text!r} says not how much to keep; write days, a number of runs or both: 30d,1000")
        days, runs = found.groups()
        return cls(float(days) if days else None, int(runs) if runs else None)


class Swept(NamedTuple):
    """What a sweep removed: runs, keys with sessions, and pages of the file given back to the disk."""

    runs: int = 0
    expired: int = 0
    pages: int = 0


def sweep(database: Database, limits: Limits, by_operation: Mapping[str, Limits] | None = None) -> Swept:
    """Remove the oldest ended runs above the limits, expired keys and forgotten sessions.

    `by_operation` are the limits of single operations, instead of the general age and number. Blocks, for long if
    there is much to remove, but others write in between; never on the event loop. On a full disk it gives up the
    reserve file first, if there is anything to remove, and takes it again at the end. Raises StoreFull if even that is
    not enough.
    """
    if not isinstance(database.writer.fault, StoreFull):
        try:
            swept = _Sweep(database, STEP).all(limits, by_operation or {})
            database.reserve.ensure()  # there may have been no room for it after a full disk
            return swept
        except StoreFull:
            log.warning("%s: the disk is full, the reserve file makes room for removing", database.path)
    if not _has_work(database, limits, by_operation or {}):
        # With the reserve gone others would write on, and there would be none when removing helps.
        return Swept()
    database.reserve.release()
    try:
        return _Sweep(database, SMALL_STEP, full=True).all(limits, by_operation or {})
    finally:
        database.checkpoint()
        database.reserve.ensure()


class _WouldWrite(Exception):
    """A sweep that only looks has found something to do."""


def _has_work(database: Database, limits: Limits, by_operation: Mapping[str, Limits]) -> bool:
    try:
        _Sweep(database, 1, look=True).all(limits, by_operation)
    except _WouldWrite:
        return True
    return False


class _Sweep:
    """One sweep of a database, `step` runs a transaction. With `look` it raises _WouldWrite instead of writing."""

    def __init__(self, database: Database, step: int, *, full: bool = False, look: bool = False) -> None:
        self._database, self._step, self._full, self._look = database, step, full, look
        self._connection = database.connection()
        self._now = micros(database.clock.now())
        self._indexed = is_available(self._connection)

    def all(self, limits: Limits, by_operation: Mapping[str, Limits]) -> Swept:
        """Do everything, in the order in which it makes most room first."""
        if self._full:
            self._database.checkpoint()
        runs = sum(self._operation(name, own) for name, own in by_operation.items())
        runs += self._general(limits, sorted(by_operation))
        runs += self._shrink(limits.bytes)
        expired = self._expired()
        if runs:
            log.info("%s: removed %d old runs", self._database.path, runs)
        return Swept(runs, expired, self._give_back(0 if self._full or limits.bytes is not None else SLACK))

    def _operation(self, operation: str, limits: Limits) -> int:
        known = [one for one in combinations(self._connection, operation, 10_000) or () if one[3] not in PENDING]

        def oldest(after: int, most: int) -> list[tuple[int, int]]:
            ids: list[int] = []
            for one in known:
                ids += [id for (id,) in self._connection.execute(_OLDEST_OF, (operation, *one, after, most)).fetchall()]
            return [(id, self._created(id)) for id in sorted(ids)[:most]]

        (count,) = self._connection.execute(_COUNT_OF, (operation,)).fetchone()
        return self._remove(oldest, self._excess(count, limits), self._cutoff(limits))

    def _general(self, limits: Limits, others: list[str]) -> int:
        if limits.days is None and limits.runs is None:
            return 0
        (count,) = self._connection.execute("SELECT count(*) FROM journal").fetchone()
        for operation in others:
            count -= self._connection.execute(_COUNT_OF, (operation,)).fetchone()[0]
        return self._remove(self._oldest_except(others), self._excess(count, limits), self._cutoff(limits))

    def _shrink(self, most: int | None) -> int:
        """Remove the oldest runs of all until the pages in use are few enough."""
        removed, oldest = 0, self._oldest_except([])
        while most is not None and self._used() > most:
            ids = [id for id, _ in oldest(0, self._step)]
            if not ids:
                log.warning("%s: above its limit of %d bytes without any ended run", self._database.path, most)
                break
            removed += self._remove_step(ids)
        return removed

    def _remove(self, oldest: Oldest, excess: int, cutoff: int) -> int:
        removed = after = 0
        while True:
            candidates = oldest(after, self._step)
            victims = [
                id for number, (id, created) in enumerate(candidates, removed) if created < cutoff or number < excess
            ]
            if victims:
                removed += self._remove_step(victims)
            if len(victims) < len(candidates) or not candidates:
                return removed
            after = candidates[-1][0]

    def _remove_step(self, ids: list[int]) -> int:
        removed = self._write(lambda connection: remove_runs(connection, ids, indexed=self._indexed))
        if self._full:
            # Folded in at once, the log begins again at its start and needs no more room than one step.
            self._database.checkpoint()
        return removed

    def _expired(self) -> int:
        limits = (self._now, self._now - SESSION_DAYS * DAY)
        if self._connection.execute(_EXPIRED, limits).fetchone() is None:
            return 0  # a sweep with nothing to do writes nothing
        forget = "DELETE FROM login WHERE seen <= ?"
        return self._write(lambda connection: connection.execute(forget, limits[1:]).rowcount) + self._expired_keys()

    def _expired_keys(self) -> int:
        """Remove them by the key-value store, which tells whoever watches."""
        kv, removed = self._database.part(KV), 0
        told: SimpleQueue[tuple[Forgotten, BaseException | None]] = SimpleQueue()
        while True:
            kv.forget_expired(self._step, lambda found, error: told.put((found, error)))
            found, error = told.get()
            if error is not None:
                raise error
            removed += found.keys
            if found.keys < self._step:
                return removed

    def _write(self, operation: Operation[T]) -> T:
        if self._look:
            raise _WouldWrite
        return self._database.writer.call(operation)

    def _give_back(self, slack: int) -> int:
        """Shorten the file by its free pages except `slack`."""
        given = 0
        while (free := self._pragma("freelist_count")) > slack:
            pages = min(PAGES, free - slack)
            self._write(_vacuum(pages))
            if self._full:
                self._database.checkpoint()
            if self._pragma("freelist_count") >= free:
                break  # a file that somebody made without incremental vacuum
            given += pages
        return given

    def _oldest_except(self, operations: list[str]) -> Oldest:
        statement = _OLDEST.format(", ".join("?" * len(operations)))
        return lambda after, most: self._connection.execute(statement, (after, *operations, most)).fetchall()

    def _created(self, id: int) -> int:
        row = self._connection.execute("SELECT created_at FROM journal WHERE id = ?", (id,)).fetchone()
        return row[0] if row else 0

    def _cutoff(self, limits: Limits) -> int:
        return 0 if limits.days is None else self._now - int(limits.days * DAY)

    @staticmethod
    def _excess(count: int, limits: Limits) -> int:
        return 0 if limits.runs is None else max(0, count - limits.runs)

    def _used(self) -> int:
        return (self._pragma("page_count") - self._pragma("freelist_count")) * self._pragma("page_size")

    def _pragma(self, name: str) -> int:
        number: int = self._connection.execute(f"PRAGMA {name}").fetchone()[0]
        return number


def _vacuum(pages: int) -> Operation[object]:
    def write(connection: sqlite3.Connection) -> None:
        # One by one: the pragma with a number does a page a step, and the driver makes only the first step.
        for _ in range(pages):
            connection.execute("PRAGMA incremental_vacuum(1)")

    return write
