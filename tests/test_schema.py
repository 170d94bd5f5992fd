"""Annotations as JSON Schema: what the schema allows is what the check takes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, Optional
from uuid import UUID

import jsonschema
import msgspec
import pydantic
import pytest

from atilite.checks import check_of
from atilite.scalars import Pattern, Range, Secret
from atilite.schema import Named, schema_of, words
from atilite.uploads import Upload


class Zone(Enum):
    NORTH = "north"
    SOUTH = 2


@dataclass
class Bed:
    name: str
    rows: Annotated[int, Range(1, 9)] = 4
    inside: list[Bed] = field(default_factory=list)


class Pot(msgspec.Struct, rename="camel"):
    litres: float
    has_hole: bool = True


class Maker(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=2)


class Tool(pydantic.BaseModel):
    maker: Maker
    weight: int = pydantic.Field(1, ge=1)


SCHEMAS: list[tuple[Any, dict[str, Any], str]] = [
    (int, {"type": "integer"}, "whole number"),
    (float, {"type": "number"}, "number"),
    (Decimal, {"type": "number"}, "number"),
    (bool, {"type": "boolean"}, "true or false"),
    (str, {"type": "string"}, "text"),
    (Secret, {"type": "string", "format": "password", "writeOnly": True}, "secret text"),
    (date, {"type": "string", "format": "date"}, "date"),
    (datetime, {"type": "string", "format": "date-time"}, "date and time"),
    (time, {"type": "string", "format": "time"}, "time"),
    (UUID, {"type": "string", "format": "uuid"}, "UUID"),
    (Upload, {"type": "string", "contentMediaType": "application/octet-stream"}, "file"),
    (Literal["a", 1, None], {"enum": ["a", 1, None]}, "one of a, 1, None"),
    (Literal[b"x"], {"enum": ["b'x'"]}, "one of b'x'"),
    (Zone, {"enum": ["north", 2]}, "one of north, 2"),
    (list, {"type": "array"}, "list"),
    (list[int], {"type": "array", "items": {"type": "integer"}}, "list of whole numbers"),
    (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}, "list of whole numbers"),
    (
        tuple[int, str],
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
        "list",
    ),
    (dict, {"type": "object"}, "object"),
    (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}, "object"),
    (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "whole number or nothing"),
    (Optional[str], {"anyOf": [{"type": "string"}, {"type": "null"}]}, "text or nothing"),  # noqa: UP045
    (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}, "whole number or text"),
    (Annotated[int, Range(1, 9)], {"type": "integer", "minimum": 1, "maximum": 9}, "whole number"),
    (Annotated[int, Range(None, 9)], {"type": "integer", "maximum": 9}, "whole number"),
    (Annotated[str, Pattern("[a-z]+")], {"type": "string", "pattern": "^(?:[a-z]+)$"}, "text"),
    (Annotated[str, "the name"], {"type": "string", "description": "the name"}, "text"),
    (
        Annotated[date, Range(date(2024, 1, 1))],
        {"type": "string", "format": "date", "description": "at least 2024-01-01"},
        "date",
    ),
    (Bed, {"$ref": "#/components/schemas/Bed"}, "Bed"),
    (list[Bed], {"type": "array", "items": {"$ref": "#/components/schemas/Bed"}}, "list of Bed"),
    (Any, {}, "anything"),
    (object, {}, "anything"),
    (int | object, {}, "anything"),
]


@pytest.mark.parametrize(("annotation", "schema", "said"), SCHEMAS)
def test_an_annotation_has_a_schema_and_words(annotation: Any, schema: dict[str, Any], said: str) -> None:
    found = schema_of(annotation, Named())

    assert found == schema
    assert words(found) == said


def test_a_class_may_have_members_of_its_own_kind() -> None:
    named = Named()
    schema_of(Bed, named)

    assert named["Bed"] == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "rows": {"type": "integer", "minimum": 1, "maximum": 9},
            "inside": {"type": "array", "items": {"$ref": "#/components/schemas/Bed"}},
        },
        "required": ["name"],
        "additionalProperties": False,
    }


def test_members_have_the_names_in_which_they_are_sent() -> None:
    named = Named()
    schema_of(Pot, named)

    assert list(named["Pot"]["properties"]) == ["litres", "hasHole"]
    assert named["Pot"]["required"] == ["litres"]


def test_a_pydantic_model_tells_its_own_schema_and_those_of_its_members() -> None:
    named = Named()
    schema_of(Tool, named)

    assert named["Tool"]["properties"]["maker"] == {"$ref": "#/components/schemas/Maker"}
    assert named["Tool"]["properties"]["weight"]["minimum"] == 1
    assert named["Maker"]["properties"]["name"]["minLength"] == 2


def test_two_classes_of_one_name_are_two() -> None:
    other, named = dataclasses.make_dataclass("Bed", [("colour", str)]), Named()

    assert [schema_of(one, named)["$ref"].rpartition("/")[2] for one in (Bed, other, Bed)] == ["Bed", "Bed_", "Bed"]
    assert list(named["Bed_"]["properties"]) == ["colour"]


VALUES: list[Any] = [
    None, True, False, 0, 1, 5, 9, 10, -1, 2, 1.5, "", "a", "north", "abc", "2024-12-31", [], [1], [1, "a"], ["a"], {},
    {"a": 1}, {"name": "x"}, {"name": "x", "rows": 0}, {"name": "x", "more": 1},
    {"name": "x", "inside": [{"name": "y"}]}, {"litres": 1.5}, {"litres": 1, "hasHole": False},
    {"litres": 1, "has_hole": False},
]  # fmt: skip


# A validator does not look at formats.
CHECKED = [kind for kind, schema, _ in SCHEMAS if check_of(kind) and not schema.keys() & {"format", "contentMediaType"}]


@pytest.mark.parametrize("annotation", [*CHECKED, Pot])
def test_what_the_schema_allows_is_taken(annotation: Any) -> None:
    named = Named()
    schema = schema_of(annotation, named)
    checker = jsonschema.Draft202012Validator({**schema, "components": {"schemas": named}})
    check = check_of(annotation)
    assert check is not None

    for value in VALUES:
        if checker.is_valid(value):
            check(value)
