"""The connection's own times and bounds, step by step: sockets are a pair, the clock is turned by hand."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Event, Ping, TextMessage

from atilite.testing.clock import FakeClock
from atilite.web.websocket import Channel, Outgoing
from atilite.websockets.line import CLOSE_SECONDS, PING_SECONDS, WATER, Line


class Watcher:
    def __init__(self) -> None:
        self.active = False
        self.closed = False

    def start(self, *call: Any) -> None:
        self.active = True

    def stop(self) -> None:
        self.active = False

    def close(self) -> None:
        self.active, self.closed = False, True


class Timer:
    def cancel(self) -> None:
        self.cancelled = True


class StillLoop:
    """Calls nothing by itself."""

    def __init__(self) -> None:
        self.hub = SimpleNamespace(loop=SimpleNamespace(io=lambda fd, events: Watcher()))
        self.waits: list[float] = []

    def watched(self, *call: Any) -> None:
        raise AssertionError("only the hub calls this")

    def call_later(self, seconds: float, function: Any) -> Timer:
        self.waits.append(seconds)
        return Timer()


class Desk:
    """A line, the other end of its socket, and what its owner was told."""

    def __init__(self, **options: Any) -> None:
        self.clock, self.loop = FakeClock(), StillLoop()
        self.told: list[Any] = []
        ours, self.theirs = socket.socketpair()
        self.theirs.settimeout(5)
        self.wire = Connection(ConnectionType.CLIENT)
        given = {"timeout": None, "max_unsent": 10 * WATER, **options}
        self.line = Line(self.loop, ours, Channel(), self, monotonic=self.clock.monotonic, **given)  # type: ignore[arg-type]
        self.line.open(b"")

    def heard(self, data: str | bytes) -> None:
        self.told.append(data)

    def closed(self, code: int, reason: str) -> None:
        self.told.append((code, reason))

    def say(self, event: Event) -> None:
        self.theirs.sendall(self.wire.send(event))
        self.line._readable()

    def seen(self) -> list[Any]:
        self.wire.receive_data(self.theirs.recv(100_000))
        return list(self.wire.events())

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.line._look()


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.line._end(1006)
    desk.theirs.close()


def test_a_silent_peer_is_pinged_and_then_cut_off(desk: Desk) -> None:
    desk.pass_time(PING_SECONDS - 1)
    desk.pass_time(1)
    assert [type(event) for event in desk.seen()] == [Ping]
    desk.pass_time(PING_SECONDS - 1)
    assert desk.told == []
    desk.pass_time(1)
    assert desk.told == [(1006, "")]
    assert desk.theirs.recv(10) == b""


def test_a_peer_that_says_anything_is_there(desk: Desk) -> None:
    for _ in range(3):
        desk.pass_time(PING_SECONDS)
        (ping,) = desk.seen()
        desk.say(ping.response())
        desk.pass_time(1)
    assert desk.told == []


def test_nobody_is_asked_while_nothing_is_read_from_him(desk: Desk) -> None:
    desk.line.pause()
    for _ in range(5):
        desk.pass_time(PING_SECONDS)
    assert desk.told == []
    desk.line.resume()
    desk.say(TextMessage("late"))
    assert desk.told == ["late"]


def test_messages_in_both_directions_put_the_timeout_off_and_pongs_do_not() -> None:
    desk = Desk(timeout=30)
    for act in (lambda: desk.say(TextMessage("x")), lambda: desk.line.send(Outgoing("y"))):
        desk.pass_time(19)
        act()
    desk.pass_time(PING_SECONDS)
    ping = desk.seen()[-1]
    desk.say(ping.response())
    desk.pass_time(10)
    assert desk.told == ["x", (1000, "nothing was said for 30 s")]
    desk.theirs.close()
    desk.line._end(1006)


def test_a_good_bye_waits_for_the_other_one_but_not_for_ever(desk: Desk) -> None:
    desk.line.close(4000, "enough")
    assert desk.told == [(4000, "enough")]
    desk.line.send(Outgoing("too late"))
    assert [type(event) for event in desk.seen()] == [CloseConnection]
    desk.pass_time(CLOSE_SECONDS - 1)
    desk.theirs.sendall(b"")  # still there
    desk.pass_time(1)
    assert desk.theirs.recv(10) == b""
    assert desk.told == [(4000, "enough")]


def test_a_peer_that_takes_nothing_is_owed_up_to_the_limit() -> None:
    desk = Desk(max_unsent=WATER)
    while not desk.told:
        desk.line.send(Outgoing(b"x" * 10_000))
        assert desk.line.unsent <= WATER
    assert desk.told == [(1006, "")]
    desk.theirs.close()


def test_whoever_waits_for_room_is_told_when_the_peer_has_taken_enough(desk: Desk) -> None:
    assert desk.line.drained() is None
    desk.line.send(Outgoing(b"x" * 2 * WATER))
    waiting = desk.line.drained()
    assert waiting is not None
    assert not waiting.done
    while desk.line.unsent:
        desk.theirs.recv(65536)
        desk.line._writable()
    assert waiting.done


def test_whoever_waits_for_room_is_told_of_the_end_too(desk: Desk) -> None:
    desk.line.send(Outgoing(b"x" * 2 * WATER))
    waiting = desk.line.drained()
    desk.theirs.close()
    desk.line._readable()
    assert waiting is not None
    assert waiting.done
    assert desk.told == [(1006, "")]


def test_what_the_protocol_library_stumbles_over_ends_the_connection(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(desk.line._channel, "receive", lambda data: 1 / 0)
    desk.say(TextMessage("x"))
    assert desk.told == [(1011, "the message could not be read")]
    assert "ZeroDivisionError" in caplog.text
