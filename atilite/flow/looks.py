"""A framer as whoever looks at a plan between two turns sees it."""

from __future__ import annotations

from typing import NamedTuple

from atilite.flow.controls import ALIVE
from atilite.flow.faults import fallen
from atilite.flow.frames import Framer


class Look(NamedTuple):
    """A framer behind the last full turn; `fallen` if a fault has ended it. Times are in seconds of the plan."""

    name: str
    status: str
    outline: tuple[str, ...]
    elapsed: float
    turns: int
    period: float
    desire: str
    schedule: str
    fault: str
    fallen: bool
    waits_for: tuple[str, ...] = ()  # the conditions and tasks that its generators wait for

    @property
    def alive(self) -> bool:
        """Whether it has frames that are active."""
        return self.status in ALIVE


def look_of(framer: Framer) -> Look:
    """How a framer is right now. Between two turns."""
    return Look(
        framer.name, str(framer.status), tuple(framer.outline), framer.elapsed, framer.turns, framer.period,
        framer.desire, framer.decl.schedule, str(framer.fault or ""), fallen(framer),
        tuple(part.waits_for for part in framer.parts if part.waits_for),
    )  # fmt: skip
