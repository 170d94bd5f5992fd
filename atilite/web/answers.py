"""What a handler may return besides text: API values, files, streams."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from io import SEEK_END
from typing import IO, Any
from urllib.parse import quote

from atilite.errors import Error, status_line

_PIECE = 64 * 1024


class API:
    """Data for a program, sent as JSON, or as XML to a client that asks for text/xml.

    `API(name="x")`, `API({"name": "x"})`, `API("201 Created", {...}, more=1)`. `status` is None or a status line,
    `data` what will be encoded; both may be changed until the answer is made.
    """

    __slots__ = ("data", "status")

    def __init__(self, *args: Any, **values: Any) -> None:
        self.status: str | None = None
        if args and isinstance(args[0], (str, int)):
            self.status, args = status_line(args[0]), args[1:]
        if len(args) > 1:
            raise TypeError(f"API takes a status and one value, not {len(args)} values")
        data = args[0] if args and args[0] is not None else {}
        if values and not isinstance(data, dict):
            raise TypeError(f"API cannot add {', '.join(values)} to a {type(data).__name__}; pass a dict")
        self.data: Any = {**data, **values} if values else data


class File:
    """A file as the answer: a path, or an open binary file that is closed after it was sent.

    `filename` makes the browser save it under this name.
    """

    __slots__ = ("filename", "mimetype", "source")

    def __init__(
        self,
        source: str | os.PathLike[str] | IO[bytes],
        mimetype: str = "application/octet-stream",
        filename: str | None = None,
    ) -> None:
        self.source, self.mimetype, self.filename = source, mimetype, filename

    def open(self) -> FileBody:
        """Return the body; raises Error 404 if there is no such file."""
        if not isinstance(self.source, (str, os.PathLike)):
            return FileBody(self.source)
        try:
            return FileBody(open(self.source, "rb"))
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise Error(404, "there is no such file") from None


class FileBody:
    """The bytes of an open file, from `start`, at most `length` of them; closes the file. One thread at a time."""

    def __init__(self, file: IO[bytes], start: int = 0, length: int | None = None) -> None:
        self.file, self._left = file, length
        if start:
            file.seek(start)

    @property
    def size(self) -> int | None:
        """How many bytes will come, or None if the file cannot tell."""
        if self._left is not None:
            return self._left
        try:
            here = self.file.tell()
            end = self.file.seek(0, SEEK_END)
            self.file.seek(here)
        except (OSError, AttributeError):  # a pipe
            return None
        return end - here

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = self.file.read(_PIECE if self._left is None else min(_PIECE, self._left))
        if not piece:
            raise StopIteration
        if self._left is not None:
            self._left -= len(piece)
        return piece

    def close(self) -> None:
        self.file.close()


class Chunks:
    """An iterable of str or bytes as an iterable of bytes; blank pieces are left out. Closes what it reads from."""

    def __init__(self, source: Iterable[Any]) -> None:
        self._source = source
        self._pieces = iter(source)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while True:
            piece = encoded(next(self._pieces))
            if piece:
                return piece

    def close(self) -> None:
        close_body(self._pieces if hasattr(self._pieces, "close") else self._source)


def close_body(body: object) -> None:
    """Close a body that will not be read to its end, if it can be closed."""
    close = getattr(body, "close", None)
    if close is not None:
        close()


def encoded(piece: Any) -> bytes:
    """Return one piece of a streamed body as bytes; None is nothing. Raises TypeError for what cannot be sent."""
    if isinstance(piece, str):
        return piece.encode("utf-8", "replace")
    if isinstance(piece, (bytes, bytearray, memoryview)):
        return bytes(piece)
    if piece is None:
        return b""
    raise TypeError(f"a streamed answer consists of str and bytes, not of {type(piece).__name__}")


def attachment(filename: str) -> str:
    """Return the Content-Disposition for saving under `filename`, also if it is not ASCII (RFC 6266)."""
    plain = "".join(sign if " " <= sign <= "~" and sign not in '"\\%' else "_" for sign in filename)
    text = f'attachment; filename="{plain}"'
    return text if plain == filename else f"{text}; filename*=UTF-8''{quote(filename, safe='')}"
