"""A page's presenter as the values of its JSON twin: the same rows in the same order, without the words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

SCALARS = frozenset({str, int, float, bool, type(None)})


def plain(value: object) -> object:
    """`value` as JSON knows it.

    A value with words (`Moment`, `Span`, `State`) tells its `raw` one. Fields of a presenter whose metadata say
    `{"json": False}` exist for the HTML only and are left out.
    """
    if type(value) in SCALARS:
        return value
    if hasattr(value, "raw"):
        return plain(value.raw)
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(getattr(value, name)) for name in _shown(type(value))}
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, (str, int, float)):  # an enumeration's member, or a text of a kind of its own
        return value
    return str(value)


@cache
def _shown(kind: Any) -> tuple[str, ...]:
    """The names of the fields of a presenter that its JSON twin has."""
    return tuple(field.name for field in fields(kind) if field.metadata.get("json", True))
