from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from atilite.store import audit
from atilite.store.audit import Audit, Wanted
from atilite.store.database import Database
from atilite.store.retention import Limits
from atilite.testing.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def database(tmp_path: Path, clock: FakeClock) -> Iterator[Database]:
    with Database.open(f"sqlite:///{tmp_path}/data.db", clock=clock) as opened:
        yield opened


def test_an_entry_says_who_did_what_with_what_from_where_and_what_came_of_it(database: Database, clock: FakeClock):
    trail = database.part(Audit)
    trail.add("run action", who="ana", via="console", target="Water", address="10.0.0.7", parameters={"zone": 1}, run=5)
    trail.add("stop service", who="bob", via="api", target="poll", result="403 Forbidden")
    database.writer.flush()
    second, first = trail.search()
    assert (first.who, first.via, first.what, first.target) == ("ana", "console", "run action", "Water")
    assert (first.parameters, first.address, first.run, first.at) == ({"zone": 1}, "10.0.0.7", 5, clock.now())
    assert first.done
    assert not second.done


def test_a_search_takes_several_conditions_and_pages_by_number(database: Database, clock: FakeClock):
    trail = database.part(Audit)
    for number in range(6):
        trail.add("set key" if number % 2 else "run action", who="ana", via="api", target=f"Key {number}")
        clock.advance(60)
    database.writer.flush()
    assert [one.target for one in trail.search(Wanted(what="set key"))] == ["Key 5", "Key 3", "Key 1"]
    assert [one.target for one in trail.search(Wanted(text="key 4"))] == ["Key 4"]
    assert trail.search(Wanted(who="bob")) == []
    since = clock.now() - timedelta(seconds=121)
    assert [one.target for one in trail.search(Wanted(since=since))] == ["Key 5", "Key 4"]
    first = trail.search(limit=2)
    assert [one.target for one in trail.search(before=first[-1].id, limit=2)] == ["Key 3", "Key 2"]


@pytest.mark.row("M20")
def test_old_entries_and_too_many_go(database: Database, clock: FakeClock):
    trail = database.part(Audit)
    trail.keep = Limits.of("365d,150")
    for _ in range(100):
        trail.add("old", who="ana", via="cli")
    clock.advance(366 * 86_400)
    for _ in range(301):
        trail.add("new", who="ana", via="cli")
    database.writer.flush()
    found = trail.search(limit=1000)
    assert {one.what for one in found} == {"new"}
    assert len(found) == 150


@pytest.mark.row("M20")
def test_what_strangers_try_pushes_nothing_out_of_the_trail(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(audit, "MOST_FAILED", 20)
    trail = database.part(Audit)
    trail.keep = Limits.of("150")
    for number in range(100):
        trail.add("set key", who="ana", via="console", target=f"k/{number}")
    for number in range(401):
        trail.add(audit.FAILED_LOGIN, who="", via="console", target=f"name {number}")
    database.writer.flush()
    found = trail.search(limit=1000)
    assert len([one for one in found if one.what == "set key"]) == 100
    failed = [one.target for one in found if one.what == audit.FAILED_LOGIN]
    assert len(failed) == 20
    assert failed[0] == "name 400"


def test_a_process_that_does_not_own_the_database_removes_nothing(database: Database):
    trail = database.part(Audit)
    for _ in range(250):
        trail.add("set key", who="ana", via="cli")
    database.writer.flush()
    assert len(trail.search(limit=1000)) == 250
    trail.keep = Limits.of("10")
    trail.add("set key", who="ana", via="cli")
    database.writer.flush()
    assert len(trail.search(limit=1000)) == 10  # the first entry sweeps what others have added


def test_large_parameters_are_told_by_their_size(database: Database):
    trail = database.part(Audit)
    trail.add("set key", who="a" * 5000, via="api", parameters={"value": "x" * 100_000})
    database.writer.flush()
    (found,) = trail.search()
    assert found.parameters == {"...": "100012 characters"}
    assert len(found.who) == audit.LONGEST


def test_a_command_beside_a_running_server_may_add_to_the_trail(database: Database):
    with Database.open(f"sqlite:///{database.path}", shared=True) as beside:
        beside.part(Audit).add("add user", who="root", via="cli", target="ana")
        beside.writer.flush()
    assert [one.target for one in database.part(Audit).search()] == ["ana"]
