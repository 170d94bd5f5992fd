from __future__ import annotations

import queue
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atilite.automation.engine import Automation
from atilite.errors import Frozen, SetupError
from atilite.testing.clock import FakeClock

PATIENCE = 20.0


class Runs:
    """The ends of an automation's runs."""

    def __init__(self, automation: Automation) -> None:
        self.automation = automation
        self.ends: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
        automation.runs.ended.listen(self.ends.put)

    def next(self) -> Any:
        return self.ends.get(timeout=PATIENCE)

    def call(self) -> Any:
        return self.calls.get(timeout=PATIENCE)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def runs(make: Callable[..., Automation], clock: FakeClock) -> Runs:
    return Runs(make("garden", clock=clock))


@pytest.mark.row("M19")
def test_an_event_runs_an_action_with_its_arguments(runs: Runs):
    @runs.automation.trigger(on="door opened")
    @runs.automation.action(name="Greet")
    def greet(who: str, times: int = 1) -> None:
        runs.calls.put((who, times))

    runs.automation.freeze()
    runs.automation.start()
    runs.automation.bus.emit("door opened", "ana", times=2, unknown="left out")
    assert runs.call() == ("ana", 2)
    ended = runs.next()
    assert (ended.trigger, ended.who, ended.status) == ("event", None, "succeeded")
    (info,) = runs.automation.trigger.triggers
    assert (info.action, info.kind, info.source, info.fired, info.error) == ("Greet", "event", "door opened", 1, None)


@pytest.mark.row("M19")
def test_an_event_that_does_not_fit_starts_nothing_and_shows_why(runs: Runs, caplog: pytest.LogCaptureFixture):
    @runs.automation.action
    @runs.automation.trigger(on="read", params={"scale": 2})
    def keep(value: int, scale: int) -> None:
        runs.calls.put(value * scale)

    runs.automation.start()
    runs.automation.bus.emit("read", "warm")
    runs.automation.bus.emit("read", 4)
    assert runs.call() == 8
    assert "started no run" in caplog.text
    (info,) = runs.automation.trigger.triggers
    assert (info.fired, info.error) == (1, None)


@pytest.mark.row("M19")
def test_each_file_that_has_settled_runs_the_action(runs: Runs, clock: FakeClock, tmp_path: Path):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "there.csv").write_text("before the start")

    @runs.automation.trigger(files=f"{inbox}/*.csv", every=3600, settle=2)
    @runs.automation.action(name="Import")
    def take(path: str, change: str) -> None:
        runs.calls.put((Path(path).name, change))

    trigger = runs.automation.trigger
    runs.automation.start()
    (inbox / "new.csv").write_text("1")
    (inbox / "other.txt").write_text("1")
    trigger.look(trigger.ids[0])
    clock.advance(1)
    (inbox / "new.csv").write_text("12")
    trigger.look(trigger.ids[0])
    clock.advance(1.5)
    trigger.look(trigger.ids[0])  # still being written
    clock.advance(1)
    trigger.look(trigger.ids[0])
    assert runs.call() == ("new.csv", "created")
    assert runs.next().trigger == "file"
    (inbox / "there.csv").unlink()
    trigger.look(trigger.ids[0])
    clock.advance(3)
    trigger.look(trigger.ids[0])
    assert runs.call() == ("there.csv", "removed")
    assert trigger.triggers[0].fired == 2


def test_an_action_without_a_path_is_run_once_for_all_files(runs: Runs, clock: FakeClock, tmp_path: Path):
    @runs.automation.trigger(files=str(tmp_path / "in"), every=3600, settle=0, at_start=True)
    @runs.automation.action(name="Sync")
    def sync() -> None:
        runs.calls.put("synced")

    (tmp_path / "in").mkdir()
    for name in "abc":
        (tmp_path / "in" / name).write_text(name)
    runs.automation.start()
    trigger = runs.automation.trigger
    trigger.look(trigger.ids[0])
    assert runs.call() == "synced"
    runs.next()
    trigger.look(trigger.ids[0])
    assert trigger.triggers[0].fired == 1


def test_files_are_looked_at_by_themselves_while_the_app_runs(make: Callable[..., Automation], tmp_path: Path):
    runs = Runs(make("garden"))

    @runs.automation.trigger(files=str(tmp_path / "*.csv"), every=0.05, settle=0)
    @runs.automation.action(name="Import")
    def take(path: str) -> None:
        runs.calls.put(Path(path).name)

    runs.automation.start()
    (tmp_path / "a.csv").write_text("x")
    assert runs.call() == "a.csv"
    runs.automation.stop()
    (tmp_path / "b.csv").write_text("x")
    assert runs.calls.empty()


@pytest.mark.row("M19")
def test_messages_become_parameters(runs: Runs, caplog: pytest.LogCaptureFixture):
    receive: dict[str, Any] = {}
    ended: list[str] = []

    def subscribe(broker: str, topic: str, receiver: Any) -> Callable[[], None]:
        receive[broker, topic] = receiver
        return lambda: ended.append(topic)

    runs.automation.trigger.subscribe = subscribe

    @runs.automation.trigger(topic="garden/+/dry", broker="@broker")
    @runs.automation.action(name="Water")
    def water(topic: str, seconds: int = 30, payload: str = "") -> None:
        runs.calls.put((topic, seconds, payload))

    runs.automation.start()
    told = receive["@broker", "garden/+/dry"]
    told("garden/north/dry", b'{"seconds": 5, "payload": "x"}')
    assert runs.call() == ("garden/north/dry", 5, "x")
    assert runs.next().trigger == "message"
    told("garden/south/dry", b"very")
    assert runs.call() == ("garden/south/dry", 30, "very")
    told("garden/south/dry", b"\xff")
    assert "cannot be read" in caplog.text
    assert "cannot be read" in (runs.automation.trigger.triggers[0].error or "")
    runs.automation.stop()
    assert ended == ["garden/+/dry"]


def test_after_the_stop_an_event_starts_nothing(runs: Runs):
    @runs.automation.trigger(on="x")
    @runs.automation.action(name="X")
    def act() -> None: ...

    runs.automation.start()
    runs.automation.trigger.stop()
    assert runs.automation.bus.emit("x") == 0


@pytest.mark.parametrize(
    "options", [{}, {"on": "a", "files": "b"}, {"topic": "a"}, {"broker": "@b", "on": "x"}, {"files": "a", "every": 0}]
)
def test_what_is_no_trigger_is_an_error_at_set_up(runs: Runs, options: dict[str, Any]):
    with pytest.raises(SetupError):
        runs.automation.trigger(**options)


def test_a_trigger_needs_an_action_and_comes_before_the_start(runs: Runs):
    runs.automation.trigger(on="x")(lambda: None)
    with pytest.raises(SetupError, match=r"@app\.action"):
        runs.automation.trigger.freeze()
    with pytest.raises(SetupError, match=r"@app\.action"):
        _ = runs.automation.trigger.triggers


def test_no_trigger_is_taken_late(runs: Runs):
    runs.automation.trigger.freeze()
    with pytest.raises(Frozen):
        runs.automation.trigger(on="x")(lambda: None)
