"""All timers of the hub on one watcher: starting and cancelling one costs a push to a heap."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from typing import Any


class Timer:
    """A call that is to come. `cancel` may be called from any thread."""

    __slots__ = ("_args", "_function", "_timers")

    def __init__(self, timers: Timers, function: Callable[..., object], args: tuple[object, ...]) -> None:
        self._timers = timers
        self._function: Callable[..., object] | None = function
        self._args = args

    @property
    def wanted(self) -> bool:
        """Whether the call is still to come."""
        return self._function is not None

    def cancel(self) -> None:
        """Make sure that the function is not called, if it has not been yet."""
        if self._function is not None:
            self._function = None
            self._args = ()
            self._timers.cancelled += 1

    def take(self) -> tuple[Callable[..., object], tuple[object, ...]] | None:
        """Return the call to make now, None if it was cancelled; the second time always None."""
        function, args = self._function, self._args
        self._function = None
        self._args = ()
        return None if function is None else (function, args)


class Timers:
    """The timers of one hub. Nearly all of them are limits that are cancelled long before their time.

    `add` and what follows from it run on the hub's thread.
    """

    def __init__(self, hub: Any, call: Callable[[Callable[..., object], tuple[object, ...]], None]) -> None:
        self._call = call
        self._hub = hub
        self._watcher: Any = None
        self._armed = float("inf")
        self._heap: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        # A hint only: threads may lose a count when they add to it at the same time.
        self.cancelled = 0

    def __len__(self) -> int:
        return len(self._heap)

    def wanted(self) -> int:
        """How many calls are to come. Any thread; counted now, since nothing else keeps that number."""
        return sum(timer.wanted for _, _, timer in self._heap.copy())

    def add(self, when: float, timer: Timer) -> None:
        """Call the timer's function at `when`, a moment of time.monotonic."""
        if self.cancelled > 256 and self.cancelled * 2 > len(self._heap):
            self._sweep()
        heapq.heappush(self._heap, (when, next(self._numbers), timer))
        if when < self._armed:
            self._arm(when)

    def _arm(self, when: float) -> None:
        if self._watcher is not None:
            self._watcher.close()
        self._armed = when
        self._watcher = self._hub.loop.timer(max(0.0, when - time.monotonic()))
        self._watcher.start(self._fire, update=True)

    def _fire(self) -> None:
        self._watcher.close()
        self._watcher = None
        self._armed = float("inf")
        heap, now = self._heap, time.monotonic()
        due = []
        while heap and (heap[0][0] <= now or not heap[0][2].wanted):
            due.append(heapq.heappop(heap)[2])
        if heap:
            self._arm(heap[0][0])
        for timer in due:
            call = timer.take()
            if call is not None:
                self._call(*call)

    def _sweep(self) -> None:
        self._heap = [entry for entry in self._heap if entry[2].wanted]
        heapq.heapify(self._heap)
        self.cancelled = 0
