"""What a column holds: JSON text, clean text, microseconds. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

# Made once: json.dumps makes one for every value.
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def encode(value: object, what: str = "value") -> str:
    """Return `value` as JSON text. Raises TypeError naming `what` if JSON has no such value."""
    if type(value) is int:
        return str(value)  # the encoder takes ten times as long
    try:
        text = _ENCODER.encode(value)
        if not text.isascii():
            # A lone surrogate is fine in a Python text but has no UTF-8 form: written as an escape it survives.
            text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"{what} must be JSON (None, bool, number, text, list or dict): {error}") from None
    return text


def decode(text: str | None) -> Any:
    """Return the value of JSON text, None for None."""
    return None if text is None else json.loads(text)


def clean(text: str) -> str:
    """Return `text` with whatever has no UTF-8 form written as an escape, so that SQLite takes it."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def micros(moment: datetime) -> int:
    """Return the integer microseconds since 1970 of a timezone-aware moment."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone; give it one, for example tzinfo=UTC")
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment(micros: int) -> datetime:
    """Return the UTC moment of integer microseconds since 1970."""
    return EPOCH + timedelta(microseconds=micros)


def moment_or_none(micros: int | None) -> datetime | None:
    """Return the UTC moment of integer microseconds since 1970, None for None."""
    return None if micros is None else moment(micros)
