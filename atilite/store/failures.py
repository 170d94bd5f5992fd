"""Errors of SQLite and of the system as one-line StoreErrors that say what to do."""

from __future__ import annotations

import os
import pwd
import sqlite3
from pathlib import Path

from ..errors import StoreBusy, StoreError, StoreFull, StoreUnavailable

FULL = (sqlite3.SQLITE_FULL,)
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
REFUSED = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH)


def translate(error: BaseException, path: Path) -> BaseException:
    """Return the StoreError that tells what `error` means for the database at `path`.

    Anything but an error of SQLite comes back as it is. A failed constraint too: it is about the statement, not about
    the database.
    """
    if not isinstance(error, sqlite3.Error) or isinstance(error, sqlite3.IntegrityError):
        return error
    # Extended codes carry the primary one in their low byte.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in FULL:
        return StoreFull(f"{path}: the disk is full (free some space, or let retention remove old runs)")
    if code in BUSY:
        return StoreBusy(f"{path}: another process holds the database locked (end it, or wait until it has finished)")
    if code in DAMAGED:
        return StoreUnavailable(f"{path}: not a sound SQLite database: {error} (restore a backup, or move it away)")
    if code in REFUSED:
        return StoreUnavailable(f"{path}: cannot be written: {error} (check owner and mode, start as its owner)")
    if code == sqlite3.SQLITE_CANTOPEN:
        return StoreUnavailable(f"{path}: cannot be opened (check that its folder exists and may be entered)")
    if code == sqlite3.SQLITE_IOERR:
        return StoreError(f"{path}: reading or writing failed: {error} (check the disk and the system log)")
    return StoreError(f"{path}: {error}")


def check_place(path: Path, *, writing: bool) -> None:
    """Raise StoreUnavailable if a database can't be opened at `path`, with the reason that SQLite would not tell."""
    folder = path.parent
    if not folder.is_dir():
        raise StoreUnavailable(f"{path}: the folder {folder} does not exist (make it: mkdir -p {folder})")
    if path.is_dir():
        raise StoreUnavailable(f"{path}: this is a folder (give --db the name of a file in it)")
    if not path.exists():
        if not writing:
            raise StoreUnavailable(f"{path}: there is no such database (start the server once, it makes the file)")
        _check_access(folder, os.W_OK | os.X_OK, f"the database cannot be made in {folder}")
        return
    _check_access(path, os.R_OK, f"{path} cannot be read")
    if writing:
        _check_access(path, os.W_OK, f"{path} cannot be written")
        _check_access(folder, os.W_OK | os.X_OK, f"SQLite needs to write beside {path.name} in {folder}")


def _check_access(path: Path, mode: int, complaint: str) -> None:
    if os.access(path, mode, effective_ids=True):
        return
    status = path.stat()
    owner, me = _name(status.st_uid), _name(os.geteuid())
    read_only = os.access in os.supports_effective_ids and os.statvfs(path).f_flag & os.ST_RDONLY
    if read_only and mode & os.W_OK:
        raise StoreUnavailable(f"{complaint}: its file system is mounted read-only (remount it, or use another --db)")
    raise StoreUnavailable(
        f"{complaint} by {me}: it belongs to {owner}, mode {status.st_mode & 0o777:o} "
        f"(start as {owner}, or: chown {me} {path})"
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
