from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from atilite.automation.catalogue import Catalogue
from atilite.automation.engine import Automation
from atilite.errors import StoreUnavailable

PATIENCE = 20.0


@pytest.fixture
def shops(make: Callable[..., Automation]) -> list[Automation]:
    shops = [make("north"), make("south")]
    for shop in shops:
        shop.action(name="report")(lambda name=shop.name: name)
        shop.schedule(every="5m")(shop.action(name=f"{shop.name} only")(lambda: None))

        @shop.service(name="till")
        def till(was):
            was.run.wait()

    return shops


def test_the_actions_of_all_apps_are_listed_and_can_be_told_apart(shops: list[Automation]):
    catalogue = Catalogue(shops)

    names = ["report", "north only", "south/report", "south only"]
    assert [info.name for info in catalogue.actions] == names
    assert [catalogue.action(name).name for name in names] == names
    for name, result in (("report", "north"), ("south/report", "south")):
        _, task = catalogue.start_action(name, {}, "api", "ann")
        assert task.fetch(PATIENCE) == result
    assert {(run.trigger, run.who) for run in shops[0].journal.history().fetch()} == {("api", "ann")}


def test_unknown_names_are_lookup_errors_with_the_known_ones(shops: list[Automation]):
    catalogue = Catalogue(shops)

    for look in (catalogue.action, catalogue.service, catalogue.schedule, catalogue.pause_schedule):
        with pytest.raises(LookupError, match="known:"):
            look("nothing")


def test_services_have_switches(shops: list[Automation]):
    catalogue = Catalogue(shops)

    assert [info.name for info in catalogue.services] == ["till", "south/till"]
    with catalogue.service_changed.subscribe() as changed:
        assert catalogue.service("south/till").start().fetch(PATIENCE) == "running"
        assert changed.get(PATIENCE).status == "starting"
    assert [info.status for info in catalogue.services] == ["stopped", "running"]
    assert catalogue.restart_service("south/till").fetch(PATIENCE) == "running"
    assert catalogue.stop_service("south/till").fetch(PATIENCE) == "stopped"
    assert catalogue.start_service("till").fetch(PATIENCE) == "running"
    assert catalogue.faults() == {}


def test_a_catalogue_in_the_place_of_another_leaves_nobody_listening_to_it_twice(shops: list[Automation]):
    north, south = shops
    catalogue = first = Catalogue(shops)
    catalogue.events.log.begin()

    with first.service_changed.subscribe() as changed:
        for _ in range(3):
            catalogue = Catalogue([south], catalogue)
        assert catalogue.start_service("till").fetch(PATIENCE) == "running"
        assert [changed.get(PATIENCE).status for _ in range(2)] == ["starting", "running"], "each is told once"

    def listeners(shop: Automation) -> tuple[int, int]:
        return len(shop.bus.emitted._listeners), len(shop.service.service_changed._listeners)

    bare = listeners(north)
    assert listeners(south) == (bare[0] + 1, bare[1] + 1)
    assert bare[0] == 0


def test_schedules_can_be_paused_and_resumed(shops: list[Automation]):
    catalogue = Catalogue(shops)
    first = catalogue.schedules[0].id

    catalogue.pause_schedule(first).fetch(PATIENCE)
    assert catalogue.schedule(first).paused
    catalogue.resume_schedule(first).fetch(PATIENCE)
    assert not catalogue.schedule(first).paused


def test_a_run_is_cancelled_whichever_app_it_is_of(shops: list[Automation]):
    begun, release = threading.Event(), threading.Event()

    @shops[1].action(name="slow")
    def slow():
        begun.set()
        release.wait(PATIENCE)

    catalogue = Catalogue(shops)
    run, _ = catalogue.start_action("slow", {}, "api")
    assert begun.wait(PATIENCE)
    assert catalogue.cancel(run)
    release.set()
    assert not catalogue.cancel(10**6)


@pytest.mark.row("B4")
def test_all_apps_share_one_store(shops: list[Automation]):
    catalogue = Catalogue(shops)

    assert catalogue.journals is shops[0].storage.journals is shops[1].storage.journals
    shops[0].kv.set(a=1).fetch()
    assert catalogue.kv.get("default", "a") == 1


def test_without_apps_there_is_nothing_to_look_into():
    assert Catalogue([]).actions == []
    with pytest.raises(StoreUnavailable):
        _ = Catalogue([]).journals
