from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from atilite.automation.engine import Automation
from atilite.errors import SetupError
from atilite.store.database import Database

PATIENCE = 20.0


def test_nothing_is_opened_before_it_is_needed():
    def refuse() -> Database:
        raise AssertionError("opened too early")

    automation = Automation("app", refuse)
    automation.action(name="hello")(lambda: None)
    automation.service(name="idle")(lambda: None)
    automation.schedule(every=5)(lambda: None)
    automation.freeze()

    assert [info.name for info in automation.action.actions] == ["hello"]
    assert [info.status for info in automation.service.services] == ["stopped"]


def test_actions_work_without_server_and_without_start(automation: Automation):
    automation.action(name="hello")(lambda: "hello")

    assert automation.action.invoke("hello").fetch(PATIENCE) == "hello"


def test_two_apps_do_not_see_each_others_actions(make: Callable[..., Automation]):
    one, other = make(), make()
    one.action(name="hello")(lambda: 1)

    assert other.action.actions == []
    other.action(name="hello")(lambda: 2)
    assert one.action.invoke("hello").fetch(PATIENCE) == 1


@pytest.mark.row("B33", "B35")
def test_subscribers_of_the_bus_may_be_functions_of_every_kind(automation: Automation):
    seen: list[str] = []
    done = threading.Semaphore(0)

    def note(kind: str) -> None:
        seen.append(kind)
        done.release()

    @automation.bus.on("saved")
    def plain(name: str):
        note(f"plain {name}")

    @automation.bus.on("saved")
    def generator(name: str):
        yield automation.kv.set(name=name)
        note(f"generator {name}")

    @automation.bus.on("saved")
    async def coroutine(name: str):
        await automation.kv.set(name=name)
        note(f"async {name}")

    assert automation.bus.emit("saved", "a") == 3
    assert all(done.acquire(timeout=PATIENCE) for _ in range(3))
    assert sorted(seen) == ["async a", "generator a", "plain a"]


def test_a_function_that_wants_was_where_there_is_none_fails_with_the_reason(tmp_path: Path):
    with Database.open(f"sqlite:///{tmp_path / 'data.db'}") as database:
        automation = Automation("script", lambda: database)
        automation.action(name="hello")(lambda was: was)

        with pytest.raises(SetupError, match="wants was"):
            automation.action.invoke("hello").fetch(PATIENCE)
        automation.stop()


def test_an_app_that_was_stopped_can_go_on(automation: Automation):
    automation.action(name="hello")(lambda: "hello")
    automation.action.invoke("hello").fetch(PATIENCE)
    automation.stop()

    assert automation.action.invoke("hello").fetch(PATIENCE) == "hello"
