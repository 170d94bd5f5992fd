"""One result that comes later, waited for by a thread, a greenlet, an asyncio task or a generator."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from gevent import getcurrent
from gevent.hub import _get_hub as existing_hub
from gevent.hub import get_hub

from atilite.errors import HubBlocked, TaskCancelled, TaskError, TaskTimeout
from atilite.lazily import LazyModule, in_asyncio

if TYPE_CHECKING:
    import asyncio
else:
    asyncio = LazyModule("asyncio")

T = TypeVar("T")

log = logging.getLogger("atilite.runtime")

# What a canceller answers: True "it is stopped", False "it cannot be stopped",
# None "it is being stopped; the maker settles the promise when that is done".
Canceller = Callable[[], bool | None]


class Promise(Generic[T]):
    """The result of work that is already under way: once settled it never changes, and the first one to settle wins.

    Every method may be called from any thread and greenlet, except as `wait` says.
    """

    __slots__ = ("__weakref__", "_asked", "_callbacks", "_canceller", "_done", "_error", "_once", "_trace", "_value")

    def __init__(self, canceller: Canceller | None = None) -> None:
        """`canceller` is asked by `cancel` to stop the work; see `Canceller` for what its answers mean."""
        self._done = False
        self._asked = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Promise[T]], object]] = []
        self._canceller = canceller
        # Acquired by the one who settles and never released: the cheapest "first wins" there is, and it needs no
        # other lock, because list.append and list.pop are atomic.
        self._once = threading.Lock()

    @classmethod
    def completed(cls, value: T) -> Promise[T]:
        """Return a promise that already has `value`."""
        promise = cls()
        promise.set(value)
        return promise

    @classmethod
    def failed(cls, error: BaseException) -> Promise[T]:
        """Return a promise that has already failed with `error`."""
        promise = cls()
        promise.fail(error)
        return promise

    @property
    def done(self) -> bool:
        return self._done

    @property
    def value(self) -> T | None:
        """The result, None as long as there is none."""
        return self._value

    @property
    def error(self) -> BaseException | None:
        """What the work raised, None if it did not fail or goes on."""
        self._asked = True
        return self._error

    def set(self, value: T) -> bool:
        """Settle with `value`; False if it was settled before."""
        return self.settle(value, None)

    def fail(self, error: BaseException) -> bool:
        """Settle with `error`, raised by whoever waits; False if it was settled before."""
        return self.settle(None, error)

    def settle(self, value: T | None, error: BaseException | None) -> bool:
        """Settle with `error` if there is one, else with `value`; False if it was settled before."""
        if not self._once.acquire(False):
            return False
        self._value = value
        self._error = error if error is None or isinstance(error, Exception) else _tamed(error)
        self._trace = None if error is None else error.__traceback__
        self._canceller = None
        self._done = True
        self._tell()
        return True

    def on_done(self, callback: Callable[[Promise[T]], object]) -> None:
        """Call `callback(promise)` once it is settled: in the thread that settles it, at once if that was before.

        An error of the callback is logged.
        """
        self._asked = True
        self._callbacks.append(callback)
        if self._done:
            # Either the settling thread or this one takes it from the list, never both.
            self._tell()

    def _tell(self) -> None:
        callbacks = self._callbacks
        while callbacks:
            try:
                callback = callbacks.pop(0)
            except IndexError:  # the other thread took the last one
                return
            try:
                callback(self)
            except (Exception, SystemExit):
                log.exception("a callback of a promise failed: %r", callback)

    def cancel(self) -> bool:
        """Ask the maker to stop the work.

        True: it has failed with TaskCancelled, or will settle as soon as the work has been stopped (its `finally`
        blocks run before). False: it was done already, or it cannot be stopped, such as a function on a thread.
        """
        if self._done:
            return False
        canceller = self._canceller
        answer = canceller() if canceller is not None else True
        if answer is True:
            return self.fail(TaskCancelled("the task was cancelled"))
        return answer is None

    def result(self) -> T:
        """Return the value or raise the error of a settled promise."""
        if not self._done:
            raise AssertionError("the promise is not settled; ask `done` first, or wait")
        self._asked = True
        if self._error is not None:
            try:
                # Back to the traceback of the work: each waiter adds its own frames, and they must not add up.
                raise self._error.with_traceback(self._trace)
            finally:
                del self  # the traceback would keep the promise, and the promise the traceback
        return cast(T, self._value)

    def wait(self, timeout: float | None = None) -> T:
        """Block until it is settled; return the value or raise the error.

        In a thread the thread waits, in a greenlet of the hub only that greenlet. Called from the bare hub (a
        `call_soon` function) or from the thread of a running asyncio loop it raises HubBlocked instead of stopping
        everybody. `timeout` is in seconds, None waits for ever; TaskTimeout when it passes, and the work goes on.
        """
        if not self._done:
            hub = existing_hub()
            if in_asyncio():
                raise HubBlocked("waiting here would stop the asyncio loop; write `await task` instead")
            if hub is None:
                self._wait_in_thread(timeout)
            elif getcurrent() is hub:
                raise HubBlocked("waiting here would stop every other request; yield the task, or use on_done")
            else:
                self._wait_in_greenlet(timeout)
        return self.result()

    def _wait_in_thread(self, timeout: float | None) -> None:
        lock = threading.Lock()
        lock.acquire()
        self.on_done(lambda _: lock.release())
        limit = -1 if timeout is None else max(0.0, min(timeout, threading.TIMEOUT_MAX))
        if not lock.acquire(True, limit):
            raise TaskTimeout(f"no result within {timeout} s")

    def _wait_in_greenlet(self, timeout: float | None) -> None:
        hub = get_hub()
        waiter = _Wakeup(hub)
        self.on_done(waiter.wake)
        timer = None
        if timeout is not None:
            timer = hub.loop.timer(max(0.0, timeout))
            timer.start(waiter.switch, update=True)
        # Keeps a hub alive that has nothing else to do: the result may come from a thread.
        hub.loop.ref()
        try:
            waiter.sleep()
        finally:
            hub.loop.unref()
            if timer is not None:
                timer.close()
        if not self._done:
            raise TaskTimeout(f"no result within {timeout} s")

    def __await__(self) -> Generator[Any, None, T]:
        if not self._done:
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            self.on_done(lambda _: _wake_asyncio(loop, future))
            yield from future
        return self.result()

    def __repr__(self) -> str:
        state = "pending" if not self._done else "done" if self._error is None else f"failed: {self._error!r}"
        return f"<Promise {state}>"


class Work(Promise[T]):
    """The promise of work that a person's code started; a failure that nobody ever asks for is logged."""

    __slots__ = ()

    def __del__(self) -> None:
        error = self._error
        if error is not None and not self._asked and not isinstance(error, TaskCancelled):
            log.error("work failed and nobody asked for its result", exc_info=error)


def _tamed(error: BaseException) -> Exception:
    """What a waiter gets for a SystemExit or a cancellation: raised as they are, they would end the waiter as well."""
    kind = type(error).__name__
    if kind in ("CancelledError", "GreenletExit", "GeneratorExit"):
        tamed: Exception = TaskCancelled("the task was cancelled")
    else:
        tamed = TaskError(f"the task ended with {kind}: {error}" if str(error) else f"the task ended with {kind}")
    tamed.__cause__ = error
    return tamed


class _Wakeup:
    """Lets one greenlet sleep until any thread wakes it."""

    __slots__ = ("_greenlet", "_hub")

    def __init__(self, hub: Any) -> None:
        self._hub = hub
        self._greenlet: Any = None

    def sleep(self) -> None:
        self._greenlet = getcurrent()
        try:
            self._hub.switch()
        finally:
            self._greenlet = None

    def wake(self, _: object) -> None:
        """Any thread."""
        self._hub.loop.run_callback_threadsafe(self.switch)

    def switch(self) -> None:
        """On the hub only. A greenlet that was woken by something else meanwhile is left alone."""
        if self._greenlet is not None:
            self._greenlet.switch()


def _wake_asyncio(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
    def wake() -> None:
        if not future.done():
            future.set_result(None)

    try:
        loop.call_soon_threadsafe(wake)
    except RuntimeError:
        log.debug("an asyncio loop was closed while a task was awaited in it")
