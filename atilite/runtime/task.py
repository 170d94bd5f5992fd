"""Tasks: work that has started, and the ways to get at its result."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextvars import copy_context
from operator import methodcaller
from typing import TYPE_CHECKING, Any

from atilite.errors import SetupError, TaskError, TaskTimeout
from atilite.lazily import LazyModule
from atilite.runtime.functions import wants_was
from atilite.runtime.loop import Loop, process_loop
from atilite.runtime.outcome import STA_NORMAL, Outcome, only
from atilite.runtime.promise import Promise

if TYPE_CHECKING:
    import asyncio
else:
    asyncio = LazyModule("asyncio")

# Seconds that a task is waited for if nobody says otherwise.
TIMEOUT = 10.0

_UNSET: Any = object()


class Task:
    """Work that was started when this was made.

    `timeout` is how many seconds one waits for it (None: for ever), counted from the moment of waiting. `meta` is
    for the maker's own notes. `filter` is applied once to the data, by the first who fetches it. `callback(task)` is
    called when it has ended. `owner` is the `was` that made it: `then` gives it to a function that wants one.
    `runner(function, *args)` starts a function of any kind and returns its promise; without it `then` calls its
    function where the task ends.

    All methods may be called from any thread and greenlet; those that wait, wait as `Promise.wait` does.
    """

    __slots__ = (
        "__weakref__",
        "_data",
        "_filter",
        "_lock",
        "_promise",
        "expired",
        "meta",
        "owner",
        "runner",
        "timeout",
    )

    def __init__(
        self,
        promise: Promise[Any],
        *,
        timeout: float | None = TIMEOUT,
        meta: dict[str, Any] | None = None,
        filter: Callable[[Any], Any] | None = None,
        callback: Callable[[Any], object] | None = None,
        owner: object = None,
        runner: Callable[..., Promise[Any]] | None = None,
    ) -> None:
        self._promise = promise
        self._filter = filter
        self._data = _UNSET
        self.timeout = timeout
        self.meta: dict[str, Any] = {} if meta is None else meta
        self.owner = owner
        self.runner = runner
        # Set by who waited in vain on behalf of a coroutine: its fetch() must not wait a second time.
        self.expired = False
        if filter is not None:
            self._lock = threading.Lock()
        if callback is not None:
            self.on_done(callback)

    @classmethod
    def completed(cls, value: Any) -> Task:
        """Return a task that has ended with `value`."""
        return Task(Promise.completed(value))

    @property
    def promise(self) -> Promise[Any]:
        return self._promise

    @property
    def done(self) -> bool:
        return self.promise.done

    def set_timeout(self, seconds: float | None) -> None:
        """Change how long one waits for it."""
        self.timeout = seconds

    def fetch(self, timeout: float | None = None) -> Any:
        """Wait for the data; raise the task's error, or TaskTimeout after `timeout` seconds (its own by default)."""
        self._await_end(timeout)
        return self._filtered()

    def one(self, timeout: float | None = None) -> Any:
        """Fetch and return the only element; 410 if there is none, 409 if there are several; no sequence: itself."""
        return only(self.fetch(timeout))

    def commit(self, timeout: float | None = None) -> None:
        """Wait for the end; raise as fetch does, but leave the data."""
        self._await_end(timeout)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end, well or not, without raising; False if it has not come in time."""
        try:
            self._await_end(timeout)
        except Exception as error:
            if self._is_misuse(error):
                raise
        return self.done

    def dispatch(self, timeout: float | None = None) -> Outcome:
        """Wait for the end and tell how it went, without raising."""
        try:
            return Outcome(STA_NORMAL, 200, self.fetch(timeout), None)
        except Exception as error:
            if self._is_misuse(error):
                raise
            return Outcome.of_error(error)

    def then(self, function: Callable[..., Any] | None = None) -> Task:
        """Return the task of `function(task)`, called when this one has ended, in the caller's context.

        With `was` as its first parameter it is called as `function(was, task)`. If it returns a task, that one's
        data is the result. When this one's time is over it is called all the same: then `fetch` raises TaskTimeout.
        Without a function this task's own data is the result. Raises TaskError when there is no `was` to give.
        """
        if function is None:
            return self
        args: tuple[Any, ...] = (self,)
        if wants_was(function):
            if self.owner is None:
                raise TaskError("this task was made by no `was`; make it with one, or have the function take it alone")
            args = (self.owner, self)
        result: Promise[Any] = Promise()
        context, once = copy_context(), threading.Lock()

        def go() -> None:
            if once.acquire(False):  # never released: the end and the timer may come at the same time
                context.run(self._follow, function, args, result)

        def expire() -> None:
            self.expired = True
            go()

        if self.timeout is not None and not self.done:
            timer = process_loop().call_later(self.timeout, expire)
            self.promise.on_done(lambda _: timer.cancel())
        self.promise.on_done(lambda _: go())
        return Task(result, timeout=None, meta=self.meta, owner=self.owner, runner=self.runner)

    def on_done(self, callback: Callable[[Any], object]) -> None:
        """Call `callback(task)` when it has ended, in the thread where it ends; at once if it has."""
        self.promise.on_done(lambda _: callback(self))

    def cancel(self) -> bool:
        """Ask for its end; see `Promise.cancel`."""
        return self.promise.cancel()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._awaited().__await__()

    async def _awaited(self) -> Any:
        try:
            await asyncio.wait_for(_settled(self.promise), self.timeout)
        except TimeoutError:
            if not self.done:
                raise TaskTimeout(f"no result within {self.timeout} s") from None
        return self.fetch()

    def _await_end(self, timeout: float | None) -> None:
        promise = self.promise
        if self.expired and timeout is None and not promise.done:
            raise TaskTimeout(f"no result within {self.timeout} s")
        promise.wait(self.timeout if timeout is None else timeout)

    def _filtered(self) -> Any:
        if self._filter is None:
            return self._raw()
        with self._lock:
            if self._data is _UNSET:
                self._data = self._filter(self._raw())
        return self._data

    def _raw(self) -> Any:
        return self._promise.value

    def _is_misuse(self, error: Exception) -> bool:
        # The wait itself was refused: that is no way for a task to end.
        return not self.done and not isinstance(error, TaskTimeout)

    def _follow(self, function: Callable[..., Any], args: tuple[Any, ...], result: Promise[Any]) -> None:
        if self.runner is not None:
            settle_from(self.runner(function, *args), result)
            return
        try:
            settle_from(function(*args), result)
        except Exception as error:
            result.fail(error)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.promise!r}>"


class Mask(Task):
    """A finished task around data that one has already."""

    __slots__ = ()

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(Promise.completed(data), **options)


class Sleep(Task):
    """A task that ends after so many seconds: a timer on the hub, which holds no thread and no greenlet."""

    __slots__ = ()

    def __init__(self, seconds: float, *, loop: Loop | None = None, meta: dict[str, Any] | None = None) -> None:
        promise: Promise[None] = Promise()
        timer = (loop or process_loop()).call_later(seconds, promise.set, None)
        promise.on_done(lambda _: timer.cancel())
        super().__init__(promise, timeout=None, meta=meta)


class Tasks(Task):
    """Several tasks as one.

    `Tasks([a, b])` and `Tasks(a, b)` fetch a list in that order, nested Tasks a nested list. `Tasks(a, x=b)` fetches
    a dict of the named ones; the others are only completed, and an error of theirs is raised all the same.
    Without `timeout` one waits as long as for the most patient of them.
    """

    __slots__ = ("_named", "_positional")

    def __init__(
        self,
        *tasks: Any,
        timeout: float | None = _UNSET,
        meta: dict[str, Any] | None = None,
        filter: Callable[[Any], Any] | None = None,
        callback: Callable[[Any], object] | None = None,
        **named: Task,
    ) -> None:
        self._positional: list[Task] = []
        self._named: dict[str, Task] = {}
        super().__init__(_UNSET, meta=meta, filter=filter)
        for item in tasks:
            self._take([item] if isinstance(item, Task) else item, {})
        self._take((), named)
        self.timeout = self._patience() if timeout is _UNSET else timeout
        if callback is not None:
            self.on_done(callback)

    @property
    def promise(self) -> Promise[Any]:
        """Settled when the last of them has ended; tasks cannot be added after the first look at it."""
        if self._promise is _UNSET:
            self._promise = _all_of([task.promise for task in self])
        return self._promise

    def add(self, task: Task, name: str | None = None) -> None:
        """Take one more task, before the first wait."""
        if self._promise is not _UNSET:
            raise SetupError("these tasks are already waited for; add to them before, or make new Tasks of both")
        if not isinstance(task, Task):
            raise TypeError(f"Tasks are made of tasks, not of {task!r}; Mask(value) is a task around a value")
        if name is None:
            self._positional.append(task)
        else:
            self._named[name] = task

    def merge(self, tasks: Any) -> None:
        """Take the members of other Tasks, with their names, or of a list."""
        if isinstance(tasks, Tasks):
            self._take(tasks._positional, tasks._named)
        else:
            self._take(tasks, {})

    def _take(self, tasks: Iterable[Task], named: Mapping[str, Task]) -> None:
        for task in tasks:
            self.add(task)
        for name, task in named.items():
            self.add(task, name)

    @property
    def unnamed(self) -> list[Task]:
        """The members without a name, in their order."""
        return list(self._positional)

    @property
    def names(self) -> Mapping[str, Task]:
        """The members that have a name; {} where a filter makes one thing of all."""
        return dict(self._named) if self._filter is None else {}

    def one(self, timeout: float | None = None) -> Any:
        """Fetch the only element of each."""
        self._await_end(timeout)
        return self._gathered(methodcaller("one"))

    def commit(self, timeout: float | None = None) -> None:
        """Wait for all; raise the first error in their order."""
        self._await_end(timeout)
        for task in self:
            task.commit()

    def dispatch(self, timeout: float | None = None) -> Any:
        """Wait for all and tell how each went."""
        self.wait(timeout)
        if self._named:
            return {name: task.dispatch(0) for name, task in self._named.items()}
        return [task.dispatch(0) for task in self._positional]

    def cancel(self) -> bool:
        """Ask for the end of each; True if one of them could be asked."""
        return sum(task.cancel() for task in self) > 0

    def __iter__(self) -> Iterator[Task]:
        yield from self._positional
        yield from self._named.values()

    def __len__(self) -> int:
        return len(self._positional) + len(self._named)

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, which: Any) -> Any:
        """Return a task by position or name, or new Tasks of a slice."""
        if isinstance(which, str):
            return self._named[which]
        members = list(self)[which]
        return Tasks(members) if isinstance(which, slice) else members

    def _patience(self) -> float | None:
        waits = [task.timeout for task in self]
        if None in waits:
            return None
        return max((wait for wait in waits if wait is not None), default=TIMEOUT)

    def _raw(self) -> Any:
        return self._gathered(methodcaller("fetch"))

    def _gathered(self, take: Callable[[Task], Any]) -> Any:
        if not self._named:
            return [take(task) for task in self._positional]
        for task in self._positional:
            task.commit()
        return {name: take(task) for name, task in self._named.items()}


def _all_of(promises: list[Promise[Any]]) -> Promise[Any]:
    everything: Promise[Any] = Promise()
    # list.pop is atomic, whatever threads the tasks end in.
    open_ones = [None] * len(promises)

    def one_less(_: object) -> None:
        open_ones.pop()
        if not open_ones:
            everything.set(None)

    for promise in promises:
        promise.on_done(one_less)
    if not promises:
        everything.set(None)
    return everything


def settle_from(source: Any, result: Promise[Any]) -> None:
    """Settle `result` with `source`: a value, or a task or promise of it."""
    if isinstance(source, Task):
        task = source
        task.on_done(lambda _: _settle_with(task, result))
    elif isinstance(source, Promise):
        source.on_done(lambda ended: result.fail(ended.error) if ended.error else settle_from(ended.value, result))
    else:
        result.set(source)


def _settle_with(task: Task, result: Promise[Any]) -> None:
    try:
        value = task.fetch()
    except Exception as error:
        result.fail(error)
    else:
        result.set(value)


async def _settled(promise: Promise[Any]) -> None:
    """Wait in an asyncio loop for the end, well or not."""
    ended: Promise[None] = Promise()
    promise.on_done(lambda _: ended.set(None))
    await ended
