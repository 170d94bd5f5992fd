"""What is sent: a path with placeholders, a query, a body in one of several forms. Pure but for open files."""

from __future__ import annotations

import json
import os
import re
import secrets
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import IO, Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from ..quickly import dataclass
from ..version import VERSION

Pairs = tuple[tuple[str, str], ...]

_HOLE = re.compile(r"\{([A-Za-z_]\w*)?\}")
_PIECE = 64 * 1024
BODYLESS = frozenset(("GET", "HEAD", "DELETE", "OPTIONS"))
# Sent twice they do what they do once (RFC 9110, 9.2.2).
IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"))


class Streamed:
    """A body that is sent as it is read: bytes from `pieces`, which may block unless they are `cooperative`.

    `size` is None if nobody knows it.
    """

    def __init__(self, pieces: Iterable[Any], size: int | None = None, *, cooperative: bool = False) -> None:
        self._pieces, self.size, self.cooperative = pieces, size, cooperative

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            yield piece.encode() if isinstance(piece, str) else bytes(piece)


@dataclass(frozen=True, slots=True)
class Order:
    """One request as it goes out. The headers are without Host and Content-Length."""

    method: str
    url: str
    headers: Pairs = ()
    body: bytes | Streamed | None = field(default=None, repr=False)

    @property
    def repeatable(self) -> bool:
        """Whether it can be sent again after something of it may have arrived."""
        return self.method in IDEMPOTENT and not isinstance(self.body, Streamed)


def fill(path: str, args: Sequence[Any], named: Mapping[str, Any]) -> tuple[str, list[Any], set[str]]:
    """Put values into `{}` and `{name}`, quoted. Return the path, the arguments left over, the names that were used.

    Raises TypeError for a hole without a value. Other braces stay as they are.
    """
    left, used = list(args), set()

    def value(hole: re.Match[str]) -> str:
        name = hole[1]
        if name is not None and name in named:
            used.add(name)
            return quote(_text(named[name]), safe="")
        if name is not None or not left:
            raise TypeError(f"{path!r} has no value for {hole[0]}")
        return quote(_text(left.pop(0)), safe="")

    return _HOLE.sub(value, path), left, used


def joined(base: str, path: str) -> str:
    """Return the URL of `path` below `base`; a whole URL only where there is no base."""
    if not base or not path:
        return base or path
    if path[0] == "?":
        return base + path
    return f"{base.rstrip('/')}/{path.lstrip('/')}"


def shown(url: str) -> str:
    """The URL as it may stand in a log: without user, password and query, which may be secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.scheme else parts.path


def with_query(url: str, values: Any) -> str:
    """Add `values`, a mapping or pairs, to the query; lists give a name several times, None is left out."""
    pairs = values.items() if isinstance(values, Mapping) else values
    text = urlencode([(name, _plain(value)) for name, value in pairs if value is not None], doseq=True)
    address, mark, fragment = url.partition("#")
    return f"{address}{'&' if '?' in address else '?'}{text}{mark}{fragment}" if text else url


def _plain(value: Any) -> Any:
    return [_text(each) for each in value] if isinstance(value, (list, tuple)) else _text(value)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def authorization(auth: Any) -> str:
    """The header for ("user", "password"), or for a token."""
    if isinstance(auth, str):
        return f"Bearer {auth}"
    user, password = auth
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


class Encoded(NamedTuple):
    """A body and its Content-Type, None if the caller has to know."""

    body: bytes | Streamed | None
    kind: str | None


def encode(payload: Any, *, form: Any = None, files: Mapping[str, Any] | None = None) -> Encoded:
    """Make a body: files and form fields as multipart, form fields alone urlencoded, else `payload` by its type.

    Text is sent as text, bytes and open files as they are, iterators of bytes as a stream, anything else as JSON.
    """
    if files is not None:
        return multipart(form or payload or {}, files)
    if form is not None:
        return Encoded(with_query("", form)[1:].encode(), "application/x-www-form-urlencoded")
    if payload is None:
        return Encoded(None, None)
    if isinstance(payload, str):
        return Encoded(payload.encode(), "text/plain; charset=utf-8")
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return Encoded(bytes(payload), "application/octet-stream")
    if hasattr(payload, "read"):
        return Encoded(Streamed(_read(payload), _size(payload)), "application/octet-stream")
    if hasattr(payload, "__next__"):
        return Encoded(Streamed(payload), "application/octet-stream")
    return Encoded(json.dumps(payload, ensure_ascii=False).encode(), "application/json")


def multipart(fields: Mapping[str, Any], files: Mapping[str, Any]) -> Encoded:
    """A multipart/form-data body. A file is an open one, or (filename, bytes or open file[, content type]).

    What is open is read while it is sent. A list under one name is sent as several.
    """
    boundary = secrets.token_hex(16)
    parts: list[tuple[bytes, Any]] = []
    for name, value in _each(fields):
        parts.append((_part(boundary, name, None, None), _text(value).encode()))
    for name, value in _each(files):
        filename, content, kind = _file(value)
        parts.append((_part(boundary, name, filename, kind), content))
    end = f"--{boundary}--\r\n".encode()
    sizes = [_size(content) for _, content in parts]
    known = None
    if None not in sizes:
        known = sum(len(head) + (size or 0) + 2 for (head, _), size in zip(parts, sizes, strict=True)) + len(end)
    kind = f"multipart/form-data; boundary={boundary}"
    return Encoded(Streamed(_multipart_pieces(parts, end), known), kind)


def _each(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            yield name, one


def _file(value: Any) -> tuple[str, Any, str]:
    if isinstance(value, tuple):
        filename, content, *kind = value
        content = content.encode() if isinstance(content, str) else content
        return str(filename), content, kind[0] if kind else "application/octet-stream"
    filename = os.path.basename(str(getattr(value, "name", "file")))
    return filename, value, "application/octet-stream"


def _part(boundary: str, name: str, filename: str | None, kind: str | None) -> bytes:
    lines = [f"--{boundary}", f'Content-Disposition: form-data; name="{_quoted(name)}"']
    if filename is not None:
        lines[1] += f'; filename="{_quoted(filename)}"'
        lines.append(f"Content-Type: {kind}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _quoted(text: str) -> str:
    # As browsers do it (the multipart algorithm of HTML).
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _multipart_pieces(parts: list[tuple[bytes, Any]], end: bytes) -> Iterator[bytes]:
    for head, content in parts:
        yield head
        if hasattr(content, "read"):
            yield from _read(content)
        else:
            yield content
        yield b"\r\n"
    yield end


def _read(file: IO[Any]) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece.encode() if isinstance(piece, str) else piece


def _size(content: Any) -> int | None:
    if isinstance(content, (bytes, bytearray)):
        return len(content)
    try:
        here = content.tell()
        end = content.seek(0, os.SEEK_END)
        content.seek(here)
    except (OSError, AttributeError):  # a pipe
        return None
    return None if hasattr(content, "encoding") else int(end - here)  # of a text nobody knows the bytes


def merged(*many: Mapping[str, Any] | None) -> Pairs:
    """Headers of several sources, later ones in place of earlier ones; a value None sends none of that name.

    Raises ValueError for what is no header.
    """
    found: dict[str, tuple[str, str]] = {}
    for headers in many:
        for name, value in (headers or {}).items():
            if value is None:
                found.pop(name.lower(), None)
                continue
            text = str(value)
            if any(sign in text + name for sign in "\r\n\0") or not name:
                raise ValueError(f"the header {name!r} has a line break in it")
            found[name.lower()] = (name, text)
    return tuple(found.values())


#: What every request says unless it says something else.
USUAL: Mapping[str, str] = {
    "Accept": "application/json, */*",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": f"atilite/{VERSION}",
}
