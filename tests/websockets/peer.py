"""A WebSocket client that says exactly what a test wants, and an app on a real server for it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.extensions import Extension

from atilite import Atilite
from atilite.runtime.loop import process_loop
from atilite.server.certificates import Certificates
from atilite.server.server import Server
from atilite.testing.inside import LocalSite, local_site

# So long waits a test for what must come; nothing that passes waits for it.
PATIENCE = 20.0


# Of servers that speak TLS: what they show, and what is needed to talk to them.
CERTIFICATES: list[Certificates] = []
TRUSTED: list[ssl.SSLContext] = []


class Refused(Exception):
    """The handshake was answered by this status."""

    def __init__(self, status: int, headers: dict[str, str], body: str) -> None:
        super().__init__(f"{status}: {body}")
        self.status, self.headers, self.body = status, headers, body


class Peer:
    """One open WebSocket. Raises Refused when it is not opened."""

    def __init__(
        self,
        port: int,
        path: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        subprotocols: Iterable[str] = (),
        extensions: Iterable[Extension] = (),
        at_once: bytes = b"",
    ) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        if TRUSTED:
            self.socket = TRUSTED[-1].wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.wire = WSConnection(ConnectionType.CLIENT)
        self.pongs: list[bytes] = []
        self._events: Iterator[Event] = iter(())
        request = Request(
            host=f"localhost:{port}",
            target=path,
            subprotocols=list(subprotocols),
            extensions=list(extensions),
            extra_headers=[(name.encode(), value.encode()) for name, value in headers],
        )
        self.socket.sendall(self.wire.send(request) + at_once)
        accepted = self._event()
        if isinstance(accepted, RejectConnection):
            self._refused(accepted)
        assert isinstance(accepted, AcceptConnection), accepted
        self.subprotocol = accepted.subprotocol
        self.headers = [(name.decode().lower(), value.decode()) for name, value in accepted.extra_headers]
        self.extensions = accepted.extensions

    def _refused(self, rejected: RejectConnection) -> None:
        body = b""
        while rejected.has_body:
            event = self._event()
            if isinstance(event, RejectData):
                body += bytes(event.data)
                if not event.body_finished:
                    continue
            break
        self.socket.close()
        headers = {name.decode().lower(): value.decode() for name, value in rejected.headers}
        raise Refused(rejected.status_code, headers, body.decode())

    def _event(self) -> Event | None:
        while True:
            for event in self._events:
                return event
            self._events = self.wire.events()
            for event in self._events:
                return event
            data = self.socket.recv(65536)
            self.wire.receive_data(data or None)
            if not data:
                for event in self.wire.events():
                    return event
                return None

    def send(self, *messages: str | bytes) -> Self:
        """Send messages, in one go."""
        events = [TextMessage(one) if isinstance(one, str) else BytesMessage(one) for one in messages]
        self.raw(b"".join(self.wire.send(event) for event in events))
        return self

    def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def receive(self) -> str | bytes | CloseConnection:
        """The next whole message, or the good-bye. Pings are answered."""
        pieces: list[Any] = []
        while True:
            event = self._event()
            if isinstance(event, Ping):
                self.raw(self.wire.send(event.response()))
            elif isinstance(event, Pong):
                self.pongs.append(bytes(event.payload))
            elif isinstance(event, (TextMessage, BytesMessage)):
                pieces.append(event.data if isinstance(event, TextMessage) else bytes(event.data))
                if event.message_finished:
                    return "".join(pieces) if isinstance(event, TextMessage) else b"".join(pieces)
            else:
                assert isinstance(event, CloseConnection), event
                return event

    def ask(self, message: str | bytes) -> Any:
        """Send a message and return the next one that comes."""
        return self.send(message).receive()

    def closing(self) -> tuple[int, str]:
        """Code and reason of the good-bye that comes next; it is answered, and the server ends the connection."""
        event = self.receive()
        assert isinstance(event, CloseConnection), event
        if event.code != 1006 and self.wire.state.name == "REMOTE_CLOSING":
            self.raw(self.wire.send(event.response()))
            assert self.socket.recv(1) == b""
        self.socket.close()
        return int(event.code), event.reason or ""

    def close(self, code: int = 1000, reason: str = "") -> int:
        """Say good-bye and return the code of the answer."""
        self.raw(self.wire.send(CloseConnection(code, reason)))
        while isinstance(event := self.receive(), (str, bytes)):
            continue
        assert isinstance(event, CloseConnection)
        self.socket.close()
        return int(event.code)

    def vanish(self) -> None:
        """Leave without a word."""
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


class Served:
    """An app on a server in this process."""

    def __init__(self, local: LocalSite, server: Server) -> None:
        self.local, self.server = local, server
        self.port = int(server.addresses[0].rpartition(":")[2])

    def open(self, path: str, **options: Any) -> Peer:
        """Open a WebSocket."""
        return Peer(self.port, path, **options)

    def refused(self, path: str, **options: Any) -> Refused:
        """What a handshake that must not succeed is answered."""
        try:
            Peer(self.port, path, **options).vanish()
        except Refused as refused:
            return refused
        raise AssertionError(f"{path} was opened")


@contextmanager
def served(app: Atilite, **options: Any) -> Iterator[Served]:
    """Serve an app until the end of the block."""
    with local_site(app, **options) as local:
        server = Server(
            local.site,
            loop=process_loop(),
            listeners=["127.0.0.1:0"],
            policy=local.site.policy,
            certificates=CERTIFICATES[-1] if CERTIFICATES else None,
        )
        server.bind()
        server.start()
        try:
            yield Served(local, server)
        finally:
            app.close_websockets(PATIENCE)
            server.stop(1).wait(PATIENCE)


class Told:
    """What handlers have told, waited for by the test."""

    def __init__(self) -> None:
        self.things: list[Any] = []
        self._changed = threading.Condition()

    def __call__(self, thing: Any) -> None:
        with self._changed:
            self.things.append(thing)
            self._changed.notify_all()

    def wait(self, enough: Callable[[list[Any]], Any]) -> list[Any]:
        """Wait until `enough(things)`; return the things."""
        with self._changed:
            assert self._changed.wait_for(lambda: enough(self.things), PATIENCE), self.things
            return list(self.things)
