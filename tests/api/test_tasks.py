"""What runs or waits, as a program sees it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime

import pytest

from atilite.errors import TaskCancelled
from atilite.testing.client import Client
from tests.api.conftest import World


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.row("A138")
def test_runs_and_tasks_are_listed_and_cancelled_by_their_ids(world: World, admin: Client) -> None:
    waits = next(info.name for info in world.site.catalogue.actions if info.name.endswith("waits"))
    number, running = world.site.catalogue.start_action(waits, {}, "api")
    program = world.app.Subprocess(["sleep", "600"], timeout=None)
    answer = admin.get("/internal/tasks/").json()
    found = {task["name"]: task for task in answer["tasks"]}
    run = next(task for task in answer["tasks"] if task["run"] == number and task["kind"] == "Run")
    assert run["id"] == f"run-{number}"
    assert run["progress"] is None
    assert datetime.fromisoformat(run["since"]).tzinfo is not None
    assert answer["more"] == 0
    assert admin.post(f"/internal/task/{found['sleep']['id']}/cancel").json()["name"] == "sleep"
    with pytest.raises(TaskCancelled):
        program.fetch(30)
    assert admin.post(f"/internal/task/{run['id']}/cancel").status_code == 202
    world.gate.set()
    running.wait(30)
    assert world.site.catalogue.journals.headline(number).status == "cancelled"
    assert admin.post(f"/internal/task/{run['id']}/cancel").status_code == 404


def test_what_has_begun_on_a_thread_cannot_be_cancelled(world: World, admin: Client, gate: threading.Event) -> None:
    begun = threading.Event()

    def hold() -> None:
        begun.set()
        gate.wait(30)

    held = world.app.Thread(hold)
    assert begun.wait(30)
    task = next(one for one in admin.get("/internal/tasks/").json()["tasks"] if one["name"].endswith("hold"))
    assert (task["kind"], task["running"], task["stoppable"]) == ("Thread", True, False)
    answer = admin.post(f"/internal/task/{task['id']}/cancel")
    assert (answer.status_code, "cannot be stopped" in answer.json()["detail"]) == (409, True)
    gate.set()
    held.wait(30)


def test_who_may_only_look_cancels_nothing(world: World) -> None:
    assert world.client("view").post("/internal/task/run-1/cancel").status_code == 403
    assert world.client("view").get("/internal/tasks/").status_code == 200
