from __future__ import annotations

import json
import xmlrpc.client
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from atilite.testing.answers import Answer, Headers
from atilite.testing.caller import Caller
from atilite.testing.rpc import Fault, Refused


def xml(body: bytes) -> bytes:
    args, name = xmlrpc.client.loads(body)
    if name == "math.add":
        return xmlrpc.client.dumps((sum(args),), methodresponse=True).encode()
    return xmlrpc.client.dumps(xmlrpc.client.Fault(7, f"no {name}")).encode()


def jsons(body: bytes) -> bytes:
    asked = json.loads(body)
    assert asked["jsonrpc"] == "2.0"
    numbers = asked["params"].values() if isinstance(asked["params"], dict) else asked["params"]
    if asked["method"] == "math.add":
        return json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": sum(numbers)}).encode()
    error = {"code": -32601, "message": "Method not found", "data": asked["method"]}
    return json.dumps({"jsonrpc": "2.0", "id": asked["id"], "error": error}).encode()


class Server(Caller):
    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        super().__init__()
        self._answer = answer
        self.paths: list[str] = []

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.paths.append(f"{method} {path}")
        return Answer("200 OK", Headers(), self._answer(body))


def page(body: bytes) -> bytes:
    return b"<!doctype html><p>Not found"


@pytest.mark.row("A191")
def test_procedures_are_called_by_xml_rpc():
    server = Server(xml)

    with server.rpc("/rpc") as stub:
        assert stub.math.add(1, 2) == 3
    with pytest.raises(Fault) as fault:
        server.rpc("/rpc").nothing()
    assert (fault.value.code, fault.value.reason) == (7, "no nothing")
    assert server.paths == ["POST /rpc"] * 2


@pytest.mark.row("A191")
def test_procedures_are_called_by_json_rpc():
    server = Server(jsons)

    assert server.jsonrpc().math.add(1, 2) == 3
    assert server.jsonrpc().math.add(a=1, b=5) == 6
    with pytest.raises(Fault) as fault:
        server.jsonrpc("/rpc").nothing()
    assert (fault.value.code, fault.value.data) == (-32601, "nothing")
    assert server.paths == ["POST /jsonrpc", "POST /jsonrpc", "POST /rpc"]


@pytest.mark.parametrize("kind", ["rpc", "jsonrpc"])
@pytest.mark.parametrize("answer", [page, lambda body: b"", lambda body: b"[]", lambda body: b"<a></a>"])
def test_what_is_no_answer_of_that_kind_is_told(kind: str, answer: Callable[[bytes], bytes]):
    with pytest.raises(Refused, match=r"is there a .*-RPC route at this path"):
        getattr(Server(answer), kind)("/rpc").add(1)


def test_parameters_that_cannot_be_sent_are_refused():
    procedures: list[Any] = [lambda: Server(xml).rpc().add(a=1), lambda: Server(jsons).jsonrpc().add(1, b=2)]
    for call in procedures:
        with pytest.raises(TypeError):
            call()
