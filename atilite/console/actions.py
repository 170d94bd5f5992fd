"""The list of actions and the form of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any
from urllib.parse import urlencode

from atilite.console import attention, confirm, figures, forms, lines, states, words
from atilite.console.desk import Visit
from atilite.console.figures import Figure
from atilite.console.lines import HTML_ONLY, Deed, Fact
from atilite.console.schedules import ordered
from atilite.console.states import State
from atilite.console.words import Clockface, Moment, Span
from atilite.quickly import dataclass
from atilite.store.newest import Glance
from atilite.store.runs import Headline

RECENT = 10
USED = 5
# The parameter that makes a run show what it would do without doing it.
DRY = "dry_run"
OVERLAPS = {
    "allow": "any number at a time",
    "skip": "one at a time, others are skipped",
    "queue": "one at a time, others wait",
    "replace": "a new one replaces the running one",
}


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter above the list with its count."""

    name: str
    query: str
    count: int
    on: bool


@dataclass(frozen=True, slots=True)
class Row:
    """An action in the table."""

    id: str
    name: str
    description: str
    runs: str = field(metadata=HTML_ONLY)
    state: State
    when: Moment | None
    figure: Figure | None
    mean: Span | None
    schedule: str
    next: Moment | None
    paused: State | None
    deed: Deed | None = field(metadata=HTML_ONLY)


@dataclass(frozen=True, slots=True)
class ActionsPage:
    """The list of actions, filtered by `q`, `status` and `label`."""

    rows: tuple[Row, ...]
    total: int
    chips: tuple[Chip, ...] = field(metadata=HTML_ONLY)
    q: str = ""
    title: str = field(default="Actions", metadata=HTML_ONLY)


def matching(actions: Iterable[Any], latest: Mapping[str, Headline], q: str, status: str, label: str) -> list[Any]:
    """The actions that a filter leaves over; `status` is a run's status, or `bad` for all that is not well."""
    found = []
    for action in actions:
        last = latest.get(action.name)
        ended = last.status if last else "never"
        text = f"{action.name} {action.description}".lower()
        wanted = states.BAD if status in ("bad", "failed") else (status,)
        if q.lower() in text and (not status or ended in wanted) and (not label or label in action.labels):
            found.append(action)
    return found


def chips(actions: Sequence[Any], latest: Mapping[str, Headline], status: str, label: str) -> tuple[Chip, ...]:
    """All, what fails, and each label; nothing when there is nothing to choose."""
    bad = len(attention.failing(latest))
    labels = sorted({one for action in actions for one in action.labels})
    made = [Chip("All", "", len(actions), not (status or label))]
    if bad or status:
        made.append(Chip("Failing", "?status=failed", bad, bool(status)))
    for one in labels:
        count = sum(one in action.labels for action in actions)
        made.append(Chip(one, "?" + urlencode({"label": one}), count, one == label))
    return tuple(made) if len(made) > 1 else ()


def row(
    action: Any, last: Headline | None, recent: Sequence[Glance], plan: Any | None, face: Clockface, may_run: bool
) -> Row:
    """An action for the table; `recent` are its last runs, newest first."""
    ended = [(run.duration, run.status == "succeeded") for run in reversed(recent) if run.duration is not None]
    lasted = [seconds for seconds, good in ended if good]
    upcoming = plan is not None and not plan.paused and plan.next
    return Row(
        id=words.slug(action.name),
        name=action.name,
        description=action.description,
        runs=lines.runs_path(action=action.operation),
        state=states.of_run(last.status) if last else states.NEVER,
        when=face.ago(last.started_at) if last else None,
        figure=figures.durations(ended),
        mean=words.took(sum(lasted or [s for s, _ in ended]) / len(lasted or ended)) if ended else None,
        schedule=plan.words if plan else "",
        next=face.until(plan.next) if plan is not None and upcoming else None,
        paused=states.PAUSED if plan is not None and plan.paused else None,
        deed=lines.deed(action, last, may_run),
    )


def listing(visit: Visit) -> ActionsPage:
    """Read the actions with their last runs and present those that the query leaves over."""
    actions = visit.reads.actions()
    latest = visit.reads.latest(actions)
    q, status, label = visit.arg("q"), visit.arg("status"), visit.arg("label")
    # Of several schedules the one that fires next is shown.
    plans = {plan.action: plan for plan in reversed(ordered(visit.reads.catalogue.schedules))}
    shown = matching(actions, latest, q, status, label)
    recent = visit.reads.glances(action.operation for action in shown)
    rows = tuple(
        row(action, latest.get(action.name), recent[action.operation], plans.get(action.name), visit.face,
            visit.may_start(action))
        for action in shown
    )  # fmt: skip
    return ActionsPage(rows, len(actions), chips(actions, latest, status, label), q)


@dataclass(frozen=True, slots=True)
class Used:
    """An earlier run whose parameters the form may take over."""

    id: int
    words: str
    when: Moment


@dataclass(frozen=True, slots=True)
class Last:
    """How the action ran last."""

    state: State
    when: Moment
    took: Span | None


@dataclass(frozen=True, slots=True)
class FormPage:
    """The form of one action, with what was wrong with the values that were sent."""

    name: str
    description: str
    path: str = field(metadata=HTML_ONLY)
    runs: str = field(metadata=HTML_ONLY)
    fields: tuple[forms.Entry, ...]
    problems: tuple[forms.Problem, ...]
    last: Last | None
    used: tuple[Used, ...]
    facts: tuple[Fact, ...]
    script: str
    confirm: str
    asks_here: bool = field(metadata=HTML_ONLY)
    role: str
    may_run: bool = field(metadata=HTML_ONLY)
    refreshes: bool = field(default=False, metadata=HTML_ONLY)
    dry: bool = False

    @property
    def asked(self) -> tuple[forms.Entry, ...]:
        """The fields of the form; that for a dry run is a button."""
        return tuple(entry for entry in self.fields if not (self.dry and entry.name == DRY))

    @property
    def upload(self) -> bool:
        """Whether the form carries a file."""
        return any(entry.kind == "upload" for entry in self.fields)

    @property
    def title(self) -> str:
        """The page's title begins with the word Error when there is one."""
        return f"Error: {self.name}" if self.problems else self.name


def facts(action: Any) -> tuple[Fact, ...]:
    """The policies of an action as sentences."""
    limit = f"{words.duration(action.timeout)}, then timed out" if action.timeout else "none"
    retries = "none"
    if action.retries:
        retries = f"{action.retries}, after {words.duration(action.retry_delay)} each"
        if action.retry_jitter:
            retries += f" and up to {words.duration(action.retry_jitter)} more"
    overlap = OVERLAPS.get(action.overlap, str(action.overlap))
    listed = [Fact("Limit", limit), Fact("Overlap", overlap), Fact("Retries", retries), Fact("Role", action.role)]
    more = (
        ("Group", action.group or ""),
        ("Process", "one of its own for each run" if action.process else ""),
        ("Program", action.command),
        ("Runs after", ", ".join(action.after)),
        ("Kept", action.keep or ""),
    )
    return (*listed, *(Fact(name, value) for name, value in more if value))


def used(history: Sequence[Headline], hidden: frozenset[str], face: Clockface) -> tuple[Used, ...]:
    """Earlier runs that differ in their parameters, newest first."""
    found: dict[str, Used] = {}
    for headline in history:
        shown = {name: value for name, value in headline.parameters.items() if name not in hidden}
        text = words.listed(shown, 40)
        if text and text not in found:
            found[text] = Used(headline.id, text, face.ago(headline.started_at))
    return tuple(found.values())[:USED]


def given(visit: Visit, action: Any) -> Mapping[str, Any]:
    """The parameters the form begins with: those of the run that `from` names, else none."""
    source = visit.arg("from")
    if not source.isdigit():
        return {}
    headline = visit.reads.journals.headline(int(source))
    return headline.parameters if headline is not None and headline.operation == action.operation else {}


def form(visit: Visit) -> FormPage:
    """The empty form of an action, or the one filled from an earlier run. Raises Error 404 for an unknown name."""
    action = visit.reads.action(visit.path("name"))
    return filled(visit, action, given(visit, action), {})


def filled(visit: Visit, action: Any, values: Mapping[str, Any], faults: Mapping[str, str]) -> FormPage:
    """The form of an action with values and with what was wrong with them."""
    history = visit.reads.recent(action.operation, RECENT)
    last = history[0] if history else None
    may_run = visit.may_start(action)
    # To make the choices is a part of running it.
    offered = action.choices.offered(action.schema, values) if may_run else {}
    return FormPage(
        name=action.name,
        description=words.full_stop(action.description),
        path=lines.action_path(action.name),
        runs=lines.runs_path(action=action.operation),
        fields=forms.entries(action.schema, values, faults, offered),
        problems=forms.problems(action.schema, faults),
        last=Last(states.of_run(last.status), visit.face.ago(last.started_at), words.took(last.duration))
        if last
        else None,
        used=used(history, lines.secret_names(action), visit.face),
        facts=facts(action),
        script=forms.script(action.name, action.schema),
        confirm=str(action.confirm or ""),
        asks_here=bool(action.confirm) and not confirm.carried(action.schema),
        role=action.role,
        may_run=may_run,
        refreshes=action.choices.dependent,
        dry=action.dry,
    )
