"""Safe copies of the database while it is in use, and the way back."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from ..errors import StoreUnavailable
from .failures import translate


def copy_database(connection: sqlite3.Connection, target: Path) -> None:
    """Write a compact copy of the database of `connection` to the new file `target`, on the disk when this returns.

    Other threads and processes go on reading and writing meanwhile. `connection` must not be in a transaction. Raises
    FileExistsError if there is such a file.
    """
    partial = target.with_name(f"{target.name}.partial")
    if target.exists():
        raise FileExistsError(f"{target} exists already (remove it, or choose another name)")
    partial.unlink(missing_ok=True)
    # VACUUM INTO keeps the mode of an empty file that is there already: the copy holds accounts and keys.
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        connection.execute("VACUUM INTO ?", (str(partial),))
        verify(partial)
        _to_disk(partial)
        os.rename(partial, target)
        _to_disk(target.parent)
    except sqlite3.Error as error:
        raise translate(error, target) from error
    finally:
        partial.unlink(missing_ok=True)


def verify(path: Path) -> None:
    """Check every page and index of a database that nobody writes. Raises StoreUnavailable if it isn't sound."""
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            connection.execute("SELECT count(*) FROM journal").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{path}: not a database of atilite: {error} (choose another file)") from None
    if found != "ok":
        raise StoreUnavailable(f"{path}: damaged: {found} (use an older backup)")


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
