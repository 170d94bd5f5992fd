"""Databases, and a runtime of its own for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite.resources.aliases import DB_PGSQL, DB_REDIS, DB_SQLITE3, Aliases
from atilite.resources.databases import Databases
from atilite.runtime.engine import Runtime
from atilite.runtime.loop import Loop
from tests.require import require
from tests.resources.programs import PostgresServer, RedisServer


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    loop = Loop()
    runtime = Runtime(loop=loop, threads=4, processes=1)
    yield runtime
    runtime.stop(2)
    loop.stop()


@pytest.fixture
def aliases(tmp_path: Path) -> Iterator[Aliases]:
    aliases = Aliases(tmp_path)
    yield aliases
    aliases.stop(2)


@pytest.fixture
def db(runtime: Runtime, aliases: Aliases) -> Databases:
    """What `was.db` is, with nothing around it."""
    return Databases(runtime, aliases)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    require(_importable("psycopg"), "no psycopg here: pip install psycopg[binary]")
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    require(_importable("redis"), "no redis-py here: pip install redis")
    server = RedisServer()
    yield server
    server.close()


def _importable(module: str) -> bool:
    try:
        __import__(module)
    except ImportError:
        return False
    return True


@pytest.fixture
def lite(db: Databases, aliases: Aliases) -> Any:
    """A file of SQLite as "@sql"."""
    aliases.add("@sql", DB_SQLITE3, "shop.db", max_conns=4)
    return db("@sql")


@pytest.fixture
def pg(db: Databases, aliases: Aliases, postgres: PostgresServer) -> Any:
    """PostgreSQL as "@sql", with nothing in it."""
    aliases.add("@sql", DB_PGSQL, postgres.member, max_conns=4)
    database = db("@sql")
    database.execute("drop schema public cascade").commit()
    database.execute("create schema public").commit()
    return database


@pytest.fixture
def kept(db: Databases, aliases: Aliases, redis_server: RedisServer) -> Any:
    """Redis as "@redis", with nothing in it."""
    aliases.add("@redis", DB_REDIS, redis_server.member, max_conns=3)
    database = db("@redis")
    database.flushdb().commit()
    return database


@pytest.fixture(params=["sqlite", "postgresql"])
def sql(request: pytest.FixtureRequest) -> Any:
    """Each of both SQL databases, with a table of users."""
    database = request.getfixturevalue("lite" if request.param == "sqlite" else "pg")
    identity = "integer primary key" if request.param == "sqlite" else "serial primary key"
    database.execute(f"create table users (id {identity}, name text unique not null, age int, note text)").commit()
    return database


@pytest.fixture
def opened(aliases: Aliases) -> Callable[[str], Any]:
    """What serves an alias, to look at its pools."""

    def find(name: str) -> Any:
        def missing(alias: object) -> Any:
            raise AssertionError(f"{alias} was never used")

        return aliases.opened(name, missing)

    return find
