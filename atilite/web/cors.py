"""Which other sites' pages may call a route from a browser: CORS, preflight included. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from atilite.errors import Error, SetupError
from atilite.quickly import dataclass
from atilite.web.csrf import same_host
from atilite.web.headers import Header

ANYONE = "*"
VARY: Header = ("Vary", "Origin")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s,?#@]+")
_NAMES = re.compile(r"[\w!#$%&'*+.^`|~-]+(?:[ \t]*,[ \t]*[\w!#$%&'*+.^`|~-]+)*", re.ASCII)

Environ = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cors:
    """The rule of a route or an app: who may call, and for how many seconds a browser may remember that."""

    origins: frozenset[str]
    max_age: int | None = None

    @classmethod
    def of(cls, origins: str | Iterable[str] | None, max_age: int | None = None) -> Cors | None:
        """The rule for `access_control_allow_origin`; None when there is none.

        Raises SetupError for what is neither "*" nor an origin such as "https://www.example.org:8443".
        """
        given = [origins] if isinstance(origins, str) and origins else list(origins or ())
        cleaned = [origin.strip().lower().rstrip("/") for origin in given]
        for origin in cleaned:
            if origin != ANYONE and not _ORIGIN.fullmatch(origin):
                raise SetupError(f"{origin!r} is no origin; write it as https://www.example.org, or '*' for any")
        return cls(frozenset(cleaned), max_age) if cleaned else None

    @property
    def anyone(self) -> bool:
        """Whether pages of every site may call; they never get to send cookies then."""
        return ANYONE in self.origins

    def allows(self, origin: str) -> bool:
        """Whether pages of `origin` may call."""
        return self.anyone or origin.strip().lower() in self.origins

    def headers(self, environ: Environ) -> list[Header]:
        """The headers for the answer to this request. Raises Error 403 for a page of a site that is not allowed.

        A request without Origin is no browser's call from another site; our own pages are always allowed.
        """
        origin = environ.get("HTTP_ORIGIN")
        if origin is None:
            return [VARY]
        if not self.allows(origin):
            if same_host(origin, environ.get("HTTP_HOST", "")):
                return [VARY]
            raise Error(403, "pages of this origin may not call here", headers=[VARY])
        # The answer names the one origin that asked: caches keep it apart from the answer for another.
        found = [VARY, ("Access-Control-Allow-Origin", origin)]
        if not self.anyone:
            found.append(("Access-Control-Allow-Credentials", "true"))
        return found

    def preflight(self, environ: Environ, methods: Collection[str]) -> list[Header]:
        """The headers that answer a browser's question whether it may call.

        Raises Error 403 for a foreign origin and 405 for a method that is not among `methods`.
        """
        found = self.headers(environ)
        wanted = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD", "").strip()
        listed = ", ".join(sorted(methods))
        if wanted and wanted not in methods:
            raise Error(405, f"{wanted} is not answered here", headers=[*found, ("Allow", listed)])
        found.append(("Access-Control-Allow-Methods", listed))
        if self.max_age is not None:
            found.append(("Access-Control-Max-Age", str(int(self.max_age))))
        names = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "").strip()
        if _NAMES.fullmatch(names):
            found.append(("Access-Control-Allow-Headers", names))
        return found
