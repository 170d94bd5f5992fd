"""What the next process makes of the runs of one that died. (kill -9 is in tests/faults.)"""

from __future__ import annotations

import os
import threading
from datetime import timedelta

import pytest

from atilite.store.database import Database
from atilite.store.journals import Journals
from atilite.store.runs import Filter
from atilite.testing.clock import FakeClock

from .conftest import NOON


def last_written(database: Database, seconds: float) -> None:
    """Let the file say that it was written so many seconds after noon."""
    moment = NOON.timestamp() + seconds
    os.utime(database.path, (moment, moment))


@pytest.mark.row("reliability-9")
def test_runs_that_had_not_ended_are_interrupted(url: str, clock: FakeClock) -> None:
    with Database.open(url, clock=clock) as database:
        journals = database.part(Journals)
        running = journals.open("running", labels=["a"])
        queued = journals.open("queued", status="queued", labels=["a"])
        ended = journals.open("ended")
        journals.close(ended, "succeeded", duration=1)
        clock.advance(30)
        journals.record(running, "last sign")
        database.writer.flush()
        started = journals.last_change()
    last_written(database, 20)
    clock.advance(3600)
    with Database.open(url, clock=clock) as database:
        journals = database.part(Journals)
        found = {run.operation: run for run in journals.search()}

        assert database.interrupted == [running, queued]
        assert {name: run.status for name, run in found.items()} == {
            "running": "interrupted",
            "queued": "interrupted",
            "ended": "succeeded",
        }
        assert found["running"].finished_at == NOON + timedelta(seconds=30)
        assert found["running"].duration == 30
        assert found["running"].error == "the process ended while this was running"
        assert found["queued"].error == "the process ended before this began"
        assert [run.id for run in journals.search(Filter(labels="a", status="interrupted"))] == [queued, running]
        assert journals.search(Filter(labels="a", pending=True)) == []
        assert {run.id for run in journals.changes(started)} == {running, queued}
    with Database.open(url, clock=clock) as database:
        assert database.interrupted == []


@pytest.mark.parametrize(
    ("written", "ended"),
    [(25, 25), (-100, 0), (7200, 0)],  # a plausible last write; one before the start; one in the future
)
def test_without_a_record_the_last_write_of_the_process_counts(
    url: str, clock: FakeClock, written: float, ended: float
) -> None:
    with Database.open(url, clock=clock) as database:
        database.part(Journals).open("x")
    last_written(database, written)
    clock.advance(3600)
    with Database.open(url, clock=clock) as database:
        (run,) = database.part(Journals).search()

        assert run.finished_at == NOON + timedelta(seconds=ended)


def test_a_reader_beside_leaves_running_runs_alone(url: str, clock: FakeClock) -> None:
    with Database.open(url, clock=clock) as database:
        database.part(Journals).open("x")
        database.writer.flush()
        for more in ({"readonly": True}, {"shared": True}):
            with Database.open(url, clock=clock, **more) as other:  # type: ignore[arg-type]
                assert other.part(Journals).search()[0].status == "running"


def test_a_command_after_a_death_notes_what_the_death_left(url: str, clock: FakeClock) -> None:
    with Database.open(url, clock=clock) as database:
        database.part(Journals).open("x")
    last_written(database, 20)
    clock.advance(3600)
    with Database.open(url, clock=clock, shared=True) as command:
        command.accounts.add_token("phone", "run")
    with Database.open(url, clock=clock) as database:
        (run,) = database.part(Journals).search()

        assert (run.status, run.finished_at) == ("interrupted", NOON + timedelta(seconds=20))


def test_a_start_waits_a_moment_for_the_end_of_the_owner(url: str) -> None:
    owner = Database.open(url)
    ending = threading.Timer(0.1, owner.close)
    ending.start()
    with Database.open(url) as successor:
        assert owner.writer.closed
        assert successor.path == owner.path
    ending.join()
