"""JSON-RPC 2.0: calls that arrive, alone or several at a time, and what is answered to them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atilite.errors import Error
from atilite.quickly import dataclass
from atilite.web.calls import INVALID, UNREADABLE, WORDS, Answer, Call, told
from atilite.web.encoding import DATES, encode_json
from atilite.web.response import JSON, PLAIN, Style

# So many calls may come at a time: they are made one after the other by one thread.
MOST_CALLS = 100


def nothing() -> Answer:
    """What is sent where no answer is wanted. Not 204: clients of others take that for a failure."""
    return "200 OK", [("Content-Length", "0")], b""


@dataclass(frozen=True, slots=True)
class Asked:
    """One call as it was sent. `notice`: the caller wants no answer, not even an error."""

    method: str
    params: Mapping[str, Any] | list[Any]
    id: Any
    notice: bool

    @classmethod
    def of(cls, given: Any) -> Asked:
        """Read one member of a request. Raises ValueError for what is no call."""
        if not isinstance(given, dict) or given.get("jsonrpc") != "2.0":
            raise ValueError('no call: an object with "jsonrpc": "2.0" is expected')
        method, params, number = given.get("method"), given.get("params", {}), given.get("id")
        if not isinstance(method, str) or not isinstance(params, (dict, list)):
            raise ValueError("no call: the method is a text, the params are an array or an object")
        if isinstance(number, bool) or not isinstance(number, (str, int, float, type(None))):
            raise ValueError("no call: the id is a text, a number or null")
        return cls(method, params, number, "id" not in given)


class JsonCall(Call):
    """A call whose answer is a JSON-RPC object, `said`; None before it was answered."""

    def __init__(self, params: Mapping[str, Any], asked: Asked, style: Style = PLAIN) -> None:
        super().__init__(params)
        self._asked, self._style = asked, style
        self.said: dict[str, Any] | None = None

    def result(self, value: Any) -> Answer:
        return self._say({"jsonrpc": "2.0", "result": value, "id": self._asked.id})

    def fault(self, code: int, message: str, error: Error | None = None) -> Answer:
        return self._say(failure(code, self._asked.id, message, told(error) if error is not None else {}))

    def _say(self, said: dict[str, Any]) -> Answer:
        made = nothing() if self._asked.notice else answer_of(said, self._style)  # what cannot be encoded raises here
        self.said = said
        return made


def failure(code: int, number: Any, message: str = "", data: Any = None) -> dict[str, Any]:
    """An error as the object that says it."""
    error: dict[str, Any] = {"code": code, "message": message or WORDS.get(code, "")}
    if data:
        error["data"] = data
    return {"jsonrpc": "2.0", "error": error, "id": number}


def unreadable(reason: str) -> dict[str, Any]:
    """What is said to a body that is no JSON."""
    return failure(UNREADABLE, None, data={"more_info": reason})


def invalid(reason: str) -> dict[str, Any]:
    """What is said to JSON that is no call."""
    return failure(INVALID, None, data={"more_info": reason})


def answer_of(said: Any, style: Style = PLAIN) -> Answer:
    """The HTTP answer for one object or several. Raises TypeError for a value without JSON form."""
    body = encode_json(said, DATES[style.dates], style.pretty)
    return "200 OK", [JSON, ("Content-Length", str(len(body)))], body
