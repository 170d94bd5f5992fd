"""`app.schedule`: functions that run by the clock."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping
from contextvars import Context
from datetime import datetime, timedelta, tzinfo
from typing import Any, TypeVar

from atilite.automation import rules
from atilite.automation.actions import Actions
from atilite.automation.duration import seconds_of
from atilite.automation.localtime import LocalZone, zone_of
from atilite.automation.naming import description_of, name_of, source_of
from atilite.automation.parameters import Schema
from atilite.automation.rules import Cron, Every, Once, Rule
from atilite.automation.runs import Job, Run, Runs
from atilite.automation.schedule import NOTE, Missed, Schedule
from atilite.automation.schedule import ScheduleInfo as ScheduleInfo
from atilite.automation.storage import Storage
from atilite.errors import AtiliteError, Frozen, ParameterError, RunSkipped, SetupError
from atilite.events import Emitter
from atilite.runtime.functions import innermost, wants_was
from atilite.runtime.task import Task
from atilite.runtime.timers import Timer

F = TypeVar("F", bound=Callable[..., Any])

log = logging.getLogger("atilite.automation")

NAMESPACE = "_schedules"

# Seconds after which the clock is looked at in any case: it may have been set meanwhile.
LOOK = 60.0


class Schedules:
    """The schedules of one app. As a decorator it registers a function and returns it unchanged. Any thread."""

    def __init__(
        self, storage: Storage, runs: Runs, actions: Actions, *, zone: tzinfo | None = None,
        chance: Callable[[float], float] | None = None,
    ) -> None:  # fmt: skip
        """`zone` is that of cron lines which name none; `chance(n)` gives a random number below n."""
        self._storage, self._runs, self._actions = storage, runs, actions
        self._zone = zone or LocalZone()
        self._chance = chance or (lambda below: random.uniform(0, below))
        self._schedules: dict[str, Schedule] = {}
        self._lock = threading.RLock()
        self._timer: Timer | None = None
        self._last_note: Task | None = None
        self._frozen = self._running = self._known = False
        # Tells of due times that have passed without a run that stands for them.
        self.missed: Emitter[Missed] = Emitter()

    # -- registering

    def __call__(
        self, rule: str | None = None, *, every: float | str | None = None, at: datetime | str | None = None,
        at_start: bool = False, timezone: str | None = None, missed: str = "once", window: float | str = "1h",
        jitter: float | str = 0, params: Mapping[str, Any] | None = None,
    ) -> Callable[[F], F]:  # fmt: skip
        """Run the decorated function by the clock: `@app.schedule("30 18 * * *")`, `@app.schedule(every="5m")`.

        `rule` is a cron line, in `timezone` (the machine's by default). `every` is an interval in seconds or as "5m".
        `at` is a single moment: a datetime or "2026-12-24 18:00", in `timezone` if it says none. `at_start` runs it
        when the app starts as well, or only then. Times that passed while the app was down or the machine slept, up
        to `window` ago, are made up for by one run (`missed="once"`), not ("skip"), or each ("all"). `jitter` delays
        each run by up to so many seconds. If the function is an action, it is run as one, with `params`; the
        decorators may be stacked in any order and several times.

        Raises SetupError, and Frozen after the app has started.
        """

        if missed not in rules.MISSED:
            raise SetupError(f"missed is {missed!r}; it may be {', '.join(rules.MISSED)}")
        if (
            not (rule is None or isinstance(rule, str))
            or sum(one is not None for one in (rule, every, at)) > 1
            or not (rule is not None or every is not None or at is not None or at_start)
        ):
            raise SetupError('a schedule needs one of: a cron line ("30 18 * * *"), every="5m", at=, at_start=True')
        when = self._rule(rule, every, at, timezone)
        late = timedelta(seconds=seconds_of(window, "window") or 0)
        delay = seconds_of(jitter, "jitter") or 0.0

        def register(function: F) -> F:
            id = self._free_id(name_of(function))
            zone = timezone or str(self._zone)
            self._add(Schedule(id, function, when, missed, late, delay, at_start, dict(params or {}), zone))
            return function

        return register

    def _rule(
        self, line: str | None, every: float | str | None, at: datetime | str | None, timezone: str | None
    ) -> Rule | None:
        if every is not None:
            return Every(seconds_of(every, "every") or 0.0)
        zone = zone_of(timezone) if timezone else self._zone
        if at is not None:
            return rules.once(at, zone)
        return None if line is None else Cron(line, zone)

    def _free_id(self, name: str) -> str:
        found = [id for id in self._schedules if id == name or id.rpartition("~")[0] == name]
        return f"{name}~{len(found) + 1}" if found else name

    def _add(self, schedule: Schedule) -> None:
        if self._frozen:
            raise Frozen("schedule", schedule.id)
        self._schedules[schedule.id] = schedule

    def freeze(self) -> None:
        """Refuse further registrations. SetupError if a scheduled function needs parameters that it does not get."""
        for schedule in self._schedules.values():
            try:
                self._schema(schedule).check(schedule.params)
            except ParameterError as error:
                raise SetupError(f"schedule {schedule.id!r}: {error}; give it params={{...}}") from None
        self._frozen = True

    def _schema(self, schedule: Schedule) -> Schema:
        action = self._actions.of(schedule.function)
        return action.schema if action is not None else Schema.of(schedule.function)

    # -- looking

    @property
    def ids(self) -> list[str]:
        """The ids of all schedules, in the order of definition."""
        return list(self._schedules)

    @property
    def schedules(self) -> list[ScheduleInfo]:
        """All schedules, in the order of definition."""
        self._recall()
        return [self._info(schedule) for schedule in self._schedules.values()]

    def get(self, id: str) -> ScheduleInfo:
        """Return one schedule; LookupError, with the known ids, if there is none."""
        self._recall()
        return self._info(self._find(id))

    def _find(self, id: str) -> Schedule:
        schedule = self._schedules.get(id)
        if schedule is None:
            raise LookupError(f"no schedule {id!r}; known: {', '.join(self._schedules) or 'none'}")
        return schedule

    def _info(self, schedule: Schedule) -> ScheduleInfo:
        rule, action = schedule.rule, self._actions.of(schedule.function)
        now = self._storage.clock.now()
        times = () if rule is None else tuple(rules.next_times(rule, max(now, schedule.until or now)))
        words = "at start" if rule is None else rules.words(rule) + (" and at start" if schedule.at_start else "")
        return ScheduleInfo(
            schedule.id, action.name if action else _operation(schedule.function),
            rule.line if isinstance(rule, Cron) else None, rule.seconds if isinstance(rule, Every) else None,
            schedule.timezone, words, times[0] if times else None, schedule.last, schedule.paused, schedule.missed,
            schedule.window.total_seconds(), times, schedule.at_start, schedule.jitter, source_of(schedule.function),
            rule.at if isinstance(rule, Once) else None,
            schedule.late(now) if self._running and not schedule.paused else 0.0,
            schedule.missed_times, schedule.last_missed,
        )  # fmt: skip

    # -- pausing

    def pause(self, id: str) -> Task:
        """Let due times pass without a run, also after a restart, until it is resumed. LookupError."""
        return self._set_paused(id, True)

    def resume(self, id: str) -> Task:
        """Run it again from the next due time on. LookupError."""
        return self._set_paused(id, False)

    def _set_paused(self, id: str, paused: bool) -> Task:
        with self._lock:
            self._recall()
            schedule = self._find(id)
            schedule.paused, schedule.until, schedule.ahead = paused, self._storage.clock.now(), None
        return self._note(schedule)

    # -- what is remembered

    def _recall(self) -> None:
        """Read how far each schedule had come, once."""
        with self._lock:
            if self._known:
                return
            self._known = True
            now = self._storage.clock.now()
            for schedule in self._schedules.values():
                noted = self._storage.kv.get(NAMESPACE, schedule.id, None) or {}
                if schedule.remember(noted, now) and schedule.frequent:
                    schedule.until = max(schedule.until or now, self._ran_last(schedule) or schedule.until or now)

    def _ran_last(self, schedule: Schedule) -> datetime | None:
        """When the clock last started what a short interval runs: a process that died has noted less than it did."""
        operation = self._operation(schedule)
        run = self._storage.journals.latest([operation]).get(operation)
        return run.created_at if run is not None and run.trigger in ("schedule", "catch-up") else None

    def _note(self, schedule: Schedule) -> Task:
        schedule.noted = self._storage.clock.monotonic()
        noted = schedule.note()
        note = self._storage.write(lambda done: self._storage.kv.set(NAMESPACE, {schedule.id: noted}, done=done))
        self._last_note = note
        return note

    def _operation(self, schedule: Schedule) -> str:
        action = self._actions.of(schedule.function)
        return action.operation if action is not None else _operation(schedule.function)

    # -- the clock

    def start(self) -> None:
        """Begin to look at the clock. Opens the database: not on the loop."""
        if not self._schedules:
            return
        self._recall()
        with self._lock:
            self._running = True
            for schedule in self._schedules.values():
                if schedule.at_start and not schedule.paused:
                    self._fire(schedule, "start")
        self.tick(starting=True)

    def stop(self) -> None:
        """Look at the clock no more. Waits until what was noted is durable: not on the bare hub."""
        with self._lock:
            self._running = False
            timer, self._timer = self._timer, None
            note, self._last_note = self._last_note, None
        if timer is not None:
            timer.cancel()
        if note is not None:
            self._storage.settle(note.promise)

    def tick(self, starting: bool = False) -> None:
        """Start what is due now, and set the timer for what is due next. Any thread, never blocks."""
        with self._lock:
            self._recall()
            now = self._storage.clock.now()
            for schedule in self._schedules.values():
                self._look(schedule, now, starting)
            if self._running:
                self._arm(now)

    def _look(self, schedule: Schedule, now: datetime, starting: bool) -> None:
        if schedule.rule is None:
            return
        decision = rules.decide(
            schedule.rule, schedule.until or now, now, schedule.missed, schedule.window, schedule.ahead
        )
        schedule.until, schedule.ahead = decision.until, decision.ahead
        if decision.firings and not schedule.paused:
            schedule.last = decision.firings[-1].due
        # Noted before the run begins: after a crash in between it is missed once, not run twice.
        recently = self._storage.clock.monotonic() - schedule.noted < NOTE
        missed = () if schedule.paused else decision.missed
        if missed:
            schedule.missed_times, schedule.last_missed = schedule.missed_times + len(missed), missed[-1]
        if starting or missed or (decision.firings and not (schedule.frequent and recently)):
            self._note(schedule)
        if missed:
            self.missed.emit(Missed(self._operation(schedule), len(missed), missed[-1]))
        if not schedule.paused:
            for firing in decision.firings:
                self._fire(schedule, "catch-up" if firing.caught_up else "schedule")

    def _arm(self, now: datetime) -> None:
        if self._timer is not None:
            self._timer.cancel()
        waits = [LOOK]
        for schedule in self._schedules.values():
            if schedule.rule is not None:
                due = next(schedule.rule.after(schedule.until or now), None)
                waits += [(due - now).total_seconds()] if due is not None else []
        self._timer = self._storage.runtime.loop.call_later(max(0.001, min(waits)), self.tick)

    def _fire(self, schedule: Schedule, trigger: str) -> None:
        # In a context of its own: whoever looks at the clock is not the run's parent.
        if schedule.jitter:
            delay = self._chance(schedule.jitter)
            self._storage.runtime.loop.call_later(delay, Context().run, self._run, schedule, trigger)
        else:
            Context().run(self._run, schedule, trigger)

    def _run(self, schedule: Schedule, trigger: str) -> None:
        action = self._actions.of(schedule.function)
        try:
            if action is not None:
                self._actions.start(action.name, schedule.params, trigger=trigger)
            else:
                self._run_function(schedule, trigger)
        except RunSkipped as skipped:
            log.info("schedule %s: %s", schedule.id, skipped)
        except AtiliteError as error:
            log.error("schedule %s could not start its run: %s", schedule.id, error)

    def _run_function(self, schedule: Schedule, trigger: str) -> None:
        function = schedule.function
        job = Job(
            function, _operation(function), description_of(function), "schedule", wants_was(function),
            innermost=innermost(function),
        )  # fmt: skip
        schema = Schema.of(function)
        arguments = schema.check(schedule.params)
        run = Run(job, arguments, trigger)
        self._runs.open(run, schema.public(arguments), schema.secrets(arguments))
        self._runs.launch(run)


def _operation(function: Callable[..., Any]) -> str:
    return getattr(function, "__atilite_operation__", None) or name_of(function)
