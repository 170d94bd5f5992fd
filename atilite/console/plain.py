"""A page's presenter as the values of its JSON twin: the same rows in the same order, without the words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

# The metadata of a presenter's field that its JSON twin does not have.
HTML_ONLY = {"json": False}
SCALARS = frozenset({str, int, float, bool, type(None)})


def plain(value: object) -> object:
    """`value` as JSON knows it.

    A value with words (`Moment`, `Span`, `State`) tells its `raw` one. Fields of a presenter that are
    HTML_ONLY are left out.
    """
    kind: Any = type(value)
    if kind in SCALARS:
        return value
    shown = _shown(kind)
    if shown is not None:
        return {name: plain(getattr(value, name)) for name in shown}
    if hasattr(value, "raw"):
        return plain(value.raw)
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
def _shown(kind: Any) -> tuple[str, ...] | None:
    """The names of the fields of a presenter that its JSON twin has, None for values of another kind."""
    if not is_dataclass(kind) or hasattr(kind, "raw"):
        return None
    return tuple(field.name for field in fields(kind) if field.metadata.get("json", True))
