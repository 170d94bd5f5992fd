"""A request that is a call of a procedure: what the handler gets, and how what it returns goes back. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from atilite.errors import Error
from atilite.web.answers import API, File, FileBody
from atilite.web.headers import Header
from atilite.web.input import CALL as CALL
from atilite.web.response import Response, Unanswerable

Answer = tuple[str, list[Header], Any]

# The codes that JSON-RPC 2.0 defines and that XML-RPC servers use as well.
UNREADABLE, INVALID, UNKNOWN, PARAMETERS, INTERNAL = -32700, -32600, -32601, -32602, -32603
WORDS = {
    UNREADABLE: "Parse error",
    INVALID: "Invalid Request",
    UNKNOWN: "Method not found",
    PARAMETERS: "Invalid params",
    INTERNAL: "Internal error",
}


class Call(ABC):
    """One call. `params` are its parameters by name.

    A protocol says how a value and a fault look, in `result` and `fault`.
    """

    # Whether parameters that the handler does not take are left out.
    lenient = False

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.params = dict(params)

    @abstractmethod
    def result(self, value: Any) -> Answer:
        """The answer for what the handler came to. Raises TypeError for what the protocol cannot say."""

    @abstractmethod
    def fault(self, code: int, message: str, error: Error | None = None) -> Answer:
        """The answer that says what went wrong."""

    def answer(self, value: Any, request: Any) -> Answer:
        """The answer for what a handler or a hook returned. Raises Error, and TypeError for what cannot be said."""
        return self.result(plain(value))

    def refuse(self, error: Error) -> Answer:
        """The answer for an error."""
        code = code_of(error)
        return self.fault(code, WORDS.get(code) or error.message or error.reason, error)

    def stream(self) -> Answer:
        """The head of a stream, for a handler that yields text; or the whole answer, where there can be none."""
        return self.refuse(Error(500, "a stream cannot be the result of a call"))

    def piece(self, chunk: Any) -> Any:
        """A piece of a stream as it is sent."""
        return b""


def code_of(error: Error) -> int:
    """The code of an error: one of the protocols' own for what is not the handler's, else as JSON answers have it."""
    if error.errno:
        return PARAMETERS if error.errno == 40050 else error.errno
    if error.status_code == 400 and error.fields is not None:
        return PARAMETERS
    return INTERNAL if error.status_code == 500 else error.status_code * 100


def told(error: Error) -> dict[str, Any]:
    """What is known of an error beside its code and its words."""
    facts: dict[str, Any] = {"more_info": error.explanation} if error.explanation else {}
    return {**facts, "fields": error.fields} if error.fields else facts


def plain(value: Any) -> Any:
    """The value inside of what a handler may return. Raises the Error that it stands for; Unanswerable for streams."""
    if isinstance(value, Error):
        raise value
    if isinstance(value, API):
        return plain(value.data)
    if isinstance(value, Response):
        if value.status_code >= 400:
            raise Error(value.status, value.body if isinstance(value.body, str) else "")
        return plain(value.body)
    if isinstance(value, (File, FileBody)):
        return _content(value)
    if hasattr(value, "__next__"):
        raise Unanswerable("a stream cannot be the result of a call")
    return value


def _content(file: File | FileBody) -> bytes:
    body = file.open() if isinstance(file, File) else file
    try:
        return b"".join(body)
    finally:
        body.close()
