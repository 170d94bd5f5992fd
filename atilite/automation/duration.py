"""Lengths of time as a person writes them: 30, "5m", "1h30m". Pure."""

from __future__ import annotations

import re

from atilite.errors import SetupError

UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}

_SHAPE = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def seconds_of(length: float | str | None, what: str) -> float | None:
    """Return the seconds of 30, "30", "5m", "1h30m" or "2d"; None stays None.

    Raises SetupError, naming `what`, for anything else and for less than nothing.
    """
    if length is None:
        return None
    if isinstance(length, str):
        found = _SHAPE.fullmatch(length.replace(" ", "").lower())
        if found and any(found.groups()):
            return sum(float(part or 0) * unit for part, unit in zip(found.groups(), UNITS.values(), strict=True))
    elif isinstance(length, (int, float)) and not isinstance(length, bool) and 0 <= length < float("inf"):
        return float(length)
    raise SetupError(f'{what} is {length!r}; write a number of seconds, or a text such as "30s", "5m", "1h30m"')


def words_of(seconds: float) -> str:
    """Return a length of time in words: "5 minutes", "1 hour 30 minutes"."""
    if seconds < 1 or (seconds != int(seconds) and seconds < 60):
        return f"{seconds:g} seconds"
    words = []
    rest = int(seconds)
    for name, unit in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        number, rest = divmod(rest, unit)
        if number:
            words.append(f"{number} {name}{'' if number == 1 else 's'}")
    return " ".join(words)
