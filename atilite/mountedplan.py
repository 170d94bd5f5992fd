"""A plan that is mounted: it turns beside the services, as one run with a journal, and is looked at and asked."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextvars import Context
from functools import partial
from pathlib import Path
from typing import Any

from .automation.engine import Automation
from .automation.run import Job, Run
from .buttons import Buttons
from .context import current_run
from .errors import FlowError, SetupError
from .flow.behaviors import Behaviors
from .flow.checking import check
from .flow.faults import fallen
from .flow.house import House
from .flow.lines import Problem
from .flow.logs import Row, loggers
from .flow.looks import Look
from .flow.model import PlanDecl
from .flow.network import Network, network_of
from .flow.replay import Recorder as Recording
from .flow.running import Running
from .planlooks import Facts, FrameLook, ScriptLine, ShareLook, script_of, shares_of, tree_of
from .plansteps import EVENTS, Recorder, Step, Watch, breadcrumb, step_of
from .runtime.promise import Promise

log = logging.getLogger("atilite.flow")

# Steps of a house that pages look back at.
REMEMBERED = 1000
# Seconds between two words about how far it is, and those that framers have for their exits.
TOLD_EACH = 1.0
EXITS = 5.0


class MountedPlan:
    """A plan of an app. Any thread; `start` and `stop` come with the app's.

    It turns in a thread of its own, as one run with a journal from each start to the end of all its framers.
    """

    def __init__(
        self, automation: Automation, plan: PlanDecl, problems: list[Problem], *, name: str,
        period: float, start: bool, behaviors: Behaviors,
        writable: Iterable[str], logs: Path | None = None, record: Path | None = None,
    ) -> None:  # fmt: skip
        self._automation, self.plan, self.name, self._period = automation, plan, name, period
        self._problems = problems
        self._starts, self._behaviors, self._logs, self._record = start, behaviors, logs, record
        self._recording: Recording | None = None
        self.writable = frozenset("." + path.strip(".") for path in writable)
        self.houses = {house: MountedHouse(self, house) for house in plan.houses}
        self._lock, self._building = threading.Lock(), threading.Lock()
        self._running: Running | None = None
        self._run: Run | None = None
        self._asked = False  # that a framer starts, and perhaps after the last turn
        self._left: Promise[Any] | None = None
        self._recorder, self._told = Recorder(automation.storage), 0.0

    # -- life ---------------------------------------------------------------------------------------------------------

    def freeze(self) -> None:
        """Build it, now that all actions are known. Raises SetupError with all that is wrong with it."""
        with self._building:
            if self._running is None:
                self._running = self._built()

    def start(self, trigger: str = "start", who: str | None = None) -> None:
        """Let it turn, if it does not; what its framers were asked meanwhile is done in the first turn."""
        with self._lock:
            if self.alive:
                return
            running = self.running
            if self._record is not None and running.turns.count == 0:
                self._recording = Recording(self._record, running)
            self._left = Promise()
            running.start(partial(self._launch, trigger, who))

    def _launch(self, trigger: str, who: str | None, turn: Callable[[], None]) -> None:
        job = Job(partial(self._live, turn), self.name, self._told_of, "flow", grace=EXITS, endless=True)
        self._run = run = Run(job, {}, trigger, who)
        runs = self._automation.runs
        # In a context of its own: whoever has started it is not its parent.
        Context().run(runs.open, run, {})
        runs.launch(run, self._ended)

    def start_all(self) -> None:
        """Start with the app."""
        if self._starts:
            self.start()

    def pause(self) -> None:
        """Hold its clock behind the turn under way."""
        self.running.pause()

    def resume(self) -> None:
        """Let its clock go on."""
        self.running.resume()

    def step(self, turns: int = 1) -> None:
        """Make so many turns while it is paused. FlowError while it is not, and for a plan that has ended."""
        if not self.alive:
            raise FlowError(f"{self.name} does not run; start it before you step")
        self.running.step(turns)

    def renew(self, trigger: str = "start", who: str | None = None) -> None:
        """Begin anew: time 0, shares as they were at first. Raises FlowError while it runs."""
        with self._lock:
            if self.alive:
                raise FlowError(f"{self.name} runs; stop it before it begins anew")
            self._end_recording()
            self._running = self._built()
        self.start(trigger, who)

    def stop(self, timeout: float = EXITS) -> bool:
        """End its turns, all framers exit bottom up. Blocks; False if a turn has not ended in time."""
        left = self._left
        if left is not None and self.alive:
            self.running.stop(0.0)
            ended: Promise[None] = Promise()
            left.on_done(lambda _: ended.set(None))
            timer = self._automation.storage.runtime.loop.call_later(timeout, ended.set, None)
            ended.wait()
            timer.cancel()
        self._end_recording()
        return not self.alive

    def _end_recording(self) -> None:
        if self.alive:
            return
        recording, self._recording = self._recording, None
        if recording is not None:
            try:
                recording.close()
            except FlowError as error:
                log.error("plan %s: %s", self.name, error)

    @property
    def files(self) -> Iterable[str]:
        """The scripts that it was read from."""
        return self.plan.files.keys()

    @property
    def alive(self) -> bool:
        """Whether it turns, or would if its clock were not paused."""
        return self._left is not None and not self._left.done

    @property
    def running(self) -> Running:
        """The plan that turns; built when the app is complete, or when somebody looks at it before."""
        self.freeze()
        assert self._running is not None
        return self._running

    @property
    def facts(self) -> Facts:
        """How it is."""
        running, run = self.running, self._run
        return Facts(
            running.turns.count, running.turns.now, running.turns.period, running.longest, running.overruns,
            running.missed, running.paused, self.alive, running.failure, None if run is None else run.id,
        )  # fmt: skip

    def bid(self, house: str, framer: str, control: str, trigger: str, who: str | None) -> None:
        """Ask a framer for something before the next turn; there is one if it is to start."""
        self.running.bid(house, framer, control)
        if control in ("start", "run", "ready"):
            self._asked = True
            self.start(trigger, who)

    def write(self, house: str, path: str, fields: Mapping[str, Any]) -> None:
        """Write fields of a share before the next turn. FlowError for one that the plan does not have."""
        self.running.write(house, path, fields)

    def _live(self, turn: Callable[[], None]) -> None:
        """The function of its run: in a thread of its own, until nothing runs any more or it is told to stop."""
        run, running = current_run.get(), self.running
        if isinstance(run, Run):
            run.stopping.on_done(lambda _: running.stop(0.0))
        try:
            turn()
            while self._asked and not running.stopped:  # behind the last turn
                self._asked = False
                turn()
        finally:
            running.end()
        faults = [str(framer.fault) for house in running.houses.values() for framer in house.framers.values()
                  if fallen(framer)]  # fmt: skip
        if faults:
            raise FlowError(running.failure or faults[0])

    def _ended(self, work: Promise[Any]) -> None:
        left = self._left
        if left is not None:
            left.set(None)
        if self._asked and not self.running.stopped:  # while the run ended
            self._asked = False
            self.start()

    # -- building -----------------------------------------------------------------------------------------------------

    @property
    def _told_of(self) -> str:
        names = ", ".join(self.houses)
        return f"Plan with house{'s' if len(self.houses) > 1 else ''} {names}"

    def _built(self) -> Running:
        buttons = Buttons(self._behaviors, self._automation, self.write)
        if self._problems:
            raise SetupError(refused(self.name, "\n".join(map(str, check(self.plan, buttons, self._problems).errors))))
        try:
            clock = self._automation.storage.clock
            logger = loggers(self._logs, self._recorded, clock)
            running = Running(
                self.plan, buttons, name=self.name, period=self._period, clock=clock, logger=logger,
            )  # fmt: skip
        except FlowError as error:
            raise SetupError(refused(self.name, str(error))) from None
        for name, house in running.houses.items():
            house.listen(partial(self._happened, house, self.houses[name]))
        for watch in self._watches(running):
            running.after_turn(watch)
        running.after_turn(lambda: self._progress(running))
        for path in self.writable:
            if not any(house.store.find(path) for house in running.houses.values()):
                raise SetupError(refused(self.name, f"writable: there is no share {path}"))
        return running

    def _watches(self, running: Running) -> Iterable[Watch]:
        """The shares that functions of the app are told of: `@app.on("box1.depth")`."""
        bus = self._automation.bus
        names = {name for info in bus.subscribers for name in info.events}
        for name in sorted(names):
            house, dot, path = name.partition(".")
            if dot and house in running.houses:
                yield Watch(running.houses[house].store, path, partial(bus.emit, name))

    def _happened(self, house: House, mounted: MountedHouse, event: str, framer: str, facts: dict[str, Any]) -> None:
        if event in EVENTS:
            step = step_of(house, event, framer, facts, self._automation.storage.clock.now())
            mounted.steps.append(step)
            if self._run is not None:
                self._recorder.record(self._run, step, house.name if len(self.houses) > 1 else "")

    def _recorded(self, row: Row) -> None:
        """A row of a logger, into the journal."""
        if self._run is not None:
            where = row.house if len(self.houses) > 1 else ""
            self._recorder.row(self._run, f"{row.logger} {row.log}", row.stamp, row.values, where)

    def _progress(self, running: Running) -> None:
        now = self._automation.storage.clock.monotonic()
        run = self._run
        if run is None or not 0 <= now - self._told < TOLD_EACH:
            self._told = now
            if run is not None:
                active = [f"{framer.name} {breadcrumb(framer.outline)}" for house in running.houses.values()
                          for framer in house.framers.values() if framer.active is not None]  # fmt: skip
                run.progress(running.turns.count, None, ", ".join(active[:6]))


class MountedHouse:
    """One house of a mounted plan, as pages, the API and handlers see it. Any thread."""

    def __init__(self, plan: MountedPlan, name: str) -> None:
        self.plan, self.name = plan, name
        self.steps: deque[Step] = deque(maxlen=REMEMBERED)

    def framers(self) -> list[Look]:
        """All framers behind the last full turn."""
        return self.plan.running.framers(self.name)

    def sizes(self) -> dict[str, int]:
        """How many frames each framer has."""
        found: dict[str, int] = self.look(lambda house: {one.name: len(one.frames) for one in house.framers.values()})
        return found

    def look(self, function: Callable[[House], Any]) -> Any:
        """What a function finds between two turns; it must be quick."""
        return self.plan.running.look(function, self.name)

    def read(self, path: str) -> Any:
        """The value of a share, or its fields. FlowError if there is none."""
        return self.plan.running.read(self.name, path)

    def shares(self, *, remembering: bool = False, built_in: bool = True) -> list[ShareLook]:
        """The shares that have a value, those that the engine keeps of itself only with `built_in`.

        With `remembering` their writes are kept from now on, for who looks again.
        """
        writable = self.plan.writable
        looked: list[ShareLook] = self.look(
            lambda house: shares_of(house, writable, remembering=remembering, built_in=built_in)
        )
        return looked

    def tree(self, framer: str) -> tuple[FrameLook, ...]:
        """The frames of a framer, those that are active marked."""
        frames: tuple[FrameLook, ...] = self.look(lambda house: tree_of(house, framer))
        return frames

    def script(self) -> dict[str, list[ScriptLine]]:
        """The lines of the plan's files, those of active frames marked."""
        lines: dict[str, list[ScriptLine]] = self.look(lambda house: script_of(house, self.plan.plan))
        return lines

    def network(self) -> Network:
        """Its behaviours, and what connects them."""
        parts = self.look(lambda house: [(framer.name, part) for framer in house.framers.values()
                                         for part in list(framer.parts)])  # fmt: skip
        return network_of((self.name, framer, part) for framer, part in parts)

    def history(self, framer: str = "", limit: int = 100) -> list[Step]:
        """What happened, newest first, without what was printed; of one framer if it is named."""
        steps = [one for one in list(self.steps) if one.event != "print" and framer in ("", one.framer)]
        return steps[: -limit - 1 : -1]

    @property
    def alive(self) -> bool:
        """Whether any of its framers is active."""
        return self.plan.alive and any(look.alive for look in self.framers())

    def bid(self, framer: str, control: str, *, trigger: str = "start", who: str | None = None) -> None:
        """Ask a framer to start, run, stop, abort or be ready, before the next turn; a plan that has ended turns again.

        FlowError for a framer that takes no turns, and for another control.
        """
        self.plan.bid(self.name, framer, control, trigger, who)

    def write(self, path: str, fields: Mapping[str, Any]) -> None:
        """Write fields of a share before the next turn. FlowError for one that the plan does not have."""
        self.plan.write(self.name, path, fields)

    def start(self, *, trigger: str = "start", who: str | None = None) -> None:
        """Start the framers that start with the plan."""
        for look in self.framers():
            if look.schedule == "active" and not look.alive:
                self.bid(look.name, "start", trigger=trigger, who=who)

    def switch(self, verb: str, *, trigger: str, who: str | None = None) -> None:
        """Do one of SWITCHES: the clock and the beginning are those of the plan, start and stop those of this house.

        FlowError for a step of a clock that is not paused, and for a plan that runs and cannot begin anew.
        """
        does: dict[str, Callable[[], object]] = {
            "pause": self.plan.pause,
            "resume": self.plan.resume,
            "step": self.plan.step,
            "start": partial(self.start, trigger=trigger, who=who),
            "stop": self.stop,
            "renew": partial(self.plan.renew, trigger, who),
        }
        does[verb]()

    def stop(self) -> None:
        """Stop all framers of this house, before the next turn; they exit their frames bottom up."""
        for name in self.look(lambda house: [one.name for one in house.scheduled]):
            self.bid(name, "stop")


def refused(name: str, problems: str) -> str:
    """What is wrong with a plan, one problem a line."""
    return f"the plan {name} cannot run:\n" + "\n".join(f"  {line}" for line in problems.splitlines())
