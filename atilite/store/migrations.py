"""The steps from an empty file to the schema of this version; each is applied once, in one transaction.

A step that has been released never changes: the next change of a model is a further step.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from peewee import SchemaManager

from ..clock import Clock
from ..errors import StoreUnavailable
from ..lazily import LazyModule
from .backup import copy_database
from .models import CHAIN, FIRST, TRAIL

# Loaded when a step is missing: a start with a current schema does without.
playhouse: Any = LazyModule("playhouse.migrations")

log = logging.getLogger("atilite.store")

# The function gets playhouse's migrator and the peewee database, as in a migration script of playhouse.
Step = tuple[str, Callable[[Any, Any], None]]

HISTORY = "schema_step"
KEPT_BACKUPS = 3


def first(migrator: Any, database: Any) -> None:
    """Make the tables and, where this SQLite has FTS5, the text index."""
    for table in FIRST:
        SchemaManager(table, database).create_all(safe=False)
    if has_fts5(database.connection()):
        # Words only (detail=none): a search asks which runs contain these words, never for a phrase.
        database.execute_sql("CREATE VIRTUAL TABLE search USING fts5(text, detail=none, columnsize=0)")


def trail(migrator: Any, database: Any) -> None:
    """Make the tables of what was changed by whom, and of notifications that wait."""
    for table in TRAIL:
        SchemaManager(table, database).create_all(safe=False)


def parents(migrator: Any, database: Any) -> None:
    """Make the index that finds the runs within a run, where the tables have been made without it."""
    database.execute_sql("CREATE INDEX IF NOT EXISTS journal_parent ON journal(parent, id) WHERE parent IS NOT NULL")


def followers(migrator: Any, database: Any) -> None:
    """Make the table of the actions that are to follow runs."""
    for table in CHAIN:
        SchemaManager(table, database).create_all(safe=False)


STEPS: tuple[Step, ...] = (
    ("0001_first", first), ("0002_trail", trail), ("0003_parents", parents), ("0004_followers", followers),
)  # fmt: skip


def has_fts5(connection: sqlite3.Connection) -> bool:
    """Tell whether this SQLite was built with FTS5."""
    return bool(connection.execute("SELECT sqlite_compileoption_used('ENABLE_FTS5')").fetchone()[0])


def migrate(database: Any, path: Path, clock: Clock, steps: Sequence[Step] | None = None) -> list[str]:
    """Apply the steps that `database` doesn't have yet and return their names.

    A database that holds data is copied first, to `<name>.before-<step>-<time>` beside it. Only the owner of the file
    may call it. Raises StoreUnavailable for a database of a newer version.
    """
    steps = STEPS if steps is None else steps
    names = [name for name, _ in steps]
    applied = _applied(database)
    if unknown := sorted(applied - set(names)):
        raise StoreUnavailable(f"{path}: made by a newer version ({unknown[-1]}) (update atilite, or use another --db)")
    missing = [name for name in names if name not in applied]
    if missing and applied:
        stamp = clock.now().strftime("%Y%m%d-%H%M%S-%f")
        copy_database(path, path.with_name(f"{path.name}.before-{missing[0]}-{stamp}"))
        _forget_old_copies(path)
    for name in missing:
        log.info("%s: migrating: %s", path, name)
    # It tells of each step once more, without the file.
    logging.getLogger("peewee.migrations").setLevel(logging.WARNING)
    return list(_runner(database, steps).up()) if missing else []


def is_current(database: Any) -> bool:
    """Tell whether the schema is the one of this version. Any thread."""
    return _applied(database) == {name for name, _ in STEPS}


def _applied(database: Any) -> set[str]:
    if not database.table_exists(HISTORY):
        return set()
    return {name for (name,) in database.execute_sql(f"SELECT name FROM {HISTORY}")}


def _runner(database: Any, steps: Sequence[Step]) -> Any:
    functions = dict(steps)

    class Script(playhouse.Migration):  # type: ignore[misc]
        """A step of this module in the place of a script in a folder, which a wheel would have to carry."""

        __slots__ = ()

        def load(self) -> Any:
            return type(self.name, (), {"up": staticmethod(functions[self.name])})

    class Runner(playhouse.Runner):  # type: ignore[misc]
        def migrations(self) -> list[Any]:
            return [Script(index, name, name, None) for index, (name, _) in enumerate(steps, 1)]

    return Runner(database, table_name=HISTORY)


def _forget_old_copies(path: Path) -> None:
    copies = sorted(path.parent.glob(f"{path.name}.before-*"), key=lambda copy: copy.stat().st_mtime)
    for copy in copies[:-KEPT_BACKUPS]:
        copy.unlink(missing_ok=True)
