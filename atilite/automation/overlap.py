"""Which runs may go at the same time: one lane for an action that must not overlap itself, one for each group."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import field
from typing import Generic, NamedTuple, Protocol, TypeVar

from atilite.errors import RunSkipped, SetupError
from atilite.quickly import dataclass

POLICIES = ("allow", "skip", "queue", "replace")

# More runs than this never wait for one lane: a schedule faster than its action would pile them up for ever.
MAX_WAITING = 100


class Numbered(Protocol):
    """What can stand in a lane: a run."""

    @property
    def id(self) -> int: ...


R = TypeVar("R", bound=Numbered)


@dataclass(slots=True)
class Lane(Generic[R]):
    """Runs that share one resource; `limit` of them may go at once."""

    name: str
    limit: int
    running: list[R] = field(default_factory=list)


class Admission(NamedTuple, Generic[R]):
    """The decision about one run: whether it goes now, and which runs have to end for it."""

    goes: bool
    replaced: tuple[R, ...] = ()


class Lanes(Generic[R]):
    """The lanes of one app and who waits for them, first come first served. Any thread, never blocks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lanes: dict[str, Lane[R]] = {}
        self._waiting: list[tuple[R, tuple[Lane[R], ...]]] = []

    def lane(self, name: str, limit: int = 1) -> Lane[R]:
        """Return the lane of this name; SetupError if it is known with another limit."""
        with self._lock:
            lane = self._lanes.setdefault(name, Lane(name, limit))
        if lane.limit != limit:
            raise SetupError(f"{name} is used with the limits {lane.limit} and {limit}; give all of them the same")
        return lane

    def group(self, text: str) -> Lane[R]:
        """Return the lane of a group as written: "pump" lets one run go at a time, "pump:2" two."""
        name, _, limit = text.partition(":")
        if not name or (limit and not (limit.isdigit() and int(limit) > 0)):
            raise SetupError(f'group {text!r} must be a name, or a name and a number as in "pump:2"')
        return self.lane(f"group {name!r}", int(limit or 1))

    def enter(
        self, run: R, action: str, lanes: tuple[Lane[R], ...], policy: str, opened: Callable[[bool], None]
    ) -> Admission[R]:
        """Let `run` go, wait or raise RunSkipped.

        `opened(goes)` is called before anybody else can see the run in its lanes, so that it has its number by then.
        """
        with self._lock:
            free = all(len(lane.running) < lane.limit for lane in lanes)
            before = [other for other, its in self._waiting if set(map(id, its)) & set(map(id, lanes))]
            goes = free and not before
            if not goes and (policy == "skip" or len(before) >= MAX_WAITING):
                full = next((lane for lane in lanes if len(lane.running) >= lane.limit), lanes[0])
                group = full.name if full.name.startswith("group ") else ""
                raise RunSkipped(action, self._blocker(lanes, before), group)
            opened(goes)
            if goes:
                for lane in lanes:
                    lane.running.append(run)
                return Admission(True)
            replaced = self._replaced(lanes) if policy == "replace" else ()
            self._waiting.append((run, lanes))
            return Admission(False, replaced)

    def leave(self, run: R) -> list[R]:
        """Take `run` out of its lanes, or out of the queue; returns the runs that may go now."""
        with self._lock:
            self._waiting = [pair for pair in self._waiting if pair[0] is not run]
            for lane in self._lanes.values():
                lane.running = [other for other in lane.running if other is not run]
            return self._admitted()

    def _admitted(self) -> list[R]:
        admitted: list[R] = []
        blocked: set[int] = set()
        for run, lanes in list(self._waiting):
            if any(id(lane) in blocked or len(lane.running) >= lane.limit for lane in lanes):
                # Nobody overtakes in a lane that an earlier run waits for.
                blocked.update(id(lane) for lane in lanes)
                continue
            for lane in lanes:
                lane.running.append(run)
            admitted.append(run)
        self._waiting = [pair for pair in self._waiting if not any(pair[0] is run for run in admitted)]
        return admitted

    def _replaced(self, lanes: tuple[Lane[R], ...]) -> tuple[R, ...]:
        own = lanes[0]
        waiting = [run for run, its in self._waiting if its[0] is own]
        return (*own.running, *waiting)

    def _blocker(self, lanes: tuple[Lane[R], ...], before: list[R]) -> int | None:
        running = [run for lane in lanes for run in lane.running if len(lane.running) >= lane.limit]
        first = running or before
        return first[0].id if first else None
