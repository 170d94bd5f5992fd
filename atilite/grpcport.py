"""gRPC: the routes of an app on a port of their own, for the services whose generated code is given.

The method `GetFeature` of a service is the route `/GetFeature`, with its hooks, access and checks. Needs grpcio.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING, Any

from .answer import STREAMED
from .errors import Error, Frozen, SetupError
from .lazily import LazyModule
from .rpc import UnknownMethod, request_of
from .web.calls import Answer, Call

if TYPE_CHECKING:
    import grpc
else:
    grpc = LazyModule("grpc")

# What an HTTP error is called in gRPC; others are UNKNOWN.
CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    410: "NOT_FOUND",
    412: "FAILED_PRECONDITION",
    413: "RESOURCE_EXHAUSTED",
    415: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
THREADS = 16

Adder = Callable[[Any, Any], object]


def declare(app: Any, *adders: Adder, port: int, host: str = "127.0.0.1", at: str = "", **options: Any) -> Port:
    """`app.serve_grpc(pb2_grpc.add_RoutesServicer_to_server, port=50051)`: serve these services while the app runs.

    `at` stands before the names of the methods: with "/guide" the method `GetFeature` is the route `/guide/GetFeature`.
    Other options are those of `Port`. Raises Frozen once the app serves, SetupError without grpcio.
    """
    if app._frozen:
        raise Frozen("gRPC port", str(port))
    made = Port(app, adders, f"{host}:{port}", at=at, **options)
    app.ports.append(made)
    return made


class Port:
    """A gRPC server in front of an app's routes. Each call has a thread of `threads` until it is answered.

    `credentials` are grpc's server credentials for TLS; without them the port is for the machine itself or for a proxy.
    """

    def __init__(
        self,
        app: Any,
        adders: tuple[Adder, ...],
        address: str,
        *,
        at: str = "",
        threads: int = THREADS,
        credentials: Any = None,
        grpc_options: tuple[tuple[str, Any], ...] = (),
    ) -> None:
        if importlib.util.find_spec("grpc") is None:
            raise SetupError('gRPC needs grpcio: pip install "atilite[grpc]"')
        self._app, self._adders, self._address, self._at = app, adders, address, at
        self._threads, self._credentials, self._options = threads, credentials, grpc_options
        self._server: Any = None
        self.number = 0

    def start(self) -> None:
        """Bind and serve; `number` is the port then. Raises SetupError when the address cannot be had."""
        server = grpc.server(ThreadPoolExecutor(self._threads, "atilite-grpc"), options=self._options)
        for add in self._adders:
            add(Servicer(self._app, self._at, self._address), server)
        try:
            if self._credentials is None:
                self.number = server.add_insecure_port(self._address)
            else:
                self.number = server.add_secure_port(self._address, self._credentials)
        except RuntimeError as error:
            raise SetupError(f"gRPC cannot be served at {self._address}: {error}") from None
        server.start()
        self._server = server

    def stop(self, grace: float) -> None:
        """Take no more calls; end what still goes on after `grace` seconds. Blocks so long."""
        if self._server is not None:
            self._server.stop(grace).wait()
            self._server = None


class Servicer:
    """What generated code takes for the implementation of a service: every method of it is a route."""

    def __init__(self, app: Any, at: str, address: str) -> None:
        self._app, self._at, self._address = app, at, address

    def __getattr__(self, name: str) -> Callable[[Any, Any], Any]:
        def method(request: Any, context: Any) -> Any:
            return self._answer(f"{self._at}/{name}", request, context)

        return method

    def _answer(self, path: str, request: Any, context: Any) -> Any:
        call = GrpcCall({})
        try:
            inner = request_of(self._app, environ_of(context, self._address), call, path, [request])
        except UnknownMethod as missing:
            return context.abort(grpc.StatusCode.UNIMPLEMENTED, str(missing))
        reply = self._app.pipeline.respond(inner)
        if call.error is not None:
            _abort(context, call.error)
        return call.value if isinstance(reply.body, bytes) else _pieces(reply.body, call, context)


class GrpcCall(Call):
    """A call whose result is a message, or several that are streamed: they are handed over as they are."""

    lenient = True  # a handler need not take a message that has nothing in it

    def __init__(self, params: dict[str, Any]) -> None:
        super().__init__(params)
        self.value: Any = None
        self.error: Error | None = None

    def result(self, value: Any) -> Answer:
        self.value = value
        return "200 OK", [], b""

    def fault(self, code: int, message: str, error: Error | None = None) -> Answer:
        """Keep what went wrong."""
        self.error = error or Error(500, message)
        return "200 OK", [], b""

    def stream(self) -> Answer:
        """The pieces follow."""
        return "200 OK", [], STREAMED

    def piece(self, chunk: Any) -> Any:
        """The message itself."""
        return chunk


def environ_of(context: Any, address: str) -> dict[str, Any]:
    """The WSGI environ of a gRPC request: its metadata are headers."""
    peer = str(context.peer())
    host, _, port = address.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/2",
        "REMOTE_ADDR": peer.split(":", 1)[-1].rpartition(":")[0].strip("[]") if ":" in peer else "",
        "CONTENT_TYPE": "application/grpc",
        "HTTP_HOST": address,
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
    }
    for name, value in context.invocation_metadata():
        if isinstance(value, str):
            environ.setdefault("HTTP_" + name.upper().replace("-", "_"), value)
    return environ


def _pieces(body: Any, call: GrpcCall, context: Any) -> Iterator[Any]:
    try:
        yield from body
    except Exception:  # the end of the call: the pipeline has logged it, and the client is told
        _abort(context, call.error or Error(500))
    finally:
        body.close()


def _abort(context: Any, error: Error) -> None:
    code = getattr(grpc.StatusCode, CODES.get(error.status_code, "UNKNOWN"))
    context.abort(code, error.explanation or error.reason)
