"""What a stream of updates is made of: sources that tell what is new since a position, and a bell that wakes readers.

A source is read on the loop with quick reads of the store, in small portions. Whatever happens rings the bell; the
reader then fetches everything that came meanwhile at once, so a busy run costs a reader a few reads a second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from typing import Any, Protocol

from atilite.events import Emitter
from atilite.runtime.loop import Loop
from atilite.runtime.promise import Promise
from atilite.runtime.task import Sleep
from atilite.store.kv import Changed

from .shapes import happened, headline, record, service

# Rows a read: small, because other requests wait meanwhile.
PORTION = 100
# Changes of services that a stalled reader may leave behind before the oldest are dropped.
MOST_WAITING = 1000

# Silence in seconds after which a reader is told so: proxies keep the connection, and a client that is gone is noticed.
HEARTBEAT = 15.0
# After a message the reader sleeps this long: what comes meanwhile is read at once, and a hundred readers cost little.
GAP = 0.05

# An event's number, after which a later stream can go on (None: it cannot), and its body.
Message = tuple[int | None, dict[str, Any]]


class Bell:
    """Tells one reader that there may be something new. Any thread rings."""

    def __init__(self) -> None:
        self.rung: Promise[None] = Promise()

    def ring(self, *_: object) -> None:
        """Wake the reader, or keep it from falling asleep."""
        self.rung.set(None)

    def reset(self) -> None:
        """Begin to wait anew. Called before reading, so that nothing that happens while reading is missed."""
        if self.rung.done:
            self.rung = Promise()


class Source(Protocol):
    """Something that changes. `fetch` is called on the loop, or by the one thread that serves the stream."""

    @property
    def over(self) -> bool:
        """True when there will never be more."""

    def listen(self, ring: Callable[..., None]) -> Callable[[], None]:
        """Call `ring` whenever there may be something new; return what ends that."""

    def fetch(self) -> list[Message]:
        """What is new since the last call, oldest first, [] if nothing is. May be only a part: fetch again."""


def pump(
    source: Source, bell: Bell, allowed: Callable[[], bool], loop: Loop, now: Callable[[], float]
) -> Generator[list[Message] | Sleep | Promise[None], Any, None]:
    """Yield what is to be sent (a list; an empty one is a heartbeat) and what is to be waited for, until it is over.

    `allowed` is asked at each heartbeat: it says whether the reader still may read. `now` is a monotonic clock.
    """
    unlisten = source.listen(bell.ring)
    beat = now()
    try:
        while True:
            bell.reset()
            messages = source.fetch()
            if messages:
                yield messages
            if now() - beat >= HEARTBEAT:
                beat = now()
                if not allowed():
                    return
                yield []
            if messages:
                if len(messages) < PORTION:
                    yield Sleep(GAP, loop=loop)
                continue
            if source.over:
                return
            timer = loop.call_later(max(0.0, beat + HEARTBEAT - now()), bell.ring)
            try:
                yield bell.rung
            finally:
                timer.cancel()
    finally:
        unlisten()


class RunChanges:
    """The headlines of all runs as they change, after the change of this number (None: from now on)."""

    over = False

    def __init__(self, journals: Any, after: int | None) -> None:
        self._journals = journals
        self._after = journals.last_change() if after is None else after

    def listen(self, ring: Callable[..., None]) -> Callable[[], None]:
        unlisten: Callable[[], None] = self._journals.updated.listen(ring)
        return unlisten

    def fetch(self) -> list[Message]:
        found = self._journals.changes(self._after, PORTION)
        if found:
            self._after = found[-1].change
        return [(run.change, {"type": "journal", **headline(run)}) for run in found]


class OneRun:
    """The records of one run after the record of this number, and its headline each time it changes.

    The number of every event is that of the last record, so a stream that resumes gets no record twice; the headline,
    which is a state and not an addition, is told again at the beginning. Only the end has the number behind it: who
    comes back with that has seen the end, who comes back with the last record's has not. `stored(id)` reads a run from
    the disk: what the process knows of it already may be ahead of its records there.
    """

    def __init__(self, journals: Any, stored: Callable[[int], Any], run: int, after: int | None) -> None:
        self._journals, self._stored, self._run, self._after = journals, stored, run, after or 0
        self._told: int | None = None
        self.over = False

    def listen(self, ring: Callable[..., None]) -> Callable[[], None]:
        def ring_for_this(run: int) -> None:
            if run == self._run:
                ring()

        ends = [emitter.listen(ring_for_this) for emitter in (self._journals.updated, self._journals.recorded)]

        def unlisten() -> None:
            for end in ends:
                end()

        return unlisten

    def fetch(self) -> list[Message]:
        # The headline first: once it says that the run has ended, all of its records are stored.
        run = self._stored(self._run)
        records = self._journals.records(self._run, after=self._after, limit=PORTION)
        messages: list[Message] = [(entry.id, {"type": "record", **record(entry)}) for entry in records]
        if records:
            self._after = records[-1].id
        if run is None:
            self.over = self._told is not None
        elif len(records) < PORTION and run.change != self._told:
            self._told, self.over = run.change, not run.pending
            messages.append((self._after + self.over, {"type": "journal", **headline(run)}))
        return messages


class ServiceChanges:
    """Each service as it changes, from now on."""

    over = False

    def __init__(self, changed: Emitter[Any]) -> None:
        self._changed = changed
        self._waiting: deque[Any] = deque(maxlen=MOST_WAITING)

    def listen(self, ring: Callable[..., None]) -> Callable[[], None]:
        def keep(info: Any) -> None:
            self._waiting.append(info)
            ring()

        return self._changed.listen(keep)

    def fetch(self) -> list[Message]:
        found: list[Message] = []
        while self._waiting:
            found.append((None, {"type": "service", **service(self._waiting.popleft())}))
        return found


class AppEvents:
    """The events that apps emit, those of these names or all, after the event of this number (None: from now on).

    The first message tells the number where the stream begins, so that a reader who heard nothing can resume as well.
    """

    over = False

    def __init__(self, log: Any, names: frozenset[str], after: int | None) -> None:
        self._log, self._names = log, names
        newest = log.begin()
        self._after = newest if after is None else after
        self._begun = False

    def listen(self, ring: Callable[..., None]) -> Callable[[], None]:
        unlisten: Callable[[], None] = self._log.listen(ring)
        return unlisten

    def fetch(self) -> list[Message]:
        messages: list[Message] = []
        # Whoever gets nothing falls asleep: there must be nothing left to look through.
        while not messages:
            found, missed = self._log.since(self._after, PORTION)
            if missed:
                self._after = found[0].number - 1 if found else self._log.begin()
            if missed or not self._begun:
                kind, self._begun = "missed" if missed else "listening", True
                messages.append((self._after, {"type": kind, "id": self._after}))
            if not found:
                break
            self._after = found[-1].number
            messages += [(one.number, happened(one)) for one in found if not self._names or one.name in self._names]
        return messages


class KeyChanges:
    """Each change of the keys of one namespace, or of all but the platform's own, from now on."""

    over = False

    def __init__(self, changed: Emitter[Changed], namespace: str | None, prefix: str) -> None:
        self._changed, self._namespace, self._prefix = changed, namespace, prefix
        self._waiting: deque[dict[str, Any]] = deque(maxlen=MOST_WAITING)

    def listen(self, ring: Callable[..., None]) -> Callable[[], None]:
        def keep(changed: Changed) -> None:
            if self._wants(changed.namespace):
                values = changed.values or (None,) * len(changed.keys)
                for key, value in zip(changed.keys, values, strict=True):
                    if key.startswith(self._prefix):
                        told = {"namespace": changed.namespace, "key": key, "removed": changed.removed, "value": value}
                        if changed.expired:
                            told["expired"] = True
                        self._waiting.append({"type": "key", **told})
                ring()

        return self._changed.listen(keep)

    def _wants(self, namespace: str) -> bool:
        return not namespace.startswith("_") if self._namespace is None else namespace == self._namespace

    def fetch(self) -> list[Message]:
        found: list[Message] = []
        while self._waiting:
            found.append((None, self._waiting.popleft()))
        return found
