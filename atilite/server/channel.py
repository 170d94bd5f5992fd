"""One connection: waitress's channel, driven by watchers of the hub instead of a poll loop.

Two threads at most touch a channel at a time: the loop, and the worker that runs its first request. The worker writes
into the output buffers and sends; every change of the connection itself (watchers, closing, hand-overs) is the loop's.
"""

from __future__ import annotations

import logging
import socket
import time
from contextvars import Context
from typing import Any

from gevent import socket as gevent_socket
from waitress.channel import HTTPChannel

from atilite.server.body import InputPipe
from atilite.server.exchange import ParkedExchange, ParkedTask
from atilite.server.outlet import BODY_READ, Outlet
from atilite.server.parser import Parser
from atilite.server.protocols import Host
from atilite.server.refusals import Refusal
from atilite.server.task import Parked, RefusalTask, RequestTask

log = logging.getLogger("atilite.server")

READ, WRITE = 1, 2
# Seconds in which a connection that was accepted just before the end may still send its request.
NEWCOMER = 0.5
HEADER_READ = 16 * 1024
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Channel(Outlet):
    """A connection and the requests that came on it, answered in their order."""

    parser_class = Parser
    error_task_class = RefusalTask
    request: Parser | None
    requests: list[Parser]

    exchange: ParkedExchange | None = None  # of the first request, while it is parked
    since = 0.0  # monotonic time at which the request that is being received began
    _resumed: ParkedTask | None = None
    _path = ""  # of the request that was served last
    _writer: Any = None
    _draining = False  # what still arrives is dropped
    _lingering = False  # everything was sent; waiting for the client to stop sending

    def __init__(self, server: Host, sock: socket.socket, addr: Any, adj: Any, map: dict[int, Any]) -> None:
        super().__init__(server, sock, addr, adj, map)
        self._reader = server.io(self._fileno, READ)
        self._reader.start(self.server.loop.watched, self._on_readable)

    @property
    def newcomer(self) -> bool:
        """Whether it was accepted just now and has not been served yet: its request is on the way."""
        return not self._path and time.time() - self.creation_time < NEWCOMER

    # -- loop: reading

    def readable(self) -> bool:
        """Whether more may be read: nothing waits to be sent, and not too many requests are queued."""
        if self._draining:
            return True
        pipe = self.request.pipe if self.request is not None else None
        return not (
            self.will_close
            or self.close_when_flushed
            or len(self.requests) > self.adj.channel_request_lookahead
            or self.total_outbufs_len
            or (pipe is not None and pipe.full)
        )

    def _on_readable(self) -> None:
        try:
            if not self.readable():
                self._pause()
                return
            self.handle_read()
            if self._writer is None and self.writable():
                self.look()
        except Exception:
            self.handle_error()

    def handle_read(self) -> None:
        """Take what has arrived."""
        receiving = self.request is not None and self.request.headers_finished
        try:
            data = self.socket.recv(BODY_READ if receiving or self._draining else HEADER_READ)
        except BlockingIOError:
            return
        except OSError:
            self.handle_close()
            return
        if not data:
            self.handle_close()
        elif not self._draining:
            self.last_activity = time.time()
            self.received(data)

    def received(self, data: bytes) -> bool:
        """Cut bytes into requests and start the first of them."""
        filled: list[InputPipe] = []
        with self.requests_lock:
            if self.will_close or self.close_when_flushed:
                return False
            while data:
                request = self.request
                if request is None:
                    request = self.request = Parser(self.adj)
                    request.choose = self.server.policy
                used = request.received(data)
                if request.pipe is not None:
                    filled.append(request.pipe)
                if request.headers_finished and not request.started:
                    self._admit(request)
                if request.completed:
                    self._complete(request)
                    if self._draining:
                        break
                data = data[used:]
            self._watch_deadline()
        # Not under the lock: a reader may finish its request at once, which needs it.
        for pipe in filled:
            pipe.deliver()
        return True

    def _admit(self, request: Parser) -> None:
        """The header is complete: refuse, start at once, or ask for the body."""
        if self.server.stopping and request.error is None and not self.newcomer:
            request.refuse(self.server.unavailable())
        pipe = request.pipe
        if request.error is not None or request.completed:
            return
        if pipe is not None:
            pipe.on_taken = self.nudge
            if request.expect_continue:
                request.expect_continue = False
                pipe.on_wanted = self._continue_once
            request.started = True
            self._enqueue(request)
        elif request.expect_continue and not self.requests and not self.sent_continue:
            self.send_continue()

    def _complete(self, request: Parser) -> None:
        self.sent_continue = False
        self.request = None
        self.server.receiving.discard(self)  # the next request has a deadline of its own
        if request.error is not None or request.broken:
            # Nothing behind a refused request may be taken for another one.
            self._draining = True
        if not request.started:
            request.started = True
            self._enqueue(request)

    def _enqueue(self, request: Parser) -> None:
        self.requests.append(request)
        self.server.count()
        if len(self.requests) == 1:
            self.server.add_task(self)

    def _watch_deadline(self) -> None:
        """Let the sweep watch a request that has not arrived completely."""
        receiving = self.server.receiving
        if self.request is None:
            if self in receiving:
                receiving.discard(self)
        elif self not in receiving:
            self.since = self.server.monotonic()
            receiving.add(self)

    def overdue(self, now: float) -> bool:
        """Whether the request that is being received takes too long; `now` is monotonic."""
        limits = self.server.limits
        request = self.request
        spent = now - self.since
        if self._lingering:
            return spent > limits.linger_seconds
        if request is None:
            return False
        if self._paused:  # we are the slow ones
            self.since += limits.sweep_seconds
            return False
        if not request.headers_finished:
            return spent > limits.header_seconds
        return spent > limits.header_seconds + request.body_bytes_received / limits.body_rate

    def expire(self) -> None:
        """Cut off a client that takes too long to send its request."""
        self.server.receiving.discard(self)
        request = self.request
        if self._lingering or request is None:
            self.handle_close()
            return
        with self.requests_lock:
            request.refuse(Refusal(408, "the request took too long to arrive"))
            started = request.started
            self._complete(request)
        if request.pipe is not None:
            request.pipe.deliver()
        if started:
            self.handle_close()

    def _pause(self) -> None:
        self._paused = True
        self._reader.stop()
        # A worker may have changed its mind between the two lines above the one who called.
        if self.readable():
            self._unpause()

    def _unpause(self) -> None:
        self._paused = False
        self._reader.start(self.server.loop.watched, self._on_readable)

    @property
    def quiet(self) -> bool:
        """Whether the connection carries nothing but its one running request."""
        return self.connected and self.request is None and len(self.requests) == 1 and not self.total_outbufs_len

    # -- loop: the watchers

    def look(self) -> None:
        """Bring the watchers in line with the channel's state. Loop only."""
        self._woken = False
        if self.socket is None:
            return
        if self.writable() and not self._lingering:
            self.handle_write()
            if self.socket is None:
                return
        if self.total_outbufs_len:
            if self._writer is None:
                self._writer = self.server.io(self._fileno, WRITE)
                self._writer.start(self.server.loop.watched, self._on_writable)
        elif self._writer is not None:
            self._close_writer()
        if self._paused and self.readable():
            self._unpause()

    def _on_writable(self) -> None:
        try:
            self.look()
        except Exception:
            self.handle_error()

    def handle_write(self) -> None:
        """Send what waits, and close when that was wanted. Loop only."""
        self._flush_exception(self._flush_some_if_lockable)
        if self.exchange is not None:
            self.exchange.drained()
        if self.close_when_flushed and not self.total_outbufs_len:
            if self._draining or self.request is not None:
                self._linger()
                return
            self.will_close = True
        if self.will_close:
            self.handle_close()

    def _linger(self) -> None:
        """Wait for a client that is still sending: closing now would make its system throw our answer away."""
        if self.will_close:
            self.handle_close()
            return
        self._lingering = self._draining = True
        self.since = self.server.monotonic()
        self.server.receiving.add(self)
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.handle_close()

    # -- any thread

    def _continue_once(self) -> None:
        """Send `100 Continue` when the handler asks for the body for the first time. Any thread."""
        request = self.requests[0] if self.requests else None
        if request is not None and request.pipe is not None and not request.continued:
            request.continued = True
            self.write_soon(CONTINUE)

    # -- worker, or loop for requests that start there

    def serve(self) -> None:
        """Run `service` in a context of its own: what one request sets must not be seen by the next one."""
        self._path = self.requests[0].path
        Context().run(self.service)

    @property
    def watched_name(self) -> str:
        """What the watchdog tells when this channel keeps the loop."""
        return f"a request for {self._path}" if self._path else "a connection"

    def service(self) -> None:
        """Run the first request up to its end or until it is parked."""
        try:
            super().service()
        except Parked as parked:
            # The last act of this thread for this request: the loop may finish it before the next line.
            exchange = ParkedExchange(self, parked.task)
            if self.server.loop.inside():
                exchange.begin(parked.park)
            else:
                self.server.loop.call_soon(exchange.begin, parked.park)
            return
        self.nudge()

    def task_class(self, channel: Channel, request: Parser) -> RequestTask | ParkedTask:
        """Return what `service` runs: the request's beginning, or its end when it was parked."""
        # Consumed here: the next request of this connection may start before the first `service` has returned.
        resumed, self._resumed = self._resumed, None
        return resumed or RequestTask(channel, request)

    def resume(self, task: ParkedTask) -> None:
        """End the parked first request, and start the next one if it has arrived. Loop only."""
        self._resumed = task
        HTTPChannel.service(self)
        self.nudge()

    # -- loop: the end

    def handle_close(self) -> None:
        """Close the connection; whoever works for its requests is told."""
        if not self.server.loop.inside():
            self.will_close = True
            self.nudge()
            return
        if self.socket is None:
            return
        self._close_watchers()
        super().handle_close()
        if self.request is not None:
            self.request.refuse(Refusal(400, "the client left before its request was complete"))
            if self.request.pipe is not None:
                self.request.pipe.deliver()
            self.request = None
        if self.exchange is not None:
            self.exchange.leave()
        self.server.left(self)

    def detach(self) -> Any:
        """Give the connection away, as a socket of gevent; the channel itself is not used any more. Loop only."""
        self._close_watchers()
        self.del_channel()
        with self.requests_lock:
            for request in self.requests:
                request.close()
            self.requests = []
        self.connected = False
        taken = self._given_away()
        self.socket = None
        self.server.left(self)
        return taken

    def _given_away(self) -> Any:
        return gevent_socket.socket(fileno=self.socket.detach())

    def _close_watchers(self) -> None:
        self.server.receiving.discard(self)
        self._reader.stop()
        self._reader.close()
        if self._writer is not None:
            self._close_writer()

    def _close_writer(self) -> None:
        self._writer.stop()
        self._writer.close()
        self._writer = None
