"""A TCP server as a bean: hooks for its life and its connections, or a protocol of asyncio's."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Annotated, Any

from atilite.checks import members_of
from atilite.errors import SetupError
from atilite.pod.connections import Connections, Listening, place_of
from atilite.pod.keys import keys_of
from atilite.pod.loading import load
from atilite.pod.simple import SimpleServer, called, outcome, patience
from atilite.quickly import dataclass
from atilite.scalars import Range


class TCPServer:
    """What happens in the life of a TCP server: inherit from it and name the class with the key `server`.

    Hooks are called in this order: `on_setup`, `on_start`, `on_connect` for each client, `on_signal`, `on_stop`,
    `on_cleanup`; each may be `async def` or plain. `config` has the keys of the bean as attributes.
    """

    def __init__(self, context: Any, config: Any) -> None:
        self.context = context
        self.config = config
        #: Where it listens, such as "127.0.0.1:9399"; "" as long as it does not.
        self.address = ""

    def on_setup(self) -> Any:
        """Called before it listens. A stop signal meanwhile cancels it, and the server never listens."""

    def on_start(self) -> Any:
        """Called when it listens."""

    async def on_connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
        """Serve one client; the connection is closed when this returns."""

    def on_signal(self, sig: str) -> Any:
        """Called when the pod is about to end."""

    def on_stop(self) -> Any:
        """Called when it listens no more; the clients that are there have a while to end."""

    def on_cleanup(self) -> Any:
        """Called last, whenever `on_setup` has begun."""


@dataclass(frozen=True)
class TCPKeys:
    """The keys. `protocol` and `server` are classes or their dotted paths, `grace` is in seconds."""

    host: str = "127.0.0.1"
    port: Annotated[int, Range(0, 65535)] = 9399
    backlog: Annotated[int, Range(1)] = 100
    limit: Annotated[int, Range(1)] = 1 << 16
    protocol: Any = None
    server: Any = TCPServer
    grace: Annotated[float, Range(0)] = 5.0


class TCPServerAdapter(SimpleServer):
    """The bean that runs a `TCPServer`. Its `server` is that object.

    At the end it takes no more clients, waits `grace` seconds for those that are there, and then ends them.
    """

    server: TCPServer

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self._connections = Connections()
        self._listening: Listening | None = None
        self._setup: asyncio.Future[Any] | None = None
        self._signalled = asyncio.Event()
        self._started = False
        self._patience = 0.0

    async def startup(self, **kwargs: Any) -> None:
        """Set the server up, listen and start it; nothing but the first if the pod is about to end."""
        keys, others = keys_of(TCPKeys, kwargs, self)
        protocol = None if keys.protocol is None else _class("protocol", keys.protocol, asyncio.BaseProtocol)
        config = SimpleNamespace(**others, **{name: getattr(keys, name) for name in members_of(TCPKeys)})
        self._grace = keys.grace
        self.server = _class("server", keys.server, TCPServer)(self.context, config)
        if not await self._set_up():
            return
        if protocol is None:
            factory = self._connections.streams(self.server.on_connect, keys.limit)
        else:
            factory = bound(protocol, self.server, self._connections)
        self._listening = Listening(place_of(keys.host, keys.port), factory, keys.backlog)
        self.server.address = (await self._listening.open())[0]
        self.logger.info("serving at %s", self.server.address)
        await outcome(self.server.on_start())
        self._started = True

    async def run(self, **kwargs: Any) -> None:
        """Serve until the pod is about to end."""
        await self.stop_asked()
        await self._signalled.wait()
        self._patience = patience(self.context, self._grace)

    async def on_stop(self, keys: Any = (), **kwargs: Any) -> None:
        """Tell the server; what it is setting up is cancelled."""
        try:
            if self._setup is not None:
                for signal in keys:
                    await outcome(self.server.on_signal(signal))
                self._setup.cancel()
        finally:
            self._signalled.set()

    async def cleanup(self, **kwargs: Any) -> None:
        """Listen no more, let the clients end, and let the server clean up, as far as each of it has begun."""
        try:
            if self._listening is not None:
                self._listening.close()
            if self._started:
                await outcome(self.server.on_stop())
        finally:
            try:
                await self._connections.end(self._patience)
            finally:
                if self._setup is not None:
                    await outcome(self.server.on_cleanup())

    async def _set_up(self) -> bool:
        """Whether to go on: False when the pod is about to end."""
        self._setup = asyncio.ensure_future(called(self.server.on_setup))
        try:
            await asyncio.wait([self._setup])
        finally:
            self._setup.cancel()
            await asyncio.wait([self._setup])
        if not (self._setup.cancelled() and self._stop_asked.is_set()):
            self._setup.result()
        return not self._stop_asked.is_set()


def bound(protocol: Any, server: TCPServer, connections: Connections) -> Any:
    """A class like `protocol` whose instances have `server`, and whose connections are known.

    It is a class of its own, because servers may share a protocol.
    """

    def connection_made(self: Any, transport: asyncio.BaseTransport) -> None:
        self.__ended = asyncio.get_running_loop().create_future()
        connections.add(self.__ended, transport, transport.close)
        super(made, self).connection_made(transport)

    def connection_lost(self: Any, error: Exception | None) -> None:
        if not self.__ended.done():
            self.__ended.set_result(None)
        super(made, self).connection_lost(error)

    members = {"server": server, "connection_made": connection_made, "connection_lost": connection_lost}
    made: Any = type(protocol.__name__, (protocol,), {**members, "__module__": protocol.__module__})
    return made


def _class(key: str, named: Any, base: type) -> Any:
    found = load(named)
    if not (isinstance(found, type) and issubclass(found, base)):
        raise SetupError(f"{key} cannot be {named!r} (name a class that inherits from {base.__qualname__})")
    return found
