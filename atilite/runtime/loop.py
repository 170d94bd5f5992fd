"""The hub: the one event loop of the process, on the main thread or on a thread of its own."""

from __future__ import annotations

import functools
import logging
import os
import threading
import time
from bisect import bisect_right
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import field
from typing import Any, ParamSpec, TypeVar

from gevent import getcurrent
from gevent.hub import get_hub
from greenlet import GreenletExit, greenlet

from atilite.errors import TaskCancelled
from atilite.forks import end_child, keep_from_children
from atilite.quickly import dataclass
from atilite.runtime.promise import Promise, Work
from atilite.runtime.timers import Timer, Timers

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("atilite.runtime")

# A step that keeps the hub longer than this many seconds is told: meanwhile nobody was served.
SLOW_STEP = 0.1
# Steps are counted by how long they kept the hub, in seconds: below the first they are not even looked at.
BOUNDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
NOTED = BOUNDS[0]


@dataclass(slots=True)
class Lag:
    """What the watchdog saw; seconds throughout. Written by the hub, read by anybody.

    `counts[n]` are the steps that kept the hub for BOUNDS[n] or more, but less than the next bound.
    """

    slow_steps: int = 0
    worst: float = 0.0
    last: str = ""
    last_seconds: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0] * len(BOUNDS))


class Loop:
    """A gevent hub that other threads may talk to.

    It starts by itself on a daemon thread when it is first needed, unless a thread has adopted it before: then the
    hub turns on that thread while `run` is called. Methods may be called from any thread unless they say otherwise.
    """

    def __init__(self, *, timer: Callable[[], float] = time.perf_counter) -> None:
        self.hub: Any = None  # gevent's hub; use it on the loop's thread only
        self.lag = Lag()
        self._timer = timer
        self._ident: int | None = None
        self._start_lock = threading.Lock()
        self._stopped: Promise[None] = Promise()
        self._keep_alive: Any = None
        self._idle: list[_Stepper] = []
        self._told = self._noted = (float("-inf"), 0.0)

    # -- whose thread

    def adopt(self) -> None:
        """Bind the hub to the calling thread, which then has to call `run`. Once, before the first use."""
        with self._start_lock:
            if self._ident is None:
                self._bind()
            elif self._ident != threading.get_ident():
                raise RuntimeError("the loop already runs on another thread; adopt it before anything uses it")

    def run(self) -> None:
        """Turn the hub in the calling thread until `stop`. Adopts the loop first if nobody has."""
        self.adopt()
        try:
            self._stopped.wait()
        finally:
            # A later run() is allowed, so that one process can serve, stop and serve again.
            self._stopped = Promise()

    def stop(self) -> None:
        """End `run`, or the loop's own thread; nothing if it does not turn."""
        if self.hub is not None:
            self._stopped.set(None)

    def inside(self) -> bool:
        """Whether the calling thread is the loop's."""
        return threading.get_ident() == self._ident

    @property
    def timers(self) -> int:
        """How many calls are to come later. Any thread; a moment's number."""
        return self._timers.wanted() if self.hub is not None else 0

    def in_greenlet(self) -> bool:
        """Whether the caller may wait cooperatively: on the loop's thread, but not on the bare hub."""
        return threading.get_ident() == self._ident and getcurrent() is not self.hub

    def _bind(self) -> None:
        hub = get_hub()
        # An active watcher: without one the hub says that nothing can ever happen and gives up.
        self._keep_alive = hub.loop.async_()
        self._keep_alive.start(_nothing)
        self._timers = Timers(hub, self._run)
        self.hub = hub
        self._ident = threading.get_ident()
        keep_from_children(self)

    def left_by_fork(self) -> None:
        """Do not turn in a child: it would take the events of its parent away."""
        if self.inside():
            self.hub.loop.run_callback(os._exit, 0)

    def _unbind(self) -> None:
        """Let the hub of an ended thread go, with its descriptors; a later use of the loop starts another one."""
        hub = self.hub
        idle, self._idle = self._idle, []
        self._stopped = Promise()
        self.hub = self._ident = None
        for stepper in idle:
            stepper.parent = getcurrent()  # where its end leads to
            stepper.throw(GreenletExit)
        hub.destroy(destroy_loop=True)

    def _start_thread(self) -> None:
        with self._start_lock:
            if self.hub is not None:
                return
            bound = threading.Event()
            threading.Thread(target=self._turn, args=(bound,), name="atilite-hub", daemon=True).start()
            bound.wait()

    def _turn(self, bound: threading.Event) -> None:
        self._bind()
        bound.set()
        self._stopped.wait()
        self._unbind()

    # -- work for the hub

    def call_soon(self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call `function` on the bare hub, soon and in order. It must not block; its error is logged."""
        self._post(self._run, functools.partial(function, **kwargs) if kwargs else function, args)

    def call_later(self, seconds: float, function: Callable[..., object], *args: object) -> Timer:
        """Call `function` on the bare hub after so many seconds, unless the timer is cancelled before."""
        if self.hub is None:
            self._start_thread()
        when = time.monotonic() + seconds
        timer = Timer(self._timers, function, args)
        if threading.get_ident() == self._ident:
            self._timers.add(when, timer)
        else:
            self._post(self._timers.add, when, timer)
        return timer

    def step(self, function: Callable[..., object], *args: object) -> None:
        """Call `function` soon on the hub, in a greenlet: unlike with `call_soon` it may wait cooperatively."""
        self._post(self._step, _Job(self, function, args))

    def spawn(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Promise[T]:
        """Run `function` in a greenlet of the hub, in the caller's context; cancelling raises GreenletExit in it."""
        promise: Work[T] = Work()
        call = functools.partial(function, **kwargs) if kwargs else function
        job = _Job(self, call, args, promise, copy_context())
        promise._canceller = job.cancel
        self._post(self._step, job)
        return promise

    def watched(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `function` under the watchdog's eyes, on the loop's thread.

        For callbacks that are given to gevent itself: `watcher.start(loop.watched, function)`.
        """
        start = self._timer()
        try:
            return function(*args, **kwargs)
        finally:
            if self._timer() - start > NOTED:
                self._account(start, function)

    def _post(self, function: Callable[..., object], *args: object) -> None:
        if self.hub is None:
            self._start_thread()
        loop = self.hub.loop
        if threading.get_ident() == self._ident:
            loop.run_callback(function, *args)
        else:
            loop.run_callback_threadsafe(function, *args)

    # -- on the hub

    def _run(self, function: Callable[..., object], args: tuple[object, ...]) -> None:
        start = self._timer()
        try:
            function(*args)
        except Exception:
            log.exception("a callback on the hub failed: %s", describe(function))
        if self._timer() - start > NOTED:
            self._account(start, function)

    def _is_new(self, inner: tuple[float, float], start: float, seconds: float, limit: float) -> bool:
        """Whether a step took long by itself: not if the last one, told already, was inside of it and all there was."""
        return inner[0] < start or seconds - inner[1] > limit

    def _account(self, start: float, function: object) -> None:
        seconds = self._timer() - start
        if not self._is_new(self._noted, start, seconds, NOTED):
            return
        self._noted = (start, seconds)
        lag = self.lag
        lag.counts[bisect_right(BOUNDS, seconds) - 1] += 1
        if seconds <= SLOW_STEP or not self._is_new(self._told, start, seconds, SLOW_STEP):
            return
        self._told = (start, seconds)
        name = describe(function)
        lag.slow_steps += 1
        lag.last, lag.last_seconds = name, seconds
        lag.worst = max(lag.worst, seconds)
        log.warning("%s kept the hub for %.0f ms; nobody else was served meanwhile", name, seconds * 1000)

    def _step(self, job: _Job) -> None:
        (self._idle.pop() if self._idle else _Stepper(self)).begin(job)

    def _rest(self, stepper: _Stepper) -> None:
        if len(self._idle) < 64:
            self._idle.append(stepper)


class _Job:
    """A function on its way through a greenlet."""

    __slots__ = ("args", "context", "function", "greenlet", "loop", "promise", "unwanted")

    def __init__(
        self,
        loop: Loop,
        function: Callable[..., object],
        args: tuple[object, ...],
        promise: Promise[Any] | None = None,
        context: Context | None = None,
    ) -> None:
        self.loop = loop
        self.function = function
        self.args = args
        self.promise = promise
        self.context = context
        self.greenlet: _Stepper | None = None
        self.unwanted = False

    def cancel(self) -> None:
        """Any thread. The promise is settled when the function has really ended."""
        self.unwanted = True
        self.loop.call_soon(self._kill)

    def _kill(self) -> None:
        if self.greenlet is not None:
            self.greenlet.throw(GreenletExit)

    def run(self) -> None:
        if self.unwanted:
            self._end(None, TaskCancelled("the task was cancelled before it started"))
            return
        self.greenlet = getcurrent()
        process = os.getpid()
        try:
            context = self.context
            value = self.function(*self.args) if context is None else context.run(self.function, *self.args)
        except GreenletExit:
            self._end(None, TaskCancelled("the task was cancelled"))
        except BaseException as error:  # a SystemExit of one task must not end the process
            end_child(process, error)
            self._end(None, error)
        else:
            end_child(process)
            self._end(value, None)

    def _end(self, value: object, error: BaseException | None) -> None:
        self.greenlet = None
        if self.promise is not None:
            self.promise.settle(value, error)
        elif error is not None:
            log.error("a step on the hub failed: %s", describe(self.function), exc_info=error)


class _Stepper(greenlet):  # type: ignore[misc]
    """A greenlet that is used again: a new one costs 10 us, a switch to an old one a third of one."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(parent=loop.hub)
        self._loop = loop
        self._job: _Job | None = None

    def begin(self, job: _Job) -> None:
        """On the bare hub: run `job` until it ends or waits."""
        start = self._loop._timer()
        # Not as an argument of the first switch: that would be kept as long as the greenlet lives, with its result.
        self._job = job
        self.switch()
        if self._loop._timer() - start > NOTED:
            self._loop._account(start, job.function)

    def run(self) -> None:
        while True:
            job, self._job = self._job, None
            assert job is not None
            job.run()
            del job  # a resting greenlet keeps nothing alive
            self._loop._rest(self)
            self._loop.hub.switch()


@functools.cache
def process_loop() -> Loop:
    """Return the loop that everything in this process shares; it starts when it is first used."""
    return Loop()


def describe(function: object) -> str:
    """Name a callable with its module, for a person who reads a log."""
    while isinstance(function, functools.partial):
        function = function.func
    owner = getattr(function, "__self__", None)
    watched = getattr(owner, "watched_name", None)
    if watched is not None:
        return str(watched)
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    module = getattr(function, "__module__", None)
    return f"{module}.{name}" if module else str(name)


def _nothing() -> None:
    """What a watcher does that is only there to keep the hub awake."""
