"""Who may call an app that knows its users itself: basic, digest and bearer authentication."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import unquote

from .clock import Clock
from .errors import Error, SetupError
from .guards import AUTHENTICATE, Guards
from .hooks import fitted
from .lazily import LazyModule
from .web.auth import bearer_token, remote_address
from .web.headers import Header
from .web.throttle import Throttle

if TYPE_CHECKING:
    from .web import credentials, digest
else:
    # Loaded with the first request that is asked for a password or a token.
    credentials = LazyModule("atilite.web.credentials")
    digest = LazyModule("atilite.web.digest")

F = TypeVar("F", bound=Callable[..., Any])

SCHEMES = ("basic", "digest", "bearer")
# Wrong passwords for one name from one address in a minute, before the next ones are refused unseen.
TRIES = 20
# Python's own client reads the first challenge only, and before 3.14 it gives up when that is SHA-256.
READS_FIRST_ONLY = "Python-urllib/"


class Users(Protocol):
    """What `app.users` is: a dictionary, or anything else with `get`."""

    def get(self, name: str, /) -> Any:
        """The user's entry, None for one who is not let in."""


class Admission:
    """The part of an app that authenticates. `begin_admission` is called when the app is made.

    `authenticate` ("basic", "digest", "bearer") holds for every route that says nothing else, `realm` names the area
    to the user, `users` knows the passwords. `digest_algorithms` are those offered, the best one first.
    """

    authenticate: str | None = None
    realm: str = ""
    users: Users | None = None
    digest_algorithms: tuple[str, ...] = ("SHA-256", "MD5")
    access_control_allow_origin: Any = None
    access_control_max_age: int | None = None

    clock: Clock
    securekey: Any
    import_name: str
    routes: list[Any]

    def begin_admission(self) -> None:
        """Make what has to be remembered."""
        self.guards = Guards(self)
        self._provider: Callable[..., Any] | None = None
        self._bearer: Callable[..., Any] | None = None
        self._wrong = Throttle(self.clock, tries=TRIES)

    # -- set-up ---------------------------------------------------------------------------------------------------

    def authorization_required(self, kind: str) -> Callable[[F], F]:
        """Decorator: let nobody call the handler without this authentication, "basic", "digest" or "bearer"."""
        self._check_scheme(kind, "@app.authorization_required")

        def mark(function: F) -> F:
            vars(function)[AUTHENTICATE] = kind
            return function

        return mark

    def authorization_handler(self, function: F) -> F:
        """Decorator: `function(was, username)` gives a user's entry, as a value of `app.users` does."""
        self._provider = fitted(function, 2)
        return function

    def bearer_handler(self, function: F) -> F:
        """Decorator: `function(was, token)` judges the token of a request in place of the default, a JWT.

        It raises was.Error to refuse it, or returns a word that becomes the `error` of the challenge; who is let in
        is what it sets as `was.request.user`.
        """
        self._bearer = fitted(function, 2)
        return function

    def check_admission(self) -> None:
        """Look at every route when the set-up ends. Raises SetupError for what could never let anybody in."""
        for route in self.routes:
            facts = getattr(route, "facts", None)
            if facts is None:
                continue
            name = f"route {route.rule!r}"
            self.guards.cors(facts["options"])
            kind = self.guards.scheme(route.callback, facts)
            if kind is None:
                continue
            self._check_scheme(kind, name)
            if kind == "bearer":
                if self._bearer is None and not self.securekey:
                    raise SetupError(f"{name} takes bearer tokens: set pref.securekey or an @app.bearer_handler")
            elif self._provider is None and self.users is None:
                raise SetupError(f"{name} asks for passwords: set app.users or an @app.authorization_handler")

    def _check_scheme(self, kind: Any, where: str) -> None:
        if kind not in SCHEMES:
            raise SetupError(f"{where}: there is no authentication {kind!r}; use one of {', '.join(SCHEMES)}")

    # -- requests -------------------------------------------------------------------------------------------------

    def authenticator(self, kind: str) -> Callable[[Any], None]:
        """What checks a request: it sets `was.request.user`, or raises Error 401 with the challenge, or 429."""
        checks = {"basic": self._check_basic, "digest": self._check_digest, "bearer": self._check_bearer}
        return checks[kind]

    @functools.cached_property
    def _nonces(self) -> digest.Nonces:
        return digest.Nonces(self.clock)

    @property
    def _area(self) -> str:
        return self.realm or self.import_name

    def _entry(self, was: Any, name: str) -> credentials.Entry | None:
        if self._provider is not None:
            return credentials.Entry.of(self._provider(was, name))
        return credentials.Entry.of(self.users.get(name)) if self.users is not None else None

    def _check_basic(self, was: Any) -> None:
        given = credentials.read_basic(was.request.env.get("HTTP_AUTHORIZATION", ""))
        headers = [("WWW-Authenticate", f'Basic realm={digest.quoted(self._area)}, charset="UTF-8"')]
        if given is None:
            raise Error(401, "this needs a name and a password", headers=headers)
        name, password = given
        key = self._attempt(was, name)
        entry = self._entry(was, name)
        # Somebody unknown is compared as well: the time must not tell who is known.
        known = entry or credentials.Entry("")
        if not known.matches(name, self._area, password) or entry is None:
            self._wrong.wait(key)
            raise Error(401, "wrong name or password", headers=headers)
        was.request.user = credentials.User(name, self._area, entry.info)

    def _check_digest(self, was: Any) -> None:
        header = was.request.env.get("HTTP_AUTHORIZATION", "")
        proof = digest.Proof.read(header)
        if proof is None or proof.realm != self._area or proof.algorithm not in self.digest_algorithms:
            raise self._challenged(was, "this needs a name and a password")
        if not _is_address(proof.uri, was.request):
            raise Error(400, "the digest was made for another address")
        if not self._nonces.fresh(proof.nonce):
            raise self._challenged(was, "the challenge is too old; answer the new one", stale=True)
        key = self._attempt(was, proof.username)
        entry = self._entry(was, proof.username)
        secret = entry.secret(proof.algorithm, proof.username, self._area) if entry is not None else ""
        if secret is None:
            others = [one for one in self.digest_algorithms if one != proof.algorithm]
            raise self._challenged(was, "the password is kept for another algorithm", others, stale=True)
        if not proof.holds(secret, was.request.method) or entry is None:
            self._wrong.wait(key)
            raise self._challenged(was, "wrong name or password")
        if not self._nonces.spend(proof.nonce, proof.count):
            raise self._challenged(was, "this request was sent before; answer the new challenge", stale=True)
        was.request.user = credentials.User(proof.username, self._area, entry.info)

    def _challenged(self, was: Any, reason: str, algorithms: Any = None, *, stale: bool = False) -> Error:
        offered = list(self.digest_algorithms if algorithms is None else algorithms)
        if str(was.request.get_user_agent() or "").startswith(READS_FIRST_ONLY):
            offered.sort(key=lambda algorithm: algorithm != "MD5")
        nonce = self._nonces.make()
        found: list[Header] = [
            ("WWW-Authenticate", digest.challenge(algorithm, self._area, nonce, stale=stale)) for algorithm in offered
        ]
        return Error(401, reason, headers=found)

    def _attempt(self, was: Any, name: str) -> str:
        """What tries of this name are counted by. Raises Error 429 when there were too many wrong ones."""
        key = f"{name[:200]}|{remote_address(was.request.env)}"
        self._wrong.refuse(key)
        return key

    def _check_bearer(self, was: Any) -> None:
        token = bearer_token(was.request.env)
        if not token:
            raise self._token_refused("no bearer token")
        if self._bearer is None:
            claims = was.request.JWT
            if "err" in claims:
                raise self._token_refused(claims["err"], "invalid_token")
            was.request.user = credentials.Claims(claims, self._area)
            return
        try:
            fault = self._bearer(was, token)
        except Error as error:
            if error.status_code == 401 and not any(name.lower() == "www-authenticate" for name, _ in error.headers):
                error.headers.extend(self._token_refused(error.explanation, "invalid_token").headers)
            raise
        if isinstance(fault, str):
            raise self._token_refused(fault, fault)

    def _token_refused(self, reason: str, fault: str = "") -> Error:
        problem = f", error={digest.quoted(fault)}" if fault else ""
        return Error(401, reason, headers=[("WWW-Authenticate", f"Bearer realm={digest.quoted(self._area)}{problem}")])


def _is_address(uri: str, request: Any) -> bool:
    """Whether a client that sent this request may have written its address as `uri`."""
    sent = request.env.get("REQUEST_URI") or request.env.get("RAW_URI")
    if not sent:  # this server does not tell how it was written
        return unquote(uri) == unquote(request.uri)
    return uri in (sent, f"{request.scheme}://{request.env.get('HTTP_HOST', '')}{sent}")
