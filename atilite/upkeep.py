"""Upkeep while the server runs: data that is kept no longer goes, soon after a run has ended, and so does freed memory.

There is no clock that ticks: an idle process does nothing at all. The first change after a sweep sets a timer, and
whatever changes until it fires is dealt with by the same sweep.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from .automation.actions import ActionInfo
from .config import Settings
from .errors import StoreError, StoreFull
from .lazily import LazyModule
from .runtime.engine import Runtime
from .runtime.timers import Timer
from .store.database import Database
from .store.journals import Journals
from .store.retention import Limits, sweep

if TYPE_CHECKING:
    import ctypes
else:
    ctypes = LazyModule("ctypes")

log = logging.getLogger("atilite.upkeep")

DELAY = 50.0  # seconds from the first change to the sweep: within a minute of a run's end, and at most once in it
ARENA_MAX, ARENAS = -8, 2  # the number that malloc.h has for that, and so many places
# From so many bytes on a piece is taken from the system alone and given back at once. Otherwise the library keeps the
# 16 MiB that the hash of a password takes, up to four times.
MMAP_THRESHOLD, LARGE = -3, 4 << 20
MANY = 1000  # changes after which enough memory may have been freed to load for it what gives it back
FIRST = 5.0  # seconds after the start: an old installation may have runs that have become too old


def limits_of(settings: Settings, actions: Iterable[ActionInfo]) -> tuple[Limits, dict[str, Limits]]:
    """How much is kept: in general, and of the actions that say so themselves. Raises ValueError for a bad `keep`."""
    general = replace(Limits.of(settings.keep), bytes=settings.keep_megabytes * 2**20 or None)
    return general, {action.operation: Limits.of(action.keep) for action in actions if action.keep}


class Upkeep:
    """Sweeps a database after its runs. `limits` is asked before each sweep, since a reload may change them."""

    def __init__(
        self, database: Database, runtime: Runtime, limits: Callable[[], tuple[Limits, dict[str, Limits]]]
    ) -> None:
        self._database, self._runtime, self._limits = database, runtime, limits
        self._timer: Timer | None = None
        self._listening: list[Callable[[], None]] = []
        self._changes = 0  # since memory was given back; one more or less does not matter

    def start(self) -> None:
        """Sweep in a moment, and from then on after changes. Any thread."""
        self._runtime.threads.before_many = share_arenas
        self._timer = self._runtime.loop.call_later(FIRST, self._begin)
        self._listening = [
            self._database.part(Journals).updated.listen(self._changed),
            self._database.writer.failing.listen(self._failing),
        ]

    def stop(self) -> None:
        """Begin no further sweep. Any thread."""
        for stop in self._listening:
            stop()
        if self._timer is not None:
            self._timer.cancel()

    def _changed(self, run: int) -> None:
        # In the writer's thread, after each commit: nothing but a look at a flag, most of the time.
        self._changes += 1
        if self._timer is None:
            self._timer = self._runtime.loop.call_later(DELAY, self._begin)

    def _failing(self, fault: StoreError) -> None:
        # On a full disk there may be no further change that sets the timer: what can go, goes at once.
        if isinstance(fault, StoreFull):
            self._runtime.threads.submit(self._sweep)

    def _begin(self) -> None:
        self._timer = None
        self._runtime.threads.submit(self._sweep)

    def _sweep(self) -> None:
        try:
            self._changes += sweep(self._database, *self._limits()).runs
        except StoreError as error:
            # The disk is full, or the server ends just now; the next change tries again.
            log.warning("old runs could not be removed: %s", error)
        # Each sweep is in another thread of the pool, whose connection would keep a megabyte of pages for the next.
        self._database.leave()
        if self._changes >= MANY:
            self._changes = 0
            give_back_memory()


def share_arenas() -> bool:
    """Let all threads take their memory from two places; False where the C library has no way to.

    Otherwise it gives each thread a place of its own, and what one frees there no other takes: with the 25 threads of a
    server that were 4 MB of 75 after 100,000 runs, and more the longer it ran. Only one of them runs Python at a time,
    so they hardly ever meet there. What asks the library is half a megabyte itself, so it is asked when the pool gets
    more threads than a site at rest needs; with more than eight places it would listen no longer. Any thread; it is for
    the whole process.
    """
    limit = getattr(ctypes.CDLL(None), "mallopt", None)
    if limit is not None:
        limit(ARENA_MAX, ARENAS)
        limit(MMAP_THRESHOLD, LARGE)
    return limit is not None


def give_back_memory() -> bool:
    """Give the system what the allocator keeps of memory that was freed; False where the C library has no way to.

    Each thread has a store of its own of freed pieces, in between those in use: after 100,000 runs that were 2.6 MB of
    77, though the program used no more than before. It takes less than a millisecond. Any thread.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    return trim is not None
