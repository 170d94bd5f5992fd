"""Removing what is old."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from atilite.store import retention
from atilite.store.database import Database
from atilite.store.journals import Journals
from atilite.store.kv import KV, Changed
from atilite.store.retention import Limits, Swept, sweep
from atilite.store.runs import Filter
from atilite.testing.clock import FakeClock


def run_daily(journals: Journals, clock: FakeClock, days: int, *operations: str) -> None:
    """One run of each operation a day, the last ones a day ago."""
    for _ in range(days):
        for operation in operations:
            number = journals.open(operation, labels=["all"])
            journals.record(number, "line " * 20)
            journals.close(number, "succeeded", duration=0)
        clock.advance(86_400)
    journals._writer.flush()


def left(journals: Journals) -> Counter[str]:
    return Counter(run.operation for run in journals.search(limit=10_000))


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP", 7)


@pytest.mark.row("M6")
def test_runs_are_removed_by_age(journals: Journals, database: Database, clock: FakeClock) -> None:
    run_daily(journals, clock, 40, "a", "b")
    assert sweep(database, Limits(days=30)).runs == 20
    assert left(journals) == {"a": 30, "b": 30}
    assert min(run.id for run in journals.search(limit=1000)) == 21


@pytest.mark.row("M6")
def test_runs_are_removed_by_number_oldest_first(journals: Journals, database: Database, clock: FakeClock) -> None:
    run_daily(journals, clock, 40, "a", "b")
    assert sweep(database, Limits(runs=25)).runs == 55
    assert [run.id for run in journals.search(limit=100)] == list(range(80, 55, -1))


@pytest.mark.row("M6")
def test_an_operation_has_limits_of_its_own(journals: Journals, database: Database, clock: FakeClock) -> None:
    run_daily(journals, clock, 40, "a", "b", "c")
    by_operation = {"a": Limits(runs=5), "b": Limits(days=100), "never": Limits(runs=1)}

    assert sweep(database, Limits(days=30, runs=20), by_operation).runs == 35 + 20
    assert left(journals) == {"a": 5, "b": 40, "c": 20}
    assert sweep(database, Limits(days=30), {"b": Limits(days=7.5)}).runs == 33
    assert left(journals)["b"] == 7


def test_runs_that_go_on_stay(journals: Journals, database: Database, clock: FakeClock) -> None:
    running, queued = journals.open("a"), journals.open("a", status="queued")
    run_daily(journals, clock, 10, "a")
    sweep(database, Limits(days=0.5, runs=0, bytes=1), {"x": Limits(runs=0)})
    assert [run.id for run in journals.search()] == [queued, running]
    sweep(database, Limits(), {"a": Limits(runs=0)})

    assert [run.id for run in journals.search()] == [queued, running]


def test_everything_of_a_run_goes_with_it(journals: Journals, database: Database, clock: FakeClock) -> None:
    run_daily(journals, clock, 120, "a")
    sweep(database, Limits(runs=2))
    connection = database.connection()
    counts = [
        connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("journal", "record", "journal_label")
    ]

    assert counts == [2, 2, 2]
    assert connection.execute("SELECT count(*) FROM search WHERE rowid <= 118").fetchone() == (0,)
    assert len(journals.search(Filter(labels="all"))) == 2


@pytest.mark.row("M6")
def test_the_file_shrinks_below_its_limit(journals: Journals, database: Database, clock: FakeClock) -> None:
    run_daily(journals, clock, 800, "a")
    database.checkpoint()
    before = database.health().size
    swept = sweep(database, Limits(bytes=before // 2))
    database.checkpoint()

    assert swept.runs > 100
    assert swept.pages > 10
    assert database.health().size <= before // 2
    assert left(journals)["a"] == 800 - swept.runs
    assert [run.id for run in journals.search(limit=1)] == [800]


def test_expired_keys_and_forgotten_sessions_go(
    kv: KV, database: Database, clock: FakeClock, written: Callable[..., Any]
) -> None:
    written(kv.set, "default", {"short": 1}, ttl=60)
    written(kv.set, "default", {"long": 1}, ttl=10_000_000)
    database.accounts.add("ana", "x", "admin")
    database.accounts.open_session("s", "ana", keep=True)
    assert sweep(database, Limits()) == Swept()
    clock.advance(61 * 86_400)
    told: list[Changed] = []
    kv.changed.listen(told.append)

    assert sweep(database, Limits()).expired == 2
    assert told == [Changed("default", ("short",), removed=True, expired=True)]
    rows = database.connection().execute("SELECT key FROM kv UNION ALL SELECT digest FROM login").fetchall()
    assert rows == [("long",)]


def test_a_sweep_with_nothing_to_do_writes_nothing(journals: Journals, database: Database, clock: FakeClock) -> None:
    run_daily(journals, clock, 5, "a")
    database.writer.flush()
    commits = database.writer.commits

    assert sweep(database, Limits(days=30, runs=100, bytes=10**9), {"a": Limits(runs=10)}) == Swept()
    assert database.writer.commits == commits


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("30d,1000", Limits(days=30, runs=1000)),
        ("1.5d", Limits(days=1.5)),
        ("500", Limits(runs=500)),
        ("7d, 20", Limits(days=7, runs=20)),
    ],
)
def test_limits_are_written_as_days_and_a_number(text: str, limits: Limits) -> None:
    assert Limits.of(text) == limits


@pytest.mark.parametrize("text", ["", "x", "30 days", "-1", "d", "1000,30d", ","])
def test_other_limits_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="30d,1000"):
        Limits.of(text)
