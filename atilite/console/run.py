"""The page of one run: how it ended, what it said, with what it was called, what ran before. Pure but for `page`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field, replace
from typing import Any

from atilite.automation.family import Near, ancestors, descendants
from atilite.console import attention, lines, states, words
from atilite.console.desk import Visit
from atilite.console.lines import HTML_ONLY, Fact, Line, Pair
from atilite.console.states import State
from atilite.console.words import Clockface, Moment, Span
from atilite.quickly import dataclass
from atilite.store.runs import Headline, Record

RECORDS = 500
BEFORE = 3
CHILDREN = 20
RECENT = 10
RESULT_LENGTH = 600
FRAME = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>.+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Raised:
    """Where an error came from: the last frame of the traceback."""

    place: str
    function: str


@dataclass(frozen=True, slots=True)
class Alike:
    """How many runs in a row ended badly, and the first of them."""

    words: str
    first: Moment


@dataclass(frozen=True, slots=True)
class Item:
    """One record as the page prints it."""

    id: int
    at: Moment
    message: str
    fields: tuple[Pair, ...]
    source: str

    @property
    def count(self) -> str:
        """`2 fields`."""
        return words.plural(len(self.fields), "field")

    @property
    def captured(self) -> bool:
        """Whether it is output that was captured, shown in code type."""
        return self.source != "record"


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above every run: what it is, who started it, and the one thing to do."""

    id: int
    name: str
    state: State
    when: Moment
    by: str
    path: str = field(metadata=HTML_ONLY)
    live: bool = field(metadata=HTML_ONLY)
    streaming: bool = field(metadata=HTML_ONLY)
    may_cancel: bool = field(metadata=HTML_ONLY)
    again: str = field(metadata=HTML_ONLY)
    form: str = field(metadata=HTML_ONLY)
    origin: str = field(metadata=HTML_ONLY)

    @property
    def verb(self) -> str:
        """The word before the time."""
        return {"queued": "asked for ", "running": "started "}.get(self.state.kind, "")

    @property
    def title(self) -> str:
        """The page's title begins with the state."""
        return f"{self.state.word}: {self.name}"


@dataclass(frozen=True, slots=True)
class RunPage(Head):
    """A finished run."""

    ended: str
    error: str
    raised: Raised | None
    took: Span | None
    took_words: str = field(metadata=HTML_ONLY)
    attempts: str
    alike: Alike | None
    result: str
    labels: tuple[str, ...]
    traceback: str
    last_line: str
    records: tuple[Item, ...]
    next: int | None
    shown: str = field(metadata=HTML_ONLY)
    parameters: tuple[Pair, ...]
    related: tuple[Line, ...]
    before: tuple[Line, ...]

    @property
    def frames(self) -> str:
        """The summary above the traceback."""
        return f"Traceback, {words.plural(len(FRAME.findall(self.traceback)), 'frame')}"

    @property
    def beside(self) -> bool:
        """Whether there is anything for the column beside."""
        return bool(self.parameters or self.related or self.before)

    @property
    def open_traceback(self) -> bool:
        """Shown at once only when there is nothing else that explains the error."""
        return not self.error

    @property
    def older(self) -> str:
        """Where the older records are."""
        return f"{self.path}?before={self.next}" if self.next else ""


def items(records: Sequence[Record], face: Clockface) -> tuple[Item, ...]:
    """Records in their order."""
    return tuple(
        Item(record.id, face.at(record.created_at), record.message, lines.pairs(record.params), record.source)
        for record in records
    )


def raised(traceback: str) -> Raised | None:
    """The last frame of a traceback."""
    frames = list(FRAME.finditer(traceback))
    return Raised(f"{frames[-1]['file']}:{frames[-1]['line']}", frames[-1]["function"]) if frames else None


def split_traceback(text: str | None, error: str | None) -> tuple[str, str]:
    """A traceback and its end, which names the error: the whole error if it stands there, else the last line."""
    whole, named = (text or "").rstrip(), (error or "").rstrip()
    if named and whole.endswith(named):
        return whole[: -len(named)].rstrip(), named
    rows = whole.splitlines()
    last = max((place for place, row in enumerate(rows) if row and not row[0].isspace()), default=0)
    return "\n".join(rows[:last]), "\n".join(rows[last:])


def ended(headline: Headline) -> str:
    """The state in words, with how many attempts it took or who ended it."""
    word = states.of_run(headline.status).word
    return f"{word} after {headline.attempt} attempts" if headline.attempt > 1 else word


def usual(history: Sequence[Headline]) -> float | None:
    """The middle duration of the successful ones among earlier runs, in seconds."""
    lasted = sorted(run.duration for run in history if run.status == "succeeded" and run.duration is not None)
    return lasted[len(lasted) // 2] if lasted else None


def took_words(headline: Headline, history: Sequence[Headline]) -> str:
    """How long it took beside how long it usually takes."""
    span, normal = words.took(headline.duration), usual(history)
    if span is None:
        return ""
    return span.words if normal is None else f"{span.words}, usually {words.duration(normal)}"


def alike(headline: Headline, history: Sequence[Headline], face: Clockface) -> Alike | None:
    """The row of bad runs that this one ends; `history` are the runs before it, newest first."""
    row = attention.in_a_row(history) + 1
    if headline.status not in states.BAD or row < 2:
        return None
    bad = [run for run in history if run.status in states.BAD]
    return Alike(f"{row} runs in a row did not end well, first ", face.ago(bad[row - 2].started_at))


def head(visit: Visit, headline: Headline, *, streaming: bool = False) -> Head:
    """What stands above a run, for this person."""
    action = visit.reads.action_of(headline)
    live, again = headline.status in states.UNFINISHED, visit.may_repeat(headline)
    takes = action is not None and bool(action.schema.fields)
    return Head(
        id=headline.id,
        name=headline.operation,
        state=states.of_run(headline.status),
        when=_started(headline, visit.face),
        by=f"after run #{headline.parent}" if _follows(headline) else lines.started_by(headline),
        path=f"/runs/{headline.id}",
        live=live,
        streaming=streaming,
        may_cancel=live and visit.may_repeat(headline),
        again=("Run again, same parameters" if takes else "Run again") if again and not live else "",
        form=f"{lines.action_path(action.name)}?from={headline.id}" if action and again and takes and not live else "",
        origin=_origin(headline),
    )


def _follows(headline: Headline) -> bool:
    return headline.trigger == "chain" and headline.parent is not None


def _origin(headline: Headline) -> str:
    """The page of what started a run, if it has one."""
    if _follows(headline):
        return f"/runs/{headline.parent}"
    return f"/schedules#{words.slug(headline.operation)}" if headline.trigger == "schedule" else ""


def _started(headline: Headline, face: Clockface) -> Moment:
    """When it began: an age, but the time of day on a page that stays open and would grow old."""
    age = face.ago(headline.started_at)
    return replace(age, words=f"at {age.clock}") if headline.pending else age


def parameters(visit: Visit, headline: Headline) -> tuple[Pair, ...]:
    """With what the run was called; secrets are dots."""
    action = visit.reads.action_of(headline)
    return lines.pairs(headline.parameters, lines.secret_names(action))


def related(visit: Visit, headline: Headline, near: Near) -> tuple[Line, ...]:
    """The runs that led to this one and those that came of it, as far as a page shows them."""
    above = ancestors(near, headline)
    below = [relative.run for relative in descendants(near, headline, most=CHILDREN)]
    said = {run.id: "led to this" for run in above[:-1]} | {run.id: _came_of(run, headline) for run in below}
    said |= {run.id: "parent of this" for run in above[-1:]}
    return tuple(replace(lines.line(run, visit.face), more=said[run.id]) for run in (*above, *below))


def _came_of(run: Headline, headline: Headline) -> str:
    before = "this" if run.parent == headline.id else f"#{run.parent}"
    return f"{'after' if run.trigger == 'chain' else 'started by'} {before}"


def page(visit: Visit, headline: Headline, near: Near) -> RunPage:
    """Read a finished run and present it with those `near` it.

    `before` of the query is the record whose older ones are shown.
    """
    below = int(visit.arg("before")) if visit.arg("before").isdigit() else None
    history = visit.reads.recent(headline.operation, RECENT, headline.id)
    found = visit.reads.journals.records(headline.id, before=below, limit=RECORDS + 1, newest_first=True)
    shown = found[:RECORDS]
    bad = headline.status in states.BAD
    traceback, last_line = split_traceback(headline.traceback, headline.error) if bad else ("", "")
    top = head(visit, headline)
    return RunPage(
        **{name: getattr(top, name) for name in Head.__dataclass_fields__},
        ended=ended(headline),
        error=(headline.error or "").strip() if bad else "",
        raised=raised(traceback),
        took=words.took(headline.duration),
        took_words=took_words(headline, history),
        attempts=str(headline.attempt) if headline.attempt > 1 else "",
        alike=alike(headline, history, visit.face),
        result="" if headline.result is None else words.short(headline.result, RESULT_LENGTH),
        labels=tuple(headline.labels),
        traceback=traceback,
        last_line=last_line,
        records=items(shown, visit.face),
        next=shown[-1].id if len(found) > RECORDS else None,
        shown=words.plural(len(shown), "record") + ", newest first",
        parameters=parameters(visit, headline),
        related=related(visit, headline, near),
        before=tuple(lines.line(run, visit.face) for run in history[:BEFORE]),
    )


def as_text(headline: Headline, records: Sequence[Record], face: Clockface) -> str:
    """A run with its records as plain text, oldest first."""
    rows = [f"{headline.operation} #{headline.id} {headline.status} {headline.started_at.isoformat()}"]
    for record in records:
        fields: dict[str, Any] = dict(record.params)
        tail = f"  {words.code(fields)}" if fields else ""
        rows.append(f"{face.local(record.created_at).isoformat(timespec='milliseconds')}  {record.message}{tail}")
    if headline.traceback:
        rows.append(headline.traceback.rstrip())
    return "\n".join(rows) + "\n"


def facts(visit: Visit, headline: Headline, history: Sequence[Headline]) -> tuple[Fact, ...]:
    """The properties of a run that still goes on."""
    action = visit.reads.action_of(headline)
    normal = usual(history)
    listed = (
        ("Parameters", ", ".join(f"{pair.name}={pair.value}" for pair in parameters(visit, headline))),
        ("Usually takes", words.duration(normal) if normal is not None else ""),
        ("Stopped after", words.duration(action.timeout) if action is not None and action.timeout else ""),
        ("Attempt", f"{headline.attempt} of {action.retries + 1}" if action is not None and action.retries else ""),
        ("Labels", ", ".join(headline.labels)),
    )
    return tuple(Fact(name, value) for name, value in listed if value)
