"""Declaring routes: `app.route` in both dialects, and one decorator for each method."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any, Protocol, TypeVar, overload

import bottle

from .automation.naming import name_of
from .bottled import Route
from .errors import Frozen, SetupError
from .mounting import Mounting
from .pipeline import Pipeline
from .web.auth import ROLES
from .web.hosts import split_host
from .web.params import parameters_of
from .web.resources import Resource
from .web.routes import Rule
from .web.static import StaticFiles
from .wrapping import UPGRADES

F = TypeVar("F", bound=Callable[..., Any])

# What `@app.coroutine` and `@app.input_stream` leave on a handler: options of its routes.
OPTIONS = "route_options"
# What the options of a route may be that have no other values.
VALUES = {"role": (None, *ROLES), "start": (None, "worker", "hub"), "coroutine": (None, False, True, "thread")}
KINDS = "write <int:name>, <float:name> or <path:name>, Bottle's <name:int>, or add a filter to app.router"


class Declare(Protocol):
    """Declares a handler for one method."""

    def __call__(self, path: Any = None, **options: Any) -> Callable[[F], F]:
        """The decorator for `path`; options as for `route`."""


class Verb:
    """`app.get`, `app.post`, ...: `app.route` for one method."""

    def __init__(self, method: str) -> None:
        self._method = method

    def __get__(self, app: Any, owner: type) -> Declare:
        return functools.partial(app.route, method=self._method)


class Routing(bottle.Bottle):  # type: ignore[misc]  # bottle is untyped
    """A Bottle app whose routes go through the pipeline. `begin_routing` is called when the app is made."""

    mounting: Mounting
    pipeline: Pipeline
    routes: list[bottle.Route]
    router: Any
    # The domain below which routes with a `subdomain` answer: "example.org" for api.example.org.
    subdomain_base = ""

    # `route` for one method.
    get = Verb("GET")
    post = Verb("POST")
    put = Verb("PUT")
    delete = Verb("DELETE")
    patch = Verb("PATCH")

    def begin_routing(self) -> None:
        """Make what declaring routes needs."""
        self.static_folders: list[tuple[str, StaticFiles]] = []
        self._shortened: list[tuple[Rule, str, Any, dict[str, Any], Any, Any]] = []
        self._frozen = False
        self._closing: list[tuple[str, int]] = []
        self._closed: dict[bottle.Route, int] = {}
        self._by_subdomain: dict[str, bottle.Router] = {}

    @overload
    def route(self, path: F) -> F: ...
    @overload
    def route(
        self,
        path: str | Iterable[str] | None = None,
        method: str | Iterable[str] | None = None,
        callback: Callable[..., Any] | None = None,
        name: str | None = None,
        apply: Any = None,
        skip: Any = None,
        *,
        methods: Iterable[str] | None = None,
        **options: Any,
    ) -> Callable[[F], F]: ...
    def route(
        self,
        path: Any = None,
        method: Any = None,
        callback: Callable[..., Any] | None = None,
        name: str | None = None,
        apply: Any = None,
        skip: Any = None,
        *,
        methods: Iterable[str] | None = None,
        **options: Any,
    ) -> Any:
        """Declare a handler: `@app.route("/x/<int:id>", methods=["GET"])`. Both rule dialects work.

        Without methods it answers GET (and HEAD) and POST. Inside a mount the rule is relative to the mount's point.
        Options: `role` ("view", "run", "admin": who may), `coroutine` (True, or "thread" to go on in task threads),
        `start` ("hub": begin on the loop, the handler must not block), `input_stream`, `max_body` (bytes),
        `content_types` (of bodies; others are 415), `subdomain` (answer only below `app.subdomain_base`), `bind`
        (False: the handler takes `was` only and reads path, query and body itself). Raises Frozen once the app
        serves, SetupError for a rule that cannot be understood.
        """
        if callable(path):
            path, callback = None, path
        verbs = methods or method or ("GET", "POST")
        verbs = [verbs] if isinstance(verbs, str) else list(verbs)

        def declare(function: Callable[..., Any]) -> Callable[..., Any]:
            rules = [path] if isinstance(path, str) else path or list(bottle.yieldroutes(function))
            for rule in rules:
                self._declare(rule, verbs, function, name, bottle.makelist(apply), bottle.makelist(skip), options)
            return function

        return declare(callback) if callback else declare

    def _declare(
        self,
        text: str,
        verbs: list[str],
        function: Callable[..., Any],
        name: str | None,
        plugins: list[Any],
        skip: list[Any],
        options: dict[str, Any],
    ) -> None:
        if self._frozen:
            raise Frozen("route", text)
        if text and not text.startswith("/"):
            raise SetupError(f"route {text!r} of {name_of(function)} must be blank or start with '/'")
        parameters_of(function)  # one that a route cannot give is told here, with the decorator's line
        rule = Rule.parse(self.mounting.prefix + text)
        self._check(f"route {text!r} of {name_of(function)}", rule, options)
        full_name = name or self.mounting.namespace + name_of(function).removesuffix(".__call__").rpartition(".")[2]
        mount = self.mounting.current
        verbs = ["GET"] if hasattr(function, UPGRADES) else [verb.upper() for verb in verbs]
        options = {**_passing(function), **getattr(function, OPTIONS, {}), **options}
        resource = Resource(full_name, rule, function, verbs, options, mount.options if mount else {})
        self.pipeline.resources.add(resource)
        facts = {
            "rule": rule,
            "name": full_name,
            "mount": mount,
            "options": options,
            "resource": resource,
            "rank": self.mounting.rank,
        }
        for verb in verbs:
            self._add(rule, verb, function, facts, plugins, skip)
            self.pipeline.declare(rule, verb, options)
            if rule.short is not None and _has_default(function, rule.params[-1].name):
                self._shortened.append((rule.short, verb, function, facts, plugins, skip))

    def _check(self, where: str, rule: Rule, options: dict[str, Any]) -> None:
        for part in rule.params:
            if not (part.builtin or part.kind in self.router.filters):
                raise SetupError(
                    f"{where}: {part.kind!r} in <{part.name}:{part.kind}> is no kind of a path part; {KINDS}"
                )
        for option, allowed in VALUES.items():
            if options.get(option) not in allowed:
                words = ", ".join(repr(one) for one in allowed if one is not None)
                raise SetupError(f"{where}: {option} is {options[option]!r}; it may be {words}")

    def _add(self, rule: Rule, verb: str, function: Any, facts: dict[str, Any], plugins: Any, skip: Any) -> None:
        here = {**facts, "rule": rule}
        self._enter(Route(here, self, rule.bottle or "/", verb, function, plugins=plugins, skiplist=skip))

    def _enter(self, route: Any) -> None:
        router = self._router_of(route.facts) if hasattr(route, "facts") else self.router
        if router is self.router:
            self.add_route(route)
        else:
            self.routes.append(route)
            router.add(route.rule, route.method, route)

    def _router_of(self, facts: dict[str, Any]) -> bottle.Router:
        subdomain = facts["options"].get("subdomain")
        if not subdomain:
            return self.router
        if subdomain not in self._by_subdomain:
            self._by_subdomain[subdomain] = router = bottle.Router()
            router.filters = self.router.filters
        return self._by_subdomain[subdomain]

    def coroutine(self, function: F) -> F:
        """Decorator below `@app.route`, the same as its option `coroutine=True`."""
        return self._noted(function, coroutine=True)

    def input_stream(self, function: F) -> F:
        """Decorator below `@app.route`, the same as its option `input_stream=True`."""
        return self._noted(function, input_stream=True)

    def _noted(self, function: F, **options: Any) -> F:
        if any(route.callback is function for route in self.routes):
            raise SetupError(f"@app.{next(iter(options))} must stand below @app.route of {name_of(function)}")
        vars(function)[OPTIONS] = {**getattr(function, OPTIONS, {}), **options}
        return function

    def unroute(self, pattern: str, response_code: int = 404) -> None:
        """Answer `response_code` in place of every route whose rule fits a shell pattern: `app.unroute("/admin/*")`.

        It may be said before or after those routes are declared. Raises Frozen once the app serves.
        """
        if self._frozen:
            raise Frozen("unroute", pattern)
        self._closing.append((pattern, response_code))

    def complete_routes(self) -> None:
        """Add the routes whose last parameter may be left out; one declared for the shorter URL itself goes before.

        Raises SetupError for a subdomain of nothing.
        """
        if any(_rank(route) for route in self.routes):
            self._arrange()
        for rule, verb, function, facts, *rest in self._shortened:
            if self._router_of(facts).static.get(verb, {}).get(rule.text or "/") is None:
                self._add(rule, verb, function, facts, *rest)
        self._shortened.clear()
        if self._by_subdomain and not self.subdomain_base:
            raise SetupError(f"routes are for the subdomain {next(iter(self._by_subdomain))!r}: set app.subdomain_base")
        for route in self.routes:
            text = route.facts["rule"].text or "/" if hasattr(route, "facts") else route.rule
            for pattern, code in self._closing:
                if fnmatchcase(text, pattern):
                    self._closed[route] = code
        self.routes = [route for route in self.routes if route not in self._closed]

    def _arrange(self) -> None:
        """Let the routes of the highest rank come first, and leave out those in whose place they are."""
        best: dict[Any, int] = {}
        for route in self.routes:
            place = _place(route)
            best[place] = max(_rank(route), best.get(place, _rank(route)))

        def beaten(place: tuple[Any, str, Any], rank: int) -> bool:
            subdomain, verb, shape = place
            return any(best.get((subdomain, one, shape), rank) > rank for one in (verb, "ANY", "PROXY"))

        arranged = sorted(self.routes, key=_rank, reverse=True)
        ranks = {route.facts["resource"]: _rank(route) for route in arranged if hasattr(route, "facts")}
        routes = [route for route in arranged if not beaten(_place(route), _rank(route))]
        filters, self.router = self.router.filters, bottle.Router()
        self.router.filters = filters  # the app's own kinds of path parts
        self.routes, self._by_subdomain = [], {}
        for route in routes:
            self._enter(route)
        self.pipeline.resources.arrange(lambda resource: -ranks.get(resource, 0))
        self.pipeline.redeclare(route for route in routes if hasattr(route, "facts"))
        # A shorter URL goes with the route that it is made of.
        self._shortened = [
            one
            for one in sorted(self._shortened, key=lambda one: one[3]["rank"], reverse=True)
            if not beaten(_key(one[3]["rule"], one[1], one[3]), one[3]["rank"])
        ]

    def match(self, environ: dict[str, Any]) -> tuple[bottle.Route, dict[str, str]]:
        """Find the route of a request, one of its subdomain first. Raises bottle.HTTPError 404, 405, or as closed."""
        router = self._by_subdomain.get(self._subdomain(environ)) if self._by_subdomain else None
        try:
            found = _found(router or self.router, environ)
        except bottle.HTTPError as error:
            if router is None or error.status_code != 404:
                raise
            found = _found(self.router, environ)
        if found[0] in self._closed:
            raise bottle.HTTPError(self._closed[found[0]], "closed")
        return found  # type: ignore[no-any-return]  # bottle is untyped

    def _subdomain(self, environ: dict[str, Any]) -> str:
        try:
            name, _ = split_host(environ.get("HTTP_HOST", ""))
        except ValueError:
            return ""
        tail = f".{self.subdomain_base.lower()}"
        return name.removesuffix(tail) if name.endswith(tail) else ""

    def serves(self, path: str, host: str = "") -> bool:
        """Whether a GET of `path` (below the app's prefix) finds a route or a static file."""
        try:
            self.match({"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_HOST": host})
        except bottle.HTTPError as error:
            if error.status_code == 404:
                return any(path.startswith(url) and files.find(path[len(url) :]) for url, files in self.static_folders)
        return True


def _found(router: bottle.Router, environ: dict[str, Any]) -> Any:
    """What the router finds; the `Allow` of its 405 names HEAD, too, wherever GET is answered."""
    try:
        return router.match(environ)
    except bottle.HTTPError as error:
        if error.status_code == 405:
            methods = set(error.get_header("Allow").split(","))
            error.set_header("Allow", ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set()))))
        raise


def _passing(handler: Callable[..., Any]) -> dict[str, Any]:
    """The options of a route whose handler says `was.ProxyPass`: it is for the other server to know which arguments
    it takes, and the body is not read here but passed on while it arrives.
    """
    code = getattr(inspect.unwrap(handler), "__code__", None)
    return {"passes_on": True, "input_stream": True} if code and "ProxyPass" in code.co_names else {}


def _rank(route: Any) -> int:
    """That of the part which declared the route; see composition."""
    return int(route.facts["rank"]) if hasattr(route, "facts") else 0


def _place(route: Any) -> tuple[Any, str, Any]:
    facts = getattr(route, "facts", None)
    return (None, route.method, route.rule) if facts is None else _key(facts["rule"], route.method, facts)


def _key(rule: Rule, verb: str, facts: dict[str, Any]) -> tuple[Any, str, Any]:
    """Where a route is, whatever its variables are called: two with the same key want the same requests."""
    shape = tuple(part if isinstance(part, str) else (part.kind, part.pattern) for part in rule.parts)
    return facts["options"].get("subdomain"), verb, shape


def _has_default(function: Callable[..., Any], name: str) -> bool:
    """Whether the handler's parameter `name` may be left out."""
    parameter = inspect.signature(function).parameters.get(name)
    return parameter is not None and parameter.default is not parameter.empty
