"""How many runs of the last day ended how, at the price of the runs that came since somebody looked last."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from dataclasses import field
from datetime import datetime, timedelta

from ..quickly import dataclass
from .columns import micros, moment

SLOT = timedelta(minutes=30)
SLOTS = 48
# Every so often all is counted again: what retention removed does not count any more.
AGAIN = timedelta(minutes=10)
# The newest runs may still be joined by ones with lower ids; so many of them are looked at each time.
TAIL = 256
# Operations told apart, so that a program that makes up names does not fill the memory.
OPERATIONS = 1000

_WIDTH = SLOT // timedelta(microseconds=1)
# Runs come as groups; those that may still change, though they are not among the newest, one by one with their ids.
_SINCE = f"""WITH newest(id) AS (SELECT coalesce(max(id), 0) FROM journal),
looked(id, at, status, operation, "trigger") AS (
SELECT id, created_at, status, operation, "trigger" FROM journal WHERE id > :known UNION ALL
SELECT id, created_at, status, operation, "trigger" FROM journal WHERE id IN (SELECT value FROM json_each(:open)))
SELECT newest.id, looked.id > max(newest.id - {TAIL}, :known) AS late,
CASE WHEN looked.id <= max(newest.id - {TAIL}, :known) AND status IN ('queued', 'running') THEN looked.id ELSE 0 END
AS one,
at / {_WIDTH} AS slot, status, operation, "trigger", count(*)
FROM newest, looked WHERE at >= :since GROUP BY late, one, slot, status, operation, "trigger" """
_FIRST = "SELECT min(id) - 1 FROM (SELECT id FROM journal WHERE created_at >= ? ORDER BY created_at LIMIT 100)"

Row = tuple[int, str, str, str, int]  # slot, status, operation, trigger, how many


@dataclass(slots=True)
class Counts:
    """Numbers of runs by status, operation and trigger."""

    status: Counter[str] = field(default_factory=Counter)
    operation: Counter[str] = field(default_factory=Counter)
    trigger: Counter[str] = field(default_factory=Counter)

    def add(self, row: Row) -> None:
        """Count the runs of a row."""
        _, status, operation, trigger, count = row
        self.status[status] += count
        self.trigger[trigger] += count
        if operation in self.operation or len(self.operation) < OPERATIONS:
            self.operation[operation] += count

    def copy(self) -> Counts:
        """The same numbers once more."""
        return Counts(self.status.copy(), self.operation.copy(), self.trigger.copy())

    def subtract(self, other: Counts) -> None:
        """Count those no longer."""
        tables = ((self.status, other.status), (self.operation, other.operation), (self.trigger, other.trigger))
        for mine, others in tables:
            mine.subtract(others)
            for name in [name for name in others if mine[name] <= 0]:
                del mine[name]


@dataclass(frozen=True, slots=True)
class Day:
    """The runs of the last 48 half hours: by half hour and status, oldest first, and in all, most frequent first."""

    start: datetime
    slots: tuple[dict[str, int], ...]
    status: dict[str, int]
    operation: dict[str, int]
    trigger: dict[str, int]


class DayCounts:
    """Counts the runs of the last day of one database. Right only in the process that writes the runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Grown by each change; as long as it is that of the last answer, the answer is the same.
        self._changes = 0
        self._last: tuple[int, int, Day] | None = None
        self._clear(0, None)

    def _clear(self, known: int, at: datetime | None) -> None:
        # Settled runs up to the id `known` are counted; those up to it that may still change are `open`.
        self._known, self._counted = known, at
        self._open: set[int] = set()
        self._slots: dict[int, Counts] = {}
        self._all = Counts()
        self._stale = False

    def written(self, id: int) -> None:
        """Note a run that is on the disk now. Writer's thread, never blocks."""
        self._changes += 1
        if id <= self._known and id not in self._open:
            self._stale = True  # one that was late, or an ended one that got a label: rare enough to begin again

    def read(self, connection: sqlite3.Connection, now: datetime) -> Day:
        """Return the counts as of now. Any thread."""
        last = micros(now) // _WIDTH
        first = last - SLOTS + 1
        with self._lock:
            changes = self._changes  # before the look: what comes meanwhile is looked for the next time
            if self._stale or self._counted is None or not timedelta() <= now - self._counted < AGAIN:
                self._begin(connection, now, first)
            elif self._last is not None and self._last[:2] == (changes, first):
                return self._last[2]
            unsettled = self._follow(connection, first)
            for slot in [slot for slot in self._slots if slot < first]:
                self._all.subtract(self._slots.pop(slot))
            day = self._told(unsettled, first)
            self._last = (changes, first, day)
            return day

    def _begin(self, connection: sqlite3.Connection, now: datetime, first: int) -> None:
        (before,) = connection.execute(_FIRST, (first * _WIDTH,)).fetchone()
        self._clear(0, now)
        if before is None:  # nothing in all that time
            (before,) = connection.execute("SELECT coalesce(max(id), 0) FROM journal").fetchone()
        self._known = before

    def _follow(self, connection: sqlite3.Connection, first: int) -> list[Row]:
        """Count what has settled since; return what may still change."""
        known, still = self._known, set[int]()
        unsettled: list[Row] = []
        values = {"known": known, "open": json.dumps(list(self._open)), "since": first * _WIDTH}
        for newest, late, id, slot, status, operation, trigger, count in connection.execute(_SINCE, values).fetchall():
            self._known = max(known, newest - TAIL)
            row = (slot, status, operation, trigger, count)
            if not late and not id:
                self._slots.setdefault(slot, Counts()).add(row)
                self._all.add(row)
                continue
            unsettled.append(row)
            if id:
                still.add(id)
        self._open = still
        return unsettled

    def _told(self, unsettled: list[Row], first: int) -> Day:
        whole, empty = self._all.copy(), Counts()
        slots = [dict(self._slots.get(first + place, empty).status) for place in range(SLOTS)]
        for row in unsettled:
            whole.add(row)
            place = row[0] - first
            if 0 <= place < SLOTS:
                slots[place][row[1]] = slots[place].get(row[1], 0) + row[4]
        return Day(
            moment(first * _WIDTH),
            tuple(slots),
            _ranked(whole.status),
            _ranked(whole.operation),
            _ranked(whole.trigger),
        )


def _ranked(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
