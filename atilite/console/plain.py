"""A page's presenter as the values of its JSON twin: the same rows in the same order, without the words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime

SCALARS = (str, int, float, bool, type(None))


def plain(value: object) -> object:
    """`value` as JSON knows it.

    A value with words (`Moment`, `Span`, `State`) tells its `raw` one. Fields of a presenter whose metadata say
    `{"json": False}` exist for the HTML only and are left out.
    """
    if isinstance(value, SCALARS):
        return value
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if hasattr(value, "raw"):
        return plain(value.raw)
    if is_dataclass(value):
        shown = (field for field in fields(value) if field.metadata.get("json", True))
        return {field.name: plain(getattr(value, field.name)) for field in shown}
    return str(value)
