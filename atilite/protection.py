"""What an app needs to keep things with its clients safely: keys, lifetimes, and what must not be used twice."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from .clock import Clock
from .errors import Error
from .lazily import LazyModule
from .store.database import Database
from .store.keys import Keys
from .store.kv import KV
from .web import csrf
from .web.cookies import SESSION_TIMEOUT
from .web.signing import SecureKey, signing_keys
from .wrapping import guarded, noted

if TYPE_CHECKING:
    from .web import otp, ott
else:
    # Loaded with the first one-time password, or token.
    otp = LazyModule("atilite.web.otp")
    ott = LazyModule("atilite.web.ott")

F = TypeVar("F", bound=Callable[..., Any])

# Where a site keeps the ids of one-time tokens that were revoked.
REVOKED = "atilite.revoked"


class Protection:
    """The part of an app that protects what its clients keep.

    `securekey` signs: a text, or a list of them, the first of which signs while all of them check. `session_timeout`
    is in seconds; `session_binds_address` makes a session worthless at another address.
    """

    site: Any
    _open_store: Callable[[], Database]
    securekey: SecureKey = None
    session_timeout: float = SESSION_TIMEOUT
    session_binds_address = False
    clock = Clock()

    @functools.cached_property
    def one_time_codes(self) -> otp.OneTimeCodes:
        """Which one-time passwords were used."""
        return otp.OneTimeCodes()

    @functools.cached_property
    def revoked(self) -> ott.Revoked:
        """Which one-time tokens were revoked."""
        return ott.Revoked(self._was_revoked, self._keep_revoked)

    def keys(self, purpose: str) -> SecureKey:
        """The keys for a purpose: `securekey`, or without it a random one that is kept in the database."""
        if self.securekey:
            return self.securekey
        keys: Keys = self._own_keys if self.site is None else self.site.keys
        return keys.secret(purpose)

    @functools.cached_property
    def _own_keys(self) -> Keys:
        return Keys(self._open_store())

    @property
    def form_tokens(self) -> csrf.Tokens:
        """What makes and checks the tokens of forms: that of the site, which the console's pages use as well."""
        if self.site is not None:
            found: csrf.Tokens = self.site.access.tokens
            return found
        return self._own_form_tokens

    @functools.cached_property
    def _own_form_tokens(self) -> csrf.Tokens:
        return csrf.Tokens(signing_keys(self.keys("csrf"))[0])

    def csrf_verification_required(self, function: F) -> F:
        """Decorator, below `@app.route`: refuse changes without a right CSRF token with 400. GET and HEAD pass."""

        def check(was: Any, given: Mapping[str, Any]) -> None:
            if csrf.changing(was.request.method) and not was.verify_csrf():
                raise Error(400, "CSRF token error")

        return noted(guarded(function, check), csrf.FIELD)

    # A site's database belongs to one process, so what is kept there is all that was revoked.

    def _was_revoked(self, token_id: str) -> bool:
        return self.site is not None and KV(self.site.database()).item(REVOKED, token_id) is not None

    def _keep_revoked(self, token_id: str, seconds: float) -> None:
        if self.site is not None:
            KV(self.site.database()).set(REVOKED, {token_id: True}, ttl=seconds)
