"""Where runs run: on threads of their own, apart from those of the tasks that they start."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from atilite.runtime.aio import Aio
from atilite.runtime.engine import Runtime
from atilite.runtime.executors import Threads
from atilite.runtime.kinds import run_function
from atilite.runtime.loop import Loop
from atilite.runtime.promise import Promise
from atilite.runtime.timers import Timer

# Few threads are quickest for many short runs. When all are held for longer than STUCK seconds, by runs that take
# their time or wait for each other, more are added.
POOL = 16
MOST = 500
STUCK = 0.05
AT_ONCE = 16
# Seconds after which the threads that were added are looked at again: they go when they are not needed any more.
REST = 5.0


class Places:
    """Starts the functions of runs. Any thread, never blocks."""

    def __init__(self, runtime: Callable[[], Runtime]) -> None:
        self._runtime = runtime
        self._probing = threading.Lock()
        self._resting: Timer | None = None

    @functools.cached_property
    def loop(self) -> Loop:
        return self._runtime().loop

    @property
    def aio(self) -> Aio:
        return self._runtime().aio

    @functools.cached_property
    def threads(self) -> Threads:
        return Threads(POOL, name="atilite-run", loop=self.loop)

    def run(
        self,
        kind: str,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        endless: bool = False,
    ) -> Promise[Any]:
        """Start `function` of this kind in the caller's context; an endless one has a thread of its own.

        What a plain function returns may be `unfinished`; `follow` gives its end.
        """
        threads = self.threads
        if kind != "plain":
            work = run_function(function, args, kwargs, runtime=self, start="dedicated" if endless else "thread")
        elif endless:
            return threads.dedicated(function, *args, **kwargs)
        else:
            work = threads.submit(function, *args, **kwargs)
        if threads.open > threads.size:
            self._probe(threads)
        return work

    def alone(self) -> bool:
        """Whether the calling thread is one of the pool's and has the only run that is queued or running there."""
        return self.threads.open == 1 and self.threads.inside()

    def follow(self, value: Any) -> Promise[Any]:
        """Run the generator or coroutine that a function has returned, or wait for its task."""
        return run_function(lambda: value, runtime=self)

    def release(self) -> None:
        """Let the threads end; a later run starts new ones."""
        threads = self.__dict__.pop("threads", None)
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        if threads is not None:
            threads.stop(0.0)

    def _probe(self, threads: Threads) -> None:
        """Send something through the queue: if it is not out again after a moment, the threads are stuck."""
        if self._probing.acquire(blocking=False):
            self.loop.call_later(STUCK, self._judge, threads, threads.submit(_nothing))

    def _judge(self, threads: Threads, probe: Promise[None]) -> None:
        self._probing.release()
        if not probe.done and threads.size < MOST:
            # Not here on the hub: when others compute, starting a thread may take some milliseconds.
            threads.dedicated(self._grow, threads)
        elif threads.open > threads.size:
            self._probe(threads)  # for what was queued behind this one

    def _grow(self, threads: Threads) -> None:
        for _ in range(max(1, min(threads.open - threads.size, AT_ONCE))):
            threads.size += 1
            threads.submit(_nothing)  # a pool grows when it is given something
        if self._resting is None:
            self._resting = self.loop.call_later(REST, self._rest, threads)
        self._probe(threads)

    def _rest(self, threads: Threads) -> None:
        if threads.open > POOL:
            self._resting = self.loop.call_later(REST, self._rest, threads)
            return
        self._resting = None
        threads.shrink(POOL)


def unfinished(value: Any) -> bool:
    """Whether a function has returned something that has yet to run: a task, a generator, a coroutine."""
    return hasattr(value, "on_done") or inspect.isgenerator(value) or inspect.iscoroutine(value)


def _nothing() -> None:
    """What a probe does."""
