"""One-time tokens: a JSON value that travels through a mail or a link and comes back unchanged, in time, once."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, MutableMapping
from typing import Any, NamedTuple

from atilite.clock import Clock
from atilite.web.signing import BadSignature, SecureKey, Signing

TIMEOUT = 1200.0  # seconds
Session = Callable[[], MutableMapping[str, Any]]


class Revoked:
    """The tokens that count no more, by id, until they would have expired anyway. Any thread.

    `load(id)` tells of one that an earlier process revoked, `save(id, seconds)` keeps one for the next.
    """

    def __init__(
        self, load: Callable[[str], bool] | None = None, save: Callable[[str, float], None] | None = None
    ) -> None:
        self._load, self._save = load, save
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def add(self, token_id: str, until: float, now: float) -> None:
        """Let this token, which is good until then, count no more. Times are seconds since 1970. Does not block."""
        with self._lock:
            for old in [old for old, end in self._until.items() if end <= now]:
                del self._until[old]
            self._until[token_id] = until
        if self._save is not None and until > now:
            self._save(token_id, until - now)

    def __contains__(self, token_id: str) -> bool:
        return token_id in self._until or (self._load is not None and self._load(token_id))


class _Token(NamedTuple):
    id: str
    value: Any
    until: float
    session_key: str


class OneTimeTokens:
    """Makes, reads and revokes tokens. It belongs to one request.

    `session` gives the session, for tokens that are bound to one; it is asked for then only.
    """

    def __init__(self, key: SecureKey, revoked: Revoked, session: Session, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._signing = Signing(key, "ott", self._clock)
        self._revoked, self._session = revoked, session

    def encode(self, obj: Any, timeout: float = TIMEOUT, session_key: str | None = None) -> str:
        """Return a token for a JSON value that is good for `timeout` seconds. Everybody can read the value in it.

        With `session_key` it counts in this browser only: its session keeps the token's id under `_<key>_token`,
        and a newer token of the same key replaces it. Raises TypeError for what is not JSON.
        """
        token = _Token(secrets.token_urlsafe(12), obj, self._clock.time() + timeout, session_key or "")
        text = self._signing.sign([token.id, token.value, token.until, token.session_key])
        if session_key:
            self._session()[_name(session_key)] = token.id
        return text

    def decode(self, text: str | None) -> Any:
        """Return the value of a token; None when it was altered, is too old, was revoked or is another browser's."""
        token = self._checked(text)
        if token is None or token.until <= self._clock.time() or token.id in self._revoked:
            return None
        if token.session_key and self._session().get(_name(token.session_key)) != token.id:
            return None
        return token.value

    def revoke(self, text: str | None) -> None:
        """Let a token count no more, in any browser. One that is no token of ours is no error. Does not block."""
        token = self._checked(text)
        if token is None:
            return
        self._revoked.add(token.id, token.until, self._clock.time())
        if token.session_key and self._session().get(_name(token.session_key)) == token.id:
            del self._session()[_name(token.session_key)]

    def _checked(self, text: str | None) -> _Token | None:
        try:
            return _Token(*self._signing.check(text)) if isinstance(text, str) else None
        except BadSignature:
            return None


def _name(session_key: str) -> str:
    return f"_{session_key}_token"
