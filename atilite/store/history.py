"""Reading runs: lists by keyset, newest first, at the same price for a thousand runs as for a million.

A list is merged from streams. Each stream is one prefix of an index, in which the runs lie in the order of their ids:
a combination of kind, trigger, who and status (of one operation, if that is asked for), or a label and a status.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from .columns import micros
from .database import Database
from .daycount import OPERATIONS, Day, DayCounts
from .live import stored_headline
from .newest import KEPT, Glance, Newest
from .runs import COLUMNS, Filter, Headline, Journal, Record, headline_of, journal_of, record_of
from .streams import STREAMS, TOGETHER, Stream, merge, streams, together
from .textindex import TextIndex
from .walk import Combination, combinations

RECENT = 4096
# Runs read in one statement.
MANY = 500
FOREVER = 2**62

_SEVERAL = f"SELECT {COLUMNS} FROM journal WHERE id IN "
_NEAR = f"""SELECT {COLUMNS} FROM journal WHERE id IN (:id, (SELECT parent FROM journal WHERE id = :id))
UNION ALL SELECT * FROM (SELECT {COLUMNS} FROM journal WHERE parent = :id ORDER BY id DESC LIMIT :most)"""
_GLANCES = "SELECT id, status, duration FROM journal WHERE id IN "
_RECORDS = """SELECT journal, id, created_at, source, level, message, params FROM record
WHERE journal = ? AND id > ? AND id < ? ORDER BY id {} LIMIT ?"""
_OLDEST_FIRST, _NEWEST_FIRST = _RECORDS.format("ASC"), _RECORDS.format("DESC")
# Times and ids agree unless the clock was set back; looking at some more rows than one makes up for small steps back.
_FIRST_SINCE = "SELECT min(id) FROM (SELECT id FROM journal WHERE created_at >= ? ORDER BY created_at LIMIT 100)"
_LAST_UNTIL = "SELECT max(id) FROM (SELECT id FROM journal WHERE created_at < ? ORDER BY created_at DESC LIMIT 100)"
_BETWEEN = f"""SELECT {COLUMNS} FROM journal
WHERE id BETWEEN coalesce(({_FIRST_SINCE.replace("?", ":since")}), {FOREVER})
AND min(:last, coalesce(({_LAST_UNTIL.replace("?", ":until")}), 0))
AND created_at >= :since AND created_at < :until ORDER BY id DESC LIMIT :limit OFFSET :offset"""
_CHANGES = f"""SELECT {COLUMNS} FROM (SELECT * FROM journal ORDER BY id DESC LIMIT 10000)
WHERE change > ? ORDER BY change LIMIT ?"""


T = TypeVar("T")


@contextmanager
def one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """Let all statements of the block see the database as it is at the first of them.

    A run that changes is sorted elsewhere: between two statements it could slip away from both.
    """
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


class History:
    """Reads the runs of one database. Any thread; on the event loop too, a page takes a millisecond or two."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._text = TextIndex(database)
        self._recent: deque[tuple[int, int]] = deque(maxlen=RECENT)
        self._start = database.changes.last
        self._day = DayCounts()
        self._newest = Newest(self._search_newest)
        # Grown by every change once it has been read; never in a process that others write beside.
        self._known: set[Combination] | None = None
        # The same for each operation that was asked for; None for one with too many.
        self._known_of: dict[str, set[Combination] | None] = {}
        # How often something was added to these.
        self._grown = 0

    def headline(self, id: int) -> Headline | None:
        """Return a run without its records, None if there is none."""
        return self.headline_on(self._database.connection(), id)

    def get(self, id: int) -> Journal | None:
        """Return a run with all its records, newest first; None if there is none."""
        headline = self.headline(id)
        return None if headline is None else journal_of(headline, self.records(id, newest_first=True))

    def near(self, id: int, most: int) -> list[Headline]:
        """Return a run, the run within which it was started, and at most so many newest ones started within it."""
        rows = self._database.connection().execute(_NEAR, {"id": id, "most": most}).fetchall()
        return [headline_of(row) for row in rows]

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
        since, until = filter.since, filter.until
        highest = FOREVER if before is None else before - 1
        if filter == Filter(since=since, until=until):
            asked = {"last": highest, "limit": limit, "offset": offset}
            asked["since"] = 0 if since is None else micros(since)
            asked["until"] = FOREVER if until is None else micros(until)
            rows = connection.execute(_BETWEEN, asked).fetchall()
            return [headline_of(row) for row in rows]

        def read() -> list[Headline]:
            low, high = self._span(connection, filter)
            high = min(high, highest)
            known = self._known_for(filter)
            if filter.text is None and known is not None:
                several = streams(connection, filter, known)
                return self._page(connection, several, low, high, limit, offset)
            with one_moment(connection):
                if filter.text is None:
                    several = self._streams(connection, filter)
                    return self._page(connection, several, low, high, limit, offset)
                ids = self._text.find(connection, filter, low, high, limit + offset)
                return self._headlines(connection, ids[offset:])

        return self._steady(read)

    def count(self, filter: Filter | None = None, limit: int | None = None) -> int:
        """Return how many runs `filter` asks for, counting no further than `limit`."""
        connection = self._database.connection()
        filter = filter or Filter()
        most = FOREVER if limit is None else limit
        if filter == Filter() and limit is None:
            total: int = connection.execute("SELECT count(*) FROM journal").fetchone()[0]
            return total

        def read() -> int:
            with one_moment(connection):
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

        return self._steady(read)

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
        wanted = {operation: ids for operation in operations if (ids := self._newest_of(operation))}
        found = {run.operation: run for run in self._headlines(connection, [ids[0] for ids in wanted.values()])}
        for operation in wanted.keys() - found.keys():  # removed meanwhile
            self._newest.forget(operation)
            found |= {run.operation: run for run in self.search(Filter(operation=operation), limit=1)}
        return {operation: found[operation] for operation in wanted if operation in found}

    def glances(self, operations: Iterable[str]) -> dict[str, list[Glance]]:
        """Return the ten newest runs of each of these operations, newest first: one statement for all of them."""
        connection = self._database.connection()
        wanted = {operation: self._newest_of(operation) for operation in operations}
        ids = [id for several in wanted.values() for id in several]
        found: dict[int, Glance] = {}
        for start in range(0, len(ids), MANY):
            part = ids[start : start + MANY]
            for row in connection.execute(f"{_GLANCES}({', '.join('?' * len(part))})", part).fetchall():
                found[row[0]] = Glance(*row)
        return {operation: [found[id] for id in several if id in found] for operation, several in wanted.items()}

    def day(self) -> Day:
        """Return how many runs of the last 48 half hours have each status, operation and trigger."""
        counts = DayCounts() if self._alone_unsure else self._day
        return counts.read(self._database.connection(), self._database.clock.now())

    def headline_on(self, connection: sqlite3.Connection, id: int) -> Headline | None:
        """Read a run through a given connection, for operations of the writer."""
        return stored_headline(connection, id)

    def written(self, headline: Headline, change: int) -> None:
        """Note a change that is on the disk now. Writer's thread."""
        self._recent.append((change, headline.id))
        self._newest.written(headline.operation, headline.id)
        self._day.written(headline.id)
        self.sort_in(headline)
        if not headline.pending:
            self._text.ended(headline.id)

    def sort_in(self, headline: Headline) -> None:
        """Note how a run is sorted. Writer's thread, before its commit, so that no reader misses it, and after it,
        for those who began to walk through the index before.
        """
        combination = (headline.kind, headline.trigger, headline.who or "", headline.status)
        for known in (self._known, self._known_of.get(headline.operation)):
            if known is not None and combination not in known:
                known.add(combination)
                self._grown += 1

    def _page(
        self, connection: sqlite3.Connection, several: list[Stream], low: int, high: int, limit: int, offset: int
    ) -> list[Headline]:
        """Read `limit` runs of these streams after the first `offset`."""
        if len(several) <= TOGETHER:
            statement, values = together(several, low, high, limit, offset)
            return [headline_of(row) for row in connection.execute(statement, values).fetchall()]
        with one_moment(connection):
            return self._headlines(connection, merge(several, low, high, limit + offset)[offset:])

    def _headlines(self, connection: sqlite3.Connection, ids: list[int]) -> list[Headline]:
        """Read several runs, the highest id first."""
        found: list[Headline] = []
        ordered = sorted(ids, reverse=True)
        for start in range(0, len(ordered), MANY):
            part = ordered[start : start + MANY]
            statement = f"{_SEVERAL}({', '.join('?' * len(part))}) ORDER BY id DESC"
            found += [headline_of(row) for row in connection.execute(statement, part).fetchall()]
        return found

    @property
    def _alone_unsure(self) -> bool:
        """Whether another process may write runs of which this one hears nothing."""
        return self._database.readonly

    def _newest_of(self, operation: str) -> list[int]:
        return self._search_newest(operation, KEPT) if self._alone_unsure else self._newest.of(operation)

    def _search_newest(self, operation: str, most: int) -> list[int]:
        connection = self._database.connection()

        def read() -> list[int]:
            with one_moment(connection):
                return merge(self._streams(connection, Filter(operation=operation)), 0, FOREVER, most)

        return self._steady(read)

    def _steady(self, read: Callable[[], T]) -> T:
        """Return what `read` finds; it reads again if runs were sorted in a new way meanwhile, which it did not see."""
        while True:
            grown = self._grown
            found = read()
            if grown == self._grown:
                return found

    def _known_for(self, filter: Filter) -> list[Combination] | None:
        """Return the combinations of the runs of `filter`, or of more, if they are remembered."""
        of_operation = filter.operation is not None and not self._alone_unsure
        known = self._known_of.get(filter.operation or "") if of_operation else self._known
        return None if known is None else list(known)

    def _streams(self, connection: sqlite3.Connection, filter: Filter) -> list[Stream]:
        if filter.operation is not None and not self._alone_unsure:
            self._walk_through(connection, filter.operation)
        return streams(connection, filter, self._known_for(filter))

    def _walk_through(self, connection: sqlite3.Connection, operation: str) -> None:
        """Remember the combinations of the runs of an operation, unless there are too many."""
        if operation in self._known_of:
            return
        if len(self._known_of) >= OPERATIONS:
            self._known_of.clear()
        # Noted before the walk: what is written while it goes on is added to it.
        fresh = self._known_of[operation] = set[Combination]()
        walked = combinations(connection, operation, STREAMS)
        if walked is None:
            self._known_of[operation] = None
        else:
            fresh.update(walked)

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
