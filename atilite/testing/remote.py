"""A client of a server in another process, over a socket of this machine."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from typing import Self
from urllib.parse import quote

from .answers import Answer, Headers
from .caller import Caller

# What a request line may hold as it is; anything else is escaped.
PLAIN = "/:?#[]@!$&'()*+,;=%-._~"


class Remote(Caller):
    """Asks the server at `host` and `port`, with a connection for each request. One thread.

    A context manager, as a client with a server of its own is; leaving it lets this server go on. `timeout` is in
    seconds for each answer. Requests raise OSError when nobody answers.
    """

    def __init__(
        self, host: str, port: int, *, timeout: float = 30.0, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(headers)
        self.host, self.port, self.timeout = host, port, timeout

    @property
    def url(self) -> str:
        """Where the server is: "http://127.0.0.1:5000"."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one request and read the whole answer."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        try:
            with_body = body or method in ("POST", "PUT", "PATCH")
            connection.request(method, quote(path, safe=PLAIN), body if with_body else None, dict(headers))
            found = connection.getresponse()
            return Answer(f"{found.status} {found.reason}".rstrip(), Headers(found.getheaders()), found.read())
        finally:
            connection.close()

    def stop(self) -> None:
        """End what the client holds; the server it was attached to goes on."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


def attach(host: str, port: int, timeout: float) -> Remote:
    """A client of a server that runs already. Raises ConnectionError that says what to do when there is none."""
    try:
        socket.create_connection((host, port), timeout=timeout).close()
    except OSError as error:
        raise ConnectionError(
            f"no server answers at {host}:{port}: {error} (start it with: python serve.py --devel --port {port})"
        ) from error
    return Remote(host, port, timeout=timeout)
