"""The overview: the verdict, what needs attention, the board, the last day, and the first lines of each section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any

from atilite.console import attention, figures, lines, schedules, services, states, vitals, words
from atilite.console.attention import Trouble
from atilite.console.desk import Visit
from atilite.console.figures import Figure
from atilite.console.lines import HTML_ONLY, Deed, Line
from atilite.console.states import State
from atilite.console.words import Clockface, Moment
from atilite.quickly import dataclass
from atilite.store.runs import Headline

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Count:
    """How many runs of the last day ended so."""

    state: State
    count: int

    @property
    def words(self) -> str:
        """`6 failed`."""
        return f"{words.number(self.count)} {self.state.word.lower()}"


@dataclass(frozen=True, slots=True)
class ActionLine:
    """An action in the short list: its last state and its button."""

    name: str
    path: str
    state: State
    when: Moment | None
    deed: Deed | None = field(metadata=HTML_ONLY)


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything the overview shows."""

    verdict: str
    sentence: str
    troubles: tuple[Trouble, ...]
    vitals: tuple[vitals.Vital, ...]
    day: Figure
    axis: tuple[str, ...] = field(metadata=HTML_ONLY)
    counts: tuple[Count, ...]
    actions: tuple[ActionLine, ...]
    actions_total: str = field(metadata=HTML_ONLY)
    runs: tuple[Line, ...]
    services: tuple[services.Line, ...]
    services_total: str = field(metadata=HTML_ONLY)
    schedules: tuple[schedules.Line, ...]
    schedules_total: str = field(metadata=HTML_ONLY)

    @property
    def title(self) -> str:
        """The page's title: the verdict without its verb."""
        return f"{len(self.troubles)} need attention" if self.troubles else "All is well"


def sentence(troubles: int, actions: int, services: int) -> str:
    """What stands below the verdict."""
    if troubles:
        return "Everything else is running as planned."
    parts = [words.plural(actions, "action"), words.plural(services, "service")]
    return f"{words.joined(parts)}, and nothing waits for you."


def counts(totals: Mapping[str, int]) -> tuple[Count, ...]:
    """The runs of a day by how they ended, in the order of the states; nothing for those that did not happen."""
    ended = (status for status in states.RUN_STATES if status not in states.UNFINISHED)
    return tuple(Count(states.of_run(status), totals[status]) for status in ended if totals.get(status))


def axis(face: Clockface, start: datetime) -> tuple[str, ...]:
    """The words below the figure of a day that begins at `start`, six hours apart."""
    return (*(f"{face.local(start + timedelta(hours=hours)):%H:%M}" for hours in (0, 6, 12, 18)), "now")


def action_lines(
    actions: Sequence[Any], latest: Mapping[str, Headline], face: Clockface, may: Any
) -> tuple[ActionLine, ...]:
    """The first actions: what ran last comes first, what never ran comes in its own order."""
    ordered = sorted(actions, key=lambda action: -latest[action.name].id if action.name in latest else 0)
    return tuple(_action_line(action, latest.get(action.name), face, may(action)) for action in ordered[:SHOWN])


def _action_line(action: Any, last: Headline | None, face: Clockface, may_run: bool) -> ActionLine:
    state = states.of_run(last.status) if last else states.NEVER
    when = face.ago(last.started_at) if last else None
    path = lines.action_path(action.name) if action.schema.fields else f"/actions#{words.slug(action.name)}"
    return ActionLine(action.name, path, state, when, lines.deed(action, last, may_run))


def build(visit: Visit) -> Overview:
    """Read what the overview needs and present it."""
    catalogue, face = visit.reads.catalogue, visit.face
    actions, running = visit.reads.actions(), list(catalogue.services)
    latest, day = visit.reads.latest(actions), visit.reads.day
    board = vitals.vitals(visit.reads.board)
    troubles = _troubles(visit, latest, running, board)
    planned = schedules.lines(catalogue.schedules, face)
    newest = visit.reads.journals.search(visit.reads.filter(), limit=SHOWN)
    return Overview(
        verdict=attention.verdict(len(troubles)),
        sentence=sentence(len(troubles), len(actions), len(running)),
        troubles=troubles,
        vitals=board,
        day=figures.day(day.slots),
        axis=axis(face, day.start),
        counts=counts(day.status),
        actions=action_lines(actions, latest, face, visit.may_start),
        actions_total=words.plural(len(actions), "action"),
        runs=tuple(lines.line(headline, face) for headline in newest),
        services=services.lines(running, face)[:SHOWN],
        services_total=words.plural(len(running), "service"),
        schedules=planned[:SHOWN],
        schedules_total=words.plural(len(planned), "schedule"),
    )


def _troubles(
    visit: Visit, latest: Mapping[str, Headline], running: Sequence[Any], board: Sequence[vitals.Vital]
) -> tuple[Trouble, ...]:
    failing = attention.failing(latest)
    before = visit.reads.glances(headline.operation for headline in failing) if failing else {}
    found = [
        attention.of_action(headline, before[headline.operation], visit.face, visit.may_repeat(headline))
        for headline in failing
    ]
    found += [attention.of_service(info, visit.face, visit.may("run")) for info in attention.unwell(running)]
    return (*found, *(attention.of_vital(vital) for vital in board if vital.high))
