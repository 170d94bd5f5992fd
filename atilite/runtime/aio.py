"""One asyncio loop on a thread of its own, for `async def` functions."""

from __future__ import annotations

import functools
import itertools
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from atilite.errors import TaskError
from atilite.forks import end_child, keep_from_children
from atilite.lazily import LazyModule
from atilite.runtime.promise import Promise, Work

if TYPE_CHECKING:
    import asyncio
else:
    asyncio = LazyModule("asyncio")

T = TypeVar("T")

log = logging.getLogger("atilite.runtime")


class Aio:
    """Runs coroutines on an asyncio loop, whose thread starts with the first one. All methods from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._make: Callable[[], asyncio.AbstractEventLoop] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopped = self._over = False
        # Only the loop's thread changes these; asyncio itself keeps no task alive.
        self._tasks: dict[asyncio.Task[Any], Job] = {}
        self._numbers = itertools.count(1)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop, started if it was not."""
        with self._lock:
            return self._started()

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._stopped:
            raise TaskError("the asyncio loop has been stopped")
        if self._loop is None:
            self._loop = asyncio.new_event_loop() if self._make is None else self._make()
            self._thread = threading.Thread(target=self._turn, args=(self._loop,), name="atilite-aio", daemon=True)
            self._thread.start()
            keep_from_children(self)
        return self._loop

    def left_by_fork(self) -> None:
        """Do not turn in a child: it would take the events of its parent away."""
        if self._loop is not None and self._thread is threading.current_thread():
            self._loop.call_soon(os._exit, 0)

    def choose(self, make: Callable[[], asyncio.AbstractEventLoop]) -> bool:
        """Have `make` make the loop when it starts; False if it has started already."""
        with self._lock:
            if self._loop is None:
                self._make = make
            return self._loop is None

    @property
    def open(self) -> int:
        """How many coroutines are under way. Any thread; a moment's number."""
        return len(self._tasks)

    @property
    def jobs(self) -> list[Job]:
        """The coroutines that are under way at this moment, those first that began first. Any thread."""
        return list(self._tasks.values())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> Promise[T]:
        """Run `coroutine` in the caller's context; cancelling cancels it there and settles when it has ended."""
        job = Job(coroutine, copy_context(), self._tasks, next(self._numbers))
        # With the lock, so that a stop comes before it or behind it, and then finds its task.
        with self._lock:
            try:
                loop = self._started()
            except TaskError as error:
                coroutine.close()
                return Promise.failed(error)
            job.promise = Work(functools.partial(_cancel_soon, loop, job))
            loop.call_soon_threadsafe(job.begin, loop)
        return job.promise

    def stop(self, timeout: float = 5.0) -> int:
        """Cancel all that runs and stop the loop; return how many coroutines had not ended after so many seconds."""
        with self._lock:
            self._stopped = True
            loop, thread = self._loop, self._thread
        if loop is None or thread is None or not thread.is_alive():
            return 0
        ended = asyncio.run_coroutine_threadsafe(self._end_all(timeout), loop)
        try:
            left = ended.result(timeout + 1)
        except TimeoutError:
            return len(self._tasks)  # something blocks the loop itself; its thread ends with the process
        loop.call_soon_threadsafe(self._finish, loop)
        thread.join(timeout)
        return left

    async def _end_all(self, timeout: float) -> int:
        # Also the tasks that the coroutines have made and not waited for: they too may have something to put away, and
        # may make others for that.
        end = monotonic() + timeout
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=max(0.0, end - monotonic()))
            if monotonic() >= end:
                break
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            # Python would say of each, when it comes to throw it away, that it "was destroyed".
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            log.warning("%s did not end when it was cancelled, and goes on no more", self._name_of(task))
        return len(left)

    def _name_of(self, task: asyncio.Task[Any]) -> str:
        job = self._tasks.get(task)
        return getattr(task.get_coro(), "__qualname__", "a task") if job is None else job.name

    def _finish(self, loop: asyncio.AbstractEventLoop) -> None:
        self._over = True
        loop.stop()

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            while not self._over:
                if _run_to_the_stop(loop) and not self._over:
                    log.error("a function has stopped the asyncio loop, which is everybody's: it goes on")
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()


def _run_to_the_stop(loop: asyncio.AbstractEventLoop) -> bool:
    """Turn the loop; False if it has to be turned again."""
    try:
        loop.run_forever()
    except (SystemExit, KeyboardInterrupt) as error:
        # A task that somebody's function made ended with it. The task keeps the error; the loop is everybody's.
        log.error("a task of an `async def` function ended with %s: %s", type(error).__name__, error)
        return False
    return True


async def _contained(coroutine: Coroutine[Any, Any, T]) -> T:
    process = os.getpid()
    try:
        value = await coroutine
        end_child(process)
        return value
    except BaseException as error:
        end_child(process, error)
        if not isinstance(error, (SystemExit, KeyboardInterrupt)):
            raise
        # asyncio would stop the whole loop for these; here they are the end of one function.
        raise TaskError(f"the task ended with {type(error).__name__}: {error}") from error


def _cancel_soon(loop: asyncio.AbstractEventLoop, job: Job) -> None:
    loop.call_soon_threadsafe(job.cancel)


class Job:
    """A coroutine on its way to the loop; used on the loop's thread only once it has been handed over."""

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, Any],
        context: Context,
        tasks: dict[asyncio.Task[Any], Job],
        number: int,
    ) -> None:
        self.promise: Work[Any] = Work()
        self.context = context
        self.number = number
        self.since = monotonic()
        self._coroutine = coroutine
        self._tasks = tasks
        self._task: asyncio.Task[Any] | None = None

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._task = loop.create_task(_contained(self._coroutine), context=self.context)
        self._tasks[self._task] = self
        self._task.add_done_callback(self._ended)

    @property
    def name(self) -> str:
        """The function's name, with its module as long as it goes on."""
        frame = getattr(self._coroutine, "cr_frame", None)
        module = "" if frame is None else f"{frame.f_globals.get('__name__', '')}."
        return module + str(getattr(self._coroutine, "__qualname__", "coroutine"))

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        self._coroutine.close()  # one that was cancelled before it began is still open
        if task.cancelled():
            self.promise.fail(asyncio.CancelledError())
        else:
            error = task.exception()
            self.promise.settle(None if error else task.result(), error)
