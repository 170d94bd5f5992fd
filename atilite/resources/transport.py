"""Connections to HTTP servers, kept alive and shared. Everything here runs on the hub, most of it in greenlets.

urllib3 does HTTP; where it would wait for a socket, the socket is one that lets the others go on.
"""

from __future__ import annotations

import ssl
import time
from collections import deque
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3 import exceptions as failures
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import SKIP_HEADER
from urllib3.util.connection import is_connection_dropped

from ..errors import ResourceError, TaskTimeout
from ..runtime.engine import Runtime
from ..runtime.promise import Promise
from ..runtime.timers import Timer
from ..runtime.wire import await_answer, dial, rest, take_turn, tls_context
from .outgoing import Order, Streamed, shown
from .received import ConnectTimeout, Headers, Lost, NotConnected

# Seconds after which a connection that nobody used is closed.
IDLE = 30.0
# Bytes that are taken from one peer before others have their turn.
A_TURN = 256 * 1024


# Stands for "for ever" where a number has to be.
FOR_EVER = 1e9


class _Waits(float):
    """Seconds, and others for what comes `then`: after connecting, each wait while one sends; for the bytes after the
    header, the wait for the header itself.
    """

    then: float | None

    @classmethod
    def of(cls, seconds: float | None, then: float | None) -> _Waits:
        found = cls(FOR_EVER if seconds is None else seconds)
        found.then = then
        return found


class _BodyFailed(BaseException):
    """What gives the body has failed, not the connection; no library on the way may think otherwise."""


class _Patient:
    """What both kinds of connections add to urllib3's."""

    sock: Any
    timeout: Any
    idle_since = 0.0

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        super().putrequest(*args, **kwargs)  # type: ignore[misc]
        if self.sock is not None:  # used again: a slow reader is no slow connection
            self.sock.settimeout(self.timeout.then)

    def getresponse(self) -> Any:
        if self.sock is not None:
            await_answer(self.sock, self.timeout.then)
        return super().getresponse()  # type: ignore[misc]


class Connection(_Patient, HTTPConnection):
    """A connection whose socket waits cooperatively."""

    def connect(self) -> None:
        self.sock = _dialled(self, None)


class SecureConnection(_Patient, HTTPSConnection):
    """The same with TLS."""

    def connect(self) -> None:
        self.sock = _dialled(self, self.ssl_context)
        # Whether it really is was said by whoever made the context, and needs no warning at each request.
        self.is_verified = True


class _NoConnection(failures.HTTPError):
    """Nothing was sent; `__cause__` is why."""


def _dialled(connection: Any, context: Any) -> Any:
    try:
        line = dial(connection.host, connection.port, connection.timeout, tls=context, name=connection.host.rstrip("."))
    except OSError as error:
        raise _NoConnection(str(error)) from error
    line.settimeout(connection.timeout.then)
    return line


class _Kept:
    """What both kinds of pools have instead of urllib3's queue: connections that are closed on the hub, never by the
    garbage collector in some other thread, and that know how long they were idle.
    """

    def __init__(self, host: str, port: int | None, size: int, **options: Any) -> None:
        super().__init__(host, port, maxsize=1, **options)  # type: ignore[call-arg]
        self._idle: deque[Any] = deque()
        self._size = size

    def _get_conn(self, timeout: float | None = None) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if not is_connection_dropped(connection):
                return connection
            connection.close()
        return self._new_conn()  # type: ignore[attr-defined]

    def _put_conn(self, conn: Any) -> None:
        if conn is None or conn.sock is None:
            return
        if len(self._idle) >= self._size:
            conn.close()
            return
        conn.idle_since = time.monotonic()
        self._idle.append(conn)

    def sweep(self, seconds: float) -> bool:
        """Close what was idle for so long; whether something is left."""
        end = time.monotonic() - seconds
        while self._idle and self._idle[0].idle_since <= end:
            self._idle.popleft().close()
        return bool(self._idle)


class _Pool(_Kept, HTTPConnectionPool):
    ConnectionCls = Connection


class _SecurePool(_Kept, HTTPSConnectionPool):
    ConnectionCls = SecureConnection


class _Origin:
    """One server: its connections, at most so many at once, and who waits for one."""

    def __init__(self, pool: Any, size: int) -> None:
        self.pool = pool
        self.free = size
        self._waiting: deque[Promise[None]] = deque()

    def take(self) -> None:
        """Wait for a place. In a greenlet."""
        if self.free:
            self.free -= 1
            return
        turn: Promise[None] = Promise()
        self._waiting.append(turn)
        try:
            turn.wait()
        except BaseException:
            # Cancelled or out of time: a place that was given in the same moment goes to the next.
            if turn.done:
                self.give()
            else:
                self._waiting.remove(turn)
            raise

    def give(self) -> None:
        """Give a place back."""
        if self._waiting:
            self._waiting.popleft().set(None)
        else:
            self.free += 1


class Received:
    """An answer whose body has not been read yet. It holds a place until it was read to its end, or closed."""

    def __init__(self, response: Any, origin: _Origin, order: Order, *, decode: bool) -> None:
        self._response, self._origin, self._decode = response, origin, decode
        self.url = order.url
        self.status_code: int = response.status
        self.reason: str = response.reason or ""
        self.headers = Headers(response.headers.items())
        self.has_body = order.method != "HEAD" and self.status_code not in (204, 304)
        self.ended = False
        self._taken = 0

    def read(self, size: int = 65536) -> bytes:
        """Return some bytes as soon as there are any, b"" at the end. In a greenlet. Raises as `Transport.open`."""
        if self.ended:
            return b""
        try:
            if self._taken >= A_TURN:
                self._taken = 0
                # A peer that sends faster than this reads would not let anybody else have the hub.
                rest()
            data: bytes = self._response.read1(size, decode_content=self._decode) or b""
            self._taken += len(data)
        except (failures.HTTPError, OSError, ValueError) as error:
            self.close()
            raise explained(error, self.url) from error
        except BaseException:
            self.close()
            raise
        if not data:
            self._response.release_conn()
            self._leave()
        return data

    def __iter__(self) -> Iterator[bytes]:
        while data := self.read():
            yield data

    def close(self) -> None:
        """Let the rest of the answer go, and the connection with it. On the hub."""
        if not self.ended:
            self._response.close()
            self._leave()

    def _leave(self) -> None:
        self.ended = True
        self._origin.give()


class Transport:
    """The connections of everybody who trusts the same authorities, by server: at most `size` to each."""

    def __init__(self, runtime: Runtime, size: int, authorities: str | None = None, verify: bool = True) -> None:
        self._runtime, self._size = runtime, size
        self._authorities, self._verify = authorities, verify
        self._origins: dict[tuple[str, str, int], _Origin] = {}
        self._context: Promise[Any] | None = None
        self._sweeping: Timer | None = None

    def open(
        self,
        order: Order,
        *,
        connect: float | None,
        read: float | None,
        header: float | None = None,
        decode: bool = True,
    ) -> Received:
        """Send `order` and return the answer when its header has come. In a greenlet.

        `connect`, `header` and `read` are the longest waits for a connection, for the header once everything is sent
        (as long as `read` without it) and for each next bytes, in seconds. Raises NotConnected, TaskTimeout, and Lost
        for everything else that is no HTTP.
        """
        parts = urlsplit(order.url)
        origin = self._origin(parts.scheme, parts.hostname or "", parts.port, order.url)
        body = order.body
        pieces = _pulled(body, self._runtime) if isinstance(body, Streamed) else body
        headers = dict(order.headers)
        if isinstance(body, Streamed) and body.size is not None:
            headers.setdefault("Content-Length", str(body.size))
        if not any(name.lower() == "user-agent" for name in headers):
            headers["User-Agent"] = SKIP_HEADER
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        origin.take()
        try:
            take_turn()
            response = origin.pool.urlopen(
                order.method,
                target,
                body=pieces,
                headers=headers,
                retries=False,
                redirect=False,
                timeout=urllib3.Timeout(
                    connect=_Waits.of(connect, read), read=_Waits.of(read, read if header is None else header)
                ),
                preload_content=False,
                decode_content=False,
                assert_same_host=False,
            )
        except (failures.HTTPError, OSError, ValueError) as error:
            origin.give()
            raise explained(error, order.url) from error
        except _BodyFailed as failed:
            origin.give()
            raise failed.args[0] from None
        except BaseException:
            origin.give()
            raise
        return Received(response, origin, order, decode=decode)

    def _origin(self, scheme: str, host: str, port: int | None, url: str) -> _Origin:
        if scheme not in ("http", "https") or not host:
            raise ResourceError(shown(url), "is no URL of an HTTP server; write it as http://host/path")
        key = (scheme, host, port or (443 if scheme == "https" else 80))
        if key not in self._origins:
            context = self.tls() if scheme == "https" else None
        if key not in self._origins:  # still: finding the context lets others go on
            pool: Any = _Pool(host, port, self._size)
            if scheme == "https":
                pool = _SecurePool(host, port, self._size, ssl_context=context)
            self._origins[key] = _Origin(pool, self._size)
        if self._sweeping is None:
            self._sweeping = self._runtime.loop.call_later(IDLE / 2, self._sweep)
        return self._origins[key]

    def tls(self) -> Any:
        """The context that says whom one trusts. In a greenlet. Raises ResourceError for a file that cannot be used."""
        if self._context is None:
            # It reads a few hundred certificates: for a thread.
            self._context = self._runtime.threads.submit(tls_context, self._authorities, verify=self._verify)
        try:
            return self._context.wait()
        except OSError as error:
            self._context = None
            name = self._authorities or "the system's certificates"
            raise ResourceError(name, f"cannot be used to check certificates: {error}") from error

    def _sweep(self) -> None:
        self._sweeping = None
        if self.close_idle(IDLE):
            self._sweeping = self._runtime.loop.call_later(IDLE / 2, self._sweep)

    def close_idle(self, seconds: float = 0.0) -> bool:
        """Close connections that nobody has used for so long; whether there are others. On the hub."""
        for key, origin in list(self._origins.items()):
            if not origin.pool.sweep(seconds) and origin.free == self._size:
                del self._origins[key]
        return bool(self._origins)


def _pulled(body: Streamed, runtime: Runtime) -> Iterator[bytes]:
    """The pieces of a body. Where they may block, each is fetched by a thread while the greenlet waits."""
    pieces = iter(body)
    while True:
        try:
            piece = next(pieces, None) if body.cooperative else runtime.threads.submit(next, pieces, None).wait()
        except Exception as error:
            raise _BodyFailed(error) from error
        if piece is None:
            return
        yield piece


def explained(error: BaseException, url: str) -> Exception:
    """What a failure of the network means for the one who asked."""
    name = shown(url)
    if isinstance(error, _NoConnection):
        cause = error.__cause__
        if isinstance(cause, TimeoutError):
            return ConnectTimeout(name, "no connection in time")
        if isinstance(cause, ssl.SSLCertVerificationError):
            return NotConnected(name, f"its certificate is not accepted: {cause.verify_message}")
        return NotConnected(name, f"no connection: {cause}")
    if isinstance(error, (failures.TimeoutError, TimeoutError)):
        return TaskTimeout(f"{name}: no answer in time")
    if len(error.args) > 1 and isinstance(error.args[1], Exception):
        error = error.args[1]  # what urllib3 has wrapped
    # Not more than a line of it: it may be what a stranger has sent.
    return Lost(name, f"no usable answer: {(str(error) or type(error).__name__)[:200].strip()}")
