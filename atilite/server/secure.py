"""Sockets that speak TLS: a channel's, and that of a connection which was taken over."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gevent import socket as gevent_socket

from atilite.server.cipher import PORTION, RECORD_ON_WIRE, Cipher

HANDSHAKE_READ = 16 * 1024
# What one call encrypts and sends at most: on the loop the others are waiting.
SEND_A_CALL = 4 * PORTION
# With this byte every handshake begins.
HANDSHAKE = b"\x16"


class Sealer:
    """Sends what it is given, encrypted, as far as the client takes it.

    Like a socket it says how much was taken. What has been encrypted and not been taken whole counts as not taken, so
    it comes again with the next call, and then only the rest of its records goes out. One thread at a time.
    """

    __slots__ = ("_cipher", "_owed", "_promised", "_send")

    def __init__(self, cipher: Cipher, send: Callable[[Any], int]) -> None:
        self._cipher, self._send = cipher, send
        self._owed: bytes | memoryview = b""  # encrypted, not taken by the client
        self._promised = 0  # how many bytes of what will be given next are in `_owed`

    @property
    def owes(self) -> bool:
        """Whether something is on its way that the client has not taken."""
        return bool(self._owed)

    def flush(self) -> bool:
        """Send what is owed; whether that is all."""
        if self._owed:
            try:
                sent = self._send(self._owed)
            except BlockingIOError:
                return False
            self._owed = memoryview(self._owed)[sent:] if sent < len(self._owed) else b""
        return not self._owed

    def greet(self) -> bool:
        """Send what the handshake has to say; whether that is all."""
        self._owed = bytes(self._owed) + self._cipher.sealed()
        return self.flush()

    def send(self, data: Any) -> int:
        """Return how much of `data` was taken. Raises BlockingIOError for nothing, other OSError for a broken one."""
        if not self.flush():
            raise BlockingIOError(errno.EWOULDBLOCK, "the client takes nothing")
        taken, self._promised = self._promised, 0
        view = memoryview(data)
        while taken < len(view) and taken < SEND_A_CALL:
            portion = view[taken : taken + PORTION]
            self._owed = self._cipher.seal(portion)
            if not self.flush():
                self._promised = len(portion)
                break
            taken += len(portion)
        if not taken and len(view):
            raise BlockingIOError(errno.EWOULDBLOCK, "the client takes nothing")
        return taken

    def farewell(self) -> None:
        """Say that nothing more comes, if the client can be told at once."""
        data = self._cipher.farewell()
        if data and not self._owed:
            with suppress(OSError):
                self._send(data)


class SecureSocket:
    """What a channel holds in place of its socket. `send` by one thread at a time; the rest is the loop's."""

    __slots__ = ("_cipher", "_plain", "_sealer", "_shaken")

    def __init__(self, plain: socket.socket, context: ssl.SSLContext) -> None:
        self._plain = plain
        self._cipher = Cipher(context)
        self._sealer = Sealer(self._cipher, plain.send)
        self._shaken = False

    def setblocking(self, flag: bool) -> None:
        self._plain.setblocking(flag)

    def fileno(self) -> int:
        return self._plain.fileno()

    def getsockopt(self, level: int, option: int) -> int:
        return self._plain.getsockopt(level, option)

    # -- the handshake

    def plainly(self) -> socket.socket | None:
        """The socket below, if the first byte that came begins no handshake. Raises OSError if none came."""
        return None if self._plain.recv(1, socket.MSG_PEEK) in (HANDSHAKE, b"") else self._plain

    def shake(self) -> bool:
        """Go on with the handshake; whether it is done. Raises OSError for a client that cannot be talked to."""
        if not self._shaken and not self._sealer.owes:
            with suppress(BlockingIOError):
                data = self._plain.recv(HANDSHAKE_READ)
                if not data:
                    raise ConnectionResetError(errno.ECONNRESET, "the client left within its handshake")
                self._shaken = self._cipher.handshake(data)
        return self._sealer.greet() and self._shaken

    @property
    def owes(self) -> bool:
        """Whether something is on its way that the client has not taken."""
        return self._sealer.owes

    @property
    def ended(self) -> bool:
        """Whether the client has said that it sends nothing more."""
        return self._cipher.ended

    def early(self) -> bytes:
        """What came together with the end of the handshake."""
        return self._cipher.open(b"")

    # -- what a socket can do

    def recv(self, size: int) -> bytes:
        """Return what has come, all of it, which may be a little more than `size`; b"" at the end."""
        data = self._plain.recv(size)
        if not data or self._cipher.ended:
            return b""
        data = self._cipher.open(data)
        if not data and not self._cipher.ended:
            raise BlockingIOError(errno.EWOULDBLOCK, "a record is not complete")
        return data

    def send(self, data: Any) -> int:
        return self._sealer.send(data)

    def shutdown(self, how: int) -> None:
        self._sealer.farewell()
        self._plain.shutdown(how)

    def close(self) -> None:
        self._sealer.farewell()
        self._plain.close()

    def taken_over(self) -> TakenOver:
        """Give the connection to somebody else on the loop."""
        return TakenOver(self._plain.detach(), self._cipher)


class TakenOver(gevent_socket.socket):  # type: ignore[misc]
    """A connection that left HTTP: `recv`, `send`, `sendall` of gevent's socket, over TLS. Loop only."""

    def __init__(self, fileno: int, cipher: Cipher) -> None:
        super().__init__(fileno=fileno)
        self._cipher = cipher
        self._sealer = Sealer(cipher, self._sock.send)
        self._opened = b""

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return up to `size` bytes. Whoever watches the descriptor must take 32 KiB or more, so that none is left."""
        while not (self._opened or self._cipher.ended):
            data = super().recv(max(size - RECORD_ON_WIRE, 4096))
            if not data:
                return b""
            self._opened = self._cipher.open(data)
        data, self._opened = self._opened[:size], self._opened[size:]
        return data

    def send(self, data: Any, flags: int = 0, timeout: object = None) -> int:
        """Send what the client takes, or all of it where waiting is allowed."""
        if self.timeout == 0.0:
            return self._sealer.send(data)
        self.sendall(data)
        return len(data)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send everything."""
        view = memoryview(data)
        while len(view):
            try:
                view = view[self._sealer.send(view) :]
            except BlockingIOError:
                if self.timeout == 0.0:
                    raise
                self._wait(self._write_event)

    def shutdown(self, how: int) -> None:
        if how != socket.SHUT_RD:
            self._sealer.farewell()
        super().shutdown(how)

    def close(self) -> None:
        if self.fileno() >= 0:
            self._sealer.farewell()
        super().close()
