"""`@app.maintain`: jobs that keep an app in order, at intervals, whether anybody visits it or not."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Any, TypeVar

from .automation.failures import error_text, traceback_text
from .automation.naming import source_of
from .automation.secrets import Secrets
from .clock import Clock
from .errors import DuplicateName, Frozen, SetupError, StoreError, TaskCancelled, TaskTimeout
from .hooks import fitted
from .quickly import dataclass
from .runtime.engine import Runtime
from .runtime.kinds import run_function
from .runtime.promise import Promise
from .runtime.timers import Timer
from .store.database import Database
from .store.journals import Journals
from .was.was import Was

F = TypeVar("F", bound=Callable[..., Any])

INTERVAL = 60.0  # seconds between two rounds, unless app.config.MAINTAIN_INTERVAL says otherwise

log = logging.getLogger("atilite.maintenance")


@dataclass
class Chore:
    """A registered job, due at every `every`-th round; `running` is the last time that it was begun."""

    name: str
    function: Callable[..., Any]
    every: int
    dedicated: bool
    source: str
    running: Promise[Any] | None = None
    late: bool = False  # a round has gone without it since it began

    @property
    def busy(self) -> bool:
        return self.running is not None and not self.running.done


class Maintenance:
    """The part of an app that maintains it. `begin_maintenance` is called when the app is made."""

    clock: Clock
    config: Any
    secret: Secrets
    runtime: Runtime
    import_name: str
    _frozen: bool
    _open_store: Callable[[], Database]

    def begin_maintenance(self) -> None:
        """Make what the jobs need."""
        self._chores: dict[str, Chore] = {}
        self._rounds = 0
        self._next_round: Timer | None = None

    def maintain(self, n: Any = 1, threading: bool = False, *, replace: bool = False) -> Any:
        """Decorator, also bare: call `function(was, now, count)` at every `n`-th round of maintenance.

        A round comes every `app.config.MAINTAIN_INTERVAL` seconds (60) while the app is served; `now` is its time in
        seconds since 1970, `count` its number, from 1. The job runs in a task thread, with `threading` in one of its
        own, and never beside itself: the rounds that it takes for one are left out. An error is logged and kept as a
        failed run. Raises DuplicateName for a second function of that name without `replace`, Frozen, SetupError.
        """

        def register(function: F) -> F:
            name = getattr(function, "__name__", "job")
            if self._frozen:
                raise Frozen("maintenance job", name)
            first = self._chores.get(name)
            if first is not None and not replace:
                raise DuplicateName("maintenance job", name, first.source, source_of(function))
            self._chores[name] = Chore(name, fitted(function, 3), every, threading, source_of(function))
            return function

        every: int = 1 if callable(n) else n
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise SetupError(f"@app.maintain({every!r}): say at every how many rounds, 1 or more")
        return register(n) if callable(n) else register

    def check_maintenance(self) -> None:
        """Look at the interval when the set-up ends. Raises SetupError for what is none, if there are jobs."""
        if self._chores:
            self._interval()

    def start_maintenance(self) -> None:
        """Begin the rounds, if there are jobs."""
        if self._chores and self._next_round is None:
            interval = self._interval()
            self._next_round = self.runtime.loop.call_later(interval, self._round, interval)

    def stop_maintenance(self, timeout: float) -> float:
        """Begin no further round and wait for the jobs at work; return how many of the seconds are left. Blocks."""
        end = time.monotonic() + timeout
        if self._next_round is not None:
            self._next_round.cancel()
            self._next_round = None
        for chore in self._chores.values():
            if chore.running is None or chore.running.done:
                continue
            chore.running.cancel()
            try:
                # Half of what is left: services and runs want to end in time as well.
                chore.running.wait(max(0.0, (end - time.monotonic()) / 2))
            except TaskTimeout:
                log.warning("maintenance job %s has not ended", chore.name)
            except Exception as error:
                log.debug("maintenance job %s ended with %s", chore.name, type(error).__name__)
        return max(0.0, end - time.monotonic())

    def _interval(self) -> float:
        given = self.config.get("MAINTAIN_INTERVAL", INTERVAL)
        try:
            interval = float(given)
        except (TypeError, ValueError):
            interval = 0.0
        if not (0.0 < interval < math.inf):
            raise SetupError(f"MAINTAIN_INTERVAL is {given!r}; it is a number of seconds above 0")
        return interval

    def _round(self, interval: float) -> None:
        # On the bare hub: it only hands the jobs over.
        self._next_round = self.runtime.loop.call_later(interval, self._round, interval)
        self._rounds += 1
        for chore in self._chores.values():
            if self._rounds % chore.every:
                continue
            if chore.busy:
                # Told once for each time that it takes so long, not at every round.
                if not chore.late:
                    log.warning("maintenance job %s is still at work: rounds go on without it", chore.name)
                chore.late = True
            else:
                self._begin(chore)

    def _begin(self, chore: Chore) -> None:
        began, chore.late = time.monotonic(), False
        arguments = Was(self), self.clock.time(), self._rounds
        place: Any = "dedicated" if chore.dedicated else "thread"
        chore.running = run_function(chore.function, arguments, runtime=self.runtime, start=place, resume="thread")
        chore.running.on_done(lambda ended: self._ended(chore, ended.error, time.monotonic() - began))

    def _ended(self, chore: Chore, error: BaseException | None, duration: float) -> None:
        if error is None or isinstance(error, TaskCancelled):
            return
        log.error("maintenance job %s failed", chore.name, exc_info=error)
        # In whatever thread the job ended; it may be the loop's, which must not open the database.
        self.runtime.threads.submit(self._keep, chore, error, duration)

    def _keep(self, chore: Chore, error: BaseException, duration: float) -> None:
        try:
            journals = self._open_store().part(Journals)
            run = journals.open(f"maintain {chore.name}", kind="maintain", trigger="schedule")
            text, trace = self.secret.masked([error_text(error), traceback_text(error)])
            journals.close(run, "failed", duration=duration, error=text, traceback=trace)
        except StoreError as fault:
            log.warning("the failure of maintenance job %s could not be kept: %s", chore.name, fault)
