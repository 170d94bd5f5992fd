"""The TCP server as a bean: its hooks in order, protocols, and an end that no client can hold up."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from atilite.pod.tcp import TCPServer, TCPServerAdapter
from tests.pod.living import PATIENCE, Happened, Living

Alive = Callable[..., Living]


class Echo(TCPServer):
    """Answers each line with itself, and tells what is called."""

    happened: Happened

    def __init__(self, context: Any, config: Any) -> None:
        super().__init__(context, config)
        self.happened = config.happened

    async def on_setup(self) -> None:
        self.happened("setup")

    async def on_start(self) -> None:
        self.happened("start")

    async def on_connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.happened("connect")
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
        self.happened("client has left")

    async def on_signal(self, sig: str) -> None:
        self.happened(sig)

    async def on_stop(self) -> None:
        self.happened("stop")

    async def on_cleanup(self) -> None:
        self.happened("cleanup")


@pytest.fixture
def happened() -> Happened:
    return Happened()


@pytest.fixture
def client() -> Iterator[Callable[[Living], Any]]:
    """Connects to a server; gives a file to read from and write to."""
    opened: list[Any] = []

    def connect(living: Living) -> Any:
        with connection(living) as sock:  # which ends when the file is closed as well
            opened.append(sock.makefile("rwb", buffering=0))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()


def connection(living: Living) -> socket.socket:
    host, _, port = living.instance.server.address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=5)


def echo(alive: Alive, happened: Happened, server: Any = Echo, **keys: Any) -> Living:
    """An echo server at a free port that listens already."""
    living = alive(TCPServerAdapter, server=server, port=0, happened=happened, **keys)
    happened.wait_for("start")
    return living


@pytest.mark.row("P25")
def test_the_hooks_are_called_in_order(alive: Alive, happened: Happened, client: Any) -> None:
    living = echo(alive, happened)
    there = client(living)
    there.write(b"hello\n")
    assert there.readline() == b"hello\n"
    there.close()
    living.pod.send_signal("SIGTERM").fetch(PATIENCE)
    living.ended()

    order = [thing for thing in happened.things if thing != "client has left"]
    assert order == ["setup", "start", "connect", "SIGTERM", "stop", "cleanup"]


@pytest.mark.row("P25")
def test_hooks_may_be_plain(alive: Alive, happened: Happened, client: Any) -> None:
    class Plain(Echo):
        def on_setup(self) -> None:  # type: ignore[override]
            happened("setup")

        def on_start(self) -> None:  # type: ignore[override]
            happened("start")

        def on_connect(self, reader: Any, writer: Any) -> None:  # type: ignore[override]
            happened(writer)
            writer.write(b"welcome\n")  # the connection stays open: it may have been given to somebody

        def on_signal(self, sig: str) -> None:  # type: ignore[override]
            happened(sig)

        def on_stop(self) -> None:  # type: ignore[override]
            happened("stop")

        def on_cleanup(self) -> None:  # type: ignore[override]
            happened("cleanup")

    living = echo(alive, happened, Plain, grace=0)
    assert client(living).readline() == b"welcome\n"
    writer = happened.things[2]
    assert not writer.is_closing()
    living.pod.send_signal("SIGINT").fetch(PATIENCE)

    assert living.ended() == 0
    happened.things.remove(writer)
    assert happened.things == ["setup", "start", "SIGINT", "stop", "cleanup"]


@pytest.mark.row("P25")
def test_a_signal_while_it_sets_up_cancels_that_and_it_never_listens(alive: Alive, happened: Happened) -> None:
    class Slow(Echo):
        async def on_setup(self) -> None:
            happened("setup")
            try:
                await asyncio.Event().wait()
            finally:
                happened("setup ends")

    living = alive(TCPServerAdapter, server=Slow, port=0, happened=happened)
    happened.wait_for("setup")
    living.pod.send_signal("SIGTERM").fetch(PATIENCE)

    assert living.ended() == 0
    assert happened.things == ["setup", "SIGTERM", "setup ends", "cleanup"]


@pytest.mark.row("P25")
def test_an_error_while_it_sets_up_fails_the_bean_and_it_cleans_up(alive: Alive, happened: Happened) -> None:
    class Broken(Echo):
        def on_setup(self) -> None:  # type: ignore[override]
            raise OSError("no certificate")

    living = alive(TCPServerAdapter, server=Broken, port=0, happened=happened)

    assert living.ended() == 1
    assert "no certificate" in (living.bean.error or "")
    assert happened.things == ["cleanup"]


@pytest.mark.row("P25")
def test_the_keys_of_the_bean_are_the_configuration_of_the_server(alive: Alive, happened: Happened) -> None:
    config = echo(alive, happened, backlog="7", colour="green").instance.server.config

    assert (config.host, config.port, config.backlog, config.limit, config.colour) == (
        "127.0.0.1", 0, 7, 65536, "green",
    )  # fmt: skip


@pytest.mark.row("P25")
def test_the_defaults_are_those_of_the_manual() -> None:
    from atilite.pod.tcp import TCPKeys

    keys = TCPKeys()

    assert (keys.host, keys.port, keys.backlog, keys.protocol, keys.server) == ("127.0.0.1", 9399, 100, None, TCPServer)


@pytest.mark.row("P25")
@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("port", "http", "port: must be a whole number"),
        ("port", 70_000, "port: must be at most 65535"),
        ("server", "collections.OrderedDict", "server cannot be 'collections.OrderedDict'"),
        ("protocol", "asyncio.Queue", "protocol cannot be 'asyncio.Queue'"),
        ("server", "tests.pod.test_tcp.Nothing", "has no Nothing"),
    ],
)
def test_a_key_that_cannot_be_is_named(alive: Alive, key: str, value: Any, words: str) -> None:
    living = alive(TCPServerAdapter, **{"port": 0, key: value})

    assert living.ended() == 1
    assert words in (living.bean.error or "")


@pytest.mark.row("P25")
def test_a_port_in_use_is_told_with_what_to_do(alive: Alive, happened: Happened) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        living = alive(TCPServerAdapter, server=Echo, port=port, happened=happened)

        assert living.ended() == 1
    assert f"127.0.0.1:{port} cannot be listened on: Address already in use" in (living.bean.error or "")
    assert happened.things == ["setup", "cleanup"]


@pytest.mark.row("P25")
def test_connections_do_not_wait_to_fill_packets(alive: Alive, happened: Happened, client: Any) -> None:
    found: list[Any] = []

    class Looking(Echo):
        async def on_connect(self, reader: Any, writer: Any) -> None:
            found.append(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    living = echo(alive, happened, Looking)

    assert client(living).read(1) == b""  # closed when the hook has returned
    assert found == [1]


@pytest.mark.row("P25")
@pytest.mark.parametrize("kind", [ValueError, SystemExit])
def test_a_connection_that_raises_is_logged_with_its_peer_and_hurts_nobody(
    alive: Alive, happened: Happened, client: Any, caplog: pytest.LogCaptureFixture, kind: type[BaseException]
) -> None:
    class Fragile(Echo):
        async def on_connect(self, reader: Any, writer: Any) -> None:
            if await reader.readline() == b"break\n":
                raise kind("broken by a client")
            writer.write(b"fine\n")

    living = echo(alive, happened, Fragile)
    good, bad = client(living), client(living)
    with caplog.at_level(logging.ERROR):
        bad.write(b"break\n")
        assert bad.read(1) == b""
        good.write(b"go on\n")
        assert good.readline() == b"fine\n"

    assert "127.0.0.1" in caplog.text
    assert "broken by a client" in caplog.text


@pytest.mark.row("P25")
def test_clients_may_finish_when_it_stops_but_no_others_come(alive: Alive, happened: Happened, client: Any) -> None:
    living = echo(alive, happened, grace=20)
    there = client(living)
    there.write(b"one\n")
    there.readline()
    living.pod.send_signal("SIGTERM").fetch(PATIENCE)
    happened.wait_for("stop")
    with pytest.raises(ConnectionRefusedError):
        connection(living)
    there.write(b"two\n")
    assert there.readline() == b"two\n"
    assert not living.bean.done
    there.close()

    assert living.ended() == 0
    assert happened.things[-2:] == ["client has left", "cleanup"]


@pytest.mark.row("P25")
def test_clients_that_stay_are_ended_after_the_grace(alive: Alive, happened: Happened, client: Any) -> None:
    living = echo(alive, happened, grace=0.05)
    there = client(living)
    happened.wait_for("connect")
    living.pod.send_signal("SIGTERM").fetch(PATIENCE)

    assert living.ended() == 0
    assert there.read(1) == b""
    assert happened.things[-1] == "cleanup"


@pytest.mark.row("P25")
def test_it_can_be_stopped_and_started_again_at_the_same_port_beside_others(
    alive: Alive, happened: Happened, client: Any
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    living = alive(TCPServerAdapter, server=Echo, port=port, happened=happened, grace=0, ready="explicit")
    beside = Happened()
    living.pod.add_bean(TCPServerAdapter, server=Echo, port=0, happened=beside)
    beside.wait_for("start")
    there = client(living)
    there.write(b"one\n")
    assert there.readline() == b"one\n"
    living.bean.stop().wait(PATIENCE)
    assert there.read(1) == b""
    assert happened.things[-1] == "cleanup"

    living.bean.start().wait(PATIENCE)
    there = client(living)
    there.write(b"two\n")
    assert there.readline() == b"two\n"
    assert living.instance.server.address == f"127.0.0.1:{port}"
    assert beside.things == ["setup", "start"]


class Loud(asyncio.Protocol):
    """Answers what comes, with the port of its server in front."""

    server: Any

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(f"{self.server.address.rpartition(':')[2]}: ".encode() + data)


@pytest.mark.row("P25")
def test_servers_may_share_a_protocol_and_each_connection_knows_its_own(
    alive: Alive, happened: Happened, client: Any
) -> None:
    keys: dict[str, Any] = {"protocol": Loud}
    one = echo(alive, happened, **keys)
    other = echo(alive, Happened(), **keys)

    for living in (one, other, one):
        there = client(living)
        there.write(b"hi\n")
        port = living.instance.server.address.rpartition(":")[2]
        assert there.readline() == f"{port}: hi\n".encode()
    assert "server" not in vars(Loud)
    assert "connect" not in happened.things


@pytest.mark.row("P25")
def test_connections_of_a_protocol_are_ended_as_well(alive: Alive, happened: Happened, client: Any) -> None:
    living = echo(alive, happened, protocol=Loud, grace=0)
    there = client(living)
    there.write(b"hi\n")
    there.readline()
    living.pod.send_signal("SIGTERM").fetch(PATIENCE)

    assert living.ended() == 0
    assert there.read(1) == b""
