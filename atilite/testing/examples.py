"""What tests asked and got, kept as examples of the routes that answered. Pure."""

from __future__ import annotations

import json as jsonlib
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from ..quickly import dataclass
from .answers import Answer
from .watch import Exchange

# A route as `atilite.description.Route.plain` tells it; a --devel server sends the same as `__spec__`.
Told = Mapping[str, Any]

LONGEST = 2000  # characters of a body that are shown
MASK = "***"
UNTOLD = ("HEAD", "OPTIONS")  # methods that have nothing to show


@dataclass(frozen=True, slots=True)
class Body:
    """A body as documentation shows it. `value` is what JSON says, None for anything else."""

    kind: str
    text: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Example:
    """One request and its answer."""

    method: str
    url: str
    sent: Body | None
    status: str
    got: Body | None

    @property
    def status_code(self) -> int:
        return int(self.status[:3])


@dataclass(frozen=True, slots=True)
class Shown:
    """A route with its examples, by method and status."""

    route: Told
    examples: tuple[Example, ...]

    def of(self, method: str) -> list[Example]:
        """The examples of a method by status."""
        return [example for example in self.examples if example.method == method]

    @property
    def methods(self) -> list[str]:
        return list(dict.fromkeys(example.method for example in self.examples))


class Examples:
    """One example for each route, method and status that tests have seen: the first one."""

    def __init__(self) -> None:
        self._examples: dict[tuple[str, str, int], Example] = {}
        self._routes: dict[tuple[str, str], Told] = {}

    def add(self, route: Told, exchange: Exchange) -> None:
        """Keep an exchange with this route, unless there is one of that method and status."""
        if exchange.method in UNTOLD:
            return
        place = (str(route["template"]), exchange.method)
        # What the program says itself is more than what its OpenAPI document can hold.
        if "source" in route or place not in self._routes:
            self._routes[place] = route
        key = (*place, exchange.answer.status_code)
        if key not in self._examples:
            self._examples[key] = example_of(route, exchange)

    @property
    def shown(self) -> list[Shown]:
        """The routes in the order of their paths; another handler of the same path is a route of its own."""
        groups: dict[tuple[str, str], list[Example]] = {}
        routes: dict[tuple[str, str], Told] = {}
        for (template, method, _), example in sorted(self._examples.items()):
            route = self._routes[template, method]
            key = (template, str(route.get("name")))
            groups.setdefault(key, []).append(example)
            routes.setdefault(key, route)
        return [Shown(routes[key], tuple(examples)) for key, examples in groups.items()]


def example_of(route: Told, exchange: Exchange) -> Example:
    """The example that an exchange is, without the secrets in what was sent."""
    secret = secret_names(route)
    headers = {name.lower(): value for name, value in exchange.headers.items()}
    sent = _sent(headers.get("content-type", ""), exchange.body, secret) if exchange.body else None
    answer = exchange.answer
    got = _got(answer) if answer.data else None
    return Example(exchange.method, _masked_url(exchange.path, secret), sent, answer.status, got)


def secret_names(route: Told) -> set[str]:
    """The parameters that nobody shall read."""
    return {one["name"] for one in route.get("parameters", ()) if "'format': 'password'" in str(one.get("schema"))}


def find(routes: Iterable[Told], method: str, path: str) -> Told | None:
    """The route that a request is for: of several that fit, the one with the most fixed text."""
    plain = path.partition("?")[0]
    fitting = [
        route for route in routes
        if method in route.get("methods", ()) and re.fullmatch(_pattern(str(route["template"])), plain)
    ]  # fmt: skip
    return max(fitting, key=lambda route: len(re.sub(r"{[^}]*}", "", str(route["template"]))), default=None)


def _pattern(template: str) -> str:
    parts = re.split(r"{[^}]*}", template)
    return ".+".join(map(re.escape, parts))


def _sent(kind: str, data: bytes, secret: set[str]) -> Body:
    plain = kind.partition(";")[0].strip().lower()
    if plain == "multipart/form-data":
        return Body(plain, f"a form with files, {len(data)} bytes")
    text = _text(data)
    if plain == "application/x-www-form-urlencoded" and secret:
        return Body(plain, _short(_masked_form(text, secret)))
    if plain == "application/json":
        try:
            value = jsonlib.loads(text)
        except ValueError:
            return Body(plain, _short(text))
        if isinstance(value, dict):
            value = {name: MASK if name in secret else inner for name, inner in value.items()}
        return Body(plain, _short(_pretty(value)), value)
    return Body(plain or "text/plain", _short(text))


def _got(answer: Answer) -> Body:
    kind = answer.content_type
    if kind.endswith("json"):
        try:
            value = answer.json()
        except ValueError:
            return Body(kind, _short(answer.text))
        return Body(kind, _short(_pretty(value)), value)
    if kind.startswith("text/") or "xml" in kind:
        return Body(kind, _short(answer.text))
    return Body(kind or "application/octet-stream", f"{len(answer.data)} bytes")


def _masked_url(path: str, secret: set[str]) -> str:
    head, mark, query = path.replace("`", "%60").partition("?")
    return head + mark + (_masked_form(query, secret) if secret else query)


def _masked_form(text: str, secret: set[str]) -> str:
    pairs = parse_qsl(text, keep_blank_values=True)
    return urlencode([(name, MASK if name in secret else value) for name, value in pairs], safe="*")


def _pretty(value: Any) -> str:
    return jsonlib.dumps(value, indent=2, ensure_ascii=False)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + "\n…"
