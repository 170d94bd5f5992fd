"""Every route of an app, or of a whole site, as plain data: what it takes, who may call it, where it is written.

One source for all that tells of routes: `serve.py routes`, `/openapi.json`, `/docs`, `__spec__`, `pytest --docs`.

`describe_site(site)` and `describe_app(app)` return `Route`s in the order of their declaration; `route.plain` is the
same as JSON knows it. A site or an app may be any object of that shape: nothing is imported from above. Any thread,
after the set-up.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from functools import partial
from http import HTTPStatus
from pathlib import PurePath
from typing import Any

from .automation.naming import source_of
from .quickly import dataclass
from .runtime.functions import innermost
from .schema import Named, Schema, schema_of
from .web.answers import API, File
from .web.encoding import simple
from .web.params import annotation_of
from .web.routes import Rule
from .web.wanted import Parameter, parameters, plain_default, rules_of
from .wrapping import DEMANDS, UPGRADES


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a route: what the platform demands (`role`), and what the app does.

    `authenticate` is "basic", "digest" or "bearer". `permissions` are always demanded, those of `by_method` in
    addition, those of `by_parameter` in their place when the parameter is given. `login` says that somebody has to be
    known; `csrf` that a change needs the token of a form.
    """

    role: str | None = None
    authenticate: str | None = None
    login: bool = False
    permissions: tuple[str, ...] = ()
    by_method: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by_parameter: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    csrf: bool = False

    @property
    def rules(self) -> tuple[str, ...]:
        """The demands beside the role, in words; () for none."""
        found = [f"{self.authenticate} authentication"] if self.authenticate else []
        if self.permissions:
            found.append(f"permission {', '.join(self.permissions)}")
        found += [f"{method}: permission {', '.join(names)}" for method, names in self.by_method.items()]
        found += [f"with {name}: permission {', '.join(names)}" for name, names in self.by_parameter.items()]
        if self.login and not (self.permissions or self.by_parameter):
            found.append("login")
        return tuple([*found, "CSRF token"] if self.csrf else found)

    @property
    def open(self) -> bool:
        """Whether everybody may call."""
        return self.role is None and not self.rules

    @property
    def words(self) -> str:
        """The whole rule: "role view; permission staff", or "everybody"."""
        return "; ".join((*([f"role {self.role}"] if self.role else []), *self.rules)) or "everybody"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a route: what it means, and the schema and media type of its body where they are known."""

    status: int
    text: str
    schema: Schema | None = None
    media: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """One route: a path with the methods that share a handler.

    `path` is as it was declared, `template` as OpenAPI writes it, both with every prefix; `mount` is the name of what
    is mounted in the site, `point` where its nested mount is. `rules` are demands on several parameters together.
    `more` says that any other parameters are taken, `strict` that they are refused if not. `named` are the schemas
    that the parameters refer to, `options` are those of `app.route`. `rule` (without the prefix of the app) and
    `handler` are not part of the plain data.
    """

    path: str
    template: str
    methods: tuple[str, ...]
    mount: str = ""
    point: str = ""
    name: str | None = None
    doc: str = ""
    source: str = ""
    parameters: tuple[Parameter, ...] = ()
    rules: tuple[str, ...] = ()
    content_types: tuple[str, ...] = ()
    access: Access = Access()
    answers: tuple[Answer, ...] = ()
    subdomain: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    more: bool = False
    strict: bool = True
    named: Mapping[str, Schema] = field(default_factory=dict)
    rule: Rule | None = None
    handler: Callable[..., Any] | None = None

    @property
    def summary(self) -> str:
        """The first line of the doc string."""
        return self.doc.partition("\n")[0]

    @property
    def plain(self) -> dict[str, Any]:
        """The same as values that JSON knows; a parameter that is required has no default."""
        told = [one.name for one in dataclasses.fields(self) if one.name not in ("rule", "handler")]
        facts = {name: getattr(self, name) for name in told}
        facts["access"] = {**dataclasses.asdict(self.access), "words": self.access.words}
        facts["parameters"] = [
            {name: value for name, value in dataclasses.asdict(one).items() if name != "default" or not one.required}
            for one in self.parameters
        ]
        facts["answers"] = [dataclasses.asdict(answer) for answer in self.answers]
        plain: dict[str, Any] = simple(facts)  # type: ignore[assignment]
        return plain


# -- all of them


def describe_site(site: Any, *, own: bool = False) -> list[Route]:
    """The routes of everything that is mounted; with `own` also those of the console and the API.

    A folder and a foreign WSGI callable are one route each, for all paths below their prefix.
    """
    found: list[Route] = []
    for mounted in site.mounts:
        if mounted.wanted is None and not own:
            continue
        if mounted.app is None:
            path = f"{mounted.prefix}/*"
            found.append(Route(path, path, ("*",), mounted.name, mounted.prefix))
        else:
            found.extend(describe_app(mounted.app, mounted.name))
    return found


def describe_app(app: Any, mount: str = "") -> list[Route]:
    """The routes of one app, those with a last parameter left out included; `mount` is what it is called."""
    app.complete_routes()
    groups: dict[tuple[int, str], list[Any]] = {}
    for route in app.routes:
        facts = getattr(route, "facts", None)
        key = (id(facts["resource"]), facts["rule"].text) if facts else (id(route), route.rule)
        groups.setdefault(key, []).append(route)
    return [describe(app, routes, mount) for routes in groups.values()]


def describe(app: Any, routes: list[Any], mount: str = "") -> Route:
    """One route: `routes` are those of Bottle's that share its handler and its path, one for each method."""
    mount = mount or app.import_name
    # PROXY is Bottle's word for every method, which an application of another framework answers.
    first, methods = routes[0], tuple(dict.fromkeys(route.method.replace("PROXY", "*") for route in routes))
    facts = getattr(first, "facts", None)
    if facts is None:  # a WSGI app that Bottle has mounted
        path = app.prefix + first.rule
        return Route(path, path, methods, mount, app.prefix, source=source_of(first.callback), handler=first.callback)
    rule, resource, options = facts["rule"], facts["resource"], facts["options"]
    named, signature, handler = Named(), resource.signature, resource.function
    binds = options.get("bind", True)
    inspections = signature.inspections if binds else ()
    return Route(
        path=app.prefix + rule.text or "/",
        template=app.prefix + "".join(p if isinstance(p, str) else f"{{{p.name}}}" for p in rule.parts) or "/",
        methods=methods,
        mount=mount,
        point=app.prefix + (facts["mount"].prefix if facts["mount"] else ""),
        name=resource.name,
        doc=inspect.cleandoc(getattr(handler, "__doc__", None) or ""),
        source=_source(handler),
        parameters=tuple(parameters(resource, rule, named, binds)),
        rules=tuple(rules_of(inspections)),
        content_types=_listed(options.get("content_types")),
        access=_access(app, handler, facts),
        answers=tuple(_answers(handler, options, named)),
        subdomain=options.get("subdomain") or "",
        options={name: plain_default(value) for name, value in options.items() if name != "answers"},
        more=signature.rest is not None or not binds,
        strict=bool(app.restrict_parameter_count),
        named=named,
        rule=rule,
        handler=handler,
    )


def _source(handler: Callable[..., Any]) -> str:
    """The module and the line, or the file and the line in the program that was started."""
    found = source_of(handler)
    code = getattr(innermost(handler), "__code__", None)
    return found.replace("__main__", PurePath(code.co_filename).name, 1) if code is not None else found


def _listed(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


# -- who may, and what comes back


def _access(app: Any, handler: Callable[..., Any], facts: dict[str, Any]) -> Access:
    demands: tuple[Any, ...] = getattr(handler, DEMANDS, ())
    asked = [demand for demand in demands if not isinstance(demand, str)]
    by_method: dict[str, tuple[str, ...]] = {}
    by_parameter: dict[str, tuple[str, ...]] = {}
    for demand in asked:
        by_method |= {name: tuple(sorted(demand.of_method[name])) for name in demand.of_method}
        by_parameter |= {name: tuple(sorted(demand.of_parameter[name])) for name in demand.of_parameter}
    return Access(
        role=facts["options"].get("role"),
        authenticate=app.guards.scheme(handler, facts),
        login=bool(asked),
        permissions=tuple(sorted({name for demand in asked for name in demand.always})),
        by_method=by_method,
        by_parameter=by_parameter,
        csrf=bool(facts["options"].get("csrf")) or len(asked) < len(demands),
    )


def _answers(handler: Callable[..., Any], options: Mapping[str, Any], named: Named) -> Iterator[Answer]:
    """What the route option `answers` tells, `{201: "Made.", 200: Note}`, or what the handler is declared to return."""
    told = {int(status): value for status, value in (options.get("answers") or {}).items()}
    if hasattr(handler, UPGRADES):
        told = {101: "A WebSocket is open.", 426: "Only WebSockets are spoken here.", **told}
    elif not any(200 <= status < 400 for status in told):
        told = {200: _returned(handler), **told}
    for status, value in sorted(told.items()):
        text = value if isinstance(value, str) else HTTPStatus(status).phrase if status in _STATUSES else ""
        schema, media = (None, "") if isinstance(value, str) else _body(value, named)
        yield Answer(status, text, schema, media)


_STATUSES = frozenset(status.value for status in HTTPStatus)


def _returned(handler: Callable[..., Any]) -> Any:
    inner = inspect.unwrap(handler.func if isinstance(handler, partial) else handler)
    returned = inspect.signature(inner).return_annotation
    return annotation_of(inner, inspect.Parameter("it", inspect.Parameter.KEYWORD_ONLY, annotation=returned))


def _body(annotation: Any, named: Named) -> tuple[Schema | None, str]:
    """Schema and media type of what is returned as this. A text says what it is only when it is sent."""
    if annotation is API:
        return {"type": "object"}, "application/json"
    if annotation is File:
        return {}, "application/octet-stream"
    schema = schema_of(annotation, named)
    if schema.get("type") in ("object", "array") or "$ref" in schema:
        return schema, "application/json"
    return None, ""
