"""Keys whose time is over are removed when it is, so that whoever watches them is told.

There is no clock that ticks: the next expiry is known, and one timer waits for it. Where no key has a time, none does.
"""

from __future__ import annotations

import logging
import threading

from atilite.errors import StoreError
from atilite.runtime.engine import Runtime
from atilite.runtime.timers import Timer
from atilite.store.database import Database
from atilite.store.kv import KV, Forgotten

log = logging.getLogger("atilite.automation")

# Keys removed in one transaction.
STEP = 500
# Seconds between two removals: thousands of keys that end one after the other are some transactions a minute.
PAUSE = 1.0
# The clock of the database may be set meanwhile, or stand a little behind that of the timer.
LONGEST, BEHIND = 3600.0, 0.002
# Seconds until another try, where the disk is full.
AGAIN = 60.0


class Expiry:
    """Removes the keys of a database in time. `database.part(Expiry, runtime)` is the one of a process. Any thread."""

    def __init__(self, database: Database, runtime: Runtime) -> None:
        self._database, self._loop = database, runtime.loop
        self._kv = database.part(KV)
        self._lock = threading.Lock()
        self._timer: Timer | None = None
        # When the timer goes off and when keys were removed last, by the clock that nobody sets.
        self._due = float("inf")
        self._last = float("-inf")
        self._removing = False
        if database.owned:
            self._unlisten = self._kv.expiring.listen(self._heard)
            first = self._kv.next_expiry()
            if first is not None:
                self._heard(first)

    def _heard(self, moment: int) -> None:
        """A key expires at `moment`. In the writer's thread, mostly: nothing but a comparison, most of the time."""
        if not self._removing:  # at the end of that the next one is known
            clock = self._database.clock
            now = clock.monotonic()
            self._wait_until(max(now + moment / 1e6 - clock.time() + BEHIND, self._last + PAUSE), now)

    def _wait_until(self, due: float, now: float) -> None:
        with self._lock:
            due = min(due, now + LONGEST)
            if due >= self._due:
                return
            timer, self._due = self._timer, due
            self._timer = self._loop.call_later(max(0.0, due - now), self._remove)
        if timer is not None:
            timer.cancel()

    def _remove(self) -> None:
        with self._lock:
            self._removing, self._timer, self._due = True, None, float("inf")
        try:
            self._kv.forget_expired(STEP, self._removed)
        except StoreError:  # the database has been closed
            self._unlisten()

    def _removed(self, found: Forgotten | None, error: BaseException | None) -> None:
        now = self._last = self._database.clock.monotonic()
        self._removing = False
        if found is None:
            log.warning("keys whose time is over could not be removed: %s", error)
            self._wait_until(now + AGAIN, now)
        elif found.keys == STEP:
            self._remove()
        elif found.next is not None:
            self._heard(found.next)
