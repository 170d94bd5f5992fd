"""The part of `was` that protects forms: a token that only our own pages can contain."""

from __future__ import annotations

import hmac
import secrets
from typing import Any

from markupsafe import Markup

from ..web import csrf
from ..web.auth import CSRF_COOKIE, cookie_value, set_cookie
from ..web.compression import keep_secret
from ..web.cookies import write_cookie

# The manual's name for the field; as a cookie it tells the token to scripts of our own pages.
FIELD = COOKIE = "XSRF_TOKEN"
# Where a session keeps what its tokens are bound to.
IN_SESSION = "_csrf"


class Forms:
    """The CSRF token of one request.

    It is bound to the login; without one to a random secret in a cookie that no script can read. An app whose session
    is in use keeps that secret in the session, so that a cookie which somebody else planted is of no use.
    """

    def __init__(self, was: Any) -> None:
        self._was = was
        self._value = ""
        self._forgotten = False

    @property
    def value(self) -> str:
        """The token for a page; its cookie, if it needs one, goes out with the answer."""
        if not self._value:
            keep_secret(self._was.env)
            login = self._was.identity.session
            self._value = self._was.app.form_tokens.token(login or self._secret())
        return self._value

    @property
    def token(self) -> str:
        """The same token, also told to the page's scripts in the cookie XSRF_TOKEN."""
        if cookie_value(self._was.env, COOKIE) != self.value:
            encrypted = self._was.request.scheme == "https"
            self._send(COOKIE, write_cookie(COOKIE, self.value, secure=encrypted, http_only=False)[1])
        return self._value

    @property
    def field(self) -> Markup:
        """The hidden field for a form, as safe HTML."""
        return Markup('<input type="hidden" name="{}" value="{}">').format(csrf.FIELD, self.token)

    def verify(self, keep: bool = True) -> bool:
        """Whether the request comes from a page of ours: its X-XSRF-TOKEN header or its field has the right token.

        With `keep` false a right token is forgotten after this.
        """
        was = self._was
        if was.identity.via == "token":
            return True  # no browser sends a bearer token on its own
        args = was.request.args
        given = csrf.sent_token(was.env) or args.get(FIELD) or args.get(csrf.FIELD) or ""
        right = not csrf.foreign(was.env) and was.app.form_tokens.valid(self._binding(), str(given))
        if right and not keep:
            self.remove()
        return bool(right)

    def remove(self) -> None:
        """Forget the token: forms that have it are refused from now on. That of a login stays as long as the login."""
        kept = self._kept()
        if kept is not None and kept.values.pop(IN_SESSION, None):
            kept.touched = True
        self._value, self._forgotten = "", True
        for name in (CSRF_COOKIE, COOKIE):
            if cookie_value(self._was.env, name):
                self._send(name, set_cookie(self._was.env, name, "", max_age=0))

    def _binding(self) -> str:
        if self._forgotten:
            return ""
        kept = self._kept()
        in_session = str(kept.values.get(IN_SESSION, "")) if kept is not None else ""
        return self._was.identity.session or in_session or cookie_value(self._was.env, CSRF_COOKIE)

    def _secret(self) -> str:
        """What the token is bound to without a login; made and given to the browser if it has none."""
        kept, sent = self._kept(), "" if self._forgotten else cookie_value(self._was.env, CSRF_COOKIE)
        if kept is None or not kept.values:
            secret = sent or secrets.token_urlsafe(24)
        else:
            secret = kept.values.get(IN_SESSION) or secrets.token_urlsafe(24)
            if IN_SESSION not in kept.values:
                kept.put(IN_SESSION, secret)
        if not hmac.compare_digest(secret.encode(), sent.encode()):
            self._send(CSRF_COOKIE, set_cookie(self._was.env, CSRF_COOKIE, secret))
        return str(secret)

    def _kept(self) -> Any:
        return self._was.session.own if self._was.app.securekey else None

    def _send(self, name: str, cookie: str) -> None:
        """Let this cookie go out even when the request fails: the page that tells so may have a form."""
        headers = self._was.__dict__.setdefault("extra_headers", [])
        headers[:] = [header for header in headers if not header[1].startswith(f"{name}=")]
        headers.append(("Set-Cookie", cookie))
