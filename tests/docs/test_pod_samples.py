"""The samples of os-aio-pod's manual, chapter "Built-In Components", as they are printed but for the imports.

A class comes from `atilite.pod` under another name, and a `core` is a path there. Two things differ besides: the class
of the last sample gets the module that it is in, which the manual leaves out, and servers listen at free ports.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atilite.pod import Pod
from atilite.pod.configuring import Config
from atilite.pod.connections import place_of
from tests.packages import package
from tests.pod.living import Happened

PATIENCE = 20.0

SIMPLE = """
    from atilite.pod import SimpleServer as Server

    class YourServer(Server):

        # can be async/sync 
        async def startup(self, **kwargs):
            pass

        # can be async/sync 
        async def cleanup(self, **kwargs):
            pass

        async def run(self, **kwargs):
            print(self.config)

        # on kill(Ctrl+C)
        def on_stop(self, **kwargs):
            pass
"""  # noqa: W291

FLOW = """
    import asyncio

    from atilite.pod import ProducerConsumer as Server


    class YourProducerConsumerServer(Server):
        def startup(self, **kwargs):
            self.stopping = False

        def on_stop(self, **kwargs):
            self.stopping = True

        async def produce(self, **kwargs):
            while not self.stopping:
                await asyncio.sleep(1)
                yield 1

        async def consume(self, obj, **kwargs):
            print(obj) 
"""  # noqa: W291

FLOW_BEANS = """
    BEANS = [
        {
            'core': 'your_servers.flow.YourProducerConsumerServer',
            'consumer_num': 10,
        }
    ]
"""

PTPYTHON = AIOMONITOR = """
    BEANS = [
        {
            'core': 'atilite.pod.Console',
        }
    ]
"""

UVICORN = """
    BEANS = [
        {
            'core': 'atilite.pod.UvicornAdapter',
            'app' : 'your_servers.applications.asgi'
        }
    ]
"""

AIOHTTP = """
    BEANS = [
        {
            'core': 'atilite.pod.WebAdapter',
            'app' : 'your_servers.applications.web'
        }
    ]
"""

TCP = """
    BEANS = [
        {
            'core': 'atilite.pod.TCPServerAdapter',
            # 'protocol': 'your.asyncio.Protocol.path'
            # 'server': 'your.event.driven.server'
        }
    ]
"""

APPLICATIONS = """
    from aiohttp.web import Application, Response


    async def asgi(scope, receive, send):
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": f"bean {asgi.aio_pod_context.id}".encode()})


    async def hello(request):
        return Response(text=f"bean {web.aio_pod_context.id}")


    web = Application()
    web.router.add_get("/", hello)
"""

ECHO = """
    import asyncio

    from atilite.pod import TCPServer as Server


    class Echo(Server):
        async def on_connect(self, reader, writer):
            writer.write(await reader.readline())


    class Protocol(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            self.transport.write(f"{type(self.server).__name__} at {self.server.address}".encode())
            self.transport.close()
"""

FILES = {
    "your_servers/__init__.py": "",
    "your_servers/simple.py": SIMPLE,
    "your_servers/flow.py": FLOW,
    "your_servers/flow_beans.py": FLOW_BEANS,
    "your_servers/applications.py": APPLICATIONS,
    "your_servers/echo.py": ECHO,
    "your_servers/ptpython_beans.py": PTPYTHON,
    "your_servers/aiomonitor_beans.py": AIOMONITOR,
    "your_servers/uvicorn_beans.py": UVICORN,
    "your_servers/aiohttp_beans.py": AIOHTTP,
    "your_servers/tcp_beans.py": TCP,
}

Run = Callable[..., Pod]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Starts the beans of one of the files, with further keys; each pod ends after the test."""
    monkeypatch.chdir(tmp_path)
    pods: list[Pod] = []

    with package(tmp_path, "your_servers", FILES):

        def start(beans: str | list[dict[str, Any]], **keys: Any) -> Pod:
            pod = Pod(config=Config({"NAME": "config.py"}))
            pods.append(pod)
            for table in beans_of(tmp_path / "your_servers" / beans) if isinstance(beans, str) else beans:
                pod.add_bean({**table, **keys})
            pod.start().wait(PATIENCE)
            return pod

        yield start
        for pod in pods:
            pod.stop().wait(PATIENCE)


def beans_of(path: Path) -> list[dict[str, Any]]:
    names: dict[str, Any] = {}
    exec(path.read_text(), names)
    return list(names["BEANS"])


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def answer(port: int) -> str:
    """What a web server says, which may be about to listen."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


@pytest.mark.row("P22")
def test_the_simple_server(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    pod = run([{"core": "your_servers.simple.YourServer"}])

    assert pod.done.wait(PATIENCE) == 0
    told = capsys.readouterr().out
    assert "NAME='config.py'" in told
    assert "STOP_WAIT_TIME=20.0" in told


@pytest.mark.row("P23")
def test_the_producer_with_its_consumers(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = Happened()
    monkeypatch.setattr("builtins.print", printed)
    pod = run("flow_beans.py")
    printed.wait_for(1)

    assert pod.stop().wait(PATIENCE) == 0
    assert set(printed.things) == {1}


@pytest.mark.row("P28", "P29")
@pytest.mark.parametrize("beans", ["ptpython_beans.py", "aiomonitor_beans.py"])
def test_the_console_in_place_of_both_consoles(run: Run, port: int, tmp_path: Path, beans: str) -> None:
    pod = run(beans, port=port, ready="explicit")
    token = (tmp_path / "console.token").read_text()
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client, client.makefile("r") as told:
        client.sendall(f"{token}context.id + 41\nexit()\n".encode())
        assert ">>> 42\n" in told.read()

    assert pod.stop().wait(PATIENCE) == 0


@pytest.mark.row("P26")
def test_uvicorn(run: Run, port: int) -> None:
    run("uvicorn_beans.py", port=port, ready="explicit")

    assert answer(port) == "bean 1"


@pytest.mark.row("P27")
def test_aiohttp(run: Run, port: int) -> None:
    run("aiohttp_beans.py", port=port, ready="explicit")

    assert answer(port) == "bean 1"


@pytest.mark.row("P25")
@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, ""),
        ({"server": "your_servers.echo.Echo"}, "hello\n"),
        ({"protocol": "your_servers.echo.Protocol"}, "TCPServer at {place}"),
        ({"protocol": "your_servers.echo.Protocol", "server": "your_servers.echo.Echo"}, "Echo at {place}"),
    ],
    ids=["neither", "server", "protocol", "both"],
)
def test_the_tcp_server(run: Run, port: int, keys: dict[str, Any], told: str) -> None:
    run("tcp_beans.py", port=port, ready="explicit", **keys)
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client, client.makefile("r") as answered:
        client.sendall(b"hello\n")

        try:
            said = answered.read()
        except ConnectionResetError:  # it did not wait for our line
            said = ""
    assert said == told.format(place=place_of("127.0.0.1", port))
