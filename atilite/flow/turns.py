"""The turns of a plan: whatever is scheduled and due does what is desired of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from atilite.flow.controls import ABORTED, ALIVE, RUNNING, STARTED, STOP
from atilite.flow.faults import fall, fault_of
from atilite.flow.house import House


class Turns:
    """All houses of a plan, turned together. One thread at a time.

    `period` is the time between two turns, in seconds; `stamp` the time of the next turn, `count` how many there were.
    """

    def __init__(self, houses: Iterable[House], period: float = 0.125) -> None:
        self.houses = list(houses)
        self.period = period
        for house in self.houses:
            house.meta["period"] = period
        self.stamp, self.count = 0.0, 0
        self.now = 0.0  # of the turn under way, or of the last one
        self._ready: list[tuple[House, Any]] = [(house, one) for house in self.houses for one in house.scheduled]

    @property
    def live(self) -> bool:
        """Whether anything runs, or wants to."""
        return any(_wants(tasker) for _, tasker in self._ready)

    def turn(self) -> bool:
        """Make one turn; False when nothing runs any more."""
        stamp = self.now = self.stamp
        for house in self.houses:
            house.store.stamp = stamp
        more = False
        aborted = False
        for house, tasker in self._ready:
            if tasker.due <= stamp:
                try:
                    status = tasker.obey(tasker.desire)
                except Exception as error:  # here the turn of a framer ends, and the others go on
                    fall(house, tasker, fault_of(tasker, error))
                    status = tasker.status
                if status is ABORTED:
                    aborted = True
                tasker.due += tasker.period
            else:
                status = tasker.status
            if status is RUNNING or status is STARTED:
                more = True
        if aborted:
            self._ready = [(house, one) for house, one in self._ready if one.status is not ABORTED]
        self.stamp = stamp + self.period
        self.count += 1
        return more

    def skip(self, turns: int) -> None:
        """Leave out turns that were missed in real time. What had been due meanwhile is due once, not once for each."""
        self.stamp += turns * self.period
        for _, tasker in self._ready:
            if tasker.period > 0 and tasker.due < self.stamp:
                tasker.due += int((self.stamp - tasker.due) / tasker.period) * tasker.period


def _wants(tasker: Any) -> bool:
    return tasker.desire != STOP or tasker.status in ALIVE


def snapshot(houses: Iterable[House]) -> Mapping[str, Any]:
    """The shares of all houses, by their names."""
    return {house.name: house.store.snapshot() for house in houses}
