"""A client that calls a WSGI app in this process: no server, no socket."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from .answers import Answer, Headers
from .caller import Caller

__all__ = ["Answer", "Client", "environ"]

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Client(Caller):
    """Calls `app` as a WSGI server that cannot park requests would. Keeps cookies between calls; one thread."""

    def __init__(self, app: Wsgi, *, host: str = "localhost", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(headers)
        self._app, self.host = app, host

    @property
    def target(self) -> Wsgi:
        """What is called."""
        return self._app

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Call the app; a coroutine is driven to its end, a stream is read whole."""
        started: list[Any] = []
        written: list[bytes] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., Any]:
            started[:] = [status, Headers(headers)]
            return written.append

        answered = self._app(environ(method, path, {"Host": self.host, **headers}, body), start_response)
        try:
            data = b"".join([*answered])
        finally:
            close = getattr(answered, "close", None)
            if close is not None:
                close()
        return Answer(started[0], started[1], b"".join(written) + data)


def environ(method: str, path: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The WSGI environ of a request."""
    raw, _, query = path.partition("?")
    env: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(raw).decode("latin-1"),
        "REQUEST_URI": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        env[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    if body:
        env["CONTENT_LENGTH"] = str(len(body))
    return env
