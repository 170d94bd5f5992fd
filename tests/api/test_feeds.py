from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite.api import feeds
from atilite.api.feeds import Bell, OneRun, RunChanges, ServiceChanges, pump
from atilite.automation.services import Info
from atilite.events import Emitter
from atilite.runtime.promise import Promise
from atilite.runtime.task import Sleep
from atilite.store.database import Database
from atilite.store.journals import Journals


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database.open(f"sqlite:///{tmp_path}/data.db") as opened:
        yield opened


@pytest.fixture
def journals(database: Database) -> Journals:
    return Journals(database)


def settled(start: Any) -> Any:
    """Wait for a write to be on the disk; `start(done)` queues it."""
    promise: Promise[Any] = Promise()
    start(promise.settle)
    return promise.wait(10)


def opened(journals: Journals, operation: str = "hello") -> int:
    numbers: list[int] = []
    settled(lambda done: numbers.append(journals.open(operation, done=done)))
    return numbers[0]


def recorded(journals: Journals, run: int, text: str) -> int:
    return int(settled(lambda done: journals.record(run, text, done=done)))


def closed(journals: Journals, run: int, status: str = "succeeded") -> None:
    settled(lambda done: journals.close(run, status, duration=0.5, done=done))


def one_run(database: Database, journals: Journals, run: int, after: int | None = None) -> OneRun:
    return OneRun(journals, lambda id: journals.headline_on(database.connection(), id), run, after)


# -- sources


@pytest.mark.row("B37")
def test_a_new_reader_of_all_runs_gets_only_what_changes_from_now_on(journals: Journals) -> None:
    opened(journals, "before")
    source = RunChanges(journals, None)
    assert source.fetch() == []
    run = opened(journals, "after")
    closed(journals, run)
    found = source.fetch()
    assert [(body["type"], body["id"], body["status"]) for _, body in found] == [("journal", run, "succeeded")]
    assert found[0][0] == found[0][1]["change"]
    assert source.fetch() == []


@pytest.mark.row("B37")
def test_a_reader_that_comes_back_gets_what_changed_meanwhile_and_nothing_twice(journals: Journals) -> None:
    first = RunChanges(journals, None)
    run = opened(journals)
    number = first.fetch()[-1][0]
    other = opened(journals, "other")
    closed(journals, run)
    again = RunChanges(journals, number)
    assert [body["id"] for _, body in again.fetch()] == [other, run]


def test_more_changes_than_one_portion_come_in_order(journals: Journals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "PORTION", 3)
    source = RunChanges(journals, None)
    runs = [opened(journals) for _ in range(7)]
    found = [[body["id"] for _, body in source.fetch()] for _ in range(4)]
    assert found == [runs[:3], runs[3:6], runs[6:], []]


@pytest.mark.row("B37")
def test_the_stream_of_one_run_begins_with_what_is_stored_and_goes_on_with_what_is_new(
    database: Database, journals: Journals
) -> None:
    run = opened(journals)
    numbers = [recorded(journals, run, f"line {line}") for line in range(3)]
    source = one_run(database, journals, run)
    found = source.fetch()
    assert [(number, body["type"]) for number, body in found] == [
        *((number, "record") for number in numbers),
        (numbers[-1], "journal"),
    ]
    assert [body["message"] for _, body in found[:3]] == ["line 0", "line 1", "line 2"]
    assert source.fetch() == []
    last = recorded(journals, run, "the last")
    assert [body["id"] for _, body in source.fetch()] == [last]
    assert not source.over


@pytest.mark.row("B37")
def test_the_stream_of_one_run_ends_with_its_last_state_after_its_last_record(
    database: Database, journals: Journals
) -> None:
    run = opened(journals)
    source = one_run(database, journals, run)
    source.fetch()
    recorded(journals, run, "the last")
    closed(journals, run, "failed")
    found = source.fetch()
    assert [(body["type"], body.get("status")) for _, body in found] == [("record", None), ("journal", "failed")]
    assert source.over


@pytest.mark.row("B37")
def test_a_stream_that_resumes_after_a_record_gets_none_twice(database: Database, journals: Journals) -> None:
    run = opened(journals)
    numbers = [recorded(journals, run, "x") for _ in range(4)]
    found = one_run(database, journals, run, after=numbers[1]).fetch()
    assert [body["id"] for _, body in found if body["type"] == "record"] == numbers[2:]


def test_no_state_is_told_before_all_records_of_a_long_run(
    database: Database, journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "PORTION", 2)
    run = opened(journals)
    for _ in range(4):
        recorded(journals, run, "x")
    closed(journals, run)
    source = one_run(database, journals, run)
    kinds = [[body["type"] for _, body in source.fetch()] for _ in range(3)]
    assert kinds == [["record", "record"], ["record", "record"], ["journal"]]


def test_the_bell_of_one_run_is_not_rung_by_others(database: Database, journals: Journals) -> None:
    mine, other = opened(journals), opened(journals)
    rung: list[object] = []
    unlisten = one_run(database, journals, mine).listen(lambda *given: rung.append(given))
    recorded(journals, other, "x")
    assert rung == []
    recorded(journals, mine, "x")
    assert len(rung) == 1
    unlisten()
    recorded(journals, mine, "y")
    assert len(rung) == 1


def info(status: str) -> Info:
    return Info("poll", "reads the meter", status, True, True, 3.0)


@pytest.mark.row("B37")
def test_each_change_of_a_service_is_told_in_order() -> None:
    changed: Emitter[Any] = Emitter()
    source = ServiceChanges(changed)
    unlisten = source.listen(lambda *_: None)
    for status in ("starting", "running", "restarting"):
        changed.emit(info(status))
    found = [(number, body["type"], body["name"], body["status"]) for number, body in source.fetch()]
    assert found == [(None, "service", "poll", status) for status in ("starting", "running", "restarting")]
    unlisten()
    changed.emit(info("stopped"))
    assert source.fetch() == []


def test_a_record_never_appears_after_one_with_a_higher_number(
    database: Database, journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, next_number = opened(journals), database.record_ids.next
    numbered, go_on = threading.Event(), threading.Event()
    both: Promise[None] = Promise()
    stored: list[int] = []

    def slowly() -> int:
        number = next_number()
        if not numbered.is_set():
            numbered.set()
            go_on.wait(10)
        return number

    def done(number: int, error: object) -> None:
        stored.append(number)
        if len(stored) == 2:
            both.set(None)
        go_on.set()

    monkeypatch.setattr(database.record_ids, "next", slowly)
    slow = threading.Thread(target=lambda: journals.record(run, "first", done=done))
    slow.start()
    assert numbered.wait(10)
    quick = threading.Thread(target=lambda: journals.record(run, "second", done=done))
    quick.start()
    # Either the quick one overtakes and lets the slow one go on, or it has to wait for it.
    go_on.wait(0.3)
    go_on.set()
    both.wait(10)
    assert stored == sorted(stored)
    slow.join(10)
    quick.join(10)


# -- the pump


class Script:
    """A source that has what the test gives it."""

    def __init__(self) -> None:
        self.over = False
        self.portions: list[list[Any]] = []
        self.ring: Any = None
        self.listening = False

    def listen(self, ring: Any) -> Any:
        self.ring, self.listening = ring, True
        return lambda: setattr(self, "listening", False)

    def fetch(self) -> list[Any]:
        return self.portions.pop(0) if self.portions else []


class FakeLoop:
    def __init__(self) -> None:
        self.timers: list[float] = []

    def call_later(self, seconds: float, *_: Any) -> Any:
        self.timers.append(seconds)
        return self

    def cancel(self) -> None:
        self.timers.pop()


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    monkeypatch.setattr(feeds, "Sleep", lambda seconds, loop: Sleep)
    return Script()


def pumped(script: Script, times: list[float], allowed: bool = True) -> Any:
    return pump(script, Bell(), lambda: allowed, FakeLoop(), lambda: times[0])  # type: ignore[arg-type]


def test_what_is_there_is_sent_before_the_reader_sleeps_and_a_ring_wakes_it(script: Script) -> None:
    script.portions = [[(1, {})]]
    steps = pumped(script, [0.0])
    assert next(steps) == [(1, {})]
    assert next(steps) is Sleep
    waiting = next(steps)
    assert not waiting.done
    script.portions = [[(2, {})]]
    script.ring()
    assert waiting.done
    assert next(steps) == [(2, {})]


def test_a_ring_while_the_reader_reads_is_not_lost(script: Script) -> None:
    steps = pumped(script, [0.0])

    def fetch() -> list[Any]:
        script.ring()
        return []

    script.fetch = fetch  # type: ignore[method-assign]
    assert next(steps).done


def test_silence_is_broken_by_a_heartbeat_which_asks_whether_the_reader_still_may_read(script: Script) -> None:
    times = [0.0]
    steps = pumped(script, times)
    next(steps)
    times[0] = feeds.HEARTBEAT
    script.ring()
    assert next(steps) == []

    steps = pumped(script, times, allowed=False)
    next(steps)
    times[0] += feeds.HEARTBEAT
    script.ring()
    assert list(steps) == []
    assert not script.listening


def test_a_source_that_is_over_ends_the_stream_and_a_reader_that_leaves_is_forgotten(script: Script) -> None:
    script.over = True
    assert list(pumped(script, [0.0])) == []
    script.over = False
    steps = pumped(script, [0.0])
    next(steps)
    assert script.listening
    steps.close()
    assert not script.listening
