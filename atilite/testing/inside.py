"""A real site in the test's own process: every part of it, and no socket."""

from __future__ import annotations

import functools
import logging
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from ..app import Atilite
from ..automation.runs import Ended, Run
from ..clock import Clock
from ..config import Settings, known
from ..errors import SetupError
from ..mounting import Preference
from ..runtime.promise import Promise
from ..site import Site, Target
from ..store.database import Database
from .client import Client
from .clock import FakeClock

log = logging.getLogger("atilite.testing")

# The longest step in which `advance` lets time pass: as often does a schedule look at the clock.
LOOK = 60.0
# Seconds after which a run that a schedule has started is no longer waited for.
PATIENCE = 30.0
# Seconds that what still runs gets when a site is stopped.
STOP_SECONDS = 5.0
WHO = "local_site"
TRIGGERS = frozenset({"schedule", "catch-up"})


class LocalSite(Client):
    """A client with a site of its own in this process: mounts, console, API, services and schedules. One thread.

    `site` is the site, `app` the first app in it, `clock` what its database, schedules and `was` go by. `stop`, or the
    end of a `with` block, stops what runs and takes the files away.
    """

    def __init__(self, site: Site, clock: Clock, scrap: Path | None = None, **options: Any) -> None:
        super().__init__(site, **options)
        self.site, self.clock = site, clock
        self._end = weakref.finalize(self, _end, site, scrap)

    @property
    def app(self) -> Atilite:
        """The first app of the site. LookupError when nothing of it is an app."""
        for app in self.site.apps.values():
            return app
        raise LookupError("no app is mounted on this site")

    @property
    def database(self) -> Database:
        """The site's database."""
        return self.site.database()

    def client(self, role: str | None = None) -> Client:
        """Another client of the same site, without these cookies; with `role` ("view", "run", "admin") a program's."""
        headers = {}
        if role is not None:
            name = f"test-{role}-{len(self.database.accounts.tokens())}"
            headers["Authorization"] = f"Bearer {self.database.accounts.add_token(name, role)}"
        return Client(self.site, host=self.host, headers=headers)

    def advance(self, seconds: float) -> list[Ended]:
        """Let time pass on the FakeClock, schedule by schedule; return the runs that this started, which have ended.

        A run that takes longer than 30 s of real time is left alone. Raises SetupError without a FakeClock.
        """
        clock = self.clock
        if not isinstance(clock, FakeClock):
            raise SetupError("time passes by itself here; make the site with clock=FakeClock()")
        opened: list[Run] = []
        ended: list[Ended] = []
        automations = [app.automation for app in self.site.apps.values()]
        stops = [one.runs.opened.listen(opened.append) for one in automations]
        stops += [one.runs.ended.listen(ended.append) for one in automations]
        try:
            while seconds > 0:
                step = min(seconds, self._until_due(), LOOK)
                clock.advance(step)
                seconds -= step
                for automation in automations:
                    automation.schedule.tick()
                while opened:
                    _wait(opened.pop())
        finally:
            for stop in stops:
                stop()
        return sorted((run for run in ended if run.trigger in TRIGGERS), key=lambda run: run.id)

    def _until_due(self) -> float:
        now = self.clock.now()
        schedules = [info for app in self.site.apps.values() for info in app.schedule.schedules]
        waits = [(info.next - now).total_seconds() for info in schedules if info.next is not None and not info.paused]
        return min((wait for wait in waits if wait > 0), default=LOOK)

    def stop(self) -> None:
        """Stop services, schedules and runs and close the database. Any number of times; blocks."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()



def local_site(
    target: Target,
    point: str = "/",
    root: str | Path | None = None,
    *,
    clock: Clock | None = None,
    pref: Preference | None = None,
    prepare: Callable[[Site], object] | None = None,
    **options: Any,
) -> LocalSite:
    """Open a site with `target` mounted at `point`: `with local_site(app, clock=FakeClock()) as site: site.get("/")`.

    `target` is what `atilite.mount` takes: an app, a module with hooks, a folder or any WSGI callable; `pref` too is
    as there. `root` is the folder that `abspath` counts from, by default that of the app's module. `prepare(site)` may
    mount and alias more before the site opens. `options` are settings; without `db` the database is an empty one that
    goes away with the site. An app can be in one site, once. Raises SetupError, ConfigError, and what the hooks raise.
    Not on the loop.
    """
    if isinstance(target, Atilite) and target.site is not None:
        raise SetupError(f"{target.import_name} is or was in a site (make the app in a function, or keep its site)")
    clock = clock or Clock()
    settings = Settings(**{name: known(name, WHO).parse(value, WHO) for name, value in options.items()})
    scrap = None
    if "db" not in options:
        scrap = Path(tempfile.mkdtemp(prefix="atilite-test-"))
        settings = replace(settings, db=f"sqlite:///{scrap}/data.db")
    site = Site(Path(root).resolve() if root is not None else _folder_of(target))
    try:
        site.mount(point, target, pref)
        if prepare is not None:
            prepare(site)
        site.use(Database.open(settings.db, clock=clock))
        site.open(settings)
        for app in site.apps.values():
            app.clock = app.automation.storage.clock = clock
        site.start()
    except BaseException:
        _end(site, scrap)
        raise
    return LocalSite(site, clock, scrap)


def _folder_of(target: Target) -> Path:
    name = target.import_name if isinstance(target, Atilite) else ""
    module = target if isinstance(target, ModuleType) else sys.modules.get(name)
    path = getattr(module, "__file__", None)
    return Path(path).resolve().parent if path else Path.cwd()


def _wait(run: Run) -> None:
    """Wait until a run that a schedule has started has ended."""
    if run.trigger not in TRIGGERS:
        return
    ended: Promise[None] = Promise()
    run.promise.on_done(functools.partial(_tell, ended))
    try:
        ended.wait(PATIENCE)
    except TimeoutError:
        log.warning("%r goes on", run)


def _tell(ended: Promise[None], run: Promise[Any]) -> None:
    ended.set(None)


def _end(site: Site, scrap: Path | None) -> None:
    site.stop(STOP_SECONDS)
    site.close()
    if scrap is not None:
        shutil.rmtree(scrap, ignore_errors=True)
