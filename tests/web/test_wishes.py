"""What `app.inspect` demands, as JSON Schema and in words."""

from __future__ import annotations

import re
from typing import Any, Literal

import pytest

from atilite.schema import Named
from atilite.web.inspection import LISTS, Inspection
from atilite.web.wishes import LISTS as SCHEMAS
from atilite.web.wishes import schema_of_wish, words_of_groups, words_of_wish

CASES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"ints": ["x"]}, {"type": "integer"}, "must be a whole number"),
    ({"emails": ["x"]}, {"type": "string", "format": "email"}, "must be an e-mail address"),
    ({"x": int}, {"type": "integer"}, "must be a whole number"),
    ({"x": Literal["a", "b"]}, {"enum": ["a", "b"]}, "must be one of a, b"),
    ({"x": [int, str]}, {"anyOf": [{"type": "integer"}, {"type": "string"}]}, "must be a whole number or text"),
    ({"x": "a"}, {"enum": ["a"]}, "must be a"),
    ({"x": re.compile("^a")}, {"type": "string", "pattern": "^a"}, "must match ^a"),
    ({"x__regex": "^a"}, {"type": "string", "pattern": "^a"}, "must match ^a"),
    ({"x__exact": 5}, {"enum": [5]}, "must be 5"),
    ({"x__neq": 5}, {}, "must not be 5"),
    ({"x__lt": 5}, {"type": "number", "exclusiveMaximum": 5}, "must be less than 5"),
    ({"x__gte": 5}, {"type": "number", "minimum": 5}, "must be at least 5"),
    ({"x__gte": "m"}, {}, "must be at least m"),
    ({"x__between": (1, 5)}, {"type": "number", "minimum": 1, "maximum": 5}, "must be between 1 and 5"),
    ({"x__in": "a b"}, {"enum": ["a", "b"]}, "must be one of a, b"),
    ({"x__notin": ["a"]}, {}, "must be none of a"),
    ({"x__startswith": "a."}, {"type": "string", "pattern": r"^a\."}, "must begin with a."),
    ({"x__endswith": "a"}, {"type": "string", "pattern": "a$"}, "must end with a"),
    ({"x__len__lte": 5}, {"maxLength": 5, "maxItems": 5}, "its length must be at most 5"),
    ({"x__len__lt": 5}, {"maxLength": 4, "maxItems": 4}, "its length must be less than 5"),
    ({"x__len__gt": 5}, {"minLength": 6, "minItems": 6}, "its length must be more than 5"),
    (
        {"x__len__between": (1, 5)},
        {"minLength": 1, "minItems": 1, "maxLength": 5, "maxItems": 5},
        "its length must be between 1 and 5",
    ),
]


@pytest.mark.parametrize(("wanted", "schema", "said"), CASES)
def test_a_demand_is_told(wanted: dict[str, Any], schema: dict[str, Any], said: str) -> None:
    (demand,) = Inspection.of("ARGS", **wanted).demands

    assert schema_of_wish(demand.wish, Named()) == schema
    assert words_of_wish(demand.wish, Named()) == said


def test_every_list_is_told() -> None:
    assert SCHEMAS.keys() == LISTS.keys()


def test_groups_are_told_in_words() -> None:
    inspection = Inspection.of("ARGS", oneof=["a", "b"], manyof="c d")

    assert words_of_groups(inspection) == ["exactly one of a, b", "at least one of c, d"]
