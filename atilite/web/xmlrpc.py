"""XML-RPC: calls that arrive and what is answered to them. Entities, document types and large bodies are refused."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from atilite.errors import Error
from atilite.lazily import LazyModule
from atilite.web.calls import Answer, Call
from atilite.web.encoding import plainer, xml_text, xml_value
from atilite.web.response import XML

if TYPE_CHECKING:
    import xmlrpc.client as xmlrpc

    import defusedxml.xmlrpc as defused
else:
    # Both are loaded with the first call: they take two megabytes.
    xmlrpc = LazyModule("xmlrpc.client")
    defused = LazyModule("defusedxml.xmlrpc")


def parse(body: bytes) -> tuple[str, list[Any]]:
    """Return the name and the parameters of a call. Raises ValueError for what is none, or is not safe to read."""
    target = xmlrpc.Unmarshaller(use_builtin_types=True)
    parser = defused.DefusedExpatParser(target, forbid_dtd=True)
    try:
        parser.feed(body)
        parser.close()
        params, name = list(target.close()), target.getmethodname()
    except Exception as error:  # a library's parser at what anybody may send: whatever it says is "no call"
        raise ValueError(f"no XML-RPC call: {type(error).__name__}: {error}") from None
    if not name:
        raise ValueError("no XML-RPC call: there is no methodName")
    return name, params


class XmlCall(Call):
    """A call whose answer is an XML-RPC document."""

    def result(self, value: Any) -> Answer:
        return _answer(f"<params><param>{encode(value)}</param></params>")

    def fault(self, code: int, message: str, error: Error | None = None) -> Answer:
        if error is not None and error.explanation:
            message = f"{message}: {error.explanation}"
        return _answer(f"<fault>{encode(fault_of(code, message))}</fault>")


class Kept(Call):
    """One of several calls in one request: what it came to is kept in `outcome`."""

    outcome: Any = None

    def result(self, value: Any) -> Answer:
        encode(value)  # what cannot be said is this call's error, not that of all
        self.outcome = [value]
        return _answer("")

    def fault(self, code: int, message: str, error: Error | None = None) -> Answer:
        if error is not None and error.explanation:
            message = f"{message}: {error.explanation}"
        self.outcome = fault_of(code, message)
        return _answer("")


def fault_of(code: int, message: str) -> dict[str, Any]:
    """A fault as a value."""
    return {"faultCode": code, "faultString": message}


def encode(value: Any) -> str:
    """Return `value` as an XML-RPC value; moments are in UTC. Raises TypeError for what has no such form."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<value><base64>{base64.b64encode(value).decode()}</base64></value>"
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value
        return f"<value><dateTime.iso8601>{moment:%Y%m%dT%H:%M:%S}</dateTime.iso8601></value>"
    if isinstance(value, Mapping):
        members = "".join(
            f"<member><name>{xml_text(str(name))}</name>{encode(item)}</member>" for name, item in value.items()
        )
        return f"<value><struct>{members}</struct></value>"
    if isinstance(value, (list, tuple)) and not hasattr(value, "_asdict"):
        return f"<value><array><data>{''.join(map(encode, value))}</data></array></value>"
    if value is None or isinstance(value, (bool, int, float, str)):
        return xml_value(value)
    return encode(plainer(value))


def _answer(inside: str) -> Answer:
    body = f'<?xml version="1.0" encoding="utf-8"?>\n<methodResponse>{inside}</methodResponse>\n'.encode()
    return "200 OK", [XML, ("Content-Length", str(len(body)))], body
