from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from atilite.automation.engine import Automation
from atilite.errors import DuplicateName, Frozen, SetupError

PATIENCE = 20.0


class Told:
    """The changes of services as they come."""

    def __init__(self, queue: Any) -> None:
        self.queue = queue
        self.infos: list[Any] = []

    def until(self, status: str, name: str | None = None) -> Any:
        """Wait for a service to have this status; returns its Info."""
        while True:
            info = self.queue.get(PATIENCE)
            self.infos.append(info)
            if info.status == status and name in (None, info.name):
                return info


@contextmanager
def watched(automation: Automation) -> Iterator[Told]:
    with automation.service.service_changed.subscribe() as queue:
        yield Told(queue)


def idle(automation: Automation, **options: Any) -> None:
    """Register a service that waits until it is told to end."""

    @automation.service(**{"name": "idle", **options})
    def wait(was):
        """Wait for messages."""
        was.run.wait()


@pytest.mark.row("B26", "B27", "B28")
def test_a_service_is_registered_with_its_defaults_and_starts_with_the_app(automation: Automation):
    @automation.service
    async def check_messages():
        """
        Check messages
          for ever
        """
        await asyncio.sleep(3600)

    (info,) = automation.service.services
    assert info.name.endswith("<locals>.check_messages")
    assert (info.description, info.status, info.autostart, info.restart, info.restart_delay) == (
        "Check messages\nfor ever", "stopped", True, True, 3.0,
    )  # fmt: skip
    assert info.since is None
    with watched(automation) as told:
        automation.start()
        told.until("running")
    (info,) = automation.service.services
    assert info.status == "running"
    assert info.since is not None
    assert info.uptime >= 0


@pytest.mark.row("B26")
def test_a_service_without_autostart_waits_for_its_start(automation: Automation):
    idle(automation, autostart=False)
    automation.start()

    assert automation.service.get("idle").status == "stopped"
    assert automation.service.start("idle").fetch(PATIENCE) == "running"


@pytest.mark.row("B26")
@pytest.mark.parametrize("kind", ["plain", "generator", "async"])
def test_functions_of_every_kind_can_be_services_and_are_stopped(automation: Automation, kind: str):
    begun, ended = threading.Event(), threading.Event()

    def plain(was):
        begun.set()
        was.run.wait()
        ended.set()

    def generator():
        begun.set()
        try:
            yield automation.storage.runtime.Sleep(3600)
        finally:
            ended.set()

    async def coroutine():
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    automation.service(name="one")({"plain": plain, "generator": generator, "async": coroutine}[kind])
    assert automation.service.start("one").fetch(PATIENCE) == "running"
    assert begun.wait(PATIENCE)
    assert automation.service.stop("one").fetch(PATIENCE) == "stopped"
    assert ended.is_set()


@pytest.mark.row("B27")
def test_a_service_that_returns_is_started_again(automation: Automation):
    lives = []

    @automation.service(name="short", restart_delay=0.001)
    def short(was):
        lives.append(1)
        if len(lives) > 2:
            was.run.wait()

    with watched(automation) as told:
        automation.service.start("short")
        while len(lives) < 3:
            told.until("running")
    assert automation.service.get("short").restarts == 2


@pytest.mark.row("B27", "B31")
def test_a_crash_is_kept_with_its_traceback_and_the_service_restarts(automation: Automation):
    crashed = threading.Event()

    @automation.service(name="poll", restart_delay=0.001)
    def poll(was):
        if not crashed.is_set():
            crashed.set()
            raise ConnectionError("no route")
        was.run.wait()

    with watched(automation) as told:
        automation.service.start("poll")
        info = told.until("restarting")
        told.until("running")
    assert info.error == "ConnectionError: no route"
    assert 'raise ConnectionError("no route")' in info.traceback
    assert automation.service.get("poll").restarts == 1


@pytest.mark.row("B26", "B29")
def test_a_service_that_shall_not_restart_stays_failed(automation: Automation):
    automation.service(name="once", restart=False)(lambda: 1 // 0)

    with watched(automation) as told:
        automation.service.start("once")
        told.until("failed")
    assert automation.service.get("once").error.startswith("ZeroDivisionError")


def test_a_service_that_crashes_too_often_is_given_up(automation: Automation):
    automation.service(name="flaky", restart_delay=0, max_restarts=2)(lambda: 1 // 0)

    with watched(automation) as told:
        automation.service.start("flaky")
        told.until("failed")
    assert automation.service.get("flaky").restarts == 2


@pytest.mark.row("B31")
def test_each_change_is_told_as_a_value_of_its_own_that_never_changes(automation: Automation):
    idle(automation)
    with watched(automation) as told:
        automation.service.start("idle").fetch(PATIENCE)
        automation.service.stop("idle").fetch(PATIENCE)
        told.until("stopped")

    assert [info.status for info in told.infos] == ["starting", "running", "stopping", "stopped"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        told.infos[0].status = "running"


@pytest.mark.row("B29")
def test_starting_or_stopping_what_is_not_there_does_nothing(automation: Automation, caplog):
    idle(automation)

    assert automation.service.start("idel").fetch(PATIENCE) is None
    assert automation.service.stop("idel").fetch(PATIENCE) is None
    assert automation.service.stop("idle").fetch(PATIENCE) == "stopped"
    assert caplog.text.count("no service 'idel'") == 2


@pytest.mark.row("B29")
def test_a_service_that_runs_is_not_started_twice(automation: Automation):
    lives = []

    @automation.service(name="one")
    def one(was):
        lives.append(1)
        was.run.wait()

    for _ in range(3):
        assert automation.service.start("one").fetch(PATIENCE) == "running"
    automation.service.stop("one").fetch(PATIENCE)
    assert len(lives) == 1


def test_a_restart_ends_one_life_and_begins_another(automation: Automation):
    lives = []

    @automation.service(name="one")
    def one(was):
        lives.append(was.run.id)
        was.run.wait()

    automation.service.start("one").fetch(PATIENCE)
    assert automation.service.restart("one").fetch(PATIENCE) == "running"
    automation.service.stop("one").fetch(PATIENCE)
    assert len(lives) == len(set(lives)) == 2


@pytest.mark.row("B30")
def test_a_second_service_of_a_name_is_refused_unless_it_replaces_the_old_one(automation: Automation):
    old_ended, new_began = threading.Event(), threading.Event()

    @automation.service(name="one")
    def old(was):
        was.run.wait()
        old_ended.set()

    automation.service.start("one").fetch(PATIENCE)
    with pytest.raises(DuplicateName):
        automation.service(name="one")(lambda: None)

    @automation.service(name="one", replace=True)
    def new(was):
        new_began.set()
        was.run.wait()

    assert old_ended.wait(PATIENCE)
    assert new_began.wait(PATIENCE)


def test_each_life_of_a_service_has_a_journal_of_its_own(automation: Automation):
    crashed = threading.Event()

    @automation.service(name="poll", restart_delay=0.001)
    def poll(was):
        print("polling")
        if not crashed.is_set():
            crashed.set()
            raise ConnectionError("no route")
        was.run.wait()

    with watched(automation) as told:
        automation.service.start("poll")
        told.until("restarting")
        told.until("running")
    automation.service.stop("poll").fetch(PATIENCE)
    automation.kv.set(barrier=1).fetch()
    second, first = automation.journal.search(operation="poll").fetch()
    assert (first.kind, first.status, first.error) == ("service", "failed", "ConnectionError: no route")
    assert (second.status, second.parent) == ("cancelled", None)
    assert [record.message for record in automation.journal.get(first.id).fetch().records] == ["polling"]


def test_a_service_waits_for_what_it_needs(automation: Automation):
    begun = []

    @automation.service(name="second", needs=["first"])
    def second(was):
        begun.append("second")
        was.run.wait()

    @automation.service(name="first", ready="explicit")
    def first(was):
        begun.append("first")
        was.run.ready()
        was.run.wait()

    with watched(automation) as told:
        automation.start()
        told.until("running", "second")
    automation.stop()
    assert begun == ["first", "second"]


def test_a_critical_service_that_failed_is_a_fault(automation: Automation):
    automation.service(name="vital", restart=False, critical=True)(lambda: 1 // 0)

    with watched(automation) as told:
        automation.service.start("vital")
        told.until("failed")
    assert "vital" in automation.service.supervisor.faults()


def test_a_service_may_hold_more_threads_than_the_pool_has(automation: Automation):
    for number in range(40):
        idle(automation, name=f"idle {number}")

    automation.start()
    assert automation.service.start("idle 39").fetch(PATIENCE) == "running"
    automation.action(name="fine")(lambda: "fine")
    assert automation.action.invoke("fine").fetch(PATIENCE) == "fine"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("restart", "sometimes"), ("colour", "red"), ("restart_delay", -1), ("restart_delay", "soon"),
        ("stop_timeout", []), ("within", "x"), ("start_timeout", True), ("ready", "soon"), ("health", 5),
    ],
)  # fmt: skip
def test_an_option_that_cannot_be_is_refused_at_set_up(automation: Automation, option: str, value: Any):
    with pytest.raises(SetupError, match=f"service 'one': .*{option}"):
        automation.service(name="one", **{option: value})(lambda: None)


def test_a_single_need_may_be_a_text_and_a_length_of_time_as_well(automation: Automation):
    idle(automation, name="base")
    idle(automation, name="top", needs="base", restart_delay="1m30s", stop_timeout=None)

    info = automation.service.get("top")
    assert (info.needs, info.restart_delay) == (("base",), 90.0)


def test_a_name_without_a_keyword_is_told_where_it_belongs(automation: Automation):
    with pytest.raises(SetupError, match=r"@app.service\(name=...\)"):
        automation.service("poll")


def test_a_registration_after_the_start_is_refused(automation: Automation):
    automation.freeze()

    with pytest.raises(Frozen):
        idle(automation)


def test_a_stop_of_the_app_names_the_service_that_goes_on(automation: Automation):
    release = threading.Event()
    automation.service(name="stubborn", stop_timeout=0.01)(lambda: release.wait(PATIENCE))
    automation.service.start("stubborn").fetch(PATIENCE)

    assert "stubborn" in automation.stop(1.0)
    release.set()


@pytest.mark.row("M10")
def test_a_service_names_the_run_of_its_present_life_and_what_it_needs(automation: Automation):
    ended = threading.Event()

    @automation.service(name="poll", restart_delay=0.0, needs=["idle"])
    def poll(was):
        print("reading")
        if not ended.is_set():
            ended.set()
            raise OSError("no line")
        was.run.wait()

    idle(automation)
    with watched(automation) as told:
        automation.start()
        told.until("restarting", "poll")
        info = told.until("running", "poll")
    assert info.needs == ("idle",)
    assert automation.service.get("poll").run == info.run
    journals = automation.storage.journals
    lives = [journals.headline(run) for run in range(1, 4)]
    assert [life.operation for life in lives if life is not None] == ["idle", "poll", "poll"]
    assert info.run == 3
    assert lives[1].status == "failed"
