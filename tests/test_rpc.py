"""Routes called by XML-RPC and JSON-RPC: with the specifications' examples, and with clients that others have made."""

from __future__ import annotations

import http.client
import importlib.util
import json
import threading
import xmlrpc.client
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from atilite import Atilite
from atilite.config import Settings
from atilite.site import Site
from atilite.store.accounts import Accounts
from atilite.testing.client import Client
from atilite.testing.rpc import Fault
from atilite.web import xmlrpc as wire
from atilite.web.static import StaticFiles
from tests.require import require
from tests.test_answer import Served


@pytest.fixture
def app() -> Atilite:
    app = Atilite("called")

    @app.route("/add")
    def add(was: Any, a: int, b: int) -> int:
        return a + b

    @app.route("/subtract")
    def subtract(was: Any, minuend: int, subtrahend: int) -> int:
        return minuend - subtrahend

    app.route("/sum")(lambda was, a=0, b=0, c=0: a + b + c)
    app.route("/update")(lambda was, a=0, b=0, c=0, d=0, e=0: None)
    app.route("/notify_hello")(lambda was, a=0: None)
    app.route("/get_data")(lambda was: ["hello", 5])
    app.route("/math/double")(lambda was, x: x * 2)
    app.route("/users/<int:id>")(lambda was, id, detail="no": {"id": id, "detail": detail})
    return app


@pytest.fixture
def client(app: Atilite) -> Client:
    return Client(app)


@pytest.fixture
def serve(app: Atilite) -> Iterator[Callable[[], Served]]:
    served: list[Served] = []

    def start() -> Served:
        served.append(Served(app))
        return served[0]

    yield start
    for one in served:
        one.server.stop(0.5).wait(5)


def said(client: Client, body: Any, kind: str = "application/json-rpc") -> Any:
    text = body if isinstance(body, str) else json.dumps(body)
    answer = client.post("/rpc", body=text.encode(), headers={"Content-Type": kind})
    if not answer.data:
        return None
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    return answer.json()


def code_of(call: Callable[..., Any], *args: Any) -> int:
    with pytest.raises(Fault) as fault:
        call(*args)
    return fault.value.code


# The examples of section 7 of the JSON-RPC 2.0 specification: sent, expected.
EXAMPLES = {
    "by place": (
        '{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}',
        {"jsonrpc": "2.0", "result": 19, "id": 1},
    ),
    "by place, the other way": (
        '{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}',
        {"jsonrpc": "2.0", "result": -19, "id": 2},
    ),
    "by name": (
        '{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}',
        {"jsonrpc": "2.0", "result": 19, "id": 3},
    ),
    "by name, in another order": (
        '{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}',
        {"jsonrpc": "2.0", "result": 19, "id": 4},
    ),
    "notification": ('{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}', None),
    "notification of nothing": ('{"jsonrpc": "2.0", "method": "foobar"}', None),
    "no such method": (
        '{"jsonrpc": "2.0", "method": "foobar", "id": "1"}',
        {"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "1"},
    ),
    "no JSON": (
        '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]',
        {"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": None},
    ),
    "no call": (
        '{"jsonrpc": "2.0", "method": 1, "params": "bar"}',
        {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": None},
    ),
    "a batch that is no JSON": (
        '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},{"jsonrpc": "2.0", "method"]',
        {"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": None},
    ),
    "an empty batch": ("[]", {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": None}),
    "a batch of one that is no call": (
        "[1]",
        [{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": None}],
    ),
    "a batch of three that are no calls": (
        "[1,2,3]",
        [{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": None}] * 3,
    ),
    "a batch": (
        """[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
            {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
            {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
            {"foo": "boo"},
            {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
            {"jsonrpc": "2.0", "method": "get_data", "id": "9"}]""",
        [
            {"jsonrpc": "2.0", "result": 7, "id": "1"},
            {"jsonrpc": "2.0", "result": 19, "id": "2"},
            {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": None},
            {"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "5"},
            {"jsonrpc": "2.0", "result": ["hello", 5], "id": "9"},
        ],
    ),
    "a batch of notifications": (
        """[{"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
            {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}]""",
        None,
    ),
}


def bare(found: Any) -> Any:
    """Without the data of errors, which the specification leaves to the server."""
    for one in found if isinstance(found, list) else [found]:
        if isinstance(one, dict) and "error" in one:
            one["error"].pop("data", None)
    return found


@pytest.mark.row("A163")
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_json_rpc_specification(client: Client, name: str) -> None:
    sent, expected = EXAMPLES[name]
    assert bare(said(client, sent)) == expected


@pytest.mark.row("A163", "A191")
def test_the_test_client_calls_routes_by_both_protocols(client: Client) -> None:
    for procedures in (client.rpc("/rpc"), client.jsonrpc("/rpc"), client.jsonrpc("/"), client.rpc("/nowhere/at/all")):
        assert procedures.add(156, 952) == 1108
        assert procedures.math.double(4) == 8
        assert procedures.get_data() == ["hello", 5]
        assert procedures.update() is None
        assert getattr(procedures, "users.7")("yes") == {"id": 7, "detail": "yes"}
    assert client.jsonrpc("/rpc").add(b=1, a=2) == 3


@pytest.mark.row("A163")
def test_the_client_of_the_standard_library_calls_routes(app: Atilite, serve: Callable[[], Served]) -> None:
    moment = datetime(2026, 11, 21, 12, 30, 15, tzinfo=UTC)
    values = {
        "b": b"\x00\x01",
        "when": moment,
        "i": 2**31 - 1,
        "f": 0.5,
        "t": "a\rb \u20ac <&>",
        "n": None,
        "l": [True],
    }
    got: list[Any] = []

    @app.route("/later/echo")
    def echo(was: Any, value: Any) -> Any:
        got.append(value)
        yield was.Sleep(0.01)  # parked meanwhile
        return {**values, "when": moment}

    host, port = serve().address
    with xmlrpc.client.ServerProxy(f"http://{host}:{port}/RPC2", allow_none=True, use_builtin_types=True) as proxy:
        naive = moment.replace(tzinfo=None)
        assert proxy.later.echo({**values, "when": naive}) == {**values, "when": naive}
        # Its client sends the carriage return as it is, and XML makes a line feed of that.
        assert got == [{**values, "t": "a\nb \u20ac <&>", "when": naive}]
        many = xmlrpc.client.MultiCall(proxy)
        many.add(1, 2)
        many.nothing()
        many.math.double("x")
        results = many()
        assert (results[0], results[2]) == (3, "xx")
        with pytest.raises(xmlrpc.client.Fault) as fault:
            results[1]
        assert fault.value.faultCode == -32601


@pytest.mark.row("A163")
def test_a_json_rpc_client_of_others_calls_routes(serve: Callable[[], Served]) -> None:
    require(importlib.util.find_spec("jsonrpclib"), "jsonrpclib-pelix")
    jsonrpclib = importlib.import_module("jsonrpclib")
    host, port = serve().address
    server = jsonrpclib.Server(f"http://{host}:{port}/rpc")
    assert server.add(5, 6) == 11
    assert server.subtract(minuend=42, subtrahend=23) == 19
    assert server.math.double("x") == "xx"
    assert server._notify.update(1) is None
    with pytest.raises(Exception, match="Method not found"):
        server.nothing()
    batch = jsonrpclib.MultiCall(server)
    batch.add(1, 2)
    batch._notify.update(1)
    batch.get_data()
    assert list(batch()) == [3, ["hello", 5]]


@pytest.mark.row("A163")
def test_errors_have_the_codes_of_the_protocols(app: Atilite, client: Client) -> None:
    @app.route("/raises")
    def raises(was: Any, status: str, errno: int = 0) -> None:
        raise was.Error(status, "because", errno)

    @app.route("/inspected")
    @app.inspect(ints=["n"])
    def inspected(was: Any, n: int = 0) -> int:
        return n

    app.route("/bug")(lambda was: 1 / 0)
    app.route("/object")(lambda was: object())
    app.route("/read", methods=["GET"])(lambda was: "only read")
    for procedures in (client.rpc("/rpc"), client.jsonrpc("/rpc")):
        assert code_of(procedures.add, 1) == -32602  # missing
        assert code_of(procedures.add, 1, 2, 3) == -32602  # too many
        assert code_of(procedures.add, "x", 2) == -32602  # no number
        assert code_of(procedures.inspected, "x") == -32602
        assert code_of(procedures.nothing) == -32601
        assert code_of(procedures.read) == -32601
        assert code_of(procedures.bug) == -32603
        assert code_of(procedures.object) == -32603
        assert code_of(procedures.raises, "403 Forbidden") == 40300
        assert code_of(procedures.raises, "404 Not Found", 40411) == 40411
    with pytest.raises(Fault) as fault:
        client.jsonrpc("/rpc").add(1)
    assert fault.value.data == {"more_info": "parameter `b` is missing", "fields": {"b": "is missing"}}
    with pytest.raises(Fault, match=r"forbidden: because|Forbidden: because"):
        client.rpc("/rpc").raises("403 Forbidden")


@pytest.mark.row("A163")
def test_a_call_passes_the_same_hooks_and_checks_as_its_route(app: Atilite, client: Client) -> None:
    passed: list[str] = []
    app.before_request(lambda was: passed.append(f"before {was.request.path}"))
    app.teardown_request(lambda was: passed.append("teardown"))

    @app.finish_request
    def finish(was: Any, response: Any) -> Any:
        return {"wrapped": response}

    @app.permission_handler
    def permit(was: Any, permissions: Any) -> None:
        if was.request.get_header("X-Staff") is None:
            raise was.Error("401 Unauthorized", "staff only")

    @app.route("/guarded")
    @app.permission_required(["staff"])
    def guarded(was: Any, a: int = 0) -> int:
        return a

    @app.route("/typed", content_types=["text/xml"])
    def typed(was: Any, a: int = 0) -> Any:
        return a + len(was.request.routable["content_types"]) + (was.request.args["a"] == a)

    assert client.rpc("/rpc").add(1, 2) == {"wrapped": 3}
    assert passed == ["before /add", "teardown"]
    assert code_of(client.rpc("/rpc").guarded, 1) == 40100
    client.headers["X-Staff"] = "yes"
    assert client.jsonrpc("/rpc").guarded(1) == {"wrapped": 1}
    assert client.rpc("/rpc").typed(5) == {"wrapped": 7}
    assert code_of(client.jsonrpc("/rpc").typed, 5) == 41500  # JSON is none of its types


@pytest.mark.row("A163")
def test_what_a_handler_may_return_is_serialised(app: Atilite, client: Client) -> None:
    def stream(was: Any) -> Any:
        yield "a"

    app.route("/api")(lambda was: was.API("201 Created", {"x": 1}))
    app.route("/response")(lambda was: was.response("200 OK", "text"))
    app.route("/refused")(lambda was: was.response("403 Forbidden", "not you"))
    app.route("/map")(lambda was: was.Map(x=was.Thread(lambda: 1)))
    app.route("/then")(lambda was: was.Sleep(0.01).then(lambda was, task: "later"))
    app.route("/stream")(stream)
    app.route("/csv")(lambda was: was.response("200 OK", iter("ab")))
    for procedures in (client.rpc("/"), client.jsonrpc("/")):
        assert procedures.api() == {"x": 1}
        assert procedures.response() == "text"
        assert procedures.map() == {"x": 1}
        assert procedures.then() == "later"
        assert code_of(procedures.refused) == 40300
        assert code_of(procedures.stream) == -32603
        assert code_of(procedures.csv) == -32603


def xml(client: Client, body: bytes, path: str = "/rpc") -> Any:
    return client.post(path, body=body, headers={"Content-Type": "text/xml"})


BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l "lol"><!ENTITY m "&l;&l;&l;&l;&l;&l;&l;&l;&l;">]>
<methodCall><methodName>add</methodName><params><param><value>&m;</value></param></params></methodCall>"""


@pytest.mark.row("A163")
@pytest.mark.parametrize(
    "body",
    [
        BOMB,
        b"<methodCall>",
        b"<methodCall></methodCall>",
        b"<methodCall><methodName>add</methodName><params><param><value><int>x</int></value></param></params></methodCall>",
        b"<methodCall><methodName>add</methodName><params><value/></methodCall>",
    ],
)
def test_what_is_no_safe_call_is_a_fault(client: Client, body: bytes) -> None:
    with pytest.raises(xmlrpc.client.Fault) as fault:
        xmlrpc.client.loads(xml(client, body).data)
    assert fault.value.faultCode == -32700


@pytest.mark.row("A163")
def test_a_body_of_more_than_a_mebibyte_is_refused(client: Client) -> None:
    body = xmlrpc.client.dumps(("x" * (1 << 20), 1), "add").encode()
    assert xml(client, body).status_code == 413
    assert code_of(client.jsonrpc("/rpc").add, "[" * 1000, 1) == -32602
    assert said(client, "[" * 100_000)["error"]["code"] == -32700
    calls = [{"jsonrpc": "2.0", "method": "update", "id": 1}] * 101
    assert said(client, calls)["error"]["code"] == -32600


@pytest.mark.row("A163")
def test_other_requests_of_these_types_reach_their_routes(app: Atilite, client: Client) -> None:
    @app.route("/documents", methods=["POST"])
    def documents(was: Any) -> bytes:
        return was.request.get_body()  # type: ignore[no-any-return]

    @app.route("/own", methods=["POST"], content_types=["text/xml", "application/json-rpc"])
    def own(was: Any) -> bytes:
        return b"own " + was.request.get_body()[:11]  # type: ignore[no-any-return]

    call = xmlrpc.client.dumps((1, 2), "add").encode()
    assert xml(client, b"<feed/>", "/documents").data == b"<feed/>"
    assert xml(client, call, "/own").data == b"own " + call[:11]
    assert xml(client, call, "/documents").data.count(b"<int>3</int>") == 1
    app.procedures = False
    assert xml(client, call, "/documents").data == call


@pytest.mark.row("A163")
def test_a_call_that_is_posted_to_a_route_of_the_loop_is_none(app: Atilite, serve: Callable[[], Served]) -> None:
    """Otherwise a stranger could have any handler run there, and a slow one would keep everybody waiting."""
    places: list[bool] = []

    @app.route("/slow")
    def slow(was: Any) -> str:
        places.append(app.runtime.loop.inside())
        return "slow"

    @app.route("/quick", start="hub", coroutine=True)
    def quick(was: Any) -> Any:
        places.append(app.runtime.loop.inside())
        yield was.Sleep(0)
        return "quick"

    one = serve()
    sent = {"Content-Type": "application/json-rpc"}
    call = json.dumps({"jsonrpc": "2.0", "method": "slow", "id": 1})
    assert one.request("POST", "/quick", call, **sent)[1] == b"quick"
    assert one.request("POST", "/rpc", call, **sent)[0] == 200
    called = one.request("POST", "/rpc", call.replace("slow", "quick"), **sent)[1]
    assert json.loads(called)["result"] == "quick"
    assert places == [True, False, False]


def test_a_static_file_is_no_procedure(app: Atilite, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a file")
    app.route("/files/secret")(lambda was: "a route")
    app.static_folders.append(("/files/", StaticFiles(tmp_path)))
    client = Client(app)
    assert client.get("/files/secret").text == "a file"
    for procedures in (client.rpc("/rpc"), client.jsonrpc("/rpc")):
        assert procedures.files.secret() == "a route"
        assert code_of(procedures.files.other) == -32601


@pytest.mark.row("A163")
def test_texts_that_xml_cannot_have_are_replaced(app: Atilite, client: Client) -> None:
    app.route("/odd")(lambda was: {"a\x00": "b\x01\ud800", "big": 2**40, "bytes": (b"x",)})
    found = client.rpc("/rpc").odd()
    assert found == {"a\ufffd": "b\ufffd\ufffd", "big": 2**40, "bytes": [b"x"]}
    with pytest.raises(TypeError):
        wire.encode(object())


@pytest.mark.row("A163")
def test_a_parked_call_holds_no_worker(app: Atilite, serve: Callable[[], Served]) -> None:
    gate, begun = threading.Event(), threading.Semaphore(0)

    @app.route("/wait")
    def wait(was: Any) -> Any:
        begun.release()
        yield was.Subprocess(["true"], timeout=30)
        yield was.Thread(gate.wait, timeout=60)
        return "waited"

    @app.route("/open")
    def opened(was: Any) -> str:
        gate.set()
        return "open"

    one = serve()
    body = json.dumps({"jsonrpc": "2.0", "method": "wait", "id": 1})
    connections = []
    for _ in range(8):
        connection = http.client.HTTPConnection(*one.address, timeout=60)
        connection.request("POST", "/rpc", body, {"Content-Type": "application/json-rpc"})
        connections.append(connection)
    for _ in connections:
        assert begun.acquire(timeout=60)
    assert one.request("GET", "/open")[1] == b"open"
    for connection in connections:
        assert json.loads(connection.getresponse().read())["result"] == "waited"
        connection.close()


@pytest.mark.row("A163")
def test_a_call_needs_the_role_and_the_token_that_its_route_needs(tmp_path: Path) -> None:
    app = Atilite("roles")
    app.route("/open")(lambda was: "open")
    app.route("/valve", role="run")(lambda was: was.user.name)
    site = Site(tmp_path)
    site.mount("/", app)
    site.open(Settings(db=f"sqlite:///{tmp_path}/data.db"))
    try:
        accounts = Accounts(site.database())
        accounts.add("ana", "a long enough password", "admin")
        secrets = {role: accounts.add_token(role, role) for role in ("view", "run")}
        client = Client(site)
        for kind in ("rpc", "jsonrpc"):
            call = getattr(client, kind)("/rpc")
            client.headers.pop("Authorization", None)
            assert call.open() == "open"
            assert code_of(call.valve) == 40100
            client.headers["Authorization"] = f"Bearer {secrets['view']}"
            assert code_of(call.valve) == 40300
            client.headers["Authorization"] = f"Bearer {secrets['run']}"
            assert call.valve() == "run"
        # The console's and the API's own routes are no procedures.
        body = xmlrpc.client.dumps((), "settings").encode()
        assert b"methodResponse" not in xml(client, body, "/console/rpc").data
        assert b"methodResponse" not in xml(client, body, "/internal/rpc").data
    finally:
        site.stop(2.0)
        site.close()
