"""Static files: safe against paths that lead outside, with validators and ranges."""

from __future__ import annotations

import mimetypes
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from atilite.errors import Error
from atilite.web import conditional
from atilite.web.answers import FileBody, close_body
from atilite.web.compression import VARY, Packed, accepts_gzip, encode, is_text
from atilite.web.conditional import forget_forms
from atilite.web.errors import error_answer
from atilite.web.headers import Header, secure
from atilite.web.input import NOTHING
from atilite.web.request import Request, decoded
from atilite.web.response import Body, Response, serialize

# Bytes up to which a file is read at once.
_SMALL = 64 * 1024
# Paths of which a folder remembers that no link leads them outside.
_REMEMBERED = 4096
# A part of a path that begins with a dot, `.well-known` excepted.
_HIDDEN = re.compile(r"(?:^|/)\.(?!well-known(?:/|$))")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)
_TEXTS = ("application/javascript", "application/json", "application/xml", "image/svg+xml")
# What the table of some systems does not know.
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".webp": "image/webp", ".woff2": "font/woff2"}


class StaticFiles:
    """The files of one folder and its sub-folders. Any thread.

    Names that begin with a dot are not served, except below `.well-known`. `max_age` is in seconds: how long a browser
    may use a file without asking; 0 makes it ask each time, which a 304 answers.
    """

    def __init__(self, root: str | os.PathLike[str], max_age: int = 0) -> None:
        self._packed = Packed()
        self._inside: dict[str, tuple[int, int]] = {}
        self.root = Path(os.path.realpath(root))
        self.max_age = max_age
        self._prefix = os.path.join(str(self.root), "")

    def find(self, path: str) -> str | None:
        """Return the file for a decoded URL path below the folder's own; for "" and "sub/" it is index.html.

        None if there is no such file. A path that leads outside finds nothing, through a symbolic link neither.
        """
        if "\0" in path or "\\" in path or ("." in path and _HIDDEN.search(path)):
            return None
        name = self._prefix + (path if "//" not in path else re.sub("//+", "/", path)).lstrip("/")
        if name.endswith("/"):
            name += "index.html"
        try:
            facts = os.stat(name)
        except (OSError, ValueError):  # by far the most paths: they belong to a route
            return None
        if not stat.S_ISREG(facts.st_mode):
            return None
        # To follow each folder of a path takes longer than all the rest; the same file need not be followed twice.
        if self._inside.get(name) == (facts.st_dev, facts.st_ino):
            return name
        real = os.path.realpath(name)
        if real == name:
            if len(self._inside) >= _REMEMBERED:
                self._inside.clear()
            self._inside[name] = facts.st_dev, facts.st_ino
        return real if real.startswith(self._prefix) else None

    def answer(self, path: str, environ: Mapping[str, Any]) -> Response | None:
        """Return the answer to a GET or HEAD for a path as `find` takes it; None if there is no such file."""
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return None
        found = self.find(path)
        return self.send(found, environ) if found else None

    def send(self, found: str, environ: Mapping[str, Any]) -> Response:
        """Return the answer with a file that `find` has found, compressed where that is worthwhile."""
        return send(found, environ, self.max_age, self._packed)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as a WSGI application mounted on its own."""
        forget_forms(environ)
        found = self.answer(decoded(environ.get("PATH_INFO", "")).lstrip("/"), environ)
        answer: tuple[str, list[Header], Body]
        if found is None:
            answer = error_answer(Error(404, "there is no such file"), environ.get("HTTP_ACCEPT", ""))
        else:
            answer = serialize(found, None, Request(environ))
        status, headers, body = answer
        start_response(status, secure(headers))
        if environ["REQUEST_METHOD"] == "HEAD":
            close_body(body)
            return []
        return [body] if isinstance(body, bytes) else body


@lru_cache(1024)
def mimetype(name: str) -> str:
    """Return the content type for a file name, with the charset for texts."""
    known = _TYPES.get(os.path.splitext(name)[1].lower()) or mimetypes.guess_type(name)[0]
    if known is None or mimetypes.guess_type(name)[1]:  # a compressed file is not what is in it
        return "application/octet-stream" if known is None else "application/gzip"
    return f"{known}; charset=utf-8" if known.startswith("text/") or known in _TEXTS else known


def send(
    name: str | os.PathLike[str], environ: Mapping[str, Any], max_age: int = 0, packed: Packed | None = None
) -> Response:
    """Return the answer with the file `name`: 200, 206 for a range, 304, 412 or 416.

    With `packed` a client that accepts it gets a text compressed. The body may be an open file; whoever sends it closes
    it. Raises OSError if the file cannot be read.
    """
    name = os.fspath(name)
    facts = os.stat(name)
    etag, mtime = _etag(facts), facts.st_mtime
    if conditional.refused(environ, etag, mtime):
        return Response(NOTHING, 412, b"")
    varies = packed is not None and is_text(mimetype(name))
    if conditional.unchanged(environ, etag, mtime):
        return Response(NOTHING, 304, b"", _validators(facts, max_age, varies))
    file = open(name, "rb")  # noqa: SIM115 (closed with the body)
    facts = os.fstat(file.fileno())  # another one may have come in its place
    size, etag, mtime, kind = facts.st_size, _etag(facts), facts.st_mtime, mimetype(name)
    headers = [*_validators(facts, max_age, varies), ("Content-Type", kind), ("Accept-Ranges", "bytes")]
    if "HTTP_RANGE" not in environ:
        smaller = packed.get(name, facts) if packed is not None and _wants_packed(environ, kind) else None
        if smaller is None:
            return Response(environ, 200, _content(file, size), headers)
        file.close()
        encode(headers, None)
        return Response(environ, 200, smaller if isinstance(smaller, bytes) else FileBody(open(smaller, "rb")), headers)
    part = wanted_range(environ, size, etag, mtime)
    start, length = part or (0, size)
    if part and not length:
        file.close()
        return Response(NOTHING, 416, b"", [("Content-Range", f"bytes */{size}")])
    body = FileBody(file, start, length)
    if part is None:
        return Response(environ, 200, body, headers)
    return Response(environ, 206, body, [*headers, ("Content-Range", f"bytes {start}-{start + length - 1}/{size}")])


def _wants_packed(environ: Mapping[str, Any], kind: str) -> bool:
    return is_text(kind) and accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))


def _content(file: IO[bytes], size: int) -> bytes | FileBody:
    """The whole file: read at once if it is small, so that it goes out in one piece with its header."""
    if size > _SMALL:
        return FileBody(file, 0, size)
    with file:
        return file.read(size)


def _etag(facts: os.stat_result) -> str:
    return f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"'


def _validators(facts: os.stat_result, max_age: int, varies: bool) -> list[Header]:
    headers: list[Header] = [
        ("ETag", _etag(facts)),
        ("Last-Modified", conditional.http_date(facts.st_mtime)),
        ("Cache-Control", f"max-age={max_age}" if max_age else "no-cache"),
    ]
    if varies:
        headers.append(("Vary", VARY))
    return headers


def wanted_range(environ: Mapping[str, Any], size: int, etag: str, mtime: float) -> tuple[int, int] | None:
    """Return (start, length) of the one range asked for, length 0 if it cannot be satisfied. Pure.

    None means the whole file: no range, several of them, one that cannot be read, or an If-Range of another version.
    """
    found = _RANGE.fullmatch(environ.get("HTTP_RANGE", "").replace(" ", ""))
    if found is None or found[1] == found[2] == "" or environ.get("REQUEST_METHOD") != "GET":
        return None
    condition = environ.get("HTTP_IF_RANGE")
    if condition and condition != etag and conditional.parse_date(condition) != int(mtime):
        return None
    first, last = found[1][:20], found[2][:20]
    if not first:
        length = min(int(last), size)
        return size - length, length
    start, end = int(first), int(last) if last else size - 1
    if last and end < start:
        return None
    return start, max(0, min(end, size - 1) - start + 1)
