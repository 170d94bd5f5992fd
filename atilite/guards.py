"""What stands before a route: CORS, the role it demands, and the authentication that its app asks for.

A guard is made once for each route and is None for most of them, so that a plain route pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import bottle

from .errors import Error
from .lazily import LazyModule
from .web.headers import Header
from .web.request import Request
from .web.response import Response

if TYPE_CHECKING:
    from .web import cors as rules
else:
    # Loaded with the first route that pages of other sites may call.
    rules = LazyModule("atilite.web.cors")

Guard = Callable[[Any], Any]

ORIGIN, MAX_AGE = "access_control_allow_origin", "access_control_max_age"
# What `@app.authorization_required` leaves on a handler.
AUTHENTICATE = "authenticate"


class Guards:
    """Makes the guards of one app's routes. Any thread, after the set-up."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def of(self, callback: Callable[..., Any], facts: dict[str, Any]) -> Guard | None:
        """The guard of a route: called with `was`, it returns None, or the answer; or it raises Error."""
        options = facts.get("options", {})
        steps: list[Guard] = []
        cors = self.cors(options)
        if cors is not None:
            steps.append(self._sharing(cors))
        if options.get("role") is not None or options.get("csrf"):
            steps.append(self._admission(options.get("role"), bool(options.get("foreign"))))
        kind = self.scheme(callback, facts)
        if kind is not None:
            steps.append(self._app.authenticator(kind))
        return _chain(steps) if steps else None

    def scheme(self, callback: Callable[..., Any], facts: dict[str, Any]) -> str | None:
        """How requests of a route are authenticated: as it says itself, its nearest mount, or the whole app."""
        options = facts.get("options", {})
        if AUTHENTICATE in options:
            return options[AUTHENTICATE] or None
        own = getattr(callback, AUTHENTICATE, None)
        mount = facts.get("mount")
        while own is None and mount is not None:
            own = mount.options.get(AUTHENTICATE)
            mount = mount.parent
        found: str | None = own if own is not None else self._app.authenticate
        return found

    # -- CORS -----------------------------------------------------------------------------------------------------

    def cors(self, options: dict[str, Any]) -> rules.Cors | None:
        """The CORS rule of a route with these options."""
        origins = options.get(ORIGIN, getattr(self._app, ORIGIN, None))
        if not origins:
            return None
        return rules.Cors.of(origins, options.get(MAX_AGE, getattr(self._app, MAX_AGE, None)))

    def _sharing(self, cors: rules.Cors) -> Guard:
        def share(was: Any) -> Response | None:
            environ = was.request.env
            if environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ORIGIN" in environ:
                return Response(environ, 200, "", cors.preflight(environ, self._methods(environ)))
            was.__dict__.setdefault("extra_headers", []).extend(cors.headers(environ))
            return None

        return share

    def shared(self, environ: dict[str, Any]) -> list[Header]:
        """The CORS headers of an answer that comes from no route: a file, an error."""
        cors = self.cors({})
        if cors is None or not cors.allows(environ.get("HTTP_ORIGIN", "null")):
            return []
        return cors.headers(environ)

    def preflight(self, environ: dict[str, Any]) -> list[Header] | None:
        """The headers that answer OPTIONS where no route does; None when nothing there is shared.

        Raises Error 403 for a foreign origin and 405 for a method that is not answered at this path.
        """
        methods = self._methods(environ)
        wanted = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD", "")
        route = self._route(environ, wanted if wanted in methods else next(iter(methods), "GET"))
        facts = getattr(route, "facts", None)
        cors = self.cors(facts["options"]) if facts is not None else None
        return None if cors is None else [*cors.preflight(environ, methods), ("Allow", ", ".join(sorted(methods)))]

    def _route(self, environ: dict[str, Any], method: str) -> Any:
        try:
            return self._app.match({**environ, "REQUEST_METHOD": method})[0]
        except bottle.HTTPError:
            return None

    def _methods(self, environ: dict[str, Any]) -> list[str]:
        """The methods that are answered at this path: the router tells when it is asked for one that nobody has."""
        try:
            self._app.match({**environ, "REQUEST_METHOD": "-"})
        except bottle.HTTPError as error:
            listed = next((value for name, value in error.headerlist if name == "Allow"), "")
            return [method for method in listed.split(", ") if method]
        return ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]  # a route for all methods

    # -- roles ----------------------------------------------------------------------------------------------------

    def _admission(self, role: str | None, foreign: bool) -> Guard:
        def admit(was: Any) -> None:
            was.request.user = was.identity = self._admitted(was.request, role, foreign)

        return admit

    def _admitted(self, request: Request, role: str | None, foreign: bool) -> Any:
        site, environ = self._app.site, request.env
        if site is None:
            raise Error(401, "this route needs a login, and the app runs without accounts; start it with atilite.run")
        access, programs = site.access, self._app.programs
        if role is not None:
            return access.admit(environ, role, lambda: form_token(request), bearer=programs, foreign=foreign)
        identity = access.identify(environ)
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            access.check_change(environ, identity, lambda: form_token(request))
        return identity


def _chain(steps: list[Guard]) -> Guard:
    if len(steps) == 1:
        return steps[0]

    def guard(was: Any) -> Any:
        for step in steps:
            answer = step(was)
            if answer is not None:
                return answer
        return None

    return guard


def form_token(request: Request) -> str:
    """The CSRF token in a form's field, "" without one."""
    value = request.FORM.get("csrf") or request.FORM.get("XSRF_TOKEN") if request.has_body else ""
    return value if isinstance(value, str) else ""
