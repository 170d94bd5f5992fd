from __future__ import annotations

from datetime import datetime
from threading import Event
from typing import Any

import pytest

from atilite.testing.client import Client
from tests.api.conftest import World


def path_of(admin: Client, listing: str, key: str = "name") -> str:
    name: str = admin.get(f"/internal/{listing}/").json()[0][key]
    return name.replace("<", "%3C").replace(">", "%3E").replace(" ", "%20").replace("/", "%2F")


@pytest.mark.row("B37", "B28")
def test_services_are_listed_with_the_fields_of_binp_and_ours(admin: Client) -> None:
    (found,) = admin.get("/internal/services/").json()
    assert found["name"].endswith("poll")
    assert (found["description"], found["status"], found["autostart"]) == ("Reads the meter.", "stopped", False)
    assert (found["restart"], found["restart_delay"], found["restarts"]) == (True, 3, 0)


@pytest.mark.row("B37", "B29")
def test_a_service_is_started_and_stopped_by_what_it_should_be(world: World, admin: Client) -> None:
    path = f"/internal/service/{path_of(admin, 'services')}"
    wanted, reached = [""], Event()

    def seen(info: Any) -> None:
        if info.status == wanted[0]:
            reached.set()

    unlisten = world.site.catalogue.service_changed.listen(seen)
    for running, status in ((True, "running"), (False, "stopped")):
        wanted[0] = status
        reached.clear()
        answer = admin.put(path, json={"running": running})
        assert (answer.status_code, answer.json()) == (200, None)
        assert reached.wait(10)
        assert admin.get("/internal/services/").json()[0]["status"] == status
        # Once more: it is so already.
        assert admin.put(path, json={"running": running}).status_code == 200
    unlisten()


@pytest.mark.row("B37")
def test_an_unknown_service_is_404(admin: Client) -> None:
    answer = admin.put("/internal/service/nothing", json={"running": True})
    assert answer.status_code == 404
    assert "nothing" in answer.json()["detail"]


@pytest.mark.parametrize("body", [{"running": True, "restart": 1}, {"running": False, "restart": True}])
def test_a_restart_is_a_truth_value_and_starts(admin: Client, body: dict[str, object]) -> None:
    answer = admin.put(f"/internal/service/{path_of(admin, 'services')}", json=body)
    assert (answer.status_code, set(answer.json()["fields"])) == (400, {"restart"})


@pytest.mark.parametrize("body", [{}, {"running": 1}, {"running": "true"}, {"running": None}])
def test_what_is_no_truth_value_starts_nothing(admin: Client, body: dict[str, object]) -> None:
    answer = admin.put(f"/internal/service/{path_of(admin, 'services')}", json=body)
    assert answer.status_code == 400
    assert set(answer.json()["fields"]) == {"running"}
    assert admin.get("/internal/services/").json()[0]["status"] == "stopped"


def test_schedules_are_listed_with_their_next_firing(admin: Client) -> None:
    (found,) = admin.get("/internal/schedules/").json()
    assert found["cron"] == found["rule"] == "0 12 * * *"
    assert found["timezone"] == "Europe/Berlin"
    due = datetime.fromisoformat(found["next"])
    assert due.utcoffset() is not None
    assert found["words"]
    assert found["paused"] is False
    assert (found["missed_times"], found["last_missed"]) == (0, None)


def test_a_schedule_is_paused_and_resumed(admin: Client) -> None:
    path = f"/internal/schedule/{path_of(admin, 'schedules', 'id')}"
    assert admin.post(path + "/pause").json()["paused"] is True
    assert admin.get("/internal/schedules/").json()[0]["paused"] is True
    assert admin.post(path + "/resume").json()["paused"] is False
    assert admin.post("/internal/schedule/nothing/pause").status_code == 404
