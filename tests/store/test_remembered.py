"""Values that were read of late."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atilite.errors import StoreUnavailable
from atilite.store.database import Database
from atilite.store.kv import KV, MISSING
from atilite.store.remembered import LENGTH, VALUES, Remembered, Row
from atilite.testing.clock import FakeClock

AT = ("default", "key")

pytestmark = pytest.mark.row("B23")


class Reads:
    """Counts how often it is asked."""

    def __init__(self, row: Row = ("1", None)) -> None:
        self.row, self.count = row, 0

    def __call__(self) -> Row:
        self.count += 1
        return self.row


def value_of(database: Database, key: str) -> Any:
    """What SQLite says."""
    row = database.connection().execute("SELECT value FROM kv WHERE key = ?", (key,)).fetchone()
    return row and row[0]


def test_what_was_read_is_not_read_again_until_something_was_written(
    database: Database, written: Callable[..., Any]
) -> None:
    remembered, read = Remembered(database), Reads()
    assert [remembered.get(AT, read), remembered.get(AT, read), read.count] == [("1", None), ("1", None), 1]

    written(lambda done: remembered.write(lambda connection: None, done))
    read.row = ("2", None)
    assert (remembered.get(AT, read), read.count) == (("2", None), 2)


def test_that_there_is_no_value_is_remembered_as_well(database: Database) -> None:
    remembered, read = Remembered(database), Reads((None, None))
    assert [remembered.get(AT, read), remembered.get(AT, read), read.count] == [(None, None), (None, None), 1]


def test_as_long_as_a_write_is_under_way_all_is_read(database: Database) -> None:
    remembered, read = Remembered(database), Reads()
    remembered.get(AT, read)
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def slowly(connection: object) -> None:
        begun.set()
        go_on.wait(10)

    remembered.write(slowly, lambda value, error: ended.set())
    begun.wait(10)
    read.row = ("2", None)
    assert [remembered.get(AT, read)[0], remembered.get(AT, read)[0], read.count] == ["2", "2", 3]
    go_on.set()
    ended.wait(10)
    assert [remembered.get(AT, read)[0], remembered.get(AT, read)[0], read.count] == ["2", "2", 4]


def test_who_hears_of_a_write_reads_what_was_written(database: Database) -> None:
    remembered, read, found, heard = Remembered(database), Reads(), [], threading.Event()
    remembered.get(AT, read)
    read.row = ("2", None)

    def done(value: object, error: BaseException | None) -> None:
        found.append(remembered.get(AT, read))
        heard.set()

    remembered.write(lambda connection: None, done)
    heard.wait(10)
    assert found == [("2", None)]


def test_a_read_that_a_write_has_overtaken_is_not_remembered(database: Database, written: Callable[..., Any]) -> None:
    remembered = Remembered(database)

    def overtaken() -> Row:
        written(lambda done: remembered.write(lambda connection: None, done))
        return ("old", None)

    assert remembered.get(AT, overtaken) == ("old", None)
    assert remembered.get(AT, Reads(("new", None))) == ("new", None)


def test_a_write_that_fails_is_over_as_well(database: Database) -> None:
    remembered, read, errors, heard = Remembered(database), Reads(), [], threading.Event()

    def fail(connection: object) -> None:
        raise ValueError("no")

    def done(value: object, error: BaseException | None) -> None:
        errors.append(error)
        heard.set()

    remembered.write(fail, done)
    heard.wait(10)
    assert isinstance(errors[0], ValueError)
    database.writer.refuse("of this test")
    with pytest.raises(StoreUnavailable):
        remembered.write(fail, lambda value, error: None)
    assert [remembered.get(AT, read), remembered.get(AT, read), read.count] == [("1", None), ("1", None), 1]


def test_long_values_are_not_kept_and_not_too_many_of_the_others(database: Database) -> None:
    remembered, long = Remembered(database), Reads(("x" * (LENGTH + 1), None))
    remembered.get(AT, long), remembered.get(AT, long)
    assert long.count == 2

    first = Reads()
    remembered.get(AT, first)
    for number in range(VALUES):
        remembered.get(("default", str(number)), Reads())
    remembered.get(AT, first)
    assert first.count == 2


def test_who_reads_beside_the_owner_sees_what_that_one_writes(
    database: Database, kv: KV, written: Callable[..., Any]
) -> None:
    for readonly in (True, False):
        with Database.open(f"sqlite:///{database.path}", readonly=readonly, shared=not readonly) as beside:
            other = KV(beside)
            for number in (1, 2):
                written(kv.set, "default", {"key": number})
                assert other.get("default", "key") == number


def test_every_way_to_write_a_value_is_seen_at_once(
    database: Database, kv: KV, clock: FakeClock, written: Callable[..., Any]
) -> None:
    second = KV(database)  # such as another part of the app has

    def read() -> Any:
        kv.get("default", "key")
        return kv.get("default", "key", None)

    assert kv.get("default", "key") is MISSING
    seen = []
    for write, *values in (
        (second.set, {"key": 1}),
        (kv.incr, "key"),
        (kv.swap, "key", 2, 3),
        (kv.replace, "key", 4, 3),
        (kv.remove, "key"),
        (kv.incr, "key", 5),
        (kv.withdraw, "key", 1),
        (kv.set, {"key": 6}),
    ):
        written(write, "default", *values)
        seen.append(read())
    assert seen == [1, 2, 3, 4, None, 5, None, 6]

    written(kv.expire, "default", "key", 60)
    assert read() == 6
    clock.advance(61)
    assert read() is None


def test_nobody_reads_less_than_was_acknowledged_before(kv: KV) -> None:
    acknowledged, ended = [0], threading.Event()
    older: list[tuple[int, int]] = []

    def add(value: int | None, error: BaseException | None) -> None:
        acknowledged[0] = value or 0
        if acknowledged[0] < 300:
            kv.incr("default", "key", done=add)
        else:
            ended.set()

    def read() -> None:
        while not ended.is_set():
            least = acknowledged[0]
            found = kv.get("default", "key", 0)
            if found < least:
                older.append((found, least))

    threads = [threading.Thread(target=read) for _ in range(4)]
    kv.incr("default", "key", done=add)
    for thread in threads:
        thread.start()
    assert ended.wait(60)
    for thread in threads:
        thread.join(10)
    assert (older, kv.get("default", "key")) == ([], 300)


def test_a_value_that_changes_from_outside_is_seen_with_the_next_write(
    database: Database, kv: KV, written: Callable[..., Any]
) -> None:
    """Nothing but the owner may write values; this is what shows that they are remembered at all."""
    written(kv.set, "default", {"key": 1})
    assert kv.get("default", "key") == 1
    database.writer.call(lambda connection: connection.execute("UPDATE kv SET value = '2'"))
    assert (kv.get("default", "key"), value_of(database, "key")) == (1, "2")
    written(kv.set, "default", {"other": 1})
    assert kv.get("default", "key") == 2


def test_a_closed_database_answers_nothing(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path}/other.db")
    kv = KV(database)
    kv.get("default", "key")
    database.close()
    with pytest.raises(StoreUnavailable):
        kv.get("default", "key")
