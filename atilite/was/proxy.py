"""`was.ProxyPass`: another server's answer as one's own."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Generator, Iterator
from io import BytesIO
from typing import Any

from ..errors import Error, ResourceError
from ..lazily import LazyModule
from ..resources.outgoing import Order, Streamed, joined
from ..runtime.task import Mask, Task
from ..runtime.wire import time_limit
from ..web.body import next_piece
from ..web.exchange import CAN_PARK

# Loaded with the first request that is passed on.
_service: Any = LazyModule("atilite.resources.service")
_upstream: Any = LazyModule("atilite.resources.upstream")

# What may be the name of a header (RFC 9110, 5.1), and what may not be in its value.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# Seconds that the other server may be silent in the middle of an answer.
SILENCE = 60.0


def proxy_pass(
    was: Any, alias: str, path: str | None = None, timeout: float = 3.0, *, silence: float | None = SILENCE
) -> Generator[Any, Any, None]:
    """The coroutine that answers a request with what the server behind `alias` (or a URL) answers at `path`.

    Method, query, body and headers go there as they came, status, headers and body come back as they are; bodies are
    streamed both ways. `timeout` is how long it may take to connect, and to answer once it has the request, in
    seconds: 504. A server that cannot be reached is a 502. Without a path the request's own is used.
    """
    environ, runtime = was.request.env, was.app.runtime
    service, base = _service.service_of(runtime, was.app.aliases, alias)
    target = _upstream.target_of(was.request.path if path is None else path, environ.get("QUERY_STRING", ""))
    headers = _upstream.request_headers(
        environ,
        secure=was.request.scheme == "https",
        remote=was.request.get_remote_addr(),
        host=environ.get("HTTP_HOST", ""),
    )
    yield Mask()  # from here on no thread waits
    order = Order(environ["REQUEST_METHOD"], joined(base, target), headers, _body(was))
    protocol = environ.get("HTTP_UPGRADE", "")
    if protocol and "upgrade" in environ.get("HTTP_CONNECTION", "").lower():
        opened = runtime.loop.spawn(_tunnel, service, order, timeout, protocol)
    else:
        opened = runtime.loop.spawn(service.open, order, _terms(timeout, silence), decode=False)
    yield from _answered(was, opened, silence)


def _answered(was: Any, opened: Any, silence: float | None) -> Generator[Any, Any, None]:
    """Wait for the header, pass it on, then piece after piece as fast as the client takes them."""
    loop = was.app.runtime.loop
    under_way, received = opened, None
    try:
        received = (yield Task(opened, timeout=None)).fetch()
        if received.status_code == 101:
            if was.exchange is None:
                raise Error(501, "this server keeps its connections to itself")
            under_way = loop.spawn(_joined, was.exchange, received, loop)
            (yield Task(under_way, timeout=None)).fetch()
            return
        _tell(was, received)
        yield b""
        while True:
            under_way = loop.spawn(_piece, received, silence)
            piece = (yield Task(under_way, timeout=None)).fetch()
            if not piece:
                return
            yield piece
    finally:
        # Also when the client has left: whatever goes on is ended.
        under_way.cancel()
        opened.on_done(lambda ended: ended.value is not None and loop.call_soon(ended.value.close))


def _terms(timeout: float, silence: float | None) -> Any:
    terms = _service.Terms(connect=timeout, read=silence, total=None, retries=0, redirects=0)
    return dataclasses.replace(terms, header=timeout)


def _tell(was: Any, received: Any) -> None:
    """Status and headers of the answer, for `was.response`."""
    response = was.response
    try:
        response.set_status(f"{received.status_code} {received.reason}".strip())
        for name, value in _upstream.end_to_end(received.headers.pairs):
            if not _NAME.fullmatch(name) or _CONTROL.search(value):
                raise ValueError(f"the header {name[:50]!r} is none")
            response.headers.append((name, value))
    except ValueError as error:
        raise ResourceError(received.url, f"its answer cannot be passed on: {error}") from None
    was.passes_on = True


def _body(was: Any) -> Streamed | None:
    environ = was.request.env
    length = environ.get("CONTENT_LENGTH")
    # Our own server has taken the chunks apart and does not speak of them; it gives an empty BytesIO where nothing is.
    chunked = environ.get(CAN_PARK) and was.streams_input and not isinstance(environ["wsgi.input"], BytesIO)
    if length in (None, "", "0") and not chunked and not environ.get("HTTP_TRANSFER_ENCODING"):
        return None
    return Streamed(_pieces(was), int(length) if length else None, cooperative=True)


def _pieces(was: Any) -> Iterator[bytes]:
    """The body as it arrives, or from its beginning if it is here already and somebody has looked at it."""
    source = was.request.env["wsgi.input"]
    if not was.streams_input:
        if hasattr(source, "seek") and source.seekable():
            source.seek(0)
        while piece := was.app.runtime.threads.submit(next_piece, was.request.env, 65536).wait():
            yield piece
        return
    while piece := was._read(65536).wait():
        yield piece


def _piece(received: Any, silence: float | None) -> bytes:
    with time_limit(silence, f"{received.url}: the next piece"):
        piece: bytes = received.read()
    return piece


def _tunnel(service: Any, order: Order, timeout: float, protocol: str) -> Any:
    target = service.balance.pick()
    headers = order.headers if target.auth is None else (*order.headers, ("Authorization", target.auth))
    order = dataclasses.replace(order, url=joined(target.base, order.url), headers=headers)
    return _upstream.Tunnel(service, order, target, timeout, protocol)


def _joined(exchange: Any, tunnel: Any, loop: Any) -> None:
    try:
        client = exchange.hijack().wait()
    except ConnectionError:
        raise Error(400, "nothing may be sent before the upgrade is answered") from None
    tunnel.join(client, loop)
