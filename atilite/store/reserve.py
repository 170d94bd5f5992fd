"""A file that only takes up space, so that there is some to give back when the disk is full.

On a full disk even a DELETE fails, because it needs room in the write-ahead log. Retention drops this file first.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

log = logging.getLogger("atilite.store")

SIZE = 2 * 1024 * 1024


class Reserve:
    """The reserve beside one database. Any thread that owns the database may call it."""

    def __init__(self, database: Path, size: int = SIZE) -> None:
        self.path, self._size = database.with_name(f"{database.name}-reserve"), size

    def ensure(self) -> bool:
        """Make the file if it's missing; False (and no file) if the disk has no room for it."""
        try:
            if self.path.stat().st_size == self._size:
                return True
        except FileNotFoundError:
            log.debug("making %s", self.path)
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, self._size)
            finally:
                os.close(descriptor)
        except OSError as error:
            log.warning("%s: no room for the reserve file: %s", self.path, error.strerror)
            self.release()
            return False
        return True

    def release(self) -> None:
        """Give the space back to the disk."""
        self.path.unlink(missing_ok=True)
