"""Walks over index prefixes: which combinations of values exist, at the cost of one probe for each of them."""

from __future__ import annotations

import sqlite3

# kind, trigger, who, status: how a run is sorted in the index that serves every filter without an operation.
Combination = tuple[str, str, str, str]

_NEXT = """SELECT kind, "trigger", who, status FROM journal INDEXED BY journal_kind_trigger_who_status
WHERE (kind, "trigger", who, status) > (?, ?, ?, ?) ORDER BY kind, "trigger", who, status LIMIT 1"""
_NEXT_OF_OPERATION = """SELECT kind, "trigger", who, status FROM journal
INDEXED BY journal_operation_kind_trigger_who_status
WHERE operation = ? AND (kind, "trigger", who, status) > (?, ?, ?, ?) ORDER BY kind, "trigger", who, status LIMIT 1"""


def combinations(
    connection: sqlite3.Connection, operation: str | None = None, most: int = 1000
) -> list[Combination] | None:
    """Return the combinations of all runs, or of the runs of one operation; None if there are more than `most`.

    Any thread.
    """
    statement, fixed = (_NEXT, ()) if operation is None else (_NEXT_OF_OPERATION, (operation,))
    found: list[Combination] = []
    # A value below every other: kinds are never empty.
    position: tuple[str, ...] = ("", "", "", "")
    while row := connection.execute(statement, (*fixed, *position)).fetchone():
        if len(found) == most:
            return None
        position = row
        found.append(row)
    return found
