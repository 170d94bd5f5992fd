"""Passing requests on to another server: which headers go which way, and connections that leave HTTP."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from ..errors import Error
from ..runtime.loop import Loop
from ..runtime.promise import Promise
from ..runtime.wire import dial, rest, time_limit
from .outgoing import Order, Pairs, shown
from .received import Headers
from .service import Service, Target
from .transport import explained

# What is between two neighbours only (RFC 9110, 7.6.1).
HOP_BY_HOP = frozenset((
    "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer",
    "transfer-encoding", "upgrade",
))  # fmt: skip
# What is said anew: the server's own name, the length of what is sent, the wait for a permission to send it.
ANEW = frozenset(("host", "content-length", "expect"))
# Seconds that one end may go on after the other has closed.
LINGER = 5.0
_PIECE = 64 * 1024
_PATH = "/:@!$&'()*+,;=~-._"


class Passing(Protocol):
    """An answer on its way back to the client."""

    status_code: int
    reason: str
    headers: Headers

    def read(self, size: int = 65536) -> bytes:
        """Some bytes, b"" at the end. In a greenlet."""

    def close(self) -> None:
        """Let the rest go. On the hub."""


def request_headers(environ: Mapping[str, Any], *, secure: bool, remote: str, host: str) -> Pairs:
    """The client's headers for the other server, and X-Forwarded-*, which say who asked, how and for whom. Pure."""
    found = {
        name[5:].replace("_", "-").title(): str(value) for name, value in environ.items() if name.startswith("HTTP_")
    }
    if environ.get("CONTENT_TYPE"):
        found["Content-Type"] = environ["CONTENT_TYPE"]
    before = found.get("X-Forwarded-For")
    kept = end_to_end(tuple(found.items()), ANEW)
    mine = {
        "X-Forwarded-For": f"{before}, {remote}" if before else remote,
        "X-Forwarded-Proto": "https" if secure else "http",
        "X-Forwarded-Host": host,
    }
    return (*(header for header in kept if header[0] not in mine), *mine.items())


def end_to_end(headers: Pairs, more: frozenset[str] = frozenset()) -> Pairs:
    """The headers that are for the other end: without those between neighbours, and those that they name. Pure."""
    named = {
        word.strip().lower() for name, value in headers if name.lower() == "connection" for word in value.split(",")
    }
    return tuple(header for header in headers if header[0].lower() not in HOP_BY_HOP | named | more)


def target_of(path: str, query: str) -> str:
    """The path and query to ask for. Raises Error 400 for a path that would leave the service's base. Pure."""
    if any(part in (".", "..") for part in path.replace("\\", "/").split("/")):
        raise Error(400, "the path has parts that lead upwards")
    return f"/{quote(path.lstrip('/'), safe=_PATH)}{f'?{query}' if query else ''}"


class Tunnel:
    """A connection that the other server was asked to take out of HTTP, such as for a WebSocket. In greenlets.

    When it did, `status_code` is 101 and `join` makes one connection of two; otherwise it is an ordinary answer.
    """

    def __init__(self, service: Service, order: Order, target: Target, seconds: float, protocol: str) -> None:
        self.url = order.url
        parts = urlsplit(order.url)
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        self._line = http.client.HTTPConnection(parts.hostname or "", port)
        try:
            with time_limit(seconds, f"{shown(order.url)}: the handshake"):
                tls = service.transport.tls() if secure else None
                self._line.sock = self._socket = dial(parts.hostname or "", port, seconds, tls=tls)
                self._answer = self._ask(order, parts.path or "/", parts.query, protocol)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._line.close()
            raise explained(error, order.url) from error
        except BaseException:
            self._line.close()
            raise
        self.status_code, self.reason = self._answer.status, self._answer.reason
        self.headers = Headers(self._answer.headers.items())

    def _ask(self, order: Order, path: str, query: str, protocol: str) -> http.client.HTTPResponse:
        line = self._line
        line.putrequest("GET", f"{path}?{query}" if query else path, skip_accept_encoding=True)
        for name, value in (*order.headers, ("Connection", "Upgrade"), ("Upgrade", protocol)):
            line.putheader(name, value)
        line.endheaders()
        return line.getresponse()

    def read(self, size: int = _PIECE) -> bytes:
        """Some bytes of an ordinary answer."""
        try:
            return self._answer.read1(size)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise explained(error, self.url) from error

    def close(self) -> None:
        """Close it."""
        self._answer.close()
        self._line.close()
        self._socket.close()

    def join(self, client: Any, loop: Loop) -> None:
        """Send the answer's header to `client`, then everything that either end sends to the other, until both have
        closed. `client` is closed, too.
        """
        lines = [f"HTTP/1.1 101 {self.reason}", *(f"{name}: {value}" for name, value in self.headers.pairs)]
        self._socket.settimeout(0.0)
        early = self._answer.fp.peek() if self._answer.fp is not None else b""  # came with the header
        self._socket.settimeout(None)
        client.settimeout(None)
        ways: list[Promise[None]] = []
        try:
            client.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + early)
            ways += [loop.spawn(_copy, client, self._socket), loop.spawn(_copy, self._socket, client)]
            for way in ways:
                way.on_done(lambda _: loop.call_later(LINGER, self._cut, client))
            for way in ways:
                way.wait()
        finally:
            for way in ways:
                way.cancel()
            self._cut(client)

    def _cut(self, client: Any) -> None:
        client.close()
        self.close()


def _copy(source: Any, sink: Any) -> None:
    """Everything from one socket to the other, no faster than that one takes it."""
    try:
        for piece in _pieces(source):
            sink.sendall(piece)
        sink.shutdown(1)
    except OSError:
        # One end has gone: the other hears of it, and nobody else is waiting for an explanation.
        source.close()
        sink.close()


def _pieces(source: Any) -> Iterator[bytes]:
    taken = 0
    while piece := source.recv(_PIECE):
        yield piece
        taken += len(piece)
        if taken > 4 * _PIECE:
            taken = 0
            rest()
