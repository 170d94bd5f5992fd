"""The open connections of a server on the asyncio loop: each is told of, and all end together."""

from __future__ import annotations

import asyncio
import inspect
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from atilite.lazily import function_of

log = logging.getLogger("atilite.pod")

# The room that knows all about listening is a higher one, and it is needed once something listens.
open_listeners = function_of("atilite.server.sockets", "open_listeners")
address_of = function_of("atilite.server.sockets", "address_of")
tune = function_of("atilite.server.sockets", "tune")

# Seconds that a connection which was told to end has for it.
LAST_WORDS = 1.0

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


def listen(address: str) -> list[socket.socket]:
    """Return sockets that listen at this address, fit for a loop. Raises SetupError with the remedy."""
    found: list[socket.socket] = open_listeners(address)
    for sock in found:
        tune(sock)
    return found


def place_of(host: str, port: int) -> str:
    """`host` and `port` in the form in which addresses are written."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Listening:
    """Sockets that listen; connections come to `factory`'s protocols. Asyncio loop only."""

    def __init__(self, address: str, factory: Callable[[], Any], backlog: int = 100) -> None:
        self._address, self._factory, self._backlog = address, factory, backlog
        self._servers: list[asyncio.Server] = []

    async def open(self) -> list[str]:
        """Listen; return where, such as `127.0.0.1:9399`. Raises SetupError with the remedy."""
        loop = asyncio.get_running_loop()
        make: Any = loop.create_unix_server if self._address.startswith("unix:") else loop.create_server
        sockets = listen(self._address)
        for sock in sockets:
            self._servers.append(await make(self._factory, sock=sock, backlog=self._backlog))
        return [address_of(sock) for sock in sockets]

    def close(self) -> None:
        """Take no more connections; those that are open go on."""
        for server in self._servers:
            server.close()
        if self._servers and self._address.startswith("unix:"):
            Path(self._address[5:]).unlink(missing_ok=True)


class Connections:
    """What is connected. Asyncio loop only."""

    def __init__(self) -> None:
        # What ends with the connection: its transport, and how to ask it to end.
        self._open: dict[asyncio.Future[Any], tuple[asyncio.BaseTransport, Callable[[], Any]]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def streams(self, handler: Handler, limit: int) -> Callable[[], asyncio.StreamReaderProtocol]:
        """Make protocols whose connections `handler(reader, writer)` serves, each in a task of its own.

        The connection is closed when a handler that is `async def` returns; a plain one has given it to somebody.
        """

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(_serve(handler, reader, writer))
            self.add(task, writer.transport, task.cancel)

        return lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader(limit=limit), connected)

    def add(self, end: asyncio.Future[Any], transport: asyncio.BaseTransport, close: Callable[[], Any]) -> None:
        """Enter a connection that is open until `end` is done; `close()` asks it to end."""
        self._open[end] = transport, close
        end.add_done_callback(self._open.pop)

    async def end(self, grace: float) -> None:
        """Wait so many seconds for all of them, then end those that are left, in the end without their last words."""
        try:
            await self._ended(grace)
            for _, close in list(self._open.values()):
                close()
            await self._ended(LAST_WORDS)
        finally:
            for transport, close in list(self._open.values()):
                close()
                transport.abort()  # type: ignore[attr-defined]

    async def _ended(self, seconds: float) -> None:
        if self._open:
            await asyncio.wait(list(self._open), timeout=seconds)


async def _serve(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    peer = writer.get_extra_info("peername") or "a Unix socket"
    try:
        served = handler(reader, writer)
        if inspect.isawaitable(served):
            await served
        else:
            await writer.wait_closed()
    except ConnectionError as error:
        log.info("the client %s has left: %s", peer, error)
    except (Exception, SystemExit):
        log.exception("the connection of %s failed", peer)
    finally:
        writer.close()
