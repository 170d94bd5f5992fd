"""Filters as streams of run ids: each is one prefix of an index, in which the runs lie in the order of their ids.

So the newest runs of a filter are the newest ones of its streams together, whatever its conditions and however many
runs there are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from .columns import micros
from .runs import COLUMNS, STATUSES, Filter
from .walk import Combination, combinations

# More combinations than this are not worth a probe each: then the newest runs are simply looked through.
STREAMS = 300
# So many are asked in one statement; more are better asked one after the other, each knowing what the others found.
TOGETHER = 120
# A label on fewer runs than this is cheaper to follow than any other condition.
FEW = 1000

_OF_COMBINATION = """SELECT id FROM journal INDEXED BY journal_kind_trigger_who_status
WHERE kind = ? AND "trigger" = ? AND who = ? AND status = ?"""
_OF_OPERATION = """SELECT id FROM journal INDEXED BY journal_operation_kind_trigger_who_status
WHERE operation = ? AND kind = ? AND "trigger" = ? AND who = ? AND status = ?"""
_OF_LABEL = """SELECT journal_label.journal FROM journal_label CROSS JOIN journal ON journal.id = journal_label.journal
WHERE journal_label.label = ? AND journal_label.status = ?"""
_OF_LABEL_ALONE = "SELECT journal FROM journal_label WHERE label = ? AND status = ?"
_HAS_LABEL = """ AND EXISTS (SELECT 1 FROM journal_label AS one
WHERE one.label IN ({}) AND one.status = journal.status AND one.journal = journal.id)"""
_OF_PARENT = "SELECT id FROM journal INDEXED BY journal_parent WHERE parent = ?"
_HOW_MANY = "SELECT count(*) FROM (SELECT 1 FROM journal_label WHERE label = ? LIMIT ?)"


class Stream:
    """The runs of one prefix of an index: `statement` selects their ids, which are in `column`."""

    def __init__(
        self, connection: sqlite3.Connection, statement: str, values: tuple[object, ...], column: str = "id"
    ) -> None:
        self._connection, self._values = connection, values
        self._between = f"{statement} AND {column} BETWEEN ? AND ?"
        self._column = column

    def ids(self, low: int, high: int, most: int) -> list[int]:
        """Return the highest ids between two, highest first."""
        statement = f"{self._between} ORDER BY {self._column} DESC LIMIT ?"
        return [id for (id,) in self._connection.execute(statement, (*self._values, low, high, most)).fetchall()]

    def part(self, low: int, high: int, most: int) -> tuple[str, tuple[object, ...]]:
        """Return the same question as a part of a larger statement, with its values."""
        return f"SELECT * FROM ({self._between} ORDER BY {self._column} DESC LIMIT ?)", (*self._values, low, high, most)

    def count(self, low: int, high: int, most: int) -> int:
        """Return how many ids there are between two, counting no further than `most`."""
        statement = f"SELECT count(*) FROM ({self._between} LIMIT ?)"
        number: int = self._connection.execute(statement, (*self._values, low, high, most)).fetchone()[0]
        return number


def streams(connection: sqlite3.Connection, filter: Filter, existing: list[Combination] | None = None) -> list[Stream]:
    """Return the streams that together are the runs of `filter`, without its text.

    A run that has several of the wanted labels may be in several streams. `existing` are the combinations of all runs,
    or of those of the operation if the filter has one, if somebody knows them.
    """
    if filter.parent is not None:
        conditions, values = _conditions(filter)
        return [Stream(connection, _OF_PARENT + conditions, (filter.parent, *values))]
    if filter.labels and _follow_labels(connection, filter):
        return _label_streams(connection, filter)
    known = combinations(connection, filter.operation, STREAMS) if existing is None else existing
    if known is None or len(known) > STREAMS:
        conditions, values = _conditions(filter)
        return [Stream(connection, "SELECT id FROM journal WHERE 1" + conditions, values)]
    conditions, values = _conditions(Filter(labels=filter.labels, since=filter.since, until=filter.until))
    base, fixed = (_OF_COMBINATION, ()) if filter.operation is None else (_OF_OPERATION, (filter.operation,))
    return [Stream(connection, base + conditions, (*fixed, *one, *values)) for one in known if _fits(one, filter)]


def merge(several: Sequence[Stream], low: int, high: int, most: int) -> list[int]:
    """Return the `most` highest ids of all streams, highest first."""
    found: list[int] = []
    for stream in several:
        if more := stream.ids(low, high, most):
            found = sorted({*found, *more}, reverse=True)[:most]
        if len(found) == most > 0:
            low = found[-1] + 1  # what a later stream could add is newer than the last one
    return found


def together(several: Sequence[Stream], low: int, high: int, most: int, skip: int) -> tuple[str, list[object]]:
    """Return the statement with its values that selects the runs of all streams: `most` after the first `skip`."""
    parts = [stream.part(low, high, most + skip) for stream in several]
    ids = " UNION ".join(statement for statement, _ in parts) or "SELECT 0 WHERE 0"
    values: list[object] = [value for _, some in parts for value in some]
    statement = (
        f"SELECT {COLUMNS} FROM journal WHERE id IN (SELECT * FROM ({ids}) ORDER BY 1 DESC LIMIT ? OFFSET ?) "
        "ORDER BY id DESC"
    )
    return statement, [*values, most, skip]


def _label_streams(connection: sqlite3.Connection, filter: Filter) -> list[Stream]:
    conditions, values = _conditions(
        Filter(
            operation=filter.operation,
            kind=filter.kind,
            trigger=filter.trigger,
            who=filter.who,
            since=filter.since,
            until=filter.until,
        )
    )
    base = _OF_LABEL + conditions if conditions else _OF_LABEL_ALONE
    return [
        Stream(connection, base, (label, status, *values), "journal_label.journal")
        for label in filter.labels or ()
        for status in filter.statuses or STATUSES
    ]


def _follow_labels(connection: sqlite3.Connection, filter: Filter) -> bool:
    if filter.operation is filter.kind is filter.trigger is filter.who is None:
        return True
    return all(connection.execute(_HOW_MANY, (label, FEW)).fetchone()[0] < FEW for label in filter.labels or ())


def _fits(combination: Combination, filter: Filter) -> bool:
    kind, trigger, who, status = combination
    return (
        filter.kind in (None, kind)
        and filter.trigger in (None, trigger)
        and filter.who in (None, who)
        and (filter.statuses is None or status in filter.statuses)
    )


def _conditions(filter: Filter) -> tuple[str, tuple[object, ...]]:
    """Return everything but the text of `filter` as SQL conditions on the table journal."""
    parts: list[tuple[str, Sequence[object]]] = []
    for column in ("operation", "kind", "trigger", "who"):
        if (value := getattr(filter, column)) is not None:
            parts.append((f' AND journal."{column}" = ?', (value,)))
    if filter.statuses is not None:
        parts.append((f" AND journal.status IN ({_marks(filter.statuses)})", tuple(filter.statuses)))
    if filter.since is not None:
        parts.append((" AND journal.created_at >= ?", (micros(filter.since),)))
    if filter.until is not None:
        parts.append((" AND journal.created_at < ?", (micros(filter.until),)))
    if filter.labels:
        parts.append((_HAS_LABEL.format(_marks(filter.labels)), tuple(filter.labels)))
    return "".join(text for text, _ in parts), tuple(value for _, values in parts for value in values)


def _marks(values: object) -> str:
    return ", ".join("?" * len(list(values)))  # type: ignore[call-overload]
