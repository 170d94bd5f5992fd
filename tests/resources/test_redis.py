"""Redis: each command is a task, at a real server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from atilite import STA_NETERR, STA_REQFAIL, STA_TIMEOUT
from atilite.errors import AliasError, QueryError, ResourceError, TaskCancelled
from atilite.resources.aliases import DB_REDIS, Aliases
from atilite.resources.databases import Databases
from tests.resources.programs import ENCODED, RedisServer


@pytest.mark.row("A137")
def test_commands_are_tasks(kept: Any) -> None:
    with kept as db:
        task1 = db.set("foo", "bar")
        task2 = db.get("foo")
    assert (task1.fetch(), task2.fetch(), task2.one()) == (True, "bar", "bar")
    assert kept.get("nobody").fetch() is None
    assert [kept.incr("n").fetch() for _ in range(3)] == [1, 2, 3]
    assert kept.hset("h", mapping={"a": 1, "b": 2}).fetch() == 2
    assert kept.hgetall("h").fetch() == {"a": "1", "b": "2"}
    assert sorted(kept.scan_iter("*").fetch()) == ["foo", "h", "n"]


@pytest.mark.row("A137")
def test_what_needs_the_connection_for_itself_is_a_function(kept: Any) -> None:
    assert kept.run(lambda client, key: client.pipeline().incr(key).incr(key).execute(), "n").fetch() == [1, 2]
    with pytest.raises(QueryError, match=r"pipeline gives no answer but a Pipeline; use it inside run\(function\)"):
        kept.pipeline().fetch()


@pytest.mark.row("A137")
def test_an_error_of_the_server_is_an_error_of_the_command(kept: Any) -> None:
    kept.set("foo", "bar").commit()
    outcome = kept.lpush("foo", 1).dispatch()
    assert (outcome.status, type(outcome.expt)) == (STA_REQFAIL, QueryError)
    assert str(outcome.expt).startswith("@redis: WRONGTYPE")
    with pytest.raises(AttributeError):
        kept.no_such_command().fetch()
    assert not hasattr(kept, "_private")


@pytest.mark.row("A131", "A137")
def test_no_more_connections_are_open_than_allowed_and_all_are_used_again(
    kept: Any, opened: Callable[[str], Any]
) -> None:
    tasks = [kept.incr("n") for _ in range(100)]
    assert sorted(task.fetch() for task in tasks) == list(range(1, 101))
    ours = [one for one in kept.client_list().fetch() if one["cmd"] != "ping"]
    assert 1 <= len(ours) <= 3
    assert opened("@redis").pools[0].figures["running"] == 0


@pytest.mark.row("A137")
def test_a_command_that_waits_ends_at_its_time_or_when_it_is_cancelled(db: Databases, kept: Any) -> None:
    start = time.monotonic()
    outcomes = [task.dispatch(10) for task in [db("@redis", timeout=0.2).blpop("nothing", 0) for _ in range(6)]]
    assert {outcome.status for outcome in outcomes} == {STA_TIMEOUT}
    waiting = db("@redis", timeout=60).blpop("nothing", 0)
    while kept.client_list().fetch() and not any(one["cmd"] == "blpop" for one in kept.client_list().fetch()):
        assert time.monotonic() < start + 30
    waiting.cancel()
    with pytest.raises(TaskCancelled):
        waiting.fetch(10)
    assert kept.get("foo").fetch() is None
    assert time.monotonic() - start < 30


@pytest.mark.row("A137")
def test_a_server_that_was_restarted_is_used_again(kept: Any, redis_server: RedisServer) -> None:
    kept.set("foo", "bar").commit()
    redis_server.stop()
    outcome = kept.get("foo").dispatch()
    assert (outcome.status, isinstance(outcome.expt, ResourceError)) == (STA_NETERR, True)
    redis_server.start()
    assert kept.get("foo").fetch() is None


@pytest.mark.row("A131")
def test_a_wrong_password_and_a_wrong_database_are_told(
    db: Databases, aliases: Aliases, redis_server: RedisServer
) -> None:
    aliases.add("@wrong", DB_REDIS, f":hidden{ENCODED}@127.0.0.1:{redis_server.port}/0")
    aliases.add("@path", DB_REDIS, f"127.0.0.1:{redis_server.port}/photos")
    with pytest.raises(ResourceError, match=r"@wrong: 127.0.0.1:.*(WRONGPASS|invalid username-password)") as caught:
        db("@wrong").get("x").fetch()
    assert "hidden" not in str(caught.value)
    with pytest.raises(AliasError, match="number of the database: host/0"):
        db("@path").get("x").fetch()


def test_bytes_are_given_where_text_is_not_wanted(db: Databases, aliases: Aliases, redis_server: RedisServer) -> None:
    aliases.add("@raw", DB_REDIS, redis_server.member, decode_responses=False)
    db("@raw").set("raw", b"\xff\x00").commit()
    assert db("@raw").get("raw").fetch() == b"\xff\x00"
