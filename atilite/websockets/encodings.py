"""What the messages of a WebSocket mean: text, JSON or XML-RPC. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from xml.parsers.expat import ExpatError
from xmlrpc.client import Error as XmlRpcError
from xmlrpc.client import Unmarshaller, dumps

from defusedxml.common import DefusedXmlException
from defusedxml.xmlrpc import DefusedExpatParser

from ..web.websocket import Outgoing

ENCODINGS = ("text", "json", "xmlrpc")
# What the parser of the standard library raises for the different ways of being broken.
_FAULTS = (
    XmlRpcError, DefusedXmlException, ExpatError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError
)  # fmt: skip


class BadMessage(ValueError):
    """The peer sent what is not of the agreed encoding."""


def decode(data: str | bytes, encoding: str) -> Any:
    """What a handler gets for a message. Raises BadMessage. As text it gets what was sent, binary as bytes."""
    if encoding == "text":
        return data
    if encoding == "json":
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise BadMessage(f"the message is not JSON: {error}") from None
    return _from_xmlrpc(data)


def encode(value: Any, encoding: str) -> Outgoing:
    """The message for what a handler sends. Raises TypeError, ValueError for what cannot be one.

    As text: a text, bytes as a binary message, a dict or list as JSON. As JSON or XML-RPC: any value of those.
    """
    if encoding == "text":
        if isinstance(value, (str, bytes)):
            return Outgoing(value)
        if isinstance(value, (bytearray, memoryview)):
            return Outgoing(bytes(value))
        if isinstance(value, (dict, list)):
            return Outgoing(json.dumps(value, ensure_ascii=False))
        raise TypeError(f"a WebSocket sends text, bytes, a dict or a list, not {type(value).__name__}")
    if encoding == "json":
        return Outgoing(json.dumps(value, ensure_ascii=False))
    return Outgoing(dumps((value,), methodresponse=True, allow_none=True))


def messages(value: Any, encoding: str) -> Iterator[Outgoing]:
    """The messages for what a handler returned or yielded: None is none, a tuple is several."""
    for one in value if isinstance(value, tuple) else (value,):
        if one is not None:
            yield one if isinstance(one, Outgoing) else encode(one, encoding)


def _from_xmlrpc(data: str | bytes) -> Any:
    """The parameter of a call or answer, several as a tuple."""
    target = Unmarshaller(use_builtin_types=True)
    parser: Any = DefusedExpatParser(target)
    try:
        parser.feed(data.encode() if isinstance(data, str) else data)
        parser.close()
        found = target.close()
    except _FAULTS as error:
        raise BadMessage(f"the message is not XML-RPC: {error or type(error).__name__}") from None
    return found[0] if len(found) == 1 else found
