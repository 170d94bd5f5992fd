"""Something happened, told to whoever subscribed: `Emitter` for one typed event, `Bus` for events by name."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from .lazily import LazyModule, in_asyncio
from .subscribers import Lost, Run, Subscriber, SubscriberInfo

if TYPE_CHECKING:
    import asyncio
else:
    asyncio = LazyModule("asyncio")

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

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


class Emitted(NamedTuple):
    """An event by name, as it was emitted."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Bus:
    """Events by name within one app: `on(name)` subscribes a function, `emit(name, ...)` calls all of them.

    `emitted` tells of each event once, in the app that it comes from and before its subscribers hear it.
    """

    def __init__(self, *, run: Run | None = None) -> None:
        self.emitted: Emitter[Emitted] = Emitter()
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
