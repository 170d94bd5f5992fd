"""Safe copies of a database while it is in use, and the way back."""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from ..errors import StoreUnavailable
from .failures import check_place, translate
from .ownership import Ownership

log = logging.getLogger("atilite.store")


def copy_database(source: Path, target: Path) -> None:
    """Write a compact, checked copy of the database `source` to the new file `target`.

    It holds everything that was committed before the call, and is on the disk when this returns. Others go on reading
    and writing meanwhile. Blocks, for long if there is much. Raises StoreError, also if there is such a file.
    """
    if target.exists():
        raise StoreUnavailable(f"{target} exists already (remove it, or choose another name)")
    check_place(source, writing=False)
    check_place(target, writing=True)
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    # VACUUM INTO keeps the mode of an empty file that is there: a copy holds accounts and keys.
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        with closing(_reading(source)) as connection:
            connection.execute("VACUUM INTO ?", (str(partial),))
        verify(partial)
        _to_disk(partial)
        partial.rename(target)
        _to_disk(target.parent)
    except sqlite3.Error as error:
        raise translate(error, target) from error
    finally:
        partial.unlink(missing_ok=True)


def verify(path: Path) -> None:
    """Check every page and index of a database that nobody writes. Blocks. Raises StoreUnavailable if it isn't sound.

    A file with a write-ahead log beside it is checked together with that.
    """
    check_place(path, writing=False)
    try:
        with closing(_reading(path)) as connection:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            connection.execute("SELECT count(*) FROM journal").fetchone()
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{path}: not a sound database of atilite: {error} (choose another file)") from None
    if found != "ok":
        raise StoreUnavailable(f"{path}: damaged: {found} (use an older backup)")


def restore(backup: Path, path: Path) -> Path | None:
    """Put a checked copy of `backup` in the place of the database at `path` and return where the old one went.

    Blocks. Raises StoreBusy if a process has the database open, and StoreUnavailable if the backup isn't sound: then
    nothing has changed.
    """
    verify(backup)
    check_place(path, writing=True)
    ownership = Ownership.take(path)
    try:
        incoming, kept = _beside(path, "incoming"), _beside(path, "replaced")
        copy_database(backup, incoming)
        found = path.exists()
        _set_aside(path, kept)
        incoming.rename(path)
        _to_disk(path.parent)
        return kept if found else None
    finally:
        ownership.give_up()


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)


def _set_aside(path: Path, kept: Path) -> None:
    """Rename a database and its log, the log first: another database must never be opened with it."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        # A damaged one is being replaced just because of that; it is kept as it is.
        log.warning("%s: its log could not be folded in: %s", path, error)
    for suffix in ("-wal", "-shm", ""):
        file = path.with_name(path.name + suffix)
        if file.exists():
            file.rename(kept.with_name(kept.name + suffix))


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f"{path.name}.{what}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}")


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
