"""The part of `was` that makes and checks tokens: JWT, one-time passwords, one-time tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..web import jwts, otp
from ..web.compression import keep_secret
from ..web.ott import TIMEOUT, OneTimeTokens


class Tokens:
    """Tokens signed with the app's keys. It belongs to one request or run."""

    def __init__(self, was: Any) -> None:
        self._was, self._app = was, was.app

    def encode_jwt(self, claims: Mapping[str, Any]) -> str:
        """Return a JSON Web Token (HS256, signed with pref.securekey) for claims with `exp`, in seconds since 1970."""
        self._keep_secret()
        return jwts.make_jwt(self._app.securekey, claims)

    def dejwt(self, token: str | None = None) -> dict[str, Any]:
        """Return the claims of a token, of the request's bearer token by default, or `{"err": why there are none}`."""
        if token is None:
            claims: dict[str, Any] = self._was.request.JWT
            return claims
        return jwts.read_jwt(self._app.securekey, token, self._app.clock)

    @property
    def otp_secret(self) -> str:
        """The base32 secret of the usual one-time passwords, for authenticator apps and other programs."""
        self._keep_secret()
        return otp.secret_of(self._app.securekey)

    def generate_otp(self, secret: str | None = None) -> str:
        """Return the one-time password of this moment, for pref.securekey or a base32 secret."""
        self._keep_secret()
        return otp.generate_otp(secret or self.otp_secret, self._app.clock)

    def verify_otp(self, code: str | None, secret: str | None = None, *, once: bool = True) -> bool:
        """Whether a one-time password is right, now or 30 seconds before or after.

        Each is accepted once in this process; `once=False` accepts it as long as it is right.
        """
        wanted = otp.secrets_for(self._app.securekey, secret)
        right: bool = self._app.one_time_codes.verify(wanted, code, self._app.clock.time(), once=once)
        return right

    def encode_ott(self, obj: Any, timeout: float = TIMEOUT, session_key: str | None = None) -> str:
        """Return a one-time token for a JSON value, good for `timeout` seconds; see `OneTimeTokens.encode`."""
        self._keep_secret()
        return self._one_time().encode(obj, timeout, session_key)

    def decode_ott(self, token: str | None) -> Any:
        """Return the value of a one-time token, None when it does not count (any more, or in this browser)."""
        return self._one_time().decode(token)

    def revoke_ott(self, token: str | None) -> None:
        """Let a one-time token count no more."""
        self._one_time().revoke(token)

    def _keep_secret(self) -> None:
        if self._was.request_or_none:
            keep_secret(self._was.env)

    def _one_time(self) -> OneTimeTokens:
        app = self._app
        return OneTimeTokens(app.keys("ott"), app.revoked, lambda: self._was.session, app.clock)
