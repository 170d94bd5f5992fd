"""What messages mean, and what they are made of."""

from __future__ import annotations

import json
import xmlrpc.client
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import atilite
from atilite import Atilite
from atilite.web.websocket import Outgoing
from atilite.websockets.encodings import ENCODINGS, BadMessage, decode, encode, messages
from tests.websockets.peer import served

BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>
<methodCall><methodName>f</methodName><params><param><value>&b;</value></param></params></methodCall>"""


@pytest.mark.parametrize(
    ("value", "payload"),
    [("ä", "ä".encode()), (b"\0", b"\0"), (bytearray(b"x"), b"x"), ({"a": "ä"}, '{"a": "ä"}'.encode()), ([1], b"[1]")],
)
def test_as_text_everything_goes_that_has_an_obvious_form(value: Any, payload: bytes) -> None:
    assert encode(value, "text").payload == payload


@pytest.mark.parametrize("value", [5, True, object(), {1, 2}])
def test_as_text_nothing_else_goes(value: Any) -> None:
    with pytest.raises(TypeError, match=r"sends text, bytes, a dict or a list"):
        encode(value, "text")


def test_none_is_no_message_and_a_tuple_is_several() -> None:
    made = Outgoing("made before")

    assert list(messages(None, "text")) == []
    assert [one.payload for one in messages(("a", None, b"b"), "text")] == [b"a", b"b"]
    assert list(messages(made, "json")) == [made]


@pytest.mark.row("A188")
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner)))
def test_json_comes_back_as_it_was(value: Any) -> None:
    assert decode(encode(value, "json").payload, "json") == value


@pytest.mark.row("A188")
@pytest.mark.parametrize("value", [1, "ä<", [1, "a"], {"a": 1.5}, True, None, b"\0\1", datetime(2026, 1, 2, 3, 4, 5)])
def test_xmlrpc_comes_back_as_it_was(value: Any) -> None:
    assert decode(encode(value, "xmlrpc").payload.decode(), "xmlrpc") == value


def test_a_call_with_several_parameters_is_a_tuple() -> None:
    assert decode(xmlrpc.client.dumps((1, "b"), "method"), "xmlrpc") == (1, "b")


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("json", "{"), ("json", b"\xff"), ("json", "[" * 100_000), ("xmlrpc", "no xml"), ("xmlrpc", "<x/>"),
        ("xmlrpc", BOMB), ("xmlrpc", b"\xff"),
        ("xmlrpc", "<params><param><value><int>x</int></value></param></params>"),
        ("xmlrpc", xmlrpc.client.dumps(xmlrpc.client.Fault(1, "x"))),
    ],
)  # fmt: skip
def test_what_is_not_of_the_encoding_is_a_bad_message(encoding: str, data: str | bytes) -> None:
    with pytest.raises(BadMessage, match="the message is not"):
        decode(data, encoding)


def test_a_lone_surrogate_is_an_error_where_it_is_given() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        encode("\ud800", "text")


@pytest.mark.row("A188")
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("spec", [atilite.WS_CHANNEL, atilite.WS_COROUTINE])
def test_a_handler_gets_and_gives_values_in_the_encoding_of_its_websocket(encoding: str, spec: int) -> None:
    app = Atilite("encoded")
    if spec == atilite.WS_CHANNEL:
        app.route("/x")(app.websocket(spec, encoding=encoding)(lambda was, message: message))
    else:

        def session(was: Any) -> Any:
            yield (yield was.Input())

        app.route("/x")(app.websocket(spec, encoding=encoding)(session))
    sent = {"text": "x", "json": json.dumps({"a": [1]}), "xmlrpc": xmlrpc.client.dumps(({"a": [1]},), "f")}[encoding]

    with served(app) as site:
        with site.open("/x") as peer:
            value = decode(peer.ask(sent), encoding)
            assert value == ("x" if encoding == "text" else {"a": [1]})
        if encoding != "text":
            with site.open("/x") as peer:
                peer.send("<{")
                assert peer.closing()[0] == 1007
