"""Small WSGI applications that answer now, later, in pieces or never."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from atilite.runtime.loop import Loop
from atilite.web.exchange import Park

TEXT = [("Content-Type", "text/plain")]


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until `condition` is true; fail when that takes too long. Only for what has no event to wait for."""
    end = time.monotonic() + seconds
    tick = threading.Event()
    while not condition():
        assert time.monotonic() < end, f"still not: {condition}"
        tick.wait(0.005)


def sized(body: bytes) -> list[tuple[str, str]]:
    """Headers of a text of known length."""
    return [*TEXT, ("Content-Length", str(len(body)))]


def reply(exchange: Any, body: bytes, status: str = "200 OK") -> None:
    """Answer a parked request with a text of known length."""
    exchange.start(status, sized(body))
    exchange.write(body)
    exchange.finish()


class Application:
    """Routes of `path -> function(environ, start_response)`; every other path is a text with its name."""

    def __init__(self, loop: Loop, **routes: Callable[..., Iterable[bytes]]) -> None:
        self.loop = loop
        self.routes = routes

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        name = environ["PATH_INFO"].strip("/").partition("/")[0]
        if name in self.routes:
            return self.routes[name](environ, start_response)
        if name == "later":
            # /later/SECONDS/text: parked for so long
            _, _, seconds, text = environ["PATH_INFO"].split("/", 3)
            raise Park(lambda exchange: self.loop.call_later(float(seconds), reply, exchange, text.encode()))
        body = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}".encode()
        start_response("200 OK", TEXT)
        return [body]
