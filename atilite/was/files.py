"""The part of `was` that makes files which go away by themselves."""

from __future__ import annotations

import os
import tempfile as std
import weakref
from pathlib import Path
from typing import IO, Any


class FlashFile:
    """A file that is deleted with this object: answer with `was.File(was.flashfile(path))`. Any thread."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._end = weakref.finalize(self, Path(self.path).unlink, missing_ok=True)

    def __fspath__(self) -> str:
        return self.path

    def remove(self) -> None:
        """Delete it now."""
        self._end()


def tempfile(suffix: str = "", mode: str = "w+b") -> IO[Any]:
    """Return a new open file, its path in `.name`, for this process's user only; it is deleted when it is closed."""
    return std.NamedTemporaryFile(mode, prefix="atilite-", suffix=suffix)
