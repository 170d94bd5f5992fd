"""What happens in a mounted plan, step by step: for the pages of its houses, and for the journal of its run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from .automation.run import Run
from .automation.storage import Storage
from .clock import Clock
from .flow.events import plain
from .flow.house import House
from .flow.model import NOWHERE
from .flow.shares import Store
from .quickly import dataclass

# Steps that the journal of a plan takes: so many at once, so many more a second.
RECORDED, MORE_RECORDED = 5000, 1.0
# Those that one turn hands to it: the next turn is not to wait for a journal.
EACH_TURN = 100
EVENTS = frozenset({"start", "stop", "abort", "transition", "suspend", "resume", "fault", "print"})


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened in a house: `at` by the wall clock, `stamp` and `after` in seconds of the plan's."""

    at: datetime
    stamp: float
    framer: str
    event: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    cause: str
    file: str
    line: int
    after: float
    fields: Mapping[str, Any] | None = None  # of a record that the plan itself has asked for

    @property
    def text(self) -> str:
        """What happened, in one line."""
        if self.event == "transition":
            return f"{self.framer}: {breadcrumb(self.old)} \u2192 {breadcrumb(self.new)}"
        if self.event in ("print", "fault"):
            return self.cause
        return f"{self.framer}: {self.event}" + (f" in {breadcrumb(self.new)}" if self.new else "")

    def told(self, house: str = "") -> dict[str, Any]:
        """The fields of its record."""
        found: dict[str, Any] = {"framer": self.framer, "event": self.event, "t": round(self.stamp, 6)}
        if self.event == "transition":
            found |= {"from": list(self.old), "to": list(self.new), "after": round(self.after, 6)}
        if self.line:
            found |= {"cause": self.cause, "line": self.line, "file": self.file}
        return found | ({"house": house} if house else {})


def step_of(house: House, event: str, framer: str, facts: dict[str, Any], now: datetime) -> Step:
    """The step of an event that a house tells."""
    stamp = house.store.stamp or 0.0
    if event == "transition":
        last = house.history[-1]
        return Step(now, stamp, framer, event, last.old, last.new, last.place.text, _short(last.place.file),
                    last.place.line, last.after)  # fmt: skip
    found = house.framers.get(framer)
    place = found.decl.place if found is not None else NOWHERE
    new: tuple[str, ...] = ()
    text, line = event, 0
    if event == "start" and found is not None:
        new, text, line = tuple(frame.name for frame in found.first.outline), place.text, place.line
    elif event == "print":
        text = str(facts["text"])
    elif event == "fault":
        text, line = f"{framer} in frame {facts['frame']}: {facts['error']}", facts["line"]
    elif event in ("suspend", "resume"):
        text = f"{facts['aux']}: {facts['cause']}"
    return Step(now, stamp, framer, event, (), new, text, _short(place.file), line, float(facts.get("after") or 0.0),
                plain(facts.get("fields")))  # fmt: skip


class Recorder:
    """Writes the steps of a plan into the journal of its run. Used by the turn only."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._budget, self._rows = Budget(storage.clock), Budget(storage.clock)
        self._stamp, self._taken = -1.0, 0  # of the turn under way

    def record(self, run: Run, step: Step, house: str = "") -> None:
        """Write one step, unless it is one too many; `house` where the plan has several."""
        if self._takes(run, self._budget, step.stamp):
            if step.fields is not None:
                self._storage.journals.record(run.id, step.text, dict(step.fields))
            elif step.event == "print":
                self._storage.journals.record(run.id, step.text, source="print")
            elif step.event == "fault":
                self._storage.journals.record(run.id, step.text, step.told(house), source="log", level="error")
            else:
                self._storage.journals.record(run.id, step.text, step.told(house))

    def row(self, run: Run, name: str, stamp: float, values: dict[str, Any], house: str = "") -> None:
        """Write a row of a logger, unless it is one too many."""
        if self._takes(run, self._rows, stamp):
            told = {"t": round(stamp, 6), **plain(values)}
            self._storage.journals.record(run.id, name, told | ({"house": house} if house else {}))

    def _takes(self, run: Run, budget: Budget, stamp: float) -> bool:
        if stamp != self._stamp:
            self._stamp, self._taken = stamp, 0
        self._taken += 1
        if run.journaled and (self._taken > EACH_TURN or not budget.spend()):
            if budget.tell_once():
                text = "more happens than this journal takes; the page of the house shows the last"
                self._storage.journals.record(run.id, text)
            return False
        return run.journaled


class Watch:
    """Tells a share after each turn that has changed it; one that is not there may come while the plan runs."""

    def __init__(self, store: Store, path: str, tell: Callable[[Any], object]) -> None:
        self._store, self._path, self._tell = store, path, tell
        self._share = store.find(path)
        self._last = self._now()

    def _now(self) -> Any:
        share = self._share = self._share or self._store.find(self._path)
        return share.shown if share is not None and share.fields else None

    def __call__(self) -> None:
        now = self._now()
        if now != self._last:
            self._last = now
            self._tell(now)


class Budget:
    """How many steps a journal takes: many at once, and a few each second for ever."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._left, self._seen, self._told = clock, float(RECORDED), clock.monotonic(), False

    def spend(self) -> bool:
        """Take one; False when there is none left."""
        now = self._clock.monotonic()
        self._left = min(RECORDED, self._left + (now - self._seen) * MORE_RECORDED)
        self._seen = now
        if self._left < 1:
            return False
        self._left, self._told = self._left - 1, False
        return True

    def tell_once(self) -> bool:
        """True for the first of several that found none left."""
        first, self._told = not self._told, True
        return first


def breadcrumb(names: Iterable[str]) -> str:
    """Frames from the top down: `legs > eastleg`, with a finer sign."""
    return " \u203a ".join(names)


def _short(file: str) -> str:
    return Path(file).name
