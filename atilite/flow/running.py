"""A plan that runs: in the caller's thread on a simulated clock, or in a thread of its own in real time."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, NamedTuple

from atilite.clock import Clock
from atilite.errors import FlowError
from atilite.events import Emitter
from atilite.flow.building import Behaves, build
from atilite.flow.chance import drawing
from atilite.flow.controls import CONTROLS, STOP
from atilite.flow.cursor import nearest
from atilite.flow.faults import fallen, fault_of
from atilite.flow.house import House, Tasker, Transition
from atilite.flow.lines import Problem
from atilite.flow.logs import loggers
from atilite.flow.looks import Look, look_of
from atilite.flow.model import LoggerDecl, PlanDecl
from atilite.flow.turns import Turns

log = logging.getLogger("atilite.flow")

UNSEEN = 1.0  # seconds that a signal may go unseen at most


class Wish(NamedTuple):
    """Something that was asked for from outside, done before the turn with this number (0 is the first)."""

    turn: int
    # bid or write; real where it begins to turn in real time, skip where turns were missed there, end where it was
    # stopped while framers ran, and turned again later
    kind: str
    house: str
    name: str  # of a framer, or the path of a share
    value: Any  # a control, or fields


class Moved(NamedTuple):
    """A transition, as it is told to listeners."""

    house: str
    transition: Transition


class Running:
    """The houses of a plan and their turns.

    `start`, `stop`, `pause`, `resume` and `step` are for any thread, as is what asks and reads. `overruns` counts the
    turns that took longer than the period, `missed` those that were left out because others took too long. `moved`
    emits each transition, `granted` what was asked for from outside and is done now, `printed` each text, `faulted`
    each fault.
    """

    def __init__(
        self,
        plan: PlanDecl,
        behaviors: Behaves,
        *,
        name: str = "plan",
        period: float = 0.125,
        clock: Clock | None = None,
        logger: Callable[[LoggerDecl, House], Tasker] | None = None,
        wishes: Iterable[Wish] = (),
    ) -> None:
        """Build all houses; FlowError with all problems, one a line. `wishes` are those of a run that is replayed."""
        if not period > 0:
            raise FlowError(f"the period of a plan is a number of seconds above 0, not {period}")
        self.name, self.plan = name, plan
        self._clock = clock or Clock()
        houses, problems = built(plan, behaviors, logger)
        if problems:
            raise FlowError("\n".join(str(problem) for problem in problems))
        self.houses = {house.name: house for house in houses}
        self.turns = Turns(houses, period)
        self.seed: int | None = None  # of a run that is recorded, or repeated
        self.overruns, self.missed, self.longest, self.failure = 0, 0, 0.0, ""
        self.granted: Emitter[Wish] = Emitter()
        self.moved: Emitter[Moved] = Emitter()
        self.printed: Emitter[tuple[str, str, str]] = Emitter()
        self.faulted: Emitter[tuple[str, str, str]] = Emitter()
        self._told: list[Callable[[], None]] = []
        # Held for a turn, and for a look between two; who is told of something in a turn may look as well.
        self._lock = threading.RLock()
        self._wanted: deque[tuple[str, str, str, Any]] = deque()
        self._repeated = deque(wishes)
        # Turns to step; 0 only wakes. A handler of a signal may put into it, whatever of the thread it interrupts.
        self._wake: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._ending = False
        self._paused, self._steps = False, 0
        self._begun = 0.0  # the time of the clock at which the plan's was 0, but for pauses
        for house in houses:
            house.clock, house.meta["name"] = self._clock, name
            house.listen(self._listener(house))

    def _listener(self, house: House) -> Callable[[str, str, dict[str, Any]], None]:
        def settled(framer: str) -> bool:
            return framer in house.framers and not fallen(house.framers[framer])

        def listen(event: str, framer: str, facts: dict[str, Any]) -> None:
            if event == "transition":
                self.moved.emit(Moved(house.name, house.history[-1]))
            elif event == "print":
                self.printed.emit((house.name, framer, facts["text"]))
            elif event == "fault":
                frame = facts["frame"]  # a logger has none
                who = f"framer {framer} in frame {frame}" if frame else f"logger {framer}"
                told = f"{who}, line {facts['line']}: {facts['error']}"
                if not settled(framer):
                    self.failure = told
                self.faulted.emit((house.name, framer, told))

        return listen

    # -- turns --------------------------------------------------------------------------------------------------------

    def turn(self) -> bool:
        """Make one turn in this thread; False when nothing runs any more."""
        with self._lock:
            self._grant()
            with self._chance():
                more = self.turns.turn()
            for function in self._told:
                function()
        return more

    def _chance(self) -> AbstractContextManager[None]:
        return nullcontext() if self.seed is None else drawing(self.seed, self.turns.count)

    def after_turn(self, function: Callable[[], None]) -> None:
        """Call a function behind each turn, in the thread that turns. Before the first turn."""
        self._told.append(function)

    def run(self, until: float | None = None) -> None:
        """Turn on the simulated clock until nothing runs; at most to the last turn at or before `until` seconds."""
        while not self._ending and self._comes(until):
            if not self.turn():
                return
        if self._ending:
            self.end()

    def run_realtime(self, until: float | None = None) -> None:
        """Turn in this thread, each turn at its time, until nothing runs, `until` is over, or `stop` is called."""
        self._begun = self._clock.monotonic() - self.turns.stamp
        self._wanted.appendleft(("real", "", "", True))
        more = True
        while more and not self._ending and self._comes(until):
            if self._is_due() and self._comes(until):  # the end may be among what was left out
                before = self._clock.monotonic()
                more = self.turn()
                took = self._clock.monotonic() - before
                self.longest = max(self.longest, took)
                if took > self.turns.period:
                    self.overruns += 1
        if self._ending:
            self.end()

    def _comes(self, until: float | None) -> bool:
        """Whether the next turn is one at or before this time."""
        return until is None or self.turns.stamp <= until + 1e-9

    def _is_due(self) -> bool:
        """Whether a turn is to be made now; waits for its time first, or until something is asked for."""
        if self._paused:
            if self._steps:
                self._steps -= 1
                return True
            self._wait(None)
            self._begun = self._clock.monotonic() - self.turns.stamp
            return False
        self._steps = 0
        wait = self._begun + self.turns.stamp - self._clock.monotonic()
        if wait > 0:
            self._wait(wait)
            return False
        missed = int(-wait / self.turns.period)
        if missed:  # a turn was long, or the machine slept: what was missed is not made up for
            self._skip(missed)
        return True

    def _wait(self, seconds: float | None) -> None:
        if threading.current_thread() is threading.main_thread():
            # Python runs a signal's handler between two steps: one that comes just before the wait would go unseen.
            seconds = UNSEEN if seconds is None else min(seconds, UNSEEN)
        with suppress(queue.Empty):
            self._steps += self._wake.get(timeout=seconds)

    def _skip(self, turns: int) -> None:
        with self._lock:
            self.granted.emit(Wish(self.turns.count, "skip", "", "", turns))
            self.turns.skip(turns)
        self.missed += turns

    # -- a thread of its own ------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether its thread turns it, or would if it were not paused."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop, since the last start."""
        return self._ending

    @property
    def paused(self) -> bool:
        return self._paused

    def start(self, launch: Callable[[Callable[[], None]], object] | None = None) -> None:
        """Turn it in real time from now on, in a thread of its own, or wherever `launch` calls what it is given."""
        if not self.running:
            self._ending, self.failure = False, ""
            if launch is not None:
                launch(self.run_realtime)
                return
            self._thread = threading.Thread(target=self._in_thread, name=f"atilite-flow-{self.name}", daemon=True)
            self._thread.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """End the turns; all framers exit their frames, bottom up. False if a turn did not end in time."""
        self._ending = True
        self._wake.put(0)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
            return not thread.is_alive()
        return True

    def pause(self) -> None:
        """Hold the clock of the plan behind the turn under way."""
        self._paused = True
        self._wake.put(0)

    def resume(self) -> None:
        self._paused = False
        self._wake.put(0)

    def step(self, turns: int = 1) -> None:
        """While it is paused: make so many turns, as fast as they go."""
        if not self._paused:
            raise FlowError(f"{self.name} is not paused; pause its clock before you step")
        self._wake.put(turns)

    def _in_thread(self) -> None:
        for part in (self.run_realtime, self.end):
            try:
                part()
            except Exception:  # the engine itself has failed; nothing else would tell of it
                log.exception("the plan %s has ended by an error", self.name)
                self.failure = "it has ended by an error of the engine; the log has the traceback"

    def end(self) -> None:
        """Let all framers exit their frames. In the thread that turned it, behind the last turn."""
        with self._lock:
            if self.turns.live:
                self.granted.emit(Wish(self.turns.count, "end", "", "", True))
            self._exit_all()
            for function in self._told:
                function()

    def _exit_all(self) -> None:
        with self._chance():
            for house in self.houses.values():
                for tasker in house.scheduled:
                    try:
                        tasker.obey(STOP)
                    except Exception as error:  # here a framer ends, and the others have exits, too
                        house.tell_fault(fault_of(tasker, error))

    # -- asking from outside ------------------------------------------------------------------------------------------

    def bid(self, house: str, framer: str, control: str) -> None:
        """Ask a framer or a logger to start, stop, run, abort or be ready, from the next turn on."""
        if control not in CONTROLS:
            raise FlowError(f"{control} is no control; there are {', '.join(CONTROLS)}")
        self._tasker(self._house(house), framer)
        self._wanted.append(("bid", house, framer, control))

    def write(self, house: str, path: str, fields: Mapping[str, Any]) -> None:
        """Write fields of a share before the next turn. FlowError for one that the plan does not have."""
        share = self._house(house).store.find(path)
        if share is None:
            known = (one.path for one in self._house(house).store)
            raise FlowError(f"there is no share {path} in house {house}{nearest(path, known)}")
        unknown = fields.keys() - share.fields.keys() if share.fields else set()
        if unknown:
            raise FlowError(f"{path} has no field {', '.join(sorted(unknown))}; it has {', '.join(share.fields)}")
        self._wanted.append(("write", house, path, dict(fields)))

    def _grant(self) -> None:
        """Do what was asked for since the last turn."""
        while self._repeated and self._repeated[0].turn <= self.turns.count:
            wish = self._repeated.popleft()
            self._wanted.append((wish.kind, wish.house, wish.name, wish.value))
        while self._wanted:
            kind, house_name, name, value = self._wanted.popleft()
            self.granted.emit(Wish(self.turns.count, kind, house_name, name, value))
            if kind == "skip":
                self.turns.skip(value)
                continue
            if kind == "real":
                for one in self.houses.values():
                    one.meta["real"] = value
                continue
            if kind == "end":
                self._exit_all()
                continue
            house = self._house(house_name)
            if kind == "bid":
                self._tasker(house, name).desire = value
            else:
                house.store.stamp = self.turns.stamp
                house.store.share(name).update(value, "outside")

    def _house(self, name: str) -> House:
        found = self.houses.get(name)
        if found is None:
            raise FlowError(f"there is no house {name}{nearest(name, self.houses)}")
        return found

    def _tasker(self, house: House, name: str) -> Any:
        for tasker in house.scheduled:
            if tasker.name == name:
                return tasker
        known = (tasker.name for tasker in house.scheduled)
        raise FlowError(f"there is no framer {name} that takes turns in house {house.name}{nearest(name, known)}")

    # -- looking from outside: behind a full turn ---------------------------------------------------------------------

    def read(self, house: str, path: str) -> Any:
        """The value of a share, or its fields; FlowError if there is none."""
        with self._lock:
            share = self._house(house).store.find(path)
            if share is None:
                known = (one.path for one in self._house(house).store)
                raise FlowError(f"there is no share {path} in house {house}{nearest(path, known)}")
            return share.shown if share.fields else None

    def snapshot(self, house: str) -> dict[str, dict[str, Any]]:
        """All fields of all shares, by path."""
        with self._lock:
            return self._house(house).store.snapshot()

    def framers(self, house: str) -> list[Look]:
        """All framers of a house."""
        with self._lock:
            return [look_of(framer) for framer in self._house(house).framers.values()]

    def look(self, function: Callable[[House], Any], house: str) -> Any:
        """What a function finds in a house between two turns. It must be quick: no turn begins meanwhile."""
        with self._lock:
            return function(self._house(house))

    def transitions(self, house: str, framer: str = "", limit: int = 100) -> list[Transition]:
        """The latest transitions, newest first."""
        with self._lock:
            found = [one for one in self._house(house).history if not framer or one.framer == framer]
        return found[: -limit - 1 : -1]


def built(
    plan: PlanDecl, behaviors: Behaves, logger: Callable[[LoggerDecl, House], Tasker] | None = None
) -> tuple[Sequence[House], list[Problem]]:
    """Build all houses of a plan, and tell all that is wrong with them. Without `logger` no files are written."""
    houses: list[House] = []
    problems: list[Problem] = []
    for decl in plan.houses.values():
        house, found = build(decl, behaviors, logger=logger or loggers(None))
        houses.append(house)
        problems += found
    return houses, problems
