"""Streams tell everything once, also when the connection breaks in between."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from atilite import Atilite, Client
from atilite.config import Settings
from atilite.errors import RemoteError, ResourceError, RunFailed
from atilite.remote import wire
from atilite.site import Site
from tests.remote.conftest import Board, Peer


@contextmanager
def opened(app: Atilite, folder: Path) -> Iterator[Site]:
    """A site of its own with this app."""
    folder.mkdir()
    site = Site(folder)
    site.mount("/", app)
    site.open(Settings(db=f"sqlite:///{folder}/data.db"))
    site.start()
    try:
        yield site
    finally:
        site.stop(5)
        site.close()


HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n"
NO_MORE = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FIRST", 0.001)


def test_a_run_is_followed_from_its_first_record_to_its_end(board: Board, client: Client) -> None:
    run = client.actions.start("waits")
    told = []
    for update in run.updates():
        told.append(update.get("message") or update.get("status"))
        if told[-1] == "waiting":
            board.gate.set()
    assert told[-1] == "succeeded"
    assert told.count("waiting") == 1


def test_a_stream_goes_on_after_the_last_number_when_the_connection_breaks(peer: Callable[..., Peer]) -> None:
    told = peer(
        HEAD + b'id: 4\ndata: {"type": "record", "id": 4}\n\nid: 5\ndata: {"type": "rec',
        None,
        HEAD + b'id: 5\ndata: {"type": "record", "id": 5}\n\n',
        NO_MORE,
    )
    assert [update["id"] for update in Client(told.url).runs[1].updates()] == [4, 5]
    assert [b"Last-Event-ID: 4\r\n" in asked for asked in told.asked] == [False, True, True, False]


def test_where_something_may_be_missed_it_is_said(peer: Callable[..., Peer]) -> None:
    one = HEAD + b'data: {"type": "key", "key": "a"}\n\n'
    told = peer(one, one, NO_MORE)
    assert [update["type"] for update in Client(told.url).kv.watch()] == ["key", "resumed", "key"]


def test_a_board_that_stays_away_is_told_after_a_while(peer: Callable[..., Peer]) -> None:
    told = peer(HEAD)
    changes = Client(told.url, patience=0.05).kv.watch()
    told.close()
    with pytest.raises(ResourceError, match="cannot be reached"):
        next(changes)


def test_a_refused_stream_is_not_asked_for_again(board: Board) -> None:
    with pytest.raises(RemoteError, match="401"):
        board.client(None).runs.updates()
    with pytest.raises(RemoteError, match="404"):
        board.client().runs[999].updates()


def test_every_change_of_a_run_is_told_and_can_be_gone_on_with(client: Client) -> None:
    with closing(client.runs.updates(after=0)) as updates:
        client.actions.run("water/the beds")
        first = next(updates)
    assert first["operation"] == "water/the beds"
    with closing(client.runs.updates(after=first["change"])) as updates:
        client.actions.run("water/the beds")
        assert next(updates)["change"] > first["change"]


def test_changes_of_keys_are_told_from_the_call_on(client: Client) -> None:
    with closing(client.kv.watch("garden/")) as changes:
        client.kv.set("house/x", 1)
        client.kv.set("garden/x", 2)
        change = next(changes)
    assert (change["key"], change["value"], change["removed"]) == ("garden/x", 2, False)


def test_closing_the_client_ends_the_streams_that_others_read(board: Board) -> None:
    client = board.client()
    changes = client.kv.watch()
    ended: list[BaseException] = []

    def read() -> None:
        try:
            next(changes)
        except ResourceError as error:
            ended.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    client.close()
    reader.join(10)
    assert not reader.is_alive()
    assert "closed" in str(ended)


@pytest.mark.row("M19")
def test_an_event_that_is_emitted_from_here_is_heard_there_and_here(board: Board, client: Client) -> None:
    heard: queue.SimpleQueue[object] = queue.SimpleQueue()
    board.app.on("door/opened")(lambda who: heard.put(who))
    with closing(client.events.listen("door/opened")) as events:
        assert client.events.emit("nobody's") == 0
        assert client.events.emit("door/opened", {"who": "ana"}) == 1
        event = next(events)
    assert (event["name"], event["payload"], event["app"]) == ("door/opened", {"who": "ana"}, None)
    assert heard.get(timeout=20) == {"who": "ana"}


def test_an_event_has_one_payload(client: Client) -> None:
    with pytest.raises(TypeError, match="one payload"):
        client.events.emit("door opened", 1, 2)


@pytest.mark.row("M19")
def test_what_is_emitted_while_the_connection_is_broken_comes_afterwards(peer: Callable[..., Peer]) -> None:
    told = peer(
        HEAD + b'id: 7\ndata: {"type": "listening", "id": 7}\n\n',
        HEAD + b'id: 7\ndata: {"type": "listening", "id": 7}\n\nid: 8\ndata: {"type": "event", "name": "dry"}\n\n',
        NO_MORE,
    )
    assert [event["type"] for event in Client(told.url).events.listen("dry", "wet")] == ["event"]
    assert b"GET /internal/events?name=dry&name=wet " in told.asked[0]
    assert [b"Last-Event-ID: 7\r\n" in asked for asked in told.asked] == [False, True, False]
    assert b"Last-Event-ID: 8\r\n" in told.asked[2]


def test_a_stream_of_events_says_when_some_are_missing(peer: Callable[..., Peer]) -> None:
    told = peer(HEAD + b'id: 7\ndata: {"type": "missed", "id": 7}\n\n', NO_MORE)
    assert [event["type"] for event in Client(told.url).events.listen()] == ["missed"]


@pytest.mark.row("M9", "M10")
def test_a_run_that_reads_a_stream_ends_when_it_is_asked_to(client: Client, tmp_path: Path) -> None:
    app, listening, left = Atilite("reader"), threading.Event(), threading.Event()

    @app.action(name="read")
    def read() -> None:
        try:
            with closing(client.events.listen()) as events:
                listening.set()
                next(events)
        finally:
            left.set()

    @app.action(name="wait")
    def wait() -> None:
        run = client.actions.start("asleep")
        listening.set()
        try:
            run.wait()
        finally:
            run.cancel()
            left.set()

    with opened(app, tmp_path / "reader") as site:
        for name in ("read", "wait"):
            listening.clear()
            left.clear()
            number, task = site.catalogue.start_action(name, {}, "call")
            assert listening.wait(20)
            assert site.catalogue.cancel(number)
            # Sooner than the next heartbeat of the stream, which comes after 15 s.
            assert left.wait(10)
            with pytest.raises(RunFailed, match="cancelled"):
                task.fetch(20)
