"""Transactions: all or nothing, in threads, generators and `async def`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from atilite.errors import HubBlocked, QueryError, ResourceError, SetupError, TaskTimeout
from atilite.resources.aliases import DB_SQLITE3, Aliases
from atilite.resources.databases import Databases, SqlDatabase
from atilite.runtime.engine import Runtime
from tests.resources.programs import PostgresServer
from tests.resources.test_databases import ENDLESS, wait_until


def names(sql: SqlDatabase) -> list[str]:
    return [row.name for row in sql.select("users").order_by("id").execute().fetch()]


@pytest.mark.row("A136")
def test_a_block_commits_at_its_end_and_nobody_sees_it_before(sql: SqlDatabase) -> None:
    with sql.transaction() as tx:
        tx.insert("users").set(name="Ann").execute()
        found = tx.select("users").execute()
        assert found.one().name == "Ann"
        assert names(sql) == []
        task = tx.update("users").set(age=3).execute()
    assert (names(sql), task.fetch().rowcount) == (["Ann"], 1)


@pytest.mark.row("A136")
def test_a_block_that_raises_has_done_nothing(sql: SqlDatabase) -> None:
    with pytest.raises(ZeroDivisionError), sql.transaction() as tx:  # noqa: PT012
        tx.insert("users").set(name="Ann").execute().commit()
        _ = 1 / 0
    assert names(sql) == []


@pytest.mark.row("A136")
def test_a_statement_that_fails_undoes_the_block_even_if_nobody_asks_for_it(sql: SqlDatabase) -> None:
    with pytest.raises(QueryError, match=r"rolled back, because .*nobody"), sql.transaction() as tx:  # noqa: PT012
        tx.insert("users").set(name="Ann").execute()
        tx.execute("select * from nobody")
        tx.insert("users").set(name="Bob").execute()
    assert names(sql) == []
    assert sql.execute("select 1 as x").one().x == 1


@pytest.mark.row("A136")
def test_a_function_is_one_transaction_and_one_task(sql: SqlDatabase) -> None:
    def add(tx: Any, *people: str) -> int:
        for name in people:
            tx.insert("users").set(name=name).execute().commit()
        return len(tx.select("users").execute().fetch())

    assert sql.transaction(add, "Ann", "Bob").fetch() == 2
    with pytest.raises(QueryError, match=r"(?i)unique"):
        sql.transaction(add, "Cid", "Ann").fetch()
    assert names(sql) == ["Ann", "Bob"]

    def swallowing(tx: Any) -> str:
        tx.insert("users").set(name="Dan").execute()
        tx.delete("nobody").execute()
        return "well"

    with pytest.raises(QueryError, match="rolled back"):
        sql.transaction(swallowing).fetch()
    with pytest.raises(KeyError):
        sql.transaction(lambda tx: (tx.delete("users").execute(), {}["x"])).fetch()
    with pytest.raises(ResourceError):
        sql.transaction(lambda tx: (_ for _ in ()).throw(ResourceError("@x", "mine"))).fetch()
    assert names(sql) == ["Ann", "Bob"]


@pytest.mark.row("A136", "A144")
def test_a_coroutine_has_a_transaction_over_its_waits(sql: SqlDatabase, runtime: Runtime) -> None:
    def coroutine(fail: bool) -> Any:
        yield runtime.Sleep(0)
        with sql.transaction() as tx:
            yield tx.insert("users").set(name="Ann").execute()
            task = yield tx.select("users").aggregate("count(id) n").execute()
            if fail:
                raise ZeroDivisionError
        return task.one().n

    with pytest.raises(ZeroDivisionError):
        runtime.run(coroutine, True).wait(10)
    assert names(sql) == []
    assert runtime.run(coroutine, False).wait(10) == 1
    assert names(sql) == ["Ann"]


@pytest.mark.row("A136")
def test_async_functions_write_async_with(sql: SqlDatabase, runtime: Runtime) -> None:
    async def right(fail: bool) -> Any:
        async with sql.transaction() as tx:
            await tx.insert("users").set(name="Ann").execute()
            if fail:
                raise ZeroDivisionError

    async def wrong() -> None:
        with sql.transaction():
            """Refused before it begins."""

    with pytest.raises(ZeroDivisionError):
        runtime.run(right, True).wait(10)
    assert names(sql) == []
    runtime.run(right, False).wait(10)
    assert names(sql) == ["Ann"]
    with pytest.raises(HubBlocked, match="async with"):
        runtime.run(wrong).wait(10)


@pytest.mark.row("A136")
def test_a_coroutine_that_is_given_up_rolls_back_and_gives_its_connection_back(
    sql: SqlDatabase, runtime: Runtime, opened: Callable[[str], Any]
) -> None:
    inside = threading.Event()

    def coroutine() -> Any:
        with sql.transaction() as tx:
            yield tx.insert("users").set(name="Ann").execute()
            inside.set()
            yield runtime.Sleep(60)

    promise = runtime.run(coroutine)
    assert inside.wait(10)
    promise.cancel()
    wait_until(lambda: not opened("@sql").pools[0].figures["running"])
    assert names(sql) == []


@pytest.mark.row("A136")
def test_as_many_transactions_as_connections_go_on_and_the_next_one_waits(sql: SqlDatabase, runtime: Runtime) -> None:
    """Each takes several statements: with a thread for each that waits for a connection they would stand still."""

    def step(tx: Any, number: int) -> int:
        tx.insert("users").set(name=f"n{number}").execute().commit()
        return int(tx.select("users").filter(name=f"n{number}").execute().one().id)

    def block(number: int) -> int:
        with sql.transaction(timeout=20) as tx:
            return step(tx, number)

    tasks = [runtime.Thread(block, number, timeout=30) for number in range(12)]
    tasks += [sql.transaction(step, number, timeout=30) for number in range(12, 24)]
    assert len({task.fetch() for task in tasks}) == 24


@pytest.mark.row("A136")
def test_a_transaction_whose_statement_takes_too_long_is_over(sql: SqlDatabase, request: Any) -> None:
    endless = ENDLESS[request.node.callspec.params["sql"]]
    with pytest.raises(TaskTimeout), sql.transaction(timeout=0.3) as tx:  # noqa: PT012
        tx.insert("users").set(name="Ann").execute()
        tx.execute(endless).fetch(10)
    assert names(sql) == []


@pytest.mark.row("A136")
def test_a_server_that_goes_away_in_the_middle_is_told_at_the_end(pg: SqlDatabase, postgres: PostgresServer) -> None:
    try:
        with pytest.raises(ResourceError), pg.transaction() as tx:  # noqa: PT012
            tx.execute("create table users (id int)").commit()
            postgres.stop()
            tx.execute("select 1")
    finally:
        postgres.stop()
        postgres.start()
    assert pg.execute("select 1 as x").one().x == 1
    with pytest.raises(QueryError):
        pg.select("users").execute().fetch()


@pytest.mark.row("A147")
def test_a_member_that_cannot_be_reached_is_avoided_by_the_next_transaction(db: Databases, aliases: Aliases) -> None:
    aliases.add("@many", DB_SQLITE3, ["missing/one.db 100", "two.db 1"])
    with pytest.raises(ResourceError), db("@many").transaction() as tx:
        tx.execute("create table t (x int)")
    for _ in range(3):
        with db("@many").transaction() as tx:
            tx.execute("create table if not exists t (x int)")


def test_a_transaction_is_one_block(sql: SqlDatabase) -> None:
    transaction = sql.transaction()
    with pytest.raises(SetupError):
        transaction.select("users").execute()
    with transaction as tx, pytest.raises(SetupError):
        tx.__enter__()
    with pytest.raises(SetupError):
        tx.select("users").execute()
    with pytest.raises(SetupError):
        sql.transaction(rm_cache="users")
