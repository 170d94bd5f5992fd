"""JSON Web Tokens (RFC 7519), signed with HS256 and nothing else. Pure but for the clock."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeGuard

from atilite.clock import Clock
from atilite.lazily import LazyModule
from atilite.web.signing import SecureKey, canonical, signing_keys

if TYPE_CHECKING:
    import jwt
else:
    jwt = LazyModule("jwt")

ALGORITHM = "HS256"
MISSING, INVALID, EXPIRED, EARLY = "no bearer token", "invalid token", "token expired", "token not activated yet"
_TIMES = ("exp", "nbf", "iat")
# We check the times with our own clock, and audience and issuer are the handler's business.
_UNCHECKED: Any = {f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}


def make_jwt(securekey: SecureKey, claims: Mapping[str, Any]) -> str:
    """Return a token for `claims`, signed with the first key. Times are seconds since 1970 or datetimes.

    Raises ValueError when `exp` is missing or a time is none, TypeError for what is not JSON, SetupError without a
    key.
    """
    key = signing_keys(securekey)[0]
    payload = dict(claims)
    if "exp" not in payload:
        raise ValueError("a token needs the claim 'exp': when it expires, in seconds since 1970")
    for name in _TIMES:
        if name in payload:
            payload[name] = _moment(name, payload[name])
    token: str = jwt.encode(payload, _padded(key), algorithm=ALGORITHM)
    return token


def read_jwt(securekey: SecureKey, token: str | None, clock: Clock | None = None) -> dict[str, Any]:
    """Return the claims of `token`, or `{"err": text}`: missing, invalid, expired, or not activated yet.

    Whatever the token's header says, only HS256 with one of the keys is accepted. Raises SetupError without a key.
    """
    keys = signing_keys(securekey)
    if not token:
        return {"err": MISSING}
    claims = next((claims for key in keys if (claims := _verified(key, token)) is not None), None)
    if claims is None:
        return {"err": INVALID}
    fault = _fault_of(claims, (clock or Clock()).time())
    return {"err": fault} if fault else claims


def bearer(environ: Mapping[str, Any]) -> str | None:
    """The token of `Authorization: Bearer ...`; None without one."""
    scheme, _, token = str(environ.get("HTTP_AUTHORIZATION", "")).strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _verified(key: bytes, token: str) -> dict[str, Any] | None:
    """The claims of a token whose signature is right, whatever its times; None for any other."""
    try:
        claims: dict[str, Any] = jwt.decode(token, _padded(key), algorithms=[ALGORITHM], options=_UNCHECKED)
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    return claims if canonical(token.rpartition(".")[2]) else None


def _padded(key: bytes) -> bytes:
    # HMAC itself fills a key up with zeros, so this changes nothing but the library's opinion of short ones.
    return key.ljust(32, b"\0")


def _fault_of(claims: Mapping[str, Any], now: float) -> str:
    until, since = claims.get("exp"), claims.get("nbf", 0)
    if not (_is_moment(until) and _is_moment(since)):
        return INVALID
    return EXPIRED if now >= until else EARLY if now < since else ""


def _moment(name: str, value: Any) -> int:
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if not _is_moment(value):
        raise ValueError(f"the claim {name!r} is a time in seconds since 1970 or a datetime, not {value!r}")
    return int(value)


def _is_moment(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
