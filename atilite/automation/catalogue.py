"""What the console, the API and the command line see of all apps of one process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from atilite.automation.actions import ActionInfo
from atilite.automation.engine import Automation
from atilite.automation.eventboard import EventBoard
from atilite.automation.noticeboard import NoticeBoard, distinct
from atilite.automation.plans import PlanBoard
from atilite.automation.run import Run
from atilite.automation.schedules import ScheduleInfo
from atilite.automation.services import Info
from atilite.automation.triggers import TriggerInfo
from atilite.errors import StoreUnavailable
from atilite.events import Emitter
from atilite.runtime.task import Task
from atilite.store.journals import Journals
from atilite.store.kv import KV
from atilite.subscribers import SubscriberInfo


class Service(NamedTuple):
    """A service with its switches; each returns the task of the status that it comes to."""

    info: Info
    start: Callable[[], Task]
    stop: Callable[[], Task]
    restart: Callable[[], Task]


class Catalogue:
    """Everything that several apps have registered, under one roof. Any thread.

    A name that an earlier app uses too is shown with the app's name in front: "shop/report". All apps are expected to
    share one database. Lookups raise LookupError with the known names.
    """

    def __init__(self, automations: Iterable[Automation], before: Catalogue | None = None) -> None:
        """In the place of `before`, if one is given: whoever listens there goes on, and hears of these apps."""
        self._automations = tuple(automations)
        self.service_changed: Emitter[Info] = Emitter() if before is None else before.service_changed
        for unlisten in () if before is None else before._listening:
            unlisten()
        self._listening: list[Callable[[], None]] = [
            one.service.service_changed.listen(self.service_changed.emit) for one in self._automations
        ]
        self.events: EventBoard = EventBoard(self._automations, None if before is None else before.events)
        self.plans = PlanBoard(self._automations)

    # -- actions

    @property
    def actions(self) -> list[ActionInfo]:
        """The actions of all apps, in the order of definition."""
        seen: set[str] = set()
        return [
            info if (shown := distinct(info.name, one, seen)) == info.name else replace(info, name=shown)
            for one in self._automations
            for info in one.action.actions
        ]

    def action(self, name: str) -> ActionInfo:
        """Return an action."""
        automation, own = self._owner(name, lambda one: one.action.names, "action")
        info = automation.action.get(own)
        return info if own == name else replace(info, name=name)

    def start_action(
        self, name: str, raw: Mapping[str, Any], trigger: str, who: str | None = None
    ) -> tuple[int, Task]:
        """Run an action; returns the number of its run and the task of its result. See `Actions.start`."""
        automation, own = self._owner(name, lambda one: one.action.names, "action")
        return automation.action.start(own, raw, trigger=trigger, who=who)

    def cancel(self, run: int) -> bool:
        """End a run as cancelled; False if it is not active in this process."""
        return any(one.runs.cancel(run) for one in self._automations)

    @property
    def active(self) -> list[tuple[Run, float]]:
        """The runs that go on or wait in this process, without those of services, and for how many seconds."""
        return [
            (run, max(0.0, one.storage.clock.monotonic() - run.started))
            for one in self._automations
            for run in list(one.runs.active.values())
            if not run.job.endless
        ]

    # -- services

    @property
    def services(self) -> list[Info]:
        """The services of all apps, in the order of definition."""
        seen: set[str] = set()
        return [
            info if (shown := distinct(info.name, one, seen)) == info.name else replace(info, name=shown)
            for one in self._automations
            for info in one.service.services
        ]

    def service(self, name: str) -> Service:
        """Return a service with its switches."""
        automation, own = self._owner(name, lambda one: one.service.names, "service")
        services = automation.service
        return Service(
            replace(services.get(own), name=name),
            lambda: services.start(own),
            lambda: services.stop(own),
            lambda: services.restart(own),
        )

    def start_service(self, name: str) -> Task:
        """Start a service; the task's result is the status that it came to."""
        return self.service(name).start()

    def stop_service(self, name: str) -> Task:
        """Stop a service; the task ends when it has stopped."""
        return self.service(name).stop()

    def restart_service(self, name: str) -> Task:
        """Stop a service if it runs, and start it."""
        return self.service(name).restart()

    def faults(self) -> dict[str, str]:
        """Name the services on which the health of the process depends and that are not well, with the reason."""
        return {name: why for one in self._automations for name, why in one.service.faults().items()}

    # -- schedules

    @property
    def schedules(self) -> list[ScheduleInfo]:
        """The schedules of all apps, in the order of definition."""
        seen: set[str] = set()
        return [
            info if (shown := distinct(info.id, one, seen)) == info.id else replace(info, id=shown)
            for one in self._automations
            for info in one.schedule.schedules
        ]

    def schedule(self, id: str) -> ScheduleInfo:
        """Return a schedule."""
        automation, own = self._owner(id, lambda one: one.schedule.ids, "schedule")
        return replace(automation.schedule.get(own), id=id)

    def pause_schedule(self, id: str) -> Task:
        """Let its due times pass without a run, also after a restart."""
        automation, own = self._owner(id, lambda one: one.schedule.ids, "schedule")
        return automation.schedule.pause(own)

    def resume_schedule(self, id: str) -> Task:
        """Run it again from the next due time on."""
        automation, own = self._owner(id, lambda one: one.schedule.ids, "schedule")
        return automation.schedule.resume(own)

    # -- triggers and events

    @property
    def triggers(self) -> list[TriggerInfo]:
        """The triggers of all apps, in the order of definition."""
        seen: set[str] = set()
        return [
            replace(info, id=distinct(info.id, one, seen))
            for one in self._automations
            for info in one.trigger.triggers
        ]

    @property
    def subscribers(self) -> list[SubscriberInfo]:
        """The functions that events by name are told to, and how far they are."""
        return [info for one in self._automations for info in one.bus.subscribers]

    @property
    def notices(self) -> NoticeBoard:
        """The channels of all apps, and what they were told."""
        return NoticeBoard(self._automations)

    # -- the store

    @property
    def journals(self) -> Journals:
        """The stored runs."""
        return self._first().journal.storage.journals

    @property
    def kv(self) -> KV:
        """The stored values."""
        return self._first().kv.storage.kv

    def _first(self) -> Automation:
        if not self._automations:
            raise StoreUnavailable("no app is mounted, so there is no database to look into")
        return self._automations[0]

    def _owner(
        self, name: str, names: Callable[[Automation], Iterable[str]], kind: str
    ) -> tuple[Automation, str]:
        if "/" not in name:  # then it is shown as it is, and the first app that has it is meant
            for automation in self._automations:
                if name in names(automation):
                    return automation, name
        known: list[str] = []
        for automation, own, shown in self._shown(names):
            if shown == name:
                return automation, own
            known.append(shown)
        raise LookupError(f"no {kind} named {name!r}; known: {', '.join(sorted(known)) or 'none'}")

    def _shown(self, names: Callable[[Automation], Iterable[str]]) -> Iterator[tuple[Automation, str, str]]:
        seen: set[str] = set()
        for automation in self._automations:
            for own in names(automation):
                yield automation, own, distinct(own, automation, seen)
