"""Starts units in order, starts them again when they end, stops them in reverse."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from atilite.clock import Clock
from atilite.errors import DuplicateName, SetupError
from atilite.events import Emitter
from atilite.runtime.loop import Loop, process_loop
from atilite.runtime.mailbox import Mailbox
from atilite.runtime.promise import Promise
from atilite.runtime.unit import AT_REST, Plan, State, Status, Stoppable, Transition, Unit

# The names that a unit needs, and those that it comes after.
Relations = tuple[tuple[str, ...], tuple[str, ...]]
Later = Callable[[float, Callable[[], None]], Stoppable]


class Supervisor:
    """Keeps units running. All methods from any thread; none of them blocks, what takes time is a promise.

    `changed` emits every change of state, in order. `later(seconds, function)` is the timer, the hub's by default.
    """

    def __init__(self, *, loop: Loop | None = None, clock: Clock | None = None, later: Later | None = None) -> None:
        self.clock = clock or Clock()
        self.changed: Emitter[Transition] = Emitter()
        self._later = later or (loop or process_loop()).call_later
        self._mailbox = Mailbox()
        self._units: dict[str, Unit] = {}
        self._held: list[str] = []
        self._closing: _Closing | None = None

    # -- the units

    def add(self, plan: Plan, *, replace: bool = False) -> None:
        """Take a unit. With `replace` a unit of that name is stopped and the new one started if it was running."""
        old = self._units.get(plan.name)
        if old is not None and not replace:
            raise DuplicateName("service", plan.name, repr(old.plan.run), repr(plan.run))
        self._units[plan.name] = Unit(plan, self)
        if old is not None:
            self.post(self._replace, old)

    def remove(self, name: str) -> Promise[State]:
        """Stop a unit and forget it."""
        gone = self.stop(name)
        gone.on_done(lambda _: self._units.pop(name, None))
        return gone

    def status(self, name: str) -> Status:
        """Describe one unit; LookupError if there is none of that name."""
        return self._unit(name).status()

    def statuses(self) -> list[Status]:
        """Describe all units in the order in which they were added."""
        return [unit.status() for unit in list(self._units.values())]

    def plan(self, name: str) -> Plan:
        """Return how a unit is run; LookupError if there is none of that name."""
        return self._unit(name).plan

    def faults(self) -> dict[str, str]:
        """Name the critical units that do not run, and those whose health() says no or fails, with the reason."""
        found = {}
        for unit in list(self._units.values()):
            fault = _fault_of(unit)
            if fault is not None:
                found[unit.plan.name] = fault
        return found

    # -- one unit

    def start(self, name: str) -> Promise[State]:
        """Start a unit after those that it needs; promises `running`, or the state in which that ended."""
        unit = self._unit(name)
        promise: Promise[State] = Promise()
        self.post(self._start, unit, promise)
        return promise

    def stop(self, name: str) -> Promise[State]:
        """Stop a unit; promises `stopped`, or `failed` if it did not end within its stop_timeout."""
        unit = self._unit(name)
        promise: Promise[State] = Promise()
        self.post(self._stop, unit, promise)
        return promise

    def restart(self, name: str) -> Promise[State]:
        """Stop a unit if it runs and start it; promises as `start` does."""
        unit = self._unit(name)
        promise: Promise[State] = Promise()
        self.post(self._restart, unit, promise)
        return promise

    # -- all units

    def start_all(self) -> None:
        """Start all units with autostart, in an order that suits their `needs` and `after`.

        SetupError if there is none: a cycle, or an unknown name.
        """
        for name in in_order(self._relations()):
            if self._units[name].plan.autostart:
                self.start(name)

    def stop_all(self, timeout: float = 20.0) -> Promise[list[str]]:
        """Stop all units in reverse; promises the names of those that did not end, after so many seconds at most.

        A second call while the first one goes on only shortens the time.
        """
        promise: Promise[list[str]] = Promise()
        self.post(self._stop_all, timeout, promise)
        return promise

    # -- for the units

    def later(self, seconds: float, function: Callable[[], None]) -> Stoppable:
        return self._later(seconds, function)

    def post(self, function: Callable[..., object], *args: Any) -> None:
        self._mailbox.post(function, *args)

    def told(self, transition: Transition) -> None:
        self.changed.emit(transition)
        self.post(self._progress)

    # -- through the mailbox

    def _replace(self, old: Unit) -> None:
        self._release(old)
        if old.alive:
            old.stop("replaced by another of its name")
            old.when(*AT_REST).on_done(lambda _: self.start(old.plan.name))

    def _start(self, unit: Unit, promise: Promise[State]) -> None:
        try:
            in_order(self._relations(), [unit.plan.name])
        except SetupError as error:
            promise.fail(error)
            return
        if self._closing is None:
            self._want(unit)
        # Asked afterwards: a start that was refused leaves it at rest, which is the answer.
        _pass_on(unit.when(State.RUNNING, *AT_REST), promise)

    def _stop(self, unit: Unit, promise: Promise[State]) -> None:
        self._release(unit)
        unit.stop()
        _pass_on(unit.when(*AT_REST), promise)

    def _restart(self, unit: Unit, promise: Promise[State]) -> None:
        if self._closing is None:
            if unit.alive:
                unit.restart()
            else:
                self._start(unit, promise)
                return
        _pass_on(unit.when(State.RUNNING, *AT_REST), promise)

    def _relations(self) -> dict[str, Relations]:
        return {name: (unit.plan.needs, unit.plan.after) for name, unit in list(self._units.items())}

    def _want(self, unit: Unit) -> None:
        """Start `unit`, now or when those before it allow it."""
        name = unit.plan.name
        if name in self._held:
            return
        for need in unit.plan.needs:
            if not self._units[need].alive:
                self._want(self._units[need])
        blocker = self._blocker(unit)
        if blocker is None:
            unit.start()
        elif unit.state in AT_REST:
            self._held.append(name)
            unit.hold(f"waits for {blocker}")
            self._progress()

    def _blocker(self, unit: Unit) -> str | None:
        for need in unit.plan.needs:
            if need not in self._units or self._units[need].state is not State.RUNNING:
                return need
        for other in unit.plan.after:
            if other in self._units and self._units[other].state is State.STARTING:
                return other
        return None

    def _release(self, unit: Unit) -> None:
        if unit.plan.name in self._held:
            self._held.remove(unit.plan.name)

    def _progress(self) -> None:
        """See whether a change lets held units start, or the next ones stop."""
        for name in list(self._held):
            unit = self._units[name]
            lost = self._lost_need(unit)
            if lost is not None:
                self._held.remove(name)
                unit.refuse(f"needs {lost}")
            elif self._blocker(unit) is None:
                self._held.remove(name)
                unit.start()
        if self._closing is not None:
            self._close(self._closing)

    def _lost_need(self, unit: Unit) -> str | None:
        for need in unit.plan.needs:
            if need not in self._units:
                return f"{need}, which does not exist"
            if self._units[need].state in AT_REST:
                return f"{need}, which is {self._units[need].state}"
        return None

    def _stop_all(self, timeout: float, promise: Promise[list[str]]) -> None:
        closing = self._closing
        if closing is None:
            self._closing = closing = _Closing()
            self._held.clear()  # they have no life yet; _close lets them rest
        closing.promise.on_done(lambda ended: promise.settle(ended.value, ended.error))
        closing.timers.append(self._later(timeout, lambda: self.post(self._enforce, closing)))
        self._close(closing)

    def _close(self, closing: _Closing) -> None:
        alive = [unit for unit in list(self._units.values()) if unit.alive]
        for unit in alive:
            name = unit.plan.name
            if not any(name in other.plan.needs + other.plan.after for other in alive if other is not unit):
                unit.stop("everything is stopped")
        if not any(unit.alive for unit in alive):
            self._closing = None
            for timer in closing.timers:
                timer.cancel()
            left = [status.name for status in self.statuses() if status.left_behind]
            closing.promise.set(left)

    def _enforce(self, closing: _Closing) -> None:
        if closing is self._closing:
            for unit in list(self._units.values()):
                if unit.alive:
                    unit.give_up()

    def _unit(self, name: str) -> Unit:
        try:
            return self._units[name]
        except KeyError:
            known = ", ".join(sorted(self._units)) or "none"
            raise LookupError(f"no service named {name!r}; known: {known}") from None


class _Closing:
    """A stop of everything that is under way."""

    def __init__(self) -> None:
        self.promise: Promise[list[str]] = Promise()
        self.timers: list[Stoppable] = []


def in_order(relations: Mapping[str, Relations], names: Iterable[str] | None = None) -> list[str]:
    """Order names so that each comes behind its needs and afters, otherwise as they are given.

    `relations` maps a name to its needs and its afters; with `names` only these and what leads to them are ordered.
    SetupError for a need that is not there and for a cycle, which it names; an unknown `after` is no fault.
    """
    done: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            cycle = " -> ".join((*path[path.index(name) :], name))
            raise SetupError(f"these wait for each other and could never start: {cycle}; take one `needs` away")
        if name in done:
            return
        needs, after = relations[name]
        for other in (*needs, *(other for other in after if other in relations)):
            if other not in relations:
                raise SetupError(f"{name!r} needs {other!r}, which does not exist")
            visit(other, (*path, name))
        done.append(name)

    for name in relations if names is None else names:
        visit(name, ())
    return done


def _fault_of(unit: Unit) -> str | None:
    status = unit.status()
    if status.state is not State.RUNNING:
        return f"{status.state}: {status.reason}" if unit.plan.critical else None
    if unit.plan.health is None:
        return None
    try:
        return None if unit.plan.health() else "its health() says no"
    except Exception as error:
        return f"its health() failed: {type(error).__name__}: {error}"


def _pass_on(source: Promise[State], target: Promise[State]) -> None:
    source.on_done(lambda ended: target.settle(ended.value, ended.error))
