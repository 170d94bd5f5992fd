"""Pools with databases that misbehave: every error comes in time, and nothing is left behind."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from atilite.errors import ResourceError, TaskCancelled, TaskError, TaskTimeout
from atilite.resources.aliases import DB_MONGODB, DB_PGSQL, DB_REDIS, Aliases
from atilite.resources.databases import Databases
from atilite.resources.driver import shown
from atilite.resources.pool import Lease, Pool
from atilite.runtime.engine import Runtime
from tests.resources.peers import flooding, leaving, nonsense, peer, silent, slow_to_end
from tests.resources.test_databases import wait_until

# psycopg waits at least so many seconds for a connection.
LEAST_CONNECT = 2.0


def ask(db: Databases, kind: str, timeout: float) -> Any:
    one = db("@bad", timeout=timeout)
    if kind == DB_PGSQL:
        return one.execute("select 1")
    return one.get("x") if kind == DB_REDIS else one.find({})


@pytest.mark.row("A131", "A136", "A137")
@pytest.mark.parametrize("behaviour", [silent, nonsense, leaving, slow_to_end, flooding])
@pytest.mark.parametrize("kind", [DB_PGSQL, DB_REDIS, DB_MONGODB])
def test_a_peer_that_misbehaves_gives_an_error_in_time_and_leaves_nothing(
    kind: str, behaviour: Callable[[Any], None], runtime: Runtime
) -> None:
    runtime.Sleep(0).fetch()  # the hub and its files are there once for all
    runtime.Thread(abs, 1).fetch()
    __import__({DB_PGSQL: "psycopg", DB_REDIS: "redis", DB_MONGODB: "pymongo"}[kind])
    with peer(behaviour) as port:
        threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
        aliases = Aliases()
        aliases.add("@bad", kind, f"ann:geheim@127.0.0.1:{port}/{'0' if kind == DB_REDIS else 'a/b'}", max_conns=2)
        db = Databases(runtime, aliases)
        start = time.monotonic()
        tasks = [ask(db, kind, 0.5) for _ in range(4)]
        for task in tasks:
            outcome = task.dispatch(20)
            assert isinstance(outcome.expt, (ResourceError, TaskTimeout)), outcome
            assert str(outcome.expt).startswith("@bad: ")
            assert "geheim" not in str(outcome.expt)
            assert str(outcome.expt).isprintable()
        assert time.monotonic() - start < LEAST_CONNECT * 2 + 6
        aliases.stop()
    del task, tasks, outcome  # an error holds the frames that it came through, and those their sockets
    gc.collect()
    wait_until(lambda: threading.active_count() <= threads)
    wait_until(lambda: len(os.listdir("/proc/self/fd")) <= files)


class Scripted:
    """A driver whose connections are numbers, and whose calls are functions of the test."""

    name, member, idle_seconds = "@x", "host", 60.0

    def __init__(self) -> None:
        self.opened: list[int] = []
        self.closed: list[int] = []
        self.stale: set[int] = set()
        self.severed = threading.Event()
        self.stopped = False

    def open(self, seconds: float | None) -> int:
        self.opened.append(len(self.opened))
        return self.opened[-1]

    def greet(self, connection: int) -> None: ...

    def close(self, connection: int) -> None:
        self.closed.append(connection)

    def usable(self, connection: int) -> bool:
        return connection not in self.stale

    def clean(self, connection: int) -> bool:
        return True

    def limit(self, connection: int, seconds: float | None) -> None: ...

    def interrupt(self, connection: int) -> None:
        self.severed.set()

    def sever(self, connection: int) -> None:
        self.severed.set()

    def told(self, error: Exception) -> Exception:
        return error

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def driver() -> Scripted:
    return Scripted()


@pytest.fixture
def pool(driver: Scripted, runtime: Runtime) -> Any:
    pool = Pool(driver, 2, runtime)
    yield pool
    pool.stop(2)
    assert driver.stopped
    assert sorted(driver.closed) == driver.opened


def test_a_connection_is_used_again_and_a_stale_one_is_replaced(pool: Pool, driver: Scripted) -> None:
    assert [pool.submit(lambda one: one, 5).wait(5) for _ in range(3)] == [0, 0, 0]
    driver.stale.add(0)
    assert pool.submit(lambda one: one, 5).wait(5) == 1
    assert driver.closed == [0]


def test_connections_that_nobody_uses_are_closed(pool: Pool, driver: Scripted) -> None:
    both = threading.Barrier(2)
    for promise in [pool.submit(lambda one: both.wait(5), 5) for _ in range(2)]:
        promise.wait(5)
    wait_until(lambda: pool.figures["idle"] == 2)
    driver.idle_seconds = 0.0
    pool.submit(lambda one: one, 5).wait(5)
    wait_until(lambda: pool.figures["idle"] == 0)
    assert sorted(driver.closed) == [0, 1]


def test_a_call_beyond_its_time_is_cut_off_and_its_connection_not_used_again(pool: Pool, driver: Scripted) -> None:
    def stuck(one: int) -> None:
        assert driver.severed.wait(10)
        raise OSError("cut")

    with pytest.raises(TaskTimeout, match=r"@x: no answer within 0.1 s"):
        pool.submit(stuck, 0.1).wait(10)
    assert pool.submit(lambda one: one, 5).wait(5) == 1


def test_a_call_that_is_cancelled_is_stopped_and_one_that_waits_never_begins(pool: Pool, driver: Scripted) -> None:
    begun = threading.Event()

    def stuck(one: int) -> None:
        begun.set()
        assert driver.severed.wait(10)

    running = [pool.submit(stuck, 60) for _ in range(2)]
    ran: list[int] = []
    waiting = pool.submit(ran.append, 60)
    assert waiting.cancel()
    assert begun.wait(5)
    for promise in running:
        promise.cancel()
    for promise in running:
        promise.on_done(lambda ended: ended.error)
        wait_until(lambda: promise.done)  # noqa: B023
    with pytest.raises(TaskCancelled):
        waiting.wait(5)
    assert pool.submit(lambda one: one, 5).wait(5) >= 0
    assert ran == []


@pytest.mark.row("A136")
def test_a_call_that_is_stopped_before_the_other_side_knows_it_is_stopped_again(
    pool: Pool, driver: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, stopped = threading.Event(), []

    def stuck(one: int) -> None:
        begun.set()
        assert driver.severed.wait(10)
        raise OSError("stopped")

    def interrupt(one: int) -> None:
        stopped.append(one)
        if len(stopped) > 1:
            driver.severed.set()

    monkeypatch.setattr(driver, "interrupt", interrupt)
    promise = pool.submit(stuck, 60)
    assert begun.wait(5)
    promise.cancel()
    with pytest.raises(TaskCancelled):
        promise.wait(5)
    assert stopped == [0, 0]


def test_a_function_that_ends_its_thread_gives_its_place_back(pool: Pool) -> None:
    def leave(one: int) -> None:
        raise SystemExit(3)

    for _ in range(5):
        with pytest.raises(TaskError, match="SystemExit"):
            pool.submit(leave, 5).wait(5)
    assert pool.figures == {"running": 0, "waiting": 0, "idle": 1}


def test_calls_of_a_lease_run_one_after_the_other_on_one_connection(pool: Pool) -> None:
    lease = Lease(pool)
    seen: list[tuple[int, int]] = []
    promises = [lease.run(lambda one, number=number: seen.append((number, one)), 5) for number in range(20)]
    assert pool.submit(lambda one: one, 5).wait(5) == 1
    last = lease.run(lambda one: one, 5, last=True)
    for promise in (*promises, last):
        promise.wait(5)
    assert seen == [(number, 0) for number in range(20)]


def test_after_its_end_a_pool_starts_nothing(runtime: Runtime, driver: Scripted) -> None:
    pool = Pool(driver, 1, runtime)
    pool.stop(1)
    with pytest.raises(TaskError, match="stopped"):
        pool.submit(lambda one: one, 5).wait(5)


@pytest.mark.parametrize(
    ("text", "seen"),
    [("line\n\tone \x00 two", "line one two"), ("a secret b", "a *** b"), ("x" * 600, "x" * 500 + "…")],
)
def test_what_is_shown_of_an_error_is_one_line_without_the_password(text: str, seen: str) -> None:
    assert shown(text, "secret") == seen
    assert shown("as it is", "") == "as it is"
