"""The HTTP server: waitress's channels on the hub, with requests that can be parked."""

from __future__ import annotations

import heapq
import logging
import os
import socket
import time
from collections.abc import Callable, Collection, MutableMapping, MutableSet, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from waitress.adjustments import Adjustments
from waitress.proxy_headers import proxy_headers_middleware

from atilite.forks import keep_from_children, let_go
from atilite.runtime.loop import Loop
from atilite.runtime.promise import Promise
from atilite.runtime.timers import Timer
from atilite.server import stock
from atilite.server.channel import Channel
from atilite.server.exchange import ParkedExchange
from atilite.server.limits import Limits
from atilite.server.listener import Listener
from atilite.server.parser import Policy
from atilite.server.refusals import Refusal
from atilite.server.sockets import open_listeners, raise_file_limit, tune
from atilite.server.workers import Workers

if TYPE_CHECKING:
    from atilite.server.certificates import Certificates

log = logging.getLogger("atilite.server")

# Descriptors that other parts of the process need besides connections.
OTHER_FILES = 256
# An idle connection may be closed for a new one only when nothing came on it for this many seconds.
EVICT_AFTER = 2.0
# How often, in seconds, a stopping server looks whether the running requests have ended.
STOP_STEP = 0.02
# What the answers of the last moment have, in seconds, to leave.
LAST_WORDS = 0.1

PROXY_HEADERS = {"x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto"}


class Stats(NamedTuple):
    """What the server is doing."""

    connections: int
    parked: int
    hijacked: int
    requests: int  # ever received
    busy: int  # worker threads that run a request
    queued: int  # requests that wait for a worker thread


class Server:
    """Serves one WSGI application on any number of addresses.

    `listeners` are addresses as in `sockets.open_listeners`, or sockets that already listen. `policy` is asked on the
    loop when the header of a request is complete. `behind_proxy` is the address, or several, whose X-Forwarded headers
    are believed; `unix` for a proxy that comes through a Unix socket. With `certificates` every TCP connection must
    speak TLS.
    """

    def __init__(
        self,
        application: Callable[..., Any],
        *,
        loop: Loop,
        listeners: Sequence[str | socket.socket] = ("127.0.0.1:5000",),
        threads: int = 4,
        connections: int | None = None,
        policy: Policy | None = None,
        behind_proxy: str | Sequence[str] | None = None,
        limits: Limits | None = None,
        unix_mode: int = 0o600,
        certificates: Certificates | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        stock.check()
        self.loop = loop
        self.limits = limits or (Limits(connections=connections) if connections else Limits())
        self.policy = policy
        proxies = [behind_proxy] if isinstance(behind_proxy, str) else behind_proxy or ()
        self.trusted: Collection[str] = frozenset("localhost" if proxy == "unix" else proxy for proxy in proxies)
        self.application = _behind_proxy(application) if self.trusted else application
        self.certificates = certificates
        self.monotonic = monotonic
        self.workers = Workers(threads, self.loop)
        self.adj = _adjustments(self.limits)
        # Shared by all listeners; changed on the loop only.
        self.map: dict[int, Any] = {}
        self.channels: dict[int, Channel] = {}
        self.receiving: MutableSet[Channel] = set()
        self.parked: MutableSet[ParkedExchange] = set()
        self.hijacked: MutableMapping[Any, Callable[[], None] | None] = WeakKeyDictionary()
        self._places = listeners
        self._unix_mode = unix_mode
        self._listeners: list[Listener] = []
        self._requests = 0
        self._sweeper: Timer | None = None
        self._next_idle_sweep = 0.0
        self._stopped: Promise[int] | None = None

    # -- any thread

    def left_by_fork(self) -> None:
        """Leave all sockets to the parent: a child that outlives it would keep port and clients."""
        sockets = [*(one.sock for one in self._listeners), *self.hijacked]
        let_go([*(sock.fileno() for sock in sockets if sock.fileno() >= 0), *self.channels])

    def bind(self) -> None:
        """Open the listening sockets. Clients may connect from now on; they are answered after `start`.

        Raises SetupError with the remedy.
        """
        limit = raise_file_limit(self.limits.connections + OTHER_FILES)
        if limit < self.limits.connections + OTHER_FILES:
            log.warning("only %d files may be open: fewer than %d connections", limit, self.limits.connections)
        for place in self._places:
            ours = isinstance(place, str)
            opened = open_listeners(place, unix_mode=self._unix_mode) if isinstance(place, str) else [place]
            for sock in opened:
                tune(sock)
            self._listeners.extend(Listener(self, sock, ours=ours) for sock in opened)
        keep_from_children(self)

    @property
    def addresses(self) -> list[str]:
        """Where the server listens, such as `127.0.0.1:5000` or `unix:/run/app.sock`; known after `bind`."""
        return [listener.address for listener in self._listeners]

    @property
    def urls(self) -> list[str]:
        """The same as a person may type it: `https://127.0.0.1:5000`."""
        return [listener.shown for listener in self._listeners]

    def start(self) -> None:
        """Begin to answer."""
        self.workers.start()
        self.loop.call_soon(self._start)

    def stop(self, deadline: float = 3.0) -> Promise[int]:
        """Stop: take no new requests, let the running ones end, cancel what is left after `deadline` seconds.

        The promise gives the number of requests that were cut off. A second call gives the same promise.
        """
        if self._stopped is None:
            self._stopped = Promise()
            self.loop.call_soon(self._begin_stop, deadline)
        return self._stopped

    @property
    def stats(self) -> Stats:
        """A look at the counters."""
        return Stats(
            connections=len(self.channels) + len(self.hijacked),
            parked=len(self.parked),
            hijacked=len(self.hijacked),
            requests=self._requests,
            busy=self.workers.busy,
            queued=self.workers.waiting,
        )

    def add_task(self, channel: Channel) -> None:
        """Serve the first request of a channel, on a worker or on the loop."""
        if self._on_loop(channel):
            # Not at once, even on the loop: when all sockets are read first, the answers wake their clients together.
            self.loop.call_soon(channel.serve)
        else:
            self.workers.add(channel)

    # -- loop: what channels ask for

    def count(self) -> None:
        """One more request has come."""
        self._requests += 1

    def left(self, channel: Channel) -> None:
        """A connection has ended: there is room again."""
        for listener in self._listeners:
            listener.resume()

    def unavailable(self) -> Refusal:
        """Return the answer to a request that comes while the server stops."""
        return Refusal(503, "the server is stopping; try again in a moment", (("Retry-After", "5"),))

    @property
    def full(self) -> bool:
        """Whether as many connections are open as may be."""
        return len(self.channels) + len(self.hijacked) >= self.limits.connections

    def make_room(self) -> bool:
        """Close idle connections for a new one; False if there was none, then accepting pauses."""
        if self._evict():
            return True
        log.warning("%d connections are open; new ones have to wait", self.limits.connections)
        self.pause()
        return False

    def pause(self) -> None:
        """Accept nothing until a connection ends or the next sweep."""
        for listener in self._listeners:
            listener.pause()

    @staticmethod
    def _on_loop(channel: Channel) -> bool:
        request = channel.requests[0]
        return request.error is not None or request.policy.start == "hub"

    # -- loop: housekeeping

    def _start(self) -> None:
        if self._stopped is not None:
            return
        for listener in self._listeners:
            listener.start()
        self._sweep()

    def _sweep(self) -> None:
        self._sweeper = self.loop.call_later(self.limits.sweep_seconds, self._sweep)
        now = self.monotonic()
        for channel in [one for one in self.receiving if one.overdue(now)]:
            channel.expire()
        if now >= self._next_idle_sweep:
            self._next_idle_sweep = now + min(self.limits.idle_seconds, self.limits.stall_seconds) / 4
            self._close_idle()
        if self._stopped is None:
            for listener in self._listeners:
                listener.resume()

    def _close_idle(self) -> None:
        now = time.time()
        idle, stalled = now - self.limits.idle_seconds, now - self.limits.stall_seconds
        for channel in list(self.channels.values()):
            active = channel.last_activity
            if active < idle and not (channel.requests or channel in self.receiving):
                channel.handle_close()
            elif active < stalled and channel.total_outbufs_len:
                log.info("closed a connection whose client takes nothing")
                channel.handle_close()

    def _evict(self) -> bool:
        before = time.time() - EVICT_AFTER
        idle = [
            one
            for one in self.channels.values()
            if one.last_activity < before and not (one.requests or one in self.receiving)
        ]
        few = heapq.nsmallest(max(1, self.limits.connections // 20), idle, key=lambda one: one.last_activity)
        for channel in few:
            channel.handle_close()
        return bool(few)

    # -- loop: the end

    def _begin_stop(self, deadline: float) -> None:
        for listener in self._listeners:
            listener.close()
        for on_stop in list(self.hijacked.values()):
            if on_stop is not None:
                self.loop.call_soon(on_stop)
        self._wait_for_end(self.monotonic() + deadline)

    def _wait_for_end(self, until: float) -> None:
        # A client whose connection was accepted cannot know that nobody will read its request: it is still served.
        running = [one for one in self.channels.values() if one.requests or one.total_outbufs_len or one.newcomer]
        # Whoever was told may say good-bye; a connection whose owner was not is shut below.
        leaving = any(told is not None and sock.fileno() >= 0 for sock, told in list(self.hijacked.items()))
        if (running or leaving) and self.monotonic() < until:
            self.loop.call_later(STOP_STEP, self._wait_for_end, until)
            return
        for channel in running:
            if channel.exchange is not None:
                channel.exchange.interrupt(self.unavailable())
        self.workers.stop()
        self.loop.call_later(LAST_WORDS if running else 0, self._end, len(running))

    def _end(self, cut_off: int) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        for channel in list(self.channels.values()):
            channel.handle_close()
        for sock in list(self.hijacked):
            _shut(sock)
        if self._stopped is not None:
            self._stopped.set(cut_off)


def _adjustments(limits: Limits) -> Adjustments:
    adj = Adjustments(
        listen="",
        # Keeps a channel readable while a request runs: that is how a leaving client is noticed.
        channel_request_lookahead=1,
        max_request_header_size=limits.header_bytes,
        connection_limit=limits.connections,
        ident=None,
    )
    adj.listen = []
    return adj


def _behind_proxy(application: Callable[..., Any]) -> Callable[..., Any]:
    # From everybody: the task lets the headers of trusted addresses only into the environ.
    wrapped: Callable[..., Any] = proxy_headers_middleware(
        application,
        trusted_proxy="*",
        trusted_proxy_count=1,
        trusted_proxy_headers=PROXY_HEADERS,
        clear_untrusted=True,
        logger=log,
    )
    return wrapped


def _shut(sock: Any) -> None:
    """End a connection that was taken over, so that its owner reads the end."""
    try:
        # By a copy of the descriptor: gevent's own shutdown would raise in the greenlet that is reading.
        with socket.socket(fileno=os.dup(sock.fileno())) as copy:
            copy.shutdown(socket.SHUT_RDWR)
    except OSError:
        log.debug("a connection that was taken over had already ended")
