"""The list of runs: filters that live in the URL, newest first, paged by the number of the last one shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from atilite.console import lines, states, words
from atilite.console.desk import Visit
from atilite.console.lines import HTML_ONLY, Row
from atilite.console.states import State
from atilite.console.words import Clockface
from atilite.errors import Error
from atilite.quickly import dataclass
from atilite.store.daycount import Day
from atilite.store.export import attachment, export

PAGE = 50
FILTERS = ("status", "action", "trigger", "label", "text", "since", "until", "parent")
MOST_FACETS = 12
NOT_SUCCEEDED = ("failed", "timed_out", "cancelled", "interrupted")


@dataclass(frozen=True, slots=True)
class Facet:
    """A filter that can be chosen; `count` is None where counting would cost more than it tells."""

    name: str
    query: str
    on: bool
    state: State | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Facets of one kind."""

    name: str
    facets: tuple[Facet, ...]


@dataclass(frozen=True, slots=True)
class RunsPage:
    """One page of runs; `next` is what `before` must be for the following one."""

    summary: str
    rows: tuple[Row, ...]
    next: int | None
    filters: Mapping[str, str]
    day: Day = field(metadata=HTML_ONLY)
    face: Clockface = field(metadata=HTML_ONLY)
    newest: str = field(default="", metadata=HTML_ONLY)
    title: str = field(default="Runs", metadata=HTML_ONLY)

    @property
    def filtered(self) -> bool:
        """Whether any filter is on."""
        return bool(self.filters) or bool(self.newest)

    @property
    def groups(self) -> tuple[Group, ...]:
        """What the runs can be filtered by."""
        return groups(self.filters, self.day)

    @property
    def chips(self) -> tuple[Facet, ...]:
        """What is not well, and every filter that is on."""
        return chips(self.filters, self.day)

    def table(self, at: str) -> Markup:
        """The rows as one piece of HTML; the console is mounted at `at`."""
        return Markup("".join([row.html(at) for row in self.rows]))

    @property
    def spanned(self) -> str:
        """Which stretch of time the page shows."""
        return spanned(self.rows, self.face)

    @property
    def older(self) -> str:
        """The query of the following page."""
        return "?" + urlencode({**self.filters, "before": str(self.next)})

    def download(self, format: str) -> str:
        """Where all runs of these filters are as a file."""
        return f"/runs/export.{format}" + ("?" + urlencode(self.filters) if self.filters else "")

    @property
    def text(self) -> str:
        """The text searched for."""
        return self.filters.get("text", "")

    @property
    def since(self) -> str:
        """The first day."""
        return self.filters.get("since", "")

    @property
    def until(self) -> str:
        """The last day."""
        return self.filters.get("until", "")

    @property
    def kept(self) -> tuple[tuple[str, str], ...]:
        """The filters that the form of texts and dates carries along."""
        return tuple((name, value) for name, value in self.filters.items() if name not in ("text", "since", "until"))


def moment(text: str, name: str, zone: tzinfo | None, *, end: bool = False) -> datetime | None:
    """A day or an ISO time of the query as an instant; a day as `until` counts to its end. Raises Error 400."""
    if not text:
        return None
    try:
        if len(text) == 10:
            day = date.fromisoformat(text) + timedelta(days=1 if end else 0)
            return datetime(day.year, day.month, day.day).replace(tzinfo=zone).astimezone()
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise Error(400, f"{name} must be a day like 2026-01-31 or a time like 2026-01-31T18:30") from None
    return at.astimezone() if at.tzinfo or zone is None else at.replace(tzinfo=zone)


def criteria(filters: Mapping[str, str], zone: tzinfo | None) -> dict[str, Any]:
    """The query's filters as the journals take them."""
    status = filters.get("status", "")
    return {
        "operation": filters.get("action") or None,
        "status": NOT_SUCCEEDED if status == "bad" else status or None,
        "trigger": filters.get("trigger") or None,
        "labels": filters.get("label") or None,
        "text": filters.get("text") or None,
        "parent": number(filters.get("parent", ""), "parent"),
        "since": moment(filters.get("since", ""), "since", zone),
        "until": moment(filters.get("until", ""), "until", zone, end=True),
    }


def with_filter(filters: Mapping[str, str], name: str, value: str) -> str:
    """The query that adds a filter, or removes it when it is already on."""
    return _query_with(tuple(filters.items()), name, value)


# The list of runs offers the same filters each time.
@lru_cache(maxsize=512)
def _query_with(filters: tuple[tuple[str, str], ...], name: str, value: str) -> str:
    chosen = {key: old for key, old in filters if key != name}
    if (name, value) not in filters:
        chosen[name] = value
    return "?" + urlencode(chosen) if chosen else ""


def groups(filters: Mapping[str, str], day: Any) -> tuple[Group, ...]:
    """The facets of status, action and trigger with their counts of the last day; a chosen one is always there."""

    def facets(kind: str, counts: Mapping[str, int], names: Iterable[str]) -> tuple[Facet, ...]:
        listed = dict.fromkeys([*names, *([filters[kind]] if filters.get(kind, "bad") != "bad" else [])])
        return tuple(
            Facet(
                name,
                with_filter(filters, kind, name),
                filters.get(kind) == name,
                states.of_run(name) if kind == "status" else None,
                counts.get(name, 0),
            )
            for name in listed
        )

    made = (
        Group("Status", facets("status", day.status, states.RUN_STATES)),
        Group("Action", facets("action", day.operation, list(day.operation)[:MOST_FACETS])),
        Group("Trigger", facets("trigger", day.trigger, day.trigger)),
    )
    return tuple(group for group in made if group.facets)


def chips(filters: Mapping[str, str], day: Any) -> tuple[Facet, ...]:
    """What is not well, as one tap, and every filter that is on, whose link takes it off."""
    made = []
    if filters.get("status") != "bad":
        bad = sum(day.status.get(status, 0) for status in NOT_SUCCEEDED)
        made.append(Facet("Not succeeded", with_filter(filters, "status", "bad"), False, count=bad))
    for name, value in filters.items():
        made.append(Facet(_chip_words(name, value), with_filter(filters, name, value), True))
    return tuple(made)


def _chip_words(name: str, value: str) -> str:
    if name == "status":
        return "Not succeeded" if value == "bad" else states.of_run(value).word
    told = {"since": f"from {value}", "until": f"to {value}", "text": f"\u201c{value}\u201d", "parent": f"in #{value}"}
    return told.get(name, value)


def spanned(rows: Sequence[Row], face: Clockface) -> str:
    """Which stretch of time the page shows."""
    if not rows:
        return ""
    first, last = face.time(rows[0].when.at), face.time(rows[-1].when.at)
    return f"{words.plural(len(rows), 'run')}, from {first.words} to {last.words}"


def before(visit: Visit) -> int | None:
    """The number that the page begins below. Raises Error 400."""
    return number(visit.arg("before"), "before")


def number(text: str, name: str) -> int | None:
    """The number of a run in the query, None if it is missing. Raises Error 400."""
    if text and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Error(400, f"{name} must be the number of a run")
    return int(text) if text else None


def progress_words(progress: Any | None) -> str:
    """What a running run says of itself: `62 %, Checking table 3 of 5`."""
    if progress is None:
        return ""
    share = f"{round(100 * progress.done / progress.total)} %" if progress.total else ""
    return ", ".join(part for part in (share, progress.text or "") if part)


def exported(visit: Visit, format: str) -> Iterator[bytes]:
    """All runs of the filters in the query as a file, in portions."""
    for name, value in attachment(format):
        visit.was.response.set_header(name, value)
    return export(visit.reads.journals, format, visit.reads.filter(**criteria(_filters(visit), visit.face.zone)))


def _filters(visit: Visit) -> dict[str, str]:
    return {name: visit.arg(name) for name in FILTERS if visit.arg(name)}


def listing(visit: Visit) -> RunsPage:
    """Read one page of runs and present it."""
    filters = _filters(visit)
    start, wanted = before(visit), visit.reads.filter(**criteria(filters, visit.face.zone))
    found = visit.reads.journals.search(wanted, before=start, limit=PAGE + 1)
    shown, more = found[:PAGE], len(found) > PAGE
    progress = visit.reads.journals.progress  # None at once for runs that do not go on here
    rows = tuple(lines.row(run, visit.face, progress_words(progress(run.id))) for run in shown)
    return RunsPage(
        summary=f"{words.number(sum(visit.reads.day.status.values()))} in 24 h",
        rows=rows,
        next=shown[-1].id if more else None,
        filters=filters,
        day=visit.reads.day,
        face=visit.face,
        newest=("?" + urlencode(filters) if filters else "?") if start else "",
    )
