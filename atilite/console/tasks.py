"""The page of tasks: what is at work and what waits, one by one and by kind, and how long steps have kept the loop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from datetime import timedelta
from typing import Any

from atilite.automation import atwork
from atilite.automation.atwork import RUN, Doing
from atilite.console import runs, states, words
from atilite.console.desk import Visit
from atilite.console.figures import DAY_HEIGHT, DAY_WIDTH, Bar, Figure
from atilite.console.flash import Flash
from atilite.console.lines import HTML_ONLY, Fact
from atilite.console.states import State
from atilite.console.words import Clockface, Moment, Span
from atilite.quickly import dataclass
from atilite.runtime.loop import BOUNDS, SLOW_STEP

# What each kind is, in the words of a person who looks for what is stuck.
MEANT = {
    "Requests": "handlers on worker threads",
    "Parked requests": "waiting without a thread",
    "Thread": "was.Thread, and actions and events that are plain functions",
    "Process": "was.Process",
    "Subprocess": "was.Subprocess",
    "Queue": "streams that a thread feeds",
    "async def": "coroutines of asyncio",
    "Sleep and limits": "was.Sleep, timeouts, schedules",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of task. `size` is how many its pool runs at a time, `full` whether the rest has to wait.

    How many have worked, failed and been cancelled is counted since the start, where it is counted.
    """

    name: str
    meant: str = field(metadata=HTML_ONLY)
    running: int
    waiting: int
    size: int | None
    started: int | None
    worked: int | None
    failed: int | None
    cancelled: int | None
    full: bool
    percent: int = field(metadata=HTML_ONLY)
    title: str = field(metadata=HTML_ONLY)


@dataclass(frozen=True, slots=True)
class Row:
    """One run or task. `run` is the run that it is or is part of, `progress` what it says of itself, 0 to 100.

    `may_cancel` says whether this person may ask for its end, and something can be done about it.
    """

    id: str
    kind: str
    name: str
    state: State
    since: Moment
    lasts: Span
    run: int | None
    percent: int | None
    progress: str
    may_cancel: bool = field(metadata=HTML_ONLY)
    whole: bool = field(metadata=HTML_ONLY)


@dataclass(frozen=True, slots=True)
class Class:
    """How many steps kept the loop for `least` seconds or longer, but less than the next class."""

    least: float
    count: int


@dataclass(frozen=True, slots=True)
class TasksPage:
    """Everything the page of tasks shows."""

    verdict: str = field(metadata=HTML_ONLY)
    sentence: str = field(metadata=HTML_ONLY)
    tasks: tuple[Row, ...]
    more: int
    kinds: tuple[Kind, ...]
    steps: tuple[Class, ...]
    lag: tuple[Fact, ...]
    histogram: Figure = field(metadata=HTML_ONLY)
    axis: tuple[str, ...] = field(metadata=HTML_ONLY)
    title: str = field(default="Tasks", metadata=HTML_ONLY)


def kinds(uses: Iterable[Any]) -> tuple[Kind, ...]:
    """The kinds as the page shows them. Pure."""
    made = []
    for use in uses:
        full = use.size is not None and use.running >= use.size and use.waiting > 0
        percent = min(100, round(100 * use.running / use.size)) if use.size else 0
        title = f"{use.running} of {use.size} threads at work" if use.size else ""
        made.append(Kind(use.kind, MEANT.get(use.kind, ""), use.running, use.waiting, use.size, use.started, use.worked,
                         use.failed, use.cancelled, full, percent, title))  # fmt: skip
    return tuple(made)


def served(server: Any) -> list[Any]:
    """What the server does now, in the form of a runtime's `uses`; [] where another server serves the app."""
    if server is None:
        return []
    stats, size = server.stats, server.workers.size
    return [Shown("Requests", stats.busy, stats.queued, size, size), Shown("Parked requests", 0, stats.parked)]


@dataclass(frozen=True, slots=True)
class Shown:
    """A kind that the runtime does not know of."""

    kind: str
    running: int
    waiting: int
    size: int | None = None
    started: int | None = None
    worked: int | None = None
    failed: int | None = None
    cancelled: int | None = None


def row(one: Doing, face: Clockface, may_cancel: bool) -> Row:
    """A run or a task for the page. Pure."""
    since, told = face.now - timedelta(seconds=one.lasting), one.progress
    percent = min(100, max(0, round(100 * told.done / told.total))) if told is not None and told.total else None
    state = states.of_run("running" if one.running else "queued")
    return Row(one.id, one.kind, one.name, state, face.ago(since), face.lasting(since), one.run, percent,
               runs.progress_words(told), may_cancel and one.stoppable, one.kind == RUN)  # fmt: skip


def histogram(counts: Sequence[int]) -> Figure:
    """The classes of steps as bars; their heights grow with the digits, so that one slow step is seen beside many."""
    step, most = DAY_WIDTH // len(counts), max(max(map(_digits, counts), default=0), 1)
    bars = []
    for place, count in enumerate(counts):
        height = round((DAY_HEIGHT - 4) * _digits(count) / most)
        if height:
            look = "bad" if BOUNDS[place] >= SLOW_STEP else ""
            bars.append(Bar(place * step + 2, DAY_HEIGHT - height, step - 4, height, look))
    slow = sum(count for count, least in zip(counts, BOUNDS, strict=True) if least >= SLOW_STEP)
    title = f"Steps of the loop: {words.number(sum(counts))} of 1 ms or more, {words.number(slow)} of 100 ms or more"
    return Figure("day", DAY_WIDTH, DAY_HEIGHT, title, tuple(bars), DAY_HEIGHT - 0.5)


def _digits(count: int) -> int:
    return len(str(count)) if count else 0


def lag_facts(lag: Any) -> tuple[Fact, ...]:
    """What the watchdog told last. Pure."""
    if not lag.slow_steps:
        return (Fact("Over 100 ms", "none"),)
    return (
        Fact("Over 100 ms", words.number(lag.slow_steps)),
        Fact("The longest", words.duration(lag.worst)),
        Fact("The last", f"{lag.last}, {words.duration(lag.last_seconds)}"),
    )


def verdict(found: Sequence[Kind]) -> tuple[str, str]:
    """The heading, and the sentence below it. Pure."""
    full = [kind.name for kind in found if kind.full]
    running, waiting = sum(kind.running for kind in found), sum(kind.waiting for kind in found)
    head = f"No thread is free for {words.joined(full)}" if full else "Every task has room"
    return head, f"{words.number(running)} at work, {words.number(waiting)} waiting."


def page(visit: Visit) -> TasksPage:
    """Look at the counters and the pools; nothing is counted or noted for this page alone."""
    runtime = visit.desk.app.runtime
    found = kinds([*served(visit.desk.site.server), *runtime.uses()])
    lag = runtime.loop.lag
    counts = list(lag.counts)
    steps = tuple(Class(least, count) for least, count in zip(BOUNDS, counts, strict=True))
    axis = tuple(f"{round(least * 1000)} ms" if least < 1 else f"{least:.0f} s" for least in BOUNDS)
    doing, more = atwork.at_work(visit.reads.catalogue, runtime)
    may = visit.may("run")
    rows = tuple(row(one, visit.face, may) for one in doing)
    return TasksPage(*verdict(found), rows, more, found, steps, lag_facts(lag), histogram(counts), axis)


def cancel(visit: Visit) -> Any:
    """Ask a run or a task to end, and say what came of it."""
    asked = atwork.cancel(visit.reads.catalogue, visit.desk.app.runtime, visit.path("id"))
    visit.acted_on = asked[0] if asked is not None else ""
    return visit.go("/tasks", Flash(said(asked)))


def said(asked: tuple[str, bool] | None) -> str:
    """What came of a cancel, in words. Pure."""
    if asked is None:
        return "It had ended already."
    name, heard = asked
    return f"{name} was asked to end." if heard else f"{name} has begun on a thread and cannot be stopped: it goes on."
