"""Functions that are called with events: each in a thread of its own, in order, with its lag and errors counted."""

from __future__ import annotations

import inspect
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .lazily import LazyModule
from .quickly import dataclass

if TYPE_CHECKING:
    import asyncio
else:
    asyncio = LazyModule("asyncio")

Run = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], object]

log = logging.getLogger("atilite.events")

_END: Any = object()

# What the log tells: a call of a subscriber that takes longer, in seconds; so many waiting events, then twice as many.
SLOW, MANY = 5.0, 1000


@dataclass(frozen=True, slots=True)
class SubscriberInfo:
    """A permanent subscriber at one moment. `waiting` events are not handled yet, `failures` of `calls` raised.

    `error` is the last one; `worst` is the longest call in seconds, `since` how long the present one has lasted.
    """

    name: str
    events: tuple[str, ...] = ()
    waiting: int = 0
    calls: int = 0
    failures: int = 0
    error: str | None = None
    worst: float = 0.0
    since: float | None = None

    @property
    def well(self) -> bool:
        """Whether nothing has failed and nothing piles up."""
        return not self.failures and self.waiting < MANY and (self.since or 0.0) < SLOW


class Subscriber:
    """Calls one function with every event, one after the other, in a thread that the first event starts.

    Nothing is dropped: what a slow function has not handled waits. Its lag and its errors are counted, and logged.
    """

    def __init__(self, function: Callable[..., Any], run: Run | None = None) -> None:
        self.function = function
        self.name = getattr(function, "__qualname__", repr(function))
        self._run = run or self._call
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._runner: asyncio.Runner | None = None
        # Written by its own thread only.
        self._calls = self._failures = 0
        self._error: str | None = None
        self._worst, self._began = 0.0, 0.0
        self._many = MANY

    def put_nowait(self, item: Any) -> None:
        """Queue a call with the positional argument `item`. Any thread, never blocks."""
        self.put_call((item,), {})

    def put_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Queue a call with these arguments. Any thread, never blocks."""
        self._events.put((args, kwargs))
        if self._thread is None:
            self._begin()
        elif self._events.qsize() >= self._many:
            self._pile()

    def info(self, events: tuple[str, ...] = ()) -> SubscriberInfo:
        """How it is now. Any thread."""
        began = self._began
        since = time.monotonic() - began if began else None
        waiting = self._events.qsize()
        return SubscriberInfo(self.name, events, waiting, self._calls, self._failures, self._error, self._worst, since)

    def close(self) -> None:
        """End the thread after the events that are queued now. Any thread, does not wait."""
        if self._thread is not None:
            self._events.put(_END)

    def join(self, timeout: float) -> bool:
        """Wait until the thread has ended after `close`; False if that takes longer. Blocks."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                name = f"event-{getattr(self.function, '__name__', 'subscriber')}"
                self._thread = threading.Thread(target=self._deliver, name=name, daemon=True)
                self._thread.start()

    def _pile(self) -> None:
        with self._lock:
            waiting = self._events.qsize()
            if waiting < self._many:
                return
            self._many = 2 * waiting
        log.warning("event subscriber %s is slower than its events: %d wait", self.name, waiting)

    def _deliver(self) -> None:
        while (event := self._events.get()) is not _END:
            self._began = began = time.monotonic()
            try:
                self._run(self.function, *event)
            except Exception as error:
                # The subscriber stays: one bad event must not silence all the later ones.
                self._failures += 1
                self._error = f"{type(error).__name__}: {error}"
                log.exception("event subscriber %r failed", self.function)
            self._handled(time.monotonic() - began)
        if self._runner is not None:
            self._runner.close()

    def _handled(self, seconds: float) -> None:
        self._began = 0.0
        self._calls += 1
        self._worst = max(self._worst, seconds)
        if self._events.empty():
            self._many = MANY
        if seconds > SLOW:
            log.warning("event subscriber %s took %.1f s; %d events wait", self.name, seconds, self._events.qsize())

    def _call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        result = function(*args, **kwargs)
        if inspect.iscoroutine(result):
            # One loop for all events of this subscriber, so that what it opened for one is usable in the next.
            self._runner = self._runner or asyncio.Runner()
            self._runner.run(result)
        elif inspect.isgenerator(result):
            _exhaust(result)


class Lost:
    """Counts the events that a full queue did not take, and says so at each doubling."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def count(self, sink: object) -> None:
        """One more event is lost for `sink`."""
        number = self._counts[id(sink)] = self._counts.get(id(sink), 0) + 1
        if number & (number - 1) == 0:
            log.warning("a queue that events are collected in is full: %d lost so far (%r)", number, sink)

    def forget(self, sink: object) -> None:
        """It is subscribed no more."""
        self._counts.pop(id(sink), None)

    @property
    def total(self) -> int:
        """The events lost by the queues that are subscribed now."""
        return sum(self._counts.values())


def _exhaust(generator: Any) -> None:
    """Run a generator to its end, waiting for each yielded task and sending it back."""
    sent = None
    while True:
        try:
            yielded = generator.send(sent)
        except StopIteration:
            return
        sent = yielded if hasattr(yielded, "wait") else None
        if sent is not None:
            sent.wait()
