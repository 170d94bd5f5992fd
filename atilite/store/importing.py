"""Runs from the JSON lines of an export: all of a file, or nothing of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import StoreUnavailable
from ..quickly import dataclass
from .columns import clean, encode, micros
from .counters import marked
from .database import Database
from .live import INSERT_LABEL, INSERT_RECORD, INSERT_RUN
from .runs import STATUSES, Headline, row_of

# Faults that are told, of those that there are.
TOLD = 10
LARGEST = 2**53
SOURCES = ("record", "print", "log", "progress")

_KNOWN = "SELECT 1 FROM journal WHERE id = ?"
_MARK = """INSERT INTO mark(name, value) VALUES (?, ?)
ON CONFLICT(name) DO UPDATE SET value = {}(value, excluded.value)"""
_AT_LEAST, _AT_MOST = _MARK.format("max"), _MARK.format("min")


class Imported(NamedTuple):
    """What an import has added."""

    runs: int
    records: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file that is right: a run, or a record (then `run` is the number of its run)."""

    number: int
    run: int
    headline: Headline | None = None
    record: tuple[int, int, str, str | None, str, str] | None = None


def import_runs(database: Database, path: Path, *, renumber: bool = False) -> Imported:
    """Add the runs of a file of JSON lines to a database that nobody else uses, in one transaction.

    They keep their numbers, or get new ones with `renumber`. A run that had not ended when it was exported is
    interrupted now. Raises StoreError, which names the lines that are wrong and the numbers that are taken, and then
    nothing is added. Blocks.
    """
    wrong, runs = _faults(path)
    if wrong:
        raise StoreUnavailable(f"{path}: {_listed(wrong)} (nothing was imported; correct the lines or leave them out)")
    return database.writer.call(lambda connection: _Import(database, connection, runs, renumber).all(path))


class _Import:
    """One import, in the writer's thread and in one transaction."""

    def __init__(self, database: Database, connection: sqlite3.Connection, runs: set[int], renumber: bool) -> None:
        self._database, self._connection = database, connection
        # In their order, so that the newest one stays the newest.
        self._numbers = {id: database.journal_ids.next() for id in sorted(runs)} if renumber else None
        self._runs = self._records = 0
        if not renumber:
            self._refuse_taken(runs)

    def _refuse_taken(self, runs: set[int]) -> None:
        taken = [id for id in sorted(runs) if self._connection.execute(_KNOWN, (id,)).fetchone()]
        if taken:
            shown = ", ".join(map(str, taken[:TOLD])) + (f" and {len(taken) - TOLD} more" if len(taken) > TOLD else "")
            raise StoreUnavailable(
                f"{self._database.path}: has runs of these numbers already: {shown} (nothing was imported; to give the "
                "imported ones new numbers use --renumber)"
            )

    def all(self, path: Path) -> Imported:
        """Write every line."""
        lowest, highest = LARGEST, 0
        for line in _lines(path):
            if isinstance(line, str):
                raise StoreUnavailable(f"{path}: was changed meanwhile: {line} (nothing was imported)")
            id = self._new(line.run)
            if line.headline is not None:
                self._put_run(line.headline, id)
                lowest, highest = min(lowest, id), max(highest, id)
            elif line.record is not None:
                self._put_record(line.record, id)
        if self._runs:
            self._connection.execute(_AT_LEAST, ("journal", highest))
            # The text index goes on from there, and finds what it has already.
            cursor = marked(self._connection, "search")
            self._connection.execute(_AT_MOST, ("search", min(cursor, lowest - 1)))
        return Imported(self._runs, self._records)

    def _new(self, id: int) -> int:
        return id if self._numbers is None else self._numbers[id]

    def _put_run(self, headline: Headline, id: int) -> None:
        parent = headline.parent
        if self._numbers is not None and parent is not None:
            parent = self._numbers.get(parent)
        change = self._database.changes.next()
        self._database.changes.cover(self._connection, change)
        self._connection.execute(INSERT_RUN, row_of(replace(headline, id=id, parent=parent), change))
        self._connection.executemany(INSERT_LABEL, [(label, headline.status, id) for label in headline.labels])
        self._runs += 1

    def _put_record(self, record: tuple[int, int, str, str | None, str, str], run: int) -> None:
        number, *rest = record
        if self._numbers is not None:
            number = self._database.record_ids.next()
        self._database.record_ids.cover(self._connection, number)
        self._connection.execute(INSERT_RECORD, (run, number, *rest))
        self._records += 1


def _faults(path: Path) -> tuple[list[str], set[int]]:
    """Read the whole file; return what is wrong with it, and the numbers of its runs."""
    wrong = []
    runs: set[int] = set()
    for line in _lines(path):
        if isinstance(line, str):
            wrong.append(line)
        elif line.headline is not None:
            runs.add(line.run)
    return wrong, runs


def _listed(wrong: list[str]) -> str:
    more = f"; and {len(wrong) - TOLD} more" if len(wrong) > TOLD else ""
    return "; ".join(wrong[:TOLD]) + more


def _lines(path: Path) -> Iterator[Line | str]:
    """Yield each line that is right, and of each other one what is wrong with it. Empty lines are nothing."""
    seen: dict[int, int] = {}
    records: dict[int, int] = {}
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                if raw.strip():
                    try:
                        yield _line(number, raw, seen, records)
                    except (ValueError, TypeError, RecursionError) as error:
                        yield f"line {number}: {error}"
    except OSError as error:
        raise StoreUnavailable(f"{path}: cannot be read: {error.strerror} (name a file of JSON lines)") from error


def _line(number: int, raw: bytes, seen: dict[int, int], records: dict[int, int]) -> Line:
    """Understand a line. `seen` are the runs before it with their lines, `records` the last record of each."""
    try:
        facts = json.loads(raw)
    except ValueError:
        raise ValueError("is not JSON") from None
    if not isinstance(facts, dict) or facts.get("type") not in ("run", "record"):
        raise ValueError('is neither a run nor a record: {"type": "run", ...}')
    if facts["type"] == "run":
        headline = _headline(facts)
        if headline.id in seen:
            raise ValueError(f"run {headline.id} is in line {seen[headline.id]} already")
        seen[headline.id] = number
        return Line(number, headline.id, headline=headline)
    run, id = _whole(facts, "journal"), _whole(facts, "id")
    if run not in seen:
        raise ValueError(f"is a record of run {run}, which is in no line before")
    if id <= records.get(run, 0):
        raise ValueError(f"record {id} of run {run} is not in the order of the numbers")
    records[run] = id
    if facts.get("source", "record") not in SOURCES:
        raise ValueError(f"source must be one of {', '.join(SOURCES)}")
    made = micros(_moment(facts, "created_at"))
    source, level = facts.get("source", "record"), _text(facts, "level")
    message, params = clean(_needed(facts, "message")), encode(_of(facts, "params", dict, {}), "params")
    return Line(number, run, record=(id, made, source, level, message, params))


def _headline(facts: dict[str, Any]) -> Headline:
    status = facts.get("status")
    if status not in STATUSES:
        raise ValueError(f"status must be one of {', '.join(STATUSES)}")
    labels = _of(facts, "labels", list, [])
    if not all(isinstance(label, str) for label in labels):
        raise ValueError("labels must be texts")
    duration = facts.get("duration")
    if duration is not None and (isinstance(duration, bool) or not isinstance(duration, (int, float))):
        raise ValueError("duration must be a number of seconds, or null")
    encode(facts.get("result"), "result")
    encode(_of(facts, "parameters", dict, {}), "parameters")
    created = _moment(facts, "created_at")
    ended = facts.get("finished_at") is not None
    return Headline(
        _whole(facts, "id"), clean(_needed(facts, "operation")), clean(_text(facts, "description") or ""),
        clean(_text(facts, "kind") or "function"), clean(_text(facts, "trigger") or "call"),
        _text(facts, "who") or None, _of(facts, "parameters", dict, {}),
        # What went on then does not go on here.
        "interrupted" if status in ("queued", "running") else status,
        created, _moment(facts, "started_at") if facts.get("started_at") is not None else created,
        _moment(facts, "finished_at") if ended else created, duration, _text(facts, "error"),
        _text(facts, "traceback"), facts.get("result"), tuple(dict.fromkeys(map(clean, labels))),
        None if facts.get("parent") is None else _whole(facts, "parent"),
        1 if facts.get("attempt") is None else _whole(facts, "attempt"),
    )  # fmt: skip


def _of(facts: dict[str, Any], name: str, kind: type, default: Any) -> Any:
    value = facts.get(name)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise ValueError(f"{name} must be {'an object' if kind is dict else 'a list'}")
    return value


def _text(facts: dict[str, Any], name: str) -> str | None:
    value = facts.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} must be a text, or null")
    return None if value is None else clean(value)


def _needed(facts: dict[str, Any], name: str) -> str:
    value = facts.get(name)
    if not isinstance(value, str) or (name == "operation" and not value):
        raise ValueError(f"{name} must be a text")
    return value


def _whole(facts: dict[str, Any], name: str) -> int:
    value = facts.get(name)
    if type(value) is not int or not 0 < value <= LARGEST:
        raise ValueError(f"{name} must be a whole number above 0")
    return value


def _moment(facts: dict[str, Any], name: str) -> datetime:
    try:
        found = datetime.fromisoformat(facts.get(name))  # type: ignore[arg-type]
        return found.astimezone(UTC) if found.tzinfo is not None else _refuse_moment(name)
    except (TypeError, ValueError, OverflowError):
        return _refuse_moment(name)


def _refuse_moment(name: str) -> datetime:
    raise ValueError(f"{name} must be a moment with a time zone, such as 2026-11-21T12:00:00+00:00") from None
