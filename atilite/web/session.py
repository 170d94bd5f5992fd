"""Sessions: what a browser keeps for an app between requests, as signed JSON in a cookie. Pure but for the clock.

Everybody can read it, nobody can change it. A session lives until its deadline, which changes extend and reading does
not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from atilite.clock import Clock
from atilite.quickly import dataclass
from atilite.web.cookies import SESSION_TIMEOUT, write_cookie
from atilite.web.headers import Header
from atilite.web.signing import BadSignature, SecureKey, Signing

PREFIX, DEFAULT = "ATLSES_", "DEFAULT"
# A session is near its end when at most this part of its time is left.
LAST_PART = 0.2
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Place:
    """Which cookie a session is kept in, signed with which key, for how many seconds after a change.

    `extend` tells whether changes move the deadline. `address` binds it to a client's address; "" lets it roam.
    """

    key: SecureKey
    name: str = DEFAULT
    timeout: float = SESSION_TIMEOUT
    path: str = "/"
    domain: str | None = None
    secure: bool = False
    http_only: bool = True
    extend: bool = True
    address: str = ""


class Kept:
    """The values in one cookie, and their deadline. It belongs to one request.

    `text` is the cookie's value; one that was altered, signed with another key, or whose time is over, is an empty
    session.
    """

    def __init__(self, place: Place, text: str = "", clock: Clock | None = None) -> None:
        self._place, self._clock = place, clock or Clock()
        self._signing = Signing(place.key, f"session.{place.name}", self._clock)
        self._sent = bool(text)
        self.values: dict[str, Any] = {}
        self._deadline: float | None = None
        self._since = self._clock.time()
        self._fixed = False
        self._load(text)
        self._before = _text(self.values), self._deadline
        self.touched = False

    def _load(self, text: str) -> None:
        try:
            kept = self._signing.check(text) if text else None
        except BadSignature:
            return
        if kept is None or kept["until"] <= self._clock.time() or kept.get("at", "") != self._place.address:
            return
        self.values, self._deadline, self._since = kept["values"], kept["until"], kept["since"]

    def put(self, key: str, value: Any) -> None:
        """Keep a value. Raises TypeError for what is not JSON, ValueError for more than a cookie holds."""
        if not isinstance(key, str):
            raise TypeError(f"the names in a session are texts, not {key!r}")
        before, touched = self.values.get(key, _MISSING), self.touched
        self.values[key], self.touched = value, True
        try:
            self.header()
        except (TypeError, ValueError, RecursionError) as error:
            if before is _MISSING:
                del self.values[key]
            else:
                self.values[key] = before
            self.touched = touched
            kind = ValueError if isinstance(error, ValueError) else TypeError
            raise kind(f"session[{key!r}] cannot be kept: {error}") from None

    def touch(self) -> None:
        """Extend the session."""
        self._deadline, self.touched = max(self._deadline or 0.0, self._clock.time() + self._place.timeout), True

    def set_expiry(self, timeout: float) -> None:
        """Let the session end in so many seconds."""
        self._deadline, self._fixed, self.touched = self._clock.time() + timeout, True, True

    def expire(self) -> None:
        """End the session."""
        self.values.clear()
        self._deadline, self._fixed, self.touched = None, False, True

    def expiry(self) -> float | None:
        """When it ends, in seconds since 1970; None when there is none."""
        return None if not self.values else self._next_deadline() if self.changed else self._deadline

    def use_time(self) -> float:
        """Seconds since its deadline was moved last; 0 for a new one."""
        return 0.0 if self._deadline is None else max(0.0, self._clock.time() - self._since)

    def impending(self) -> bool:
        """Whether at most a fifth of its time is left."""
        if self._deadline is None:
            return False
        return self._deadline - self._clock.time() <= LAST_PART * (self._deadline - self._since)

    @property
    def changed(self) -> bool:
        """Whether the cookie has to be written; a list or dictionary that was changed inside counts as well."""
        return self.touched or _text(self.values) != self._before[0]

    def rollback(self) -> None:
        """Be again what the client sent."""
        self.values, self._deadline = json.loads(self._before[0]), self._before[1]
        self._fixed = self.touched = False

    def header(self) -> Header | None:
        """The Set-Cookie header, None when nothing was changed. Raises ValueError for too much to keep."""
        if not self.changed:
            return None
        now = self._clock.time()
        until = self._next_deadline()
        if not self.values or until <= now:
            return self._written("", 0) if self._sent else None
        kept = {"values": self.values, "until": until, "since": self._since if until == self._before[1] else now}
        if self._place.address:
            kept["at"] = self._place.address
        return self._written(self._signing.sign(kept), max(1, round(until - now)))

    def _next_deadline(self) -> float:
        if self._deadline is not None and (self._fixed or not self._place.extend):
            return self._deadline
        return max(self._deadline or 0.0, self._clock.time() + self._place.timeout)

    def _written(self, text: str, max_age: int) -> Header:
        place = self._place
        try:
            return write_cookie(
                PREFIX + place.name,
                text,
                max_age=max_age,
                path=place.path,
                domain=place.domain,
                secure=place.secure,
                http_only=place.http_only,
            )
        except ValueError as error:
            raise ValueError(f"{error}; keep a key in the session, and what is large in app.kv") from None


class Session(MutableMapping[str, Any]):
    """`was.session`: a mapping of texts to JSON values. `mount` turns it to another cookie, and back.

    `sent` gives the value of a cookie that the client sent, "" for none.
    """

    def __init__(self, place: Place, sent: Callable[[str], str], clock: Clock | None = None) -> None:
        self._default, self._sent, self._clock = place, sent, clock
        self._opened: dict[str, Kept] = {}
        self._kept = self._open(place)

    def _open(self, place: Place) -> Kept:
        if place.name not in self._opened:
            self._opened[place.name] = Kept(place, self._sent(PREFIX + place.name), self._clock)
        return self._opened[place.name]

    def mount(
        self,
        name: str | None = None,
        session_timeout: float | None = None,
        securekey: SecureKey = None,
        path: str | None = None,
        domain: str | None = None,
        secure: bool | None = None,
        http_only: bool = True,
        extend: bool = True,
    ) -> None:
        """Work with the session of this name from now on; without a name with the app's own again.

        It is kept in a cookie of its own, below `path` only. What is left out is as in the app's session. Both go
        out with the answer. Raises ValueError for a path without a name, and for a name that cannot be a cookie's.
        """
        own = self._default
        if name is None:
            if path not in (None, "/", own.path):
                raise ValueError("a session with a path of its own needs a name: session.mount('ADMIN', path='/admin')")
            self._kept = self._open(own)
            return
        place = Place(
            own.key if securekey is None else securekey,
            name,
            own.timeout if session_timeout is None else session_timeout,
            own.path if path is None else path,
            domain,
            own.secure if secure is None else secure,
            http_only,
            extend,
            own.address,
        )
        write_cookie(PREFIX + name, "", path=place.path, domain=domain)
        self._kept = self._open(place)

    @property
    def own(self) -> Kept:
        """The app's own session, whatever is mounted."""
        return self._open(self._default)

    # -- values ---------------------------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> Any:
        return self._kept.values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._kept.put(key, value)

    def __delitem__(self, key: str) -> None:
        del self._kept.values[key]
        self._kept.touched = True

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._kept.values))

    def __len__(self) -> int:
        return len(self._kept.values)

    def set(self, key: str, value: Any) -> None:
        """Keep a JSON value and extend the session. Raises TypeError or ValueError for what cannot be kept."""
        self._kept.put(key, value)

    def remove(self, key: str) -> None:
        """Forget `key` and extend the session; a key that is not there is no error."""
        if key in self:
            del self[key]

    # -- time -----------------------------------------------------------------------------------------------------

    def touch(self) -> None:
        """Extend the session by its timeout, as a change does."""
        self._kept.touch()

    def set_expiry(self, timeout: float) -> None:
        """Let the session end in so many seconds. Later changes move that only once it would be sooner than theirs."""
        self._kept.set_expiry(timeout)

    def get_expiry(self) -> float | None:
        """When the session ends, in seconds since 1970; None when there is none."""
        return self._kept.expiry()

    def expire(self) -> None:
        """End the session: forget every value, and let the browser drop the cookie."""
        self._kept.expire()

    def use_time(self) -> float:
        """Seconds since the session was extended last; 0 for a new one."""
        return self._kept.use_time()

    def impending(self) -> bool:
        """Whether at most 20 % of the session's time is left."""
        return self._kept.impending()

    # -- the answer -----------------------------------------------------------------------------------------------

    def headers(self) -> list[Header]:
        """The Set-Cookie headers for all sessions that were changed."""
        return [header for kept in self._opened.values() if (header := kept.header()) is not None]

    def rollback(self) -> None:
        """Take back every change."""
        for kept in self._opened.values():
            kept.rollback()
        self._kept = self._open(self._default)


def _text(values: Any) -> str:
    return json.dumps(values)
