"""A component of a pod, and one life of it from the first hook to the last."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Hashable, Mapping
from contextvars import copy_context
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

from atilite.errors import SetupError, TaskCancelled, TaskError, Vetoed
from atilite.lazily import function_of
from atilite.pod.context import MARK, Container, Context, takes_context
from atilite.pod.health import Health
from atilite.pod.hooks import Hooks
from atilite.pod.loading import load
from atilite.pod.places import call_beside
from atilite.pod.spec import BeanSpec
from atilite.runtime.functions import Kind, kind_of
from atilite.runtime.kinds import run_function
from atilite.runtime.promise import Promise
from atilite.runtime.supervisor import Supervisor
from atilite.runtime.traces import line_of
from atilite.runtime.unit import Life

log = logging.getLogger("atilite.pod")

Form = Literal["function", "class", "coroutine"]

# Loaded with the first bean that wants processes of its own.
Crew = function_of("atilite.pod.processes", "Crew")


class Home(Container, Protocol):
    """What a bean needs of its pod."""

    supervisor: Supervisor
    hooks: Hooks
    loop_type: str
    stop_signal: str
    health_every: float


class BeanStatus(NamedTuple):
    """A bean at one moment. `since` is when its state began, `uptime` is in seconds and None unless it runs."""

    id: int
    label: str | None
    name: str
    state: str
    reason: str
    since: datetime
    uptime: float | None
    restarts: int
    error: str | None
    traceback: str | None
    critical: bool


class Bean:
    """A component: `id` counts from 1, `name` is its label or else the path of its core. Any thread."""

    def __init__(self, spec: BeanSpec, home: Home, number: int) -> None:
        """Load it. Raises SetupError, TypeError, and what the class of the bean raises."""
        self.spec = spec
        self.id = number
        self.core = load(spec.core)
        self.form, self.kind = form_of(self.core, spec.key)
        if self.form == "coroutine" and (spec.restart != "never" or spec.processes > 1):
            raise SetupError(f"{spec.key} is a coroutine object, which runs once; give the function to start it again")
        self.label: str | None = spec.label or getattr(self.core, MARK, None)
        self.name = self.label or spec.key
        self.takes_context = self.form == "function" and takes_context(self.core)
        self.health = load(spec.health)
        self.context = Context(self, home)
        # A bean in processes of its own has its objects there.
        self.instance: Any = self._made() if self.form == "class" and spec.processes == 1 else None
        self.life: Life | None = None  # the present one, or the last
        self.stop_agreed = False
        self._living: _Living | None = None
        self._home = home

    def _made(self) -> Any:
        try:
            return self.core(self.context)
        except SystemExit as error:
            raise SetupError(f"{self.name} has ended itself while it was made") from error

    # -- how it is

    @property
    def state(self) -> str:
        """new, starting, running, degraded, restarting, stopping, stopped or failed."""
        return self.status().state

    @property
    def error(self) -> str | None:
        """What it failed with last, in one line."""
        return self.status().error

    @property
    def done(self) -> bool:
        """Whether it has ended and is not started again by itself."""
        return self.state in ("stopped", "failed")

    def status(self) -> BeanStatus:
        """Describe it as it is now."""
        who = (self.id, self.label, self.name)
        supervisor = self._home.supervisor
        try:
            status = supervisor.status(str(self))
        except LookupError:  # its pod has not been started, or it was removed
            state, reason = ("new", "not started yet") if self.life is None else ("stopped", "removed")
            return BeanStatus(*who, state, reason, supervisor.clock.now(), None, 0, None, None, self.spec.critical)
        return BeanStatus(
            *who, str(status.state), status.reason, status.since, status.uptime, status.restarts, status.error,
            status.traceback, self.spec.critical,
        )  # fmt: skip

    # -- what a person asks for; LookupError while its pod has not been started

    def start(self) -> Promise[Any]:
        """Start it; promises the state that it came to."""
        return self._home.supervisor.start(str(self))

    def stop(self) -> Promise[Any]:
        """Ask it to end and cancel it after a while; promises its state then. Vetoed if a hook says no."""
        return self._unless_vetoed("stop")

    def restart(self) -> Promise[Any]:
        """Stop it if it runs, and start it; promises the state that it came to. Vetoed if a hook says no."""
        return self._unless_vetoed("restart")

    cancel = stop

    def _unless_vetoed(self, verb: str) -> Promise[Any]:
        self._home.supervisor.plan(str(self))
        promise: Promise[Any] = Promise()

        def go_on(asked: Promise[None]) -> None:
            if asked.error is not None:
                promise.fail(asked.error)
                return
            self.stop_agreed = True
            done: Promise[Any] = getattr(self._home.supervisor, verb)(str(self))
            done.on_done(lambda ended: promise.settle(ended.value, ended.error))

        if self.done:
            go_on(Promise.completed(None))
        else:
            self._home.hooks.ask("before_stop", self, self.kind).on_done(go_on)
        return promise

    # -- its lives

    def begin(self, life: Life) -> Promise[Any]:
        """Begin one life, as its supervisor asks for it; promises its end."""
        if life.number > 1:
            if self.form == "coroutine":
                raise Vetoed(f"{self} is a coroutine object, which runs once; give the function to start it again")
            self._home.signals.forget(self)
            if self.instance is not None:
                self.instance = self._made()
        self.stop_agreed = False
        self._living = living = _Living(self, life, self._home)
        return living.begin()

    def pass_on(self, signal: Hashable, sender: Any, passed: Mapping[str, Any]) -> list[Promise[int]]:
        """Hand a signal to its processes, if it has any of its own; promises of each how many callbacks were called."""
        crew = None if self._living is None else self._living.crew
        name = str(sender) if isinstance(sender, Bean) else "the pod"
        return [] if crew is None else list(crew.send(signal, name, passed))

    def is_ready(self) -> None:
        """Hear that it does its work from now on."""
        if self._living is not None:
            self._living.is_ready()

    def ending(self) -> Promise[None]:
        """Promise the moment in which its present life is asked to end, which gives that time to do so by itself."""
        if self.life is None:
            raise LookupError(f"{self} has not been started yet; ask for its end in what runs")
        self.life.grace = self.spec.stop_timeout
        return self.life.stopping

    def close(self) -> None:
        """Let go what has never begun."""
        if self.form == "coroutine" and self.life is None:
            self.core.close()

    def __str__(self) -> str:
        return f"bean {self.id} ({self.name})"

    def __repr__(self) -> str:
        return f"<{self}>"


class _Living:
    """One life of a bean. Whatever it does at the moment is cancelled when the life shall end."""

    def __init__(self, bean: Bean, life: Life, home: Home) -> None:
        self._bean, self._life, self._home = bean, life, home
        self._work: Promise[Any] = Promise(self._cancel)
        self._variables = copy_context()
        self._lock = threading.Lock()
        self._current: Promise[Any] | None = None
        self._unwanted = self._told_ready = False
        self._health: Health | None = None
        self.crew: Any = None

    def begin(self) -> Promise[Any]:
        self._life.stopping.on_done(lambda _: self._asked_to_end())
        self._leave_to(self._ask("before_start"), self._run)
        return self._work

    def is_ready(self) -> None:
        with self._lock:
            first, self._told_ready = not self._told_ready, True
        if first:
            self._ask("after_start").on_done(self._started)

    # -- its course

    def _run(self, allowed: Promise[None]) -> None:
        if allowed.error is not None or self._unwanted:
            self._work.fail(allowed.error or TaskCancelled("it was stopped before it began"))
            return
        try:
            core = self._variables.run(self._call)
        except Exception as error:  # it ended before it began
            core = Promise.failed(error)
        self._leave_to(core, self._core_ended)
        if self._bean.spec.ready == "auto" and self.crew is None:
            self.is_ready()

    def _call(self) -> Promise[Any]:
        bean, spec, runtime = self._bean, self._bean.spec, self._home.runtime
        if spec.processes > 1:
            return self._call_in_processes()
        if bean.form == "coroutine":
            return runtime.aio.run(bean.core)
        function = bean.instance if bean.form == "class" else bean.core
        args = (bean.context,) if bean.takes_context else ()
        if bean.kind == "plain" and self._home.loop_type == "gevent":
            return runtime.loop.spawn(function, *args, **spec.kwargs)
        start: Literal["hub", "dedicated"] = "hub" if bean.kind == "generator" else "dedicated"
        return run_function(function, args, spec.kwargs, runtime=runtime, start=start)

    def _call_in_processes(self) -> Promise[Any]:
        home, context = self._home, self._bean.context
        self.crew = Crew(
            self._bean.spec, context.log, config=home.config, runtime=home.runtime, clock=home.supervisor.clock,
            ready=self.is_ready, loop_type=home.loop_type, number=self._bean.id,
        )  # fmt: skip
        work: Promise[Any] = self.crew.begin()
        return work

    def _started(self, asked: Promise[None]) -> None:
        if asked.error is not None:
            if isinstance(asked.error, Vetoed):
                self._life.fail(asked.error)
            return
        self._life.ready()
        health = self._bean.health
        if health is not None:
            args = (self._bean.context,) if takes_context(health) else ()
            self._health = Health(
                self._life,
                lambda: call_beside("plain", self._home.runtime, health, args),
                self._home.supervisor.later,
                every=self._home.health_every,
            )
            if not self._work.done:
                self._health.begin()

    def _core_ended(self, core: Promise[Any]) -> None:
        if self._health is not None:
            self._health.end()

        error = meant_by(core.error)
        if self.crew is not None and error is not None and not isinstance(error, TaskCancelled):
            # Its processes were started again as often as the bean's policy allows; all of them are not, once more.
            final = Vetoed(line_of(error))
            final.__cause__ = error
            error = final

        def settle(asked: Promise[None]) -> None:
            vetoed = asked.error if isinstance(asked.error, Vetoed) else None
            if error is not None and vetoed is not None:
                log.error("%s: %s", self._bean, vetoed, exc_info=vetoed)
            self._work.settle(None, error or vetoed)

        with self._lock:
            self._unwanted = False  # that was for the core
        self._leave_to(self._ask("after_stop"), settle)

    # -- its end

    def _asked_to_end(self) -> None:
        bean, home = self._bean, self._home
        if self._health is not None:
            self._health.end()
        if self.crew is not None:
            self.crew.ask()
        if self.crew is not None or home.signals.listens(bean, home.stop_signal):
            # Time to end by itself, before it is cancelled.
            self._life.grace = bean.spec.stop_timeout
        home.signals.send(home.stop_signal, sender=home, wanted=lambda one: one is bean, passed={})
        if not bean.stop_agreed:
            self._ask("before_stop").on_done(self._overruled)

    def _overruled(self, asked: Promise[None]) -> None:
        if isinstance(asked.error, Vetoed):
            log.warning("%s ends all the same: %s", self._bean, asked.error)

    def _cancel(self) -> bool | None:
        with self._lock:
            self._unwanted = True
            current = self._current
        return None if current is not None and current.cancel() else False

    def _leave_to(self, work: Promise[Any], then: Any) -> None:
        with self._lock:
            self._current = work
            unwanted = self._unwanted
        if unwanted:
            work.cancel()
        work.on_done(then)

    def _ask(self, hook: str) -> Promise[None]:
        return self._home.hooks.ask(hook, self._bean, self._bean.kind)


def meant_by(error: BaseException | None) -> BaseException | None:
    """What the end of a core counts as: `sys.exit()` ends it well, with a code or a text it is a failure that says so.

    Never the process: one bean is not all of them.
    """
    left = error.__cause__ if isinstance(error, TaskError) else error
    if not isinstance(left, SystemExit):
        return error
    if left.code in (None, 0):
        return None
    told = f"exit code {left.code}" if isinstance(left.code, int) else str(left.code)
    failure = TaskError(f"it ended itself: {told}")
    failure.__cause__ = left
    return failure


def form_of(core: Any, name: str) -> tuple[Form, Kind]:
    """What a core is and how it runs. TypeError for what cannot be a bean."""
    if inspect.iscoroutine(core):
        return "coroutine", "async"
    if inspect.isclass(core):
        call = next((vars(one)["__call__"] for one in core.__mro__ if "__call__" in vars(one)), None)
        kind = "plain" if call is None else kind_of(call)
        if kind == "plain":
            raise TypeError(f"{name}: the __call__ of a class has to be `async def`, or a generator that yields tasks")
        return "class", kind
    if not callable(core):
        raise TypeError(f"{name} is {core!r}; a bean is a function, a coroutine object or a class")
    if inspect.isasyncgenfunction(core):
        raise TypeError(f"{name} is an asynchronous generator, whose values nobody takes; write `async def` alone")
    return "function", kind_of(core)
