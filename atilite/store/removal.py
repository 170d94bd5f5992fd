"""Removing runs with everything that belongs to them. In a transaction of the writer's thread."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

_SELECT = "SELECT status, labels FROM journal WHERE id = ?"
# The highest id ever given outlives its row: a number in a bookmark must not come to mean another run.
_MARK = """INSERT INTO mark(name, value) VALUES ('journal', ?)
ON CONFLICT(name) DO UPDATE SET value = max(value, excluded.value)"""


def remove_runs(connection: sqlite3.Connection, ids: Iterable[int], *, indexed: bool) -> int:
    """Delete runs, their records, labels and words and return how many there were; `indexed`: FTS5 is there."""
    removed, highest = 0, 0
    for id in ids:
        row = connection.execute(_SELECT, (id,)).fetchone()
        if row is None:
            continue
        status, labels = row
        for label in json.loads(labels):
            connection.execute(
                "DELETE FROM journal_label WHERE label = ? AND status = ? AND journal = ?", (label, status, id)
            )
        if indexed:
            connection.execute("DELETE FROM search WHERE rowid = ?", (id,))
        connection.execute("DELETE FROM record WHERE journal = ?", (id,))
        connection.execute("DELETE FROM journal WHERE id = ?", (id,))
        removed, highest = removed + 1, max(highest, id)
    if removed:
        connection.execute(_MARK, (highest,))
    return removed
