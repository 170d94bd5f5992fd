"""What a route takes, as plain data: by its path, its handler's signature and annotations, and `app.inspect`. Pure."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from typing import Any

from atilite.quickly import dataclass
from atilite.schema import Named, Schema, a, choice, schema_of, words
from atilite.web.encoding import simple
from atilite.web.inspection import SCOPES, Inspection
from atilite.web.params import annotation_of, parameters_of
from atilite.web.resources import Resource
from atilite.web.routes import WORDS, Param, Rule
from atilite.web.wishes import schema_of_wish, words_of_groups, words_of_wish

# Scopes of inspections that say where a value stands; the others but ARGS say for which method.
_PLACES = {"URL": "query", "FORM": "body", "JSON": "body", "DATA": "body"}
_METHODS = tuple(scope for scope in SCOPES if scope not in _PLACES and scope != "ARGS")

_OF_PATH: dict[str, Schema] = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "str": {"type": "string", "pattern": "^[^/]+$"},
    "path": {"type": "string", "minLength": 1},
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a route takes under one name.

    `place` is "path", "query", "body" or "any" (in the query or in the body). `kind` and `rules` are for a person,
    `schema` is JSON Schema. `default` means something only if the parameter is not required.
    """

    name: str
    place: str = "any"
    kind: str = "anything"
    required: bool = True
    default: Any = None
    schema: Schema = field(default_factory=dict)
    rules: tuple[str, ...] = ()


def parameters(resource: Resource, rule: Rule, named: Named, binds: bool) -> Iterator[Parameter]:
    """The parameters of a route at one of its paths. Of one that reads them itself only those of the path are known."""
    signature = resource.signature
    taken = {one.name: one for one in parameters_of(resource.function) if one.name in signature.names} if binds else {}
    parts = {part.name: part for part in rule.params}
    # In a path that leaves it out, a parameter of the whole path can only be what its default is.
    left_out = {part.name for part in resource.rule.params} - parts.keys()
    for name in dict.fromkeys((*parts, *taken)):
        if name in left_out:
            continue
        schema = _annotated(resource.function, taken.get(name), named)
        if name in parts:
            schema = _of_part(parts[name], schema)
        made = Parameter(
            name,
            "path" if name in parts else "any",
            required=name in parts or name in signature.required,
            default=plain_default(signature.defaults.get(name)),
            schema=schema,
        )
        yield _inspected(made, signature.inspections, named)
    if binds:
        yield from _asked_for(signature.inspections, {*parts, *taken}, named)


def _annotated(function: Callable[..., Any], parameter: inspect.Parameter | None, named: Named) -> Schema:
    if parameter is None or parameter.annotation is parameter.empty:
        return {}
    schema = schema_of(annotation_of(function, parameter), named)
    if schema and parameter.default is None and not _takes_null(schema):
        return {"anyOf": [schema, {"type": "null"}]}
    return schema


def _takes_null(schema: Schema) -> bool:
    return {"type": "null"} in schema.get("anyOf", ()) or None in schema.get("enum", ())


def _of_part(part: Param, annotated: Schema) -> Schema:
    """What a part of a path may be: what its rule matches, and what the annotation demands."""
    schema: Schema = dict(_OF_PATH.get(part.kind, {"type": "string"}))
    if part.kind == "re":
        schema["pattern"] = f"^(?:{part.config})$"
    if part.words:
        schema["minimum"] = 0  # digits only
    if "type" not in annotated or annotated["type"] == schema["type"]:
        schema |= annotated
    else:
        schema = annotated
    return {"anyOf": [schema, choice(WORDS)]} if part.words else schema


def _inspected(parameter: Parameter, inspections: Iterable[Inspection], named: Named) -> Parameter:
    """The parameter with what `app.inspect` demands of it."""
    place, required, schema, rules = parameter.place, parameter.required, dict(parameter.schema), _told(parameter)
    for one in inspections:
        methods = one.scope in _METHODS
        about = f"for {one.scope}: " if methods else ""
        for wanted in one.required:
            if wanted.name == parameter.name:
                required = required or not methods
                rules += [f"{about}is required"] if methods else []
            elif wanted.steps[0] == parameter.name:
                rules.append(f"{about}member {wanted.name.partition('.')[2]}: is required")
        for demand in one.demands:
            if demand.place.steps[0] != parameter.name:
                continue
            member = demand.place.name.removeprefix(parameter.name).lstrip(".")
            rules.append(about + (f"member {member}: " if member else "") + words_of_wish(demand.wish, named))
            if not member and not methods:
                schema = _narrowed(schema, schema_of_wish(demand.wish, named))
            if place == "any":
                place = _PLACES.get(one.scope, place)
    kind = words(schema)
    unsaid = tuple(dict.fromkeys(rule for rule in rules if rule != f"must be {a(kind)}"))
    return dataclasses.replace(parameter, place=place, required=required, schema=schema, kind=kind, rules=unsaid)


def _told(parameter: Parameter) -> list[str]:
    """What the schema demands beside the kind, in words."""
    schema = parameter.schema
    inner = schema["anyOf"][0] if "anyOf" in schema else schema
    bounds = {key: inner[key] for key in _LIMITS if key in inner}
    if parameter.place == "path" and bounds.get("minimum") == 0:
        del bounds["minimum"]  # digits only, which needs no words
    found = [f"must be {_LIMITS[key]} {bound}" for key, bound in bounds.items()]
    size = "items" if inner.get("type") == "array" else "characters"
    for key, text in (("min", "at least"), ("max", "at most")):
        number = inner.get(key + ("Items" if size == "items" else "Length"))
        if number is not None and parameter.place != "path":
            found.append(f"must have {text} {number} {size}")
    if "pattern" in inner and parameter.place != "path":
        found.append(f"must match {inner['pattern']}")
    return [*found, *filter(None, [inner.get("description"), schema.get("description")])]


_LIMITS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
}


def _narrowed(schema: Schema, further: Schema) -> Schema:
    """The schema with a further demand. A number is no wider for being compared with one; null stays allowed."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [_narrowed(schema["anyOf"][0], further), *schema["anyOf"][1:]]}
    if "$ref" in schema:
        return {"allOf": [schema, further]} if further else schema
    kind = schema.get("type") if further.get("type") == "number" else further.get("type", schema.get("type"))
    merged = {**schema, **further}
    return merged if kind is None else {**merged, "type": kind}


def _asked_for(inspections: Iterable[Inspection], known: set[str], named: Named) -> Iterator[Parameter]:
    """Parameters that only inspections name: a handler with `**` takes them."""
    names: dict[str, bool] = {}
    for one in inspections:
        everywhere = one.scope not in _METHODS
        for place in (*one.required, *one.oneof, *one.manyof, *one.nones, *(demand.place for demand in one.demands)):
            names.setdefault(place.steps[0], False)
        for place in one.required:
            names[place.steps[0]] |= everywhere
    for name, required in names.items():
        if name not in known:
            yield _inspected(Parameter(name, required=required), inspections, named)


def rules_of(inspections: Iterable[Inspection]) -> Iterator[str]:
    """What is demanded of several parameters together, in words."""
    for one in inspections:
        for text in words_of_groups(one):
            yield f"for {one.scope}: {text}" if one.scope in _METHODS else text


def plain_default(value: Any) -> Any:
    """A default or an option as JSON knows it; None for what JSON cannot say."""
    try:
        return simple(value)
    except TypeError:
        return None
