"""Calling procedures of an app under test: XML-RPC and JSON-RPC over any client."""

from __future__ import annotations

import itertools
import json
import xmlrpc.client
from collections.abc import Callable, Iterable
from typing import Any
from xml.parsers.expat import ExpatError

from ..errors import AtiliteError
from .answers import Answer


class Fault(AtiliteError):
    """A procedure answered with an error: `code`, `reason` and `data` as the server said them."""

    def __init__(self, code: int, reason: str, data: Any = None) -> None:
        super().__init__(f"{reason} ({code})")
        self.code, self.reason, self.data = code, reason, data


class Refused(AtiliteError):
    """What answered is no procedure call's answer: `answer` has it."""

    def __init__(self, kind: str, answer: Answer) -> None:
        super().__init__(f"{answer.status} and no {kind} answer (is there a {kind} route at this path?)")
        self.answer = answer


class Procedures:
    """A proxy whose attributes are procedures: `proxy.add(1, 2)`, `proxy.math.add(1, 2)`. One thread."""

    def __init__(self, call: Callable[[str, tuple[Any, ...], dict[str, Any]], Any], name: str = "") -> None:
        self._call, self._name = call, name

    def __getattr__(self, name: str) -> Procedures:
        if name.startswith("__"):
            raise AttributeError(name)
        return Procedures(self._call, f"{self._name}.{name}" if self._name else name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the procedure. Raises Fault when it answers an error, Refused when it is no answer of that kind."""
        return self._call(self._name, args, kwargs)

    def __enter__(self) -> Procedures:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is held open."""


def xml_procedures(send: Callable[..., Answer]) -> Procedures:
    """XML-RPC: `send(body=, headers=)` posts. Faults are raised as Fault."""

    def call(name: str, args: Iterable[Any], kwargs: dict[str, Any]) -> Any:
        if kwargs:
            raise TypeError("XML-RPC has no parameters by name")
        body = xmlrpc.client.dumps(tuple(args), name, allow_none=True).encode()
        answer = send(body=body, headers={"Content-Type": "text/xml", "Accept": "text/xml"})
        try:
            (value,), _ = xmlrpc.client.loads(answer.data, use_builtin_types=True)
        except xmlrpc.client.Fault as fault:
            raise Fault(fault.faultCode, fault.faultString) from None
        except (xmlrpc.client.Error, ExpatError, ValueError, LookupError, TypeError) as error:
            raise Refused("XML-RPC", answer) from error
        return value

    return Procedures(call)


def json_procedures(send: Callable[..., Answer]) -> Procedures:
    """JSON-RPC 2.0: `send(body=, headers=)` posts. Errors are raised as Fault."""
    numbers = itertools.count(1)

    def call(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args and kwargs:
            raise TypeError("JSON-RPC takes parameters by place or by name, not both")
        asked = {"jsonrpc": "2.0", "method": name, "params": kwargs or list(args), "id": next(numbers)}
        headers = {"Content-Type": "application/json-rpc", "Accept": "application/json"}
        answer = send(body=json.dumps(asked).encode(), headers=headers)
        try:
            found = answer.json()
        except ValueError:
            raise Refused("JSON-RPC", answer) from None
        if not isinstance(found, dict) or not {"result", "error"} & found.keys():
            raise Refused("JSON-RPC", answer)
        error = found.get("error")
        if error:
            raise Fault(error.get("code", 0), error.get("message", ""), error.get("data"))
        return found.get("result")

    return Procedures(call)
