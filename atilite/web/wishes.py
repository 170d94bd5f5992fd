"""What `app.inspect` demands, told to others: as JSON Schema as far as that can say it, and in words. Pure."""

from __future__ import annotations

import re
from typing import Any

from atilite.schema import Named, Schema, a, choice, schema_of, words
from atilite.web import operators
from atilite.web.inspection import Inspection, Wish

LISTS: dict[str, Schema] = {
    "ints": {"type": "integer"},
    "floats": {"type": "number"},
    "booleans": {"type": "boolean"},
    "strings": {"type": "string"},
    "lists": {"type": ["array", "string"]},
    "dicts": {"type": "object"},
    "emails": {"type": "string", "format": "email"},
    "uuids": {"type": "string", "format": "uuid"},
    "safes": {"type": "string"},
    "notags": {"type": "string"},
    "ranges": {"type": "string", "pattern": r"^\s*-?[0-9]+\s*~\s*-?[0-9]+\s*$"},
}
WORDS = {
    "lists": "a list, or a text with bars or commas between its items",
    "emails": "an e-mail address",
    "safes": "a text without scripts",
    "notags": "a text; tags in it become plain text",
    "ranges": "two whole numbers such as 1~100",
}
_BOUNDS = {"lt": "exclusiveMaximum", "lte": "maximum", "gt": "exclusiveMinimum", "gte": "minimum"}
# The keywords for a text and those for a list stand side by side: each looks at its own kind of value only.
_LENGTHS = {"lte": ("maxLength", "maxItems"), "gte": ("minLength", "minItems")}


def schema_of_wish(wish: Wish, named: Named) -> Schema:
    """What JSON Schema can say of one demand, {} if nothing."""
    if wish.name in LISTS:
        return dict(LISTS[wish.name])
    if wish.name == "type":
        return schema_of(wish.operand, named)
    name = operators.ALIASES.get(wish.name, wish.name)
    return _lengths(name, wish.operand) if wish.length else _comparison(name, wish.operand)


def _lengths(name: str, operand: Any) -> Schema:
    if name == "between":
        return _lengths("gte", operand[0]) | _lengths("lte", operand[1])
    if name == "eq":
        return _lengths("gte", operand) | _lengths("lte", operand)
    if name in ("lt", "gt"):
        name, operand = name + "e", operand - 1 if name == "lt" else operand + 1
    return dict.fromkeys(_LENGTHS.get(name, ()), operand)


def _comparison(name: str, operand: Any) -> Schema:
    if name == "between":
        return _comparison("gte", operand[0]) | _comparison("lte", operand[1])
    if name in _BOUNDS:
        number = isinstance(operand, (int, float)) and not isinstance(operand, bool)
        return {"type": "number", _BOUNDS[name]: operand} if number else {}
    if name == "eq":
        return choice((operand,))
    if name == "in":
        return choice(tuple(operand.split() if isinstance(operand, str) else operand))
    if name == "regex":
        return {"type": "string", "pattern": str(getattr(operand, "pattern", operand))}
    if name == "startswith" and isinstance(operand, str):
        return {"type": "string", "pattern": "^" + re.escape(operand)}
    if name == "endswith" and isinstance(operand, str):
        return {"type": "string", "pattern": re.escape(operand) + "$"}
    return {}


def words_of_wish(wish: Wish, named: Named) -> str:
    """One demand in words: "must be at most 64"."""
    if wish.name in LISTS:
        return "must be " + (WORDS.get(wish.name) or a(words(LISTS[wish.name])))
    if wish.name == "type":
        return "must be " + a(words(schema_of(wish.operand, named)))
    return operators.told(wish.name, wish.operand, length=wish.length)


def words_of_groups(inspection: Inspection) -> list[str]:
    """What an inspection demands of several parameters together."""
    groups = (("exactly one of", inspection.oneof), ("at least one of", inspection.manyof))
    return [f"{text} {', '.join(place.name for place in places)}" for text, places in groups if places]
