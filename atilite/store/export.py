"""Runs as lines for other programs: JSON with everything, or CSV for a spreadsheet. In portions, whatever there is."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..lazily import LazyModule
from .columns import encode
from .history import History
from .runs import Filter, Headline, Record

if TYPE_CHECKING:
    import csv
else:
    csv = LazyModule("csv")

# Runs, and records of one run, that are read at once.
RUNS, RECORDS = 100, 500
# Characters that are enough for a portion.
PORTION = 1 << 16
FORMATS = ("jsonl", "csv")
MEDIA = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}

COLUMNS = (
    "id", "operation", "status", "trigger", "who", "created_at", "started_at", "finished_at", "duration", "error",
    "labels", "parent", "attempt", "kind", "description", "parameters", "result",
)  # fmt: skip
# A cell that begins so is a formula to a spreadsheet, and might be anybody's.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export(journals: History, format: str = "jsonl", filter: Filter | None = None) -> Iterator[bytes]:
    """Yield the runs of `filter`, newest first, in portions of a bounded size; see FORMATS. Any thread but the loop.

    A run that begins meanwhile is left out; one that is removed meanwhile too. Nothing is held between two portions.
    """
    write = _csv_lines if format == "csv" else _json_lines
    # Also an export without runs begins: it is an empty file, and not an answer of nothing.
    yield _rows([COLUMNS]) if format == "csv" else b""
    before: int | None = None
    while found := journals.search(filter, before=before, limit=RUNS):
        before = found[-1].id
        yield from write(journals, found)
        if len(found) < RUNS:
            return


def attachment(format: str) -> list[tuple[str, str]]:
    """The headers with which a browser stores an export as a file."""
    return [
        ("Content-Type", MEDIA[format]),
        ("Content-Disposition", f'attachment; filename="runs.{format}"'),
        ("Cache-Control", "no-store"),
    ]


def _json_lines(journals: History, found: list[Headline]) -> Iterator[bytes]:
    lines: list[str] = []
    for run in found:
        if sum(map(len, lines)) > PORTION:
            yield _joined(lines)
        lines.append(encode(run_facts(run)))
        after = 0
        while records := journals.records(run.id, after=after, limit=RECORDS):
            after = records[-1].id
            for record in records:
                lines.append(encode(record_facts(record)))
                if len(lines[-1]) > PORTION or len(lines) > RECORDS:
                    yield _joined(lines)
            if len(records) < RECORDS:
                break
    yield _joined(lines)


def _joined(lines: list[str]) -> bytes:
    """Take the lines out as one text."""
    text = "".join(f"{line}\n" for line in lines)
    lines.clear()
    return text.encode()


def _csv_lines(journals: History, found: list[Headline]) -> Iterator[bytes]:
    yield _rows([_cell(run, name) for name in COLUMNS] for run in found)


def _rows(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(run: Headline, name: str) -> object:
    value = getattr(run, name)
    if name in ("created_at", "started_at", "finished_at"):
        return value and value.isoformat()
    if name == "labels":
        value = " ".join(value)
    elif name == "parameters" or (name == "result" and value is not None):
        value = encode(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def run_facts(run: Headline) -> dict[str, Any]:
    """A run as an object of JSON lines: everything but its records."""
    return {
        "type": "run", "id": run.id, "operation": run.operation, "status": run.status,
        "description": run.description, "kind": run.kind, "trigger": run.trigger, "who": run.who,
        "parameters": run.parameters, "labels": list(run.labels), "created_at": run.created_at.isoformat(),
        "started_at": run.started_at.isoformat(),
        "finished_at": None if run.finished_at is None else run.finished_at.isoformat(),
        "duration": run.duration, "error": run.error, "traceback": run.traceback, "result": run.result,
        "parent": run.parent, "attempt": run.attempt,
    }  # fmt: skip


def record_facts(record: Record) -> dict[str, Any]:
    """A record as an object of JSON lines."""
    return {
        "type": "record", "journal": record.journal, "id": record.id, "created_at": record.created_at.isoformat(),
        "message": record.message, "params": record.params, "source": record.source, "level": record.level,
    }  # fmt: skip
