from __future__ import annotations

from collections.abc import Iterator

import pytest

from atilite.resources.aliases import Aliases
from atilite.resources.http import Stub
from atilite.resources.streams import EventParser, ServerEvent
from atilite.runtime.drive import Drive
from atilite.runtime.engine import Runtime
from tests.resources.webpeer import WebPeer

pytestmark = pytest.mark.row("A134", "I46")


@pytest.fixture
def peer() -> Iterator[WebPeer]:
    peer = WebPeer()
    yield peer
    peer.close()


@pytest.fixture
def stub(runtime: Runtime, peer: WebPeer) -> Stub:
    return Stub(runtime, Aliases(), peer.url)


def test_a_body_is_read_piece_by_piece(stub: Stub) -> None:
    with stub.get("/big?n=1000000", stream=True).fetch() as body:
        assert body.status_code == 200
        assert sum(len(piece) for piece in body) == 1_000_000
        assert body.read().fetch() == b""


def test_nothing_is_fetched_before_it_is_asked_for(stub: Stub, peer: WebPeer) -> None:
    size = 64 * 1024 * 1024
    with stub.get(f"/big?n={size}", stream=True).fetch() as body:
        assert body.read(10).fetch() == b"b" * 10
        assert peer.sent < size // 2


def test_a_stream_that_is_dropped_gives_its_connection_up(stub: Stub, peer: WebPeer, runtime: Runtime) -> None:
    for _ in range(3):
        stub.get("/drip", stream=True).fetch()
    origins = stub._service.transport._origins
    # What is dropped is closed by the hub, in one of its next turns.
    stub.get("/echo").fetch()

    assert [origin.free for origin in origins.values()] == [stub._service.transport._size]


def test_a_coroutine_reads_without_a_thread(stub: Stub, runtime: Runtime) -> None:
    def reading():  # type: ignore[no-untyped-def]
        body = (yield stub.get("/big?n=100000", stream=True)).fetch()
        size = 0
        while piece := (yield body.read()).fetch():
            size += len(piece)
        return size

    drive = Drive(reading(), loop=runtime.loop)
    drive.start()
    assert drive.promise.wait(30) == 100_000


def test_a_refused_stream_is_an_error(stub: Stub) -> None:
    outcome = stub.get("/status/404", stream=True).dispatch()

    assert (outcome.status_code, str(outcome.expt).partition(": answered ")[2]) == (404, "404 Said So")


def test_events_come_one_by_one(stub: Stub) -> None:
    with stub.events("/events") as events:
        assert list(events) == [
            ServerEvent("after none"),
            ServerEvent("1\n2", "tick", "7"),
        ]
        assert events.id == "7"
        events.again()
        assert next(iter(events)).data == "after 7"


def test_a_coroutine_waits_for_events(stub: Stub, runtime: Runtime) -> None:
    def listening():  # type: ignore[no-untyped-def]
        events = stub.events("/events")
        found = []
        while (event := (yield events.next()).fetch()) is not None:
            found.append(event.event)
        return found

    drive = Drive(listening(), loop=runtime.loop)
    drive.start()
    assert drive.promise.wait(30) == ["message", "tick"]


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_events_are_the_same_however_they_are_cut(size: int) -> None:
    text = "\ufeffdata:a\r\ndata: b\r\r: comment\nevent: x\nid: 1\nretry: 1500\ndata\n\nid\ndata: ü\n\ndata: cut"
    data, parser = text.encode(), EventParser()

    found = [event for start in range(0, len(data), size) for event in parser.feed(data[start : start + size])]
    assert found == [
        ServerEvent("a\nb"),
        ServerEvent("", "x", "1", 1.5),
        ServerEvent("ü", "message", "", 1.5),
    ]


def test_an_event_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than"):
        EventParser().feed(b"data: " + b"a" * 2_000_000)
