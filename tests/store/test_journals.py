"""Writing runs: what is stored, when it is told, and how little it costs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from atilite.errors import StoreFull
from atilite.store.database import Database
from atilite.store.journals import MAX_RECORD, Journals
from atilite.store.runs import Filter, Progress
from atilite.testing.clock import FakeClock

from .conftest import Outcome


class Held:
    """Keeps the writer busy until the block ends."""

    def __init__(self, database: Database) -> None:
        self._database, self._go, self._entered = database, threading.Event(), threading.Event()

    def __enter__(self) -> None:
        self._database.writer.submit(self._wait)
        assert self._entered.wait(20)

    def _wait(self, connection: Any) -> None:
        self._entered.set()
        assert self._go.wait(20)

    def __exit__(self, *error: object) -> None:
        self._go.set()
        self._database.writer.flush()


def full_disk(database: Database) -> Callable[[], None]:
    """Make the file as big as it may get; the returned function ends that."""

    def limit(pages: int) -> None:
        database.writer.call(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchone())

    def fill(connection: Any) -> None:
        connection.execute("CREATE TABLE fill (text TEXT)")
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        connection.execute("INSERT INTO fill VALUES (?)", ("x" * 4000 * free,))

    database.writer.call(fill)
    limit(1)
    return lambda: limit(2**30)


@pytest.mark.row("B12", "B21")
def test_a_run_is_stored_as_it_went(journals: Journals, clock: FakeClock, written: Callable[..., Any]) -> None:
    number = journals.open(
        "Water", description="waters a zone", kind="action", trigger="person", who="ana", parameters={"zone": "north"},
        labels=["garden", "garden", "wet"], parent=7, attempt=2,
    )  # fmt: skip
    clock.advance(1.5)
    written(
        journals.close, number, "failed", duration=1.25, error="pump: no water", traceback="Traceback ...", result=None
    )

    stored = journals.headline(number)

    assert stored is not None
    assert (stored.operation, stored.description, stored.kind, stored.trigger) == (
        "Water",
        "waters a zone",
        "action",
        "person",
    )
    assert (stored.who, stored.parameters, stored.labels) == ("ana", {"zone": "north"}, ("garden", "wet"))
    assert (stored.status, stored.error, stored.traceback) == ("failed", "pump: no water", "Traceback ...")
    assert stored.started_at == datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert stored.finished_at == datetime(2026, 11, 21, 12, 0, 1, 500_000, tzinfo=UTC)
    assert (stored.duration, stored.parent, stored.attempt, stored.pending) == (1.25, 7, 2, False)


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled", "timed_out", "interrupted"])
def test_each_way_to_end_is_kept_apart(journals: Journals, written: Callable[..., Any], status: str) -> None:
    number = journals.open("x")
    written(journals.close, number, status, duration=0.1, error="")

    assert [run.id for run in journals.search(Filter(status=status))] == [number]


def test_an_unknown_end_is_refused(journals: Journals) -> None:
    number = journals.open("x")

    with pytest.raises(ValueError, match="known: succeeded, failed, cancelled, timed_out, interrupted"):
        journals.close(number, "done", duration=1)
    with pytest.raises(ValueError, match="begins queued or running"):
        journals.open("x", status="failed")


def test_a_run_that_ends_before_it_is_stored_costs_one_insert(journals: Journals, database: Database) -> None:
    statements: list[str] = []
    database.writer.call(lambda connection: connection.set_trace_callback(statements.append))
    with Held(database):
        number = journals.open("x")
        journals.close(number, "succeeded", duration=0.1)

    written = [text for text in statements if "journal(" in text or "UPDATE journal" in text]
    assert len(written) == 1
    assert written[0].startswith("INSERT INTO journal(")
    assert journals.search()[0].status == "succeeded"


def test_the_id_is_known_and_readable_before_the_row_is(journals: Journals, database: Database) -> None:
    with Held(database):
        number = journals.open("x")
        found = journals.headline(number)

    assert found is not None
    assert (found.id, found.status) == (number, "running")


def test_a_queued_run_begins_later(journals: Journals, clock: FakeClock, written: Callable[..., Any]) -> None:
    number = journals.open("x", status="queued")
    clock.advance(5)
    assert written(journals.start, number) is None
    run = journals.headline(number)

    assert run is not None
    assert run.status == "running"
    assert (run.started_at - run.created_at).total_seconds() == 5
    assert journals.start(number) is False


def test_the_first_end_stands(journals: Journals, database: Database, written: Callable[..., Any]) -> None:
    number = journals.open("x")
    written(journals.close, number, "cancelled", duration=0.1)

    assert journals.close(number, "succeeded", duration=0.2) is False
    database.writer.flush()
    assert journals.search()[0].status == "cancelled"


def test_what_was_called_with_does_not_change_with_the_caller(journals: Journals, written: Callable[..., Any]) -> None:
    given = {"zones": ["north"]}
    number = journals.open("x", parameters=given)
    given["zones"].append("south")
    written(journals.close, number, "succeeded", duration=0)

    assert journals.search()[0].parameters == {"zones": ["north"]}


def test_a_result_that_json_does_not_have_is_stored_as_text(journals: Journals, written: Callable[..., Any]) -> None:
    one, other = journals.open("x"), journals.open("x")
    written(journals.close, one, "succeeded", duration=0, result={"sum": [1, 2.5, None]})
    written(journals.close, other, "succeeded", duration=0, result={1, 2})

    assert [run.result for run in journals.search()] == ["{1, 2}", {"sum": [1, 2.5, None]}]


@pytest.mark.row("B13", "B16")
def test_records_come_newest_first_with_their_fields(
    journals: Journals, clock: FakeClock, written: Callable[..., Any]
) -> None:
    number = journals.open("x")
    journals.record(number, "begin")
    clock.advance(2)
    journals.record(number, "line", source="print")
    last = written(journals.record, number, "fetched", {"count": 31, "of": ["a"]}, source="log", level="warning")

    run = journals.get(number)

    assert run is not None
    assert [(record.message, record.source) for record in run.records] == [
        ("fetched", "log"), ("line", "print"), ("begin", "record")
    ]  # fmt: skip
    newest = run.records[0]
    assert (newest.id, newest.journal, newest.params, newest.level) == (
        last,
        number,
        {"count": 31, "of": ["a"]},
        "warning",
    )
    assert (newest.created_at - run.records[2].created_at).total_seconds() == 2


@pytest.mark.row("B13")
@pytest.mark.parametrize("value", [{1, 2}, object(), float("nan"), b"bytes"])
def test_a_field_that_json_does_not_have_fails_at_the_caller(
    journals: Journals, database: Database, value: object
) -> None:
    number = journals.open("x")
    with pytest.raises(TypeError, match="must be JSON"):
        journals.record(number, "bad", {"value": value})
    with pytest.raises(TypeError, match="parameters must be JSON"):
        journals.open("y", parameters={"value": value})
    database.writer.flush()

    assert journals.records(number) == []
    assert journals.count() == 1


def test_text_without_a_utf8_form_is_stored_as_escapes(journals: Journals, written: Callable[..., Any]) -> None:
    number = journals.open("x")
    written(journals.record, number, "bad \udcff byte", {"name": "\udcff"})

    (record,) = journals.records(number)
    assert (record.message, record.params) == ("bad \\udcff byte", {"name": "\udcff"})


@pytest.mark.row("B14")
def test_labels_are_added_once_to_running_and_to_ended_runs(
    journals: Journals, database: Database, written: Callable[..., Any]
) -> None:
    running, ended = journals.open("x", labels=["a"]), journals.open("x")
    written(journals.close, ended, "succeeded", duration=0)
    told: list[int] = []
    journals.updated.listen(told.append)

    written(journals.label, running, ["a", "b"])
    written(journals.label, ended, ["c", "c"])

    assert [run.labels for run in journals.search()] == [("c",), ("a", "b")]
    assert [run.id for run in journals.search(Filter(labels=["b", "c"]))] == [ended, running]
    assert told == [running, ended]
    with pytest.raises(LookupError):
        written(journals.label, 999, ["d"])


def test_a_label_follows_the_status_of_its_run(journals: Journals, written: Callable[..., Any]) -> None:
    number = journals.open("x", labels=["a"])
    assert written(journals.label, number, ["b"]) is None
    assert [run.id for run in journals.search(Filter(labels="b", status="running"))] == [number]

    written(journals.close, number, "failed", duration=0)

    assert journals.search(Filter(labels="b", status="running")) == []
    assert [run.id for run in journals.search(Filter(labels="a", status="failed"))] == [number]


@pytest.mark.row("B20")
def test_events_are_emitted_after_the_commit(
    journals: Journals, database: Database, written: Callable[..., Any]
) -> None:
    seen: list[tuple[str, int, object]] = []
    journals.updated.listen(lambda id: seen.append(("updated", id, journals.search()[0].status)))
    journals.recorded.listen(lambda id: seen.append(("recorded", id, len(journals.records(id)))))
    number = journals.open("x")
    database.writer.flush()
    written(journals.record, number, "one")
    written(journals.close, number, "failed", duration=0)

    assert seen == [("updated", number, "running"), ("recorded", number, 1), ("updated", number, "failed")]


def test_progress_is_in_memory_until_the_end(journals: Journals, written: Callable[..., Any]) -> None:
    told: list[int] = []
    journals.progressed.listen(told.append)
    number = journals.open("x")
    assert journals.progress(number) is None

    journals.set_progress(number, 3, 10, "photos")
    assert journals.progress(number) == Progress(3, 10, "photos")
    written(journals.close, number, "succeeded", duration=0)

    assert (journals.progress(number), told) == (None, [number])
    journals.set_progress(number, 4)
    assert told == [number]


@pytest.mark.row("B19")
def test_removing_dead_runs_takes_everything_that_belongs_to_them(url: str, clock: FakeClock) -> None:
    with Database.open(url, clock=clock) as database:
        first = database.part(Journals)
        dead = first.open("x", labels=["a"])
        first.record(dead, "begin")
    with Database.open(url, clock=clock) as database:
        journals = database.part(Journals)
        alive = journals.open("y", labels=["a"])
        outcome = Outcome()
        journals.remove_dead(done=outcome)
        database.writer.flush()

        assert outcome.value == 1
        assert [run.id for run in journals.search()] == [alive]
        rows = database.connection().execute("SELECT journal FROM record").fetchall()
        labels = database.connection().execute("SELECT journal FROM journal_label").fetchall()
        assert (rows, labels) == ([], [(alive,)])


def test_a_removed_number_is_never_given_again(url: str, clock: FakeClock) -> None:
    with Database.open(url, clock=clock) as database:
        journals = database.part(Journals)
        number = journals.open("x")
        journals.close(number, "succeeded", duration=0)
        database.writer.flush()
        outcome = Outcome()
        journals.remove([number, 12345], done=outcome)
        database.writer.flush()
        assert outcome.value == 1
    with Database.open(url, clock=clock) as database:
        assert database.part(Journals).open("y") > number


def test_record_and_change_numbers_grow_over_restarts(url: str, clock: FakeClock) -> None:
    numbers = []
    for _ in range(3):
        with Database.open(url, clock=clock) as database:
            journals = database.part(Journals)
            run = journals.open("x")
            numbers.append((journals.record(run, "m"), run))
            journals.close(run, "succeeded", duration=0)
            database.writer.flush()
            numbers[-1] += (journals.search()[0].change,)

    assert numbers == sorted(numbers)
    assert all(low < high for one, other in pairwise(numbers) for low, high in zip(one, other, strict=True))


@pytest.mark.row("reliability-10")
def test_a_run_that_ended_while_the_disk_was_full_is_stored_later(journals: Journals, database: Database) -> None:
    before = journals.open("stored before")
    database.writer.flush()
    free = full_disk(database)
    during, outcome, other = journals.open("x", parameters={"text": "y" * 9000}), Outcome(), Outcome()
    journals.close(during, "succeeded", duration=1, result="r" * 9000, done=outcome)
    journals.close(before, "failed", duration=1, error="e" * 9000, done=other)
    database.writer.flush()
    with pytest.raises(StoreFull, match="disk is full"):
        outcome.value  # noqa: B018
    with pytest.raises(StoreFull):
        other.value  # noqa: B018
    assert [run.status for run in journals.search()] == ["running"]

    free()
    last = journals.open("y")
    journals.close(last, "succeeded", duration=0)
    database.writer.flush()
    database.writer.flush()

    assert {run.id: run.status for run in journals.search()} == {
        before: "failed",
        during: "succeeded",
        last: "succeeded",
    }
    assert database.health().status == "ok"


def test_a_failed_write_of_one_run_leaves_its_neighbours(journals: Journals, database: Database) -> None:
    def half(connection: Any) -> None:
        connection.execute("DELETE FROM kv")
        connection.execute("INSERT INTO mark(name, value) VALUES ('x', 1)")
        raise RuntimeError("undone with everything in its transaction")

    with Held(database):
        first = journals.open("x", labels=["a"])
        journals.record(first, "one")
        database.writer.submit(half)
        journals.close(first, "succeeded", duration=0)
        second = journals.open("y")
        journals.record(second, "two")

    assert [(run.operation, run.status) for run in journals.search()] == [("y", "running"), ("x", "succeeded")]
    assert [len(journals.records(run)) for run in (first, second)] == [1, 1]
    assert [run.id for run in journals.search(Filter(labels="a"))] == [first]
    assert database.connection().execute("SELECT count(*) FROM mark WHERE name = 'x'").fetchone() == (0,)


@pytest.mark.row("B22")
def test_two_databases_do_not_see_each_other(journals: Journals, tmp_path: Any) -> None:
    journals.open("here")
    with Database.open(f"sqlite:///{tmp_path}/other.db") as other:
        theirs = other.part(Journals)
        assert theirs is other.part(Journals)
        theirs.open("there")
        other.writer.flush()
        assert [run.operation for run in theirs.search()] == ["there"]


def test_records_of_many_runs_at_once_stay_with_their_runs(journals: Journals, database: Database) -> None:
    numbers = [journals.open(f"run {number}") for number in range(8)]

    def work(number: int) -> None:
        for line in range(200):
            journals.record(number, f"{number} {line}")

    threads = [threading.Thread(target=work, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    database.writer.flush()

    for number in numbers:
        assert [record.message for record in journals.records(number)] == [f"{number} {line}" for line in range(200)]


@pytest.mark.row("reliability-7")
def test_a_record_is_never_on_the_disk_without_its_run(journals: Journals, database: Database) -> None:
    seen: list[tuple[int, int]] = []

    def look(connection: Any) -> None:
        (runs,) = connection.execute("SELECT count(*) FROM journal").fetchone()
        (records,) = connection.execute("SELECT count(*) FROM record").fetchone()
        seen.append((runs, records))

    with Held(database):
        first = journals.open("first")
        journals.record(first, "queues the flush of all records")
        database.writer.submit(look)
        second = journals.open("second")
        journals.record(second, "goes with that flush")

    assert seen == [(2, 2)]
    assert [run.operation for run in journals.search()] == ["second", "first"]
    assert [run.id for run in journals.changes(0)] == [first, second]


def test_a_record_above_the_limit_is_refused_where_it_is_made(journals: Journals, database: Database) -> None:
    run = journals.open("water")
    with pytest.raises(ValueError, match="a record holds at most 1048576 characters"):
        journals.record(run, "much", {"data": "x" * MAX_RECORD})
    journals.record(run, "x" * (MAX_RECORD - 2))
    database.writer.flush()
    assert [len(record.message) for record in journals.records(run)] == [MAX_RECORD - 2]


def test_the_number_of_the_attempt_is_stored_until_the_run_has_ended(
    journals: Journals, written: Callable[..., Any], database: Database
) -> None:
    number = journals.open("x")

    assert written(journals.attempt, number, 2) is None
    stored = database.connection().execute("SELECT attempt FROM journal WHERE id = ?", (number,)).fetchone()
    assert stored == (2,)
    written(journals.close, number, "failed", duration=0)
    assert journals.attempt(number, 3) is False
    assert journals.headline(number).attempt == 2
