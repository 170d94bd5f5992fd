"""Lists for a terminal: aligned columns, or JSON for programs."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime

Row = Mapping[str, object]


def show(rows: Sequence[Row], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """Print `rows` with these columns. As JSON every field of a row is given; `empty` is what a person reads."""
    if as_json:
        print(json.dumps([dict(row) for row in rows], indent=2, default=_plain, ensure_ascii=False))
    elif rows:
        # Only a terminal has an end of the line; a file or another program gets everything.
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        print("\n".join(lines(rows, columns, width)))
    else:
        print(empty)


def as_json(value: object) -> str:
    """One value as JSON, as it is in a list."""
    return json.dumps(value, default=_plain, ensure_ascii=False)


def lines(rows: Sequence[Row], columns: Sequence[str], width: int | None) -> list[str]:
    """The table as lines, cut at `width` characters."""
    cells = [[column.upper() for column in columns]]
    cells += [[" ".join(words(row.get(column)).split()) for column in columns] for row in rows]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    padded = ("  ".join(cell.ljust(size) for cell, size in zip(line, widths, strict=True)).rstrip() for line in cells)
    return [line if width is None or len(line) <= width else line[: width - 1] + "…" for line in padded]


def words(value: object) -> str:
    """A value as a person reads it in a cell."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(words(item) for item in value) or "-"
    return str(value)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    return str(value)
