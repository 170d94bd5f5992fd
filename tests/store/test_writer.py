"""Group commit: what is told when, and what an error costs."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite.errors import StoreBusy, StoreError, StoreFull, StoreUnavailable
from atilite.store.writer import Writer


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=0.05, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    return connection


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data.db"
    connection = connect(path)
    connection.execute("CREATE TABLE n (value INTEGER PRIMARY KEY)")
    connection.close()
    return path


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    writer = Writer(lambda: connect(path), path)
    yield writer
    writer.close()


def put(value: int) -> Any:
    return lambda connection: connection.execute("INSERT INTO n VALUES (?)", (value,)).lastrowid


def values(path: Path) -> list[int]:
    connection = connect(path)
    found = [value for (value,) in connection.execute("SELECT value FROM n ORDER BY value").fetchall()]
    connection.close()
    return found


class Held:
    """Keeps the writer busy, so that what is queued meanwhile becomes one batch."""

    def __init__(self, writer: Writer) -> None:
        self._go = threading.Event()
        entered = threading.Event()

        def wait(connection: sqlite3.Connection) -> None:
            entered.set()
            assert self._go.wait(20)

        writer.submit(wait)
        assert entered.wait(20)

    def release(self) -> None:
        self._go.set()


def test_a_write_is_on_the_disk_when_call_returns(writer: Writer, path: Path) -> None:
    assert writer.call(put(7)) == 7
    assert values(path) == [7]


@pytest.mark.row("M12")
def test_what_is_queued_meanwhile_is_one_commit(writer: Writer, path: Path) -> None:
    held = Held(writer)
    before = writer.commits
    for value in range(100):
        writer.submit(put(value))
    held.release()
    writer.flush()

    assert values(path) == list(range(100))
    assert writer.commits - before <= 3  # the held one, the hundred, and the flush if it came later


def test_done_is_called_after_the_commit_and_in_order(writer: Writer, path: Path) -> None:
    seen: list[tuple[int, list[int]]] = []
    held = Held(writer)
    for value in (1, 2):
        writer.submit(put(value), lambda got, error: seen.append((got, values(path))))
    held.release()
    writer.flush()

    assert seen == [(1, [1, 2]), (2, [1, 2])]


def test_an_operation_that_raises_fails_alone(writer: Writer, path: Path) -> None:
    told: list[BaseException | None] = []

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO n VALUES (50)")
        raise KeyError("half done")

    held = Held(writer)
    writer.submit(put(1), lambda value, error: told.append(error))
    writer.submit(half, lambda value, error: told.append(error))
    writer.submit(put(1), lambda value, error: told.append(error))
    writer.submit(put(2), lambda value, error: told.append(error))
    held.release()
    writer.flush()

    assert values(path) == [1, 2]
    assert [type(error) for error in told] == [type(None), KeyError, sqlite3.IntegrityError, type(None)]
    assert writer.fault is None


def test_an_error_without_a_change_does_not_undo_the_batch(writer: Writer, path: Path) -> None:
    def refuse(connection: sqlite3.Connection) -> None:
        raise ValueError("no")

    held = Held(writer)
    rollbacks = writer.rollbacks
    writer.submit(put(1))
    writer.submit(refuse)
    writer.submit(put(2))
    held.release()
    writer.flush()

    assert (values(path), writer.rollbacks) == ([1, 2], rollbacks)


def test_a_callback_that_raises_stops_nobody(writer: Writer, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def bad(value: object, error: BaseException | None) -> None:
        raise RuntimeError("callback")

    writer.submit(put(1), bad)

    assert writer.call(put(2)) == 2
    assert "callback" in caplog.text


def test_a_write_that_nobody_waits_for_waits_for_company(path: Path) -> None:
    writer = Writer(lambda: connect(path), path, linger=30)
    writer.submit(put(1), urgent=False)
    writer.submit(put(2), urgent=False)
    assert values(path) == []

    writer.call(put(3))

    assert (values(path), writer.commits) == ([1, 2, 3], 1)
    writer.close()


def test_hurry_ends_the_wait_for_company(path: Path) -> None:
    writer = Writer(lambda: connect(path), path, linger=30)
    stored = threading.Event()
    writer.submit(put(1), lambda value, error: stored.set(), urgent=False)
    writer.hurry()

    assert stored.wait(20)
    writer.close()


def test_a_write_that_nobody_waits_for_is_written_all_the_same(writer: Writer, path: Path) -> None:
    stored = threading.Event()
    writer.submit(put(1), lambda value, error: stored.set(), urgent=False)

    assert stored.wait(20)


def test_a_thread_that_offers_itself_writes_when_nobody_else_does(writer: Writer, path: Path) -> None:
    writers: list[int] = []

    def note(connection: sqlite3.Connection) -> None:
        writers.append(threading.get_ident())

    writer.flush()
    told: list[list[int]] = []
    writer.submit(put(1), lambda value, error: told.append(values(path)), urgent=False)
    writer.submit(note, here=True)
    assert (writers, told) == ([threading.get_ident()], [[1]])

    held = Held(writer)
    writer.submit(note, here=True)
    assert len(writers) == 1
    held.release()
    writer.flush()
    assert len(writers) == 2
    assert writers[1] != threading.get_ident()


def test_what_comes_while_another_thread_writes_is_written_by_ours(writer: Writer, path: Path) -> None:
    entered, go = threading.Event(), threading.Event()

    def wait(connection: sqlite3.Connection) -> None:
        entered.set()
        assert go.wait(20)

    writer.flush()
    helper = threading.Thread(target=writer.submit, args=(wait,), kwargs={"here": True})
    helper.start()
    assert entered.wait(20)
    stored = threading.Event()
    writer.submit(put(1), lambda value, error: stored.set())
    go.set()

    assert stored.wait(20)
    helper.join(20)
    assert values(path) == [1]


def test_close_waits_for_a_thread_that_writes_in_its_place(writer: Writer, path: Path) -> None:
    entered, go = threading.Event(), threading.Event()

    def wait(connection: sqlite3.Connection) -> None:
        entered.set()
        assert go.wait(20)
        put(1)(connection)

    writer.flush()
    helper = threading.Thread(target=writer.submit, args=(wait,), kwargs={"here": True})
    helper.start()
    assert entered.wait(20)
    closing = threading.Thread(target=writer.close)
    closing.start()
    go.set()
    closing.join(20)

    assert values(path) == [1]
    helper.join(20)


def test_what_can_wait_is_written_at_leisure(writer: Writer, path: Path) -> None:
    stored = threading.Event()
    writer.flush()
    writer.at_leisure(put(1), lambda value, error: stored.set())

    assert stored.wait(20)
    assert values(path) == [1]


def test_what_waits_for_leisure_is_not_written_with_the_rest(path: Path) -> None:
    writer = Writer(lambda: connect(path), path, linger=30)
    writer.at_leisure(put(1))
    for value in range(2, 5):
        writer.call(put(value))
    writer.close()

    assert values(path) == [2, 3, 4]


def test_close_finishes_what_is_queued_and_refuses_the_rest(writer: Writer, path: Path) -> None:
    held = Held(writer)
    for value in range(2500):
        writer.submit(put(value), urgent=False)
    held.release()
    writer.close()

    assert values(path) == list(range(2500))
    with pytest.raises(StoreUnavailable, match="closed"):
        writer.submit(put(9999))
    writer.close()


def test_a_lock_of_another_process_is_told_and_passes(writer: Writer, path: Path) -> None:
    other = connect(path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy, match="another process"):
        writer.call(put(1))
    assert isinstance(writer.fault, StoreBusy)
    other.execute("ROLLBACK")
    other.close()

    assert writer.call(put(1)) == 1
    assert writer.fault is None


def test_a_full_disk_fails_what_does_not_fit_and_recovers(path: Path) -> None:
    def small() -> sqlite3.Connection:
        connection = connect(path)
        connection.execute("PRAGMA max_page_count = 20")
        return connection

    writer = Writer(small, path)
    writer.call(lambda connection: connection.execute("CREATE TABLE big (text TEXT)"))
    told: list[BaseException | None] = []
    held = Held(writer)
    writer.submit(put(1), lambda value, error: told.append(error))
    writer.submit(
        lambda connection: connection.execute("INSERT INTO big VALUES (?)", ("x" * 200_000,)),
        lambda value, error: told.append(error),
    )
    writer.submit(put(2), lambda value, error: told.append(error))
    held.release()
    writer.flush()

    assert [type(error) for error in told] == [type(None), StoreFull, type(None)]
    assert values(path) == [1, 2]
    assert writer.fault is None
    writer.close()


def test_many_threads_lose_nothing(writer: Writer, path: Path) -> None:
    def work(first: int) -> None:
        for value in range(first, first + 50):
            assert writer.call(put(value)) == value

    threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 1000, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert values(path) == list(range(1000))


def test_a_database_that_cannot_be_opened_fails_whoever_waits(tmp_path: Path) -> None:
    def refuse() -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open database file")

    writer = Writer(refuse, tmp_path / "data.db")
    with pytest.raises(StoreError, match="unable to open"):
        writer.call(put(1))
    with pytest.raises(StoreUnavailable, match="could not be opened for writing"):
        writer.call(put(2))
    writer.close()
