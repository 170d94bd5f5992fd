"""One supervised unit: its states, and what each of its lives can ask and tell."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, NamedTuple, Protocol

from atilite.clock import Clock
from atilite.errors import TaskCancelled, TaskTimeout, Vetoed
from atilite.quickly import dataclass
from atilite.runtime.alarm import Alarm, Stoppable
from atilite.runtime.promise import Promise
from atilite.runtime.restarts import RestartPolicy
from atilite.runtime.stopping import Stopping
from atilite.runtime.traces import line_of, texts_of

log = logging.getLogger("atilite.runtime")


class State(StrEnum):
    """Where a unit is: at rest are `stopped` and `failed` (it needs a person), on the way all others.

    One that is `degraded` runs, but does not say that it is well.
    """

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    DEGRADED = "degraded"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    FAILED = "failed"


AT_REST = (State.STOPPED, State.FAILED)
UP = (State.RUNNING, State.DEGRADED)


class Transition(NamedTuple):
    """A change of state, as told to listeners. `error` and `traceback` belong to the end that led to it."""

    name: str
    old: State
    new: State
    reason: str
    at: datetime
    error: str | None = None
    traceback: str | None = None


class Status(NamedTuple):
    """A unit at one moment. `since` is when the state began, `uptime` is in seconds and None unless it runs."""

    name: str
    state: State
    reason: str
    since: datetime
    uptime: float | None
    restarts: int
    error: str | None
    traceback: str | None
    left_behind: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """How to run a unit. Times are in seconds.

    `run(life)` starts it and returns the promise of its end; it must not block. With `ready="explicit"` it counts as
    running when `life.ready()` is called, and as failed if that takes longer than `start_timeout`. `needs` are units
    that must run before it is started, `after` only an order among those that are started. One that is `bound` to its
    needs is started again when one of them is, and fails when one of them has failed for good. `health()` tells
    whether a running one is well. While a `critical` one does not run, the whole process counts as unwell, and goes on.
    """

    name: str
    run: Callable[[Life], Promise[Any]]
    policy: RestartPolicy = field(default_factory=RestartPolicy)
    autostart: bool = True
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    ready: Literal["auto", "explicit"] = "auto"
    start_timeout: float = 30.0
    stop_timeout: float = 10.0
    health: Callable[[], bool] | None = None
    critical: bool = False
    bound: bool = False


class Life(Stopping):
    """One run of a unit, from a start to its end. For the unit's own code, in any thread or greenlet."""

    def __init__(self, name: str, number: int, unit: Unit) -> None:
        super().__init__()
        self.name = name
        self.number = number  # 1 for the first run, one more for each later one
        self.begun = 0.0
        self.work: Promise[Any] | None = None
        self.over: Promise[None] = Promise()
        # Seconds between being asked to end and being cancelled; a callback of `stopping` may still set it.
        self.grace = 0.0
        self._unit = unit

    def ready(self) -> None:
        """Say that it does its work from now on."""
        self._unit.hear(self._unit.is_ready, self)

    def fail(self, error: Exception) -> None:
        """Say that it cannot go on: it is stopped, and counts as failed with `error`."""
        self._unit.hear(self._unit.lapse, self, error)

    def feel(self, unwell: str | None) -> None:
        """Say why it runs, but not well; None when it does."""
        self._unit.hear(self._unit.feels, self, unwell)


class Desk(Protocol):
    """What a unit needs of its supervisor."""

    clock: Clock

    def later(self, seconds: float, function: Callable[[], None]) -> Stoppable: ...
    def post(self, function: Callable[..., object], *args: Any) -> None: ...
    def told(self, transition: Transition) -> None: ...


class Unit:
    """The state machine of one unit. Every method is called through the supervisor's mailbox, one at a time."""

    def __init__(self, plan: Plan, desk: Desk) -> None:
        self.plan = plan
        self.state = State.STOPPED
        self.restarts = 0
        self._desk = desk
        self._life: Life | None = None
        self._left: Life | None = None
        self._alarm = Alarm(desk.later, desk.post)
        self._again = False
        self._final = False
        self._graced = False
        self._lapse: Exception | None = None
        self._lives = 0
        self._streak = 0
        self._moments: list[float] = []
        self._waiting: list[tuple[tuple[State, ...], Promise[State]]] = []
        self._last = Transition(plan.name, State.STOPPED, State.STOPPED, "not started yet", desk.clock.now())
        self._fault: tuple[str | None, str | None] = (None, None)
        self._up_since = 0.0

    @property
    def alive(self) -> bool:
        """Whether something of it runs or is going to."""
        return self.state not in AT_REST

    @property
    def comes_back(self) -> bool:
        """Whether it is stopped only to be started again."""
        return self._again and self.state is State.STOPPING

    def status(self) -> Status:
        """Describe it as it is now. Any thread."""
        last, (error, trace) = self._last, self._fault
        uptime = self._desk.clock.monotonic() - self._up_since if self.state in UP else None
        return Status(
            self.plan.name, last.new, last.reason, last.at, uptime, self.restarts, error, trace, self._left is not None
        )

    def when(self, *states: State) -> Promise[State]:
        """Promise one of these states."""
        promise: Promise[State] = Promise()
        if self.state in states:
            promise.set(self.state)
        else:
            self._waiting.append((states, promise))
        return promise

    def parted(self) -> Promise[None]:
        """Promise the end of the life that it has now; it may have another one then."""
        return Promise.completed(None) if self._life is None else self._life.over

    # -- what a person or the supervisor asks for

    def hold(self, reason: str) -> None:
        """Count as starting, though something else has to come first."""
        self._to(State.STARTING, reason)

    def start(self, reason: str = "started") -> None:
        """Begin a life, at once even if a restart was to come later; nothing if it has one."""
        if self._life is not None:
            self._again = self._again or self.state is State.STOPPING
        elif self._left is not None:
            log.error("%s was not started: its last run has not ended yet, though it was stopped", self.plan.name)
        else:
            if self.state in AT_REST:
                self._forget()
            self._begin(reason)

    def stop(self, reason: str = "stopped") -> None:
        """Ask the life to end, cancel it after its grace and give it `stop_timeout` then.

        If that was begun already, only the rest of the grace is taken from it.
        """
        self._again, self._lapse = False, None
        if self._life is not None:
            if self.state is not State.STOPPING:
                self._end_life(self._life, reason)
            elif self._graced:
                self._cancel(self._life)
        elif self.state is not State.STOPPED and self._left is None:
            self._alarm.drop()
            self._to(State.STOPPED, reason)

    def restart(self) -> None:
        """Stop it and start it again, or start it."""
        if self._life is None:
            self.start("restarted")
        else:
            self.stop("to be started again")
            self._again = True

    def retire(self, reason: str = "stopped") -> None:
        """Ask the life to end and let it be the last one; nothing is cancelled."""
        if self._life is None:
            self.stop(reason)
        else:
            self._again, self._final = False, True
            self._life.stopping.set(None)

    def fail(self, error: Exception) -> None:
        """Stop it, and count that as a failure."""
        if self._life is None:
            self.refuse(str(error))
        else:
            self.lapse(self._life, error)

    def give_up(self) -> None:
        """Stop waiting for the end of its life: it is left behind."""
        life = self._life
        if life is None:
            self.stop()
            return
        self._alarm.drop()
        self._life, self._left, self._again, self._lapse = None, life, False, None
        life.over.set(None)
        log.error("%s did not end when it was stopped; it is left behind", self.plan.name)
        self._to(State.FAILED, "did not end in time after it was stopped, and goes on unsupervised")

    def refuse(self, reason: str) -> None:
        """Fail without a life: something that it needs is not there."""
        self._alarm.drop()
        self._fault = (reason, None)
        self._to(State.FAILED, reason, reason)

    # -- what a life says

    def hear(self, function: Callable[..., None], life: Life, *args: Any) -> None:
        """Have one of the following called in its turn. Any thread."""
        self._desk.post(function, life, *args)

    def is_ready(self, life: Life) -> None:
        if life is self._life and self.state is State.STARTING:
            self._alarm.drop()
            self._up_since = self._desk.clock.monotonic()
            self._to(State.RUNNING, "ready")

    def lapse(self, life: Life, error: Exception) -> None:
        """End a life that would go on by itself, as failed with `error`."""
        if life is self._life and self.state is not State.STOPPING:
            self._lapse = error
            self._end_life(life, str(error))

    def feels(self, life: Life, unwell: str | None) -> None:
        if life is self._life and self.state in UP:
            if unwell is not None:
                self._to(State.DEGRADED, unwell)
            elif self.state is State.DEGRADED:
                self._to(State.RUNNING, "well again")

    # -- the course of a life

    def _begin(self, reason: str) -> None:
        self._alarm.drop()
        self._lives += 1
        self._final = self._graced = False
        life = Life(self.plan.name, self._lives, self)
        life.begun = self._desk.clock.monotonic()
        self._life = life
        self._to(State.STARTING, reason)
        try:
            life.work = self.plan.run(life)
        except Exception as error:  # it ended before it began
            life.work = Promise.failed(error)
        if self.plan.ready == "auto":
            self.is_ready(life)
        else:
            late = TaskTimeout(f"was not ready within {self.plan.start_timeout:g} s")
            self._alarm.set(self.plan.start_timeout, lambda: self.lapse(life, late))
        life.work.on_done(lambda work: self._desk.post(self._ended, life, work))

    def _end_life(self, life: Life, reason: str) -> None:
        self._alarm.drop()
        self._to(State.STOPPING, reason)
        life.stopping.set(None)
        self._graced = life.grace > 0 and not self._final
        if self._graced:
            self._alarm.set(life.grace, lambda: self._cancel(life))
        else:
            self._cancel(life)

    def _cancel(self, life: Life) -> None:
        self._graced = False
        self._alarm.drop()
        self._alarm.set(self.plan.stop_timeout, self.give_up)
        if life.work is not None:
            life.work.cancel()

    def _ended(self, life: Life, work: Promise[Any]) -> None:
        if life is self._left:
            self._left = None
            self._to(State.STOPPED, "ended at last")
        if life is not self._life:
            return
        self._life = None
        self._alarm.drop()
        life.over.set(None)
        lapse, self._lapse = self._lapse, None
        if lapse is not None:
            self._judge(life, lapse)
        elif self.state is State.STOPPING:
            self._has_stopped(work.error)
        else:
            self._judge(life, work.error)

    def _has_stopped(self, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, TaskCancelled):
            self._keep(error)
        if self._again:
            self._again = False
            self._begin("started again")
        else:
            self._to(State.STOPPED, "stopped", *texts_of(error))

    def _judge(self, life: Life, error: BaseException | None) -> None:
        if self._final and isinstance(error, TaskCancelled):
            error = None  # it was asked to end, and did so by being cancelled
        policy, now = self.plan.policy, self._desk.clock.monotonic()
        if now - life.begun > policy.within:
            self._streak = 0
        self._streak = self._streak + 1 if error is not None else 0
        if error is not None:
            self._keep(error)
        verdict = policy.judge(failed=error is not None, streak=self._streak, restarts=self._moments, now=now)
        how = f"failed: {line_of(error)}" if error is not None else "ended by itself"
        if verdict.action == "restart" and not self._final and not isinstance(error, Vetoed):
            self._moments = [moment for moment in self._moments if now - moment < policy.within] + [now]
            self.restarts += 1
            self._to(State.RESTARTING, f"{how}; starts again in {verdict.delay:g} s", *texts_of(error))
            self._alarm.set(verdict.delay, functools.partial(self._begin, "started again"))
        elif error is None and verdict.action != "give_up":
            self._to(State.STOPPED, how)
        else:
            vain = verdict.action == "give_up" and policy.restart != "never" and not isinstance(error, Vetoed)
            given_up = f" (given up after {len(self._moments)} restarts)" if vain else ""
            self._to(State.FAILED, how + given_up, *texts_of(error))

    # -- small parts

    def _keep(self, error: BaseException) -> None:
        log.error("%s failed: %s", self.plan.name, line_of(error), exc_info=error)
        self._fault = texts_of(error)

    def _forget(self) -> None:
        self._streak = 0
        self._moments = []
        self._fault = (None, None)

    def _to(self, new: State, reason: str, error: str | None = None, trace: str | None = None) -> None:
        old, self.state = self.state, new
        self._last = Transition(self.plan.name, old, new, reason, self._desk.clock.now(), error, trace)
        ready = [promise for states, promise in self._waiting if new in states]
        self._waiting = [waiting for waiting in self._waiting if new not in waiting[0]]
        self._desk.told(self._last)
        for promise in ready:
            promise.set(new)
