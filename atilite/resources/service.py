"""One HTTP service as its users see it: members, connections, redirects, retries, limits. On the hub, in greenlets."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin, urlsplit

from ..errors import ResourceError, TaskTimeout
from ..quickly import dataclass
from ..runtime.engine import Runtime
from ..runtime.wire import rest, take_turn, time_limit
from .aliases import Alias, Aliases, Member
from .balance import Balance
from .outgoing import Order, Streamed, authorization, joined, shown
from .received import Answer, Lost, NotConnected, TooLarge
from .transport import Received, Transport

# Seconds: for a connection, for each wait for the next bytes, for all of it.
CONNECT, READ, TOTAL = 5.0, 10.0, 30.0
# The largest answer that is kept in memory, in bytes; a streamed one may have any size.
MAX_SIZE = 16 * 1024 * 1024
# Larger ones are decoded by a thread.
LARGE = 64 * 1024
# Connections to one server that is no alias.
MAX_CONNS = 128
RETRIES, REDIRECTS = 2, 5
FIRST_BACKOFF, LONGEST_BACKOFF = 0.1, 5.0
# What a server says that cannot answer now, and may in a moment.
BUSY = frozenset((502, 503, 504))
MOVED = frozenset((301, 302, 303, 307, 308))
SECRETS = frozenset(("authorization", "cookie", "proxy-authorization"))


@dataclass(frozen=True, slots=True)
class Terms:
    """How patient one request is. Seconds, None for ever; `size` in bytes."""

    connect: float | None = CONNECT
    read: float | None = READ
    total: float | None = TOTAL
    retries: int = RETRIES
    redirects: int = REDIRECTS
    size: int = MAX_SIZE
    header: float | None = None  # for the first bytes of the answer, if not `read`

    @classmethod
    def of(cls, options: dict[str, Any]) -> Terms:
        """Take the options that are about this out of `options`."""
        terms = cls()
        if "timeout" in options:
            total = options.pop("timeout")
            terms = replace(terms, total=total, read=total, connect=CONNECT if total is None else min(CONNECT, total))
        names = {"connect_timeout": "connect", "read_timeout": "read", "max_size": "size"}
        for option in ("connect_timeout", "read_timeout", "max_size", "retries", "redirects"):
            if option in options:
                terms = replace(terms, **{names.get(option, option): options.pop(option)})
        return terms


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """One member of a service."""

    base: str
    auth: str | None = None


class _Budget:
    """The time and the attempts that are left for one request."""

    def __init__(self, terms: Terms) -> None:
        self._end = None if terms.total is None else time.monotonic() + terms.total
        self._retries, self._done = terms.retries, 0

    @property
    def left(self) -> float | None:
        return None if self._end is None else self._end - time.monotonic()

    def back_off(self, found: Received | Answer | None = None) -> bool:
        """Wait before the next attempt; False, at once, if there is none. Lets go of the answer that was `found`."""
        pause = min(FIRST_BACKOFF * 2**self._done, LONGEST_BACKOFF) * random.uniform(0.8, 1.2)
        if found is not None:
            pause = max(pause, found.headers.number("Retry-After") or 0)
        left = self.left
        if self._done >= self._retries or pause > LONGEST_BACKOFF or (left is not None and left <= pause):
            return False
        if isinstance(found, Received):
            found.close()
        self._done += 1
        rest(pause)
        return True


class Service:
    """What answers at an alias, or at any URL. Its methods run in greenlets, but for those that say so."""

    def __init__(
        self, runtime: Runtime, targets: list[tuple[Target, int]], transport: Transport, name: str = ""
    ) -> None:
        self.name = name
        self._runtime, self.transport = runtime, transport
        self.balance = Balance(targets)

    def stop(self, timeout: float = 0.0) -> None:
        """Close idle connections. Any thread; does not wait."""
        self._runtime.loop.call_soon(self.transport.close_idle)

    def answer(self, order: Order, terms: Terms, only: Target | None = None) -> Answer:
        """Send `order`, whose URL is below the member's base, and return the whole answer, whatever its status.

        Raises TaskTimeout, and ResourceError when there is no answer.
        """
        answer: Answer = self._attempts(order, terms, only, functools.partial(self._whole, terms=terms))
        return answer

    def open(self, order: Order, terms: Terms, only: Target | None = None, *, decode: bool = True) -> Received:
        """The same, but the body is still to be read; `terms.total` ends with the header."""
        received: Received = self._attempts(order, terms, only, lambda received: received, decode=decode)
        return received

    def _attempts(
        self, order: Order, terms: Terms, only: Target | None, take: Callable[[Received], Any], decode: bool = True
    ) -> Any:
        take_turn()  # somebody may have made hundreds of them at once
        budget = _Budget(terms)
        tried: list[Target] = []
        while True:
            target = only or self.balance.pick(tried)
            try:
                with time_limit(budget.left, f"{shown(joined(target.base, order.url))}: the request"):
                    found = take(self._redirected(order, terms, target, decode))
            except (NotConnected, Lost, TaskTimeout) as error:
                self.balance.failed(target)
                tried.append(target)
                again = isinstance(error, NotConnected) or (isinstance(error, Lost) and order.repeatable)
                # Another member gets it at once; one that had it before only as often as was said.
                everybody = only is not None or len(tried) >= len(self.balance.members)
                if not again or (everybody and not budget.back_off()):
                    raise
                if everybody:
                    tried.clear()
                continue
            self.balance.worked(target)
            if found.status_code not in BUSY or not order.repeatable or not budget.back_off(found):
                return found

    def _redirected(self, order: Order, terms: Terms, target: Target, decode: bool) -> Received:
        headers = order.headers
        if target.auth is not None and not any(name.lower() == "authorization" for name, _ in headers):
            headers = (*headers, ("Authorization", target.auth))
        order = replace(order, url=joined(target.base, order.url), headers=headers)
        for _ in range(terms.redirects + 1):
            received = self.transport.open(
                order, connect=terms.connect, read=terms.read, header=terms.header, decode=decode
            )
            location = received.headers.get("Location")
            if not terms.redirects or received.status_code not in MOVED or location is None:
                return received
            received.close() if order.method == "HEAD" else self._drain(received)
            order = _moved(order, received.status_code, location)
        raise ResourceError(shown(order.url), f"redirected more than {terms.redirects} times")

    def _drain(self, received: Received) -> None:
        """Read the short text that comes with a redirect, so that the connection can be used again."""
        length = received.headers.number("Content-Length")
        if length is not None and length <= LARGE:
            for _ in received:
                continue
        received.close()

    def _whole(self, received: Received, terms: Terms) -> Answer:
        try:
            content = self._content(received, terms.size)
        finally:
            received.close()
        answer = Answer(received.url, received.status_code, received.reason, received.headers, content)
        if len(content) > LARGE:
            self._runtime.threads.submit(answer.decode).wait()
        return answer

    def _content(self, received: Received, limit: int) -> bytes:
        length = received.headers.number("Content-Length")
        if length is not None and length > limit and received.has_body:
            raise TooLarge(shown(received.url), _too_large(limit))
        pieces, size = [], 0
        for piece in received:
            size += len(piece)
            if size > limit:
                raise TooLarge(shown(received.url), _too_large(limit))
            pieces.append(piece)
        return b"".join(pieces)


def _too_large(limit: int) -> str:
    return f"the answer is larger than {limit} bytes; ask for a stream, or set max_size"


def _moved(order: Order, status: int, location: str) -> Order:
    """The request that follows a redirect. Raises ResourceError for one that cannot be followed."""
    url = urljoin(order.url, location)
    old, new = urlsplit(order.url), urlsplit(url)
    if new.scheme not in ("http", "https") or not new.hostname:
        raise ResourceError(shown(order.url), f"redirects to {shown(url)!r}, which is no HTTP server")
    headers, method, body = order.headers, order.method, order.body
    if (old.scheme, old.netloc) != (new.scheme, new.netloc):
        headers = tuple(header for header in headers if header[0].lower() not in SECRETS)
    if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
        method, body = "GET", None
        headers = tuple(header for header in headers if not header[0].lower().startswith("content-"))
    if isinstance(body, Streamed):
        raise ResourceError(shown(order.url), "redirects a request whose body was streamed and cannot be sent again")
    return Order(method, url, headers, body)


@functools.cache
def transport_of(runtime: Runtime, size: int, authorities: str | None, verify: bool) -> Transport:
    """The connections of everybody who trusts the same."""
    return Transport(runtime, size, authorities, verify)


def service_of(
    runtime: Runtime, aliases: Aliases, target: str, *, ca: str | None = None, verify: bool = True
) -> tuple[Service, str]:
    """The service behind "@name/path" and that path, or behind a URL and "". Raises AliasError. Any thread."""
    if not target.startswith("@"):
        transport = transport_of(runtime, MAX_CONNS, ca, verify)
        return Service(runtime, [(Target(*_without_user(target)), 1)], transport), ""
    name, slash, path = target.partition("/")
    aliases.url(name)  # refuses what is no HTTP service
    return aliases.opened(name, functools.partial(_of_alias, runtime, aliases)), slash + path


def _of_alias(runtime: Runtime, aliases: Aliases, alias: Alias) -> Service:
    authorities = alias.ssl if isinstance(alias.ssl, str) else None
    transport = Transport(runtime, alias.max_conns, authorities, bool(alias.options.get("verify", True)))

    def target(member: Member) -> Target:
        auth = authorization((member.user, member.password)) if member.user else alias.options.get("auth")
        return Target(aliases.url(alias.name, member), auth)

    return Service(runtime, [(target(member), member.weight) for member in alias.members], transport, alias.name)


def _without_user(url: str) -> tuple[str, str | None]:
    """A URL, and the header for the user and password that stand in it."""
    parts = urlsplit(url)
    if not parts.username:
        return url, None
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), authorization(
        (parts.username, parts.password or "")
    )

