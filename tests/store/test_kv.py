"""The key-value store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from atilite.store.database import Database
from atilite.store.kv import KV, MISSING, Changed, Forgotten
from atilite.testing.clock import FakeClock

from .conftest import NOON


@pytest.mark.row("B23")
@pytest.mark.parametrize(
    "value", [None, True, 0, -1.5, "text", "Grüße \N{SNOWMAN}", [1, [2]], {"a": {"b": None}}, 2**80]
)
def test_a_json_value_comes_back_as_it_was(kv: KV, written: Callable[..., Any], value: object) -> None:
    written(kv.set, "default", {"key": value})

    assert kv.get("default", "key") == value
    assert type(kv.get("default", "key")) is type(value)


@pytest.mark.row("B23")
def test_many_keys_are_set_in_one_transaction_and_missing_ones_are_told_from_null(
    kv: KV, database: Database, written: Callable[..., Any]
) -> None:
    told: list[Changed] = []
    kv.changed.listen(told.append)
    commits = database.writer.commits
    written(kv.set, "default", {"a": 1, "b": None})

    assert database.writer.commits - commits <= 2
    assert (kv.get("default", "b"), kv.get("default", "c"), kv.get("default", "c", 7)) == (None, MISSING, 7)
    assert written(kv.remove, "default", "a", "never") == 1
    assert kv.get("default", "a") is MISSING
    assert told == [
        Changed("default", ("a", "b"), texts=("1", "null")), Changed("default", ("a",), removed=True),
    ]  # fmt: skip
    assert told[0].values == (1, None)


def test_who_is_told_of_changes_hears_of_none_where_nothing_has_changed(kv: KV, written: Callable[..., Any]) -> None:
    told: list[Changed] = []
    written(kv.set, "default", {"a": 1})
    kv.changed.listen(told.append)
    assert written(kv.remove, "default", "never") == 0
    assert written(kv.expire, "default", "a", 60) is True
    written(kv.set, "default", {})
    assert written(kv.incr, "default", "a", 2) == 3

    assert [(change.keys, change.values) for change in told] == [(("a",), (3,))]


@pytest.mark.row("B23")
@pytest.mark.parametrize("value", [object(), {1, 2}, float("inf"), b"x", {"deep": {1: object()}}])
def test_a_value_that_json_does_not_have_raises_at_the_caller(kv: KV, database: Database, value: object) -> None:
    with pytest.raises(TypeError, match="kv value 'b' must be JSON"):
        kv.set("default", {"a": 1, "b": value})
    with pytest.raises(TypeError):
        kv.swap("default", "a", MISSING, value)
    database.writer.flush()

    assert kv.keys("default") == []


@pytest.mark.parametrize("name", ["", 7, "\udcff"])
def test_a_name_has_to_be_text(kv: KV, name: Any) -> None:
    for write in (
        lambda: kv.set("default", {name: 1}),
        lambda: kv.set(name, {"a": 1}),
        lambda: kv.incr("default", name),
        lambda: kv.swap("default", name, 1, 2),
    ):
        with pytest.raises(TypeError):
            write()


def test_versions_grow_with_each_change(kv: KV, clock: FakeClock, written: Callable[..., Any]) -> None:
    written(kv.set, "default", {"a": 1}, who="ana")
    clock.advance(60)
    written(kv.set, "default", {"a": 2}, who="ben")
    written(kv.incr, "default", "a")
    item = kv.item("default", "a")

    assert item is not None
    assert (item.value, item.version, item.who, item.expires) == (3, 3, "", None)
    assert item.updated == NOON + timedelta(seconds=60)
    assert kv.item("default", "b") is None


@pytest.mark.row("M17")
def test_a_key_expires(kv: KV, clock: FakeClock, written: Callable[..., Any]) -> None:
    written(kv.set, "default", {"a": 1}, ttl=10)
    written(kv.set, "default", {"b": 1})
    assert written(kv.expire, "default", "b", 20) is True
    assert written(kv.expire, "default", "c", 20) is False
    clock.advance(10)
    assert (kv.get("default", "a"), kv.get("default", "b"), kv.keys("default")) == (MISSING, 1, ["b"])
    assert written(kv.expire, "default", "b", None) is True
    clock.advance(1000)
    assert kv.get("default", "b") == 1

    assert written(kv.incr, "default", "a") == 1
    item = kv.item("default", "a")
    assert item is not None
    assert (item.version, item.expires) == (1, None)
    for ttl in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="ttl must be"):
            kv.set("default", {"a": 1}, ttl=ttl)


@pytest.mark.row("M17")
def test_swap_sets_only_what_has_the_old_value(kv: KV, written: Callable[..., Any]) -> None:
    told: list[Changed] = []
    kv.changed.listen(told.append)
    assert written(kv.swap, "default", "a", MISSING, [1, 2]) is True
    assert written(kv.swap, "default", "a", MISSING, 9) is False
    assert written(kv.swap, "default", "a", (1, 2), True) is True
    assert written(kv.swap, "default", "a", 1, 9) is False
    assert written(kv.swap, "default", "a", True, None) is True
    assert written(kv.swap, "default", "a", None, "end") is True

    assert kv.get("default", "a") == "end"
    assert len(told) == 4


@pytest.mark.row("M17")
def test_replace_sets_only_the_version_it_was_made_for(kv: KV, written: Callable[..., Any]) -> None:
    assert written(kv.replace, "default", "a", "new", 1) is False
    assert written(kv.replace, "default", "a", "new", 0, who="ana", ttl=5) is True
    assert written(kv.replace, "default", "a", "newer", 0) is False
    assert written(kv.replace, "default", "a", "newer", 1) is True
    item = kv.item("default", "a")

    assert item is not None
    assert (item.value, item.version, item.expires) == ("newer", 2, None)


def test_incr_adds_to_numbers_only(kv: KV, clock: FakeClock, written: Callable[..., Any]) -> None:
    written(kv.set, "default", {"n": 1.5}, ttl=60)
    assert written(kv.incr, "default", "n", 2) == 3.5
    assert written(kv.incr, "default", "fresh", -3) == -3
    item = kv.item("default", "n")
    assert item is not None
    assert item.expires == NOON + timedelta(seconds=60)

    for value, kind in ((True, "a boolean"), ("7", "text"), ([1], "a list"), ({}, "an object"), (None, "null")):
        written(kv.set, "default", {"x": value})
        with pytest.raises(TypeError, match=f"kv value 'x' is {kind}; incr needs a number"):
            written(kv.incr, "default", "x")
        assert kv.get("default", "x") == value
    with pytest.raises(TypeError, match="incr needs a number"):
        kv.incr("default", "n", "1")  # type: ignore[arg-type]


@pytest.mark.row("M17")
def test_a_thousand_increments_lose_none(kv: KV, database: Database) -> None:
    for _ in range(1000):
        kv.incr("default", "n")
    database.writer.flush()

    assert kv.get("default", "n") == 1000


@pytest.mark.row("B25")
def test_namespaces_are_apart(kv: KV, written: Callable[..., Any]) -> None:
    written(kv.set, "garden", {"a": 1, "b": 2})
    written(kv.set, "default", {"a": 3})

    assert (kv.namespaces(), kv.counts()) == (["default", "garden"], {"default": 1, "garden": 2})
    assert (kv.get("garden", "a"), kv.get("default", "a")) == (1, 3)
    written(kv.remove, "default", "a")
    assert kv.namespaces() == ["garden"]


@pytest.mark.row("M17")
def test_keys_are_listed_by_prefix_and_page(kv: KV, written: Callable[..., Any]) -> None:
    names = ["rates/EUR", "rates/USD", "rates/ÄÖ", "rates", "season", "_", "%", "rates\U0010fffe"]
    written(kv.set, "default", {name: number for number, name in enumerate(names)})

    assert kv.keys("default") == sorted(names, key=str.encode)
    assert kv.keys("default", "rates/") == ["rates/EUR", "rates/USD", "rates/ÄÖ"]
    assert kv.keys("default", "%") == ["%"]
    pages, after = [], ""
    while page := kv.items("default", "rates", after, 2):
        pages.append([item.key for item in page])
        after = page[-1].key
    assert pages == [["rates", "rates/EUR"], ["rates/USD", "rates/ÄÖ"], ["rates\U0010fffe"]]
    assert [item.key for item in kv.items("default", "season", after="a")] == ["season"]
    assert kv.items("default", "a", after="z") == []


@pytest.mark.row("M17")
def test_a_key_is_withdrawn_only_in_the_version_it_was_read(kv: KV, written: Callable[..., Any]) -> None:
    told: list[Changed] = []
    written(kv.set, "default", {"a": 1})
    written(kv.set, "default", {"a": 2})
    kv.changed.listen(told.append)

    assert written(kv.withdraw, "default", "a", 1) is False
    assert kv.get("default", "a") == 2
    assert written(kv.withdraw, "default", "a", 2) is True
    assert written(kv.withdraw, "default", "a", 2) is False
    assert told == [Changed("default", ("a",), removed=True)]


def test_keys_whose_time_is_over_are_removed_and_told_by_namespace(url: str) -> None:
    clock = FakeClock(1_700_000_000.0)
    with Database.open(url, clock=clock) as database:
        kv, told, found = database.part(KV), [], []
        kv.set("one", {"a": 1, "b": 2}, ttl=10)
        kv.set("two", {"c": 3}, ttl=10)
        kv.set("two", {"d": 4}, ttl=30)
        kv.set("two", {"e": 5})
        database.writer.flush()
        kv.changed.listen(told.append)
        assert kv.next_expiry() == 1_700_000_010_000_000
        clock.advance(10)
        kv.forget_expired(100, lambda value, error: found.append((value, error)))
        database.writer.flush()

        assert told == [
            Changed("one", ("a", "b"), removed=True, expired=True), Changed("two", ("c",), removed=True, expired=True)
        ]  # fmt: skip
        assert found == [(Forgotten(3, 1_700_000_030_000_000), None)]
        assert (kv.keys("one"), kv.keys("two")) == ([], ["d", "e"])


def test_a_time_that_is_set_is_told_once_it_is_stored(url: str) -> None:
    with Database.open(url, clock=FakeClock(1_700_000_000.0)) as database:
        kv, told = database.part(KV), []
        kv.expiring.listen(told.append)
        kv.set("default", {"a": 1})
        kv.set("default", {"b": 1}, ttl=1)
        kv.replace("default", "a", 2, 1, ttl=2)
        kv.replace("default", "a", 2, 1, ttl=3)  # of another version: nothing is stored
        kv.expire("default", "a", 4)
        kv.expire("default", "nothing", 5)
        database.writer.flush()

        assert [moment - 1_700_000_000_000_000 for moment in told] == [1_000_000, 2_000_000, 4_000_000]
