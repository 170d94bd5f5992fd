"""An application of aiohttp's as a bean."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
from pathlib import Path
from typing import Annotated, Any

from atilite.errors import SetupError
from atilite.pod.connections import address_of, listen, place_of
from atilite.pod.keys import keys_of
from atilite.pod.loading import load
from atilite.pod.simple import SimpleServer, patience
from atilite.pod.wsgi import know
from atilite.quickly import dataclass
from atilite.scalars import Range

# What an end without patience leaves to the application, in seconds.
LAST_WORDS = 1.0


@dataclass(frozen=True)
class WebKeys:
    """The keys. `app` is an application, the coroutine of one, or a dotted path; `host` and `path` may be lists.

    `path` names Unix sockets, which take the place of host and port; `shutdown_timeout` is in seconds.
    """

    app: Any
    host: list[str] | str = "127.0.0.1"
    port: Annotated[int, Range(0, 65535)] = 8080
    path: list[str] | str = ()  # type: ignore[assignment]
    sock: Any = None
    backlog: Annotated[int, Range(1)] = 128
    shutdown_timeout: Annotated[float, Range(0)] = 60.0


class WebAdapter(SimpleServer):
    """The bean that serves an application of aiohttp's on the asyncio loop. Needs aiohttp.

    The application gets the bean's context as `pod_context` and `aio_pod_context`. At the end requests that run have
    `shutdown_timeout` seconds, but no more than half of the pod's own time. `addresses` tells where it listens.
    """

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self.addresses: list[str] = []
        self._paths: list[str] = []
        self._runner: Any = None

    async def startup(self, **kwargs: Any) -> None:
        """Load the application and serve it. Raises SetupError."""
        if importlib.util.find_spec("aiohttp") is None:
            raise SetupError("WebAdapter needs aiohttp: pip install aiohttp")
        from aiohttp import web

        keys, _ = keys_of(WebKeys, kwargs, self)
        app = load(keys.app)
        app = await app if inspect.isawaitable(app) else app
        if not isinstance(app, web.Application):
            raise SetupError(f"app cannot be {keys.app!r}: it is no application of aiohttp's")
        know(app, self.context)
        seconds = patience(self.context, keys.shutdown_timeout)
        self._runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=seconds)
        await self._runner.setup()
        self._paths = _listed(keys.path)
        for sock in self._sockets(keys):
            await web.SockSite(self._runner, sock, backlog=keys.backlog).start()
            self.addresses.append(address_of(sock))
        self.logger.info("serving at %s", ", ".join(self.addresses))

    async def run(self, **kwargs: Any) -> None:
        """Serve until the pod is about to end."""
        await self.stop_asked()

    async def cleanup(self, **kwargs: Any) -> None:
        """Let the requests end, then the application."""
        if self._runner is None:
            return
        try:
            await asyncio.wait_for(self._runner.cleanup(), None if self._stop_asked.is_set() else LAST_WORDS)
        finally:
            for path in self._paths:
                Path(path).unlink(missing_ok=True)

    def _sockets(self, keys: WebKeys) -> list[Any]:
        if keys.sock is not None:
            return list(keys.sock) if isinstance(keys.sock, (list, tuple)) else [keys.sock]
        places = [f"unix:{path}" for path in self._paths] or [place_of(host, keys.port) for host in _listed(keys.host)]
        return [sock for place in places for sock in listen(place)]


def _listed(one_or_more: list[str] | str) -> list[str]:
    return [one_or_more] if isinstance(one_or_more, str) else list(one_or_more)
