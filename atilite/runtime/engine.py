"""Everything that runs work, as one object with the makers of tasks."""

from __future__ import annotations

import atexit
import functools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from atilite.lazily import LazyModule, function_of
from atilite.runtime.aio import Aio
from atilite.runtime.executors import Threads
from atilite.runtime.kinds import run_function
from atilite.runtime.loop import Loop, process_loop
from atilite.runtime.promise import Promise
from atilite.runtime.task import TIMEOUT, Mask, Sleep, Task, Tasks

if TYPE_CHECKING:
    from atilite.runtime import atwork
    from atilite.runtime.atwork import Working
    from atilite.runtime.processes import Processes
    from atilite.runtime.subprocesses import Subprocesses
else:
    atwork = LazyModule("atilite.runtime.atwork")
    # Loaded with the first task of their kind.
    Processes = function_of("atilite.runtime.processes", "Processes")
    Subprocesses = function_of("atilite.runtime.subprocesses", "Subprocesses")

Meta = dict[str, Any] | None
Filter = Callable[[Any], Any] | None
# What a task takes besides, and who makes it.
OPTIONS = {"timeout", "meta", "filter", "callback", "owner"}
# So many streamed answers may have a thread that makes their pieces.
PRODUCERS = 64
# Seconds that each place has for its end, also when another one has taken all the time there was.
A_MOMENT = 0.1


class Use(NamedTuple):
    """One kind of task at a moment: how many are at work, how many wait; of a pool its size, its threads so far, and
    how many have worked, failed and been cancelled since the start."""

    kind: str
    running: int
    waiting: int = 0
    size: int | None = None
    started: int | None = None
    worked: int | None = None
    failed: int | None = None
    cancelled: int | None = None


class Runtime:
    """The loop, the pools and the asyncio loop, each started when it is first used. All methods from any thread.

    The makers return a task that has started. Common options: `timeout` is how long one waits for it (seconds, None:
    for ever), `meta` the maker's notes, `filter` is applied to the data, `callback(task)` called at the end.
    """

    def __init__(self, *, loop: Loop | None = None, threads: int = 16, processes: int | None = None) -> None:
        self.loop = loop or process_loop()
        self.threads = Threads(threads, loop=self.loop)
        self._process_count = processes
        self._lock = threading.Lock()
        # By the kind of task that each is for.
        self._made: dict[str, Any] = {}

    @property
    def processes(self) -> Processes:
        made: Processes = self._once("Process", Processes, self._process_count)
        return made

    @property
    def subprocesses(self) -> Subprocesses:
        made: Subprocesses = self._once("Subprocess", Subprocesses)
        return made

    @property
    def producers(self) -> Threads:
        """Threads for what makes the pieces of a streamed answer: a slow client holds one of them, and no other."""
        made: Threads = self._once("Queue", _producers)
        return made

    @property
    def aio(self) -> Aio:
        made: Aio = self._once("async def", Aio)
        return made

    def _once(self, kind: str, make: Callable[..., Any], *args: Any) -> Any:
        with self._lock:
            if kind not in self._made:
                self._made[kind] = make(*args)
            return self._made[kind]

    # -- makers of tasks

    def Thread(
        self, function: Callable[..., Any], *args: Any, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> Task:
        """Run `function` on a pool thread: `Thread(f, 1, 2)` or `Thread(f, args=(1, 2), kwargs={...})`."""
        positional = _arguments("Thread", options, args) if options else args
        return self.task(self.threads.submit(function, *positional, **(kwargs or {})), **options)

    def Process(
        self, function: Callable[..., Any], *args: Any, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> Task:
        """Run `function`, which must be importable, in another process; arguments and result are pickled."""
        positional = _arguments("Process", options, args) if options else args
        return self.task(self.processes.submit(function, *positional, **(kwargs or {})), **options)

    def Subprocess(
        self,
        command: str | Sequence[str],
        timeout: float | None = TIMEOUT,
        *,
        meta: Meta = None,
        filter: Filter = None,
        **options: Any,
    ) -> Task:
        """Run a shell command (a string) or a program (a list); the data is its stdout as text.

        After `timeout` seconds its process group is ended. An exit code other than 0 is a SystemError with stderr.
        """
        how = {name: options.pop(name) for name in ("cwd", "env", "input") if name in options}
        _check("Subprocess", options)
        promise = self.subprocesses.run(command, timeout, **how)
        # The program itself ends in time, so a wait for it needs no second limit.
        return self.task(promise, timeout=None, meta=meta, filter=filter, **options)

    def Sleep(self, seconds: float, *, meta: Meta = None) -> Sleep:
        """A timer: no thread and no greenlet waits."""
        return Sleep(seconds, loop=self.loop, meta=meta)

    def Mask(self, data: Any = None, **options: Any) -> Mask:
        """A finished task around `data`."""
        return Mask(data, **options)

    def Tasks(self, *tasks: Any, **named: Any) -> Tasks:
        """Several tasks as one; see `Tasks`."""
        return Tasks(*tasks, **named)

    def task(self, promise: Promise[Any], **options: Any) -> Task:
        """Make a task of `promise` whose `then` runs here."""
        return Task(promise, runner=self.run, **options)

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Promise[Any]:
        """Start a function of any kind; see `run_function`, which has more options."""
        return run_function(function, args, kwargs, runtime=self)

    def uses(self) -> tuple[Use, ...]:
        """What is at work and what waits, by kind. Any thread; a moment's numbers, which nothing keeps for this."""
        pools, aio = self._pools()
        found = [Use(name, max(0, pool.open - pool.waiting), pool.waiting, pool.size, pool.started, *pool.endings)
                 for name, pool in pools.items()]  # fmt: skip
        found.append(Use("async def", aio.open if aio is not None else 0))
        found.append(Use("Sleep and limits", 0, self.loop.timers))
        return tuple(found)

    def at_work(self, most: int) -> tuple[list[Working], int]:
        """At most so many tasks, those that run first, each kind by its age; and how many there are. Any thread."""
        return atwork.at_work(*self._pools(), most)

    def working(self, id: str) -> Working | None:
        """The task of this id, which `at_work` has told; None if it has ended. Any thread."""
        return atwork.find(*self._pools(), id)

    def _pools(self) -> tuple[dict[str, Threads], Aio | None]:
        """The pools that have been used, by the kind of their tasks, and the asyncio loop if it was."""
        with self._lock:
            made = dict(self._made)
        pools = {"Thread": self.threads}
        for name in ("Process", "Subprocess", "Queue"):
            if name in made:
                pools[name] = made[name] if name == "Queue" else made[name].threads
        return pools, made.get("async def")

    def stop(self, deadline: float = 5.0) -> list[str]:
        """Cancel and end all work within so many seconds; name what goes on. The loop is left to its owner."""
        end = time.monotonic() + deadline
        with self._lock:
            places = [*self._made.values(), self.threads]
        names = []
        for place in places:
            left = place.stop(max(A_MOMENT, end - time.monotonic()))
            if left:
                names.append(f"{type(place).__name__}: {left}")
        return names


def _arguments(maker: str, options: dict[str, Any], args: Sequence[Any]) -> Sequence[Any]:
    """Take the arguments of the function out of the options."""
    positional: Sequence[Any] = options.pop("args", args)
    _check(maker, options, "; what is for the function goes into args= or kwargs=")
    return positional


def _check(maker: str, options: dict[str, Any], remedy: str = "") -> None:
    """Refuse options that no task has, before anything has started."""
    unknown = options.keys() - OPTIONS
    if unknown:
        raise TypeError(f"{maker}() has no option {', '.join(sorted(unknown))}{remedy}")


def _producers() -> Threads:
    return Threads(PRODUCERS, name="atilite-producer")


@functools.cache
def process_runtime() -> Runtime:
    """Return the runtime that everything in this process shares. It ends its children when the process exits."""
    runtime = Runtime()
    atexit.register(runtime.stop, 1.0)
    return runtime
