"""Walks over an index: which combinations of values exist, at the cost of a probe or two for each of them."""

from __future__ import annotations

import sqlite3

# kind, trigger, who, status: how a run is sorted in the index that serves every filter without an operation.
Combination = tuple[str, str, str, str]

_COLUMNS = ("kind", '"trigger"', "who", "status")
_ALL = "FROM journal INDEXED BY journal_kind_trigger_who_status WHERE 1"
_OF_OPERATION = "FROM journal INDEXED BY journal_operation_kind_trigger_who_status WHERE operation = ?"


def _statements(base: str, comparison: str) -> list[str]:
    """Return for each column the statement that finds its next value, given the values of the columns before it."""
    # One column at a time: SQLite would use an index only for the first one of (a, b, c, d) > (?, ?, ?, ?).
    found = []
    for number, column in enumerate(_COLUMNS):
        fixed = "".join(f" AND {before} = ?" for before in _COLUMNS[:number])
        found.append(f"SELECT {column} {base}{fixed} AND {column} {comparison} ? ORDER BY {column} LIMIT 1")
    return found


# The first value may be "", which nobody in `who` is.
_FIRST, _NEXT = _statements(_ALL, ">="), _statements(_ALL, ">")
_FIRST_OF_OPERATION, _NEXT_OF_OPERATION = _statements(_OF_OPERATION, ">="), _statements(_OF_OPERATION, ">")


def combinations(
    connection: sqlite3.Connection, operation: str | None = None, most: int = 1000
) -> list[Combination] | None:
    """Return the combinations of all runs, or of the runs of one operation; None if there are more than `most`.

    Any thread.
    """
    first, following = (_FIRST, _NEXT) if operation is None else (_FIRST_OF_OPERATION, _NEXT_OF_OPERATION)
    fixed = () if operation is None else (operation,)
    found: list[Combination] = []
    values: list[str] = []
    statements, position = first, ""
    while True:
        row = connection.execute(statements[len(values)], (*fixed, *values, position)).fetchone()
        if row is None:
            if not values:
                return found
            statements, position = following, values.pop()
        elif len(values) < len(_COLUMNS) - 1:
            values.append(row[0])
            statements, position = first, ""
        elif len(found) == most:
            return None
        else:
            kind, trigger, who = values
            found.append((kind, trigger, who, row[0]))
            statements, position = following, row[0]
