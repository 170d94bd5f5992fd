"""What the pages of the user's routes show: groups by mount, each route with parameters, answers and access. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field

from atilite.description import Route
from atilite.quickly import dataclass
from atilite.schema import Schema, words
from atilite.web.wanted import Parameter

from . import trial
from .paths import operations, refusals

PLACES = {"path": "in the path", "query": "in the query", "body": "in the body"}


@dataclass(frozen=True, slots=True)
class Line:
    """A name with what is to be said of it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one route. `fields` is None where a browser cannot send it; then there is only `curl`."""

    id: str
    method: str
    path: str
    summary: str
    doc: tuple[str, ...]
    access: str
    source: str
    parameters: tuple[Line, ...]
    rules: tuple[str, ...]
    answers: tuple[Line, ...]
    fields: tuple[trial.Field, ...] | None
    curl: str


@dataclass(frozen=True, slots=True)
class Group:
    """The routes of one mount."""

    id: str
    name: str
    point: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """A class that parameters and answers refer to, with its members."""

    name: str
    members: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """All routes."""

    title: str
    version: str
    sheet: str
    groups: tuple[Group, ...]
    kinds: tuple[Kind, ...]
    csrf: str = field(default="", repr=False)

    @property
    def count(self) -> int:
        """How many operations there are."""
        return sum(len(group.operations) for group in self.groups)

    @property
    def example(self) -> str:
        """The lines that make a first route."""
        return '@app.get("/hello/<name>")\ndef hello(name, times: int = 1):\n    return f"Hello {name}! " * times'


@dataclass(frozen=True, slots=True)
class Sending:
    """The last look before a POST: what will be sent to where."""

    title: str
    sheet: str
    version: str
    path: str
    action: str
    values: tuple[tuple[str, str], ...]
    files: tuple[trial.Field, ...]
    csrf: str = field(default="", repr=False)


def groups(routes: Iterable[Route], root: str) -> tuple[Group, ...]:
    """The routes by the mount that they belong to, in the order of their declaration. `root` is scheme and host."""
    by_mount: dict[tuple[str, str], list[Operation]] = {}
    for name, route, method in operations(routes):
        by_mount.setdefault((route.mount, route.point), []).append(_operation(name, route, method, root))
    return tuple(
        Group(f"mount-{number}", mount, point or "/", tuple(found))
        for number, ((mount, point), found) in enumerate(by_mount.items(), 1)
    )


def id_of(name: str) -> str:
    """The name of an operation as the page's links and forms have it."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)


def _operation(name: str, route: Route, method: str, root: str) -> Operation:
    id = id_of(name)
    rest = route.doc.partition("\n")[2].strip()
    return Operation(
        id=id,
        method=method,
        path=route.template,
        summary=route.summary,
        doc=tuple(text for text in re.split(r"\n\s*\n", rest) if text),
        access=route.access.words,
        source=route.source,
        parameters=tuple(Line(one.name, _told(one)) for one in route.parameters),
        rules=route.rules,
        answers=tuple(_answers(route, method)),
        fields=trial.fields(route, method, id),
        curl=trial.curl(route, method, root),
    )


def _told(parameter: Parameter) -> str:
    need, default = "required" if parameter.required else "optional", parameter.default
    if not parameter.required and default not in (None, ""):
        need = f"{trial.text_of(default)} if left out"
    kind = parameter.kind.removesuffix(" or nothing")
    return ", ".join(filter(None, (kind, PLACES.get(parameter.place, ""), need, *parameter.rules)))


def _answers(route: Route, method: str) -> list[Line]:
    found = {answer.status: (answer.text, answer.schema) for answer in route.answers}
    for status, text in refusals(route, method):
        found.setdefault(status, (text, None))
    return [Line(str(status), _answer(text, schema)) for status, (text, schema) in sorted(found.items())]


def _answer(text: str, schema: Schema | None) -> str:
    text = text.replace("`", "")
    return f"{text} ({words(schema)} as JSON)" if schema else text


def kinds(schemas: Mapping[str, Schema]) -> tuple[Kind, ...]:
    """The classes among the schemas of a document."""
    found = []
    for name, schema in schemas.items():
        needed = schema.get("required", ())
        members = [
            Line(member, words(one) + (", required" if member in needed else ""))
            for member, one in schema.get("properties", {}).items()
        ]
        found.append(Kind(name, tuple(members)))
    return tuple(found)
