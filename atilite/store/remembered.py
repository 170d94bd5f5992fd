"""Values that were read of late, for as long as none is written: a read of SQLite lets go of the interpreter several
times, and with many threads at work getting it back costs more than the read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from .database import Database
from .writer import Done, Operation

# How many values are kept before it begins anew, and how long the text of one may be.
VALUES, LENGTH = 512, 2048

# Namespace and key; the value as JSON, None if there is none, and when its time is over.
Place = tuple[str, str]
Row = tuple[str | None, int | None]


class Remembered:
    """What `get` has read, true at any moment: every write of values is queued by `write`, and as long as one is under
    way all is read, and nothing kept. Any thread.
    """

    def __init__(self, database: Database) -> None:
        self._writer = database.writer
        self._rows: dict[Place, Row] = {}
        self._lock = threading.Lock()
        # Beside the owner of the file it is as if a write never ended: nobody tells of those.
        self._under_way = 0 if database.owned else 1

    def write(self, operation: Operation[Any], done: Done) -> None:
        """Queue a write; see `Writer.submit`."""

        def over(value: Any, error: BaseException | None) -> None:
            self._end()  # before anybody hears of it
            done(value, error)

        with self._lock:
            self._under_way += 1
        try:
            self._writer.submit(operation, over)
        except BaseException:
            self._end()
            raise

    def _end(self) -> None:
        with self._lock:
            # Others, not emptied: who began to read before this puts what he finds into the old ones.
            self._rows = {}
            self._under_way -= 1

    def get(self, place: Place, read: Callable[[], Row]) -> Row:
        """Return what `read()` returns, or has returned before."""
        rows = self._rows  # taken before the look at what is under way: see `_end`
        if self._under_way:
            return read()
        row = rows.get(place)
        if row is None:
            row = read()
            if len(row[0] or "") <= LENGTH:
                if len(rows) >= VALUES:
                    rows.clear()
                rows[place] = row
        return row
