"""Connections to other servers that keep nobody else waiting: for greenlets of the hub only."""

from __future__ import annotations

import functools
import socket
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import gevent
from gevent import getcurrent
from gevent import socket as cooperative
from gevent.hub import get_hub
from gevent.timeout import Timeout

from atilite.errors import TaskTimeout
from atilite.lazily import LazyModule

if TYPE_CHECKING:
    from gevent import ssl as cooperative_ssl
else:
    cooperative_ssl = LazyModule("gevent.ssl")

# Seconds that greenlets which take turns may keep the hub, all together, before it looks after everybody else.
A_TURN = 0.003


def dial(host: str, port: int, seconds: float | None, *, tls: Any = None, name: str | None = None) -> Any:
    """Connect within so many seconds and return the socket; with a `tls` context it is encrypted and `name`, by
    default the host, is what the certificate has to be for.

    All addresses of the host are tried. Raises OSError: TimeoutError, socket.gaierror, ssl.SSLError among them.
    """
    end = None if seconds is None else time.monotonic() + seconds
    last: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in _addresses(host, port, seconds):
        plain = cooperative.socket(family, kind, protocol)
        try:
            plain.settimeout(_left(end))
            plain.connect(address)
            # Otherwise the body of a request waits for the acknowledgement of its header.
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            plain.close()
            last = error
            continue
        except BaseException:  # cancelled, or out of time
            plain.close()
            raise
        return plain if tls is None else _encrypted(plain, tls, name or host, end)
    raise last


def _addresses(host: str, port: int, seconds: float | None) -> list[Any]:
    try:
        # A number needs no resolver, which would be a thread.
        return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    except socket.gaierror:
        with _limit(seconds, TimeoutError(f"the name {host} was not resolved in time")):
            return list(cooperative.getaddrinfo(host, port, 0, socket.SOCK_STREAM))


def _left(end: float | None) -> float | None:
    if end is None:
        return None
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


def _encrypted(plain: Any, tls: Any, name: str, end: float | None) -> Any:
    secure = plain
    try:
        # Step by step, because each one calculates for up to a millisecond, and a hundred may become ready at once.
        take_turn()
        secure = tls.wrap_socket(plain, server_hostname=name, do_handshake_on_connect=False)
        secure.settimeout(0.0)
        while True:
            try:
                secure.do_handshake()
                break
            except cooperative_ssl.SSLWantReadError:
                cooperative.wait_read(secure.fileno(), _left(end))
            except cooperative_ssl.SSLWantWriteError:
                cooperative.wait_write(secure.fileno(), _left(end))
            take_turn()
        secure.settimeout(_left(end))
    except BaseException:
        secure.close()
        raise
    return secure


def await_answer(connection: Any, seconds: float | None) -> None:
    """Wait until something can be read from `connection`, and then for one's turn. Raises TimeoutError."""
    if not getattr(connection, "pending", int)():
        cooperative.wait_read(connection.fileno(), seconds)
    take_turn()


class _Turns:
    """Greenlets of one hub that work for a short while each, and together no longer than a turn."""

    def __init__(self, hub: Any) -> None:
        self._hub = hub
        self._waiting: deque[Any] = deque()
        # After everything else that is due: other timers come first, however many have turns.
        self._timer = hub.loop.timer(0.0, priority=hub.loop.MINPRI)
        self._began = 0.0

    def take(self) -> None:
        now = time.perf_counter()
        # Pending: the next turn is still to come in this round of the hub, so this is no time to begin another one.
        if not (self._timer.active or self._timer.pending):
            self._begin(now)
        elif self._waiting or now - self._began > A_TURN:
            me = getcurrent()
            self._waiting.append(me)
            try:
                self._hub.switch()
            except BaseException:
                if me in self._waiting:
                    self._waiting.remove(me)
                raise

    def _begin(self, now: float) -> None:
        self._began = now
        # Fires when the hub has looked at all its sockets and timers once.
        self._timer.start(self._next)

    def _next(self) -> None:
        if not self._waiting:
            return
        self._begin(time.perf_counter())
        while self._waiting and time.perf_counter() - self._began < A_TURN:
            self._waiting.popleft().switch()


@functools.lru_cache(8)
def _turns(hub: Any) -> _Turns:
    return _Turns(hub)


def take_turn() -> None:
    """Wait while others of this kind have kept the hub for long enough. Before work of a fraction of a millisecond."""
    _turns(get_hub()).take()


def tls_context(authorities: str | None = None, *, verify: bool = True) -> Any:
    """A context for `dial`: certificates are checked against the system's authorities, or those of a PEM file.

    It reads files: not on the bare hub. Raises OSError (ssl.SSLError) for a file that cannot be used.
    """
    context = cooperative_ssl.SSLContext(cooperative_ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = cooperative_ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = cooperative_ssl.CERT_NONE
    elif authorities is not None:
        context.load_verify_locations(authorities)
    else:
        context.load_default_certs()
    context.set_alpn_protocols(["http/1.1"])
    return context


@contextmanager
def time_limit(seconds: float | None, subject: str = "the work") -> Iterator[None]:
    """Raise TaskTimeout in the block when it takes longer than so many seconds, wherever in it the greenlet waits."""
    with _limit(seconds, TaskTimeout(f"{subject} did not end within {seconds or 0:.3g} s")):
        yield


@contextmanager
def _limit(seconds: float | None, late: Exception) -> Iterator[None]:
    if seconds is None:
        yield
        return
    # A BaseException: no library on the way takes it for an error of its own.
    timer = Timeout.start_new(max(0.0, seconds))
    try:
        yield
    except Timeout as caught:
        if caught is not timer:
            raise
        raise late from None
    finally:
        timer.close()


def rest(seconds: float = 0.0) -> None:
    """Let the others have their turn: a peer that sends faster than one reads must not keep the hub."""
    gevent.sleep(seconds)
