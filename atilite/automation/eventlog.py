"""The newest events of all apps, kept for readers who look when they can: the API's stream of events."""

from __future__ import annotations

import functools
import json
import threading
from collections import deque
from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from typing import Any

from atilite.automation.capture import masked_data
from atilite.automation.values import plain
from atilite.clock import Clock
from atilite.events import Bus, Emitted, Emitter
from atilite.quickly import dataclass
from atilite.store.columns import micros

# So many events are kept, and so many characters of their payloads; the oldest go first.
KEPT, KEPT_TEXT = 1000, 1 << 20
# Characters of one payload; of a longer one the beginning is told.
LONGEST, BEGINNING = 64 << 10, 1000


@dataclass(frozen=True, slots=True)
class Happened:
    """An event that was emitted, by `app` or (empty) through the API; `text` is its payload as JSON.

    Numbers grow from event to event, over a restart as well.
    """

    number: int
    name: str
    app: str
    at: datetime
    text: str


class EventLog:
    """Keeps what is emitted from the first reader on; until then an event costs nothing. Any thread.

    A reader who is slower than the events misses the oldest and is told so. Nobody who emits waits for a reader.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buses: tuple[tuple[str, Bus], ...] = ()
        self._secrets: Callable[[], tuple[str, ...]] = tuple
        self._listening: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._kept: deque[Happened] = deque()
        self._size = self._last = self._forgotten = 0
        self._changed: Emitter[None] = Emitter()

    def follow(self, buses: Iterable[tuple[str, Bus]], secrets: Callable[[], tuple[str, ...]]) -> None:
        """Keep what is emitted here, and no more what was followed until now; `secrets()` are never shown."""
        with self._lock:
            self._buses, self._secrets = tuple(buses), secrets
            if self._last:
                self._listen()

    def _listen(self) -> None:
        for unlisten in self._listening:
            unlisten()
        self._listening = [bus.emitted.listen(functools.partial(self.keep, app)) for app, bus in self._buses]

    def begin(self) -> int:
        """Keep events from now on, if that has not begun; return the number of the newest."""
        with self._lock:
            if not self._last:
                # Of the clock, so that a number from before a restart is smaller than all from now on.
                self._last = self._forgotten = micros(self._clock.now())
                self._listen()
            return self._last

    def listen(self, callback: Callable[[None], object]) -> Callable[[], None]:
        """Call `callback` behind each event, in the thread that emits it; returns what ends that."""
        return self._changed.listen(callback)

    def since(self, number: int, limit: int) -> tuple[list[Happened], bool]:
        """The oldest `limit` events after the one of this number, and whether some between them are gone."""
        with self._lock:
            missed = not self._forgotten <= number <= self._last
            if number > self._last:
                # Of a time when the clock was ahead: nobody can say what has been since.
                return [], missed
            newer = min(len(self._kept), self._last - number)
            start = len(self._kept) - newer
            return [self._kept[index] for index in range(start, min(start + limit, len(self._kept)))], missed

    def keep(self, app: str, event: Emitted) -> None:
        """Add an event, if anybody has ever asked for them. Never blocks for a reader."""
        if not self._last:
            return
        text = told(payload(event), self._secrets())
        with self._lock:
            self._last += 1
            self._kept.append(Happened(self._last, event.name, app, self._clock.now(), text))
            self._size += len(text)
            while len(self._kept) > KEPT or self._size > KEPT_TEXT:
                oldest = self._kept.popleft()
                self._forgotten, self._size = oldest.number, self._size - len(oldest.text)
        self._changed.emit(None)


def payload(event: Emitted) -> Any:
    """What an event says: its one argument, a list of several, or the named ones as an object."""
    args, named = event.args, event.kwargs
    if named:
        return {"args": list(args), **named} if args else named
    return (args[0] if args else None) if len(args) < 2 else list(args)


def told(value: Any, secrets: tuple[str, ...] = ()) -> str:
    """The value as JSON, dots in the place of secrets; what is no JSON by its repr."""
    try:
        text = json.dumps(value, default=_plainer, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        text = json.dumps(repr(value))
    if secrets:
        text = json.dumps(masked_data(json.loads(text), secrets))
    return text if len(text) <= LONGEST else json.dumps(f"{text[:BEGINNING]}... ({len(text)} characters)")


def _plainer(value: Any) -> Any:
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return list(value)
    try:
        return plain(value)
    except TypeError:
        return repr(value)
