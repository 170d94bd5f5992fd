"""Compressed WebSocket messages (RFC 7692), each one by itself. Pure.

Nothing is kept from one message to the next: an open connection costs no memory for it, and a message to thousands is
compressed once. What is lost is the likeness of short messages to those before them.
"""

from __future__ import annotations

import zlib
from typing import Any

from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, Opcode, RsvBits

NAME = "permessage-deflate"
# The answer to an offer: neither side carries its window over to the next message.
ANSWER = f"{NAME}; server_no_context_takeover; client_no_context_takeover"
LEVEL = 3
# A short message needs a small window and little memory: 4 us in place of 40.
SHORT, SHORT_BITS, SHORT_MEMORY = 4096, -12, 5
# Above so many bytes what did not become smaller is sent as it is. Below it does not matter, and there are clients
# that stumble over a plain message where compression was agreed on.
TINY = 200
# Each message ends like this before compression leaves it away.
TAIL = b"\x00\x00\xff\xff"
_RAW = -zlib.MAX_WBITS
_BITS = {str(bits) for bits in range(8, 16)}


def agrees(header: str) -> bool:
    """Whether one of the offers in a Sec-WebSocket-Extensions header can be taken as it is."""
    return any(_acceptable(offer) for offer in header.split(","))


def _acceptable(offer: str) -> bool:
    name, *parameters = (part.strip() for part in offer.split(";"))
    if name.lower() != NAME:
        return False
    seen: set[str] = set()
    for parameter in parameters:
        key, equals, value = (part.strip() for part in parameter.partition("="))
        value = value.strip('"')
        if key in seen:
            return False
        seen.add(key)
        if key in ("server_no_context_takeover", "client_no_context_takeover"):
            if equals:
                return False
        elif key == "client_max_window_bits":
            if equals and value not in _BITS:
                return False
        elif key != "server_max_window_bits" or value != "15":
            # We always write with the largest window: a client that has no room for it gets no compression.
            return False
    return True


def packed(payload: bytes) -> bytes | None:
    """The payload of a compressed message, None when that is not worthwhile."""
    if len(payload) < SHORT:
        compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, SHORT_BITS, SHORT_MEMORY)
    else:
        compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, _RAW)
    data = (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[: -len(TAIL)]
    return data if len(payload) <= TINY or len(data) < len(payload) else None


class Inflate(Extension):
    """What wsproto asks to read compressed messages. One for each connection.

    A message that grows above `limit` bytes is refused before it is unpacked any further: a few bytes could become
    gigabytes.
    """

    name = NAME

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit
        self._stream: Any = None
        # The message that is under way, and the frame of it or between its frames.
        self._compressed: bool | None = None
        self._control = False

    def enabled(self) -> bool:
        return True

    def offer(self) -> bool:
        """A server offers nothing."""
        return False

    def frame_inbound_header(
        self, proto: object, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        """A frame begins: only the first one of a message says whether it is compressed."""
        self._control = opcode.iscontrol()
        if rsv.rsv1 and (self._control or opcode is Opcode.CONTINUATION):
            return CloseReason.PROTOCOL_ERROR
        if not self._control and self._compressed is None:
            self._compressed, self._left = rsv.rsv1, self._limit
            self._stream = zlib.decompressobj(_RAW) if rsv.rsv1 else None
        return RsvBits(True, False, False)

    def frame_inbound_payload_data(self, proto: object, data: bytes) -> bytes | CloseReason:
        """A part of a frame's payload."""
        return data if self._control or not self._compressed else self._unpacked(data)

    def frame_inbound_complete(self, proto: object, fin: bool) -> bytes | CloseReason | None:
        """A frame ends, and with `fin` its message."""
        if self._control or not fin:
            return None
        compressed, self._compressed = self._compressed, None
        return self._unpacked(TAIL) if compressed else None

    def _unpacked(self, data: bytes) -> bytes | CloseReason:
        try:
            found: bytes = self._stream.decompress(data, self._left + 1)
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        self._left -= len(found)
        return found if self._left >= 0 else CloseReason.MESSAGE_TOO_BIG
