"""WebSocket without a socket: bytes in, events and bytes out. Pure.

accepted = accept(environ, ["chat"])        # Error 400 or 426 if it is no proper handshake
connection.sendall(accepted.answer)
channel = Channel()
events, reply = channel.receive(connection.recv(65536))
connection.sendall(channel.message(Outgoing("hello")))
"""

from __future__ import annotations

import base64
import binascii
import functools
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from wsproto import events as wire
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.utilities import LocalProtocolError, generate_accept_token

from atilite.errors import Error
from atilite.quickly import dataclass
from atilite.web import deflate
from atilite.web.headers import Header, clean
from atilite.web.negotiate import wants_websocket

MAX_MESSAGE = 1024 * 1024
NORMAL, GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED, NO_CODE, ABNORMAL = 1000, 1001, 1002, 1003, 1005, 1006
BAD_DATA, POLICY, TOO_BIG, INTERNAL_ERROR = 1007, 1008, 1009, 1011


@dataclass(frozen=True, slots=True)
class Text:
    """A whole text message."""

    data: str


@dataclass(frozen=True, slots=True)
class Binary:
    """A whole binary message."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """The peer answered a ping: it is alive."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection is over. `code` is that of RFC 6455; nothing more will come."""

    code: int
    reason: str = ""


Event = Text | Binary | Pong | Closed


@dataclass(frozen=True, slots=True)
class Accepted:
    """A handshake that can go on: `subprotocol` and `compressed` are what was agreed on."""

    headers: tuple[Header, ...]
    subprotocol: str | None = None
    compressed: bool = False

    @property
    def answer(self) -> bytes:
        """The bytes of the 101."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        return f"HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n".encode("latin-1")

    def leaving(self, headers: Sequence[tuple[str, object]]) -> Accepted:
        """The same with further headers, such as cookies."""
        return replace(self, headers=(*self.headers, *(clean(name, value) for name, value in headers)))


def accept(
    environ: Mapping[str, Any],
    subprotocols: Sequence[str] = (),
    headers: Sequence[tuple[str, object]] = (),
    *,
    compress: bool = False,
) -> Accepted:
    """Check the client's handshake and return the answer to it.

    Of the `subprotocols` that the server speaks the first one that the client offers is taken; messages are
    compressed if both want that. Raises Error 426 for a request that is no WebSocket's or is of another version, 400
    for a broken one. The caller checks the Origin.
    """
    upgrade = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13")]
    if not wants_websocket(environ):
        raise Error(426, "this address answers WebSocket clients only", headers=upgrade)
    if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != "13":
        raise Error(426, "only version 13 of WebSocket is spoken here", headers=upgrade)
    key = environ.get("HTTP_SEC_WEBSOCKET_KEY", "").strip()
    if environ.get("REQUEST_METHOD") != "GET" or "upgrade" not in _tokens(environ.get("HTTP_CONNECTION", "")):
        raise Error(400, "a WebSocket begins with GET and Connection: Upgrade")
    if not _is_key(key):
        raise Error(400, "Sec-WebSocket-Key is not 16 bytes in base64")
    offered = [name.strip() for name in environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL", "").split(",")]
    chosen = next((name for name in subprotocols if name in offered), None)
    compressed = compress and deflate.agrees(environ.get("HTTP_SEC_WEBSOCKET_EXTENSIONS", ""))
    answer: list[Header] = [
        *upgrade[:2],
        ("Sec-WebSocket-Accept", generate_accept_token(key.encode("ascii")).decode("ascii")),
        *([("Sec-WebSocket-Protocol", chosen)] if chosen else []),
        *([("Sec-WebSocket-Extensions", deflate.ANSWER)] if compressed else []),
    ]
    return Accepted(tuple(answer), chosen, compressed).leaving(headers)


def _tokens(header: str) -> list[str]:
    return [token.strip().lower() for token in header.split(",")]


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


class Outgoing:
    """A message as it goes out, made once for however many connections. Any thread.

    A text goes as text, bytes as binary.
    """

    def __init__(self, data: str | bytes) -> None:
        self._text = isinstance(data, str)
        # A lone surrogate cannot be sent; the error names it here, where the text comes from.
        self.payload: bytes = data.encode() if isinstance(data, str) else bytes(data)

    @functools.cached_property
    def plain(self) -> bytes:
        """The frame as every client reads it."""
        return self._frame(0, self.payload)

    @functools.cached_property
    def compressed(self) -> bytes:
        """The frame for those who agreed to compression."""
        found = deflate.packed(self.payload)
        return self.plain if found is None else self._frame(0x40, found)

    def _frame(self, flags: int, payload: bytes) -> bytes:
        first, size = 0x80 | flags | (1 if self._text else 2), len(payload)
        if size < 126:
            return struct.pack("!BB", first, size) + payload
        if size < 65536:
            return struct.pack("!BBH", first, 126, size) + payload
        return struct.pack("!BBQ", first, 127, size) + payload


class Channel:
    """The server's end of one connection after the handshake. One thread or greenlet at a time.

    `limit` is the largest message in bytes (of its UTF-8 form): a larger one closes the connection with code 1009.
    Pings of the peer are answered by themselves. `compressed` is what the handshake agreed on.
    """

    def __init__(self, limit: int = MAX_MESSAGE, *, compressed: bool = False) -> None:
        self._wire = Connection(ConnectionType.SERVER, [deflate.Inflate(limit)] if compressed else [])
        self._compressed = compressed
        self._limit = limit
        self._pieces: list[str | bytes] = []
        self._size = 0
        self.closed = False

    def receive(self, data: bytes) -> tuple[list[Event], bytes]:
        """Take bytes from the connection (b"" at its end) and return (events, bytes to send back).

        After a Closed event send the bytes and close the connection.
        """
        if self.closed:
            return [], b""
        self._wire.receive_data(data or None)
        found: list[Event] = []
        reply = b""
        for event in self._wire.events():
            if isinstance(event, wire.Ping):
                reply += self._wire.send(event.response())
            elif isinstance(event, wire.Pong):
                found.append(Pong(bytes(event.payload)))
            elif isinstance(event, wire.CloseConnection):
                found.append(Closed(int(event.code), event.reason or ""))
                reply += self._answer_close(event)
            elif isinstance(event, (wire.TextMessage, wire.BytesMessage)):
                if not self._gather(event):
                    found.append(Closed(TOO_BIG, f"a message is larger than {self._limit} bytes"))
                    reply += self.close(TOO_BIG, f"a message is larger than {self._limit} bytes")
                elif event.message_finished:
                    found.append(self._message())
            if found and isinstance(found[-1], Closed):
                break
        return found, reply

    def message(self, outgoing: Outgoing) -> bytes:
        """Return the bytes of a message. Raises ValueError when the connection is closed, as all senders do."""
        if self.closed:
            raise ValueError("the WebSocket is closed")
        return outgoing.compressed if self._compressed else outgoing.plain

    def text(self, data: str) -> bytes:
        """Return the bytes of a text message."""
        return self.message(Outgoing(data))

    def binary(self, data: bytes) -> bytes:
        """Return the bytes of a binary message."""
        return self.message(Outgoing(data))

    def ping(self, data: bytes = b"") -> bytes:
        """Return the bytes of a ping; the peer's answer is a Pong with the same data of at most 125 bytes."""
        return self._send(wire.Ping(data))

    def close(self, code: int = NORMAL, reason: str = "") -> bytes:
        """Return the bytes that say good-bye, b"" if that was said already. Nothing can be sent afterwards."""
        if self.closed:
            return b""
        self.closed = True
        if self._wire.state not in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING):
            return b""
        # A control frame has room for 123 bytes of reason; a cut letter would break the text.
        short = reason.encode()[:123].decode("utf-8", "ignore")
        return self._wire.send(wire.CloseConnection(code, short))

    def farewell(self, data: bytes) -> bool:
        """Take bytes after `close`: True when the peer has said good-bye too, or the connection is at its end."""
        if not data or self._wire.state is not ConnectionState.LOCAL_CLOSING:
            return True
        self._wire.receive_data(data)
        return any(isinstance(event, wire.CloseConnection) for event in self._wire.events())

    def _send(self, event: wire.Event) -> bytes:
        if self.closed:
            raise ValueError("the WebSocket is closed")
        try:
            return self._wire.send(event)
        except LocalProtocolError as error:
            raise ValueError(f"the WebSocket is closed: {error}") from None

    def _answer_close(self, event: wire.CloseConnection) -> bytes:
        if event.code == ABNORMAL:
            self.closed = True
            return b""
        # The code is echoed, except for "no code", which cannot be sent.
        return self.close(NORMAL if event.code == 1005 else int(event.code))

    def _gather(self, event: wire.TextMessage | wire.BytesMessage) -> bool:
        data = event.data
        self._size += len(data.encode("utf-8", "surrogatepass")) if isinstance(data, str) else len(data)
        if self._size > self._limit:
            self._pieces.clear()
            return False
        self._pieces.append(data if isinstance(data, str) else bytes(data))
        return True

    def _message(self) -> Text | Binary:
        pieces, self._pieces, self._size = self._pieces, [], 0
        texts = [piece for piece in pieces if isinstance(piece, str)]
        if texts or not pieces:
            return Text("".join(texts))
        return Binary(b"".join(piece for piece in pieces if isinstance(piece, bytes)))
