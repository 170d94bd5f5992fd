"""Routes as methods of gRPC, called by a real client with generated code."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from atilite import Atilite
from atilite.errors import Frozen, SetupError
from tests.require import require

PROTO = """
syntax = "proto3";
package guide;
message Point { int32 latitude = 1; int32 longitude = 2; }
message Feature { string name = 1; Point location = 2; }
message Nothing { }
service Guide {
  rpc GetFeature (Point) returns (Feature);
  rpc Later (Point) returns (Feature);
  rpc Empty (Nothing) returns (Feature);
  rpc Walk (Point) returns (stream Feature);
  rpc Forever (Nothing) returns (stream Feature);
  rpc Gather (stream Point) returns (Feature);
  rpc Echo (stream Point) returns (stream Feature);
  rpc Guarded (Nothing) returns (Feature);
  rpc Broken (Nothing) returns (Feature);
  rpc Breaks (Nothing) returns (stream Feature);
  rpc Missing (Nothing) returns (Feature);
}
"""


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    """The code that grpcio-tools makes of PROTO."""
    for name in ("grpc", "grpc_tools"):
        require(importlib.util.find_spec(name), f"{name} (grpcio, grpcio-tools)")
    folder = tmp_path_factory.mktemp("proto")
    (folder / "atilite_guide.proto").write_text(PROTO)
    protoc = importlib.import_module("grpc_tools.protoc")
    args = ["protoc", f"-I{folder}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
    assert protoc.main([*args, str(folder / "atilite_guide.proto")]) == 0
    sys.path.insert(0, str(folder))
    names = ("atilite_guide_pb2", "atilite_guide_pb2_grpc")
    yield importlib.import_module(names[0]), importlib.import_module(names[1])
    sys.path.remove(str(folder))
    for name in names:
        sys.modules.pop(name)


@pytest.fixture
def app(generated: tuple[Any, Any]) -> Atilite:
    pb2, _ = generated
    app = Atilite("guide")

    @app.route("/GetFeature")
    def get_feature(was: Any, point: Any) -> Any:
        if point.latitude < 0:
            raise was.Error("404 Not Found", "nobody lives there")
        return pb2.Feature(name=f"at {point.latitude}", location=point)

    @app.route("/Later", coroutine=True)
    def later(was: Any, point: Any) -> Any:
        task = yield was.Thread(lambda: point.latitude + 1)
        return pb2.Feature(name=str(task.fetch()))

    app.route("/Empty")(lambda was: pb2.Feature(name=was.request.get_header("X-Name", "none")))

    @app.route("/Walk")
    def walk(was: Any, point: Any) -> Any:
        for number in range(point.latitude):
            yield was.Sleep(0.001)
            yield pb2.Feature(name=str(number))

    app.g["walk ended"] = ended = threading.Event()

    @app.route("/Forever")
    def forever(was: Any) -> Any:
        try:
            for number in itertools.count():
                yield was.Sleep(0.001)
                yield pb2.Feature(name=str(number))
        finally:
            ended.set()

    @app.route("/Gather")
    def gather(was: Any, points: Any) -> Any:
        return pb2.Feature(name=str(sum(point.latitude for point in points)))

    @app.route("/Echo")
    def echo(was: Any, points: Any) -> Any:
        for point in points:
            yield pb2.Feature(location=point)

    @app.permission_handler
    def permit(was: Any, permissions: Any) -> None:
        if was.request.get_header("Authorization") != "Bearer secret":
            raise was.Error("401 Unauthorized")

    @app.route("/Guarded")
    @app.login_required
    def guarded(was: Any) -> Any:
        return pb2.Feature(name="guarded")

    app.route("/Broken")(lambda was: 1 / 0)

    @app.route("/Breaks")
    def breaks(was: Any) -> Any:
        yield pb2.Feature(name="first")
        raise was.Error("503 Service Unavailable", "it broke")

    return app


@pytest.fixture
def stub(app: Atilite, generated: tuple[Any, Any]) -> Iterator[Any]:
    grpc = importlib.import_module("grpc")
    port = app.serve_grpc(generated[1].add_GuideServicer_to_server, port=0)
    app.freeze()
    port.start()
    with grpc.insecure_channel(f"127.0.0.1:{port.number}") as channel:
        yield generated[1].GuideStub(channel)
    port.stop(0.2)


def code_of(call: Any) -> tuple[str, str]:
    grpc = importlib.import_module("grpc")
    with pytest.raises(grpc.RpcError) as error:
        call()
    return error.value.code().name, error.value.details()


@pytest.mark.row("A163")
def test_a_client_calls_routes_with_messages(stub: Any, generated: tuple[Any, Any]) -> None:
    pb2, _ = generated
    found = stub.GetFeature(pb2.Point(latitude=3, longitude=4), timeout=30)
    assert (found.name, found.location.longitude) == ("at 3", 4)
    assert stub.Later(pb2.Point(latitude=3), timeout=30).name == "4"
    assert stub.Empty(pb2.Nothing(), timeout=30, metadata=(("x-name", "Ana"),)).name == "Ana"


@pytest.mark.row("A163")
def test_messages_are_streamed_in_both_directions(stub: Any, generated: tuple[Any, Any]) -> None:
    pb2, _ = generated
    points = [pb2.Point(latitude=number) for number in range(5)]
    assert [one.name for one in stub.Walk(pb2.Point(latitude=3), timeout=30)] == ["0", "1", "2"]
    assert stub.Gather(iter(points), timeout=30).name == "10"
    assert [one.location.latitude for one in stub.Echo(iter(points), timeout=30)] == [0, 1, 2, 3, 4]


@pytest.mark.row("A163")
def test_a_client_that_leaves_ends_the_stream(app: Atilite, stub: Any, generated: tuple[Any, Any]) -> None:
    call = stub.Forever(generated[0].Nothing(), timeout=60)
    assert next(call).name == "0"
    call.cancel()
    assert app.g["walk ended"].wait(30)


@pytest.mark.row("A163")
def test_errors_have_the_names_that_grpc_gives_them(stub: Any, generated: tuple[Any, Any]) -> None:
    pb2, _ = generated
    nothing = pb2.Nothing()
    assert code_of(lambda: stub.GetFeature(pb2.Point(latitude=-1), timeout=30)) == ("NOT_FOUND", "nobody lives there")
    assert code_of(lambda: stub.Guarded(nothing, timeout=30))[0] == "UNAUTHENTICATED"
    assert stub.Guarded(nothing, timeout=30, metadata=(("authorization", "Bearer secret"),)).name == "guarded"
    assert code_of(lambda: stub.Broken(nothing, timeout=30))[0] == "INTERNAL"
    assert code_of(lambda: stub.Missing(nothing, timeout=30))[0] == "UNIMPLEMENTED"
    assert code_of(lambda: list(stub.Breaks(nothing, timeout=30))) == ("UNAVAILABLE", "it broke")


def test_a_port_is_declared_before_the_app_serves(app: Atilite, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        without.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(SetupError, match=r"atilite\[grpc\]"):
            app.serve_grpc(port=0)
    port = app.serve_grpc(port=0)
    app.start()
    try:
        assert port.number > 0
        with pytest.raises(Frozen):
            app.serve_grpc(port=0)
    finally:
        app.stop(1)
