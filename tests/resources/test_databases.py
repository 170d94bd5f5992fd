"""`was.db`: statements as tasks, at a real SQLite and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from peewee import CharField, IntegerField, Model, Table

from atilite import STA_NETERR, STA_NORMAL, STA_REQFAIL, STA_TIMEOUT, Q
from atilite.errors import AliasError, Error, QueryError, ResourceError, SetupError, TaskCancelled, TaskTimeout
from atilite.resources.aliases import DB_PGSQL, DB_SQLITE3, PROTO_HTTP, Aliases
from atilite.resources.databases import Databases, SqlDatabase
from atilite.runtime.engine import Runtime
from tests.resources.programs import ENCODED, PASSWORD, PostgresServer, free_port

# A statement that takes as long as it is let, in both dialects.
ENDLESS = {
    "sqlite": "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n",
    "postgresql": "select pg_sleep(60)",
}


@pytest.fixture
def endless(request: pytest.FixtureRequest, sql: SqlDatabase) -> str:
    return ENDLESS[request.node.callspec.params["sql"]]


@pytest.fixture
def mark(request: pytest.FixtureRequest, sql: SqlDatabase) -> str:
    """How a parameter is written."""
    return "?" if request.node.callspec.params["sql"] == "sqlite" else "%s"


def people(sql: SqlDatabase) -> list[Any]:
    return [(row.name, row.age) for row in sql.select("users").order_by("name").execute().fetch()]


@pytest.mark.row("A136")
def test_the_data_of_a_statement_are_rows(sql: SqlDatabase, mark: str) -> None:
    added = sql.execute(f"insert into users (name, age) values ({mark}, {mark})", ["Ann", 30]).fetch()
    assert (added, added.rowcount) == ([], 1)
    row = sql.execute(f"select name, age from users where name = {mark}", ["Ann"]).one()
    assert (row.name, row.age, row) == ("Ann", 30, {"name": "Ann", "age": 30})
    assert sql.execute("select 'a%' as x").one().x == "a%"
    with pytest.raises(Error) as caught:
        sql.select("users").filter(name="Bob").execute().one()
    assert caught.value.status_code == 410


@pytest.mark.row("A136")
def test_the_builder_reads_and_writes(sql: SqlDatabase) -> None:
    ids = sql.insert("users").set([{"name": name, "age": age} for name, age in (("Ann", 3), ("Bob", 7), ("Cid", 9))])
    assert [row.id for row in ids.returning("id").execute().fetch()] == [1, 2, 3]
    assert sql.update("users").set(age=8, note='it\'s "quoted" %s ?').filter(name="Bob").execute().fetch().rowcount == 1
    with sql as db:
        root = db.select("users").filter(Q(age__gt=7) | ~Q(name__startswith="B"), age__lt=9).order_by("-age")
        assert [row.name for row in root.execute().fetch()] == ["Bob", "Ann"]
        assert root.clone().limit(1).execute().one().note == 'it\'s "quoted" %s ?'
        assert root.clone().aggregate("count(id) as cnt").execute().one() == {"cnt": 2}
    (gone,) = sql.delete("users").filter(age=9).returning("*").execute().fetch()
    assert (gone.name, len(people(sql))) == ("Cid", 2)


@pytest.mark.row("A136")
def test_a_statement_may_be_changed_after_it_was_handed_over(sql: SqlDatabase) -> None:
    statement = sql.insert("users").set(name="Ann")
    first = statement.execute()
    statement.set(name="Bob").execute().commit()
    first.commit()
    assert people(sql) == [("Ann", None), ("Bob", None)]


class Users(Model):
    name = CharField()
    age = IntegerField(null=True)

    class Meta:
        table_name = "users"


@pytest.mark.row("A136")
def test_any_query_of_peewee_is_a_task(sql: SqlDatabase) -> None:
    table = Table("users")
    assert sql.execute(Users.insert(name="Ann", age=3)).fetch() == 1
    assert sql.execute(Users.update(age=4)).fetch() == 1
    (ann,) = sql.execute(Users.select().where(Users.age == 4)).fetch()
    assert (type(ann), ann.name) == (Users, "Ann")
    assert sql.execute(Users.select().dicts()).one().age == 4
    query = table.select(table.c.name)
    assert sql.execute(query).one().name == sql.execute(query).one().name == "Ann"


@pytest.mark.row("A136")
def test_values_of_all_kinds_are_stored(lite: SqlDatabase) -> None:
    from datetime import date, datetime
    from decimal import Decimal

    lite.execute("create table t (a, b, c, d)").commit()
    lite.insert("t").set(
        a=datetime(2026, 5, 1, 12), b=date(2026, 5, 1), c=Decimal("1.10"), d={"x": [1]}
    ).execute().commit()
    assert list(lite.select("t").execute().one().values()) == [
        "2026-05-01 12:00:00",
        "2026-05-01",
        "1.10",
        '{"x": [1]}',
    ]


@pytest.mark.row("A136")
def test_postgresql_gives_its_own_types(pg: SqlDatabase) -> None:
    pg.execute("create table t (a jsonb, b int[], c timestamptz)").commit()
    row = pg.insert("t").set(a={"x": 1}, b=[1, 2]).returning("a, b").execute().one()
    assert row == {"a": {"x": 1}, "b": [1, 2]}
    pg.execute("create table my_table (name text)").commit()
    with_insert = pg.select("my_table").filter(name="Hans").with_("a", pg.insert("my_table").set(name="Hans"))
    assert with_insert.execute().fetch() == []
    assert pg.select("my_table").execute().one().name == "Hans"


@pytest.mark.row("A136")
def test_a_constraint_that_says_no_is_named(sql: SqlDatabase) -> None:
    sql.insert("users").set(name="Ann").execute().commit()
    outcome = sql.insert("users").set(name="Ann").execute().dispatch()
    assert (outcome.status, type(outcome.expt)) == (STA_REQFAIL, QueryError)
    assert "users" in outcome.expt.constraint
    assert "name" in outcome.expt.constraint
    assert "unique" in str(outcome.expt).lower()
    assert sql.insert("users").set(name=None).execute().dispatch().expt.constraint in ("users.name", "name")


@pytest.mark.row("A136")
@pytest.mark.parametrize("statement", ["selct 1", "select * from nobody", "select nothing from users"])
def test_a_wrong_statement_is_an_error_of_the_statement(sql: SqlDatabase, statement: str) -> None:
    with pytest.raises(QueryError, match=r"^@sql: "):
        sql.execute(statement).fetch()
    assert sql.execute("select 1 as x").one().x == 1


@pytest.mark.row("A136", "A133")
def test_options_are_given_to_the_database_or_to_the_call(db: Databases, sql: SqlDatabase) -> None:
    def hide(rows: list[Any]) -> list[Any]:
        for row in rows:
            row.name = "****"
        return rows

    ended = threading.Event()
    sql.insert("users").set(name="Ann").execute().commit()
    hidden = db("@sql", filter=hide, meta={"a": 1}, callback=lambda task: ended.set())
    task = hidden.select("users").execute(timeout=5)
    assert (task.one().name, task.meta, task.timeout) == ("****", {"a": 1}, 5)
    assert ended.wait(5)
    assert hidden.execute("select 1 as x", filter=len).fetch() == 1


@pytest.mark.row("A136")
def test_an_endless_statement_ends_at_its_time(sql: SqlDatabase, endless: str, opened: Callable[[str], Any]) -> None:
    start = time.monotonic()
    outcome = sql.execute(endless, timeout=0.3).dispatch()
    assert (outcome.status, type(outcome.expt)) == (STA_TIMEOUT, TaskTimeout)
    # The thread and the place in the pool come back as well: all four could be used before they would be missed.
    for task in [sql.execute(endless, timeout=0.3) for _ in range(4)]:
        task.wait(20)
        assert isinstance(task.promise.error, TaskTimeout)
    assert sql.execute("select 1 as x").one().x == 1
    assert time.monotonic() - start < 30
    assert opened("@sql").pools[0].figures["running"] == 0


@pytest.mark.row("A136")
def test_a_cancelled_statement_is_stopped_where_it_runs(sql: SqlDatabase, endless: str) -> None:
    tasks = [sql.execute(endless, timeout=60) for _ in range(4)]
    wait_until(lambda: sql._sender.servers.pools[0].figures["running"] == 4)
    waiting = sql.execute("select 1 as x", timeout=60)
    for task in tasks:
        task.cancel()
    for task in tasks:
        with pytest.raises(TaskCancelled):
            task.fetch(20)
    assert waiting.fetch(20) == [{"x": 1}]


# Never set: what is waited for here happens in other programs, which tell nobody.
PAUSE = threading.Event()


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        PAUSE.wait(0.01)


@pytest.mark.row("A131", "A136")
def test_no_more_connections_are_opened_than_allowed_and_who_waits_too_long_is_told(
    sql: SqlDatabase, endless: str, opened: Callable[[str], Any]
) -> None:
    blocking = [sql.execute(endless, timeout=1.0) for _ in range(4)]
    late = sql.execute("select 1", timeout=0.1)
    many = [sql.execute("select 1 as x", timeout=20) for _ in range(50)]
    figures = opened("@sql").pools[0].figures
    assert (figures["running"], figures["waiting"]) == (4, 51)
    assert [task.one().x for task in many] == [1] * 50
    with pytest.raises(TaskTimeout, match=r"all 4 connections were in use for 0.1 s \(max_conns\)"):
        late.fetch(10)
    for task in blocking:
        task.wait()
    assert opened("@sql").pools[0].figures["idle"] <= 4


@pytest.mark.row("A136")
def test_a_slow_database_keeps_other_tasks_from_nothing(sql: SqlDatabase, endless: str, runtime: Runtime) -> None:
    for _ in range(40):
        sql.execute(endless, timeout=0.5)
    assert runtime.Thread(abs, -1).fetch(5) == 1


@pytest.mark.row("A136", "A144")
def test_a_coroutine_yields_statements(sql: SqlDatabase, runtime: Runtime) -> None:
    def coroutine() -> Any:
        yield sql.insert("users").set(name="Ann").execute()
        task = yield sql.select("users").execute()
        both = yield runtime.Tasks(a=sql.select("users").execute(), b=sql.execute("select 2 as x"))
        return task.one().name, both.fetch()["b"][0].x

    async def awaiting() -> Any:
        return (await sql.select("users").execute())[0].name

    assert runtime.run(coroutine).wait(10) == ("Ann", 2)
    assert runtime.run(awaiting).wait(10) == "Ann"
    assert asyncio.run(awaiting()) == "Ann"


@pytest.mark.row("A131")
def test_what_is_no_database_is_told(db: Databases, aliases: Aliases) -> None:
    aliases.add("@api", PROTO_HTTP, "localhost")
    with pytest.raises(AliasError, match="@api: is declared as http, not as a database"):
        db("@api")
    with pytest.raises(AliasError, match="@nobody: no such alias"):
        db("@nobody")
    with pytest.raises(SetupError):
        db(None)  # type: ignore[arg-type]


@pytest.mark.row("A131")
def test_a_missing_driver_is_told_with_the_command_that_installs_it(
    db: Databases, aliases: Aliases, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind, module, extra in (
        ("*postgresql", "psycopg", "postgres"),
        ("*redis", "redis", "redis"),
        ("*mongodb", "pymongo", "mongo"),
    ):
        monkeypatch.setitem(__import__("sys").modules, module, None)
        aliases.add(f"@{extra}", kind, "127.0.0.1:1/a/b")
        database = db(f"@{extra}")
        task = database.execute("select 1") if extra == "postgres" else database.get("x")
        with pytest.raises(AliasError, match=rf'^@{extra}: .*pip install "atilite\[{extra}\]"'):
            task.fetch()


@pytest.mark.row("A131")
def test_a_wrong_password_and_a_server_that_is_not_there_are_told_without_the_password(
    db: Databases, aliases: Aliases, postgres: PostgresServer
) -> None:
    aliases.add("@wrong", DB_PGSQL, f"tester:hidden{ENCODED}@127.0.0.1:{postgres.port}/shop")
    aliases.add("@gone", DB_PGSQL, f"tester:{ENCODED}@127.0.0.1:{free_port()}/shop")
    aliases.add("@nowhere", DB_PGSQL, f"tester:{ENCODED}@127.0.0.1:{postgres.port}/nothing")
    for alias, reason in (("@wrong", "authentication failed"), ("@gone", "refused"), ("@nowhere", "does not exist")):
        outcome = db(alias).execute("select 1").dispatch()
        assert (outcome.status, isinstance(outcome.expt, ResourceError)) == (STA_NETERR, True)
        assert str(outcome.expt).startswith(f"{alias}: 127.0.0.1:")
        assert reason in str(outcome.expt)
        assert PASSWORD not in str(outcome.expt)
        assert "hidden" not in str(outcome.expt)


@pytest.mark.row("A136")
def test_a_server_that_was_restarted_is_used_again(pg: SqlDatabase, postgres: PostgresServer) -> None:
    before = pg.execute("select pg_backend_pid() as pid").one().pid
    running = pg.execute("select pg_sleep(30)", timeout=40)
    wait_until(lambda: pg._sender.servers.pools[0].figures["running"] == 1)
    pg.execute("select 1").commit()
    postgres.stop()
    with pytest.raises(ResourceError, match=r"^@sql: "):
        running.fetch(20)
    assert pg.execute("select 1").dispatch().status == STA_NETERR
    postgres.start()
    assert pg.execute("select pg_backend_pid() as pid").one().pid != before


@pytest.mark.row("A131")
def test_postgresql_is_reached_by_its_unix_socket(db: Databases, aliases: Aliases, postgres: PostgresServer) -> None:
    aliases.add("@local", DB_PGSQL, f"tester:{ENCODED}@[{postgres.folder}]:{postgres.port}/shop")
    assert db("@local").execute("select 1 as x").one().x == 1
    aliases.add("@tls", DB_PGSQL, postgres.member, ssl=True)
    assert "SSL" in str(db("@tls").execute("select 1").dispatch().expt)


@pytest.mark.row("A147")
def test_a_map_asks_all_members_and_tells_how_each_went(db: Databases, aliases: Aliases, tmp_path: Path) -> None:
    aliases.add("@many", DB_SQLITE3, ["one.db 20", "two.db 10", "missing/three.db"])
    every = db.map("@many")
    made = every.execute("create table t (x int)").dispatch()
    assert [outcome.status for outcome in made] == [STA_NORMAL, STA_NORMAL, STA_NETERR]
    assert "missing/three.db" in str(made[2].expt)
    rows = []
    with db.map("@many") as members:
        task = members.insert("t").set(x=1).returning("x").execute()
    for outcome in task.dispatch():
        if outcome.status == STA_NORMAL:
            rows.extend(outcome.data)
    assert rows == [{"x": 1}, {"x": 1}]
    with pytest.raises(ResourceError):
        task.fetch()


@pytest.mark.row("A147")
def test_one_member_by_weight_gets_a_call_and_one_that_is_gone_gets_none(db: Databases, aliases: Aliases) -> None:
    aliases.add("@many", DB_SQLITE3, ["one.db 20", "two.db 10", "missing/three.db 30"])
    with db.lb("@many") as one:
        used = [row.file.rpartition("/")[2] for row in (one.execute("pragma database_list").one() for _ in range(30))]
    assert set(used) == {"one.db", "two.db"}
    assert used.count("one.db") == pytest.approx(20, abs=3)
    aliases.add("@gone", DB_SQLITE3, ["no/a.db", "no/b.db"])
    with pytest.raises(ResourceError, match="unable to open"):
        db("@gone").execute("select 1").fetch()


def test_databases_in_memory_have_one_connection(db: Databases, aliases: Aliases, opened: Callable[[str], Any]) -> None:
    aliases.add("@memory", DB_SQLITE3, ":memory:")
    db("@memory").execute("create table t (x int)").commit()
    tasks = [db("@memory").insert("t").set(x=number).execute() for number in range(20)]
    assert sum(task.fetch().rowcount for task in tasks) == 20
    assert opened("@memory").pools[0].size == 1


def test_pragmas_are_set_and_foreign_keys_hold(db: Databases, aliases: Aliases) -> None:
    aliases.add("@wal", DB_SQLITE3, "wal.db", pragmas={"journal_mode": "wal"})
    wal = db("@wal")
    assert wal.execute("pragma journal_mode").one().journal_mode == "wal"
    wal.execute("create table a (id integer primary key)").commit()
    wal.execute("create table b (a int references a(id))").commit()
    with pytest.raises(QueryError, match="FOREIGN KEY"):
        wal.insert("b").set(a=5).execute().fetch()


def test_a_transaction_that_a_statement_leaves_open_is_rolled_back(sql: SqlDatabase) -> None:
    sql.execute("begin").commit()
    sql.insert("users").set(name="Ann").execute().commit()
    for _ in range(4):
        assert people(sql) == [("Ann", None)]
