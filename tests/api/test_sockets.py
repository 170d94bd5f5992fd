"""The two ends of an open WebSocket on a pair of sockets; threads stand in for the loop's greenlets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Ping, Pong, TextMessage

from atilite.api.sockets import Line, upgrade
from atilite.errors import Error
from atilite.runtime.promise import Promise
from atilite.web.auth import Access
from atilite.web.exchange import Park
from tests.web.fakes import FakeAccounts, FakeKeys, StepClock

GREETING = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
HANDSHAKE = {
    "REQUEST_METHOD": "GET", "HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": "Upgrade",
    "HTTP_SEC_WEBSOCKET_VERSION": "13", "HTTP_SEC_WEBSOCKET_KEY": "AAAAAAAAAAAAAAAAAAAAAA==",
    "HTTP_HOST": "localhost:5000", "atilite.exchange": True,
}  # fmt: skip


class Peer:
    """A WebSocket client: what it was told, frame by frame."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.wire = Connection(ConnectionType.CLIENT)
        self.connection.settimeout(10)
        greeting = b""
        while not greeting.endswith(b"\r\n\r\n"):
            greeting += self.connection.recv(1)
        assert greeting == GREETING

    def next(self) -> Any:
        """The next frame, None at the end of the connection."""
        while True:
            for event in self.wire.events():
                return event
            data = self.connection.recv(4096)
            if not data:
                return None
            self.wire.receive_data(data)

    def send(self, event: Any) -> None:
        self.connection.sendall(self.wire.send(event))


class Opened:
    def __init__(self) -> None:
        self.line = Line(GREETING)
        self.line.connection, self.theirs = socket.socketpair()
        self.threads: list[threading.Thread] = []

    def start(self, steps: Iterator[Any]) -> Peer:
        for target, args in ((self.line.listen, ()), (self.line.send, (steps,))):
            thread = threading.Thread(target=target, args=args, daemon=True)
            thread.start()
            self.threads.append(thread)
        return Peer(self.theirs)

    def join(self) -> None:
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture
def opened() -> Iterator[Opened]:
    pair = Opened()
    yield pair
    pair.theirs.close()
    pair.line.bell.ring()
    pair.join()


def waits(line: Line) -> Iterator[Any]:
    """Steps that send nothing and wait for the bell until the line is closed."""
    while True:
        line.bell.reset()
        yield line.bell.rung


@pytest.mark.row("B37")
def test_every_message_is_one_text_and_the_end_of_the_steps_says_good_bye(opened: Opened) -> None:
    steps = iter([[(1, {"type": "journal", "id": 7}), (2, {"type": "journal", "id": 8})]])
    peer = opened.start(generator(steps))
    first, second, last = peer.next(), peer.next(), peer.next()
    assert (first.data, second.data) == ('{"type":"journal","id":7}', '{"type":"journal","id":8}')
    assert isinstance(last, CloseConnection)
    assert last.code == 1000
    assert peer.next() is None


def generator(steps: Iterator[Any]) -> Iterator[Any]:
    yield from steps


def test_a_heartbeat_is_a_ping(opened: Opened) -> None:
    peer = opened.start(generator(iter([[]])))
    assert isinstance(peer.next(), Ping)


def test_a_ping_of_the_client_is_answered_while_nothing_happens(opened: Opened) -> None:
    peer = opened.start(waits(opened.line))
    peer.send(Ping(b"there?"))
    answer = peer.next()
    assert isinstance(answer, Pong)
    assert bytes(answer.payload) == b"there?"


def test_a_good_bye_of_the_client_is_returned_and_ends_both_directions(opened: Opened) -> None:
    closed = threading.Event()

    def steps() -> Iterator[Any]:
        try:
            yield from waits(opened.line)
        finally:
            closed.set()

    peer = opened.start(steps())
    peer.send(CloseConnection(1000))
    assert isinstance(peer.next(), CloseConnection)
    assert peer.next() is None
    opened.join()
    assert closed.is_set()


def test_a_client_that_just_goes_ends_both_directions(opened: Opened) -> None:
    opened.start(waits(opened.line)).connection.close()
    opened.join()


def test_what_a_client_says_is_ignored_unless_it_is_too_long(opened: Opened) -> None:
    peer = opened.start(waits(opened.line))
    peer.send(TextMessage("hello"))
    peer.send(TextMessage("x" * 5000))
    last = peer.next()
    assert isinstance(last, CloseConnection)
    assert last.code == 1009


# -- the handshake


def asked(**changes: Any) -> Any:
    clock = StepClock()
    access = Access(FakeAccounts(clock), FakeKeys(), clock)
    app = SimpleNamespace(site=SimpleNamespace(access=access))
    return SimpleNamespace(request=SimpleNamespace(env={**HANDSHAKE, **changes}), app=app)


def test_a_proper_handshake_parks_the_request() -> None:
    with pytest.raises(Park):
        upgrade(asked(), None)  # type: ignore[arg-type]


@pytest.mark.row("reliability-24")
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"HTTP_ORIGIN": "http://evil.example"}, 403),
        ({"HTTP_SEC_FETCH_SITE": "cross-site"}, 403),
        ({"HTTP_SEC_WEBSOCKET_VERSION": "8"}, 426),
        ({"HTTP_SEC_WEBSOCKET_KEY": "short"}, 400),
        ({"atilite.exchange": None}, 501),
    ],
)
def test_a_handshake_of_another_site_or_of_another_kind_is_refused(changes: dict[str, Any], status: int) -> None:
    with pytest.raises(Error) as refused:
        upgrade(asked(**changes), None)  # type: ignore[arg-type]
    assert refused.value.status_code == status


def test_a_failed_line_wakes_whoever_waits() -> None:
    line = Line(GREETING)
    line.connection, theirs = socket.socketpair()
    theirs.close()
    waiting: Promise[None] = line.bell.rung
    line.listen()
    assert waiting.done
