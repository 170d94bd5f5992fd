"""Sessions of people who signed in: kept on the server, found by a random id in a signed cookie."""

from __future__ import annotations

import functools
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

from atilite.clock import Clock
from atilite.lazily import LazyModule

if TYPE_CHECKING:
    import itsdangerous
else:
    # Loaded when the first cookie comes.
    itsdangerous = LazyModule("itsdangerous")


class Lifetime(NamedTuple):
    """How long sessions last. `keep` is for those who asked to stay signed in."""

    idle: timedelta = timedelta(hours=12)
    absolute: timedelta = timedelta(days=7)
    keep: timedelta = timedelta(days=30)
    # A visit is noted at most this often, so that reading pages does not wear out a card.
    touch_every: timedelta = timedelta(minutes=1)

    def ended(self, created: datetime, seen: datetime, keep: bool, now: datetime) -> bool:
        """True when a session has been idle too long, or is too old whatever its owner did."""
        idle, absolute = (self.keep, self.keep) if keep else (self.idle, self.absolute)
        return now - seen >= idle or now - created >= absolute


class StoredSession(Protocol):
    """A session as kept: whose, with the role that the account has now."""

    @property
    def name(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def seen_at(self) -> datetime: ...
    @property
    def keep(self) -> bool: ...


class SessionStore(Protocol):
    """Where sessions are kept. It gets ids, and stores no more than a digest of them."""

    def open_session(self, session: str, name: str, *, keep: bool) -> None: ...
    def session(self, session: str) -> StoredSession | None: ...
    def touch_session(self, session: str) -> None: ...
    def close_session(self, session: str) -> None: ...


class Session(NamedTuple):
    """A session that is alive."""

    id: str
    name: str
    role: str


class Logins:
    """Opens, finds and closes sessions. Any thread."""

    def __init__(self, store: SessionStore, key: bytes, clock: Clock, lifetime: Lifetime) -> None:
        self._store, self._key, self._clock, self._lifetime = store, key, clock, lifetime

    @functools.cached_property
    def _signer(self) -> itsdangerous.Signer:
        return itsdangerous.Signer(
            self._key, salt="atilite.session", key_derivation="hmac", digest_method=hashlib.sha256
        )

    @property
    def max_age(self) -> int:
        """Seconds that a browser keeps the cookie of someone who stays signed in."""
        return int(self._lifetime.keep.total_seconds())

    def open(self, name: str, keep: bool) -> str:
        """Open a session under a new id and return the value of its cookie."""
        session = secrets.token_urlsafe(32)
        self._store.open_session(session, name, keep=keep)
        return self._signer.sign(session).decode()

    def find(self, cookie: str) -> Session | None:
        """The living session of this cookie; one that was altered, has expired or was closed is None."""
        session = self._unsign(cookie)
        stored = self._store.session(session) if session else None
        if stored is None:
            return None
        now = self._clock.now()
        if self._lifetime.ended(stored.created_at, stored.seen_at, stored.keep, now):
            self._store.close_session(session)
            return None
        if now - stored.seen_at >= self._lifetime.touch_every:
            self._store.touch_session(session)
        return Session(session, stored.name, stored.role)

    def close(self, cookie: str) -> None:
        """End the session of this cookie; nothing happens for a cookie that is not ours."""
        session = self._unsign(cookie)
        if session:
            self._store.close_session(session)

    def _unsign(self, cookie: str) -> str:
        # The signature spares the database a search for every forged cookie, and old keys end all sessions at once.
        if not cookie or len(cookie) >= 200:
            return ""
        session, _, signature = cookie.rpartition(".")
        # Compared as texts: the same bytes in another spelling are no cookie of ours.
        expected = self._signer.get_signature(session)
        return session if session and hmac.compare_digest(expected, signature.encode()) else ""
