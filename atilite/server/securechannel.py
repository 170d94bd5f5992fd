"""A connection over TLS: it begins with a handshake, and from then on it is as any other."""

from __future__ import annotations

import logging
import socket
import ssl
import time
from typing import Any

from atilite.server.certificates import Certificates
from atilite.server.channel import WRITE, Channel
from atilite.server.parser import Parser
from atilite.server.protocols import Host
from atilite.server.refusals import Refusal
from atilite.server.secure import SEND_A_CALL, SecureSocket

log = logging.getLogger("atilite.server")


class SecureChannel(Channel):
    """A channel whose socket encrypts. The handshake runs on the loop, step by step as bytes come.

    A client has as long for it as for a request's header.
    """

    _secure: SecureSocket | None  # None for a client that does not speak TLS
    _greeted = False  # the handshake is over, or there is none

    def __init__(self, server: Host, plain: socket.socket, address: Any, adj: Any, map: dict[int, Any]) -> None:
        assert server.certificates is not None
        self._certificates: Certificates = server.certificates
        self._secure = SecureSocket(plain, self._certificates.current())
        sock: Any = self._secure
        super().__init__(server, sock, address, adj, map)
        self.sendbuf_len = SEND_A_CALL  # more taken out of the buffers at once would be copied in vain

    def handle_read(self) -> None:
        """Take what has arrived."""
        if not self._greeted:
            self._greet()
            return
        super().handle_read()
        if self.socket is not None and self._secure is not None and self._secure.ended:
            self.handle_close()

    def look(self) -> None:
        """Bring the watchers in line with the channel's state. Loop only."""
        if self._greeted:
            super().look()
            return
        self._woken = False
        if self.socket is not None:
            self._greet()

    def overdue(self, now: float) -> bool:
        """Whether the handshake, or the request that is being received, takes too long; `now` is monotonic."""
        if not self._greeted:
            return now - self.since > self.server.limits.header_seconds
        return super().overdue(now)

    def _greet(self) -> None:
        if not self._certificates.has_time():
            return  # the watcher comes back in the next turn
        try:
            if self not in self.server.receiving:
                self._begin()
            if not self._greeted:
                self._go_on()
        except BlockingIOError:
            return
        except OSError as error:
            log.debug("a client could not be talked to: %s", _reason(error))
            self.handle_close()

    def _begin(self) -> None:
        assert self._secure is not None
        plain = self._secure.plainly()
        self.since = self.server.monotonic()
        self.server.receiving.add(self)
        if plain is not None:
            self._greeted, self._secure, self.socket = True, None, plain
            self._refuse_plain()

    def _refuse_plain(self) -> None:
        with self.requests_lock:
            self.request = Parser(self.adj)
            self.request.refuse(Refusal(400, "this port speaks TLS; write https:// instead of http://"))
            self._complete(self.request)

    def _go_on(self) -> None:
        secure = self._secure
        assert secure is not None
        with self._certificates.at_work(self.server.loop):
            done = secure.shake()
        if done:
            self._greeted = True
            self.server.receiving.discard(self)
            self.last_activity = time.time()
        if secure.owes:
            if self._writer is None:
                self._writer = self.server.io(self._fileno, WRITE)
                self._writer.start(self.server.loop.watched, self._on_writable)
        elif self._writer is not None:
            self._close_writer()
        if done and (data := secure.early()):
            self.received(data)

    def _given_away(self) -> Any:
        assert self._secure is not None
        return self._secure.taken_over()


def _reason(error: OSError) -> str:
    return error.reason if isinstance(error, ssl.SSLError) and error.reason else str(error)
