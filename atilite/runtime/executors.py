"""Where plain functions run: a pool of threads, and threads of their own for what never ends."""

from __future__ import annotations

import itertools
import logging
import os
import queue
import threading
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from heapq import nsmallest
from time import monotonic
from typing import Any, ParamSpec, TypeVar

from atilite.errors import TaskCancelled, TaskError
from atilite.forks import end_child
from atilite.runtime.loop import Loop, describe
from atilite.runtime.promise import Promise, Work

P = ParamSpec("P")
T = TypeVar("T")

FEW = 2  # threads of a pool that are never more on a site that has little to do

log = logging.getLogger("atilite.runtime")


# What a thread of a pool knows of itself.
_self = threading.local()


def in_pool() -> bool:
    """Whether the calling thread belongs to a pool of `Threads`: it may block a little, nobody else waits for it."""
    return getattr(_self, "pooled", False)


# How calls end: the places in `Threads.endings`.
WORKED, FAILED, CANCELLED = range(3)


class Call:
    """A function on its way through a pool; either a thread begins it or somebody calls it off."""

    __slots__ = ("_claimed", "context", "number", "promise", "since", "work")

    def __init__(self, work: partial[Any]) -> None:
        self.context = copy_context()
        self.work = work
        self.since = monotonic()
        # Given by the pool to whoever asks; most calls have ended long before.
        self.number = 0
        self._claimed = threading.Lock()  # acquired once, never released: the first one has it
        self.promise: Work[Any] = Work(self.call_off)

    @property
    def begun(self) -> bool:
        """Whether a thread has taken it, or nobody will any more."""
        return self._claimed.locked()

    def call_off(self) -> bool:
        """True if it will never begin, False if it has begun: a thread cannot be stopped from outside."""
        return self._claimed.acquire(False)

    def run(self) -> int:
        """Do it; return how it ended: a place in `Threads.endings`."""
        if not self._claimed.acquire(False):
            return CANCELLED
        process = os.getpid()
        try:
            value = self.context.run(self.work)
        except BaseException as error:  # SystemExit too: it is the function's end, not the thread's
            end_child(process, error)
            self.promise.fail(error)
            return CANCELLED if isinstance(error, TaskCancelled) else FAILED
        end_child(process)
        self.promise.set(value)
        return WORKED


class Threads:
    """A pool of daemon threads, started when they are needed and at most `size`. All methods from any thread."""

    def __init__(self, size: int = 16, *, name: str = "atilite-task", loop: Loop | None = None) -> None:
        """On `loop`, if one is given, a thread is woken after what the hub does just now, not in the midst of it.

        Woken at once it would only take the processor away and then wait for the interpreter, and that costs as much
        as a small function.
        """
        self.size = size
        self._loop = loop
        self._name = name
        self._queue: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        # What is queued or runs. A copy is made at one go: no code of Python's runs in between.
        self._calls: set[Call] = set()
        self.endings = [0, 0, 0]  # how many calls have worked, failed and been cancelled
        self._threads: list[threading.Thread] = []
        self._idents: set[int] = set()
        self._numbers, self._listed = itertools.count(1), itertools.count(1)
        self._stopped = False
        # Called once, before there are more than a few threads.
        self.before_many: Callable[[], object] | None = None

    @property
    def open(self) -> int:
        """How many calls are queued or running."""
        return len(self._calls)

    def oldest(self, most: int) -> tuple[list[Call], int]:
        """At most so many of the calls that run or wait, those that run first, each by its age; and how many there are.

        Each of them has a number of its own in this pool from now on.
        """
        there = [call for call in list(self._calls) if not call.promise.done]
        found = nsmallest(most, there, key=lambda call: (not call.begun, call.since))
        with self._lock:
            for call in found:
                call.number = call.number or next(self._listed)
        return found, len(there)

    def numbered(self, number: int) -> Call | None:
        """The call with this number; None if it has ended."""
        return next((call for call in list(self._calls) if call.number == number and not call.promise.done), None)

    @property
    def waiting(self) -> int:
        """How many calls no thread has begun."""
        return self._queue.qsize()

    @property
    def started(self) -> int:
        """How many threads there are by now."""
        return len(self._threads)

    def inside(self) -> bool:
        """Whether the calling thread is one of the pool."""
        return threading.get_ident() in self._idents

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Promise[T]:
        """Run `function` on a thread of the pool, in the caller's context; never blocks, the queue has no bound.

        Cancelling works until a thread has begun it.
        """
        call = Call(partial(function, *args, **kwargs))
        with self._lock:
            if self._stopped:
                return Promise.failed(TaskError(f"{describe(function)} was not started: the threads have been stopped"))
            self._calls.add(call)
            if self._loop is not None and self._loop.inside():
                self._loop.call_soon(self._put, call)
            else:
                self._queue.put(call)
            if len(self._calls) > len(self._threads) < self.size:
                self._grow()
        return call.promise

    def _put(self, call: Call) -> None:
        with self._lock:
            if not self._stopped:
                self._queue.put(call)
                return
        _called_off(call)

    def dedicated(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Promise[T]:
        """Run `function` on a new thread of its own, for what runs for ever; in the caller's context."""
        call = Call(partial(function, *args, **kwargs))
        threading.Thread(target=call.run, name=f"{self._name}-{describe(function)}", daemon=True).start()
        return call.promise

    def shrink(self, size: int) -> None:
        """Have at most `size` threads from now on; those above it end after what they do."""
        with self._lock:
            if not self._stopped:
                self.size = size
                for _ in range(len(self._threads) - size):
                    self._queue.put(None)

    def stop(self, timeout: float = 5.0) -> int:
        """Cancel what is queued, wait at most so many seconds for what runs; return how many calls go on."""
        with self._lock:
            self._stopped = True
            threads = list(self._threads)
        self._drain()
        for _ in threads:
            self._queue.put(None)
        deadline = monotonic() + timeout
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - monotonic()))
        return sum(thread.is_alive() for thread in threads)

    def _drain(self) -> None:
        while True:
            try:
                call = self._queue.get_nowait()
            except queue.Empty:
                return
            if call is not None:
                _called_off(call)

    def _grow(self) -> None:
        if self.before_many is not None and len(self._threads) >= FEW:
            prepare, self.before_many = self.before_many, None
            prepare()
        thread = threading.Thread(target=self._work, name=f"{self._name}-{next(self._numbers)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        self._idents.add(threading.get_ident())
        _self.pooled = True
        while True:
            call = self._queue.get()
            if call is None:
                with self._lock:
                    self._threads.remove(threading.current_thread())
                return
            ending = call.run()
            with self._lock:
                self._calls.remove(call)
                self.endings[ending] += 1
            del call  # a waiting thread must not keep the last call's result alive


def _called_off(call: Call) -> None:
    if call.call_off():
        call.promise.fail(TaskCancelled("the threads were stopped before the task began"))
