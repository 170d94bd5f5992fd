"""Who sends a request, and whether this person or program may do what it asks.

Three roles, each may do what the one before may: `view` reads, `run` runs and cancels, `admin` changes data, accounts
and settings. A person signs in and gets a session; a program sends a bearer token. Nobody else gets in, except in a
developer's server on a loopback address.
"""

from __future__ import annotations

import functools
import ipaddress
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import field
from typing import Any, Literal, Protocol

from atilite.clock import Clock
from atilite.errors import Error
from atilite.quickly import dataclass

from . import csrf
from .hosts import Hosts
from .logins import Lifetime, Logins, SessionStore
from .throttle import Hashers, Throttle

Role = Literal["view", "run", "admin"]
ROLES: tuple[Role, ...] = ("view", "run", "admin")

SESSION_COOKIE = "atilite_session"
CSRF_COOKIE = "atilite_csrf"
# Longer input is refused before it is hashed: nobody has such a password, and hashing it costs.
LONGEST_NAME, LONGEST_PASSWORD = 200, 1000

Environ = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sends a request. `via` says how we know; None is a stranger, and `fault` then why their proof was refused.

    `session` is the id that a session's CSRF token is bound to; it is a secret.
    """

    name: str = ""
    role: Role | None = None
    via: Literal["session", "token", "devel"] | None = None
    fault: str = ""
    session: str = field(default="", repr=False)

    def may(self, role: str | None) -> bool:
        """True when this identity may do what `role` may; None asks for nothing."""
        if role is None:
            return True
        return self.role is not None and ROLES.index(self.role) >= _rank(role)


DEVELOPER = Identity("devel", "admin", "devel")


@dataclass(frozen=True, slots=True)
class FormToken:
    """What a page with a form needs: the token, and the Set-Cookie value that must go out with it (or None)."""

    value: str
    cookie: str | None = None


class Keys(Protocol):
    """Where signing keys are kept."""

    def secret(self, name: str) -> bytes:
        """The random key of this name, the same at every call and after every start."""


class Holder(Protocol):
    """Whom a password or a token belongs to."""

    @property
    def name(self) -> str: ...
    @property
    def role(self) -> str: ...


class Accounts(SessionStore, Protocol):
    """Where accounts, tokens and sessions are kept."""

    def verify(self, name: str, password: str) -> Holder | None:
        """The account, or None; takes as long for an unknown name. Hashes: a worker thread only."""

    def token(self, secret: str) -> Holder | None:
        """The holder of a token that is known and has not expired, or None."""


def _rank(role: str) -> int:
    try:
        return ROLES.index(role)
    except ValueError:
        raise ValueError(f"there is no role {role!r}; use one of {', '.join(ROLES)}") from None


def safe_next(target: str | None, default: str = "/") -> str:
    """Return `target` when it is a path on this server, else `default`: where to go after a login.

    Browsers read `//name` and `/\\name` as another server and drop tabs and line ends inside; all of these, also
    when percent-encoded, are refused.
    """
    if not target or len(target) > 2000 or not target.startswith("/") or target.startswith("//"):
        return default
    if "\\" in target or not all(0x20 < ord(char) < 0x7F for char in target):
        return default
    lowered = target.lower()
    return default if any(code in lowered for code in ("%0d", "%0a", "%00", "%09", "%5c")) else target


def remote_address(environ: Environ) -> str:
    """The client's address as the server saw it; "" for a Unix socket."""
    return str(environ.get("REMOTE_ADDR") or "")


def on_this_machine(environ: Environ) -> bool:
    """True when the client is on this machine, or came through a Unix socket."""
    return _is_loopback(remote_address(environ))


@functools.lru_cache(256)
def _is_loopback(address: str) -> bool:
    try:
        return not address or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address in ("localhost", "unix")


def bearer_token(environ: Environ) -> str | None:
    """The token of `Authorization: Bearer ...`, or None when there is no such header."""
    scheme, _, token = str(environ.get("HTTP_AUTHORIZATION", "")).strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def cookie_value(environ: Environ, name: str) -> str:
    """The value of the first cookie of this name, or ""."""
    for part in str(environ.get("HTTP_COOKIE", "")).split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value.strip('"')
    return ""


def set_cookie(environ: Environ, name: str, value: str, max_age: int | None = None) -> str:
    """A Set-Cookie value: hidden from scripts and from other sites' changes, and from plain HTTP if this is TLS."""
    secure = "; Secure" if environ.get("wsgi.url_scheme") == "https" else ""
    age = "" if max_age is None else f"; Max-Age={max_age}"
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Lax{age}{secure}"


class Access:
    """The door of one server: identifies, signs in and out, and admits requests. Any thread, except `login`.

    `devel` is true only for a server that was started as a developer's and listens on a loopback address. `origins`
    are other sites whose pages may call as our own do.
    """

    def __init__(
        self,
        accounts: Accounts,
        keys: Keys,
        clock: Clock,
        devel: bool = False,
        *,
        hosts: Hosts | None = None,
        lifetime: Lifetime | None = None,
        origins: Collection[str] = (),
    ) -> None:
        self._accounts, self._devel, self._origins = accounts, devel, frozenset(origins)
        self.hosts = hosts or Hosts()
        self._logins = Logins(accounts, keys.secret("session"), clock, lifetime or Lifetime())
        self.tokens = csrf.Tokens(keys.secret("csrf"))
        self._throttle, self._hashers = Throttle(clock), Hashers()

    def identify(self, environ: Environ, *, bearer: bool = True) -> Identity:
        """Who sends this request. Never raises; a proof that does not hold makes a stranger with a `fault`.

        `bearer=False` is for pages, which take sessions only.
        """
        token = bearer_token(environ)
        if token is not None:
            return self._by_token(token) if bearer else Identity(fault="tokens are for the APIs only; sign in")
        cookie = cookie_value(environ, SESSION_COOKIE)
        session = self._logins.find(cookie) if cookie else None
        if session is not None:
            return Identity(session.name, _role(session.role), "session", session=session.id)
        if self._devel and on_this_machine(environ):
            return DEVELOPER
        return Identity(fault="the session has ended; sign in again" if cookie else "")

    def _by_token(self, secret: str) -> Identity:
        holder = self._accounts.token(secret) if 0 < len(secret) <= LONGEST_NAME else None
        if holder is None:
            return Identity(fault="the token is not known or has expired")
        return Identity(holder.name, _role(holder.role), "token")

    def check(self, identity: Identity, role: str | None) -> None:
        """Raise Error 401 for a stranger and 403 for a role that is too small; None lets everybody pass."""
        if identity.may(role):
            return
        if identity.role is None:
            problem = ', error="invalid_token"' if identity.fault else ""
            challenge = ("WWW-Authenticate", f'Bearer realm="atilite"{problem}')
            raise Error(401, identity.fault or "sign in, or send a token", headers=[challenge])
        raise Error(403, f"this needs the role {role}; {identity.name} has {identity.role}")

    def admit(
        self,
        environ: Environ,
        role: str | None,
        form_token: Callable[[], str] = str,
        *,
        bearer: bool = True,
        foreign: bool = False,
    ) -> Identity:
        """The whole door for one request: Host, identity, role, and for changes their origin and token.

        `form_token` is asked for the form's field only when it is needed. `foreign` is for an application of another
        framework, whose forms have tokens of their own: the origin has to do. Raises Error 400, 401 or 403.
        """
        self.hosts.check(environ)
        identity = self.identify(environ, bearer=bearer)
        self.check(identity, role)
        if role is not None and csrf.changing(str(environ.get("REQUEST_METHOD", "GET"))):
            if not foreign:
                self.check_change(environ, identity, form_token, programs=bearer)
            elif identity.via != "token":
                self.check_origin(environ)
        return identity

    def check_change(
        self,
        environ: Environ,
        identity: Identity,
        form_token: Callable[[], str] = str,
        *,
        programs: bool = False,
    ) -> None:
        """Raise Error 403 unless a changing request was meant by whoever sends it.

        A bearer token is never sent by a browser on its own, so it needs no more. `programs` excuses requests to a
        developer's server that show no mark of a browser (curl, scripts), or come from a page of one of `origins`,
        from the form's token.
        """
        if identity.via == "token":
            return
        self.check_origin(environ)
        trusted = environ.get("HTTP_ORIGIN") in self._origins
        if programs and identity.via == "devel" and (trusted or not csrf.from_browser(environ)):
            return
        token = csrf.sent_token(environ) or form_token()
        if not self.tokens.valid(self._binding(environ, identity), token):
            raise Error(403, "CSRF token error: load the page again and repeat what you did")

    def check_origin(self, environ: Environ) -> None:
        """Raise Error 403 when the browser says that another site sends this. Also for WebSockets, whatever method."""
        reason = csrf.foreign(environ)
        if reason and environ.get("HTTP_ORIGIN") not in self._origins:
            raise Error(403, reason)

    def form_token(self, environ: Environ, identity: Identity) -> FormToken:
        """The CSRF token for forms on the page that answers this request."""
        binding = self._binding(environ, identity)
        if binding:
            return FormToken(self.tokens.token(binding))
        # No session to bind to (the login page, a developer's server): a random cookie takes its place.
        fresh = secrets.token_urlsafe(24)
        return FormToken(self.tokens.token(fresh), set_cookie(environ, CSRF_COOKIE, fresh))

    @staticmethod
    def _binding(environ: Environ, identity: Identity) -> str:
        return identity.session or cookie_value(environ, CSRF_COOKIE)

    def login(self, name: str, password: str, address: str, *, keep: bool = False, replaces: str = "") -> str:
        """Check a password and open a session; return the value of its cookie. Worker threads only: it waits.

        `replaces` is the cookie of the request, whose session ends: a login always makes a new id. Raises Error 429
        after 5 tries in a minute for this name from this address, and 401 for a wrong name or password, in the same
        time for both.
        """
        key = f"{name[:LONGEST_NAME]}|{address}"
        self._throttle.check(key)
        if len(name) > LONGEST_NAME or len(password) > LONGEST_PASSWORD:
            name = password = ""
        account = self._hashers.call(self._accounts.verify, name, password)
        if account is None:
            challenge = ("WWW-Authenticate", 'Bearer realm="atilite"')
            raise Error(401, "wrong name or password", headers=[challenge])
        self._throttle.forget(key)
        self._logins.close(replaces)
        return self._logins.open(account.name, keep)

    def logout(self, environ: Environ) -> str:
        """End the session of this request on the server; return the Set-Cookie value that removes its cookie."""
        self._logins.close(cookie_value(environ, SESSION_COOKIE))
        return set_cookie(environ, SESSION_COOKIE, "", max_age=0)

    def session_cookie(self, environ: Environ, value: str, *, keep: bool = False) -> str:
        """The Set-Cookie value for what `login` returned."""
        return set_cookie(environ, SESSION_COOKIE, value, self._logins.max_age if keep else None)


def _role(role: str) -> Role | None:
    # A role this version does not know gives no rights.
    return role if role in ROLES else None
