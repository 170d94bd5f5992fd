"""`was.grpc` against a real grpcio server with generated stubs."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from atilite.errors import AliasError, ResourceError, SetupError, TaskCancelled, TaskTimeout
from atilite.resources.aliases import PROTO_GRPC, PROTO_GRPCS, PROTO_HTTP, Aliases
from atilite.resources.grpcclient import GrpcError, grpc_client
from atilite.runtime.engine import Runtime
from tests.require import require
from tests.resources.authority import Authority
from tests.resources.peers import flooding, leaving, nonsense, peer, silent
from tests.resources.test_databases import wait_until

pytestmark = pytest.mark.row("A135")

PROTO = Path(__file__).with_name("greeting.proto")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The modules that protoc makes: (messages, service)."""
    try:
        from grpc_tools import protoc
    except ImportError:
        require(False, "the packages grpcio and grpcio-tools")
    folder = tmp_path_factory.mktemp("generated")
    words = ["protoc", f"-I{PROTO.parent}", f"--python_out={folder}", f"--grpc_python_out={folder}", str(PROTO)]
    assert protoc.main(words) == 0
    sys.path.insert(0, str(folder))
    yield importlib.import_module("greeting_pb2"), importlib.import_module("greeting_pb2_grpc")
    sys.path.remove(str(folder))


class Served:
    """The server, with its messages."""

    def __init__(self, generated: Any, tls: tuple[str, str] | None = None) -> None:
        import grpc

        self.messages, service = generated
        self.hold = threading.Event()
        Greeting = self.messages.Greeting
        hold = self.hold

        class Greeter(service.GreeterServicer):  # type: ignore[misc, name-defined]
            def Greet(self, request: Any, context: Any) -> Any:
                if request.text == "slow":
                    hold.wait(30)
                if request.text == "":
                    context.abort(grpc.StatusCode.INVALID_ARGUMENT, "a name is needed")
                return Greeting(text=f"Hello {request.text}")

            def GreetAll(self, requests: Any, context: Any) -> Any:
                return Greeting(text="Hello " + ", ".join(one.text for one in requests))

            def GreetOften(self, request: Any, context: Any) -> Any:
                for number in range(3):
                    yield Greeting(text=f"{number} {request.text}")

            def GreetEach(self, requests: Any, context: Any) -> Any:
                for one in requests:
                    yield Greeting(text=one.text)

        self.server = grpc.server(ThreadPoolExecutor(4))
        service.add_GreeterServicer_to_server(Greeter(), self.server)
        if tls is None:
            self.port = self.server.add_insecure_port("127.0.0.1:0")
        else:
            pair = (Path(tls[1]).read_bytes(), Path(tls[0]).read_bytes())
            self.port = self.server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
        self.server.start()

    def close(self) -> None:
        self.hold.set()
        self.server.stop(0).wait(10)


@pytest.fixture
def served(generated: Any) -> Iterator[Served]:
    served = Served(generated)
    yield served
    served.close()


@pytest.fixture
def stub(served: Served, runtime: Runtime) -> Any:
    aliases = Aliases()
    aliases.add("@myapi", PROTO_GRPC, f"127.0.0.1:{served.port}")
    return grpc_client(runtime, aliases, "@myapi/greeting.Greeter")


def test_the_manuals_sample(served: Served, stub: Any) -> None:
    with stub as stub:
        request = served.messages.Name(text="Hans")
        task = stub.Greet(request, 10.0)

    assert task.fetch().text == "Hello Hans"


def test_an_alias_of_a_web_server_may_speak_grpc_as_well(served: Served, runtime: Runtime) -> None:
    aliases = Aliases()
    aliases.add("@web", PROTO_HTTP, f"127.0.0.1:{served.port}")
    stub = grpc_client(runtime, aliases, "@web/greeting.Greeter")

    assert stub.Greet(served.messages.Name(text="x")).fetch().text == "Hello x"


def test_streams_go_up_as_iterables_and_come_down_as_lists(served: Served, stub: Any) -> None:
    names = [served.messages.Name(text=text) for text in ("a", "b")]

    assert stub.GreetAll(names).fetch().text == "Hello a, b"
    assert [one.text for one in stub.GreetOften(names[0]).fetch()] == ["0 a", "1 a", "2 a"]
    assert [one.text for one in stub.GreetEach(iter(names)).fetch()] == ["a", "b"]


def test_a_status_is_an_error_with_its_name(served: Served, stub: Any) -> None:
    with pytest.raises(GrpcError, match="a name is needed") as caught:
        stub.Greet(served.messages.Name()).fetch()

    assert caught.value.code == "INVALID_ARGUMENT"


def test_a_server_that_takes_too_long(served: Served, stub: Any) -> None:
    with pytest.raises(TaskTimeout):
        stub.Greet(served.messages.Name(text="slow"), 0.2).fetch()


def test_a_call_can_be_cancelled(served: Served, stub: Any) -> None:
    task = stub.Greet(served.messages.Name(text="slow"))

    assert task.cancel()
    with pytest.raises(TaskCancelled):
        task.fetch(20)


def test_nobody_there(generated: Any, runtime: Runtime) -> None:
    stub = grpc_client(runtime, Aliases(), "127.0.0.1:1/greeting.Greeter")

    with pytest.raises(ResourceError, match="no connection"):
        stub.Greet(generated[0].Name(text="x")).fetch(30)


@pytest.mark.parametrize("behaviour", [silent, nonsense, leaving, flooding])
def test_a_peer_that_speaks_no_grpc_is_an_error_in_time_and_leaves_nothing(
    generated: Any, runtime: Runtime, behaviour: Callable[[Any], None]
) -> None:
    def ask(port: int) -> None:
        aliases = Aliases()
        aliases.add("@bad", PROTO_GRPC, f"127.0.0.1:{port}")
        task = grpc_client(runtime, aliases, "@bad/greeting.Greeter").Greet(generated[0].Name(text="x"), 0.5)
        assert isinstance(task.dispatch(30).expt, (ResourceError, TaskTimeout))
        aliases.stop(5)

    with peer(behaviour) as port:
        ask(port)  # what grpcio starts once is started
        files = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            ask(port)
    # grpcio goes on with a handshake for 20 s after its channel was closed, unless the other side ends it.
    wait_until(lambda: len(os.listdir("/proc/self/fd")) <= files)


@pytest.mark.row("A147")
def test_a_member_that_is_away_is_avoided(served: Served, runtime: Runtime) -> None:
    aliases = Aliases()
    aliases.add("@two", PROTO_GRPC, ["127.0.0.1:1 9", f"127.0.0.1:{served.port}"])
    stub = grpc_client(runtime, aliases, "@two/greeting.Greeter")
    name = served.messages.Name(text="x")

    with pytest.raises(ResourceError, match="no connection"):
        stub.Greet(name).fetch(30)
    assert [stub.Greet(name).fetch(30).text for _ in range(3)] == ["Hello x"] * 3
    aliases.stop(2)


def test_an_encrypted_server_is_checked(generated: Any, runtime: Runtime, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    served = Served(generated, authority.certificate("IP:127.0.0.1"))
    aliases = Aliases()
    aliases.add("@safe", PROTO_GRPCS, f"127.0.0.1:{served.port}", ssl=authority.file)
    aliases.add("@strange", PROTO_GRPCS, f"127.0.0.1:{served.port}")
    name = generated[0].Name(text="x")

    assert grpc_client(runtime, aliases, "@safe/greeting.Greeter").Greet(name).fetch().text == "Hello x"
    with pytest.raises(ResourceError):
        grpc_client(runtime, aliases, "@strange/greeting.Greeter").Greet(name, 5.0).fetch()
    served.close()


def test_names_that_nobody_knows(generated: Any, runtime: Runtime, stub: Any) -> None:
    with pytest.raises(ResourceError, match="import its generated module"):
        grpc_client(runtime, Aliases(), "127.0.0.1:1/greeting.Nobody")
    with pytest.raises(AttributeError, match="has no method Shout"):
        _ = stub.Shout


def test_an_alias_of_another_kind(runtime: Runtime) -> None:
    aliases = Aliases()
    aliases.add("@lite", "*sqlite3", "x.db")
    with pytest.raises(AliasError, match="not as a gRPC service"):
        grpc_client(runtime, aliases, "@lite/greeting.Greeter")


def test_without_grpcio_the_error_says_what_to_install(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    aliases = Aliases()
    aliases.add("@myapi", PROTO_GRPC, "127.0.0.1:2")
    monkeypatch.setitem(sys.modules, "grpc", None)

    with pytest.raises(SetupError, match=r"pip install 'atilite\[grpc\]'"):
        grpc_client(runtime, aliases, "@myapi/greeting.Greeter")
