"""One listening socket, and what its channels see as their server."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from atilite.lazily import function_of
from atilite.server.channel import READ, Channel
from atilite.server.protocols import Owner
from atilite.server.sockets import address_of, close_listener
from atilite.server.task import fixed_environ

if TYPE_CHECKING:
    from atilite.server.securechannel import SecureChannel
else:
    # For those that have a certificate.
    SecureChannel = function_of("atilite.server.securechannel", "SecureChannel")

log = logging.getLogger("atilite.server")

# Connections taken in one turn of the loop; the others wait in the system's queue.
ACCEPT_A_TURN = 64
OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Listener:
    """Accepts connections and passes on what a channel asks of its server."""

    def __init__(self, server: Owner, sock: socket.socket, *, ours: bool) -> None:
        self.server = server
        self.sock = sock
        self.address = address_of(sock)
        self._ours = ours
        self.loop = server.loop
        self.limits = server.limits
        self.application = server.application
        self.policy = server.policy
        self.trusted = server.trusted
        self.active_channels = server.channels
        self.receiving = server.receiving
        self.parked = server.parked
        self.hijacked = server.hijacked
        self.add_task = server.add_task
        self.count = server.count
        self.left = server.left
        self.unavailable = server.unavailable
        self.monotonic = server.monotonic
        self.stopping = False
        self._watcher: Any = None
        self._accepting = False
        unix = sock.family == socket.AF_UNIX
        name, port = ("localhost", "0") if unix else map(str, sock.getsockname()[:2])
        # What comes through a file of this machine needs no encryption.
        self.certificates = None if unix else server.certificates
        self._channel: Callable[..., Channel] = SecureChannel if self.certificates is not None else Channel
        self.environ = fixed_environ(name, port, self.scheme)

    @property
    def scheme(self) -> str:
        """`https` if clients must speak TLS."""
        return "http" if self.certificates is None else "https"

    @property
    def shown(self) -> str:
        """The address as a person may type it: `https://127.0.0.1:5000`, or `unix:/run/app.sock`."""
        return self.address if self.sock.family == socket.AF_UNIX else f"{self.scheme}://{self.address}"

    def start(self) -> None:
        """Begin to accept. Loop only, as all of the following."""
        self._watcher = self.loop.hub.loop.io(self.sock.fileno(), READ)
        self.resume()

    def pause(self) -> None:
        """Leave new connections in the system's queue."""
        if self._accepting:
            self._accepting = False
            self._watcher.stop()

    def resume(self) -> None:
        """Accept again."""
        if self._watcher is not None and not self._accepting:
            self._accepting = True
            self._watcher.start(self.server.loop.watched, self._on_connection)

    def close(self) -> None:
        """Stop accepting for good."""
        self.stopping = True
        if self._watcher is not None:
            self.pause()
            self._watcher.close()
            self._watcher = None
        close_listener(self.sock, ours=self._ours)

    def io(self, fd: int, events: int) -> Any:
        """Return a watcher of the hub."""
        return self.loop.hub.loop.io(fd, events)

    def pull_trigger(self) -> None:
        """Waitress wakes its poll loop with this; our channels ask the loop themselves (`Channel.nudge`)."""

    def _on_connection(self) -> None:
        if self.server.full and not self.server.make_room():
            return
        for _ in range(ACCEPT_A_TURN):
            if self.server.full:
                return  # the watcher comes back if more are waiting
            try:
                connection, address = self.sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in OUT_OF_FILES:
                    log.warning("no connection can be accepted: %s", error)
                    self.server.pause()
                    return
                continue  # that client has already left
            self._welcome(connection, address)

    def _welcome(self, connection: socket.socket, address: Any) -> None:
        try:
            if self.sock.family == socket.AF_UNIX:
                address = ("localhost", 0)
            else:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._channel(self, connection, address, self.server.adj, self.server.map)
        except OSError as error:
            log.debug("a client left while it was accepted: %s", error)
            connection.close()
