"""TLS as a calculation: what comes from the client goes in and what is for it comes out, both as bytes. No socket."""

from __future__ import annotations

import ssl
import threading

# The most that one record of TLS carries, and the most that it is on the wire.
RECORD = 16 * 1024
RECORD_ON_WIRE = RECORD + 512
# How much is encrypted at once before it is sent.
PORTION = 4 * RECORD
# Answers to a client's changes of keys that wait for the next record of ours; more are an attack.
MAX_UNASKED = 64 * 1024


class Cipher:
    """One connection's state. `open` and `seal` may be called from two threads; OpenSSL itself would not bear that.

    Raises ssl.SSLError, an OSError, for what is not TLS.
    """

    __slots__ = ("_incoming", "_lock", "_outgoing", "_tls", "ended")

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._lock = threading.Lock()
        self.ended = False  # the client has said that nothing more will come

    def handshake(self, data: bytes) -> bool:
        """Go on with what has come; true when both sides know their keys. `sealed` has what to send."""
        self._incoming.write(data)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def sealed(self) -> bytes:
        """What is to be sent for the protocol's own sake."""
        return self._outgoing.read()

    def open(self, data: bytes) -> bytes:
        """Return all that `data` completes, b"" if that is nothing. Nothing readable is left behind."""
        with self._lock:
            self._incoming.write(data)
            first = self._record()
            if not self._more():
                return first
            pieces = [first]
            while self._more():
                pieces.append(self._record())
            return b"".join(pieces)

    def _record(self) -> bytes:
        try:
            data = self._tls.read(RECORD)
        except ssl.SSLWantReadError:
            return b""
        self.ended = not data
        return data

    def _more(self) -> bool:
        if self._outgoing.pending > MAX_UNASKED:
            raise ConnectionAbortedError("the client changes its keys all the time")
        return not self.ended and (self._incoming.pending > 0 or self._tls.pending() > 0)

    def seal(self, data: memoryview) -> bytes:
        """Return the records that carry `data`, up to `PORTION` of it."""
        with self._lock:
            taken, end = 0, min(len(data), PORTION)
            while taken < end:
                taken += self._tls.write(data[taken:end])
            return self._outgoing.read()

    def farewell(self) -> bytes:
        """Return the record after which nothing comes from us, or what tells the client why it is refused."""
        with self._lock:
            try:
                self._tls.unwrap()
            except (ssl.SSLError, ValueError):
                # It waits for the client's farewell, which is not needed; or there was no handshake to end.
                return self._outgoing.read()
            return self._outgoing.read()
