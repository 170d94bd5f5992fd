"""What the next process makes of the runs of one that died."""

from __future__ import annotations

import sqlite3

from .counters import Counter
from .walk import combinations

RUNNING = "the process ended while this was running"
QUEUED = "the process ended before this began"

_BY_INDEX = """SELECT id FROM journal INDEXED BY journal_kind_trigger_who_status
WHERE kind = ? AND "trigger" = ? AND who = ? AND status = ?"""


def interrupt_dead(connection: sqlite3.Connection, change: Counter, now: int, sign_of_life: int) -> list[int]:
    """Turn the runs that are still `queued` or `running` into `interrupted` and return their ids.

    Nobody knows when they ended: it is taken as the last moment of which something is known, a record of the run or
    `sign_of_life`, the last write of the dead process. Both times are integer microseconds. Call it inside a
    transaction of the owner of the database, before any run of this process.
    """
    dead = pending(connection)
    for id in dead:
        number = change.next()
        change.cover(connection, number)
        _interrupt(connection, id, number, now, sign_of_life)
    if dead:
        # Records may reach the disk a moment before their run does; without it nobody could find them.
        connection.execute("DELETE FROM record WHERE journal > (SELECT max(id) FROM journal)")
    return dead


def pending(connection: sqlite3.Connection) -> list[int]:
    """Return the ids of the runs that have not ended, oldest first. Any thread."""
    found: list[int] = []
    known = combinations(connection)
    if known is None:
        rows = connection.execute("SELECT id FROM journal WHERE status IN ('queued', 'running')")
        return sorted(id for (id,) in rows)
    for combination in known:
        if combination[3] in ("queued", "running"):
            found += [id for (id,) in connection.execute(_BY_INDEX, combination)]
    return sorted(found)


def _interrupt(connection: sqlite3.Connection, id: int, change: int, now: int, sign_of_life: int) -> None:
    status, started = connection.execute("SELECT status, started_at FROM journal WHERE id = ?", (id,)).fetchone()
    (recorded,) = connection.execute("SELECT max(created_at) FROM record WHERE journal = ?", (id,)).fetchone()
    signs = [sign for sign in (recorded, sign_of_life) if sign is not None and started <= sign <= now]
    ended = max(signs, default=started)
    connection.execute(
        "UPDATE journal SET status = 'interrupted', finished_at = ?, duration = ?, error = ?, change = ? WHERE id = ?",
        (
            ended,
            (ended - started) / 1e6 if status == "running" else 0.0,
            RUNNING if status == "running" else QUEUED,
            change,
            id,
        ),
    )
    connection.execute(
        "UPDATE OR REPLACE journal_label SET status = 'interrupted' WHERE journal = ? AND status = ? "
        "AND label IN (SELECT value FROM json_each((SELECT labels FROM journal WHERE id = ?)))",
        (id, status, id),
    )
