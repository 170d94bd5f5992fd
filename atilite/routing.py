"""Declaring routes: `app.route` in both dialects, and one decorator for each method."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar, overload

import bottle

from .errors import Frozen, SetupError
from .mounting import Mounting
from .pipeline import Pipeline, has_default
from .web.routes import Rule
from .web.static import StaticFiles

F = TypeVar("F", bound=Callable[..., Any])


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
        `content_types`, `bind` (False: the handler takes `was` only and reads path, query and body itself). Raises
        Frozen once the app serves, SetupError for a rule that cannot be understood.
        """
        if "mountpoint" in options:  # Bottle's own route for a mounted WSGI app
            return super().route(path, method, callback, name, apply, skip, **options)
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
            raise SetupError(f"route {text!r} of {function.__qualname__} must be blank or start with '/'")
        rule = Rule.parse(self.mounting.prefix + text)
        full_name = name or self.mounting.namespace + function.__name__
        self.pipeline.rules.setdefault(full_name, rule)
        facts = {"rule": rule, "name": full_name, "mount": self.mounting.current, "options": options}
        for verb in verbs:
            self._add(rule, verb.upper(), function, facts, plugins, skip)
            self.pipeline.declare(rule, verb.upper(), options)
            if rule.short is not None and has_default(function, rule.params[-1].name):
                self._shortened.append((rule.short, verb.upper(), function, facts, plugins, skip))

    def _add(self, rule: Rule, verb: str, function: Any, facts: dict[str, Any], plugins: Any, skip: Any) -> None:
        route = bottle.Route(self, rule.bottle or "/", verb, function, plugins=plugins, skiplist=skip)
        route.facts = {**facts, "rule": rule}
        self.add_route(route)

    def complete_routes(self) -> None:
        """Add the routes whose last parameter may be left out; one declared for the shorter URL itself goes before."""
        for rule, verb, *rest in self._shortened:
            if self.router.static.get(verb, {}).get(rule.text or "/") is None:
                self._add(rule, verb, *rest)
        self._shortened.clear()

    def serves(self, path: str) -> bool:
        """Whether a GET of `path` (below the app's prefix) finds a route or a static file."""
        try:
            self.router.match({"REQUEST_METHOD": "GET", "PATH_INFO": path})
        except bottle.HTTPError as error:
            if error.status_code == 404:
                return any(path.startswith(url) and files.find(path[len(url) :]) for url, files in self.static_folders)
        return True
