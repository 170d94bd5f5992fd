"""Searching text in runs, indexed or not yet."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from atilite.store import textindex
from atilite.store.database import Database
from atilite.store.journals import Journals
from atilite.store.runs import Filter
from atilite.testing.clock import FakeClock

from .conftest import NOON


def end(journals: Journals, number: int, error: str | None = None) -> int:
    journals.close(number, "failed" if error else "succeeded", duration=0, error=error)
    return number


def found(journals: Journals, text: str, **more: object) -> list[int]:
    return [run.id for run in journals.search(Filter(text=text, **more))]  # type: ignore[arg-type]


def fill(journals: Journals, database: Database, count: int = textindex.TOGETHER) -> None:
    """End so many other runs that everything before is indexed."""
    for _ in range(count):
        end(journals, journals.open("other"))
    database.writer.flush()
    rest(database)


def rest(database: Database) -> None:
    """Wait until what is done at leisure has been done."""
    done = threading.Event()
    database.writer.at_leisure(lambda connection: None, lambda value, error: done.set())
    assert done.wait(20)


@pytest.fixture(params=["index", "not yet", "no fts5"])
def ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    way: str = request.param
    if way == "no fts5":
        monkeypatch.setattr(textindex, "has_fts5", lambda connection: False)
    return way


@pytest.mark.row("B18")
def test_text_is_searched_in_everything_that_a_run_says(ways: str, journals: Journals, database: Database) -> None:
    number = journals.open("Fetch rates", description="the ECB's", labels=["finance"], parameters={"currency": "Krone"})
    journals.record(number, "31 values from cache", {"n": 1})
    end(journals, number, "ReadTimeout: bank did not answer")
    running = journals.open("Fetch photos")
    if ways == "index":
        fill(journals, database)
        assert database.connection().execute("SELECT count(*) FROM search WHERE rowid = ?", (number,)).fetchone() == (
            1,
        )
    database.writer.flush()

    for text in ("rates", "ECB", "finance", "krone", "currency", "cache", "timeout", "readtime", "bank answer"):
        assert found(journals, text) == [number], text
    assert found(journals, "fetch") == [running, number]
    assert found(journals, "bank photos") == []
    assert found(journals, '"; DROP * (') == []
    assert found(journals, "fetch", status="failed") == [number]
    assert found(journals, "fetch", operation="Fetch photos", status="running") == [running]
    assert found(journals, "fetch", labels=["finance", "x"], failed=True) == [number]
    assert found(journals, "fetch", who="ana") == []


def test_text_is_paged_like_everything_else(ways: str, journals: Journals, database: Database) -> None:
    numbers = [end(journals, journals.open("reading", description=f"sensor{n}")) for n in range(70)]
    database.writer.flush()
    database.writer.flush()

    pages, before = [], None
    while page := journals.search(Filter(text="sensor"), before=before, limit=20):
        pages += [run.id for run in page]
        before = page[-1].id

    assert pages == numbers[::-1]
    assert journals.count(Filter(text="sensor")) == 70
    assert found(journals, "sensor33") == [numbers[33]]


def test_text_and_time_go_together(ways: str, journals: Journals, database: Database, clock: FakeClock) -> None:
    numbers = []
    for _ in range(60):
        clock.advance(60)
        numbers.append(end(journals, journals.open("reading")))
    database.writer.flush()
    database.writer.flush()

    assert found(journals, "reading", since=NOON + timedelta(minutes=59)) == [numbers[59], numbers[58]]


def test_a_run_that_outlives_many_others_is_found(journals: Journals, database: Database) -> None:
    late = journals.open("mission")
    fill(journals, database, 120)
    assert found(journals, "mission") == [late]
    journals.record(late, "arrived at the dock")
    end(journals, late)
    database.writer.flush()
    assert found(journals, "dock") == [late]

    fill(journals, database)

    assert found(journals, "dock") == [late]
    assert database.connection().execute("SELECT count(*) FROM search WHERE rowid = ?", (late,)).fetchone() == (1,)


def test_a_label_given_later_is_found(journals: Journals, database: Database) -> None:
    number = end(journals, journals.open("x"))
    fill(journals, database)
    journals.label(number, ["checked"])
    database.writer.flush()
    assert found(journals, "checked") == [number]
    assert found(journals, "x", labels="checked") == [number]

    fill(journals, database)

    assert found(journals, "x", labels="checked") == [number]


def test_what_was_not_indexed_is_indexed_by_the_next_process(url: str, clock: FakeClock) -> None:
    with Database.open(url, clock=clock) as database:
        journals = database.part(Journals)
        lost = journals.open("mission")
        number = end(journals, journals.open("rates"))
    with Database.open(url, clock=clock) as database:
        journals = database.part(Journals)
        rest(database)
        indexed = database.connection().execute("SELECT rowid FROM search ORDER BY rowid").fetchall()
        assert indexed == [(lost,), (number,)]
        assert (found(journals, "rates"), found(journals, "mission")) == ([number], [lost])
    with Database.open(url, readonly=True) as database:
        assert found(database.part(Journals), "rates") == [number]


def test_nothing_is_indexed_while_others_write_unless_too_much_has_gathered(
    journals: Journals, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count() -> int:
        number: int = database.connection().execute("SELECT count(*) FROM search").fetchone()[0]
        return number

    rest(database)
    monkeypatch.setattr(database.writer, "_linger", 30)
    monkeypatch.setattr(textindex, "BACKLOG", 100)
    for _ in range(99):
        end(journals, journals.open("rates"))
    database.writer.flush()
    database.writer.flush()
    assert (count(), len(journals.search(Filter(text="rates"), limit=200))) == (0, 99)

    end(journals, journals.open("rates"))
    database.writer.flush()
    database.writer.flush()
    assert (count(), len(journals.search(Filter(text="rates"), limit=200))) == (100, 100)


def test_a_removed_run_is_not_found(journals: Journals, database: Database) -> None:
    number = end(journals, journals.open("rates"))
    fill(journals, database)
    journals.remove([number])
    database.writer.flush()

    assert found(journals, "rates") == []


def test_text_is_searched_in_the_runs_within_a_run(ways: str, journals: Journals, database: Database) -> None:
    parent = journals.open("nightly")
    child = journals.open("fetch", parent=parent)
    journals.record(child, "the bank answered")
    other = journals.open("fetch", parent=parent)
    journals.record(journals.open("fetch"), "the bank answered")
    for number in (child, other):
        end(journals, number)
    if ways == "index":
        fill(journals, database)
    database.writer.flush()

    assert found(journals, "bank", parent=parent) == [child]
    assert found(journals, "fetch", parent=parent) == [other, child]
    assert found(journals, "bank", parent=parent, status="failed") == []


@pytest.mark.row("M5")
def test_runs_that_are_not_indexed_yet_are_not_read_one_by_one(journals: Journals, database: Database) -> None:
    numbers = [journals.open("fetch", labels=["night"] if count % 2 else []) for count in range(1000)]
    for number in numbers:
        journals.record(number, "the bank answered" if number % 100 == 0 else "nothing")
    database.writer.flush()
    statements: list[str] = []
    database.connection().set_trace_callback(statements.append)
    hits = found(journals, "bank fetch")
    rare = found(journals, "bank", labels=["night"])
    database.connection().set_trace_callback(None)

    assert hits == sorted((number for number in numbers if number % 100 == 0), reverse=True)
    assert rare == [number for number in hits if number % 2 == 0]
    assert len(statements) < 60
