"""Updates as a WebSocket: the connection leaves HTTP, two greenlets keep it, one for each direction."""

from __future__ import annotations

import logging
import socket
from collections.abc import Generator
from functools import partial
from typing import Any, NoReturn

from atilite.errors import Error
from atilite.runtime.promise import Promise
from atilite.web import websocket
from atilite.web.exchange import CAN_PARK, Exchange, Park

from .answers import encode
from .feeds import HEARTBEAT, Bell, Source, pump
from .site import may_still, monotonic

# Clients have nothing to say here but pings and good-byes.
LONGEST_MESSAGE = 4096
# A client that takes nothing, or answers no ping, for so many seconds is gone.
PATIENCE = 4 * HEARTBEAT

log = logging.getLogger("atilite.api")


def upgrade(was: Any, source: Source) -> NoReturn:
    """Take the connection over and send each message of `source` as a text.

    Raises Park when all is well, Error 400, 403 or 426 for a handshake that is refused, and 501 under a WSGI server
    that keeps its connections to itself.
    """
    environ = was.request.env
    # A browser sends cookies with the handshake whatever page opens it, and nothing keeps that page from reading.
    was.app.site.access.check_origin(environ)
    accepted = websocket.accept(environ)
    if not environ.get(CAN_PARK):
        raise Error(501, "this server has no WebSockets; ask for text/event-stream")
    raise Park(partial(_begin, was, Line(accepted.answer), source))


def _begin(was: Any, line: Line, source: Source, exchange: Exchange) -> None:
    loop = was.app.runtime.loop

    def taken(connection: Any) -> None:
        if connection.error is not None:
            log.debug("a WebSocket was not opened: %s", connection.error)
            return
        line.connection = connection.value
        loop.spawn(line.listen)
        steps = pump(source, line.bell, lambda: may_still(was), loop, monotonic)
        loop.spawn(line.send, steps).on_done(_log_error)

    exchange.hijack().on_done(taken)


def _log_error(sending: Promise[None]) -> None:
    if sending.error is not None:
        log.error("a WebSocket failed", exc_info=sending.error)


class Line:
    """One open WebSocket. Loop only: `send` and `listen` run in a greenlet each, and only `send` writes."""

    def __init__(self, greeting: bytes) -> None:
        self.connection: Any = None
        self.bell = Bell()
        self._channel = websocket.Channel(LONGEST_MESSAGE)
        # What is to be written before anything else: the handshake, answers to pings, the good-bye.
        self._owed = greeting

    def listen(self) -> None:
        """Read until the client leaves; wake `send` when something has to be answered."""
        self.connection.settimeout(PATIENCE)
        try:
            while not self._channel.closed:
                _, answer = self._channel.receive(self.connection.recv(4096))
                self._owed += answer
                self.bell.ring()
        except OSError as error:
            log.debug("a WebSocket client has gone: %s", error)
            self._channel.closed = True
            # A writer that waits for a client that is gone is woken by this with an error.
            self._hang_up()
        self.bell.ring()

    def send(self, steps: Generator[Any, Any, None]) -> None:
        """Write every message and heartbeat, then say good-bye."""
        try:
            for step in steps:
                if isinstance(step, list) and not self._channel.closed:
                    self._owed += self._frames(step)
                self._pay()
                if self._channel.closed:
                    break
                if not isinstance(step, list):
                    step.wait()
            self._owed += self._channel.close()
            self._pay()
        except OSError as error:
            log.debug("a WebSocket client has gone: %s", error)
        finally:
            steps.close()
            self._channel.closed = True
            self._hang_up()

    def _frames(self, messages: list[Any]) -> bytes:
        if not messages:
            return self._channel.ping()
        return b"".join(self._channel.text(encode(body).decode()) for _, body in messages)

    def _hang_up(self) -> None:
        try:
            # Closing alone would leave the other end waiting as long as our own reader does.
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            log.debug("a WebSocket was closed already: %s", error)
        self.connection.close()

    def _pay(self) -> None:
        owed, self._owed = self._owed, b""
        if owed:
            self.connection.sendall(owed)
