"""Compressed messages, each by itself."""

from __future__ import annotations

import os
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto import events as wire
from wsproto.connection import Connection, ConnectionType
from wsproto.extensions import PerMessageDeflate

from atilite.web.deflate import ANSWER, SHORT, TAIL, TINY, agrees, packed
from atilite.web.websocket import Binary, Channel, Closed, Outgoing, Text


def client() -> Connection:
    extension = PerMessageDeflate()
    extension.finalize(ANSWER)
    return Connection(ConnectionType.CLIENT, [extension])


def compressed(channel: Channel, data: bytes) -> list[Any]:
    return channel.receive(data)[0]


@pytest.mark.parametrize(
    ("header", "agreed"),
    [
        ("", False),
        ("permessage-deflate", True),
        ("Permessage-Deflate; client_max_window_bits", True),
        ("permessage-deflate; client_max_window_bits=10; client_no_context_takeover", True),
        ("permessage-deflate; server_no_context_takeover", True),
        ("permessage-deflate; server_max_window_bits=15", True),
        ('permessage-deflate; server_max_window_bits="15"', True),
        ("permessage-deflate; server_max_window_bits=10", False),
        ("permessage-deflate; server_max_window_bits=10, permessage-deflate", True),
        ("x-webkit-deflate-frame", False),
        ("x-other, permessage-deflate", True),
        ("permessage-deflate; client_max_window_bits=16", False),
        ("permessage-deflate; client_max_window_bits=x", False),
        ("permessage-deflate; unknown", False),
        ("permessage-deflate; server_no_context_takeover=1", False),
        ("permessage-deflate; client_max_window_bits; client_max_window_bits", False),
    ],
)
def test_an_offer_is_taken_as_it_is_or_not_at_all(header: str, agreed: bool) -> None:
    assert agrees(header) is agreed


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",))) | st.binary(), min_size=1, max_size=4))
def test_compressed_messages_arrive_in_both_directions(messages: list[str | bytes]) -> None:
    peer, channel = client(), Channel(compressed=True)
    sent = b"".join(
        peer.send(wire.TextMessage(one) if isinstance(one, str) else wire.BytesMessage(one)) for one in messages
    )

    assert compressed(channel, sent) == [Text(one) if isinstance(one, str) else Binary(one) for one in messages]
    for one in messages:
        peer.receive_data(channel.message(Outgoing(one)))
        (event,) = peer.events()
        assert isinstance(event, (wire.TextMessage, wire.BytesMessage))
        assert event.data == one


@given(st.lists(st.text("ab\xe4", min_size=1, max_size=400), min_size=1, max_size=3), st.integers(1, 30))
def test_compressed_messages_arrive_whole_however_the_bytes_are_cut(messages: list[str], size: int) -> None:
    peer, channel = client(), Channel(compressed=True)
    sent = b"".join(peer.send(wire.TextMessage(one)) for one in messages)

    found = [event for at in range(0, len(sent), size) for event in compressed(channel, sent[at : at + size])]

    assert found == [Text(one) for one in messages]


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=5), st.booleans())
def test_whatever_is_sent_is_read_or_closes_the_connection(pieces: list[bytes], deflated: bool) -> None:
    channel = Channel(limit=1000, compressed=deflated)

    for piece in pieces:
        events, reply = channel.receive(b"\xc1\x80\0\0\0\0" + piece if deflated else piece)
        assert isinstance(reply, bytes)
        assert channel.closed == any(isinstance(event, Closed) for event in events)
        if channel.closed:
            return


def test_fragments_with_a_ping_in_between_are_one_message() -> None:
    peer, channel = client(), Channel(compressed=True)
    start = peer.send(wire.TextMessage("ä" * 500, message_finished=False))
    end = peer.send(wire.TextMessage("b"))
    ping = Connection(ConnectionType.CLIENT).send(wire.Ping(b"?"))

    events, reply = channel.receive(start + ping + end)

    assert events == [Text("ä" * 500 + "b")]
    assert reply == b"\x8a\x01?"


def test_plain_messages_pass_too() -> None:
    plain, channel = Connection(ConnectionType.CLIENT), Channel(compressed=True)

    assert compressed(channel, plain.send(wire.TextMessage("x"))) == [Text("x")]


def test_a_message_that_would_become_huge_is_refused_before_it_is_unpacked() -> None:
    peer, channel = client(), Channel(limit=1000, compressed=True)

    assert compressed(channel, peer.send(wire.BytesMessage(b"\0" * 1000))) == [Binary(b"\0" * 1000)]
    (closed,) = compressed(channel, peer.send(wire.BytesMessage(b"\0" * 50_000_000)))
    assert isinstance(closed, Closed)
    assert closed.code == 1009


@pytest.mark.parametrize("frame", [b"\xc1\x84\0\0\0\0\xff\xff\xff\xff", b"\xc9\x80\0\0\0\0", b"\xc0\x80\0\0\0\0"])
def test_what_is_not_compressed_right_closes_the_connection(frame: bytes) -> None:
    (closed,) = compressed(Channel(compressed=True), frame)

    assert isinstance(closed, Closed)
    assert closed.code in (1002, 1007)


def test_a_compressed_message_without_an_agreement_closes_the_connection() -> None:
    (closed,) = compressed(Channel(), client().send(wire.TextMessage("x" * 1000)))

    assert isinstance(closed, Closed)
    assert closed.code == 1002


def test_what_does_not_become_smaller_is_sent_as_it_is() -> None:
    assert packed(os.urandom(TINY + 1)) is None
    assert packed(os.urandom(SHORT + 1)) is None
    small = packed(b"x" * SHORT * 2)
    assert small is not None
    assert zlib.decompressobj(-15).decompress(small + TAIL) == b"x" * SHORT * 2
    assert packed(b"") is not None


def test_a_message_to_many_is_compressed_once() -> None:
    outgoing = Outgoing("x" * 1000)

    assert Channel(compressed=True).message(outgoing) is Channel(compressed=True).message(outgoing)
    assert Channel().message(outgoing) is not outgoing.compressed
