"""One process owns a database file: an flock'ed file beside it, which the system frees when the process dies."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from ..errors import StoreBusy, StoreUnavailable


class Ownership:
    """The lock of one database file. It is held from `take` to `give_up` or to the death of the process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self._descriptor = path, descriptor

    @classmethod
    def take(cls, database: Path) -> Ownership:
        """Own the database at `database`. Raises StoreBusy naming the process that owns it already."""
        path = lock_path(database)
        # Never removed: a second process could lock the removed file while a third one locks its successor.
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailable(f"{path}: the lock cannot be opened: {error.strerror} (check its owner)") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "?"
            os.close(descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise StoreUnavailable(f"{path}: cannot be locked: {error.strerror} (use a local disk)") from None
            raise StoreBusy(_refusal(database, owner)) from None
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            # A full disk must not keep the server from starting: the lock holds without the number in it.
            if error.errno != errno.ENOSPC:
                os.close(descriptor)
                raise
        return cls(path, descriptor)

    def give_up(self) -> None:
        """Let another process own the database."""
        os.close(self._descriptor)


def lock_path(database: Path) -> Path:
    """Return the name of the lock file of a database."""
    return database.with_name(f"{database.name}-lock")


def _refusal(database: Path, owner: str) -> str:
    if owner == str(os.getpid()):
        return f"{database} is already open in this process (use that one, or close it first)"
    return f"{database} is in use by process {owner} (stop it first: kill {owner}, or give this one another --db)"
