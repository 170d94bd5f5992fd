from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from xmlrpc.server import SimpleXMLRPCDispatcher, SimpleXMLRPCServer

import pytest

from atilite.errors import ResourceError
from atilite.resources.aliases import PROTO_HTTP, Aliases
from atilite.resources.http import Stubs
from atilite.resources.rpc import JsonRpc, RpcError, read_xml, request, result_of, xmlrpc_client
from atilite.runtime.engine import Runtime
from atilite.runtime.outcome import STA_NETERR, STA_REQFAIL
from tests.require import require

pytestmark = pytest.mark.row("A135")


def add(a: int, b: int) -> int:
    return a + b


def fail() -> None:
    raise ValueError("broken on purpose")


@pytest.fixture
def start(runtime: Runtime) -> Iterator[Callable[[Any], Stubs]]:
    """Serve in a thread, and clients whose alias `@myapi` is that server."""
    running: list[Any] = []

    def start(server: Any) -> Stubs:
        running.append(server)
        # By itself it answers at /RPC2 only.
        server.RequestHandlerClass = type("Anywhere", (server.RequestHandlerClass,), {"rpc_paths": ()})
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        aliases = Aliases()
        aliases.add("@myapi", PROTO_HTTP, f"127.0.0.1:{server.server_address[1]}")
        app = type("App", (), {"runtime": runtime, "aliases": aliases})()
        return Stubs(app)

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def xml(start: Callable[[Any], Stubs]) -> Stubs:
    server = SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False, allow_none=True, use_builtin_types=True)
    server.register_function(add)
    server.register_function(fail)
    server.register_function(lambda *values: list(values), "lib.echo")
    server.register_introspection_functions()
    return start(server)


def test_the_manuals_sample(xml: Stubs) -> None:
    with xmlrpc_client(xml, "@myapi/rpc2") as stub:
        task3 = stub.add(156, 952)

    assert task3.fetch() == 1108


def test_names_may_have_dots_and_values_every_type(xml: Stubs) -> None:
    stub = xmlrpc_client(xml, "@myapi/RPC2")
    values = [1, 1.5, True, None, "ü <&>", b"\x00", datetime(2026, 1, 2, 3, 4, 5), [1, [2]], {"a": {"b": 1}}]

    assert stub.lib.echo(*values).fetch() == values
    assert "add" in stub.system.listMethods().fetch()


def test_a_fault_is_an_error_with_its_code(xml: Stubs) -> None:
    task = xmlrpc_client(xml, "@myapi/RPC2").fail()

    with pytest.raises(RpcError, match="broken on purpose") as caught:
        task.fetch()
    assert caught.value.code == 1
    assert task.dispatch().status == STA_REQFAIL


def test_xmlrpc_has_no_named_arguments(xml: Stubs) -> None:
    with pytest.raises(TypeError, match="named arguments"):
        xmlrpc_client(xml, "@myapi/RPC2").add(a=1)


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<methodResponse><params><param><value>&b;</value></param></params></methodResponse>"
)


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"no xml", b"<a/>", b"<methodResponse></methodResponse>", BOMB.encode()]
)
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    with pytest.raises(ResourceError, match="no XML-RPC"):
        read_xml(data, "add")


def test_every_answer_of_the_standard_library_is_understood() -> None:
    dispatcher = SimpleXMLRPCDispatcher(allow_none=True)
    dispatcher.register_function(add)
    asked = b"<methodCall><methodName>add</methodName><params>" + b"<param><value><int>2</int></value></param>" * 2
    found = dispatcher._marshaled_dispatch(asked + b"</params></methodCall>")  # type: ignore[arg-type]

    assert read_xml(found.encode() if isinstance(found, str) else found, "add") == 4


# -- JSON-RPC


@pytest.fixture
def rpc(start: Callable[[Any], Stubs]) -> JsonRpc:
    try:
        from jsonrpclib.SimpleJSONRPCServer import SimpleJSONRPCServer
    except ImportError:
        require(False, "the package jsonrpclib-pelix")
    server = SimpleJSONRPCServer(("127.0.0.1", 0), logRequests=False)
    server.register_function(add)
    server.register_function(fail)
    server.register_function(lambda **named: named, "named")
    server.register_function(noted.append, "log")
    return JsonRpc(start(server))


noted: list[Any] = []


def test_a_call_with_positional_and_with_named_arguments(rpc: JsonRpc) -> None:
    with rpc("@myapi/rpc2") as stub:
        assert stub.add(156, 952).fetch() == 1108
        assert stub.named(a=1, b="ü").fetch() == {"a": 1, "b": "ü"}


def test_errors_have_code_and_message(rpc: JsonRpc) -> None:
    stub = rpc("@myapi/")

    with pytest.raises(RpcError, match="nothing") as caught:
        stub.nothing().fetch()
    assert caught.value.code == -32601
    assert stub.fail().dispatch().status == STA_REQFAIL


def test_a_batch_is_one_request(rpc: JsonRpc) -> None:
    with rpc.batch("@myapi/rpc2") as stub:
        first, second, third = stub.add(1, 2), stub.nothing(), stub.add(3, 4)
        assert not first.done

    assert (first.fetch(20), third.fetch(20)) == (3, 7)
    assert isinstance(second.dispatch(20).expt, RpcError)


def test_a_batch_that_failed_in_the_making_is_not_sent(rpc: JsonRpc) -> None:
    stub = rpc.batch("@myapi/rpc2")
    task = stub.log("never")
    with pytest.raises(RuntimeError, match="no more"), stub:
        raise RuntimeError("no more")

    assert (task.done, noted.count("never")) == (True, 0)


def test_a_notification_is_answered_by_nobody(rpc: JsonRpc) -> None:
    assert rpc.notify("@myapi/rpc2").log("noted").fetch() is None
    assert "noted" in noted


def test_a_batch_to_nobody_fails_for_each(runtime: Runtime) -> None:
    app = type("App", (), {"runtime": runtime, "aliases": Aliases()})()
    with JsonRpc(Stubs(app)).batch("http://127.0.0.1:1", retries=0) as stub:
        tasks = [stub.add(1, 2), stub.add(3, 4)]

    assert [task.dispatch(20).status for task in tasks] == [STA_NETERR, STA_NETERR]


def test_both_kinds_of_arguments_are_one_too_many() -> None:
    with pytest.raises(TypeError, match="not both"):
        request("add", (1,), {"b": 2}, 1)


def test_requests_look_as_the_specification_has_them() -> None:
    assert request("subtract", (42, 23), {}, 1) == {"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}
    assert request("update", (), {"a": 1}, None) == {"jsonrpc": "2.0", "method": "update", "params": {"a": 1}}
    assert request("foobar", (), {}, 5) == {"jsonrpc": "2.0", "method": "foobar", "id": 5}


@pytest.mark.parametrize("answer", [None, [], {"id": 1}, {"id": 2, "result": 1}, {"result": 1}, "x"])
def test_an_answer_to_something_else_is_refused(answer: Any) -> None:
    with pytest.raises(ResourceError, match="no JSON-RPC"):
        result_of(answer, "add", 1)


def test_the_specifications_error_object_is_told() -> None:
    text = '{"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found", "data": [1]}, "id": 1}'
    with pytest.raises(RpcError) as caught:
        result_of(json.loads(text), "foobar", 1)

    assert (caught.value.code, caught.value.message, caught.value.data) == (-32601, "Method not found", [1])
