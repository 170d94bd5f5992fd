"""Runs as the console tells of them: the line of a list, who started it, and what its button does. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

from markupsafe import Markup, escape

from atilite.console import states, words
from atilite.console.plain import HTML_ONLY as HTML_ONLY
from atilite.console.states import State
from atilite.console.words import Clockface, Moment, Span
from atilite.quickly import dataclass
from atilite.store.runs import Headline

_WRONG = ' class="err"'
# The few names that the rows of a long list share.
_same = lru_cache(maxsize=512, typed=True)(escape)
BY = {
    "schedule": "by its schedule",
    "start": "at start-up",
    "retry": "as a retry",
    "chain": "after another run",
    "api": "through the API",
    "hook": "by a webhook",
    "webhook": "by a webhook",
    "event": "by an event",
    "flow": "by a plan",
    "file": "by a changed file",
    "cli": "from the command line",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of a list of properties."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Line:
    """A run in a short list."""

    id: int
    name: str
    when: Moment
    state: State
    more: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A run in the table of runs."""

    id: int
    name: str
    state: State
    when: Moment
    took: Span | None
    by: str
    labels: tuple[str, ...]
    more: str = ""
    wrong: bool = field(default=False, metadata=HTML_ONLY)

    def html(self, at: str) -> Markup:
        """The row of the table; the console is mounted at `at`.

        Written here and not in the template: there are fifty of them on a page, and it takes a third of the time.
        """
        labels = "".join([f' <span class="tag">{_same(label)}</span>' for label in self.labels])
        more = f" <small{_WRONG if self.wrong else ''}>{escape(self.more)}</small>" if self.more else ""
        when, took = self.when, self.took.words if self.took else ""
        return Markup(
            f"<tr><td>{self.state.__html__()}</td>"
            f'<td class="c-name"><a class="name go" href="{_same(at)}/runs/{self.id}">{_same(self.name)}</a>'
            f"{labels}{more}</td>"
            f'<td class="c-num">{took}</td><td class="c-soft">#{self.id} {_same(self.by)}</td>'
            f'<td class="c-when" title="{escape(when.title)}">{when.words}</td></tr>\n'
        )


@dataclass(frozen=True, slots=True)
class Deed:
    """What the button of an action does: `post` runs it, `ask` asks first, `form` and `watch` lead to a page."""

    kind: str
    action: str
    path: str
    id: str = ""
    confirm: str = ""
    run: int = 0


def deed(action: Any, last: Headline | None, may_run: bool) -> Deed | None:
    """The button of an action for a person, None for one who may not run it."""
    path = action_path(action.name)
    if last is not None and last.status == "running":
        return Deed("watch", action.name, path, run=last.id)
    if not may_run:
        return None
    if action.schema.fields:
        return Deed("form", action.name, path)
    if action.confirm:
        return Deed("ask", action.name, path, words.slug(action.name), str(action.confirm))
    return Deed("post", action.name, path)


@lru_cache(maxsize=512)
def action_path(name: str) -> str:
    """Where the form of an action is, below the console."""
    return "/actions/" + quote(name, safe="")


@lru_cache(maxsize=512)
def runs_path(**filters: str) -> str:
    """Where the runs of these filters are, below the console."""
    return "/runs?" + urlencode(filters)


def error_line(headline: Headline) -> str:
    """The first line of the error: the kind of exception and what it says."""
    text = (headline.error or "").strip()
    return text.splitlines()[0] if text else ""


def line(headline: Headline, face: Clockface) -> Line:
    """A run for a short list; the words after its state say how long it took or who started it."""
    span = words.took(headline.duration)
    if headline.pending:
        more = f"by {headline.who}" if headline.who else ""
    elif headline.status == "failed" and headline.attempt > 1:
        more = f"after {headline.attempt} attempts"
    else:
        more = f"{'in' if headline.status == 'succeeded' else 'after'} {span.words}" if span else ""
    return Line(headline.id, headline.operation, face.ago(headline.started_at), states.of_run(headline.status), more)


def row(headline: Headline, face: Clockface, progress: str = "") -> Row:
    """A run for the table of runs; `progress` is what a running one says of itself."""
    wrong = headline.status in states.BAD
    more = error_line(headline) if wrong else progress or words.listed(headline.parameters)
    span = words.took(headline.duration)
    if headline.status == "running":
        span = face.lasting(headline.started_at)
    return Row(
        headline.id,
        headline.operation,
        states.of_run(headline.status),
        face.ago(headline.started_at),
        span,
        headline.who or headline.trigger,
        tuple(headline.labels),
        more,
        wrong,
    )


def started_by(headline: Headline) -> str:
    """Who or what started a run, as the end of a sentence; "" when nothing more than a call did."""
    if headline.who:
        place = {"console": " from the console", "api": " through the API", "cli": " from the command line"}
        return f"by {headline.who}{place.get(headline.trigger, '')}"
    return BY.get(headline.trigger, "")


def secret_names(action: Any | None) -> frozenset[str]:
    """The names of an action's secret parameters."""
    return frozenset(item.name for item in action.schema.fields if item.kind == "secret") if action else frozenset()


@dataclass(frozen=True, slots=True)
class Pair:
    """A name and a value of a record or of the parameters; a secret one shows dots."""

    name: str
    value: str
    secret: bool = False


def pairs(values: Mapping[str, Any], hidden: Iterable[str] = ()) -> tuple[Pair, ...]:
    """Fields for a list of properties; those in `hidden` were secret and are dots."""
    return tuple(
        Pair(str(name), words.HIDDEN if name in hidden else words.plainly(value), name in hidden)
        for name, value in values.items()
    )
