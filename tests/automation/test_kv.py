from __future__ import annotations

import asyncio
import dataclasses
import queue
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pydantic
import pytest

from atilite.automation.engine import Automation
from atilite.automation.kv import KV
from atilite.automation.watches import Change
from atilite.errors import StoreUnavailable
from atilite.store.database import Database
from atilite.testing.clock import FakeClock

PATIENCE = 20.0
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


class Author(pydantic.BaseModel):
    name: str
    repo: str
    year: int


@dataclasses.dataclass
class Reading:
    celsius: float


@pytest.mark.row("B23")
def test_many_values_are_set_at_once_and_read_back(automation: Automation):
    kv = automation.kv
    kv.set(name="reddec", repo="binp", year=2020, nested={"a": [1, None]}).fetch()

    assert kv.get("name").fetch() == "reddec"
    assert kv.get("nested").fetch() == {"a": [1, None]}


@pytest.mark.row("B23")
def test_a_missing_name_is_none_and_removing_it_is_no_error(automation: Automation):
    kv = automation.kv
    kv.set(a=1, b=2, null=None).fetch()
    kv.remove("a", "never").fetch()

    assert [kv.get(name).fetch() for name in ("a", "b", "never", "null")] == [None, 2, None, None]
    assert kv.get("never", 5).fetch() == 5


@pytest.mark.row("B23")
def test_a_value_without_json_form_stores_nothing_of_the_call(automation: Automation):
    with pytest.raises(TypeError):
        automation.kv.set(good=1, bad=object())

    assert automation.kv.get("good").fetch() is None


@pytest.mark.row("B23")
def test_values_can_be_awaited_in_async_code(automation: Automation):
    async def main() -> str:
        await automation.kv.set(name="reddec")
        return await automation.kv.get("name")

    assert asyncio.run(main()) == "reddec"


@pytest.mark.row("B24")
def test_a_model_is_saved_under_its_class_and_loaded_again(automation: Automation):
    author = Author(name="reddec", repo="binp", year=2020)
    automation.kv.save(author).fetch()
    automation.kv.save(Reading(21.5)).fetch()

    assert automation.kv.load(Author).fetch() == author
    assert automation.kv.load(Reading).fetch() == Reading(21.5)
    assert automation.kv.load(Path).fetch() is None


class Limits(msgspec.Struct):
    low: float
    high: float = 24.0


@pytest.mark.row("B24", "M17")
def test_a_struct_is_saved_and_loaded_again(automation: Automation):
    automation.kv.save(Limits(18.0)).commit()

    assert automation.kv.load(Limits).fetch() == Limits(18.0, 24.0)


@pytest.mark.row("B24")
def test_what_was_saved_by_class_name_alone_is_found(automation: Automation):
    automation.kv.set(Author={"name": "reddec", "repo": "binp", "year": 2020}).fetch()

    assert automation.kv.load(Author).fetch() == Author(name="reddec", repo="binp", year=2020)


@pytest.mark.row("B25")
def test_namespaces_keep_values_apart(automation: Automation):
    other = automation.kv.select("garden")
    automation.kv.set(a=1).fetch()
    other.set(a=2).fetch()

    assert (automation.kv.get("a").fetch(), other.get("a").fetch()) == (1, 2)
    assert automation.kv.namespaces().fetch() == ["default", "garden"]


def test_names_and_items_are_found_by_their_beginning(automation: Automation):
    automation.kv.set({f"log.{number:04}": number for number in range(1200)}, other=1).fetch()

    assert automation.kv.keys("log.119").fetch() == [f"log.{number}" for number in range(1190, 1200)]
    assert automation.kv.items("log.").fetch() == {f"log.{number:04}": number for number in range(1200)}


def test_no_increment_is_lost_between_threads(automation: Automation):
    def count() -> None:
        for _ in range(20):
            automation.kv.incr("visits").fetch()

    threads = [threading.Thread(target=count) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert automation.kv.get("visits").fetch() == 100
    assert automation.kv.incr("visits", -0.5).fetch() == 99.5


def test_a_swap_stores_only_over_what_was_expected(automation: Automation):
    kv = automation.kv

    assert kv.swap("lock", None, "mine").fetch() is True
    assert kv.swap("lock", None, "yours").fetch() is False
    assert kv.swap("lock", "mine", "yours").fetch() is True
    assert kv.get("lock").fetch() == "yours"


def test_an_expired_name_is_gone(make: Callable[..., Automation]):
    clock = FakeClock()
    kv = make(clock=clock).kv
    kv.set(a=1).fetch()

    assert kv.expire("a", 60).fetch() is True
    assert kv.expire("never", 60).fetch() is False
    clock.advance(59)
    assert kv.get("a").fetch() == 1
    clock.advance(2)
    assert kv.get("a").fetch() is None


@pytest.mark.row("B1", "B23")
def test_a_kv_of_ones_own_database_keeps_it_when_an_app_takes_it(make: Callable[..., Automation], tmp_path: Path):
    with Database.open(f"sqlite:///{tmp_path / 'other.db'}") as other:
        automation = make(kv=KV("mine", other))
        automation.kv.set(a=1).fetch()

        assert automation.kv.get("a").fetch() == 1
        assert automation.storage.kv.namespaces() == []


@pytest.mark.row("B1")
def test_a_kv_without_database_works_once_an_app_has_it(make: Callable[..., Automation]):
    kv = KV("mine")
    with pytest.raises(StoreUnavailable):
        kv.get("a").fetch()
    make(kv=kv)

    kv.set(a=1).fetch()
    assert kv.get("a").fetch() == 1


# -- watching


@pytest.mark.row("M17")
def test_each_change_of_a_key_is_told_with_its_value(automation: Automation):
    kv = automation.kv
    heard: queue.SimpleQueue[Change] = queue.SimpleQueue()

    @kv.watch("sensor/")
    def on_change(change: Change):
        heard.put(change)

    kv.set({"sensor/1": 20.5, "other": 1}).commit()
    kv.incr("sensor/1", 2).commit()
    kv.swap("sensor/1", 0, 1).fetch()
    kv.swap("sensor/1", 22.5, [1]).fetch()
    kv.remove("sensor/1", "sensor/2").commit()
    kv.select("weather").set({"sensor/1": 3}).commit()

    assert [heard.get(timeout=PATIENCE) for _ in range(4)] == [
        Change("default", "sensor/1", 20.5), Change("default", "sensor/1", 22.5), Change("default", "sensor/1", [1]),
        Change("default", "sensor/1", None, True),
    ]  # fmt: skip
    assert heard.empty()


@pytest.mark.row("M17")
def test_changes_can_be_collected_and_awaited(automation: Automation):
    weather = automation.kv.select("weather")

    async def first() -> Change:
        with weather.watch().subscribe() as changes:
            weather.set(city="Bonn")
            return await changes.get()

    assert asyncio.run(first()) == Change("weather", "city", "Bonn")
    assert weather.watch() is automation.kv.select("weather").watch()


def test_a_function_of_any_kind_may_watch_and_one_that_fails_stays(automation: Automation):
    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()

    @automation.kv.watch()
    async def on_change(change: Change):
        heard.put(change.value)
        if change.value == 1:
            raise ValueError("one is too little")

    automation.kv.set(a=1).commit()
    automation.kv.set(a=2).commit()

    assert [heard.get(timeout=PATIENCE) for _ in range(2)] == [1, 2]


def test_nobody_is_told_after_the_end(automation: Automation):
    with automation.kv.watch().subscribe() as changes:
        automation.kv.set(a=1).commit()
        automation.kv.close()
        automation.kv.set(a=2).commit()

        assert changes.get(timeout=PATIENCE).value == 1
        assert changes.empty()


# -- versions


@pytest.mark.row("M17")
def test_a_value_is_put_only_over_the_version_that_was_read(make: Callable[..., Automation]):
    clock = FakeClock(NOON.timestamp())
    kv = make(clock=clock).kv

    assert kv.put("mode", "auto", version=0).fetch() is True
    assert kv.put("mode", "off", version=0).fetch() is False
    item = kv.item("mode").fetch()
    assert (item.value, item.version, item.expires) == ("auto", 1, None)
    assert kv.put("mode", "off", ttl=60, version=item.version).fetch() is True
    assert kv.put("mode", "manual", ttl=60).fetch() is True
    clock.advance(61)
    assert kv.item("mode").fetch() is None
