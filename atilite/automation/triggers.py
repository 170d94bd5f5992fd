"""`app.trigger`: what starts an action besides a person and the clock: events, files, messages of a broker."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from contextvars import Context
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from atilite.automation.actions import ActionInfo, Actions
from atilite.automation.duration import seconds_of
from atilite.automation.naming import name_of
from atilite.automation.storage import Storage
from atilite.errors import AtiliteError, Frozen, RunSkipped, SetupError
from atilite.events import Bus
from atilite.lazily import LazyModule
from atilite.quickly import dataclass
from atilite.runtime.promise import Promise
from atilite.runtime.timers import Timer

if TYPE_CHECKING:
    from atilite.automation import watching
else:
    # Loaded with the first file that is watched.
    watching = LazyModule("atilite.automation.watching")

F = TypeVar("F", bound=Callable[..., Any])
Receive = Callable[[str, bytes], None]
# Subscribes `receive(topic, payload)` to a topic of a broker; returns what ends that.
Subscribe = Callable[[str, str, Receive], Callable[[], None]]

log = logging.getLogger("atilite.automation")


@dataclass(frozen=True, slots=True)
class TriggerInfo:
    """A trigger at one moment. `kind` is event, file or message; `source` the event, the pattern or the topic.

    `fired` counts the runs that it has started since the start of the program, `error` is why the last one was not.
    """

    id: str
    action: str
    kind: str
    source: str
    fired: int = 0
    last: datetime | None = None
    error: str | None = None


@dataclass(slots=True)
class Trigger:
    """A registered trigger, and what came of it."""

    id: str
    function: Callable[..., Any]
    kind: str
    source: str
    params: Mapping[str, Any]
    broker: str = ""
    every: float = 2.0
    settle: float = 1.0
    at_start: bool = False
    watched: watching.Watched | None = None
    fired: int = 0
    last: datetime | None = None
    error: str | None = None


class Triggers:
    """The triggers of one app. As a decorator it registers a function and returns it unchanged. Any thread."""

    def __init__(self, storage: Storage, actions: Actions, bus: Bus) -> None:
        self._storage, self._actions, self._bus = storage, actions, bus
        self._triggers: dict[str, Trigger] = {}
        self._timers: dict[str, Timer] = {}
        self._ending: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._frozen = self._running = False
        # Replaced by the app, which knows brokers and where relative paths begin.
        self.subscribe: Subscribe = _no_broker
        self.place: Callable[[str], str] = lambda pattern: pattern

    def __call__(
        self, *, on: str | None = None, files: str | None = None, every: float | str = 2.0,
        settle: float | str = 1.0, at_start: bool = False, topic: str | None = None, broker: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Callable[[F], F]:  # fmt: skip
        """Run the decorated action when something happens; give one of `on`, `files` and `topic`.

        `on` is the name of an event of the app: its arguments become the parameters of these names, the rest is left
        out. `files` is a pattern such as "inbox/*.csv", or a folder: looked at `every` so many seconds; a file counts
        when it has not changed for `settle` seconds. An action with a parameter `path` is run for each file, with
        `change` (created, changed, removed) if it takes that; any other once for all files of a look. What is there
        at the start counts only with `at_start`. `topic` is one of an MQTT `broker`, an alias: the members of a JSON
        object become parameters, or the text is `payload`; `topic` is the one that it was sent to. `params` are
        further parameters. It may be stacked, above or below `@app.action`.

        Raises SetupError, and Frozen after the app has started.
        """
        if sum(one is not None for one in (on, files, topic)) != 1 or (topic is None) != (broker is None):
            raise SetupError(
                'a trigger needs one of: on="event", files="folder/*.csv", topic="a/b" with broker="@name"'
            )
        kind, source = ("event", on) if on is not None else ("file", files) if files is not None else ("message", topic)
        looks, rests = seconds_of(every, "every") or 0.0, seconds_of(settle, "settle") or 0.0
        if looks <= 0:
            raise SetupError("a trigger looks for files every so many seconds, more than 0")

        def register(function: F) -> F:
            name = name_of(function)
            if self._frozen:
                raise Frozen("trigger", name)
            count = sum(one.id == name or one.id.rpartition("~")[0] == name for one in self._triggers.values())
            id = f"{name}~{count + 1}" if count else name
            self._triggers[id] = Trigger(
                id, function, kind, str(source), dict(params or {}), broker or "", looks, rests, at_start
            )
            return function

        return register

    def freeze(self) -> None:
        """Refuse further triggers. SetupError for one whose function is no action."""
        for trigger in self._triggers.values():
            if self._actions.of(trigger.function) is None:
                raise SetupError(f"trigger {trigger.id!r}: the function is no action; put @app.action beside it")
        self._frozen = True

    @property
    def ids(self) -> list[str]:
        """The ids of all triggers, in the order of definition."""
        return list(self._triggers)

    @property
    def triggers(self) -> list[TriggerInfo]:
        """All triggers and what came of them."""
        return [
            TriggerInfo(one.id, self._action(one).name, one.kind, _shown(one), one.fired, one.last, one.error)
            for one in self._triggers.values()
        ]

    def _action(self, trigger: Trigger) -> ActionInfo:
        action = self._actions.of(trigger.function)
        if action is None:
            raise SetupError(f"trigger {trigger.id!r}: the function is no action; put @app.action beside it")
        return action

    # -- life

    def start(self) -> None:
        """Begin to listen and to look. Not on the loop."""
        self._running = True
        for trigger in self._triggers.values():
            if trigger.kind == "event":
                self._listen(trigger)
            elif trigger.kind == "file":
                self._begin_looking(trigger)
            else:
                self._subscribe(trigger)

    def stop(self) -> None:
        """Listen and look no more. Does not wait; what has begun goes on."""
        with self._lock:
            self._running = False
            timers, self._timers = list(self._timers.values()), {}
        for timer in timers:
            timer.cancel()
        for end in self._ending:
            end()
        self._ending = []

    def _listen(self, trigger: Trigger) -> None:
        def happened(*args: Any, **kwargs: Any) -> None:
            names = [field.name for field in self._action(trigger).schema.fields]
            self._fire(trigger, {**dict(zip(names, args, strict=False)), **kwargs})

        happened.__qualname__ = f"trigger {trigger.id}"
        self._bus.on(trigger.source)(happened)
        self._ending.append(lambda: self._bus.off(trigger.source, happened))

    def _subscribe(self, trigger: Trigger) -> None:
        def received(topic: str, payload: bytes) -> None:
            try:
                params = _of_message(topic, payload)
            except ValueError as fault:
                self._not_started(trigger, f"a message to {topic} cannot be read: {fault}")
                return
            self._fire(trigger, params)

        self._ending.append(self.subscribe(trigger.broker, trigger.source, received))

    # -- files

    def _begin_looking(self, trigger: Trigger) -> None:
        trigger.watched = watching.Watched(trigger.settle)
        if not trigger.at_start:
            try:
                trigger.watched.known = watching.seen(self.place(trigger.source))
            except AtiliteError as error:
                self._not_started(trigger, str(error))
        self._arm(trigger)

    def _arm(self, trigger: Trigger) -> None:
        with self._lock:
            if self._running:
                timer = self._storage.runtime.loop.call_later(trigger.every, self._submit, trigger)
                self._timers[trigger.id] = timer

    def _submit(self, trigger: Trigger) -> None:
        looked: Promise[None] = self._storage.runtime.threads.submit(self.look, trigger.id)
        looked.on_done(lambda _: self._arm(trigger))

    def look(self, id: str) -> None:
        """Look at the files of a trigger now, and run its action for what has changed. In an ordinary thread."""
        trigger = self._triggers[id]
        assert trigger.watched is not None
        try:
            files = watching.seen(self.place(trigger.source))
        except AtiliteError as error:
            self._not_started(trigger, str(error))
            return
        changes = trigger.watched.look(self._storage.clock.monotonic(), files)
        if not changes:
            return
        names = {field.name for field in self._action(trigger).schema.fields}
        for change in changes if "path" in names else [watching.Change("", "changed")]:
            given = {"path": change.path, "change": change.what} if "path" in names else {}
            self._fire(trigger, given)

    # -- running

    def _fire(self, trigger: Trigger, params: Mapping[str, Any]) -> None:
        # In a context of its own: whoever emitted the event is not the run's parent.
        Context().run(self._run, trigger, params)

    def _run(self, trigger: Trigger, params: Mapping[str, Any]) -> None:
        action = self._action(trigger)
        names = {field.name for field in action.schema.fields}
        given = {name: value for name, value in params.items() if name in names}
        before = trigger.last, trigger.error
        with self._lock:  # before the run: whoever sees that it has begun also sees that it was counted
            trigger.fired, trigger.last, trigger.error = trigger.fired + 1, self._storage.clock.now(), None
        try:
            self._actions.start(action.name, {**trigger.params, **given}, trigger=trigger.kind)
        except RunSkipped as skipped:
            self._uncount(trigger, *before)
            log.info("trigger %s: %s", trigger.id, skipped)
        except AtiliteError as error:
            self._uncount(trigger, *before)
            self._not_started(trigger, str(error))

    def _uncount(self, trigger: Trigger, last: datetime | None, error: str | None) -> None:
        with self._lock:
            trigger.fired, trigger.last, trigger.error = trigger.fired - 1, last, error

    def _not_started(self, trigger: Trigger, reason: str) -> None:
        if trigger.error != reason:  # once: a look comes every few seconds
            log.error("trigger %s started no run: %s", trigger.id, reason)
        trigger.error = reason


def _of_message(topic: str, payload: bytes) -> dict[str, Any]:
    """The parameters that a message may mean. Raises ValueError for one that is no text."""
    text = payload.decode()
    found: dict[str, Any] = {"topic": topic, "payload": text}
    try:
        value = json.loads(text)
    except ValueError:
        return found
    return {**found, "payload": value, **value} if isinstance(value, dict) else {**found, "payload": value}


def _shown(trigger: Trigger) -> str:
    return f"{trigger.broker} {trigger.source}" if trigger.broker else trigger.source


def _no_broker(broker: str, topic: str, receive: Receive) -> Callable[[], None]:
    raise SetupError(f"there is no broker {broker!r} (declare it with atilite.alias)")
