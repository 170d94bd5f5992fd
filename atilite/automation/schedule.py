"""One schedule: what is declared of it, how far it has come, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from atilite.automation.rules import Every, Rule
from atilite.quickly import dataclass

# Seconds between two notes of how far a short interval has come; a card wears out by writing.
NOTE = 60.0


@dataclass(frozen=True, slots=True)
class ScheduleInfo:
    """A schedule as listed. `rule` is its cron line, `every` its seconds, `at` its moment; `window` is in seconds.

    `next` and `times` are when it is due, `last` when it last was; `action` is the action or function that it runs.
    `late` is for how many seconds a due time has been waiting, which only happens when the process is in trouble.
    `missed` says what becomes of times that have passed; `missed_times` is how many have been missed so far without a
    run that stands for them, `last_missed` the last of these.
    """

    id: str
    action: str
    rule: str | None
    every: float | None
    timezone: str
    words: str
    next: datetime | None
    last: datetime | None
    paused: bool
    missed: str
    window: float
    times: tuple[datetime, ...] = ()
    at_start: bool = False
    jitter: float = 0.0
    source: str = ""
    at: datetime | None = None
    late: float = 0.0
    missed_times: int = 0
    last_missed: datetime | None = None


@dataclass(slots=True)
class Schedule:
    """A registered schedule and how far it has come: everything due up to `until` is dealt with.

    `ahead` is how far it had come before the clock was set back, if it was.
    """

    id: str
    function: Callable[..., Any]
    rule: Rule | None
    missed: str
    window: timedelta
    jitter: float
    at_start: bool
    params: Mapping[str, Any]
    timezone: str
    until: datetime | None = None
    ahead: datetime | None = None
    last: datetime | None = None
    paused: bool = False
    noted: float = field(default=float("-inf"))
    missed_times: int = 0
    last_missed: datetime | None = None

    @property
    def text(self) -> str:
        """The rule as stored: with another one the past does not count."""
        return repr(self.rule)

    @property
    def frequent(self) -> bool:
        """Whether it is due so often that not each time is noted."""
        return isinstance(self.rule, Every) and self.rule.seconds < NOTE

    def remember(self, noted: Mapping[str, Any], now: datetime) -> bool:
        """Take over what was noted of it; whether that was with this rule."""
        self.paused = bool(noted.get("paused"))
        self.last, self.last_missed = _moment(noted.get("last")), _moment(noted.get("last_missed"))
        self.missed_times = noted.get("missed_times", 0)
        same = noted.get("rule") == self.text
        self.until = (_moment(noted.get("until")) if same else None) or now
        self.ahead = _moment(noted.get("ahead")) if same else None
        return same

    def note(self) -> dict[str, Any]:
        """What is to be remembered of it."""
        return {
            "rule": self.text,
            "until": self.until and self.until.isoformat(),
            "ahead": self.ahead and self.ahead.isoformat(),
            "last": self.last and self.last.isoformat(),
            "paused": self.paused,
            "missed_times": self.missed_times,
            "last_missed": self.last_missed and self.last_missed.isoformat(),
        }

    def late(self, now: datetime) -> float:
        """For how many seconds a due time has been waiting."""
        due = None if self.rule is None or self.until is None else next(self.rule.after(self.until), None)
        return 0.0 if due is None else max(0.0, (now - due).total_seconds())


class Missed(NamedTuple):
    """Due times of an action or function that have passed without a run: how many, and the last of them."""

    operation: str
    times: int
    last: datetime


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
