"""Time limits, other tries and broken connections: what a client does when its board does not answer as it should."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from atilite import Client
from atilite.errors import ConfigError, RemoteError, ResourceError, TaskTimeout
from atilite.remote import wire
from atilite.remote.wire import encoded
from tests.remote.conftest import Board, Peer


def answer(status: str, body: str = "", *headers: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in ("Connection: close", f"Content-Length: {len(body)}", *headers))
    return f"HTTP/1.1 {status}\r\n{head}\r\n{body}".encode()


GONE, EMPTY = answer("503 Service Unavailable"), answer("200 OK", "[]")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FIRST", 0.001)


@pytest.mark.parametrize("url", ["ftp://board", "http://", "http://me:secret@board", "http://board/?x=1"])
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigError):
        Client(url)


@pytest.mark.parametrize(
    ("url", "told"), [("board:5000", "http://board:5000"), ("https://board/garden/", "https://board/garden")]
)
def test_an_address_may_lack_its_scheme_and_have_a_path(url: str, told: str) -> None:
    assert Client(url).url == told


def test_the_token_is_sent_and_never_shown(peer: Callable[..., Peer]) -> None:
    told = peer(EMPTY, answer("403 Forbidden"))
    client = Client(told.url, "s3cret")
    assert client.actions.list() == []
    with pytest.raises(RemoteError) as refused:
        client.actions.list()
    assert b"Authorization: Bearer s3cret\r\n" in told.asked[0]
    assert "s3cret" not in f"{client!r} {refused.value!r} {refused.value}"


@pytest.mark.parametrize("first", [GONE, None], ids=["stopping", "hung up"])
def test_reading_is_tried_again_when_the_board_restarts(peer: Callable[..., Peer], first: bytes | None) -> None:
    told = peer(first, first, EMPTY)
    assert Client(told.url).actions.list() == []
    assert len(told.asked) == 3


@pytest.mark.parametrize("first", [GONE, None], ids=["stopping", "hung up"])
def test_an_action_is_never_sent_twice(peer: Callable[..., Peer], first: bytes | None) -> None:
    told = peer(first, EMPTY)
    with pytest.raises(ResourceError):
        Client(told.url).actions.run("water")
    assert len(told.asked) == 1


def test_it_gives_up_after_the_last_try(peer: Callable[..., Peer]) -> None:
    told = peer(GONE, GONE)
    with pytest.raises(RemoteError) as refused:
        Client(told.url, retries=1).runs[1].get()
    assert refused.value.status_code == 503
    assert len(told.asked) == 2


def test_what_could_not_be_sent_is_tried_again_whatever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[int] = []

    def pause(self: wire.Wire, number: int, error: Exception | None = None) -> bool:
        pauses.append(number)
        return True

    monkeypatch.setattr(wire.Wire, "pause", pause)
    with pytest.raises(ResourceError, match=r"http://127.0.0.1:9: cannot be reached: Connection refused"):
        Client("http://127.0.0.1:9").actions.run("water")
    assert pauses == [0, 1]


def test_the_board_may_ask_for_a_pause_but_not_for_an_hour(peer: Callable[..., Peer]) -> None:
    asked: list[float | None] = []
    told = peer(answer("503 Service Unavailable", "", "Retry-After: 3600"), EMPTY)
    client = Client(told.url)

    class Closed(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            asked.append(timeout)
            return False

    client._wire.closed = Closed()
    client.actions.list()
    assert asked == [5.0]


def test_a_silent_board_is_a_timeout(board: Board) -> None:
    with pytest.raises(TaskTimeout, match=r"did not answer within 0.2 s; it may still do what was asked"):
        board.client().actions.run("waits", timeout=0.2)


def test_an_answer_that_breaks_off_is_an_error(peer: Callable[..., Peer]) -> None:
    told = peer(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[", None)
    client = Client(told.url, retries=0)
    with pytest.raises(ResourceError, match="the connection broke: it ended in the midst of an answer"):
        client.actions.list()
    with pytest.raises(ResourceError, match="the connection broke: Remote end closed connection without response"):
        client.actions.list()


def test_another_kind_of_server_is_told_apart(peer: Callable[..., Peer]) -> None:
    told = peer(answer("200 OK", "<html>"))
    with pytest.raises(RemoteError, match="is this the address of an atilite program"):
        Client(told.url).actions.list()


def test_a_closed_client_says_so(board: Board) -> None:
    with board.client() as client:
        client.actions.list()
    with pytest.raises(ResourceError, match="was closed"):
        client.actions.list()


def test_connections_are_kept(board: Board, client: Client) -> None:
    for _ in range(5):
        client.actions.list()
        client.health()
    assert client._wire._pool.connection_from_url(board.url).num_connections == 1


def test_a_query_leaves_out_what_is_none_and_says_flags_as_numbers() -> None:
    assert encoded({"a": None, "b": True, "c": ["x", "y"], "d": 0}) == "?b=1&c=x&c=y&d=0"
    assert encoded(None) == ""
