"""Updates as a WebSocket: the connection leaves HTTP, and one greenlet sends what is new."""

from __future__ import annotations

import logging
from collections.abc import Generator
from functools import partial
from typing import Any, NoReturn

from atilite.errors import Error
from atilite.runtime.promise import Promise
from atilite.web import websocket
from atilite.web.exchange import CAN_PARK, Exchange, Park
from atilite.websockets.line import Line
from atilite.websockets.specs import MAX_UNSENT

from .answers import encode
from .feeds import Bell, Source, pump
from .site import may_still, monotonic

# Clients have nothing to say here but pings and good-byes.
LONGEST_MESSAGE = 4096

log = logging.getLogger("atilite.api")


def upgrade(was: Any, source: Source) -> NoReturn:
    """Take the connection over and send each message of `source` as a text.

    Raises Park when all is well, Error 400, 403 or 426 for a handshake that is refused, and 501 under a WSGI server
    that keeps its connections to itself.
    """
    environ = was.request.env
    # A browser sends cookies with the handshake whatever page opens it, and nothing keeps that page from reading.
    was.app.site.access.check_origin(environ)
    accepted = websocket.accept(environ, compress=True)
    if not environ.get(CAN_PARK):
        raise Error(501, "this server has no WebSockets; ask for text/event-stream")
    raise Park(partial(_begin, was, Reader(accepted.answer), accepted, source))


def _begin(was: Any, reader: Reader, accepted: websocket.Accepted, source: Source, exchange: Exchange) -> None:
    loop = was.app.runtime.loop

    def taken(connection: Any) -> None:
        if connection.error is not None:
            log.debug("a WebSocket was not opened: %s", connection.error)
            return
        channel = websocket.Channel(LONGEST_MESSAGE, compressed=accepted.compressed)
        reader.line = Line(loop, connection.value, channel, reader, timeout=None, max_unsent=MAX_UNSENT)
        steps = pump(source, reader.bell, lambda: may_still(was), loop, monotonic)
        loop.spawn(reader.send, steps).on_done(_log_error)

    exchange.hijack(reader.leave).on_done(taken)


def _log_error(sending: Promise[None]) -> None:
    if sending.error is not None:
        log.error("a WebSocket failed", exc_info=sending.error)


class Reader:
    """Whoever reads the updates over one WebSocket. Loop only; `send` runs in a greenlet."""

    def __init__(self, greeting: bytes) -> None:
        self.bell = Bell()
        self.line: Any = None
        self.over = False
        self._greeting = greeting

    def leave(self) -> None:
        """The server stops."""
        if self.line is not None:
            self.line.close(websocket.GOING_AWAY, "the server is stopping")

    def heard(self, data: str | bytes) -> None:
        """A client has nothing to say here."""

    def closed(self, code: int, reason: str) -> None:
        """The client has left: wake `send`."""
        self.over = True
        self.bell.ring()

    def send(self, steps: Generator[Any, Any, None]) -> None:
        """Send every message, then say good-bye. The line itself sees to it that the client is there."""
        try:
            for step in steps:
                self._open()
                if self.over:
                    break
                if isinstance(step, list):
                    self._say(step)
                else:
                    step.wait()
        finally:
            steps.close()
            self._open()
            self.line.close()

    def _open(self) -> None:
        """Answer the handshake, once: by then the source is listened to, so the client misses nothing that it does."""
        greeting, self._greeting = self._greeting, b""
        if greeting:
            self.line.open(greeting)

    def _say(self, messages: list[Any]) -> None:
        for _, body in messages:
            self.line.send(websocket.Outgoing(encode(body).decode()))
        room = self.line.drained()
        if room is not None:
            room.wait()
