"""Results that are used again until a name they depend on is updated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from atilite import Atilite, register_g
from atilite.errors import QueryError, SetupError
from atilite.resources.aliases import DB_SQLITE3, Aliases
from atilite.resources.caching import KEPT, Cached
from atilite.resources.databases import Databases
from atilite.runtime.engine import Runtime
from atilite.sharing import g
from atilite.testing.clock import FakeClock


@pytest.fixture(autouse=True)
def names() -> None:
    register_g("tables.users", "table.photos")


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def cached(runtime: Runtime, aliases: Aliases, told: list[str]) -> Iterator[Callable[..., Any]]:
    """`was.db("@lite", ...)` with a table of users in it, and what setlu was told."""

    def setlu(name: str) -> None:
        told.append(name)
        g.touch(name)

    aliases.add("@lite", DB_SQLITE3, "shop.db")
    db = Databases(runtime, aliases, setlu=setlu)
    db("@lite").execute("create table users (name text unique)").commit()
    db("@lite").insert("users").set(name="Ann").execute().commit()
    return lambda **options: db("@lite", **options)


def count(db: Any) -> int:
    return int(db.execute("select count(*) as n from users").one().n)


@pytest.mark.row("A148")
def test_a_result_is_used_again_until_its_name_is_updated(cached: Callable[..., Any], told: list[str]) -> None:
    reading = cached(use_cache="tables.users")
    assert count(reading) == 1
    cached().insert("users").set(name="Bob").execute().commit()
    assert (count(reading), count(cached())) == (1, 2)
    cached(rm_cache="tables.users").insert("users").set(name="Cid").execute().commit()
    assert (count(reading), told) == (3, ["tables.users"])
    assert count(reading) == 3


@pytest.mark.row("A148")
def test_of_several_names_each_ends_the_life_of_a_result(cached: Callable[..., Any]) -> None:
    reading = cached(use_cache=["tables.users", "table.photos"])
    for number, name in enumerate(("tables.users", "table.photos"), 1):
        assert count(reading) == number
        cached(rm_cache=[name]).insert("users").set(name=f"x{number}").execute().commit()
    assert count(reading) == 3


@pytest.mark.row("A148")
def test_other_statements_and_other_values_have_results_of_their_own(cached: Callable[..., Any]) -> None:
    reading = cached(use_cache="tables.users")
    assert reading.execute("select ? as x", [1]).one().x == 1
    assert reading.execute("select ? as x", [2]).one().x == 2
    assert len(reading.select("users").filter(name="Ann").execute().fetch()) == 1
    assert len(reading.select("users").filter(name="Bob").execute().fetch()) == 0


@pytest.mark.row("A148")
def test_who_changes_a_result_changes_it_for_himself(cached: Callable[..., Any]) -> None:
    def hide(rows: Any) -> Any:
        rows[0].name = "****"
        return rows

    for _ in range(3):
        assert cached(use_cache="tables.users", filter=hide).select("users").execute().one().name == "****"
        assert cached(use_cache="tables.users").select("users").execute().one().name == "Ann"


@pytest.mark.row("A148")
def test_what_failed_is_neither_kept_nor_told(cached: Callable[..., Any], told: list[str]) -> None:
    with pytest.raises(QueryError):
        cached(rm_cache="tables.users").insert("users").set(name="Ann").execute().fetch()
    with pytest.raises(QueryError):
        cached(use_cache="tables.users").execute("select * from photos").fetch()
    cached().execute("create table photos (x)").commit()
    assert cached(use_cache="tables.users").execute("select * from photos").fetch() == []
    assert told == []


@pytest.mark.row("A148")
def test_a_transaction_tells_after_its_commit(cached: Callable[..., Any], told: list[str]) -> None:
    def add(tx: Any) -> None:
        tx.insert("users").set(name="Bob").execute().commit()
        assert told == []

    cached(rm_cache="tables.users").transaction(add).commit()
    assert told == ["tables.users"]


@pytest.mark.row("A148")
def test_a_name_that_nobody_registered_is_refused(cached: Callable[..., Any], db: Databases) -> None:
    for option in ("use_cache", "rm_cache"):
        with pytest.raises(LookupError, match="register_g"):
            cached(**{option: "tables.usrs"}).select("users").execute()
    with pytest.raises(SetupError, match="belongs to none"):
        db("@lite", rm_cache="tables.users").select("users").execute()


@pytest.mark.row("A148")
def test_what_was_asked_before_an_update_is_older_than_it_whenever_it_arrives() -> None:
    clock = FakeClock()
    results = Cached(clock)

    def slow() -> int:
        g.touch("tables.users")
        return 1

    results.keeping("key", slow)()
    assert results.find("key", ["tables.users"]) == (False, None)
    clock.advance(g.newest("tables.users") - clock.time() + 1)
    results.keeping("key", lambda: 2)()
    assert results.find("key", ["tables.users"]) == (True, 2)


@pytest.mark.row("A148")
def test_only_so_many_results_are_kept_those_that_are_used() -> None:
    results = Cached()
    for number in range(KEPT + 50):
        results.keeping(number, lambda number=number: number)()
        results.find(0, [])
    assert (len(results), results.find(0, [])[0], results.find(10, [])[0]) == (KEPT, True, False)


@pytest.mark.row("A148")
def test_the_apps_hear_of_an_update(tmp_path: Any) -> None:
    app = Atilite("cache")
    app.aliases.add("@lite", DB_SQLITE3, str(tmp_path / "x.db"))
    heard: list[str] = []

    @app.on("setlu:tables.users")
    def updated(*args: Any) -> None:
        heard.append("updated")

    app.db("@lite", rm_cache="tables.users").execute("create table t (x)").commit()
    app.aliases.stop()
    assert heard == ["updated"]
