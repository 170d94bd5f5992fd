"""Trying a route from a page without scripts: the fields of its form, the URL that they make, the line for curl. Pure.

A field that is left blank is not sent. The names of fields have a prefix, so that a parameter may be called anything.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from atilite.description import Route
from atilite.errors import Error
from atilite.quickly import dataclass
from atilite.schema import Schema
from atilite.web.routes import Rule
from atilite.web.wanted import Parameter

from .paths import FILES, FORM, JSON, WRITING

PREFIX = "p."
# What a browser can send by itself, and so without a script.
TRIED = ("GET", "POST")
_TYPES = {"integer": "number", "number": "number"}
_FORMATS = {
    "date": "date", "date-time": "datetime-local", "time": "time", "email": "email", "password": "password",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """One control of a form. `kind` is "choice", "json", "file" or the type of an input."""

    id: str
    name: str
    label: str
    kind: str
    required: bool
    hint: str = ""
    choices: tuple[str, ...] = ()


def takes_forms(route: Route) -> bool:
    """Whether a body may be what a browser sends."""
    return not route.content_types or bool({FORM, FILES} & set(route.content_types))


def fields(route: Route, method: str, name: str) -> tuple[Field, ...] | None:
    """The fields for this operation, None if a browser cannot send it."""
    if method not in TRIED or (method == "POST" and not takes_forms(route)) or "*" in route.template:
        return None
    taken = (one for one in route.parameters if one.place != "body" or method in WRITING)
    return tuple(_field(one, f"{name}-{one.name}") for one in taken)


def _field(parameter: Parameter, id: str) -> Field:
    kind, choices = control(parameter.schema)
    told = not parameter.required and parameter.default not in (None, "")
    hint = f"{text_of(parameter.default)} if left blank" if told else ""
    return Field(id, PREFIX + parameter.name, parameter.name, kind, parameter.required, hint, choices)


def control(schema: Schema) -> tuple[str, tuple[str, ...]]:
    """The control for values of this schema, and its choices."""
    members = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if members:
        return control(members[0]) if len(members) == 1 else ("text", ())
    if "enum" in schema:
        return "choice", tuple(text_of(value) for value in schema["enum"] if value is not None)
    if "contentMediaType" in schema:
        return "file", ()
    kind = schema.get("type")
    if kind == "boolean":
        return "choice", ("true", "false")
    if kind in ("object", "array") or "$ref" in schema or "allOf" in schema:
        return "json", ()
    return _TYPES.get(str(kind)) or _FORMATS.get(schema.get("format", ""), "text"), ()


def text_of(value: Any) -> str:
    """A value as a form or a shell has it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def entered(route: Route, form: Mapping[str, Any]) -> dict[str, str]:
    """What somebody typed, by the name of the parameter; blank fields are left out."""
    found: dict[str, str] = {}
    for one in route.parameters:
        value = form.get(PREFIX + one.name)
        value = value[-1] if isinstance(value, list) and value else value
        if isinstance(value, str) and value.strip():
            found[one.name] = value
    return found


def address(route: Route, values: Mapping[str, str], *, query: bool) -> str:
    """The URL below the site's root for these values: those of the path, with `query` also the others.

    Raises Error 400 for a value of the path that is missing or does not fit.
    """
    rule = route.rule or Rule.parse(route.template)
    in_path = {param.name for param in rule.params}
    wanted = {name: value for name, value in values.items() if query or name in in_path}
    missing = sorted(in_path - wanted.keys())
    if missing:
        raise Error(400, f"{missing[0]} is part of the path", fields=dict.fromkeys(missing, "is missing"))
    try:
        path = rule.build(**wanted)
    except ValueError as error:
        raise Error(400, str(error)) from None
    prefix = route.path.removesuffix(rule.text) if rule.text else route.path.rstrip("/")
    if (prefix + path).startswith("//"):
        raise Error(400, "a path that begins with two slashes leads to another server")
    return prefix + path


def curl(route: Route, method: str, root: str) -> str:
    """The line for a shell; what stands for a value is to be replaced. `root` is scheme and host."""
    words = ["curl"] if method == "GET" else ["curl", "-X", method]
    words += _proof(route)
    taken = [one for one in route.parameters if one.place != "path" and (one.place != "body" or method in WRITING)]
    needed = [one for one in taken if one.required] or taken[:1]
    url = root + route.template
    if method not in WRITING:
        for one in needed:
            url += ("&" if "?" in url else "?") + f"{one.name}={text_of(sample(one.schema))}"
    elif any(control(one.schema)[0] == "file" for one in taken):
        words += [word for one in needed for word in ("-F", _part(one))]
    elif needed or route.more:
        kind = next((kind for kind in route.content_types), JSON)
        value = {one.name: sample(one.schema) for one in needed}
        words += ["-H", f"Content-Type: {kind}"]
        words += ["-d", text_of(value)] if kind == JSON else ["--data-binary", "@FILE"]
    # The token is for the shell to fill in.
    return " ".join(f'"{word}"' if "$TOKEN" in word else shlex.quote(word) for word in [*words, url])


def _proof(route: Route) -> list[str]:
    access = route.access
    if access.role or access.authenticate == "bearer":
        return ["-H", "Authorization: Bearer $TOKEN"]
    if access.authenticate:
        return [*(["--digest"] if access.authenticate == "digest" else []), "-u", "NAME"]
    return []


def _part(parameter: Parameter) -> str:
    is_file = control(parameter.schema)[0] == "file"
    return f"{parameter.name}={'@FILE' if is_file else text_of(sample(parameter.schema))}"


def sample(schema: Schema) -> Any:
    """A value that shows the kind."""
    members = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if members:
        return sample(members[0])
    for known in ("default", "minimum"):
        if schema.get(known) is not None:
            return schema[known]
    if "enum" in schema:
        return schema["enum"][0]
    if "$ref" in schema or "allOf" in schema:
        return {}
    samples = {"integer": 1, "number": 1.5, "boolean": True, "object": {}, "array": []}
    return samples.get(str(schema.get("type")), "TEXT")


def said(values: Mapping[str, str], parameters: Iterable[Parameter]) -> list[tuple[str, str]]:
    """The values in the order of the parameters, those of the path left out: what a form sends."""
    return [(one.name, values[one.name]) for one in parameters if one.name in values and one.place != "path"]
