"""The WebSocket protocol, without a socket: a client of the same library talks to the channel."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto import events as wire
from wsproto.connection import Connection, ConnectionType

from atilite.errors import Error
from atilite.web.negotiate import wants_websocket
from atilite.web.websocket import Binary, Channel, Closed, Pong, Text, accept

HANDSHAKE = {
    "REQUEST_METHOD": "GET",
    "HTTP_UPGRADE": "WebSocket",
    "HTTP_CONNECTION": "keep-alive, Upgrade",
    "HTTP_SEC_WEBSOCKET_VERSION": "13",
    "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ==",
}


def client() -> Connection:
    return Connection(ConnectionType.CLIENT)


def test_the_handshake_is_answered_as_the_standard_shows() -> None:
    accepted = accept(HANDSHAKE)

    assert accepted.answer == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    )
    assert accepted.subprotocol is None
    assert wants_websocket(HANDSHAKE)
    assert not wants_websocket({})


def test_the_first_subprotocol_that_both_speak_is_taken() -> None:
    offer = {**HANDSHAKE, "HTTP_SEC_WEBSOCKET_PROTOCOL": "a, b,c"}

    assert accept(offer, ["x", "c", "a"]).subprotocol == "c"
    assert b"Sec-WebSocket-Protocol: c\r\n" in accept(offer, ["c"]).answer
    assert accept(offer, ["x"]).subprotocol is None
    assert accept(HANDSHAKE, ["x"]).subprotocol is None


def test_further_headers_go_out_with_the_answer_but_cannot_split_it() -> None:
    assert b"X-A: 1\r\n" in accept(HANDSHAKE, headers=[("X-A", 1)]).answer
    with pytest.raises(ValueError, match="control"):
        accept(HANDSHAKE, headers=[("X-A", "1\r\nX-B: 2")])


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"HTTP_UPGRADE": ""}, 426),
        ({"HTTP_UPGRADE": "h2c"}, 426),
        ({"HTTP_SEC_WEBSOCKET_VERSION": "8"}, 426),
        ({"HTTP_CONNECTION": "close"}, 400),
        ({"REQUEST_METHOD": "POST"}, 400),
        ({"HTTP_SEC_WEBSOCKET_KEY": ""}, 400),
        ({"HTTP_SEC_WEBSOCKET_KEY": "c2hvcnQ="}, 400),
        ({"HTTP_SEC_WEBSOCKET_KEY": "not base64 at all!!!!!!!="}, 400),
        ({"HTTP_SEC_WEBSOCKET_KEY": "ä"}, 400),
    ],
)
def test_a_broken_handshake_is_refused(change: dict[str, str], status: int) -> None:
    with pytest.raises(Error) as error:
        accept({**HANDSHAKE, **change})
    assert error.value.status_code == status
    assert (("Sec-WebSocket-Version", "13") in error.value.headers) == (status == 426)


@settings(max_examples=50)
@given(st.lists(st.text(st.characters(exclude_categories=("Cs",))) | st.binary(), max_size=5), st.integers(1, 40))
def test_messages_arrive_whole_however_the_bytes_are_cut(messages: list[str | bytes], size: int) -> None:
    peer, channel = client(), Channel()
    sent = b"".join(
        peer.send(wire.TextMessage(one) if isinstance(one, str) else wire.BytesMessage(one)) for one in messages
    )

    found: list[Any] = []
    for start in range(0, len(sent), size):
        events, reply = channel.receive(sent[start : start + size])
        found += events
        assert reply == b""

    assert found == [Text(one) if isinstance(one, str) else Binary(one) for one in messages]


def test_fragments_are_one_message() -> None:
    peer, channel = client(), Channel()
    sent = peer.send(wire.TextMessage("a", message_finished=False)) + peer.send(wire.TextMessage("b"))

    assert channel.receive(sent) == ([Text("ab")], b"")


def test_what_is_sent_arrives_at_the_peer() -> None:
    peer, channel = client(), Channel()

    peer.receive_data(channel.text("ä") + channel.binary(b"\0") + channel.ping(b"?"))

    events = list(peer.events())
    assert [type(event) for event in events] == [wire.TextMessage, wire.BytesMessage, wire.Ping]
    assert events[0].data == "ä"


def test_a_ping_is_answered_and_a_pong_is_told() -> None:
    peer, channel = client(), Channel()

    events, reply = channel.receive(peer.send(wire.Ping(b"x")) + peer.send(wire.Pong(b"y")))
    peer.receive_data(reply)

    assert events == [Pong(b"y")]
    assert list(peer.events()) == [wire.Pong(b"x")]


@pytest.mark.parametrize("pieces", [["x" * 11], ["x" * 6, "x" * 6], ["ä" * 6]])
def test_a_message_above_the_limit_closes_the_connection(pieces: list[str]) -> None:
    peer, channel = client(), Channel(limit=10)
    last = len(pieces) - 1
    sent = b"".join(peer.send(wire.TextMessage(one, message_finished=n == last)) for n, one in enumerate(pieces))

    events, reply = channel.receive(sent)
    peer.receive_data(reply)

    assert [(event.code if isinstance(event, Closed) else event) for event in events] == [1009]
    (closed,) = peer.events()
    assert isinstance(closed, wire.CloseConnection)
    assert closed.code == 1009
    assert channel.closed


def test_a_message_of_the_limit_passes() -> None:
    peer, channel = client(), Channel(limit=10)

    for _ in range(3):
        assert channel.receive(peer.send(wire.TextMessage("x" * 10))) == ([Text("x" * 10)], b"")


@pytest.mark.parametrize("code", [1000, 4001])
def test_a_close_is_answered_and_ends_everything(code: int) -> None:
    peer, channel = client(), Channel()

    events, reply = channel.receive(peer.send(wire.CloseConnection(code, "bye")))
    peer.receive_data(reply)

    assert events == [Closed(code, "bye")]
    (closed,) = peer.events()
    assert isinstance(closed, wire.CloseConnection)
    assert closed.code == code
    assert channel.closed
    assert channel.close() == b""
    assert channel.receive(b"more") == ([], b"")
    for send in (lambda: channel.text("x"), lambda: channel.binary(b"x"), channel.ping):
        with pytest.raises(ValueError, match="closed"):
            send()


def test_a_close_without_a_code_is_answered_by_a_normal_one() -> None:
    channel = Channel()

    assert channel.receive(b"\x88\x80\0\0\0\0") == ([Closed(1005)], b"\x88\x02\x03\xe8")
    assert channel.closed


def test_the_end_of_the_connection_is_told() -> None:
    channel = Channel()

    assert channel.receive(b"") == ([Closed(1006)], b"")
    assert channel.closed


def test_our_own_close_is_cut_at_a_whole_letter() -> None:
    peer, channel = client(), Channel()

    peer.receive_data(channel.close(1001, "ä" * 100))

    (closed,) = peer.events()
    assert isinstance(closed, wire.CloseConnection)
    assert (closed.code, closed.reason) == (1001, "ä" * 61)


@pytest.mark.parametrize("sent", [b"\x81\x01x", b"\xf1\x80\0\0\0\0", b"\x83\x80\0\0\0\0", b"\x81\x81\0\0\0\0\xff"])
def test_a_breach_of_the_protocol_closes_the_connection(sent: bytes) -> None:
    channel = Channel()

    events, reply = channel.receive(sent)

    assert [type(event) for event in events] == [Closed]
    assert reply[:1] == b"\x88"
    assert channel.closed
