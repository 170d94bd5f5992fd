"""The page of schedules: what fires next and when, what happens to missed times, pause and resume."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from atilite.console import lines as run_lines
from atilite.console import states, words
from atilite.console.desk import Visit
from atilite.console.lines import HTML_ONLY
from atilite.console.states import State
from atilite.console.words import Clockface, Moment
from atilite.quickly import dataclass
from atilite.store.runs import Headline

SHOWN_TIMES = 5
MINUTE = timedelta(minutes=1)
MISSED = {"skip": "skip it", "once": "run once", "all": "run all"}


@dataclass(frozen=True, slots=True)
class Line:
    """A schedule in the short list of the overview."""

    id: str = field(metadata=HTML_ONLY)
    action: str
    words: str
    next: Moment | None
    paused: State | None


@dataclass(frozen=True, slots=True)
class Row:
    """A schedule in the table."""

    id: str = field(metadata=HTML_ONLY)
    schedule: str
    action: str
    path: str = field(metadata=HTML_ONLY)
    words: str
    rule: str
    next: Moment | None
    next_time: Moment | None = field(metadata=HTML_ONLY)
    times: tuple[Moment, ...]
    missed: str
    lost: str
    lost_last: Moment | None
    paused: State | None
    state: State
    last: Moment | None
    deed: str = field(metadata=HTML_ONLY)

    @property
    def verb(self) -> str:
        """What the button does."""
        return "Resume" if self.paused else "Pause"


@dataclass(frozen=True, slots=True)
class SchedulesPage:
    """All schedules, what fires first first."""

    rows: tuple[Row, ...]
    first: Row | None
    zone: str
    may_pause_all: bool = field(metadata=HTML_ONLY)
    title: str = field(default="Schedules", metadata=HTML_ONLY)

    @property
    def pause_all(self) -> str:
        """The question before everything is paused."""
        return f"Pause all {words.plural(len(self.rows), 'schedule')}?"


def ordered(schedules: Iterable[Any]) -> list[Any]:
    """What fires first comes first; what is paused or never fires again comes last."""
    return sorted(schedules, key=_order)


def _order(plan: Any) -> tuple[bool, float, str]:
    return plan.paused or plan.next is None, plan.next.timestamp() if plan.next else 0.0, plan.action


def lines(schedules: Iterable[Any], face: Clockface) -> tuple[Line, ...]:
    """The schedules for the overview."""
    plans = list(schedules)
    ids = anchors(plans)
    return tuple(
        Line(ids[plan.id], plan.action, plan.words, _next(plan, face), _paused(plan)) for plan in ordered(plans)
    )


def anchors(plans: Sequence[Any]) -> dict[str, str]:
    """The HTML id of each schedule: the first one of an action has the action's."""
    first: dict[str, str] = {}
    for plan in plans:
        first.setdefault(plan.action, plan.id)
    return {id: words.slug(action) for action, id in first.items()} | {
        plan.id: words.slug(f"{plan.action} {plan.id}") for plan in plans if first[plan.action] != plan.id
    }


def _paused(plan: Any) -> State | None:
    return states.PAUSED if plan.paused else None


def _next(plan: Any, face: Clockface) -> Moment | None:
    return face.until(plan.next) if plan.next else None


def missed_words(missed: str, window: float | None) -> str:
    """A policy as a sentence; `window` is in seconds."""
    told = MISSED.get(missed, missed)
    if missed == "skip":
        return told
    return f"{told}, up to {words.duration(window)} late" if window else f"{told}, any time later"


def rule_of(plan: Any) -> str:
    """A rule as it stands in the code."""
    if plan.rule or plan.every:
        return str(plan.rule or f"every={plan.every:g}")
    if plan.at is not None:
        return f'at="{plan.at.isoformat(" ", "minutes")}"'
    return "at_start=True" if plan.at_start else ""


def row(plan: Any, last: Headline | None, face: Clockface, may_run: bool, id: str) -> Row:
    """A schedule for the table; `last` is the last run of its action, `id` its HTML id."""
    verb = "resume" if plan.paused else "pause"
    times = tuple(plan.times)[:SHOWN_TIMES]
    often = any(later - sooner < MINUTE for sooner, later in pairwise(times))
    return Row(
        id=id,
        schedule=str(plan.id),
        action=plan.action,
        path=run_lines.runs_path(action=plan.action),
        words=plan.words,
        rule=rule_of(plan),
        next=_next(plan, face),
        next_time=face.time(plan.next) if plan.next else None,
        times=tuple(face.time(at, seconds=often) for at in times),
        missed=missed_words(plan.missed, getattr(plan, "window", None)),
        lost=f"{plan.missed_times} missed" if plan.missed_times else "",
        lost_last=face.ago(plan.last_missed) if plan.last_missed else None,
        paused=_paused(plan),
        state=states.of_run(last.status) if last else states.NEVER,
        last=face.ago(last.started_at) if last else None,
        deed=f"/schedules/{quote(str(plan.id), safe='')}/{verb}" if may_run else "",
    )


def present(plans: Sequence[Any], latest: Mapping[str, Headline], face: Clockface, may_run: bool) -> SchedulesPage:
    """The page of these schedules."""
    ids = anchors(plans)
    rows = tuple(row(plan, latest.get(plan.action), face, may_run, ids[plan.id]) for plan in ordered(plans))
    first = next((one for one in rows if one.next and not one.paused), None)
    zone = face.local(face.now).tzname() or "UTC"
    return SchedulesPage(rows, first, zone, may_run and any(not one.paused for one in rows) and len(rows) > 1)


def page(visit: Visit) -> SchedulesPage:
    """Read the schedules and present them."""
    plans = list(visit.reads.catalogue.schedules)
    return present(plans, visit.reads.latest(visit.reads.catalogue.actions), visit.face, visit.may("run"))
