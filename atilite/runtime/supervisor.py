"""Starts units in order, starts them again when they end, stops them in reverse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from atilite.clock import Clock
from atilite.errors import DuplicateName, SetupError, Vetoed
from atilite.events import Emitter
from atilite.runtime.alarm import Later, Stoppable
from atilite.runtime.loop import Loop, process_loop
from atilite.runtime.mailbox import Mailbox
from atilite.runtime.order import Descent, Relations, in_order
from atilite.runtime.promise import Promise
from atilite.runtime.unit import AT_REST, UP, Plan, State, Status, Transition, Unit

T = TypeVar("T")


class Supervisor:
    """Keeps units running. All methods from any thread; none of them blocks, what takes time is a promise.

    `changed` emits every change of state, in order. `later(seconds, function)` is the timer, the hub's by default.
    `kind` is the word for a unit in messages.
    """

    def __init__(
        self,
        *,
        loop: Loop | None = None,
        clock: Clock | None = None,
        later: Later | None = None,
        kind: str = "service",
    ) -> None:
        self.kind = kind
        self.clock = clock or Clock()
        self.changed: Emitter[Transition] = Emitter()
        self._later = later or (loop or process_loop()).call_later
        self._mailbox = Mailbox()
        self._units: dict[str, Unit] = {}
        self._held: list[str] = []
        # Those that are stopped to be started again with what they need.
        self._returning: set[str] = set()
        self._descents: list[Descent] = []
        self._closing: _Closing | None = None
        self._over = False  # whether nothing is ever started again

    # -- the units

    def add(self, plan: Plan, *, replace: bool = False) -> None:
        """Take a unit. With `replace` a unit of that name is stopped and the new one started if it was running."""
        old = self._units.get(plan.name)
        if old is not None and not replace:
            raise DuplicateName(self.kind, plan.name, repr(old.plan.run), repr(plan.run))
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

    def start_all(self) -> list[Promise[State]]:
        """Start all units with autostart, in an order that suits their `needs` and `after`; promises as `start` does.

        SetupError if there is no such order: a cycle, or an unknown name.
        """
        return [self.start(name) for name in in_order(self._relations()) if self._units[name].plan.autostart]

    def wind_down(self) -> Promise[list[str]]:
        """Ask all units to end, in reverse, and never start one again; promises as `stop_all` does.

        Nothing is cancelled, so this may take for ever: `stop_all` shortens it.
        """
        promise: Promise[list[str]] = Promise()
        self.post(self._wind_down, promise)
        return promise

    def stop_all(self, timeout: float | None = 20.0) -> Promise[list[str]]:
        """Stop all units in reverse; promises the names of those that did not end, after so many seconds at most.

        Without a `timeout` each of them still has its own. A second call while the first one goes on only shortens
        the time.
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
        self.post(self._progress, transition)

    # -- through the mailbox

    def _replace(self, old: Unit) -> None:
        self._release(old)
        if old.alive:
            old.stop("replaced by another of its name")
            old.when(*AT_REST).on_done(lambda _: self.start(old.plan.name))

    def _start(self, unit: Unit, promise: Promise[State]) -> None:
        try:
            if unit.plan.needs or unit.plan.after:
                in_order(self._relations(), [unit.plan.name])
        except SetupError as error:
            promise.fail(error)
            return
        if self._open:
            self._want(unit)
        # Asked afterwards: a start that was refused leaves it at rest, which is the answer.
        _pass_on(unit.when(State.RUNNING, *AT_REST), promise)

    def _stop(self, unit: Unit, promise: Promise[State]) -> None:
        self._release(unit)
        unit.stop()
        _pass_on(unit.when(*AT_REST), promise)

    def _restart(self, unit: Unit, promise: Promise[State]) -> None:
        # What waits for others, to start or to come back, starts in its turn.
        if self._open and unit.plan.name not in self._returning and unit.plan.name not in self._held:
            if unit.alive:
                unit.restart()
            else:
                self._start(unit, promise)
                return
        _pass_on(unit.when(State.RUNNING, *AT_REST), promise)

    @property
    def _open(self) -> bool:
        """Whether units may be started."""
        return self._closing is None and not self._over

    def _relations(self) -> dict[str, Relations]:
        return {name: (unit.plan.needs, unit.plan.after) for name, unit in list(self._units.items())}

    def _want(self, unit: Unit) -> None:
        """Start `unit`, now or when those before it allow it."""
        name = unit.plan.name
        if name in self._held or name in self._returning:
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
            self._look_at(unit)

    def _blocker(self, unit: Unit) -> str | None:
        for need in unit.plan.needs:
            if need not in self._units or self._units[need].state not in UP:
                return need
        for other in unit.plan.after:
            if other in self._units and self._units[other].state is State.STARTING:
                return other
        return None

    def _release(self, unit: Unit) -> None:
        self._returning.discard(unit.plan.name)
        if unit.plan.name in self._held:
            self._held.remove(unit.plan.name)

    def _progress(self, change: Transition) -> None:
        """See whether a change lets held units start, the next ones stop, or a group start again."""
        for name in list(self._held):
            unit = self._units[name]
            if change.name in unit.plan.needs or change.name in unit.plan.after:
                self._look_at(unit)
        need = self._units.get(change.name)
        if need is None or not self._open:
            return
        if change.new in (State.RESTARTING, State.FAILED) or need.comes_back:
            self._regroup(need)

    def _look_at(self, unit: Unit) -> None:
        """Start a held unit if it may, refuse it if it never will."""
        lost = self._lost_need(unit)
        if lost is not None:
            self._release(unit)
            unit.refuse(f"needs {lost}")
        elif self._blocker(unit) is None:
            self._release(unit)
            unit.start()

    def _lost_need(self, unit: Unit) -> str | None:
        for need in unit.plan.needs:
            if need in self._returning:
                continue
            if need not in self._units:
                return f"{need}, which does not exist"
            if self._units[need].state in AT_REST:
                return f"{need}, which is {self._units[need].state}"
        return None

    # -- groups

    def _regroup(self, need: Unit) -> None:
        """End those that are bound to `need`, which starts again or has failed; they come back with it."""
        group = self._bound_to(need.plan.name)
        if not group:
            return
        if need.state is State.FAILED:
            reason = f"needs {need.plan.name}, which is {need.state}"
            self._descend(group, lambda unit: unit.fail(Vetoed(reason)), lambda: None)
        else:
            self._descend(group, lambda unit: self._bounce(unit, need.plan.name), lambda: self._rejoin(group))

    def _bound_to(self, name: str) -> list[Unit]:
        bound = [unit for unit in list(self._units.values()) if unit.plan.bound and unit.alive]
        names, group = [name], []
        while names:
            need = names.pop()
            for unit in bound:
                if need in unit.plan.needs and unit not in group and unit.plan.name not in self._held:
                    group.append(unit)
                    names.append(unit.plan.name)
        return group

    def _bounce(self, unit: Unit, need: str) -> None:
        if unit.plan.name not in self._returning:
            self._release(unit)
            self._returning.add(unit.plan.name)
            unit.stop(f"{need} starts again")

    def _rejoin(self, group: list[Unit]) -> None:
        """Start those again that nobody has stopped for another reason meanwhile."""
        order = in_order(self._relations(), [unit.plan.name for unit in group if unit.plan.name in self._returning])
        for name in [name for name in order if name in self._returning]:
            self._returning.discard(name)
            unit = self._units[name]
            lost = self._lost_need(unit)
            if lost is None:
                self._want(unit)
            else:
                unit.refuse(f"needs {lost}")

    def _descend(self, units: list[Unit], tell: Callable[[Unit], None], ended: Callable[[], None]) -> None:
        descent = Descent(units, tell, ended)
        self._descents = [one for one in self._descents if one.going] + [descent]
        descent.begin(self.post)

    def _drop_descents(self) -> None:
        """Whoever is on its way down, to come back perhaps, goes down in another way."""
        for descent in self._descents:
            descent.drop()
        self._descents.clear()

    # -- the end

    def _wind_down(self, promise: Promise[list[str]]) -> None:
        first = self._closing is None
        self._over = True
        closing = self._close(promise)
        if first:
            self._drop_descents()
            self._descend(self._alive(), lambda unit: unit.retire("everything is stopped"), lambda: self._ends(closing))

    def _stop_all(self, timeout: float | None, promise: Promise[list[str]]) -> None:
        closing = self._close(promise)
        if timeout is not None:
            closing.timers.append(self._later(timeout, lambda: self.post(self._enforce, closing)))
        if not closing.hard:
            closing.hard = True
            self._drop_descents()
            self._descend(self._alive(), lambda unit: unit.stop("everything is stopped"), lambda: self._ends(closing))

    def _close(self, promise: Promise[list[str]]) -> _Closing:
        closing = self._closing = self._closing or _Closing()
        self._held.clear()  # they have no life yet; a stop lets them rest
        self._returning.clear()
        _pass_on(closing.promise, promise)
        return closing

    def _alive(self) -> list[Unit]:
        return [unit for unit in list(self._units.values()) if unit.alive]

    def _ends(self, closing: _Closing) -> None:
        self._closing = None
        for timer in closing.timers:
            timer.cancel()
        closing.promise.set([status.name for status in self.statuses() if status.left_behind])

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
            raise LookupError(f"no {self.kind} named {name!r}; known: {known}") from None


class _Closing:
    """A stop of everything that is under way."""

    def __init__(self) -> None:
        self.promise: Promise[list[str]] = Promise()
        self.timers: list[Stoppable] = []
        self.hard = False  # whether they are stopped, not only asked to end


def _fault_of(unit: Unit) -> str | None:
    status = unit.status()
    if status.state is not State.RUNNING:
        told = unit.plan.critical or status.state is State.DEGRADED
        return f"{status.state}: {status.reason}" if told else None
    if unit.plan.health is None:
        return None
    try:
        return None if unit.plan.health() else "its health() says no"
    except Exception as error:
        return f"its health() failed: {type(error).__name__}: {error}"


def _pass_on(source: Promise[T], target: Promise[T]) -> None:
    source.on_done(lambda ended: target.settle(ended.value, ended.error))
