"""export, import: runs as JSON lines or CSV, and back from JSON lines."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from ..errors import AtiliteError, ConfigError
from ..store.database import Database
from ..store.export import FORMATS, export
from ..store.history import History
from ..store.importing import import_runs
from ..store.runs import STATUSES, Filter
from .call import Call
from .parser import Commands

STDOUT = "-"


def add(commands: Commands) -> None:
    parser = commands.add("export", export_runs, "write the runs with their records to a new file; the server may run")
    parser.add_argument("file", metavar="FILE", help="a new file, or - for the standard output")
    parser.add_argument("--format", choices=FORMATS, help="by default the ending of the file says it, else jsonl")
    ask(parser)
    parser = commands.add("import", import_file, "add the runs of an exported file; the server must be stopped")
    parser.add_argument("file", metavar="FILE", type=Path, help="JSON lines, as `export` writes them")
    parser.add_argument("--renumber", action="store_true", help="give the runs new numbers")


def export_runs(call: Call) -> int:
    """Write what is asked for; a file is there only when it is complete."""
    name: str = call.options.file
    target = None if name == STDOUT else Path(name)
    format = call.options.format or ("csv" if target is not None and target.suffix == ".csv" else "jsonl")
    wanted = asked(call)
    with Database.open(call.settings.db, readonly=True) as database:
        if target is None:
            written(History(database), format, wanted, sys.stdout.buffer)
            return 0
        lines = to_file(History(database), format, wanted, target)
    print(f"wrote {target}, {lines} lines")
    return 0


def ask(parser: ArgumentParser) -> None:
    """The options that say which runs are meant; `asked` reads them."""
    parser.add_argument("--operation", metavar="NAME", help="only runs of this action or function")
    parser.add_argument("--status", action="append", choices=STATUSES, help="only runs in this state; repeat it")
    parser.add_argument("--label", action="append", metavar="LABEL", help="only runs with this label; repeat it")
    parser.add_argument("--text", metavar="WORDS", help="only runs that contain words that begin so")
    parser.add_argument("--since", metavar="DAY", help="only runs from then on: 2026-01-31, or a time in ISO 8601")
    parser.add_argument("--until", metavar="DAY", help="only runs before then, or to the end of that day")


def asked(call: Call) -> Filter:
    """What the options say about the runs. Raises ConfigError."""
    options = call.options
    return Filter(
        operation=options.operation, status=options.status, labels=options.label, text=options.text,
        since=moment(options.since, "--since"), until=moment(options.until, "--until", end=True),
    )  # fmt: skip


def moment(text: str | None, flag: str, *, end: bool = False) -> datetime | None:
    """A day of this machine's calendar, or a time, as an instant; a day stands for its end with `end`."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{flag} cannot be {text!r} (write 2026-01-31 or 2026-01-31T18:30)") from None
    if len(text) == len("2026-01-31") and end:
        found += timedelta(days=1)
    return found.astimezone(UTC)


def to_file(history: History, format: str, wanted: Filter, target: Path) -> int:
    """Write to a new file which nobody else may read; returns how many lines."""
    if target.exists():
        raise AtiliteError(f"{target} exists already (remove it, or choose another name)")
    partial = target.with_name(f"{target.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            lines = written(history, format, wanted, file)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(target)
    except OSError as error:
        raise AtiliteError(f"{target}: {error.strerror} (choose another place, or make room)") from error
    finally:
        partial.unlink(missing_ok=True)
    return lines


def written(history: History, format: str, wanted: Filter, file: BinaryIO) -> int:
    """Write all portions; returns how many lines."""
    lines = 0
    for portion in export(history, format, wanted):
        file.write(portion)
        lines += portion.count(b"\n")
    return lines


def import_file(call: Call) -> int:
    """Add all runs of the file, or none."""
    with Database.open(call.settings.db) as database:
        added = import_runs(database, call.options.file, renumber=call.options.renumber)
    print(f"imported {added.runs} runs with {added.records} records")
    return 0
