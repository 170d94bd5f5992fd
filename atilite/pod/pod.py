"""A container of beans: it starts them in order, keeps them up and ends them in reverse."""

from __future__ import annotations

import functools
import logging
import signal
import threading
from collections.abc import Callable, Hashable, Mapping
from contextvars import Context as Variables
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Literal, NamedTuple

from atilite.clock import Clock
from atilite.errors import SetupError
from atilite.events import Emitter
from atilite.pod.bean import Bean, BeanStatus, loaded
from atilite.pod.signals import Signals
from atilite.pod.spec import BeanSpec
from atilite.runtime.engine import Runtime, process_runtime
from atilite.runtime.promise import Promise
from atilite.runtime.restarts import RestartPolicy
from atilite.runtime.supervisor import Later, Supervisor
from atilite.runtime.task import Task
from atilite.runtime.unit import AT_REST, Life, Plan, State, Transition

log = logging.getLogger("atilite.pod")

LoopType = Literal["auto", "gevent", "asyncio", "uvloop"]
Launch = Callable[[Bean, Life], Promise[Any]]


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
    themselves once the pod is stopped. `launch(bean, life)` begins a life, for who wants to be beside it; it returns
    the promise of its end. `changed` emits a Change at each change of a bean's state, in order.
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
        launch: Launch | None = None,
    ) -> None:
        self.config = SimpleNamespace() if config is None else config
        self.runtime = runtime or process_runtime()
        self.stop_wait_time = stop_wait_time
        self.loop_type = loop_type
        self.signals = Signals(self.runtime)
        self.changed: Emitter[Change] = Emitter()
        self.done: Promise[int] = Promise()
        self.enforced: tuple[str, ...] = ()
        self._launch = launch or _begin
        self._supervisor = Supervisor(loop=self.runtime.loop, clock=clock, later=later)
        self._supervisor.changed.listen(self._on_change)
        self._lock = threading.RLock()
        self._beans: dict[int, Bean] = {}
        self._by_name: dict[str, Bean] = {}
        self._open: set[int] = set()
        self._started = False

    # -- the beans

    def add_bean(self, core: BeanSpec | Mapping[str, Any] | Any, **keys: Any) -> Bean | None:
        """Take a bean: a BeanSpec, a table as in BEANS, or a core with its keys. While the pod runs it is started.

        None for one that is `optional` and cannot be loaded, which is logged. Raises SetupError, TypeError, and what
        the class of the bean raises.
        """
        spec = _spec_of(core, keys)
        with self._lock:
            if self.done.done:
                raise SetupError(f"{spec.key}: the pod has ended, and takes no further beans")
            try:
                bean = loaded(spec, self, len(self._beans) + 1)
            except Exception as error:
                if not spec.optional:
                    raise
                log.error("%s cannot be loaded; the pod goes on without it", spec.key, exc_info=error)
                return None
            self._beans[bean.id] = bean
            self._by_name[str(bean)] = bean
            self._open.add(bean.id)
            if self._started:
                self._supervisor.add(self._plan(bean))
                self._supervisor.start(str(bean))
        return bean

    @property
    def beans(self) -> list[Bean]:
        """All beans in the order of their creation."""
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
        promise: Promise[None] = Promise()
        beans = self.get_beans(id_or_label)

        def look(_: object = None) -> None:
            if all(bean.done for bean in beans) and promise.set(None):
                unsubscribe()

        unsubscribe = self.changed.listen(look)
        look()
        return Task(promise, timeout=None, runner=self.runtime.run)

    def status(self, bean: Bean) -> BeanStatus:
        """How a bean is now."""
        try:
            status = self._supervisor.status(str(bean))
        except LookupError:
            return BeanStatus(
                bean.id, bean.label, bean.name, "new", "not started yet", self._supervisor.clock.now(), None, 0, None,
                None, bean.spec.critical,
            )  # fmt: skip
        return BeanStatus(
            bean.id, bean.label, bean.name, str(status.state), status.reason, status.since, status.uptime,
            status.restarts, status.error, status.traceback, bean.spec.critical,
        )  # fmt: skip

    def statuses(self) -> list[BeanStatus]:
        """How all beans are now, in the order of their creation."""
        return [self.status(bean) for bean in self.beans]

    # -- its own life

    def start(self) -> Promise[None]:
        """Start all beans in an order that suits their needs; promises that each of them runs or has ended.

        SetupError if there is no such order, with the circle that the needs make.
        """
        with self._lock:
            self._started = True
            for bean in self.beans:
                self._supervisor.add(self._plan(bean))
            promises = [self._supervisor.start(str(bean)) for bean in self.beans]
        if not promises:
            self.done.set(0)
        return _all_settled(promises)

    def stop(self, reason: str = "stopped", *, signal: str = "SIGTERM") -> Promise[int]:
        """Ask all beans to end; promises the exit code. A second call shortens the time that they have to nothing."""
        self._supervisor.stop_all(self.stop_wait_time)
        if not self._started:
            self.done.set(0)
        return self.done

    @property
    def exit_code(self) -> int:
        """0 if all beans have ended well, 1 if one has failed or had to be ended."""
        return int(bool(self.enforced) or any(status.state == "failed" for status in self.statuses()))

    def run(self) -> int:
        """Start, serve the signals of the system, and return the exit code at the end. Main thread: turns the hub."""
        loop = self.runtime.loop
        loop.adopt()
        watchers = [(loop.hub.loop.signal(number), name) for number, name in SYSTEM_SIGNALS]
        for watcher, name in watchers:
            watcher.start(loop.watched, functools.partial(self.stop, f"{name} was received", signal=name))
        self.done.on_done(lambda _: loop.stop())
        try:
            self.start()
            if not self.done.done:
                loop.run()
        finally:
            for watcher, _ in watchers:
                watcher.close()
        return self.done.result()

    # -- signals

    def send_signal(self, signal: Hashable, labels: Any = None, *, sender: Any = None, **passed: Any) -> Task:
        """Call the callbacks for `signal`; with `labels` only those of beans with that label or id, or one of these."""
        chosen = None if labels is None else _set_of(labels)
        return Task(
            self.signals.send(
                signal,
                sender=self if sender is None else sender,
                wanted=lambda bean: chosen is None or bean.label in chosen or bean.id in chosen,
                passed=passed,
            ),
            timeout=None,
            runner=self.runtime.run,
        )

    # -- beneath

    def _plan(self, bean: Bean) -> Plan:
        spec = bean.spec
        policy = RestartPolicy(spec.restart, spec.restart_delay, spec.max_restarts, spec.within, max_delay=30.0)
        return Plan(
            str(bean), functools.partial(self._run_bean, bean), policy, ready=spec.ready,
            start_timeout=spec.start_timeout, stop_timeout=spec.stop_timeout, critical=spec.critical,
        )  # fmt: skip

    def _run_bean(self, bean: Bean, life: Life) -> Promise[Any]:
        # In a context of its own: whoever started it, or the life before, is not its parent.
        return Variables().run(self._launch, bean, life)

    def _on_change(self, change: Transition) -> None:
        bean = self._by_name[change.name]
        if change.new in AT_REST:
            self._open.discard(bean.id)
        else:
            self._open.add(bean.id)
        self.changed.emit(
            Change(bean, str(change.old), str(change.new), change.reason, change.at, change.error, change.traceback)
        )
        if change.new is State.FAILED and bean.spec.critical:
            self.stop(f"{bean} has failed, which is critical")
        if self._started and not self._open:
            self.done.set(self.exit_code)


SYSTEM_SIGNALS = ((signal.SIGINT, "SIGINT"), (signal.SIGTERM, "SIGTERM"))


def _begin(bean: Bean, life: Life) -> Promise[Any]:
    return bean.begin(life)


def _spec_of(core: Any, keys: Mapping[str, Any]) -> BeanSpec:
    if isinstance(core, BeanSpec):
        return core
    return BeanSpec.of({**core, **keys} if isinstance(core, Mapping) else {"core": core, **keys})


def _set_of(labels: Any) -> frozenset[Any]:
    return frozenset((labels,) if isinstance(labels, (str, int)) else labels)


def _all_settled(promises: list[Promise[Any]]) -> Promise[None]:
    everything: Promise[None] = Promise()
    open_ones = list(promises)

    def one_less(_: object) -> None:
        open_ones.pop()
        if not open_ones:
            everything.set(None)

    for promise in promises:
        promise.on_done(one_less)
    if not promises:
        everything.set(None)
    return everything
