"""Models of the user's own in the same file: a peewee database beside ours, with tables that only the user changes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from peewee import SqliteDatabase

# Seconds that a write of the user's waits for the writer's transaction to end; those take milliseconds.
BUSY_SECONDS = 10


def bind(path: Path, models: Iterable[Any]) -> SqliteDatabase:
    """Bind peewee models to the file at `path` and make the tables that are missing; return their database.

    Every thread that uses them gets a connection of its own. Blocks; not for the event loop.
    """
    wanted = list(models)
    database = SqliteDatabase(str(path), timeout=BUSY_SECONDS, pragmas={"synchronous": "full", "foreign_keys": 1})
    database.bind(wanted)
    database.create_tables(wanted, safe=True)
    return database
