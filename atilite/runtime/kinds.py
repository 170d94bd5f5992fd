"""Runs a function of any kind: plain, a generator that yields tasks, or `async def`."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Literal, Protocol

from atilite.context import carry
from atilite.runtime.aio import Aio
from atilite.runtime.drive import Drive
from atilite.runtime.executors import Threads
from atilite.runtime.functions import Kind, kind_of
from atilite.runtime.loop import Loop, describe
from atilite.runtime.promise import Promise
from atilite.runtime.task import Task, settle_from

OnChunk = Callable[[Any], Promise[Any] | None]
Place = Literal["thread", "dedicated", "hub"]
Resume = Literal["hub", "thread"]


class Places(Protocol):
    """Where functions run; a Runtime has them."""

    @property
    def loop(self) -> Loop: ...
    @property
    def threads(self) -> Threads: ...
    @property
    def aio(self) -> Aio: ...


def run_function(
    function: Callable[..., Any],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    runtime: Places,
    on_chunk: OnChunk | None = None,
    start: Place = "thread",
    resume: Resume = "hub",
) -> Promise[Any]:
    """Start `function` where its kind belongs and promise its result. Any thread, in the caller's context.

    A plain function runs on a pool thread (`start="dedicated"`: on a thread of its own). A generator takes its first
    step there (`start="hub"`: on the hub) and goes on as `resume` says. An `async def` function runs on the asyncio
    loop. What a plain function returns is followed: a generator or coroutine is run, a task's data is the result.

    A cancel closes a generator and cancels a coroutine; a plain function that has begun cannot be stopped.
    """
    run = _Run(runtime, function, on_chunk, resume)
    begin = functools.partial(run.begin, functools.partial(function, *args, **(kwargs or {})))
    if run.kind == "async":
        begin()
    elif run.kind == "generator" and start == "hub":
        runtime.loop.step(carry(begin))
    else:
        run.queue(runtime.threads.dedicated(begin) if start == "dedicated" else runtime.threads.submit(begin))
    return run.promise


class _Run:
    """One started function. Whoever works on it at the moment is asked when it shall be cancelled."""

    def __init__(self, runtime: Places, function: Callable[..., Any], on_chunk: OnChunk | None, resume: Resume) -> None:
        self.kind: Kind = kind_of(function)
        # The name of its thread, and of its steps on the hub.
        self.watched_name = describe(function)
        self.promise: Promise[Any] = Promise(self._cancel)
        self._runtime = runtime
        self._on_chunk = on_chunk
        self._resume = resume
        self._lock = threading.Lock()
        self._current: Promise[Any] | None = None
        self._unwanted = False

    def queue(self, queued: Promise[None]) -> None:
        """Note that `begin` is in a queue."""
        with self._lock:
            if self._current is None:
                self._current = queued
        queued.on_done(lambda ended: ended.error is not None and self.promise.fail(ended.error))

    def begin(self, call: Callable[[], Any]) -> None:
        """Call the function in this thread and follow what it returns."""
        try:
            value = call()
        except BaseException as error:  # the function's end
            self.promise.fail(error)
            return
        if inspect.isgenerator(value):
            self._drive(value)
        elif inspect.iscoroutine(value):
            work = self._runtime.aio.run(value)
            self._leave_to(work)
            work.on_done(lambda ended: self.promise.settle(ended.value, ended.error))
        else:
            if isinstance(value, Task):
                self._leave_to(value.promise)
            settle_from(value, self.promise)

    def _drive(self, generator: Generator[Any, Any, Any]) -> None:
        runtime = self._runtime
        drive = Drive(
            generator, loop=runtime.loop, on_chunk=self._on_chunk, resume=self._resume, threads=runtime.threads
        )
        self._leave_to(drive.promise)
        drive.promise.on_done(lambda ended: self.promise.settle(ended.value, ended.error))
        drive.start_here()

    def _leave_to(self, work: Promise[Any]) -> None:
        with self._lock:
            self._current = work
            unwanted = self._unwanted
        if unwanted:
            work.cancel()

    def _cancel(self) -> bool | None:
        with self._lock:
            self._unwanted = True
            work = self._current
        if work is not None and work.cancel():
            return None
        # It has begun and is no generator or coroutine yet; those are called off as soon as they are there.
        return False if self.kind == "plain" else None
