"""Who reads updates over a WebSocket: what is sent, in which order, and what ends it."""

from __future__ import annotations

import threading
from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

import pytest

from atilite.api.sockets import Reader, upgrade
from atilite.errors import Error
from atilite.runtime.promise import Promise
from atilite.web.auth import Access
from atilite.web.exchange import Park
from atilite.web.websocket import Outgoing
from tests.web.fakes import FakeAccounts, FakeKeys, StepClock

GREETING = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
HANDSHAKE = {
    "REQUEST_METHOD": "GET", "HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": "Upgrade",
    "HTTP_SEC_WEBSOCKET_VERSION": "13", "HTTP_SEC_WEBSOCKET_KEY": "AAAAAAAAAAAAAAAAAAAAAA==",
    "HTTP_HOST": "localhost:5000", "atilite.exchange": True,
}  # fmt: skip


class Line:
    """A connection that keeps what it is told; `room` is what whoever sends too much has to wait for."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.room: Promise[None] | None = None

    def open(self, greeting: bytes) -> None:
        self.told.append(greeting)

    def send(self, message: Outgoing) -> None:
        self.told.append(message.payload)

    def drained(self) -> Promise[None] | None:
        return self.room

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.told.append((code, reason))


@pytest.fixture
def reader() -> Reader:
    reader = Reader(GREETING)
    reader.line = Line()
    return reader


def started(reader: Reader, steps: Generator[Any, Any, None]) -> threading.Thread:
    """Send in a thread, which stands for the loop's greenlet."""
    thread = threading.Thread(target=reader.send, args=(steps,), daemon=True)
    thread.start()
    return thread


def waits(reader: Reader, ended: list[str]) -> Generator[Any, Any, None]:
    """Steps that send nothing and wait for the bell."""
    try:
        while True:
            reader.bell.reset()
            yield reader.bell.rung
    finally:
        ended.append("steps")


@pytest.mark.row("B37")
def test_every_message_is_one_text_and_the_end_of_the_steps_says_good_bye(reader: Reader) -> None:
    def steps() -> Generator[Any, Any, None]:
        yield [(1, {"type": "journal", "id": 7}), (2, {"type": "journal", "id": 8})]
        yield []  # a heartbeat is the line's own affair

    reader.send(steps())

    assert reader.line.told == [
        GREETING, b'{"type":"journal","id":7}', b'{"type":"journal","id":8}', (1000, "")
    ]  # fmt: skip


def test_the_handshake_is_answered_when_the_source_is_listened_to_and_not_before(reader: Reader) -> None:
    def steps() -> Generator[Any, Any, None]:
        assert reader.line.told == []
        yield []
        assert reader.line.told == [GREETING]

    reader.send(steps())
    silent = Reader(GREETING)
    silent.line = Line()
    silent.send(step for step in ())

    assert silent.line.told == [GREETING, (1000, "")]


def test_a_client_that_goes_ends_what_waits(reader: Reader) -> None:
    ended: list[str] = []
    sending = started(reader, waits(reader, ended))

    reader.heard("what a client says is ignored")
    reader.closed(1006, "")
    sending.join(10)

    assert not sending.is_alive()
    assert ended == ["steps"]


def test_a_reader_that_takes_little_is_waited_for(reader: Reader) -> None:
    reader.line.room = room = Promise()
    after: list[str] = []

    def steps() -> Generator[Any, Any, None]:
        yield [(1, {"id": 1})]
        after.append("went on")

    sending = started(reader, steps())
    sending.join(0.05)
    assert (sending.is_alive(), after) == (True, [])
    room.set(None)
    sending.join(10)
    assert after == ["went on"]


def test_a_stop_of_the_server_is_told(reader: Reader) -> None:
    reader.leave()

    assert reader.line.told == [(1001, "the server is stopping")]
    Reader(GREETING).leave()  # before there is a connection


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
