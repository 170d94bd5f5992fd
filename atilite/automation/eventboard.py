"""The events of all apps, for those outside: one that comes in, and a log of those that go out."""

from __future__ import annotations

from collections.abc import Iterable

from atilite.automation.engine import Automation
from atilite.automation.eventlog import EventLog
from atilite.clock import Clock
from atilite.events import Emitted


class EventBoard:
    """What programs emit in all apps, and what they hear of them. Any thread."""

    def __init__(self, automations: Iterable[Automation], before: EventBoard | None = None) -> None:
        """In the place of `before`, if one is given, whose log goes on with what these apps emit."""
        self._automations = tuple(automations)
        clock = self._automations[0].storage.clock if self._automations else Clock()
        self.log: EventLog = EventLog(clock) if before is None else before.log
        self.log.follow(((one.name, one.bus) for one in self._automations), self._secrets)

    def emit(self, name: str, *args: object) -> int:
        """Tell the subscribers of an event in every app, as nobody's; returns how many there are. Never blocks."""
        self.log.keep("", Emitted(name, args, {}))
        return sum(one.bus.emit(name, *args) for one in self._automations)

    def roles(self, name: str) -> set[str]:
        """The roles that the actions take which an event starts."""
        return {
            one.action.get(info.action).role
            for one in self._automations
            for info in one.trigger.triggers
            if (info.kind, info.source) == ("event", name)
        }

    def _secrets(self) -> tuple[str, ...]:
        found = {text for one in self._automations for text in one.secret.values()}
        return tuple(sorted(found, key=len, reverse=True))
