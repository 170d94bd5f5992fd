"""The automation of one app, put together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import Any

from atilite.automation.actions import Actions
from atilite.automation.journal import Journals
from atilite.automation.kv import KV
from atilite.automation.notices import Notices
from atilite.automation.plans import Plans, Shares
from atilite.automation.runs import Run, Runs
from atilite.automation.schedules import Schedules
from atilite.automation.secrets import Secrets
from atilite.automation.services import Services
from atilite.automation.storage import Storage
from atilite.automation.triggers import Triggers
from atilite.clock import Clock
from atilite.errors import SetupError
from atilite.events import Bus
from atilite.runtime.engine import Runtime
from atilite.runtime.functions import kind_of
from atilite.runtime.kinds import run_function
from atilite.store.database import Database


class Automation:
    """Actions, journals, key-value pairs, services, schedules and events of one app.

    `open_store()` gives the database, when it is first needed. `make_was(run)` makes the helper for functions whose
    first parameter is `was`. `kv` and `journal` may come with a database of their own; `action` and `service` make
    the registries. `zone` is that of cron lines which name none. It works with and without a server: nothing but
    services and schedules waits for `start`.
    """

    def __init__(
        self,
        name: str,
        open_store: Callable[[], Database],
        *,
        runtime: Runtime | None = None,
        clock: Clock | None = None,
        make_was: Callable[[Run], object] | None = None,
        kv: KV | None = None,
        journal: Journals | None = None,
        action: Callable[[Storage, Runs], Actions] = Actions,
        service: Callable[[Storage, Runs], Services] = Services,
        zone: tzinfo | None = None,
        secret: Secrets | None = None,
    ) -> None:
        self.name = name
        self.storage = Storage(open_store, runtime, clock)
        self.make_was = make_was or _no_was
        self.journal = journal or Journals()
        self.secret = secret or Secrets()
        self.runs = self.journal.attach(
            self.storage, lambda storage: Runs(storage, lambda run: self.make_was(run), self.secret.values)
        )
        self.kv = kv or KV()
        self.kv.attach(self.storage)
        self.action = action(self.storage, self.runs)
        self.action.app = name
        self.service = service(self.storage, self.runs)
        self.schedule = Schedules(self.storage, self.runs, self.action, zone=zone)
        self.bus = Bus(run=self._deliver)
        self.trigger = Triggers(self.storage, self.action, self.bus)
        self.plans = Plans()
        self.shares = Shares(self.plans)
        self.notices = Notices(name, self.storage, self.runs, self.action, self.service, self.schedule.missed)

    def freeze(self) -> None:
        """End the set-up: registrations are errors from now on. SetupError if the parts do not fit together.

        ConfigError if a required secret is missing.
        """
        self.secret.check()
        self.secret.mask_logs()
        self.action.freeze()
        self.service.freeze()
        self.schedule.freeze()
        self.trigger.freeze()
        self.plans.freeze()
        self.notices.freeze()

    def start(self) -> None:
        """Start services, schedules and triggers. Opens the database; not on the loop."""
        self.notices.start()
        self.secret.mask_logs()
        self.service.start_all()
        self.schedule.start()
        self.trigger.start()
        self.plans.start()
        self.action.resume()

    def stop(self, timeout: float = 5.0) -> list[str]:
        """Stop schedules, triggers and services, wait for the runs; name what has not ended after so many seconds.

        Runs that go on then are closed as interrupted. Blocks: not on the bare hub. Writes are left to the database,
        whose owner closes it.
        """
        end = self.storage.clock.monotonic() + timeout
        self.action.hold()
        self.schedule.stop()
        self.trigger.stop()
        left = self.plans.stop(timeout / 2)
        left += self.service.stop_all(timeout / 2)
        rest = self.runs.drain(max(0.0, end - self.storage.clock.monotonic()))
        self.bus.close()
        self.kv.close()
        # Behind all else: what ended just now is told, or kept.
        self.notices.stop(max(1.0, end - self.storage.clock.monotonic()))
        self.secret.close()
        return left + [f"run {number}" for number in rest]

    def _deliver(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        if kind_of(function) == "plain":
            return function(*args, **kwargs)
        return run_function(function, args, kwargs, runtime=self.storage.runtime).wait()


def _no_was(run: Run) -> object:
    raise SetupError(f"{run.job.operation!r} wants was, and there is no app to make it")
