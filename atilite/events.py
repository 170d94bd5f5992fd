"""Something happened, told to whoever subscribed: `Emitter` for one typed event, `Bus` for events by name."""

from __future__ import annotations

import inspect
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from .lazily import LazyModule, in_asyncio

if TYPE_CHECKING:
    import asyncio
else:
    asyncio = LazyModule("asyncio")

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
Run = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], object]

log = logging.getLogger("atilite.events")


class Sink(Protocol):
    """Anything with `put_nowait`: `queue.Queue`, `queue.SimpleQueue`, `asyncio.Queue` or an EventQueue."""

    def put_nowait(self, item: Any) -> object: ...


class EventQueue(Generic[T]):
    """The events of one subscription in the order of their emission; bounded nowhere."""

    def __init__(self) -> None:
        self._items: queue.SimpleQueue[T] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def put_nowait(self, item: T) -> None:
        """Append an event. Any thread, never blocks."""
        self._items.put(item)
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for loop, wake in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(wake.set)

    def get(self, timeout: float | None = None) -> Any:
        """Return the next event; in `async def` code await what this returns.

        Elsewhere it blocks the calling thread for at most `timeout` seconds and raises `queue.Empty` then (inside
        `async def` it is `TimeoutError`). Never call it on the event loop's thread outside `async def`.
        """
        if in_asyncio():
            return asyncio.wait_for(self._next(), timeout)
        return self._items.get(timeout=timeout)

    def get_nowait(self) -> T:
        """Return the next event or raise `queue.Empty`. Any thread."""
        return self._items.get_nowait()

    def empty(self) -> bool:
        """Tell whether no event is waiting just now."""
        return self._items.empty()

    async def _next(self) -> T:
        # A wake-up only says "look again": a getter that is cancelled in between takes no event with it.
        while True:
            wake = asyncio.Event()
            with self._lock:
                self._waiting.append((asyncio.get_running_loop(), wake))
            if not self._items.empty():
                wake.set()
            await wake.wait()
            try:
                return self._items.get_nowait()
            except queue.Empty:
                continue


class _LoopQueue:
    """An `asyncio.Queue` of somebody else: it may only be touched on the loop of its owner."""

    def __init__(self, target: asyncio.Queue[Any], loop: asyncio.AbstractEventLoop) -> None:
        self._target, self._loop = target, loop

    def put_nowait(self, item: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._target.put_nowait, item)


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


class Emitter(Generic[T]):
    """One kind of event. `Emitter[str]()` makes one whose payload is a str.

    `emit` never blocks; each subscriber gets every event emitted after it subscribed, in the order of emission.
    `run` replaces how a permanent subscriber is called; it is called in the subscriber's own thread.
    """

    def __init__(self, *, run: Run | None = None) -> None:
        self._run = run
        self._lock = threading.Lock()
        # Replaced, never changed: emit reads them without the lock when there is nobody to tell.
        self._sinks: tuple[Sink, ...] = ()
        self._listeners: tuple[Callable[[T], object], ...] = ()
        self._lost = Lost()

    @property
    def subscribers(self) -> list[SubscriberInfo]:
        """The permanent subscribers and how they are."""
        return [sink.info() for sink in self._sinks if isinstance(sink, Subscriber)]

    @property
    def lost(self) -> int:
        """Events that queues with a bound, which somebody brought along, had no room for."""
        return self._lost.total

    def __call__(self, function: F) -> F:
        """Subscribe `function` for ever, as a decorator: it is called with every event, one at a time, in its own
        thread. An exception is logged and the next event is delivered."""
        self._add(Subscriber(function, self._run))
        return function

    def emit(self, payload: T) -> None:
        """Tell every subscriber. Any thread; never blocks and never raises for a subscriber's error."""
        if self._sinks:
            with self._lock:  # all subscribers see the same order
                for sink in self._sinks:
                    try:
                        sink.put_nowait(payload)
                    except (queue.Full, asyncio.QueueFull):
                        # Somebody's own queue with a bound: it loses what it has no room for, and nobody else does.
                        self._lost.count(sink)
        for listener in self._listeners:
            try:
                listener(payload)
            except Exception:
                log.exception("event listener %r failed", listener)

    @contextmanager
    def subscribe(self, own_queue: Any = None) -> Iterator[Any]:
        """Collect the events in a queue until the block ends.

        `own_queue` may be shared by several emitters: anything with `put_nowait`; an `asyncio.Queue` must be given
        in the loop that uses it.
        """
        target: Any = EventQueue() if own_queue is None else own_queue
        sink: Sink = target
        if own_queue is not None and isinstance(target, asyncio.Queue):
            sink = _LoopQueue(target, asyncio.get_running_loop())
        self._add(sink)
        try:
            yield target
        finally:
            with self._lock:
                self._sinks = tuple(one for one in self._sinks if one is not sink)
                self._lost.forget(sink)

    def listen(self, callback: Callable[[T], object]) -> Callable[[], None]:
        """Call `callback` in the emitting thread at each event; it must be quick. Returns what unsubscribes it."""
        with self._lock:
            self._listeners += (callback,)

        def unsubscribe() -> None:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one is not callback)

        return unsubscribe

    def close(self) -> None:
        """End the threads of the permanent subscribers once they have handled what was emitted until now."""
        with self._lock:
            ending = [sink for sink in self._sinks if isinstance(sink, Subscriber)]
            self._sinks = tuple(sink for sink in self._sinks if not isinstance(sink, Subscriber))
        for subscriber in ending:
            subscriber.close()

    def _add(self, sink: Sink) -> None:
        with self._lock:
            self._sinks += (sink,)


class Bus:
    """Events by name within one app: `on(name)` subscribes a function, `emit(name, ...)` calls all of them."""

    def __init__(self, *, run: Run | None = None) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._subscribers: dict[str, list[Subscriber]] = {}

    def on(self, name: str, *more: str) -> Callable[[F], F]:
        """Subscribe the decorated function to the events of these names.

        It is called with the arguments of `emit`, one event at a time, in its own thread; an exception is logged and
        the next event is delivered.
        """

        def register(function: F) -> F:
            subscriber = Subscriber(function, self._run)
            with self._lock:
                for each in (name, *more):
                    self._subscribers.setdefault(each, []).append(subscriber)
            return function

        return register

    def off(self, name: str, function: Callable[..., Any]) -> None:
        """Forget the function that was subscribed to `name` as this one; it still gets what was emitted before."""
        with self._lock:
            ending = [one for one in self._subscribers.get(name, ()) if one.function is function]
            self._subscribers[name] = [one for one in self._subscribers.get(name, ()) if one not in ending]
            listening = {id(one) for several in self._subscribers.values() for one in several}
        for subscriber in ending:
            if id(subscriber) not in listening:
                subscriber.close()

    def emit(self, name: str, *args: Any, **kwargs: Any) -> int:
        """Tell the subscribers of `name`; returns how many there are. Any thread, never blocks."""
        with self._lock:
            subscribers = self._subscribers.get(name, ())
            for subscriber in subscribers:
                subscriber.put_call(args, kwargs)
            return len(subscribers)

    @property
    def subscribers(self) -> list[SubscriberInfo]:
        """The subscribers and how they are, each with the names of its events."""
        with self._lock:
            found: dict[int, tuple[Subscriber, list[str]]] = {}
            for name, several in self._subscribers.items():
                for one in several:
                    found.setdefault(id(one), (one, []))[1].append(name)
        return [one.info(tuple(names)) for one, names in found.values()]

    def close(self) -> None:
        """Forget the subscribers; their threads end once they have handled what was emitted until now."""
        with self._lock:
            ending = {id(one): one for several in self._subscribers.values() for one in several}
            self._subscribers = {}
        for subscriber in ending.values():
            subscriber.close()
