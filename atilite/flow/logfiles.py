"""The files of loggers: text with tabs below a header, with copies of older ones beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TextIO

# A value stays in its cell: what would begin another is written as one writes it in a text of Python.
_CELL = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r"})


def row(cells: Iterable[object]) -> str:
    """One line of a file.

    >>> row([0.125, "left\\tright", True])
    '0.125\\tleft\\\\tright\\tTrue\\n'
    """
    return "\t".join([str(cell).translate(_CELL) for cell in cells]) + "\n"


def is_inside(path: str) -> bool:
    """Whether a path that a plan names stays below the folder of the logs.

    >>> is_inside("states/fast"), is_inside("../etc"), is_inside("/etc")
    (True, False, False)
    """
    parts = PurePosixPath(path.replace("\\", "/"))
    return not parts.is_absolute() and ".." not in parts.parts and ":" not in path and "\0" not in path


def taken_below(path: str) -> str:
    """A folder that a plan names, absolute or at home, as one below the folder of the logs.

    >>> taken_below("/tmp/log/"), taken_below("~/log"), taken_below("states/fast")
    ('tmp/log/', 'log', 'states/fast')
    """
    return re.sub(r"^(~?[/\\]+|~$)", "", path)


def make_folder(base: Path, name: str, now: datetime, *, reuse: bool) -> Path:
    """Make the folder of a logger: always the same with `reuse`, else one of this moment. OSError as mkdir has it."""
    base.mkdir(parents=True, exist_ok=True)
    if reuse:
        (base / name).mkdir(exist_ok=True)
        return base / name
    stem = f"{name}_{now:%Y%m%d_%H%M%S}_{now.microsecond // 1000:03d}"
    for number in range(1000):  # another logger of that name may have begun in the same millisecond
        folder = base / (f"{stem}_{number}" if number else stem)
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            continue
    raise FileExistsError(f"there are too many folders {stem} already")


class LogFile:
    """One file below its header, which is written again wherever it begins anew.

    `keep` older copies are kept as name01.txt, name02.txt and so on. Every method may raise OSError.
    """

    def __init__(self, path: Path, header: str, keep: int = 0) -> None:
        self.path, self._header = path, header
        self._copies = [
            path,
            *(path.with_name(f"{path.stem}{number:02}{path.suffix}") for number in range(1, keep + 1)),
        ]
        self._stream: TextIO | None = None

    def open(self) -> None:
        """Go on behind the last line that is there, be it whole or not. Below another header comes this one."""
        self.close()
        begins, ends = self._there()
        self._stream = self._opened("a")
        if not ends:
            self._stream.write("\n")
        if begins != self._header:
            self._stream.write(self._header)

    def _there(self) -> tuple[str, bool]:
        """What the file begins with, and whether its last line has an end."""
        if not self.path.exists():
            return "", True
        header = self._header.encode()
        with self.path.open("rb") as stream:
            begins = stream.read(len(header))
            stream.seek(max(0, stream.seek(0, 2) - 1))
            return begins.decode(errors="replace"), stream.read(1) in (b"", b"\n")

    def write(self, text: str) -> None:
        if self._stream is None:
            raise OSError(f"{self.path} is not open")
        self._stream.write(text)

    def flush(self) -> None:
        """Hand what was written to the system, so that others see it."""
        if self._stream is not None:
            self._stream.flush()

    def rotate(self, smallest: int = 0) -> None:
        """Make the file a copy and begin anew, if it has as many bytes."""
        self.flush()
        if len(self._copies) < 2 or self.path.stat().st_size < smallest:
            return
        self.close()
        for older, newer in zip(reversed(self._copies), reversed(self._copies[:-1]), strict=False):
            if newer.exists():
                newer.replace(older)
        self._stream = self._opened("w")
        self._stream.write(self._header)

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _opened(self, mode: str) -> TextIO:
        return self.path.open(mode, encoding="utf-8", errors="backslashreplace", newline="\n")  # type: ignore[return-value]
