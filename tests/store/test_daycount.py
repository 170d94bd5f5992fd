"""The counts of the last day: always what counting everything anew would say."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest

from atilite.store import daycount
from atilite.store.database import Database
from atilite.store.journals import Journals
from atilite.testing.clock import FakeClock


def anew(journals: Journals, clock: FakeClock) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Count the runs of the last 48 half hours one by one."""
    start = journals.day().start
    assert timedelta(hours=23.5) <= clock.now() - start < timedelta(hours=24)
    runs = [run for run in journals.search(limit=100_000) if run.created_at >= start]
    return (
        Counter(run.status for run in runs),
        Counter(run.operation for run in runs),
        Counter(run.trigger for run in runs),
    )


def agree(journals: Journals, clock: FakeClock) -> None:
    """Fail unless the counts are those of the runs."""
    day = journals.day()
    assert (day.status, day.operation, day.trigger) == anew(journals, clock)
    assert sum(sum(slot.values()) for slot in day.slots) == sum(day.status.values())
    assert len(day.slots) == 48


@pytest.fixture
def few_settle_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs settle soon, so that a test needs few of them."""
    monkeypatch.setattr(daycount, "TAIL", 4)
    monkeypatch.setattr(daycount, "_SINCE", daycount._SINCE.replace("256", "4"))


@pytest.mark.usefixtures("few_settle_late")
def test_the_counts_are_those_of_the_runs_whatever_happens_between(
    journals: Journals, database: Database, clock: FakeClock
) -> None:
    chance = random.Random(3)
    waiting: list[int] = []
    for step in range(400):
        clock.advance(chance.choice((1, 60, 300, 1700)))
        number = journals.open(f"action {chance.randrange(3)}", trigger=chance.choice(("api", "schedule")),
                               status=chance.choice(("queued", "running")))  # fmt: skip
        waiting.append(number)
        while waiting and chance.random() < 0.6:
            ended = waiting.pop(chance.randrange(len(waiting)))
            journals.close(ended, chance.choice(("succeeded", "failed", "cancelled")), duration=1)
        if chance.random() < 0.05:
            journals.label(chance.randrange(1, number + 1), ["late"])
        if step % 7 == 0:
            database.writer.flush()
            agree(journals, clock)


@pytest.mark.row("B46")
def test_nothing_is_read_again_until_a_run_changes_or_a_half_hour_is_over(
    journals: Journals, database: Database, clock: FakeClock
) -> None:
    number = journals.open("x")
    database.writer.flush()
    journals.day()
    asked: list[str] = []
    database.connection().set_trace_callback(asked.append)
    assert journals.day() is journals.day()
    assert journals.day().status == {"running": 1}
    asked.clear()
    journals.day()
    assert asked == []
    journals.close(number, "succeeded", duration=1)
    database.writer.flush()
    assert journals.day().status == {"succeeded": 1}
    asked.clear()
    clock.advance(30 * 60)
    assert journals.day().slots[-2:] == ({"succeeded": 1}, {})
    assert asked != []
    database.connection().set_trace_callback(None)


def test_what_was_removed_counts_until_all_is_counted_again(
    journals: Journals, database: Database, clock: FakeClock
) -> None:
    number = journals.open("x")
    journals.close(number, "succeeded", duration=1)
    database.writer.flush()
    assert journals.day().status == {"succeeded": 1}

    journals.remove([number])
    database.writer.flush()
    clock.advance(daycount.AGAIN.total_seconds())

    assert journals.day().status == {}


def test_a_half_hour_counts_where_it_belongs(journals: Journals, database: Database, clock: FakeClock) -> None:
    journals.open("early")
    clock.advance(3600)
    journals.open("late", status="queued")
    database.writer.flush()

    slots = journals.day().slots

    assert (slots[-3], slots[-2], slots[-1]) == ({"running": 1}, {}, {"queued": 1})


def test_a_look_reads_what_is_new_and_not_the_whole_day(
    journals: Journals, database: Database, clock: FakeClock
) -> None:
    for _ in range(1000):
        journals.close(journals.open("x"), "succeeded", duration=1)
    database.writer.flush()
    journals.day()
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    database.connection().set_progress_handler(step, 100)
    day = journals.day()
    database.connection().set_progress_handler(None, 0)

    assert day.status == {"succeeded": 1000}
    assert steps < 200  # of a hundred instructions each, for the newest 256 runs
