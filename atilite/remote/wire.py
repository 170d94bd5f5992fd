"""Requests to the API of one other board: kept connections, time limits, and another try where that does no harm."""

from __future__ import annotations

import itertools
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit
from weakref import WeakKeyDictionary

import urllib3
from urllib3 import exceptions as broken
from urllib3.connection import HTTPConnection

from ..context import current_run
from ..errors import ConfigError, RemoteError, ResourceError, TaskTimeout
from ..quickly import dataclass
from ..version import VERSION
from . import unixsocket
from .failures import failure

# Seconds before the next try: the first, and the longest.
FIRST, LONGEST = 0.2, 5.0
# Statuses that pass: the server stops or starts, or a proxy does not reach it.
PASSING = frozenset({502, 503, 504})
# Connections that are kept for the next request.
KEPT = 16
# Stands for the client's own time limit.
USUAL = -1.0
# A board that vanished while its answer is waited for is noticed after about a minute.
ALIVE = [
    *HTTPConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), seconds)
        for name, seconds in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 4))
        if hasattr(socket, name)
    ),
]


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer: its JSON value (None for an empty body) and the version that it named."""

    status: int
    value: Any
    etag: str | None
    next: bool


class Wire:
    """Sends requests to one board. Any thread may call, several at once; each call blocks its thread.

    `url` may have a path, for a board behind a proxy. `timeout` is in seconds, for connecting and for an answer to
    begin. `retries` is how often a request that may be repeated is sent again. With `unix` it goes to that socket.
    """

    def __init__(
        self, url: str, token: str | None, timeout: float, retries: int, context: ssl.SSLContext | None, unix: str = ""
    ) -> None:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"{url!r} is no address of a board (write it as http://board.local:5000)")
        if parts.username or parts.query or parts.fragment:
            raise ConfigError("the address of a board has no user, query or fragment (the token is given apart)")
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self.timeout, self.retries = timeout, retries
        self.closed = threading.Event()
        self._headers = {"Accept": "application/json", "User-Agent": f"atilite/{VERSION}"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        extra: dict[str, Any] = {"ssl_context": context} if context is not None else {}
        if unix:
            self._pool = unixsocket.pool_of(unix, KEPT)
        else:
            self._pool = urllib3.PoolManager(1, maxsize=KEPT, socket_options=ALIVE, **extra)
        self._streams: set[urllib3.BaseHTTPResponse] = set()
        # By what tells a run of this process to end: the streams that it reads.
        self._of_runs: WeakKeyDictionary[Any, set[urllib3.BaseHTTPResponse]] = WeakKeyDictionary()

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        *,
        body: Any = None,
        empty: bool = True,
        headers: Mapping[str, str] | None = None,
        again: bool | None = None,
        timeout: float | None = USUAL,
    ) -> Answer:
        """Send a request and return its answer.

        `body` is sent as JSON unless it is None and `empty`. `again` says whether it may be sent twice (a GET may).
        `timeout` is another time limit than usual, None for none. Raises RemoteError when the board refuses, RunFailed
        and RunSkipped for runs, ResourceError when it cannot be reached, TaskTimeout when it does not answer in time.
        """
        sent, data = dict(headers or {}), None
        if body is not None or not empty:
            data, sent["Content-Type"] = json.dumps(body, default=_moment).encode(), "application/json"
        limit = urllib3.Timeout(connect=self.timeout, read=self.timeout if timeout == USUAL else timeout)
        again = method == "GET" if again is None else again
        for number in itertools.count():
            try:
                with self._open(method, path, query, sent, data, limit) as found:
                    return _read(self.url, found)
            except (ResourceError, TaskTimeout) as error:
                if number >= self.retries or not passes(error, again) or not self.pause(number, error):
                    raise
        raise AssertionError

    @contextmanager
    def stream(self, path: str, query: Mapping[str, Any], headers: Mapping[str, str], silence: float) -> Iterator[Any]:
        """Open an answer that goes on; read it by `read1`. `silence` is how long nothing may come, in seconds.

        Raises as `ask` does; one try.
        """
        sent = {**headers, "Accept": "text/event-stream"}
        with self._open("GET", path, query, sent, None, urllib3.Timeout(connect=self.timeout, read=silence)) as found:
            if found.status not in (200, 204):
                _read(self.url, found)
            of_run = self._of_run()
            self._streams.add(found)
            of_run.add(found)
            if getattr(current_run.get(), "cancelled", False):
                wake(of_run)  # it was asked to while the stream was opened
            try:
                yield found
            finally:
                self._streams.discard(found)
                of_run.discard(found)

    def _of_run(self) -> set[urllib3.BaseHTTPResponse]:
        """The streams of the run that calls: they are broken off when it shall end, which wakes its thread."""
        stopping = getattr(current_run.get(), "stopping", None)
        if stopping is None:
            return set()
        if stopping not in self._of_runs:
            streams: set[urllib3.BaseHTTPResponse] = set()
            self._of_runs[stopping] = streams
            stopping.on_done(lambda _: wake(streams))
        return self._of_runs[stopping]

    def pause(self, number: int, error: Exception | None = None) -> bool:
        """Wait before the next try, as long as the board asks for if that is not too long; False once closed."""
        asked = error.retry_after if isinstance(error, RemoteError) else None
        return not self.closed.wait(min(FIRST * 2.0**number if asked is None else asked, LONGEST))

    def close(self) -> None:
        """Close all connections. What is under way ends with an error."""
        self.closed.set()
        wake(self._streams)
        self._pool.clear()

    @contextmanager
    def _open(
        self, method: str, path: str, query: Any, headers: Mapping[str, str], data: bytes | None, limit: urllib3.Timeout
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        if self.closed.is_set():
            raise ResourceError(self.url, "the client was closed")
        found: urllib3.BaseHTTPResponse | None = None
        try:
            found = self._pool.request(
                method, self.url + path + encoded(query), body=data, headers={**self._headers, **headers},
                retries=False, redirect=False, timeout=limit, preload_content=False,
            )  # fmt: skip
            yield found
        except broken.HTTPError as error:
            raise self._told(error, limit) from error
        finally:
            if found is not None:
                # When it was read to its end, the connection is back with the others already and stays open.
                found.close()

    def _told(self, error: broken.HTTPError, limit: urllib3.Timeout) -> Exception:
        if self.closed.is_set():
            return ResourceError(self.url, "the client was closed")
        if isinstance(error, broken.ConnectTimeoutError | broken.NewConnectionError | broken.NameResolutionError):
            return Unreached(self.url, f"cannot be reached: {_words(error)}")
        if isinstance(error, broken.ReadTimeoutError):
            return TaskTimeout(
                f"{self.url} did not answer within {limit.read_timeout:g} s; it may still do what was asked"
            )
        if isinstance(error, broken.SSLError):
            return Unreached(self.url, f"is not trusted: {_words(error)}")
        return ResourceError(self.url, f"the connection broke: {_words(error)}")


def wake(streams: set[urllib3.BaseHTTPResponse]) -> None:
    """Break streams off, whichever threads read them. Older versions of urllib3 wait for their next heartbeat."""
    for stream in streams.copy():
        getattr(stream, "shutdown", bool)()


class Unreached(ResourceError):
    """No connection came about: nothing was sent."""


def passes(error: Exception, again: bool) -> bool:
    """Whether a request that ended so may be sent again. What was not sent at all may, whatever it is."""
    if isinstance(error, RemoteError):
        return again and error.status_code in PASSING
    return again or isinstance(error, Unreached)


def encoded(query: Mapping[str, Any] | None) -> str:
    """The query as text, without what is None."""
    given = {name: _text(value) for name, value in (query or {}).items() if value is not None}
    return f"?{urlencode(given, doseq=True)}" if given else ""


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list | tuple | set | frozenset):
        return [_text(one) for one in value]
    return value.isoformat() if isinstance(value, date) else value


def _moment(value: Any) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")


def _words(error: BaseException) -> str:
    """What the operating system says, without the objects that urllib3 tells of."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return "it ended in the midst of an answer"
    return getattr(cause, "strerror", None) or str(cause)


def _read(url: str, found: urllib3.BaseHTTPResponse) -> Answer:
    text = found.read()
    try:
        value = json.loads(text) if text else None
    except ValueError:
        value = None
        if found.status < 300:
            raise RemoteError(
                url, found.status, "no JSON in the answer: is this the address of an atilite program?"
            ) from None
    if found.status >= 300:
        raise failure(url, found.status, value, found.headers.get("Retry-After"))
    return Answer(found.status, value, found.headers.get("ETag"), "Link" in found.headers)
