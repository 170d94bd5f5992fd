"""Reading runs: lists by keyset, newest first, at the same price for a thousand runs as for a million.

A list is merged from streams. Each stream is one prefix of an index, in which the runs lie in the order of their ids:
a combination of kind, trigger, who and status (of one operation, if that is asked for), or a label and a status.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .columns import micros, moment
from .database import Database
from .live import stored_headline
from .runs import COLUMNS, Filter, Headline, Journal, Record, headline_of, journal_of, record_of
from .streams import Stream, merge, streams
from .textindex import TextIndex
from .walk import Combination

RECENT = 4096
# Runs read in one statement.
MANY = 500
FOREVER = 2**62

_SEVERAL = f"SELECT {COLUMNS} FROM journal WHERE id IN "
_NEWEST = f"SELECT {COLUMNS} FROM journal WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT ? OFFSET ?"
_RECORDS = """SELECT journal, id, created_at, source, level, message, params FROM record
WHERE journal = ? AND id > ? AND id < ? ORDER BY id {} LIMIT ?"""
_OLDEST_FIRST, _NEWEST_FIRST = _RECORDS.format("ASC"), _RECORDS.format("DESC")
# Times and ids agree unless the clock was set back; looking at some more rows than one makes up for small steps back.
_FIRST_SINCE = "SELECT min(id) FROM (SELECT id FROM journal WHERE created_at >= ? ORDER BY created_at LIMIT 100)"
_LAST_UNTIL = "SELECT max(id) FROM (SELECT id FROM journal WHERE created_at < ? ORDER BY created_at DESC LIMIT 100)"
_CHANGES = f"""SELECT {COLUMNS} FROM (SELECT * FROM journal ORDER BY id DESC LIMIT 10000)
WHERE change > ? ORDER BY change LIMIT ?"""
_ACTIVITY = """SELECT (created_at - ?) / ?, status, count(*) FROM journal
WHERE created_at >= ? AND created_at < ? GROUP BY 1, 2"""
_FACETS = """SELECT status, operation, "trigger", count(*) FROM
(SELECT status, operation, "trigger" FROM journal WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT ?) GROUP BY 1, 2, 3"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What happened in one stretch of time: how many runs of each status were asked for in it."""

    start: datetime
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Facets:
    """How many of the looked at runs have each value, most frequent first."""

    status: dict[str, int]
    operation: dict[str, int]
    trigger: dict[str, int]


class History:
    """Reads the runs of one database. Any thread; on the event loop too, a page takes a millisecond or two."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._text = TextIndex(database)
        self._recent: deque[tuple[int, int]] = deque(maxlen=RECENT)
        self._start = database.changes.last
        self._latest: dict[str, int] = {}
        # Grown by every change once it has been read; never in a process that others write beside.
        self._known: set[Combination] | None = None

    def headline(self, id: int) -> Headline | None:
        """Return a run without its records, None if there is none."""
        return self.headline_on(self._database.connection(), id)

    def get(self, id: int) -> Journal | None:
        """Return a run with all its records, newest first; None if there is none."""
        headline = self.headline(id)
        return None if headline is None else journal_of(headline, self.records(id, newest_first=True))

    def records(
        self,
        journal: int,
        after: int = 0,
        limit: int | None = None,
        newest_first: bool = False,
        before: int | None = None,
    ) -> list[Record]:
        """Return at most `limit` records of a run, oldest first unless said, with an id between `after` and `before`.

        Both ends are left out.
        """
        statement = _NEWEST_FIRST if newest_first else _OLDEST_FIRST
        values = (journal, after, FOREVER if before is None else before, -1 if limit is None else limit)
        return [record_of(row) for row in self._database.connection().execute(statement, values).fetchall()]

    def search(
        self, filter: Filter | None = None, before: int | None = None, limit: int = 20, offset: int = 0
    ) -> list[Headline]:
        """Return up to `limit` runs that `filter` asks for and whose id is below `before`, newest first.

        `offset` skips so many; page with `before` instead, which costs the same on every page.
        """
        connection = self._database.connection()
        filter = filter or Filter()
        low, high = self._span(connection, filter)
        high = min(high, FOREVER if before is None else before - 1)
        if filter == Filter():
            return [headline_of(row) for row in connection.execute(_NEWEST, (low, high, limit, offset)).fetchall()]
        if filter.text is not None:
            ids = self._text.find(connection, filter, low, high, limit + offset)
        else:
            ids = merge(self._streams(connection, filter), low, high, limit + offset)
        return self._headlines(connection, ids[offset:])

    def count(self, filter: Filter | None = None, limit: int | None = None) -> int:
        """Return how many runs `filter` asks for, counting no further than `limit`."""
        connection = self._database.connection()
        filter = filter or Filter()
        most = FOREVER if limit is None else limit
        if filter == Filter() and limit is None:
            total: int = connection.execute("SELECT count(*) FROM journal").fetchone()[0]
            return total
        low, high = self._span(connection, filter)
        if filter.text is not None:
            return len(self._text.find(connection, filter, low, high, most))
        several = self._streams(connection, filter)
        if len(tuple(filter.labels or ())) > 1:
            return len(merge(several, low, high, most))  # a run may have more than one of them
        found = 0
        for stream in several:
            found += stream.count(low, high, most - found)
            if found >= most:
                break
        return found

    def changes(self, after: int, limit: int = 100) -> list[Headline]:
        """Return the runs that changed after the change number `after`, as they are now, by their change number.

        After a restart only the newest 10,000 runs are looked at.
        """
        connection = self._database.connection()
        recent = list(self._recent)
        if not recent or recent[0][0] > after + 1:
            return [headline_of(row) for row in connection.execute(_CHANGES, (after, limit)).fetchall()]
        ids = list({id for change, id in recent if change > after})
        changed = sorted(self._headlines(connection, ids), key=lambda headline: headline.change)
        return [headline for headline in changed if headline.change > after][:limit]

    def last_change(self) -> int:
        """Return the number of the newest change, to be given to `changes` later."""
        recent = list(self._recent)
        return recent[-1][0] if recent else self._start

    def latest(self, operations: Iterable[str]) -> dict[str, Headline]:
        """Return the newest run of each of these operations that has one."""
        connection = self._database.connection()
        found: dict[str, Headline] = {}
        for operation in operations:
            id = self._latest.get(operation)
            headline = self.headline_on(connection, id) if id is not None else None
            if headline is None:
                newest = self.search(Filter(operation=operation), limit=1)
                if not newest:
                    continue
                headline = newest[0]
                self._latest.setdefault(operation, headline.id)
            found[operation] = headline
        return found

    def activity(self, since: datetime, buckets: int, until: datetime | None = None) -> list[Bucket]:
        """Return what happened from `since` to `until` (now) in so many stretches of equal length."""
        start, end = micros(since), micros(until or self._database.clock.now())
        width = max(1, -(-(end - start) // buckets))
        counts: list[dict[str, int]] = [{} for _ in range(buckets)]
        rows = self._database.connection().execute(_ACTIVITY, (start, width, start, end)).fetchall()
        for number, status, count in rows:
            counts[number][status] = count
        return [Bucket(moment(start + number * width), one) for number, one in enumerate(counts)]

    def facets(self, since: datetime | None = None, until: datetime | None = None, most: int = 20_000) -> Facets:
        """Return how often each status, operation and trigger occurs among the newest `most` runs of a time."""
        connection = self._database.connection()
        low, high = self._span(connection, Filter(since=since, until=until))
        tables: tuple[dict[str, int], ...] = ({}, {}, {})
        for *values, count in connection.execute(_FACETS, (low, high, most)).fetchall():
            for table, value in zip(tables, values, strict=True):
                table[value] = table.get(value, 0) + count
        return Facets(*(dict(sorted(table.items(), key=lambda item: (-item[1], item[0]))) for table in tables))

    def headline_on(self, connection: sqlite3.Connection, id: int) -> Headline | None:
        """Read a run through a given connection, for operations of the writer."""
        return stored_headline(connection, id)

    def written(self, headline: Headline, change: int) -> None:
        """Note a change that is on the disk now. Writer's thread."""
        self._recent.append((change, headline.id))
        if self._latest.get(headline.operation, 0) < headline.id:
            self._latest[headline.operation] = headline.id
        if self._known is not None:
            self._known.add((headline.kind, headline.trigger, headline.who or "", headline.status))
        if not headline.pending:
            self._text.ended(headline.id)

    def _headlines(self, connection: sqlite3.Connection, ids: list[int]) -> list[Headline]:
        """Read several runs, the highest id first."""
        found: list[Headline] = []
        ordered = sorted(ids, reverse=True)
        for start in range(0, len(ordered), MANY):
            part = ordered[start : start + MANY]
            statement = f"{_SEVERAL}({', '.join('?' * len(part))}) ORDER BY id DESC"
            found += [headline_of(row) for row in connection.execute(statement, part).fetchall()]
        return found

    def _streams(self, connection: sqlite3.Connection, filter: Filter) -> list[Stream]:
        if self._known is None:
            return streams(connection, filter)
        return streams(connection, filter, list(self._known))

    def _span(self, connection: sqlite3.Connection, filter: Filter) -> tuple[int, int]:
        """Return the lowest and the highest id that the times of `filter` leave."""
        low, high = 0, FOREVER
        if filter.since is not None:
            (first,) = connection.execute(_FIRST_SINCE, (micros(filter.since),)).fetchone()
            low = FOREVER if first is None else first
        if filter.until is not None:
            (last,) = connection.execute(_LAST_UNTIL, (micros(filter.until),)).fetchone()
            high = 0 if last is None else last
        return low, high
