"""The line between the pipeline and the server: how a request is answered later, without a thread.

The WSGI callable raises `Park`; the server gives the worker thread back and calls `begin` with an `Exchange` on the
loop. Under a WSGI server that cannot park (no `atilite.exchange` in the environ) the pipeline holds its thread instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

from ..quickly import dataclass

Headers = list[tuple[str, str]]

# The environ key that our server sets to True: Park may be raised.
CAN_PARK = "atilite.exchange"

# The largest request body unless a route or the app says otherwise: 16 MiB.
MAX_BODY = 16 * 1024 * 1024


class Waitable(Protocol):
    """What can be waited for: a promise of the runtime."""

    def on_done(self, callback: Callable[[Any], None]) -> None:
        """Call `callback(self)` once when the result is there."""


class Exchange(Protocol):
    """One parked request and its answer. Every method is called on the loop's thread only."""

    @property
    def closed(self) -> bool:
        """True once the answer is finished or the client has left."""

    def start(self, status: str, headers: Headers) -> None:
        """Send status line and headers; once. Without a Content-Length the body is chunked."""

    def write(self, data: bytes) -> Waitable | None:
        """Send a piece of the body. None: accepted; otherwise wait for the returned promise before the next piece."""

    def finish(self) -> None:
        """End the answer; the connection goes on to its next request."""

    def send(self, status: str, headers: Headers, body: bytes) -> bool:
        """Send a whole answer from another thread than the loop's, in place of start, write and finish.

        False, and nothing is sent, when the request has ended otherwise.
        """

    def fail(self, error: BaseException) -> None:
        """Answer 500 when nothing was sent yet, otherwise break the connection so that the client notices."""

    def on_close(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the client leaves, or the server ends it, before `finish`."""

    def read(self, size: int) -> Waitable:
        """Promise up to `size` bytes of the request's body as they arrive; b"" at its end."""

    def hijack(self, on_stop: Callable[[], None] | None = None) -> Waitable:
        """Take the connection away from HTTP: promise its gevent socket. Nothing has been sent on it.

        When the server stops it calls `on_stop` and gives the owner until its deadline to close the connection; without
        one it is shut at the end.
        """


class Park(BaseException):
    """Raised by the WSGI callable: this request goes on at `begin(exchange)`, on the loop.

    A BaseException, because Bottle and waitress treat every Exception of a handler as an error of its own.
    """

    def __init__(self, begin: Callable[[Exchange], None]) -> None:
        super().__init__("the request was parked")
        self.begin = begin


@dataclass(frozen=True, slots=True)
class RequestPolicy:
    """How the server treats a request, decided from its method and path when its header is complete.

    `start`: call the app on a worker thread, or at once on the loop (then it must not block).
    `stream_input`: start before the body has arrived; it is read through `Exchange.read`. `max_body`: bytes.
    """

    start: Literal["worker", "hub"] = "worker"
    stream_input: bool = False
    max_body: int = MAX_BODY


class BodyRead:
    """The next piece of the request's body: what `was.Input(size)` makes. It begins when it is waited for."""

    timeout = None

    def __init__(self, read: Callable[[int], Any], size: int = 65536) -> None:
        self._read, self._size = read, size
        self._promise: Any = None

    @property
    def done(self) -> bool:
        return self._promise is not None and bool(self._promise.done)

    def on_done(self, callback: Callable[[Any], None]) -> None:
        """Begin to read, then call `callback(self)`."""
        if self._promise is None:
            self._promise = self._read(self._size)
        self._promise.on_done(lambda _: callback(self))

    def fetch(self) -> bytes:
        """The bytes that arrived, b"" at the end of the body."""
        return bytes(self._promise.wait())
