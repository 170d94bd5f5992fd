"""An application of the kind WSGI as a bean: one of atilite's own, of Bottle, Flask, Django, or any callable."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

from atilite.errors import SetupError
from atilite.lazily import function_of
from atilite.pod.connections import place_of
from atilite.pod.keys import keys_of
from atilite.pod.loading import load
from atilite.pod.simple import SimpleServer, patience
from atilite.quickly import dataclass
from atilite.scalars import Range

# The server is a higher room; a bean that serves is what loads it.
Server = function_of("atilite.server.server", "Server")


@dataclass(frozen=True)
class WSGIKeys:
    """The keys. `app` is an application or its dotted path, `unix` the path of a socket, `grace` is in seconds.

    `behind_proxy` is the address of a proxy whose X-Forwarded headers are believed.
    """

    app: Any
    host: str = "127.0.0.1"
    port: Annotated[int, Range(0, 65535)] = 8000
    unix: str = ""
    threads: Annotated[int, Range(1, 1000)] = 4
    connections: Annotated[int, Range(1)] | None = None
    behind_proxy: str = ""
    grace: Annotated[float, Range(0)] = 5.0


class WSGIServer(SimpleServer):
    """The bean that serves an application with atilite's server: `threads` of it run requests, none of them the loop.

    An `Atilite` app is started with the bean, with its services and schedules, and stopped with it, unless a site has
    mounted it. The application gets the bean's context as `pod_context` and `aio_pod_context`. At the end the server
    takes no more requests and gives those that run `grace` seconds. `addresses` tells where it listens.
    """

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self.addresses: list[str] = []
        self._server: Any = None
        self._ends: Callable[[float], object] | None = None

    async def startup(self, **kwargs: Any) -> None:
        """Load the application and serve it. Raises SetupError."""
        keys, _ = keys_of(WSGIKeys, kwargs, self)
        runtime = self.context.pod.runtime
        self._grace = keys.grace
        app = application(keys.app, self.context)
        policy = None
        if is_atilite(app):
            if app.site is None:
                await runtime.threads.submit(app.start)
                self._ends = app.stop
            policy = app.pipeline.policy
        self._server = Server(
            app,
            loop=runtime.loop,
            listeners=[f"unix:{keys.unix}" if keys.unix else place_of(keys.host, keys.port)],
            threads=keys.threads,
            connections=keys.connections,
            policy=policy,
            behind_proxy=keys.behind_proxy or None,
        )
        self._server.bind()
        self._server.start()
        self.addresses = self._server.addresses
        self.logger.info("serving at %s", ", ".join(self.addresses))

    async def run(self, **kwargs: Any) -> None:
        """Serve until the pod is about to end."""
        await self.stop_asked()

    async def cleanup(self, **kwargs: Any) -> None:
        """Let the requests end, then the application."""
        seconds = patience(self.context, self._grace)
        try:
            if self._server is not None:
                cut_off = await self._server.stop(seconds if self._stop_asked.is_set() else 0.0)
                if cut_off:
                    self.logger.warning("%d requests were cut off", cut_off)
        finally:
            if self._ends is not None:
                await self.context.pod.runtime.threads.submit(self._ends, seconds)


def application(named: Any, context: Any) -> Any:
    """Load an application, and let it know the context of the bean. Raises SetupError if it is none."""
    app = load(named)
    if not callable(app):
        raise SetupError(f"app cannot be {named!r}: it is {type(app).__name__}, and no application")
    know(app, context)
    return app


def know(app: Any, context: Any) -> None:
    """Set `pod_context` and `aio_pod_context` of an application."""
    for name in ("pod_context", "aio_pod_context"):
        try:
            # Around the class's own ideas: Bottle refuses to set an attribute twice, aiohttp warns of any.
            object.__setattr__(app, name, context)
        except (AttributeError, TypeError):
            context.log.info("%r takes no attributes and so does not get %s", app, name)


def is_atilite(app: Any) -> bool:
    """Whether this is an app of ours; where no module has loaded their class, nothing is one."""
    module = sys.modules.get("atilite.app")
    return module is not None and isinstance(app, module.Atilite)
