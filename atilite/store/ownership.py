"""One process owns a database file: an flock'ed file beside it, which the system frees when the process dies."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..errors import StoreBusy, StoreUnavailable
from ..forks import let_go

# How the system says that somebody else holds the lock.
TAKEN = (errno.EWOULDBLOCK, errno.EACCES)


class Owner(NamedTuple):
    """The process that owns a database, and the addresses at which it serves, if it does."""

    pid: str
    urls: tuple[str, ...]


class Ownership:
    """The lock of one database file. It is held from `take` to `give_up` or to the death of the process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self._descriptor = path, descriptor

    @classmethod
    def take(cls, database: Path, patience: float = 0) -> Ownership:
        """Own the database at `database`, waiting for at most `patience` seconds.

        Raises StoreBusy naming the process that owns it already.
        """
        path = lock_path(database)
        # Never removed: a second process could lock the removed file while a third one locks its successor.
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailable(f"{path}: the lock cannot be opened: {error.strerror} (check its owner)") from None
        try:
            _lock(descriptor, time.monotonic() + patience)
        except OSError as error:
            owner = _read(descriptor).pid
            os.close(descriptor)
            if error.errno not in TAKEN:
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

    def announce(self, urls: Iterable[str]) -> None:
        """Say beside the number of the process where it serves, for commands of whoever may read the lock."""
        try:
            # A line for each: in the path of a socket there may be spaces.
            os.pwrite(self._descriptor, "".join(f"{one}\n" for one in (os.getpid(), *urls)).encode(), 0)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

    def left_by_fork(self) -> None:
        """Leave the lock to the parent: it would be held until this child, too, has ended."""
        let_go([self._descriptor])

    def give_up(self) -> None:
        """Let another process own the database."""
        os.close(self._descriptor)


def _lock(descriptor: int, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in TAKEN or time.monotonic() >= deadline:
                raise
        time.sleep(0.02)


def owner_of(database: Path) -> Owner | None:
    """The process that owns a database just now, None if nobody does. Raises StoreUnavailable for a lock of others."""
    path = lock_path(database)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreUnavailable(f"{path}: cannot be read: {error.strerror} (do this as its owner)") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in TAKEN:
            raise StoreUnavailable(f"{path}: cannot be locked: {error.strerror} (use a local disk)") from None
        return _read(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> Owner:
    pid, *urls = os.pread(descriptor, 4096, 0).decode("utf-8", "replace").split("\n")
    return Owner(pid.strip() or "?", tuple(filter(None, urls)))


def lock_path(database: Path) -> Path:
    """Return the name of the lock file of a database."""
    return database.with_name(f"{database.name}-lock")


def _refusal(database: Path, owner: str) -> str:
    if owner == str(os.getpid()):
        return f"{database} is already open in this process (use that one, or close it first)"
    return f"{database} is in use by process {owner} (stop it first: kill {owner}, or give this one another --db)"
