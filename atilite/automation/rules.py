"""When a schedule is due: cron lines and intervals, in times and in words. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, NamedTuple

from atilite.automation.duration import words_of
from atilite.errors import SetupError
from atilite.lazily import LazyModule
from atilite.quickly import dataclass

if TYPE_CHECKING:
    import cronsim
else:
    # Intervals are computed without it.
    cronsim = LazyModule("cronsim")

SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@hourly": "0 * * * *",
}

DAYS = ("Sundays", "Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
          "November", "December")  # fmt: skip

# A due time older than this was missed: the timer looks at the clock at least once a minute.
LATE = timedelta(seconds=90)

# A clock that was set back by less does not make a cron line's time come twice; by more, it had been wrong.
SET_BACK = timedelta(hours=1)

MISSED = ("once", "skip", "all")

# A clock that shows an earlier time has not been set yet: between that and the time of day nothing was missed.
SET = datetime(2020, 1, 1, tzinfo=UTC)

# Of missed times no more than this many are caught up, with missed="all".
MAX_CATCH_UP = 1000


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron line of five fields (six with seconds in front), in a time zone."""

    line: str
    zone: tzinfo = UTC

    def __post_init__(self) -> None:
        line = SHORTHANDS.get(self.line.strip().lower(), " ".join(self.line.split()))
        object.__setattr__(self, "line", line)
        try:
            next(cronsim.CronSim(line, datetime(2024, 1, 1, tzinfo=UTC)))
        except (cronsim.CronSimError, StopIteration) as error:
            why = str(error) or "it is never due"
            raise SetupError(f"schedule {self.line!r}: {why}; write five fields, as in '30 18 * * *'") from None

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the due times after `moment`, in UTC, each later than the one before."""
        last = moment
        for due in cronsim.CronSim(self.line, moment.astimezone(self.zone)):
            # When clocks change, cron's rules may give a local time twice or one that has passed.
            due = due.astimezone(UTC)
            if due > last:
                last = due
                yield due


@dataclass(frozen=True, slots=True)
class Every:
    """An interval in seconds, counted from 1970 so that a restart does not move it."""

    seconds: float

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise SetupError(f"every={self.seconds!r} must be more than 0 seconds")

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the due times after `moment`, in UTC."""
        number = math.floor(moment.timestamp() / self.seconds) + 1
        # Rounding may give the moment itself again.
        if datetime.fromtimestamp(number * self.seconds, UTC) <= moment:
            number += 1
        while True:
            yield datetime.fromtimestamp(number * self.seconds, UTC)
            number += 1


@dataclass(frozen=True, slots=True)
class Once:
    """A single moment, aware; `zone` is the one in which it is told."""

    at: datetime
    zone: tzinfo = UTC

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the moment, in UTC, if it comes after `moment`."""
        due = self.at.astimezone(UTC)
        if due > moment:
            yield due


Rule = Cron | Every | Once


def once(at: datetime | str, zone: tzinfo) -> Once:
    """Return the rule for a moment, or for an ISO text such as "2026-12-24 18:00"; without a zone it is in `zone`.

    Raises SetupError.
    """
    try:
        moment = datetime.fromisoformat(at) if isinstance(at, str) else at
        if not isinstance(moment, datetime):
            raise ValueError
    except ValueError:
        raise SetupError(f'at is {at!r}; write a moment such as "2026-12-24 18:00", or a datetime') from None
    return Once(moment if moment.tzinfo is not None else moment.replace(tzinfo=zone), zone)


def next_times(rule: Rule, after: datetime, count: int = 5) -> list[datetime]:
    """Return the next `count` due times after a timezone-aware moment, in UTC."""
    return list(itertools.islice(rule.after(after), count))


class Firing(NamedTuple):
    """A run to be started: for which due time, and whether that was missed."""

    due: datetime
    caught_up: bool = False


class Decision(NamedTuple):
    """What to do at a moment: the runs to start, and the time until which every due time is dealt with.

    `ahead` is how far that had come before the clock was set back, None if it was not or if that is past. `missed` are
    due times that have passed for good, without a run that stands for them; no more than some MAX_CATCH_UP.
    """

    firings: tuple[Firing, ...]
    until: datetime
    ahead: datetime | None = None
    missed: tuple[datetime, ...] = ()


def decide(
    rule: Rule, until: datetime, now: datetime, missed: str, window: timedelta, ahead: datetime | None = None
) -> Decision:
    """Say which due times after `until`, the end of the last decision, are to be run at `now`.

    A time less than LATE ago is on time. Of older ones `missed` runs none (skip), one if nothing is on time (once) or
    all, as far as they are within `window`. Each time is dealt with once, also when the clock was set in between:
    `ahead` is what the last decision says of it.
    """
    if until > now:
        wrong = isinstance(rule, Every) or until - now > SET_BACK
        return Decision((), now, max(until, ahead or until)) if wrong else Decision((), until, ahead)
    if ahead is not None and ahead <= now:
        # A board without a clock begins in 1970 and is set right later: what ran before it was switched off has run.
        # Nothing is left out of a time that was reached step by step.
        until, ahead = ahead if now - until > LATE else until, None
    due = list(itertools.takewhile(lambda time: time <= now, _bounded(rule, until, now, window)))
    on_time = [time for time in due if now - time <= LATE]
    late = [time for time in due if now - time > LATE]
    if isinstance(rule, Every):
        on_time = on_time[-1:]  # a short interval after a pause: one run, not a burst of them
    lost = _lost(rule, until, now, window) + (late if missed == "skip" else late[:-MAX_CATCH_UP])
    if missed == "once" and due:
        lost = []  # one run stands for all
    if missed == "skip" or (missed == "once" and on_time):
        late = []
    elif missed == "once":
        late = late[-1:]
    firings = [Firing(time, True) for time in late[-MAX_CATCH_UP:]] + [Firing(time) for time in on_time]
    return Decision(tuple(firings), now, ahead, tuple(lost) if until >= SET else ())


def _bounded(rule: Rule, until: datetime, now: datetime, window: timedelta) -> Iterator[datetime]:
    return rule.after(max(until, _earliest(rule, now, window)))


def _earliest(rule: Rule, now: datetime, window: timedelta) -> datetime:
    earliest = now - max(window, LATE)
    if isinstance(rule, Every):
        earliest = max(earliest, now - timedelta(seconds=rule.seconds * (MAX_CATCH_UP + 1)) - LATE)
    return earliest


def _lost(rule: Rule, until: datetime, now: datetime, window: timedelta) -> list[datetime]:
    """The first due times that are too old for any run."""
    earliest = _earliest(rule, now, window)
    if until >= earliest:
        return []
    return list(itertools.takewhile(lambda time: time <= earliest, itertools.islice(rule.after(until), MAX_CATCH_UP)))


def words(rule: Rule) -> str:
    """Say when a rule is due: "every 5 minutes", "at 5 past every hour", "daily at 18:30", "Sundays at 04:00"."""
    if isinstance(rule, Once):
        return f"once, {rule.at.astimezone(rule.zone).replace(tzinfo=None).isoformat(' ', 'minutes')}"
    if isinstance(rule, Every):
        text = words_of(rule.seconds)
        return f"every {text[2:]}" if text.startswith("1 ") and text.count(" ") == 1 else f"every {text}"
    fields = rule.line.upper().split()
    if len(fields) == 5:
        return _cron_words(*fields) or _explained(rule)
    return _explained(rule)


def _explained(rule: Cron) -> str:
    text = str(cronsim.CronSim(rule.line, datetime(2024, 1, 1, tzinfo=UTC)).explain())
    return text[:1].lower() + text[1:]


def _cron_words(minute: str, hour: str, day: str, month: str, weekday: str) -> str | None:
    """Return words for the common shapes of a cron line, None for the others."""
    days = _day_words(day, month, weekday)
    if days is None:
        return None
    if hour == "*":
        often = _often(minute)
        return often and (often if days == "daily" else f"{often}, {days}")
    if minute.isdigit() and all(part.isdigit() for part in hour.split(",")):
        times = [f"{int(part):02}:{int(minute):02}" for part in hour.split(",")]
        return f"{days} at {_joined(times)}"
    if minute.isdigit() and hour.startswith("*/"):
        return f"at {int(minute)} past every {hour[2:]} hours" + ("" if days == "daily" else f", {days}")
    return None


def _often(minute: str) -> str | None:
    if minute == "*":
        return "every minute"
    if minute.startswith("*/") and minute[2:].isdigit():
        return f"every {minute[2:]} minutes" if int(minute[2:]) > 1 else "every minute"
    if all(part.isdigit() for part in minute.split(",")):
        if minute == "0":
            return "every hour"
        return f"at {_joined([str(int(part)) for part in minute.split(',')])} past every hour"
    return None


def _day_words(day: str, month: str, weekday: str) -> str | None:
    if (day, month, weekday) == ("*", "*", "*"):
        return "daily"
    if (day, month) == ("*", "*"):
        return _weekdays(weekday)
    if day.isdigit() and weekday == "*":
        if month == "*":
            return f"on day {int(day)} of every month"
        if month.isdigit():
            return f"every {int(day)} {MONTHS[int(month) - 1]}"
    if (day, month, weekday) == ("L", "*", "*"):
        return "on the last day of every month"
    return None


def _weekdays(weekday: str) -> str | None:
    names = {name[:3].upper(): number for number, name in enumerate(DAYS)}
    text = ",".join(str(names.get(part, part)) for part in weekday.replace("-", ",-,").split(","))
    if text in ("1,-,5", "1,2,3,4,5"):
        return "Mondays to Fridays"
    parts = text.split(",")
    if not all(part.isdigit() and int(part) <= 7 for part in parts):
        return None
    return _joined([DAYS[int(part) % 7] for part in parts])


def _joined(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
