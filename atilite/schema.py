"""What an annotation demands, told as JSON Schema (the dialect of OpenAPI 3.1): the other face of `checks`. Pure.

A class with members becomes a reference to `#/components/schemas/NAME`, and its own schema is entered among the
`named` ones, so that a class may have members of its own kind.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from atilite.checks import LISTS, MAPPINGS, is_record, members_of
from atilite.scalars import Secret, words_of
from atilite.uploads import Upload

Schema = dict[str, Any]

PLACE = "#/components/schemas/"

# The order matters: a bool is an int, a moment is a date, a Secret is a str.
_SCALARS: tuple[tuple[type, Schema], ...] = (
    (bool, {"type": "boolean"}),
    (int, {"type": "integer"}),
    (float, {"type": "number"}),
    (Decimal, {"type": "number"}),
    (Secret, {"type": "string", "format": "password", "writeOnly": True}),
    (str, {"type": "string"}),
    (datetime, {"type": "string", "format": "date-time"}),
    (date, {"type": "string", "format": "date"}),
    (time, {"type": "string", "format": "time"}),
    (UUID, {"type": "string", "format": "uuid"}),
    (Upload, {"type": "string", "contentMediaType": "application/octet-stream"}),
)


class Named(dict[str, Schema]):
    """The schemas of classes, by the name under which a document has them."""

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[str, type] = {}

    def name_of(self, kind: type) -> str:
        """The name for a class: its own, with a line behind it when another class has that one."""
        name = kind.__name__
        while self._kinds.setdefault(name, kind) is not kind:
            name += "_"
        return name


def schema_of(annotation: Any, named: Named) -> Schema:
    """The schema of what an annotation accepts, {} for one that says nothing. Adds to `named` what it refers to."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return choice(arguments)
    if origin is Annotated:
        return constrained(schema_of(arguments[0], named), arguments[1:])
    if origin is Union or origin is types.UnionType:
        return _union(arguments, named)
    if origin in LISTS or annotation in (list, tuple):
        return _sequence(origin or annotation, arguments, named)
    if origin in MAPPINGS or annotation is dict:
        return _mapping(arguments, named)
    if typing.is_typeddict(annotation):
        return {"type": "object"}
    return _of_class(annotation, named) if isinstance(annotation, type) else {}


def choice(values: tuple[Any, ...]) -> Schema:
    """One of these values, as they are sent."""
    sent = [value.value if isinstance(value, Enum) else value for value in values]
    return {"enum": [value if _is_plain(value) else words_of(value) for value in sent]}


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float, bool))


def _of_class(kind: type, named: Named) -> Schema:
    if issubclass(kind, Enum):
        return choice(tuple(kind))
    for known, schema in _SCALARS:
        if issubclass(kind, known):
            return dict(schema)
    return _record(kind, named) if is_record(kind) else {}


def _record(kind: Any, named: Named) -> Schema:
    name = named.name_of(kind)
    if name not in named:
        named[name] = {}  # now, because a member may be of this very kind
        named[name] = _model(kind, named) if hasattr(kind, "model_json_schema") else _members(kind, named)
    return {"$ref": PLACE + name}


def _members(kind: Any, named: Named) -> Schema:
    found = members_of(kind)
    return {
        "type": "object",
        "properties": {name: schema_of(member.annotation, named) for name, member in found.items()},
        "required": [name for name, member in found.items() if member.required],
        "additionalProperties": False,
    }


def _model(kind: Any, named: Named) -> Schema:
    """A pydantic model tells its schema itself."""
    schema: Schema = kind.model_json_schema(ref_template=PLACE + "{model}")
    for name, inner in schema.pop("$defs", {}).items():
        named.setdefault(name, inner)
    return schema


def _union(arguments: tuple[Any, ...], named: Named) -> Schema:
    schemas = [schema_of(argument, named) for argument in arguments if argument is not type(None)]
    if not all(schemas):
        return {}
    if type(None) in arguments:
        schemas.append({"type": "null"})
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _sequence(kind: Any, arguments: tuple[Any, ...], named: Named) -> Schema:
    items = [schema_of(argument, named) for argument in arguments if argument is not ...]
    if kind is tuple and arguments and arguments[-1] is not ...:
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    return {"type": "array", "items": items[0]} if items else {"type": "array"}


def _mapping(arguments: tuple[Any, ...], named: Named) -> Schema:
    values = schema_of(arguments[1], named) if len(arguments) > 1 else {}
    return {"type": "object", "additionalProperties": values} if values else {"type": "object"}


_LIMITS = (
    (("minimum", "ge"), "minimum", "at least"),
    (("maximum", "le"), "maximum", "at most"),
    (("gt",), "exclusiveMinimum", "more than"),
    (("lt",), "exclusiveMaximum", "less than"),
)


def constrained(schema: Schema, constraints: tuple[Any, ...]) -> Schema:
    """The schema with what stands beside the type in `Annotated`: bounds, patterns, lengths; a text is its help."""
    found, told = dict(schema), []
    for constraint in constraints:
        if isinstance(constraint, str):
            told.append(constraint)
            continue
        if isinstance(constraint, type):
            continue
        for names, key, words in _LIMITS:
            for limit in (getattr(constraint, name, None) for name in names):
                if isinstance(limit, (int, float)):
                    found[key] = limit
                elif limit is not None:  # JSON Schema has no bounds for dates
                    told.append(f"{words} {words_of(limit)}")
        regex = getattr(constraint, "regex", None) or getattr(constraint, "pattern", None)
        if isinstance(regex, str):
            found["pattern"] = f"^(?:{regex})$" if hasattr(constraint, "regex") else regex
            told.extend(filter(None, [getattr(constraint, "message", "")]))
        unit = "Items" if found.get("type") == "array" else "Length"
        for name, key in (("min_length", f"min{unit}"), ("max_length", f"max{unit}")):
            if isinstance(length := getattr(constraint, name, None), int):
                found[key] = length
    if told:
        found["description"] = "; ".join(told)
    return found


def words(schema: Mapping[str, Any]) -> str:
    """The kind of a value as a person reads it: "whole number", "list of text", the name of a class, "anything"."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(PLACE)
    if "enum" in schema:
        return "one of " + ", ".join(map(words_of, schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(words(one) for one in schema["anyOf"])
    kind = schema.get("type")
    if kind == "string":
        return _FORMATS.get(schema.get("format", ""), "file" if "contentMediaType" in schema else "text")
    if kind == "array" and schema.get("items"):
        item = words(schema["items"])
        return f"list of {_MANY.get(item, item)}"
    return _TYPES.get(str(kind), "anything")


def a(kind: str) -> str:
    """The words of a kind with their article: "a text"; a class and a choice need none."""
    if kind.startswith(("one of", "true or", "anything", "nothing")) or (kind[:1].isupper() and kind != "UUID"):
        return kind
    return f"an {kind}" if kind[:1] in "aeio" else f"a {kind}"


_TYPES = {
    "integer": "whole number", "number": "number", "boolean": "true or false", "array": "list", "object": "object",
    "null": "nothing",
}  # fmt: skip
_MANY = {"text": "texts", "whole number": "whole numbers", "number": "numbers", "file": "files"}
_FORMATS = {"date": "date", "date-time": "date and time", "time": "time", "uuid": "UUID", "password": "secret text"}
