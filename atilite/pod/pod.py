"""A container of beans: it starts them in order, keeps them up and ends them in reverse."""

from __future__ import annotations

import functools
import logging
import signal
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context as Variables
from datetime import datetime
from itertools import chain
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeVar

from atilite.clock import Clock
from atilite.errors import SetupError
from atilite.events import Emitter
from atilite.forks import answered_here, unanswered_here
from atilite.logs import keep_open, raised_by_user
from atilite.pod.bean import Bean, BeanStatus
from atilite.pod.health import EVERY
from atilite.pod.hooks import Hooks
from atilite.pod.loading import why
from atilite.pod.loops import LoopType, choose
from atilite.pod.places import all_ended, total
from atilite.pod.signals import Listener, Signals
from atilite.pod.spec import BeanSpec
from atilite.runtime.alarm import Later, Stoppable
from atilite.runtime.engine import Runtime, process_runtime
from atilite.runtime.leaving import leave_in_time
from atilite.runtime.promise import Promise
from atilite.runtime.restarts import RestartPolicy
from atilite.runtime.supervisor import Supervisor
from atilite.runtime.task import Task
from atilite.runtime.unit import AT_REST, Life, Plan, State, Transition

log = logging.getLogger("atilite.pod")

F = TypeVar("F", bound=Callable[..., Any])
Launch = Callable[[Bean, Life], Promise[Any]]

# Seconds: a bean that fails again and again waits no longer than this before it is started again.
LONGEST_DELAY = 30.0
SYSTEM_SIGNALS = ((signal.SIGINT, "SIGINT"), (signal.SIGTERM, "SIGTERM"))


class Change(NamedTuple):
    """A bean's change of state. `error` and `traceback` belong to the end that led to it."""

    bean: Bean
    old: str
    new: str
    reason: str
    at: datetime
    error: str | None = None
    traceback: str | None = None


class Pod:
    """The beans of one container. All methods from any thread; none of them blocks but `run`.

    `config` is what beans see as `context.config`. `stop_wait_time` is how many seconds they have to end by
    themselves once the pod is stopped. `launch(bean, life)` begins a life, for who wants to be beside it: it returns
    the promise of its end. `health_every` is how many seconds lie between two questions to a bean's `health`.
    `process` is set where a bean has processes of its own: which of them this one is.

    `changed` emits a Change at each change of a bean's state, in order. `stopping` is settled when the pod begins to
    end, `done` with the exit code when all beans have ended. `enforced` names those that did not end by themselves.
    """

    def __init__(
        self,
        *,
        config: Any = None,
        runtime: Runtime | None = None,
        clock: Clock | None = None,
        later: Later | None = None,
        stop_wait_time: float = 20.0,
        loop_type: LoopType = "auto",
        launch: Launch = Bean.begin,
        health_every: float = EVERY,
        process: int | None = None,
    ) -> None:
        self.config = SimpleNamespace() if config is None else config
        self.runtime = runtime or process_runtime()
        self.stop_wait_time = stop_wait_time
        self.loop_type: str = loop_type
        self.health_every = health_every
        self.process = process
        choose(loop_type, self.runtime.aio)
        self.signals, self.hooks = Signals(self.runtime), Hooks(self.runtime)
        self.stop_signal = "SIGTERM"
        self.changed: Emitter[Change] = Emitter()
        self.stopping: Promise[str] = Promise()
        self.done: Promise[int] = Promise()
        self.enforced: tuple[str, ...] = ()
        self.supervisor = Supervisor(loop=self.runtime.loop, clock=clock, later=later, kind="bean")
        self.supervisor.changed.listen(self._on_change)
        self._launch = launch
        # A bean is loaded by one thread after the other, and what loads it may ask the pod for anything meanwhile.
        self._loading, self._lock = threading.RLock(), threading.Lock()
        self._last_id = 0
        self._beans: dict[int, Bean] = {}
        self._by_unit: dict[str, Bean] = {}
        self._open: set[int] = set()  # the beans that have not ended
        self._fewer: Emitter[None] = Emitter()  # told when there may be fewer of them
        self._kept = 0
        self._started = False
        self._stops = 0
        self._deadline: Stoppable | None = None

    # -- the beans

    def add_bean(self, core: BeanSpec | Mapping[str, Any] | Any, **keys: Any) -> Bean | None:
        """Take a bean: a BeanSpec, a table as in BEANS, or a core with its keys. While the pod runs it is started.

        None for one that is `optional` and cannot be loaded, which is logged. Raises SetupError, TypeError, and what
        the class of the bean raises.
        """
        spec = _spec_of(core, keys)
        with self._loading:
            if self.stopping.done or self.done.done:
                raise SetupError(f"{spec.key}: the pod ends, and takes no further beans")
            self._last_id = number = self._last_id + 1
            try:
                bean = Bean(spec, self, number)
            except Exception as error:
                if self._last_id == number:  # the id is free again
                    self._last_id -= 1
                if not spec.optional:
                    raise
                told = "%s cannot be loaded; the pod goes on without it: %s"
                log.error(told, spec.key, why(error), exc_info=raised_by_user(error))
                return None
            with self._lock:
                self._beans[number] = self._by_unit[str(bean)] = bean
                self._open.add(number)
        if self._started:
            self.supervisor.add(self._plan(bean))
            bean.start()
        return bean

    def remove_bean(self, bean: Bean) -> Promise[Any]:
        """Stop a bean and forget it; promises its end."""
        ended: Promise[Any] = self.supervisor.remove(str(bean)) if self._started else Promise.completed(None)

        def forget(_: object) -> None:
            self.signals.forget(bean)
            with self._lock:
                self._beans.pop(bean.id, None)
                self._by_unit.pop(str(bean), None)
                self._open.discard(bean.id)
            bean.close()
            self._fewer.emit(None)
            self._end_if_all_have()

        ended.on_done(forget)
        return ended

    @property
    def beans(self) -> list[Bean]:
        """All beans in the order of their creation."""
        with self._lock:
            return list(self._beans.values())

    def bean(self, id: int) -> Bean:
        """The bean with this id; KeyError if there is none."""
        return self._beans[id]

    def get_beans(self, id_or_label: int | str) -> list[Bean]:
        """The bean with this id, or those with this label in the order of their creation. KeyError if there is none."""
        if isinstance(id_or_label, int):
            return [self._beans[id_or_label]]
        found = [bean for bean in self.beans if bean.label == id_or_label]
        if not found:
            raise KeyError(id_or_label)
        return found

    def wait_beans_done(self, id_or_label: int | str) -> Task:
        """The task of the end of these beans; KeyError if there are none."""
        ended: Promise[None] = Promise()
        beans = self.get_beans(id_or_label)

        def look(_: object = None) -> None:
            if not any(bean.id in self._open for bean in beans):
                ended.set(None)

        # In this order: it may be over before `listen` has returned.
        unsubscribe = self._fewer.listen(look)
        ended.on_done(lambda _: unsubscribe())
        look()
        return Task(ended, timeout=None, runner=self.runtime.run)

    def statuses(self) -> list[BeanStatus]:
        """How all beans are now, in the order of their creation."""
        return [bean.status() for bean in self.beans]

    # -- its own life

    def start(self) -> Promise[Any]:
        """Start all beans in an order that suits their needs; promises that each of them runs or has ended.

        SetupError, before anything runs, if there is no such order: it names the circle, or what is missing.
        """
        with self.kept():
            for bean in self.beans:
                self.supervisor.add(self._plan(bean), replace=True)
            with self._lock:
                self._started = not self._stops
            begun = all_ended(self.supervisor.start_all() if self._started else [])
            if self._started and self._stops:  # it was stopped in the midst of it
                self.supervisor.wind_down().on_done(self._all_rest)
        return begun

    def stop(self, reason: str = "it was asked to", *, signal: str = "SIGTERM") -> Promise[int]:
        """Ask all beans to end, in reverse order; promises the exit code.

        What has not ended after `stop_wait_time` seconds is cancelled. A second call makes that at once, a third one
        waits for nobody any more. `signal` is what beans are told, with the first call.
        """
        with self._lock:
            self._stops += 1
            stops = self._stops
        if stops == 1:
            log.info("the pod ends: %s", reason)
            self.stop_signal = signal
            self._deadline = self.supervisor.later(self.stop_wait_time, self._enforce)
            self.stopping.set(reason)
            self.supervisor.wind_down().on_done(self._all_rest)
        elif stops == 2:
            self._enforce()
        else:
            self.supervisor.stop_all(0)
        return self.done

    @property
    def exit_code(self) -> int:
        """0 if all beans have ended well, 1 if one has failed or did not end by itself when it was asked to."""
        return int(bool(self.enforced) or any(status.state == "failed" for status in self.statuses()))

    def run(self) -> int:
        """Start, serve SIGINT and SIGTERM, and return the exit code at the end. Main thread, whose hub turns here.

        Raises SetupError as `start` does.
        """
        keep_open()
        loop = self.runtime.loop
        loop.adopt()
        watchers = [loop.hub.loop.signal(number) for number, _ in SYSTEM_SIGNALS]
        for watcher, (_, name) in zip(watchers, SYSTEM_SIGNALS, strict=True):
            watcher.start(loop.watched, functools.partial(self.stop, f"{name} was received", signal=name))
        numbers = [number for number, _ in SYSTEM_SIGNALS]
        answered_here(*numbers)
        try:
            self.start()
            self.done.on_done(lambda _: loop.call_soon(loop.stop))
            loop.run()
        finally:
            unanswered_here(*numbers)
            for watcher in watchers:
                watcher.close()
        code = self.done.result()
        if self._stops:
            leave_in_time(code)
        return code

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Do not end for want of beans before the block has ended: others come after those that go."""
        with self._lock:
            self._kept += 1
        try:
            yield
        finally:
            with self._lock:
                self._kept -= 1
            self._end_if_all_have()

    # -- signals and hooks

    def send_signal(self, signal: Hashable, labels: Any = None, *, sender: Any = None, **passed: Any) -> Task:
        """Call the callbacks for `signal`; with `labels` only those of beans with that label or id, or one of these.

        In the processes of a bean as well: TypeError for what cannot be sent there.
        """
        chosen = None if labels is None else frozenset((labels,) if isinstance(labels, (str, int)) else labels)

        def wanted(bean: Listener) -> bool:
            return chosen is None or bean.label in chosen or bean.id in chosen

        sent_by = self if sender is None else sender
        # First where it may be refused.
        apart = [bean for bean in self.beans if bean.spec.processes > 1 and wanted(bean)]
        there = [bean.pass_on(signal, sent_by, passed) for bean in apart]
        here = self.signals.send(signal, sender=sent_by, wanted=wanted, passed=passed)
        return Task(total([here, *chain(*there)]) if there else here, timeout=None, runner=self.runtime.run)

    def hook(self, name: str) -> Callable[[F], F]:
        """Decorator: ask `function(bean)` before_start, after_start, before_stop or after_stop of each bean.

        It is called where the bean runs. False or an error is a veto: a start fails for good, a stop is refused
        unless the whole pod ends.
        """
        return functools.partial(self.hooks.add, name)

    # -- beneath

    def _plan(self, bean: Bean) -> Plan:
        spec = bean.spec
        # Of several processes each is started again by itself; see Crew.
        restart = spec.restart if spec.processes == 1 else "never"
        return Plan(
            str(bean), functools.partial(self._begin, bean),
            RestartPolicy(restart, spec.restart_delay, spec.max_restarts, spec.within, max_delay=LONGEST_DELAY),
            needs=self._units(spec.needs), after=self._units(spec.after), ready="explicit", bound=True,
            start_timeout=spec.start_timeout, stop_timeout=spec.stop_timeout, critical=spec.critical,
        )  # fmt: skip

    def _units(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """The names that the supervisor has for the beans with these labels; an unknown label stands for itself."""
        found: dict[str, None] = {}
        for label in labels:
            found |= dict.fromkeys([str(bean) for bean in self.beans if bean.label == label] or [label])
        return tuple(found)

    def _begin(self, bean: Bean, life: Life) -> Promise[Any]:
        bean.life = life
        # In a context of its own: whoever started it, or the life before, is not its parent.
        return Variables().run(self._launch, bean, life)

    def _on_change(self, told: Transition) -> None:
        bean = self._by_unit.get(told.name)
        if bean is None:
            return
        rests = told.new in AT_REST
        with self._lock:
            (self._open.discard if rests else self._open.add)(bean.id)
        given_up = told.new is State.FAILED and (told.error is None or bean.spec.restart != "never")
        if (given_up or told.new is State.RESTARTING) and not self.stopping.done:  # the error itself has been logged
            log.warning("%s %s", bean, told.reason)
        self.changed.emit(Change(bean, str(told.old), str(told.new), *told[3:]))
        if told.new is State.FAILED and bean.spec.critical and not self.stopping.done:
            self.stop(f"{bean} has failed, which is critical")
        if rests:
            self._fewer.emit(None)
            self._end_if_all_have()

    def _all_rest(self, _: object) -> None:
        with self._lock:
            self._open.clear()
        self._fewer.emit(None)
        self._end_if_all_have()

    def _end_if_all_have(self) -> None:
        with self._lock:
            if self._open or self._kept or not (self._started or self._stops):
                return
        if self._deadline is not None:
            self._deadline.cancel()
        for bean in self.beans:
            bean.close()
        self.stopping.set("all beans have ended")
        self.done.set(self.exit_code)

    def _enforce(self) -> None:
        """Cancel what is left, in reverse order; what does not end then is given up, each after its own time."""
        with self._lock:
            left = [bean for bean in self._beans.values() if bean.id in self._open]
            if not left or not self._started or self.enforced:
                return
            self.enforced = tuple(map(str, left))
        log.error("the time to end is over for %s", ", ".join(self.enforced))
        self.supervisor.stop_all(None)


def _spec_of(core: Any, keys: Mapping[str, Any]) -> BeanSpec:
    if isinstance(core, BeanSpec):
        return core
    return BeanSpec.of({**core, **keys} if isinstance(core, Mapping) else {"core": core, **keys})
