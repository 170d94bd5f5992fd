"""How the console says things: durations, ages, sizes, numbers and times, as words a person reads at a glance.

Everything here is pure: the present moment and the time zone are arguments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from zlib import crc32

from ..quickly import dataclass

NARROW = "\u202f"
HIDDEN = "\u2022\u2022\u2022\u2022"
MINUTE, HOUR, DAY = 60, 3600, 86400
AGES_IN_DAYS_FROM = 36 * HOUR
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def number(value: int) -> str:
    """Digits in groups of three, parted by narrow spaces that do not break."""
    return f"{value:,}".replace(",", NARROW)


def plural(count: int, noun: str, many: str | None = None) -> str:
    """`1 run`, `2 runs`; `many` is the plural where an s is not enough."""
    return f"{number(count)} {noun if count == 1 else many or noun + 's'}"


def duration(seconds: float) -> str:
    """A length of time in at most two units: 112 ms, 1.8 s, 1 min 7 s, 2 h 11 min, 6 days 4 h."""
    seconds = max(0.0, seconds)
    if seconds < 0.0095:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    if whole < HOUR:
        return _two(whole, MINUTE, "min", 1, "s")
    if whole < DAY:
        return _two(whole // MINUTE * MINUTE, HOUR, "h", MINUTE, "min")
    days = whole // DAY
    return _two(whole // HOUR * HOUR, DAY, "day" if days == 1 else "days", HOUR, "h")


def _two(whole: int, large: int, large_unit: str, small: int, small_unit: str) -> str:
    first, rest = divmod(whole, large)
    second = rest // small
    return f"{first} {large_unit} {second} {small_unit}" if second else f"{first} {large_unit}"


def span(seconds: float) -> str:
    """A length of time in one unit, as ages have it: 42 s, 27 min, 31 h, 2 days."""
    whole = int(max(0.0, seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min"
    if whole < AGES_IN_DAYS_FROM:
        return f"{whole // HOUR} h"
    days = whole // DAY
    return "1 day" if days == 1 else f"{number(days)} days"


def size(count: float) -> str:
    """Bytes in decimal units with one digit: 640 B, 1.2 KB, 51.2 MB."""
    if count < 1000:
        return f"{int(count)} B"
    for unit in ("KB", "MB", "GB"):
        count /= 1000
        if count < 999.95:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} TB"


def sentence(*parts: str) -> str:
    """Join what is not empty with commas and begin with a capital letter."""
    text = ", ".join(part for part in parts if part)
    return text[:1].upper() + text[1:]


def full_stop(text: str) -> str:
    """A text that another sentence follows."""
    return f"{text}." if text and text[-1] not in ".!?:" else text


@lru_cache(maxsize=512)
def slug(name: str) -> str:
    """A name as an HTML id: letters, digits and hyphens, the same each time, another one for another name."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if plain == name.lower().replace(" ", "-"):
        return "n-" + plain
    return f"n-{plain}-{crc32(name.encode()):08x}"


def short(value: object, length: int = 72) -> str:
    """A JSON value on one line without the quotes of its keys, cut to `length` characters."""
    return cut(_brief(value), length)


def cut(text: str, length: int) -> str:
    """At most `length` characters of a text, with a sign where something is left out."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "\u2026"


def _brief(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_brief(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_brief(item) for item in value) + "]"
    return code(value)


def code(value: object) -> str:
    """A value as it is shown in code type: JSON, and what JSON does not know as its text."""
    return json.dumps(value, ensure_ascii=False, default=str)


def plainly(value: object) -> str:
    """A parameter or field as text: strings bare, everything else as JSON."""
    return value if isinstance(value, str) else code(value)


def listed(values: Mapping[str, object], length: int = 72) -> str:
    """Parameters on one line: `zone north, seconds 30`."""
    text = ", ".join(f"{name} {plainly(value)}" for name, value in values.items() if value not in (None, ""))
    return text if len(text) <= length else text[: length - 1].rstrip() + "\u2026"


def joined(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time with the words for it: relative in the text, absolute with its zone in `title`."""

    at: datetime
    words: str

    @property
    def title(self) -> str:
        """The whole of it with the zone: `Sat 21 Nov 2026, 14:32:07 CET`."""
        at = self.at
        day = f"{WEEKDAYS[at.weekday()]} {at.day:02d} {MONTHS[at.month - 1]} {at.year}"
        return f"{day}, {self.clock} {at.tzname() or ''}".rstrip()

    @property
    def iso(self) -> str:
        """The time for machines, whole seconds with offset."""
        return self.at.isoformat(timespec="seconds")

    @property
    def clock(self) -> str:
        """Hours, minutes and seconds in the zone of the page."""
        at = self.at
        return f"{at.hour:02d}:{at.minute:02d}:{at.second:02d}"

    @property
    def raw(self) -> str:
        """What the JSON page says: the full precision."""
        return self.at.isoformat()


@dataclass(frozen=True, slots=True)
class Span:
    """A duration in seconds with its words."""

    seconds: float
    words: str

    @property
    def raw(self) -> float:
        """What the JSON page says."""
        return round(self.seconds, 6)


@dataclass(frozen=True, slots=True)
class Clockface:
    """The present moment of one page in one time zone; every time on the page is told from it."""

    now: datetime
    zone: tzinfo | None = None

    def local(self, at: datetime) -> datetime:
        """The same instant in the zone of the page (None: the zone of this machine)."""
        return at.astimezone(self.zone)

    def ago(self, at: datetime) -> Moment:
        """Something past: `27 min ago`; `now` below one second."""
        seconds = (self.now - at).total_seconds()
        return self._moment(at, f"{span(seconds)} ago" if seconds >= 1 else "now")

    def until(self, at: datetime) -> Moment:
        """Something to come: `in 4 h`; `now` when it is due."""
        seconds = (at - self.now).total_seconds()
        return self._moment(at, f"in {span(seconds)}" if seconds >= 1 else "now")

    def time(self, at: datetime, *, seconds: bool = False) -> Moment:
        """The time of day, on another day with weekday or date: `18:30`, `Sun 18:30`, `29 Nov 18:30`."""
        local = self.local(at)
        days = abs((local.date() - self.local(self.now).date()).days)
        date = f"{local.day} {MONTHS[local.month - 1]} "
        day = "" if not days else f"{WEEKDAYS[local.weekday()]} " if days < 7 else date
        return self._moment(at, f"{day}{local:%H:%M:%S}" if seconds else f"{day}{local:%H:%M}")

    def at(self, at: datetime) -> Moment:
        """A moment that is shown by its clock alone."""
        return Moment(self.local(at), "")

    def stamp(self, at: datetime) -> Moment:
        """The time of day to the second with its zone, for the foot of a page."""
        local = self.local(at)
        return self._moment(at, f"{local:%H:%M:%S} {local.tzname() or ''}".rstrip())

    def day(self, at: datetime) -> str:
        """A date in words: `22 August`-like, with the year when it is another one."""
        local = self.local(at)
        year = "" if local.year == self.local(self.now).year else f" {local.year}"
        return f"{local.day} {MONTHS[local.month - 1]}{year}"

    def lasting(self, since: datetime) -> Span:
        """How long something has gone on."""
        seconds = max(0.0, (self.now - since).total_seconds())
        return Span(seconds, duration(int(seconds)) if seconds >= 1 else "1 s")

    def _moment(self, at: datetime, words: str) -> Moment:
        return Moment(self.local(at), words)


def took(seconds: float | None) -> Span | None:
    """The span of a finished run, None while it has no duration."""
    return None if seconds is None else Span(seconds, duration(seconds))
