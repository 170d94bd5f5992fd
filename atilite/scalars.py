"""One text of a form, a query or a path, or one plain JSON value, into a Python value. Pure.

Each function takes what was sent and returns the value, or raises ValueError with the reason for who sent it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from atilite.errors import SetupError
from atilite.quickly import dataclass
from atilite.uploads import Upload

Check = Callable[[Any], Any]

MASK = "••••"


class Secret(str):
    """A text that is never shown: its repr, forms, journals and logs have four dots in its place."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds of a number or a date, both included; None leaves a side open: `Annotated[int, Range(1, 600)]`."""

    minimum: Any = None
    maximum: Any = None

    def __post_init__(self) -> None:
        if None not in (self.minimum, self.maximum) and self.minimum > self.maximum:
            raise SetupError(f"{self}: nothing is at least {self.minimum} and at most {self.maximum}")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression that the whole text must match, and the words that say so to a person."""

    regex: str
    message: str = ""

    def __post_init__(self) -> None:
        re.compile(self.regex)


class Blank(ValueError):
    """Nothing was sent, as from a file input that was left empty: a default may stand in."""


def words_of(value: Any) -> str:
    """`value` as a reason or a choice shows it: dates in the form in which they are sent."""
    return value.isoformat() if isinstance(value, (date, time)) else str(value)


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError("must not contain NUL or half characters")
    return value


def integer(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, (int, str)) or (isinstance(value, str) and "_" in value):
        raise ValueError("must be a whole number")
    try:
        return int(value)
    except ValueError:
        raise ValueError("must be a whole number") from None


def real(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or (isinstance(value, str) and "_" in value):
        raise ValueError("must be a number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise ValueError("must be a number") from None
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


def decimal(value: Any) -> Decimal:
    try:
        number = value if isinstance(value, Decimal) else Decimal(value if isinstance(value, str) else str(value))
    except InvalidOperation:
        raise ValueError("must be a number") from None
    if not number.is_finite():
        raise ValueError("must be a finite number")
    return number


TRUTHS: Mapping[str, bool] = {
    **dict.fromkeys(("true", "yes", "y", "t", "on", "1"), True),
    **dict.fromkeys(("false", "no", "n", "f", "off", "0"), False),
}


def boolean(value: Any) -> bool:
    # A form sends "off" from a hidden input and then "on" from the ticked box, both under one name.
    if isinstance(value, (list, tuple)) and value:
        value = value[-1]
    if isinstance(value, bool):
        return value
    found = TRUTHS.get(str(value).strip().lower()) if isinstance(value, (str, int)) else None
    if found is None:
        raise ValueError("must be true or false")
    return found


def day(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and len(value.strip()) == 10:
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            raise ValueError("must be a date such as 2024-12-31") from None
    raise ValueError("must be a date such as 2024-12-31")


def _parsed(kind: type, parse: Callable[[str], Any], reason: str) -> Check:
    def check(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        if isinstance(value, str):
            try:
                return parse(value.strip())
            except ValueError:
                raise ValueError(reason) from None
        raise ValueError(reason)

    return check


moment = _parsed(datetime, datetime.fromisoformat, "must be a date and time such as 2024-12-31T18:30")


def file(value: Any) -> Upload:
    if isinstance(value, Upload):
        return value
    # What another form parser calls a file; it may be closed when its request has ended, a run goes on.
    source = getattr(value, "file", value)
    if not hasattr(source, "read"):
        raise ValueError("must be a file, sent as multipart/form-data")
    name = getattr(value, "filename", None) or getattr(value, "name", None)
    if not name:
        raise Blank("is required")
    return Upload.copy_of(source, str(name), getattr(value, "mimetype", None) or "application/octet-stream")


# A subclass, such as a Secret, is looked for in SUBCLASSED.
SCALARS: Mapping[Any, Check] = {
    int: integer,
    float: real,
    bool: boolean,
    str: text,
    date: day,
    datetime: moment,
    time: _parsed(time, time.fromisoformat, "must be a time such as 12:00"),
    Decimal: decimal,
    UUID: _parsed(UUID, UUID, "must be a UUID"),
    Upload: file,
}
