"""A parked request: no thread, its answer comes from the loop."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from waitress.channel import ClientDisconnected

from atilite.runtime.promise import Promise
from atilite.server.protocols import Connection
from atilite.server.refusals import Refusal
from atilite.server.task import RequestTask
from atilite.web.exchange import Park

log = logging.getLogger("atilite.server")

# A writer is asked to wait when this many bytes are not yet taken by the client, and woken at half of it.
STREAM_WATER = 256 * 1024


class ParkedTask:
    """What waitress's `service` runs a second time for a parked request: it only ends what was begun."""

    def __init__(self, task: RequestTask, error: Exception | None) -> None:
        self._task, self._error = task, error
        self.request = task.request

    @property
    def wrote_header(self) -> bool:
        return self._task.wrote_header

    @property
    def close_on_finish(self) -> bool:
        return self._task.close_on_finish

    @close_on_finish.setter
    def close_on_finish(self, value: bool) -> None:
        self._task.close_on_finish = value

    def service(self) -> None:
        """Finish the answer, or raise what made it fail."""
        if self._error is not None:
            raise self._error
        self._task.end()


class ParkedExchange:
    """One parked request and its answer; see `atilite.web.exchange.Exchange`. All but `send`: loop only."""

    def __init__(self, channel: Connection, task: RequestTask) -> None:
        self._channel = channel
        self._task = task
        self._closed = False
        self._on_close: list[Callable[[], None]] = []
        self._drained: Promise[None] | None = None
        # Acquired once, by a thread that sends the answer or by the loop that ends the request without it.
        self._fate = threading.Lock()

    def begin(self, park: Park) -> None:
        """Hand the request to its owner."""
        self._channel.server.parked.add(self)
        self._channel.exchange = self
        if not self._channel.connected:
            self.leave()
        try:
            park.begin(self)
        except Exception as error:
            self.fail(error)

    @property
    def closed(self) -> bool:
        """True once the answer is finished or the client has left."""
        return self._closed

    def start(self, status: str, headers: Iterable[tuple[str, str]]) -> None:
        """Take status and headers; once. They go out with the first piece, or at the end of this turn of the loop."""
        if self._closed:
            return
        if self._task.complete:
            raise RuntimeError("the answer was already started")
        self._task.begin(status, headers)
        # With a length the body follows at once, and header and body make one packet. A stream may be silent for long.
        if self._task.content_length is None:
            self._channel.server.loop.call_soon(self._send_header)

    def write(self, data: bytes) -> Promise[None] | None:
        """Send a piece of the body; wait for the returned promise, if any, before the next one."""
        if self._closed:
            return None
        try:
            if data:
                self._task.write(data)
        except ClientDisconnected:
            self._channel.handle_close()
            return None
        if self._channel.total_outbufs_len < STREAM_WATER:
            return None
        if self._drained is None:
            self._drained = Promise()
        return self._drained

    def finish(self) -> None:
        """End the answer; the connection goes on to its next request."""
        if self._closed:
            return
        task = self._task
        if not task.complete:
            raise RuntimeError("finish was called before start")
        if not task.wrote_header and task.content_length is None and task.request.command != "HEAD":
            task.content_length = 0
        self._end(None)

    def send(self, status: str, headers: Iterable[tuple[str, str]], body: bytes) -> bool:
        """Send a whole answer from another thread; the loop learns of it afterwards, which the client need not await.

        False, and nothing is sent, when the request has ended otherwise.
        """
        if not self._fate.acquire(False):
            return False
        failure: Exception | None = None
        try:
            self._task.begin(status, headers)
            self._task.write(body)
        except ClientDisconnected:
            log.debug("the client left before its answer was sent")
        except Exception as error:
            failure = error
        self._channel.server.loop.call_soon(self._end, failure)
        return True

    def fail(self, error: BaseException) -> None:
        """Answer 500 when nothing was sent yet, otherwise break the connection so that the client notices."""
        if self._closed:
            return
        if not isinstance(error, Exception):
            cause, error = error, RuntimeError(f"the request ended with {type(error).__name__}")
            error.__cause__ = cause
        self._end(error)

    def on_close(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the client leaves, or the server ends the request, before `finish`."""
        if self._closed and not self._channel.connected:
            callback()
        elif not self._closed:
            self._on_close.append(callback)

    def read(self, size: int) -> Promise[bytes]:
        """Promise up to `size` bytes of the request's body as they arrive; b"" at its end."""
        promise: Promise[bytes] = Promise()
        request = self._task.request
        if request.pipe is not None:
            request.pipe.take(size, promise.settle)
        else:
            promise.set(self._task.get_environment()["wsgi.input"].read(size))
        return promise

    def hijack(self, on_stop: Callable[[], None] | None = None) -> Promise[Any]:
        """Take the connection away from HTTP: promise its gevent socket. Nothing has been sent on it.

        When the server stops it calls `on_stop`, and its owner has until the deadline to close the connection.
        """
        promise: Promise[Any] = Promise()
        channel = self._channel
        if self._closed:
            promise.fail(ConnectionError("the client has left"))
        elif self._task.wrote_header or not channel.quiet:
            promise.fail(ConnectionError("the connection is in the middle of HTTP and cannot be taken over"))
        else:
            self._release()
            taken = channel.detach()
            if taken.family != socket.AF_UNIX:
                # Without it the second small message of an answer waits 40 ms for the client's acknowledgement.
                taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            channel.server.hijacked[taken] = on_stop
            promise.set(taken)
        return promise

    def drained(self) -> None:
        """Told by the channel whenever the client has taken something."""
        if self._drained is not None and self._channel.total_outbufs_len <= STREAM_WATER // 2:
            promise, self._drained = self._drained, None
            promise.set(None)

    def leave(self) -> None:
        """Told by the channel when the client has left."""
        if self._closed or not self._fate.acquire(False):
            return
        self._tell_closed()
        self._channel.resume(ParkedTask(self._task, None))

    def interrupt(self, refusal: Refusal) -> None:
        """End the request for the server's sake: with `refusal` if nothing was sent, else by a broken connection."""
        if self._closed or not self._fate.acquire(False):
            return
        task = self._task
        if task.complete:  # a stream
            self._fate.release()
            self._channel.handle_close()
            return
        self._tell_closed()
        status, headers, body = refusal.answer(task.request.accept, task.request.path)
        task.begin(status, headers)
        task.content_length = len(body)
        task.close_on_finish = True
        try:
            task.write(body)
        except ClientDisconnected:
            log.debug("the client left while its request was cancelled")
        self._channel.resume(ParkedTask(task, None))

    def _tell_closed(self) -> None:
        callbacks = self._on_close
        self._release()
        for callback in callbacks:
            try:
                callback()
            except Exception:
                log.exception("a callback for a closed request failed")

    def _send_header(self) -> None:
        if not (self._closed or self._task.wrote_header):
            try:
                self._task.write(b"")
            except ClientDisconnected:
                self._channel.handle_close()

    def _end(self, error: Exception | None) -> None:
        self._release()
        self._channel.resume(ParkedTask(self._task, error))

    def _release(self) -> None:
        self._closed = True
        self._on_close = []
        channel = self._channel
        channel.exchange = None
        channel.server.parked.discard(self)
        if self._drained is not None:
            promise, self._drained = self._drained, None
            promise.set(None)
