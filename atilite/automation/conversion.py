"""One raw value, a form's text or a piece of JSON, into the value that a parameter's kind asks for. Pure."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Protocol

from atilite.automation.values import build, stored_result
from atilite.uploads import Upload

# A conversion that finds nothing was sent (such as an empty file input) returns this.
MISSING: Any = object()


class Asked(Protocol):
    """What a conversion needs to know of the parameter."""

    @property
    def choices(self) -> tuple[Any, ...]: ...

    @property
    def type(self) -> Any: ...


def shown(value: Any) -> Any:
    """Return a checked value as JSON-able data for storing and showing (secrets are not masked here)."""
    if isinstance(value, enum.Enum):  # before the numbers: an IntEnum is both
        return shown(value.value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Upload):
        return {"name": value.name, "size": value.size, "mimetype": value.mimetype}
    return stored_result(value)


def text(raw: Any, asked: Asked) -> Any:
    if not isinstance(raw, str):
        raise ValueError("must be a text")
    # Browsers send line ends as CR LF whatever was typed.
    value = raw.replace("\r\n", "\n")
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError("must not contain NUL or half characters")
    return value if asked.type in (None, str) else asked.type(value)


def integer(raw: Any, asked: Asked) -> int:
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    if isinstance(raw, bool) or not isinstance(raw, (int, str)) or (isinstance(raw, str) and "_" in raw):
        raise ValueError("must be a whole number")
    try:
        return int(raw)
    except ValueError:
        raise ValueError("must be a whole number") from None


def number(raw: Any, asked: Asked) -> float:
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)) or (isinstance(raw, str) and "_" in raw):
        raise ValueError("must be a number")
    try:
        value = float(raw)
    except (ValueError, OverflowError):
        raise ValueError("must be a number") from None
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


TRUTHS = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}


def boolean(raw: Any, asked: Asked) -> bool:
    # A form sends "off" from a hidden input and then "on" from the ticked box, both under one name.
    if isinstance(raw, (list, tuple)) and raw:
        raw = raw[-1]
    if isinstance(raw, bool):
        return raw
    value = TRUTHS.get(str(raw).strip().lower())
    if value is None:
        raise ValueError("must be true or false")
    return value


def choice(raw: Any, asked: Asked) -> Any:
    for one in asked.choices:
        if type(shown(one)) is type(raw) and shown(one) == raw:
            return one
    for one in asked.choices:
        names = {str(shown(one))} | ({one.name} if isinstance(one, enum.Enum) else set())
        if isinstance(raw, (str, enum.Enum)) and (raw in names or raw is one):
            return one
    raise ValueError(f"must be one of {', '.join(str(shown(one)) for one in asked.choices)}")


def day(raw: Any, asked: Asked) -> date:
    if isinstance(raw, date) and not isinstance(raw, datetime):
        return raw
    try:
        if len(raw.strip()) == 10:
            return date.fromisoformat(raw.strip())
    except (ValueError, AttributeError):
        raise ValueError("must be a date such as 2024-12-31") from None
    raise ValueError("must be a date such as 2024-12-31")


def moment(raw: Any, asked: Asked) -> datetime:
    if isinstance(raw, datetime):
        return raw
    try:
        return datetime.fromisoformat(raw.strip())
    except (ValueError, AttributeError):
        raise ValueError("must be a date and time such as 2024-12-31T18:30") from None


def upload(raw: Any, asked: Asked) -> Any:
    if isinstance(raw, Upload):
        return raw
    # What another form parser calls a file; it may be closed when its request has ended, a run goes on.
    file = getattr(raw, "file", raw)
    if not hasattr(file, "read"):
        raise ValueError("must be a file, sent as multipart/form-data")
    name = getattr(raw, "filename", None) or getattr(raw, "name", None)
    if not name:
        return MISSING
    return Upload.copy_of(file, str(name), getattr(raw, "mimetype", None) or "application/octet-stream")


def structure(raw: Any, asked: Asked) -> Any:
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"must be JSON: {error}") from None
    wanted = typing.get_origin(asked.type) or asked.type
    if wanted in (None, Any, object) or (isinstance(wanted, type) and isinstance(raw, wanted)):
        return raw
    if dataclasses.is_dataclass(wanted) or hasattr(wanted, "model_validate"):
        return _object(raw, wanted)
    if wanted is tuple and isinstance(raw, list):
        return tuple(raw)
    raise ValueError(f"must be a JSON {'object' if wanted in (dict, Mapping) else 'list'}")


def _object(raw: Any, wanted: Any) -> Any:
    if not isinstance(raw, Mapping):
        raise ValueError("must be a JSON object")
    try:
        return build(raw, wanted)
    except (TypeError, ValueError) as error:
        raise ValueError(f"does not fit: {error}") from None


CONVERSIONS: dict[str, Callable[[Any, Asked], Any]] = {
    "text": text,
    "secret": text,
    "integer": integer,
    "number": number,
    "boolean": boolean,
    "choice": choice,
    "date": day,
    "datetime": moment,
    "upload": upload,
    "json": structure,
}
