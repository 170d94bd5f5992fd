"""MongoDB by pymongo's own wire protocol, at a stand-in for the server (tests/resources/mongo_standin.py)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from atilite import STA_NETERR, STA_REQFAIL, STA_TIMEOUT
from atilite.errors import AliasError, QueryError, ResourceError
from atilite.resources.aliases import DB_MONGODB, Aliases
from atilite.resources.databases import Databases
from tests.require import require
from tests.resources.mongo_standin import MongoStandIn, mongo_stand_in
from tests.resources.programs import free_port


@pytest.fixture
def server() -> Iterator[MongoStandIn]:
    try:
        import pymongo
    except ImportError:
        pymongo = None  # type: ignore[assignment]
    require(pymongo, "no pymongo here: pip install pymongo")
    with mongo_stand_in() as server:
        yield server


@pytest.fixture
def cities(server: MongoStandIn, db: Databases, aliases: Aliases) -> Any:
    aliases.add("@mymongo", DB_MONGODB, f"127.0.0.1:{server.port}/shop/cities", max_conns=3)
    return db("@mymongo")


@pytest.mark.row("A137")
def test_methods_of_a_collection_are_tasks_and_a_cursor_is_a_list(cities: Any, server: MongoStandIn) -> None:
    with cities as db:
        db.insert_many([{"_id": 1, "city": "New York"}, {"_id": 2, "city": "Rome"}]).commit()
        task = db.find({"city": "New York"})
    assert (task.fetch(), task.one()["_id"]) == ([{"_id": 1, "city": "New York"}], 1)
    assert cities.find_one({"city": "Rome"}).fetch() == {"_id": 2, "city": "Rome"}
    assert cities.update_one({"_id": 1}, {"$inc": {"n": 2}}).fetch().modified_count == 1
    assert cities.find({"n": {"$gt": 1}}, limit=5).one()["n"] == 2
    assert cities.delete_many({"city": "Rome"}).fetch().deleted_count == 1
    assert list(server.collections) == ["shop.cities"]
    assert cities.run(lambda collection: collection.database.name).fetch() == "shop"


@pytest.mark.row("A137")
def test_the_manual_s_member_is_a_collection_of_the_default_database(
    server: MongoStandIn, db: Databases, aliases: Aliases
) -> None:
    aliases.add("@short", DB_MONGODB, f"127.0.0.1:{server.port}/mycollection")
    db("@short").insert_one({"_id": 1}).commit()
    assert list(server.collections) == ["test.mycollection"]
    aliases.add("@none", DB_MONGODB, f"127.0.0.1:{server.port}")
    with pytest.raises(AliasError, match="names no collection"):
        db("@none").find({}).fetch()


@pytest.mark.row("A137")
def test_a_refusal_is_an_error_of_the_call(cities: Any) -> None:
    cities.insert_one({"_id": 1}).commit()
    outcome = cities.insert_one({"_id": 1}).dispatch()
    assert (outcome.status, type(outcome.expt), outcome.expt.constraint) == (STA_REQFAIL, QueryError, "unique")
    with pytest.raises(QueryError, match="no such command"):
        cities.distinct("city").fetch()
    with pytest.raises(TypeError, match="no such method"):
        cities.nothing().fetch()


@pytest.mark.row("A137")
def test_the_client_s_connections_are_bounded_and_opened_again(
    cities: Any, server: MongoStandIn, db: Databases, aliases: Aliases
) -> None:
    tasks = [cities.insert_one({"_id": number}) for number in range(60)]
    assert len({task.fetch().inserted_id for task in tasks}) == 60
    # pymongo has up to two more, for its own look at the server.
    assert server.connections <= 5
    aliases.stop()
    assert db("@mymongo").find({"_id": 3}).one() == {"_id": 3}


@pytest.mark.row("A137")
def test_a_server_that_does_not_answer_or_is_not_there_is_told_in_time(
    cities: Any, server: MongoStandIn, db: Databases, aliases: Aliases
) -> None:
    cities.find_one({}).commit()
    server.slow.set()
    start = time.monotonic()
    tasks = [db("@mymongo", timeout=0.5).find({}) for _ in range(3)]
    assert [task.dispatch(10).status for task in tasks] == [STA_TIMEOUT] * 3
    server.slow.clear()
    assert cities.find({}).fetch() == []
    aliases.add("@gone", DB_MONGODB, f"ann:geheim@127.0.0.1:{free_port()}/a/b")
    outcome = db("@gone", timeout=1).find({}).dispatch(10)
    assert (outcome.status, isinstance(outcome.expt, ResourceError)) == (STA_NETERR, True)
    assert "geheim" not in str(outcome.expt)
    assert time.monotonic() - start < 20
