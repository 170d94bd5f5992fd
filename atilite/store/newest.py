"""Which runs of an operation are its newest, remembered for the operations that somebody asked about."""

from __future__ import annotations

import threading
from bisect import insort
from collections.abc import Callable, Iterable

from ..quickly import dataclass

# Runs remembered of each operation: what a list shows of it beside its name.
KEPT = 10


@dataclass(frozen=True, slots=True)
class Glance:
    """A run as far as a figure of many of them needs it. `duration` is in seconds, None until it ends."""

    id: int
    status: str
    duration: float | None


class Newest:
    """The ids of the newest runs by operation. `search` finds those of an operation that nobody asked about before.

    Right only in the process that writes the runs: it must hear of each of them.
    """

    def __init__(self, search: Callable[[str, int], Iterable[int]]) -> None:
        self._search = search
        self._lock = threading.Lock()
        self._ids: dict[str, list[int]] = {}  # lowest first

    def of(self, operation: str) -> list[int]:
        """Return the ids of its newest runs, highest first. Any thread; the first call for an operation searches."""
        with self._lock:
            known = self._ids.get(operation)
            if known is not None:
                return known[::-1]
            # Noted before the search: what is written while it goes on is added to it.
            fresh = self._ids[operation] = []
        found = self._search(operation, KEPT)
        with self._lock:
            fresh[:] = sorted({*fresh, *found})[-KEPT:]
            return fresh[::-1]

    def written(self, operation: str, id: int) -> None:
        """Note a run that is on the disk now. Writer's thread."""
        with self._lock:
            ids = self._ids.get(operation)
            if ids is not None and id not in ids:
                insort(ids, id)
                del ids[:-KEPT]

    def forget(self, operation: str) -> None:
        """Search anew at the next question: some of these runs are gone. Any thread."""
        with self._lock:
            self._ids.pop(operation, None)
