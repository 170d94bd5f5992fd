"""An application of the kind ASGI as a bean, served by uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from atilite.errors import SetupError
from atilite.pod.connections import address_of, listen, place_of
from atilite.pod.keys import keys_of
from atilite.pod.simple import SimpleServer, patience
from atilite.pod.wsgi import application
from atilite.quickly import dataclass
from atilite.scalars import Range

if TYPE_CHECKING:
    import uvicorn

# What uvicorn's own command line has, and what one writes here instead.
ELSEWHERE: Mapping[str, str] = {
    "uds": "unix=",
    "fd": "host= and port=",
    "workers": "processes=",
    "reload": "nothing: the configuration is read again at SIGHUP",
}


@dataclass(frozen=True)
class ASGIKeys:
    """The keys. `app` is an application or its dotted path, `unix` the path of a socket, `grace` is in seconds."""

    app: Any
    host: str = "127.0.0.1"
    port: Annotated[int, Range(0, 65535)] = 8000
    unix: str = ""
    grace: Annotated[float, Range(0)] = 5.0


class ASGIServer(SimpleServer):
    """The bean that serves an application of the kind ASGI on the asyncio loop. Needs uvicorn.

    Further keys are those of `uvicorn.Config`, such as `lifespan` and `root_path`. The application gets the bean's
    context as `pod_context` and `aio_pod_context`. At the end the server takes no more requests and gives those that
    run `grace` seconds. `addresses` tells where it listens.
    """

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self.addresses: list[str] = []
        self._server: Any = None
        self._serving: asyncio.Task[None] | None = None

    async def startup(self, **kwargs: Any) -> None:
        """Load the application and serve it. Raises SetupError."""
        keys, others = keys_of(ASGIKeys, kwargs, self)
        self._unix = keys.unix
        app = application(keys.app, self.context)
        self._server = quiet_server(app, others, grace=patience(self.context, keys.grace))
        listening = listen(f"unix:{keys.unix}" if keys.unix else place_of(keys.host, keys.port))
        self.addresses = [address_of(sock) for sock in listening]
        self._serving = asyncio.create_task(_serve(self._server, listening))
        begun = asyncio.ensure_future(self._server.begun.wait())
        await asyncio.wait([self._serving, begun], return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        if self._serving.done():
            self._serving.result()
        self.logger.info("serving at %s", ", ".join(self.addresses))

    async def run(self, **kwargs: Any) -> None:
        """Serve until the pod is about to end, or uvicorn has had its fill of requests."""
        assert self._serving is not None
        asked = asyncio.ensure_future(self.stop_asked())
        try:
            await asyncio.wait([self._serving, asked], return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()

    async def cleanup(self, **kwargs: Any) -> None:
        """Let the requests end, then the application."""
        if self._serving is None:
            return
        self._server.should_exit = True
        self._server.force_exit = not (self._stop_asked.is_set() or self._serving.done())
        try:
            await asyncio.wait([self._serving])
        finally:
            self._serving.cancel()
            if self._unix:
                Path(self._unix).unlink(missing_ok=True)
        self._serving.result()


#: Its name in os-aio-pod.
UvicornAdapter = ASGIServer


def quiet_server(app: Any, others: Mapping[str, Any], *, grace: float) -> uvicorn.Server:
    """A server that leaves signals and the configuration of logging to the pod. Raises SetupError."""
    if importlib.util.find_spec("uvicorn") is None:
        raise SetupError("ASGIServer needs uvicorn: pip install uvicorn")
    import uvicorn

    class Quiet(uvicorn.Server):
        begun = asyncio.Event()

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            self.begun.set()

    for name in others:
        if name in ELSEWHERE:
            raise SetupError(f"{name} is no key of ASGIServer; write {ELSEWHERE[name]}")
    options = {"log_config": None, **others, "loop": "none", "timeout_graceful_shutdown": grace}
    try:
        return Quiet(uvicorn.Config(app, **options))
    except (TypeError, ValueError) as error:
        raise SetupError(f"uvicorn takes the keys of this bean not: {error}") from error


async def _serve(server: uvicorn.Server, listening: list[socket.socket]) -> None:
    try:
        await server.serve(sockets=listening)
    except SystemExit:
        # It would end the loop of all beans.
        raise SetupError("the application refused to start; the log tells why") from None
    finally:
        for sock in listening:
            sock.close()
