"""A run of a plan on the simulated clock, with those who look at it behind its turns."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from atilite.flow.cursor import Cursor, Wrong, nearest
from atilite.flow.frames import Framer
from atilite.flow.house import House
from atilite.flow.lines import Problem
from atilite.flow.model import Place
from atilite.flow.running import Running


class Trial:
    """What is looked at in one run of a plan, and what was found wrong. `house` is the one that is spoken of.

    `each_turn` is called behind each turn, `at_end` behind the last. `place` is the line that is being read.
    """

    def __init__(self, running: Running) -> None:
        self.running = running
        self.houses = running.houses
        self.house: House = next(iter(self.houses.values()))
        self.place = Place("", 0, "")
        self.problems: list[Problem] = []
        self.each_turn: list[Callable[[], None]] = []
        self.at_end: list[Callable[[], None]] = []
        self.ended = False
        self.faults: set[tuple[str, str]] = set()  # house and framer of those that are expected

    @property
    def now(self) -> float:
        """The time of the last turn, in seconds."""
        return self.running.turns.now

    @property
    def next(self) -> float:
        """The time of the next turn, in seconds."""
        return self.running.turns.stamp

    def run(self, until: float) -> None:
        """Run it to its end, or to the last turn at or before `until` seconds."""
        for house in self.houses.values():
            house.listen(functools.partial(self._told, house.name))
        more = True
        while more and self.next <= until + 1e-9:
            more = self.running.turn()
            for look in self.each_turn:
                look()
        self.ended = not more
        for look in self.at_end:
            look()

    def _told(self, house: str, event: str, framer: str, facts: dict[str, Any]) -> None:
        if event == "fault" and (house, framer) not in self.faults:
            at = f"at {self.now:g} in frame {facts['frame']} of framer {framer}"
            self.fail(Place(self.running.name, facts["line"], ""), f"{at}: {facts['error']}")

    def fail(self, place: Place, message: str) -> None:
        """Something is not as expected."""
        self.problems.append(Problem(place, message))

    def framer(self, words: Cursor) -> Framer:
        """The framer that is named next."""
        name = words.name("a framer")
        found = self.house.framers.get(name)
        if found is None:
            raise Wrong(f"there is no framer {name} in house {self.house.name}{nearest(name, self.house.framers)}")
        return found
