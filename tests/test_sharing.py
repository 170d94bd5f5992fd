from __future__ import annotations

import queue
import threading
from pathlib import Path
from typing import Any

import pytest

import atilite
from atilite import Atilite
from atilite.config import Settings
from atilite.errors import SetupError
from atilite.sharing import TICK, Numbers
from atilite.site import Site
from atilite.testing.client import Client
from atilite.testing.clock import FakeClock


@pytest.mark.row("A39", "A40", "A41")
def test_the_newest_of_several_times_counts_and_the_start_if_there_is_none() -> None:
    clock = FakeClock(1000.0)
    numbers = Numbers(clock)
    numbers.register("users", "photos")

    assert numbers.newest("users", "photos") == numbers.newest() == 1000.0
    clock.advance(5)
    assert numbers.touch("users") == 1005.0
    clock.advance(5)
    numbers.touch("photos")
    assert [numbers.newest(*names) for names in (["users"], ["users", "photos"], ["never"])] == [1005.0, 1010.0, 1000.0]


def test_two_updates_within_one_tick_of_the_clock_are_two() -> None:
    numbers = Numbers(FakeClock(1000.0))
    numbers.register("users")

    times = [numbers.touch("users") for _ in range(3)]
    assert times == pytest.approx([1000.0, 1000.0 + TICK, 1000.0 + 2 * TICK], abs=1e-9)


@pytest.mark.row("A41")
def test_a_name_that_nobody_registered_is_told_with_those_that_are_known() -> None:
    numbers = Numbers()
    numbers.register("tables.users")

    with pytest.raises(LookupError, match=r"nobody registered 'tables.user'.*known: tables.users"):
        numbers.touch("tables.user")
    with pytest.raises(SetupError):
        numbers.register("")


@pytest.mark.row("A42", "A43")
def test_the_shared_object_keeps_numbers_only() -> None:
    atilite.register_g("sharing.count")
    atilite.g["sharing.count"] = 3

    assert atilite.g["sharing.count"] == 3.0
    assert "sharing.count" in atilite.g
    assert len(atilite.g) == len(list(atilite.g))
    for wrong in ("3", True, None):
        with pytest.raises(TypeError, match="numbers only"):
            atilite.g["sharing.count"] = wrong  # type: ignore[assignment]
    del atilite.g["sharing.count"]
    assert atilite.g.get("sharing.count") is None


@pytest.mark.row("A39", "A40")
def test_an_update_is_told_to_every_app_of_the_process(tmp_path: Path) -> None:
    atilite.register_g("sharing.users")
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    one, two = Atilite("one"), Atilite("two")
    for app in (one, two):

        @app.on("setlu:sharing.users")
        def updated(was: Any, *args: Any, **kwargs: Any) -> None:
            told.put((was.app.import_name, args, kwargs))

    @one.route("/update")
    def update(was: Any) -> Any:
        before = was.getlu("sharing.users")
        was.setlu("sharing.users", 7, by="ana")
        return was.API(newer=was.getlu("sharing.users") > before)

    site = Site(tmp_path)
    site.mount("/", one, name="one")
    site.mount("/two", two, name="two")
    try:
        client = Client(site.open(Settings(db=f"sqlite:///{tmp_path}/data.db")))
        assert client.get("/update").json() == {"newer": True}
        assert sorted(told.get(timeout=10) for _ in range(2)) == [
            (name, (7,), {"by": "ana"}) for name in ("one", "two")
        ]  # fmt: skip
    finally:
        site.close()


@pytest.mark.row("A44")
def test_a_lock_has_a_name_and_its_holder_may_take_it_again() -> None:
    app = Atilite("locked")
    tried: list[bool] = []

    def elsewhere(name: str | None) -> None:
        lock = app.get_lock(name)
        tried.append(lock.acquire(blocking=False))
        if tried[-1]:
            lock.release()

    with app.get_lock("index"), app.get_lock("index"):
        assert app.get_lock("index") is app.get_lock("index")
        for name in ("index", "other", None):
            thread = threading.Thread(target=elsewhere, args=(name,))
            thread.start()
            thread.join(10)
        assert tried == [False, True, True]
        assert app.get_lock() is app.get_lock()
        assert Atilite("another").get_lock("index") is not app.get_lock("index")
    elsewhere("index")
    assert tried[-1]


@pytest.mark.row("M19", "A26")
def test_whatever_several_apps_hear_is_told_to_the_log_of_events_once(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.mount("/teller", Atilite("teller"), name="teller")
    site.mount("/hearer", Atilite("hearer"), name="hearer", subscribe=["teller"])
    site.open(Settings(db=f"sqlite:///{tmp_path}/data.db"))
    atilite.register_g("tables.beds")
    log = site.catalogue.events.log
    start = log.begin()
    teller = site.apps["teller"]
    teller.emit("dry", 1)
    teller.broadcast("frost", 2)
    teller.setlu("tables.beds", 3)

    found, _ = log.since(start, 10)

    assert [(one.name, one.app, one.text) for one in found] == [
        ("dry", "teller", "1"), ("broadcast:frost", "teller", "2"), ("setlu:tables.beds", "teller", "3"),
    ]  # fmt: skip
    site.close()
