"""The values of a stored run: what is listed, what was recorded, what is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import field, fields
from datetime import datetime
from typing import Any

from ..quickly import dataclass
from .columns import clean, encode, micros, moment, moment_or_none

STATUSES = ("queued", "running", "succeeded", "failed", "cancelled", "timed_out", "interrupted")
PENDING = frozenset({"queued", "running"})
FINISHED = frozenset(STATUSES) - PENDING
NOT_SUCCEEDED = FINISHED - {"succeeded"}

COLUMNS = (
    'id, operation, description, kind, "trigger", who, parameters, status, created_at, started_at, finished_at, '
    "duration, error, traceback, result, labels, parent, attempt, change"
)


@dataclass(frozen=True, slots=True)
class Headline:
    """One run as listed: everything but its records. Times are timezone-aware UTC.

    `created_at` is when it was asked for, `started_at` when it began (the same for a run that never waited),
    `duration` is in seconds, measured with the monotonic clock, None until it ends. `change` grows with every change
    of any run.
    """

    id: int
    operation: str
    description: str
    kind: str
    trigger: str
    who: str | None
    parameters: dict[str, Any]
    status: str
    created_at: datetime
    started_at: datetime
    finished_at: datetime | None = None
    duration: float | None = None
    error: str | None = None
    traceback: str | None = None
    result: Any = None
    labels: tuple[str, ...] = ()
    parent: int | None = None
    attempt: int = 1
    change: int = 0

    @property
    def pending(self) -> bool:
        """Whether it still waits or runs."""
        return self.status in PENDING

    def ended(
        self,
        status: str,
        finished_at: datetime,
        duration: float | None,
        error: str | None,
        traceback: str | None,
        result: Any,
    ) -> Headline:
        """Return this run as it has ended. Every run comes here: `replace` would take ten times as long."""
        return Headline(
            self.id, self.operation, self.description, self.kind, self.trigger, self.who, self.parameters, status,
            self.created_at, self.started_at, finished_at, duration, error, traceback, result, self.labels,
            self.parent, self.attempt,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Record:
    """A message of a run. `source` is one of record, print, log, progress; `level` that of a log message."""

    id: int
    journal: int
    created_at: datetime
    message: str
    params: dict[str, Any]
    source: str = "record"
    level: str | None = None


@dataclass(frozen=True, slots=True)
class Journal(Headline):
    """A run with its records, newest first."""

    records: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. `total` is None if nobody knows."""

    done: float
    total: float | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """What runs are asked for; conditions are joined by AND.

    `status` and `labels` are one or several, of which a run has at least one. `failed` True asks for the runs that
    ended otherwise than succeeded, False for the others; `pending` for those that have not ended (or have).
    `parent` is the run within which they were started. `since` and `until` (exclusive) are timezone-aware and
    compared with the time when the run was asked for. `text` is words; each must begin a word of the operation,
    description, parameters, labels, error or a record.
    """

    operation: str | None = None
    status: str | Iterable[str] | None = None
    kind: str | None = None
    trigger: str | None = None
    labels: str | Iterable[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    who: str | None = None
    failed: bool | None = None
    pending: bool | None = None
    parent: int | None = None
    statuses: frozenset[str] | None = field(init=False, default=None, compare=False)

    def __post_init__(self) -> None:
        for moment_given in (self.since, self.until):
            if moment_given is not None and moment_given.tzinfo is None:
                raise ValueError(f"{moment_given} has no time zone; give it one, for example tzinfo=UTC")
        for name in ("status", "labels"):
            object.__setattr__(self, name, _tuple(getattr(self, name)))
        if unknown := set(self.status or ()) - set(STATUSES):
            raise ValueError(f"unknown status {', '.join(sorted(unknown))}; known: {', '.join(STATUSES)}")
        object.__setattr__(self, "statuses", self._statuses())

    def _statuses(self) -> frozenset[str] | None:
        """Return the statuses that fit status, failed and pending together; None if any does."""
        wanted = frozenset(STATUSES)
        if self.status is not None:
            wanted &= frozenset(self.status)
        if self.failed is not None:
            wanted &= NOT_SUCCEEDED if self.failed else frozenset(STATUSES) - NOT_SUCCEEDED
        if self.pending is not None:
            wanted &= PENDING if self.pending else FINISHED
        return None if wanted == frozenset(STATUSES) else wanted


def headline_of(row: tuple[Any, ...]) -> Headline:
    """Make a headline of a row of COLUMNS."""
    (id, operation, description, kind, trigger, who, parameters, status, created, started, finished, duration, error,
     traceback, result, labels, parent, attempt, change) = row  # fmt: skip
    return Headline(
        id,
        operation,
        description,
        kind,
        trigger,
        who or None,
        json.loads(parameters) if parameters != "{}" else {},
        status,
        moment(created),
        moment(started),
        moment_or_none(finished),
        duration,
        error,
        traceback,
        None if result is None else json.loads(result),
        tuple(json.loads(labels)) if labels != "[]" else (),
        parent,
        attempt,
        change,
    )


def row_of(headline: Headline, change: int) -> tuple[Any, ...]:
    """Make the row of COLUMNS of a headline, as the change of this number."""
    return (
        headline.id,
        headline.operation,
        headline.description,
        headline.kind,
        headline.trigger,
        headline.who or "",
        encode(headline.parameters) if headline.parameters else "{}",
        headline.status,
        micros(headline.created_at),
        micros(headline.started_at),
        None if headline.finished_at is None else micros(headline.finished_at),
        headline.duration,
        headline.error,
        headline.traceback,
        None if headline.result is None else encode(headline.result),
        encode(headline.labels) if headline.labels else "[]",
        headline.parent,
        headline.attempt,
        change,
    )


def journal_of(headline: Headline, records: Iterable[Record]) -> Journal:
    """Join a headline and its records."""
    values: dict[str, Any] = {column.name: getattr(headline, column.name) for column in fields(headline)}
    return Journal(**values, records=tuple(records))


def record_of(row: tuple[Any, ...]) -> Record:
    """Make a record of its row: journal, id, created_at, source, level, message, params."""
    journal, id, created, source, level, message, params = row
    return Record(id, journal, moment(created), message, json.loads(params) if params != "{}" else {}, source, level)


def storable(result: object) -> Any:
    """Return `result` if JSON has it, else a text that shows it: a run must not fail for what it returned."""
    if result is None or type(result) in (bool, int):
        return result
    try:
        encode(result)
    except TypeError:
        return clean(repr(result)[:1000])
    return result


def _tuple(value: str | Iterable[str] | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    given = (value,) if isinstance(value, str) else tuple(value)
    return given or None
