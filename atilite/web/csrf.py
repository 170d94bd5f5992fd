"""Whether a changing request was meant by the person whose browser sends it. Pure.

Two independent answers, both needed: the browser's own word on where the request comes from (`Sec-Fetch-Site`,
`Origin`), and a token that only our own pages can contain.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from .hosts import split_host

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# Where a page may put the token: a field of a form, or one of these headers.
FIELD = "csrf"
HEADERS = ("HTTP_X_CSRF_TOKEN", "HTTP_X_XSRF_TOKEN")
# A request that has none of these was not sent by a browser, so nobody's browser can have been tricked into it.
BROWSER_MARKS = ("HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE", "HTTP_SEC_FETCH_MODE", "HTTP_REFERER", "HTTP_COOKIE")

Environ = Mapping[str, Any]


def changing(method: str) -> bool:
    """True for methods that may change something."""
    return method.upper() not in SAFE_METHODS


def from_browser(environ: Environ) -> bool:
    """True unless the request certainly comes from a program: browsers say where a changing request comes from."""
    return any(mark in environ for mark in BROWSER_MARKS)


def foreign(environ: Environ) -> str:
    """Say why the request does not come from our own pages, or return "" when nothing speaks against it."""
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None and site.strip().lower() not in ("same-origin", "none"):
        return "the request comes from another site"
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None and not same_host(origin, environ.get("HTTP_HOST", "")):
        return "the request's Origin is another site, or a proxy does not pass on the client's Host"
    return ""


def same_host(origin: str, host: str) -> bool:
    """Whether `origin` has the name and the port of `host`.

    The scheme is left out: behind a proxy that ends TLS we would see another one.
    """
    scheme, _, rest = origin.strip().partition("://")
    usual = {"http": "80", "https": "443"}.get(scheme.lower())
    try:
        (name, port), (own, own_port) = split_host(rest), split_host(host)
    except ValueError:
        return False
    return usual is not None and (name, port or usual) == (own, own_port or usual)


def sent_token(environ: Environ) -> str:
    """The token that came in a header, or ""."""
    return next((environ[name] for name in HEADERS if environ.get(name)), "")


class Tokens:
    """Makes and checks the token of a session, or of the random cookie of a browser that has none. Any thread."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.sha256(b"csrf\0" + key).digest()

    def token(self, binding: str) -> str:
        """The token for the session id or cookie value `binding`. It reveals nothing about it."""
        digest = hmac.digest(self._key, binding.encode(), "sha256")
        return urlsafe_b64encode(digest[:24]).decode()

    def valid(self, binding: str, token: str) -> bool:
        """True when `token` was made for `binding`. Constant time."""
        return bool(binding) and hmac.compare_digest(self.token(binding).encode(), token.encode(errors="replace"))
