"""One open WebSocket on its socket: bytes in and out, and the times that it is given."""

from __future__ import annotations

import logging
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from ..runtime.loop import Loop
from ..runtime.promise import Promise
from ..runtime.timers import Timer
from ..web.websocket import ABNORMAL, INTERNAL_ERROR, NORMAL, Binary, Channel, Closed, Outgoing, Text

log = logging.getLogger("atilite.websockets")

# After so many seconds without a byte from the peer it is asked whether it is there, and has as long to answer.
PING_SECONDS = 20.0
# How long a good-bye may take.
CLOSE_SECONDS = 3.0
# Who waits for a slow reader goes on when this many bytes are left.
WATER = 256 * 1024
READ, WRITE = 1, 2
OPEN, CLOSING, DRAINING, ENDED = range(4)


class Owner(Protocol):
    """Whom a line tells what happens. It is called on the bare hub."""

    def heard(self, data: str | bytes) -> None:
        """A message has come."""

    def closed(self, code: int, reason: str) -> None:
        """It is over: no message comes or goes any more. Once."""


class Line:
    """An open WebSocket. Loop only.

    No greenlet and no thread waits for it: the hub calls when something can be read or written. `timeout` is how many
    seconds may pass without a message, `max_unsent` how many bytes the peer may leave untaken.
    """

    __slots__ = (
        "_channel", "_deadline", "_drained", "_heard", "_loop", "_max_unsent", "_monotonic", "_owed", "_owner",
        "_pinged", "_reader", "_socket", "_state", "_timeout", "_timer", "_used", "_writer", "unsent",
    )  # fmt: skip

    def __init__(
        self,
        loop: Loop,
        connection: Any,
        channel: Channel,
        owner: Owner,
        *,
        timeout: float | None,
        max_unsent: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop, self._socket, self._channel = loop, connection, channel
        self._owner: Owner | None = owner
        self._timeout, self._max_unsent, self._monotonic = timeout or None, max_unsent, monotonic
        self._state = OPEN
        self._owed: deque[memoryview] = deque()
        self.unsent = 0  # bytes
        self._drained: Promise[None] | None = None
        self._heard = self._used = monotonic()
        self._pinged: float | None = None
        self._deadline = 0.0
        self._writer: Any = None
        self._timer: Timer | None = None
        connection.settimeout(0.0)
        self._reader = loop.hub.loop.io(connection.fileno(), READ)

    def open(self, greeting: bytes) -> None:
        """Answer the handshake and listen."""
        self._write(greeting)
        if self._state != ENDED:
            self._reader.start(self._loop.watched, self._readable)
            self._wait()

    # -- what its owner says --------------------------------------------------------------------------------------

    def send(self, message: Outgoing) -> None:
        """Send a message; nothing if it is over. A peer that takes too little is cut off."""
        if self._state == OPEN:
            self._used = self._monotonic()
            self._write(self._channel.message(message))

    def drained(self) -> Promise[None] | None:
        """What to wait for before sending more; None when there is room."""
        if self.unsent < WATER:
            return None
        if self._drained is None:
            self._drained = Promise()
        return self._drained

    def pause(self) -> None:
        """Read nothing for a while: its owner has enough to do. The peer feels it."""
        self._reader.stop()

    def resume(self) -> None:
        """Read again."""
        if self._state != ENDED and not self._reader.active:
            self._heard, self._pinged = self._monotonic(), None
            self._reader.start(self._loop.watched, self._readable)

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Say good-bye, and wait a moment for the peer's."""
        if self._state != OPEN:
            return
        self._state = CLOSING
        farewell = self._channel.close(code, reason)
        self._begin_end()
        self._write(farewell)
        self._over(code, reason)

    # -- what the hub says ----------------------------------------------------------------------------------------

    def _readable(self) -> None:
        try:
            data = self._socket.recv(65536)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            log.debug("a WebSocket has broken: %s", error)
            self._end(ABNORMAL)
            return
        self._heard = self._monotonic()
        if self._state == OPEN:
            self._take(data)
        elif not data or (self._state == CLOSING and self._channel.farewell(data)):
            self._drain() if data else self._end(ABNORMAL)

    def _take(self, data: bytes) -> None:
        try:
            events, reply = self._channel.receive(data)
        except Exception:
            # Whatever the protocol library stumbles over must not leave the connection open and unread.
            log.exception("a WebSocket's bytes could not be read")
            return self.close(INTERNAL_ERROR, "the message could not be read")
        if reply:
            self._write(reply)
        for event in events:
            if isinstance(event, (Text, Binary)) and self._state == OPEN and self._owner is not None:
                self._used = self._heard
                self._owner.heard(event.data)
            elif isinstance(event, Closed):
                self._said(event)

    def _said(self, event: Closed) -> None:
        """The protocol is at its end: the peer has said good-bye, has broken a rule, or is gone."""
        if event.code == ABNORMAL:
            return self._end(ABNORMAL)
        if self._state == OPEN:
            self._drain()
            self._over(event.code, event.reason)

    def _drain(self) -> None:
        """Everything is said: give the peer what is owed, and read to its end, or the kernel would throw it away."""
        if self._state != DRAINING:
            self._state = DRAINING
            self._begin_end()
        if not self._owed:
            self._shut(socket.SHUT_WR)

    def _begin_end(self) -> None:
        self._deadline = self._monotonic() + CLOSE_SECONDS
        self.resume()
        self._wait()

    def _write(self, data: bytes) -> None:
        if self._state == ENDED or not data:
            return
        taken = 0
        if not self._owed:
            try:
                taken = self._socket.send(data)
            except (BlockingIOError, InterruptedError):
                taken = 0
            except OSError as error:
                log.debug("a WebSocket has broken: %s", error)
                return self._end(ABNORMAL)
        if taken < len(data):
            self._owe(memoryview(data)[taken:])

    def _owe(self, rest: memoryview) -> None:
        self._owed.append(rest)
        self.unsent += len(rest)
        if self.unsent > self._max_unsent:
            log.info("closed a WebSocket whose client leaves %d bytes untaken", self.unsent)
            return self._end(ABNORMAL)
        if self._writer is None:
            self._writer = self._loop.hub.loop.io(self._socket.fileno(), WRITE)
            self._writer.start(self._loop.watched, self._writable)

    def _writable(self) -> None:
        while self._owed:
            piece = self._owed[0]
            try:
                taken = self._socket.send(piece)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                log.debug("a WebSocket has broken: %s", error)
                return self._end(ABNORMAL)
            self.unsent -= taken
            if taken < len(piece):
                self._owed[0] = piece[taken:]
                break
            self._owed.popleft()
        if self.unsent < WATER // 2:
            self._tell_drained()
        if not self._owed:
            self._writer.close()
            self._writer = None
            if self._state == DRAINING:
                self._shut(socket.SHUT_WR)

    # -- its times ------------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Have a look when the next of its times may be over."""
        if self._timer is not None:
            self._timer.cancel()
        now = self._monotonic()
        if self._state != OPEN:
            until = self._deadline
        else:
            until = (self._heard if self._pinged is None else self._pinged) + PING_SECONDS
            if not self._reader.active:
                until = now + PING_SECONDS
            if self._timeout is not None:
                until = min(until, self._used + self._timeout)
        self._timer = self._loop.call_later(max(0.01, until - now), self._look)

    def _look(self) -> None:
        now = self._monotonic()
        if self._state != OPEN:
            if now >= self._deadline:
                self._end(ABNORMAL)
        elif self._timeout is not None and now - self._used >= self._timeout:
            self.close(NORMAL, f"nothing was said for {self._timeout:g} s")
        elif self._pinged is not None and self._heard >= self._pinged:
            self._pinged = None
        elif self._reader.active:
            self._ask(now)
        if self._state != ENDED:
            self._wait()

    def _ask(self, now: float) -> None:
        """Is the peer there?"""
        if self._pinged is None:
            if now - self._heard >= PING_SECONDS:
                self._pinged = now
                self._write(self._channel.ping())
        elif now - self._pinged >= PING_SECONDS:
            log.info("closed a WebSocket whose client answers no ping")
            self._end(ABNORMAL)

    # -- its end --------------------------------------------------------------------------------------------------

    def _over(self, code: int, reason: str) -> None:
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.closed(code, reason)

    def _end(self, code: int) -> None:
        if self._state == ENDED:
            return
        self._state = ENDED
        self._channel.closed = True
        for watcher in (self._reader, self._writer):
            if watcher is not None:
                watcher.close()
        self._writer = None
        if self._timer is not None:
            self._timer.cancel()
        self._owed.clear()
        self.unsent = 0
        self._shut(socket.SHUT_RDWR)
        self._socket.close()
        self._socket = None  # the server, which has it in its list of those to tell of the end, forgets it
        self._tell_drained()
        self._over(code, "")

    def _tell_drained(self) -> None:
        promise, self._drained = self._drained, None
        if promise is not None:
            promise.set(None)

    def _shut(self, how: int) -> None:
        try:
            self._socket.shutdown(how)
        except OSError as error:
            log.debug("a WebSocket was closed already: %s", error)
