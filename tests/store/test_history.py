"""Reading runs: every filter, newest first, page by page."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from atilite.store import history, streams
from atilite.store.database import Database
from atilite.store.journals import Journals
from atilite.store.runs import FINISHED, Filter, Headline
from atilite.store.words import fits
from atilite.testing.clock import FakeClock

from .conftest import NOON

OPERATIONS, KINDS, TRIGGERS = ("Water", "rates", "backup"), ("action", "function"), ("person", "schedule", "api")
LABELS = ("garden", "system", "rare")


@pytest.fixture
def runs(journals: Journals, database: Database, clock: FakeClock) -> list[Headline]:
    """Three hundred runs of all sorts, a minute apart; the newest first."""
    chance = random.Random(7)
    first = journals.open("Water")
    for count in range(300):
        clock.advance(60)
        trigger = chance.choice(TRIGGERS)
        number = journals.open(
            chance.choice(OPERATIONS),
            kind=chance.choice(KINDS),
            trigger=trigger,
            who=None if trigger == "schedule" else chance.choice(("ana", "ben")),
            labels=[label for label in LABELS if chance.random() < 0.2],
            status=chance.choice(("queued", "running", "running", "running")),
            parent=first if count % 3 == 0 else None,
        )
        status = chance.choice(("", *sorted(FINISHED)))
        if status:
            journals.close(number, status, duration=0.5, error=None if status == "succeeded" else "no")
    database.writer.flush()
    return journals.search(limit=1000)


FILTERS = {
    "status": Filter(status="failed"),
    "several statuses": Filter(status=["failed", "timed_out"]),
    "operation": Filter(operation="rates"),
    "kind": Filter(kind="function"),
    "trigger": Filter(trigger="api"),
    "who": Filter(who="ben"),
    "label": Filter(labels="garden"),
    "one of several labels": Filter(labels=["garden", "rare"]),
    "failed": Filter(failed=True),
    "not failed": Filter(failed=False),
    "pending": Filter(pending=True),
    "not pending": Filter(pending=False),
    "contradiction": Filter(pending=True, failed=True),
    "since": Filter(since=NOON + timedelta(minutes=100)),
    "until": Filter(until=NOON + timedelta(minutes=100)),
    "span": Filter(since=NOON + timedelta(minutes=100), until=NOON + timedelta(minutes=200)),
    "nobody": Filter(who="nobody"),
    "operation and status": Filter(operation="Water", status="failed"),
    "label and status": Filter(labels="garden", status="interrupted"),
    "label and operation": Filter(labels="garden", operation="Water"),
    "everything": Filter(
        operation="Water",
        kind="action",
        failed=True,
        labels=["garden", "system"],
        who="ana",
        since=NOON,
        until=NOON + timedelta(hours=4),
    ),
    "parent": Filter(parent=1),
    "parent and more": Filter(parent=1, operation="Water", failed=True, labels=["garden", "rare"], since=NOON),
    "no such parent": Filter(parent=2),
    "kind, trigger and who": Filter(kind="action", trigger="person", who="ana"),
}


@pytest.mark.row("M5", "B18")
@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("way", ["walk", "known", "scan", "labels last"])
def test_a_filter_finds_what_it_says_newest_first(
    journals: Journals, runs: list[Headline], monkeypatch: pytest.MonkeyPatch, name: str, way: str
) -> None:
    if way == "walk":
        monkeypatch.setattr(journals, "_known", None)
    elif way == "scan":
        monkeypatch.setattr(streams, "STREAMS", 0)
    elif way == "labels last":
        monkeypatch.setattr(streams, "FEW", 0)
    filter = FILTERS[name]
    expected = [run.id for run in runs if fits(run, filter)]

    assert [run.id for run in journals.search(filter, limit=1000)] == expected
    assert journals.count(filter) == len(expected)
    assert journals.count(filter, limit=5) == min(5, len(expected))
    assert [run.id for run in journals.search(filter, limit=7)] == expected[:7]
    assert [run.id for run in journals.search(filter, limit=7, offset=5)] == expected[5:12]


@pytest.mark.row("M5")
def test_the_runs_within_a_run_are_found_by_their_own_index(database: Database, runs: list[Headline]) -> None:
    (stream,) = streams.streams(database.connection(), Filter(parent=1, status="failed"))
    statement, values = stream.part(0, 1000, 10)
    plan = database.connection().execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()

    assert "USING INDEX journal_parent" in str(plan) or "USING COVERING INDEX journal_parent" in str(plan)
    assert "TEMP B-TREE" not in str(plan)


def test_the_filters_of_this_test_find_something() -> None:
    assert {name for name, filter in FILTERS.items() if filter.statuses == frozenset()} == {"contradiction"}


@pytest.mark.row("B17")
@pytest.mark.parametrize("filter", [Filter(), Filter(operation="rates"), Filter(labels="garden")])
def test_pages_follow_each_other_without_gap_or_repetition(
    journals: Journals, runs: list[Headline], filter: Filter
) -> None:
    found: list[int] = []
    before = None
    while page := journals.search(filter, before=before, limit=11):
        found += [run.id for run in page]
        before = page[-1].id

    assert found == [run.id for run in runs if fits(run, filter)]


def test_history_has_an_offset_too(journals: Journals, runs: list[Headline]) -> None:
    assert [run.id for run in journals.search(limit=20, offset=40)] == [run.id for run in runs[40:60]]


def test_a_time_finds_runs_after_the_clock_was_set_back(
    journals: Journals, database: Database, clock: FakeClock
) -> None:
    def opened() -> int:
        return journals.open("x")

    wrong = opened()
    clock.advance(-30)
    first = opened()
    clock.advance(10)
    second = opened()
    database.writer.flush()

    assert [run.id for run in journals.search(Filter(since=NOON - timedelta(seconds=25)))] == [second, wrong]
    assert [run.id for run in journals.search(Filter(until=NOON - timedelta(seconds=25)))] == [first]


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        Filter(since=datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="unknown status bad; known: queued"):
        Filter(status="bad")


def test_changes_come_in_order_with_only_the_newest_state(journals: Journals, database: Database) -> None:
    first, second = journals.open("a"), journals.open("b")
    database.writer.flush()
    start = journals.last_change()
    journals.close(first, "succeeded", duration=0)
    database.writer.flush()
    journals.label(second, ["x"])
    third = journals.open("c")
    database.writer.flush()

    changed = journals.changes(start)

    assert [run.id for run in changed] == [first, second, third]
    assert [run.id for run in journals.changes(changed[0].change)] == [second, third]
    assert [run.id for run in journals.changes(start, limit=1)] == [first]
    assert journals.changes(changed[-1].change) == []


def test_changes_of_an_earlier_process_are_found(url: str, clock: FakeClock) -> None:
    with Database.open(url, clock=clock) as database:
        journals = database.part(Journals)
        ended, lost = journals.open("a"), journals.open("b")
        journals.close(ended, "succeeded", duration=0)
        database.writer.flush()
        start = journals.last_change()
    with Database.open(url, clock=clock) as database:
        journals = database.part(Journals)
        assert [run.id for run in journals.changes(start)] == [lost]
        following = journals.last_change()
        later = journals.open("c")
        database.writer.flush()
        assert [run.id for run in journals.changes(following)] == [later]


def test_latest_is_the_newest_run_of_each_operation(journals: Journals, runs: list[Headline]) -> None:
    expected = {name: next(run.id for run in runs if run.operation == name) for name in OPERATIONS}

    assert {name: run.id for name, run in journals.latest([*OPERATIONS, "never"]).items()} == expected


def test_latest_survives_a_restart_and_a_removal(url: str, clock: FakeClock, written: Callable[..., Any]) -> None:
    del written
    # The fixture's database is another file: this one is opened twice.
    other = url.replace("data.db", "again.db")
    with Database.open(other, clock=clock) as database:
        numbers = [database.part(Journals).open("x") for _ in range(2)]
        for number in numbers:
            database.part(Journals).close(number, "succeeded", duration=0)
    with Database.open(other, clock=clock) as database:
        journals = database.part(Journals)
        assert journals.latest(["x"])["x"].id == numbers[1]
        journals.remove([numbers[1]])
        database.writer.flush()
        assert journals.latest(["x"])["x"].id == numbers[0]


def test_glances_are_the_ten_newest_runs_of_each_operation_in_one_statement(
    journals: Journals, runs: list[Headline], database: Database
) -> None:
    expected = {name: [run.id for run in runs if run.operation == name][:10] for name in OPERATIONS}
    journals.glances([*OPERATIONS, "never"])  # the first time they are searched for
    later = journals.open("rates")
    database.writer.flush()
    expected["rates"] = [later, *expected["rates"]][:10]
    asked: list[str] = []

    database.connection().set_trace_callback(asked.append)
    found = journals.glances([*OPERATIONS, "never"])
    database.connection().set_trace_callback(None)

    assert {name: [run.id for run in several] for name, several in found.items()} == {**expected, "never": []}
    assert (found["rates"][0].status, found["rates"][0].duration) == ("running", None)
    assert len(asked) == 1


def test_filters_of_an_operation_know_of_runs_of_a_new_kind(journals: Journals, database: Database) -> None:
    first = journals.open("x", trigger="api")
    database.writer.flush()
    assert [run.id for run in journals.search(Filter(operation="x"))] == [first]

    second = journals.open("x", trigger="person", who="ana")
    database.writer.flush()

    assert [run.id for run in journals.search(Filter(operation="x"))] == [second, first]
    assert journals.latest(["x"])["x"].id == second


@pytest.mark.row("M5")
@pytest.mark.parametrize("name", [name for name, filter in FILTERS.items() if filter.text is None])
def test_a_page_of_any_filter_is_one_statement_once_its_operation_is_known(
    journals: Journals, runs: list[Headline], database: Database, name: str
) -> None:
    journals.search(FILTERS[name])
    asked: list[str] = []

    database.connection().set_trace_callback(asked.append)
    journals.search(FILTERS[name], limit=50)
    database.connection().set_trace_callback(None)

    assert len(asked) <= 1 + 2 * len(tuple(FILTERS[name].labels or ()))


def test_records_are_read_in_parts(journals: Journals, database: Database) -> None:
    run = journals.open("x")
    numbers = [journals.record(run, str(number)) for number in range(10)]
    database.writer.flush()

    assert [record.message for record in journals.records(run, limit=3)] == ["0", "1", "2"]
    assert [record.message for record in journals.records(run, after=numbers[7])] == ["8", "9"]
    newest = journals.records(run, before=numbers[5], limit=2, newest_first=True)
    assert [record.message for record in newest] == ["4", "3"]


@pytest.mark.row("B16")
def test_what_does_not_exist_is_none(journals: Journals) -> None:
    assert (journals.get(99), journals.headline(99), journals.records(99)) == (None, None, [])
    assert (journals.search(), journals.count(), journals.day().status) == ([], 0, {})


@pytest.mark.row("M5")
def test_a_search_uses_no_more_rows_than_its_page(journals: Journals, runs: list[Headline], database: Database) -> None:
    """Every filter is served by an index: no statement of a search walks the table, no stream of it is sorted."""
    connection = database.connection()

    def plans(statement: str, values: Iterable[object] = ()) -> list[str]:
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", tuple(values)).fetchall()]

    seen: list[str] = []
    connection.set_trace_callback(seen.append)
    for filter in FILTERS.values():
        journals.search(filter, limit=20)
    connection.set_trace_callback(None)
    parts = [stream.part(0, 300, 20) for filter in FILTERS.values() if filter.text is None
             for stream in streams.streams(connection, filter)]  # fmt: skip

    assert [plan for statement in set(seen) for plan in plans(statement) if plan == "SCAN journal"] == []
    assert [plan for part in parts for plan in plans(*part) if "TEMP B-TREE" in plan] == []
    assert len(seen) > 20
    assert len(parts) > 20


def test_times_are_aware_and_utc(journals: Journals, runs: list[Headline]) -> None:
    assert runs[0].created_at.tzinfo is UTC


@pytest.mark.parametrize("filter", [Filter(operation="a"), Filter(kind="function")])
def test_a_run_is_found_at_the_moment_at_which_it_ends(
    journals: Journals, database: Database, monkeypatch: pytest.MonkeyPatch, filter: Filter
) -> None:
    run = journals.open("a")
    database.writer.flush()
    assert journals.search(filter)
    noted, seen = journals.written, list[tuple[int, ...]]()

    def written(headline: Headline, change: int) -> None:
        # Its end is on the disk, and nothing of it was noted yet.
        seen.append((*(found.id for found in journals.search(filter)), journals.count(filter)))
        noted(headline, change)

    monkeypatch.setattr(journals, "written", written)
    journals.close(run, "succeeded", duration=0)
    database.writer.flush()

    assert seen == [(run, 1)]


@pytest.mark.parametrize("together", [0, 120])
def test_a_run_that_ends_between_two_statements_of_a_search_is_found(
    journals: Journals, database: Database, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    filter = Filter(operation="a")
    other, run = journals.open("a"), journals.open("a")
    journals.close(other, "failed", duration=0)
    database.writer.flush()
    assert len(journals.search(filter)) == 2
    asked: list[str] = []

    def end(statement: str) -> None:
        asked.append(statement)
        if sum(one.startswith("SELECT") for one in asked) == 2:
            database.connection().set_trace_callback(None)
            journals.close(run, "failed", duration=0)
            database.writer.flush()

    monkeypatch.setattr(history, "TOGETHER", together)
    # What failed is read first, what runs second.
    monkeypatch.setattr(
        journals, "_known_for", lambda asked: [("function", "call", "", s) for s in ("failed", "running")]
    )
    database.connection().set_trace_callback(end)

    assert [found.id for found in journals.search(filter)] == [run, other]
    database.connection().set_trace_callback(None)
    assert (len(asked) > 1) == (together == 0), "one statement, or several that see the same moment"


def test_a_search_that_missed_how_a_run_is_sorted_is_made_again(
    journals: Journals, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = journals.open("a")
    database.writer.flush()
    assert journals.search(Filter(operation="a"))
    known_for = journals._known_for

    def known(filter: Filter) -> Any:
        found = known_for(filter)
        journals.close(run, "failed", duration=0)
        database.writer.flush()
        return found

    monkeypatch.setattr(journals, "_known_for", known)

    assert [found.status for found in journals.search(Filter(operation="a"))] == ["failed"]
