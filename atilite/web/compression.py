"""Whether an answer is sent compressed (gzip), and how.

An answer is compressed when the client accepts it, its type is a text, it is not small, and nothing in it needs to
stay secret: the length of a compressed page tells what is in it to somebody who can put words of his own beside the
secret and watch the wire (BREACH). So never compressed is what sets a cookie, what another site's page asked for with
the visitor's cookies, and the answer to a request for which a secret was made, such as a CSRF token (`keep_secret`).
"""

from __future__ import annotations

import os
import stat
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, MutableMapping
from functools import lru_cache
from typing import Any

from atilite.web import csrf
from atilite.web.conditional import gzip_etag
from atilite.web.headers import Header
from atilite.web.negotiate import qualities

#: Bytes below which it is not worth the time: the answer fits into one packet anyway.
MINIMUM = 1024
#: Bytes above which an answer is not compressed on the loop, where everybody else waits for it.
ON_LOOP = 64 * 1024
# A file is compressed at the first request for it and kept; larger ones need a sibling NAME.gz.
LARGEST_FILE = 1 << 20
KEPT = 8 << 20

_PIECE = 256 * 1024

_TEXTS = frozenset(
    (
        "application/javascript",
        "application/json",
        "application/manifest+json",
        "application/wasm",
        "application/x-javascript",
        "application/xhtml+xml",
        "application/xml",
        "font/ttf",
        "image/svg+xml",
        "image/x-icon",
    )
)
_SECRET = "atilite.secret"
_UNFIT = ("204", "206", "304")
# A compressed answer may not be shared with who does not accept it.
VARY = "Accept-Encoding"


@lru_cache(64)
def accepts_gzip(accept_encoding: str) -> bool:
    """Tell whether a client with this Accept-Encoding takes gzip, and not rather no compression at all. Pure."""
    wishes = dict(qualities(accept_encoding))
    quality = wishes.get("gzip", wishes.get("x-gzip", wishes.get("*", 0.0)))
    return quality > 0 and quality >= wishes.get("identity", 0.0)


@lru_cache(128)
def is_text(content_type: str) -> bool:
    """Tell whether this type is worth compressing; a stream of events is none. Pure."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("text/"):
        return kind != "text/event-stream"
    return kind in _TEXTS or kind.endswith(("+json", "+xml"))


def compress(body: bytes) -> bytes:
    """Return `body` as gzip, quickly rather than tightly."""
    # A window no larger than the body: to clear the usual one takes longer than to compress a small page.
    window, memory = (28, 7) if len(body) <= 4096 else (31, 8)
    squeezer = zlib.compressobj(2, zlib.DEFLATED, window, memory)
    return squeezer.compress(body) + squeezer.flush()


def packed(
    environ: Mapping[str, Any], status: str, headers: list[Header], body: bytes, *, later: bool = False
) -> bytes | Iterator[bytes]:
    """Return `body` as it is to be sent; `headers` are changed with it.

    With `later` it may be an iterator, which compresses as it is read: in another thread. For bodies of at least
    MINIMUM bytes. The caller leaves out the body of a HEAD request; its headers then say nothing of a length, which
    only compressing would tell.
    """
    known = {name.lower(): value for name, value in headers}
    if status[:3] in _UNFIT or "content-encoding" in known or "set-cookie" in known or "content-range" in known:
        return body
    if not is_text(known.get("content-type", "")) or "no-transform" in known.get("cache-control", ""):
        return body
    if _SECRET in environ or watched(environ):
        return body
    vary(headers)
    if not accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")):
        return body
    if environ["REQUEST_METHOD"] == "HEAD":
        encode(headers, None)
        return b""
    if later:
        encode(headers, None)
        return _pieces(body)
    smaller = compress(body)
    if len(smaller) >= len(body):
        return body
    encode(headers, len(smaller))
    return smaller


def keep_secret(environ: MutableMapping[str, Any]) -> None:
    """Never compress the answer to this request: there is a secret in it."""
    environ[_SECRET] = True


def watched(environ: Mapping[str, Any]) -> bool:
    """Tell whether another site's page sent this request in the name of its visitor: it may be measuring the answer."""
    by_visitor = "HTTP_COOKIE" in environ or "HTTP_AUTHORIZATION" in environ
    return by_visitor and bool(csrf.foreign(environ))


def vary(headers: list[Header]) -> None:
    """Tell caches that the answer depends on Accept-Encoding."""
    for number, (name, value) in enumerate(headers):
        if name.lower() == "vary":
            if VARY.lower() not in value.lower() and "*" not in value:
                headers[number] = (name, f"{value}, {VARY}")
            return
    headers.append(("Vary", VARY))


def encode(headers: list[Header], length: int | None) -> None:
    """Make the headers those of the compressed answer: another length, if it is known, and a tag of its own."""
    for number, (name, value) in enumerate(headers):
        if name.lower() == "etag":
            headers[number] = (name, gzip_etag(value))
    headers[:] = [header for header in headers if header[0].lower() != "content-length"]
    headers.append(("Content-Encoding", "gzip"))
    if length is not None:
        headers.append(("Content-Length", str(length)))


def _pieces(body: bytes) -> Iterator[bytes]:
    squeezer = zlib.compressobj(2, zlib.DEFLATED, 31)
    for start in range(0, len(body), _PIECE):
        yield squeezer.compress(body[start : start + _PIECE])
    yield squeezer.flush()


class Packed:
    """The compressed forms of static files. Any thread.

    A file `NAME.gz` beside NAME that is not older is what is sent; else NAME is compressed once, at its first request,
    and kept until it changes, as long as all that is kept stays below KEPT bytes.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[tuple[int, int], bytes]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, name: str, facts: os.stat_result) -> bytes | str | None:
        """The compressed content of the file, or the path of it; None if it is better sent as it is. Blocks."""
        if _is_newer(name + ".gz", facts):
            return name + ".gz"
        version = facts.st_mtime_ns, facts.st_size
        if not MINIMUM <= facts.st_size <= LARGEST_FILE:
            return None
        with self._lock:
            if name in self._kept and self._kept[name][0] == version:
                self._kept.move_to_end(name)
                return self._kept[name][1] or None
        return self._made(name, version)

    def _made(self, name: str, version: tuple[int, int]) -> bytes | None:
        with open(name, "rb") as file:
            content = file.read()
        squeezer = zlib.compressobj(9, zlib.DEFLATED, 31)
        smaller = squeezer.compress(content) + squeezer.flush()
        if len(smaller) > len(content) * 0.9:
            smaller = b""  # kept as well: it need not be tried again
        with self._lock:
            _, before = self._kept.pop(name, (None, b""))
            self._kept[name] = version, smaller
            self._size += len(smaller) - len(before)
            while self._size > KEPT:
                _, (_, oldest) = self._kept.popitem(last=False)
                self._size -= len(oldest)
        return smaller or None


def _is_newer(name: str, facts: os.stat_result) -> bool:
    try:
        found = os.lstat(name)  # a link could lead out of the folder
    except OSError:  # by far the most files have no such sibling
        return False
    return stat.S_ISREG(found.st_mode) and found.st_mtime_ns >= facts.st_mtime_ns
