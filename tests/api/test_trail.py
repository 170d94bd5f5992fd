"""The audit trail over HTTP, and what there is to see of notifications, triggers and events."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from atilite.testing.client import Client
from tests.api.conftest import World


def trail(world: World, **query: str) -> list[dict[str, Any]]:
    world.site.database().writer.flush()
    path = "/internal/audit/" + ("?" + "&".join(f"{k}={v}" for k, v in query.items()) if query else "")
    answer = world.client("admin").get(path)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def name_of(world: World, ending: str) -> str:
    return next(info.name for info in world.site.catalogue.actions if info.name.endswith(ending))


@pytest.mark.row("M20")
def test_a_run_is_noted_with_who_what_parameters_from_where_and_result(world: World) -> None:
    name = name_of(world, "login")
    world.client("run").post(f"/internal/action/{name}", json={"user": "ana", "password": "hunter22"})
    (entry,) = trail(world)
    assert (entry["who"], entry["via"], entry["what"], entry["target"]) == ("run-program", "api", "run action", name)
    assert entry["result"] == "done"
    assert entry["address"]
    assert entry["run"] > 0
    assert entry["parameters"]["user"] == "ana"
    assert "hunter22" not in str(entry)


@pytest.mark.row("M20")
def test_what_failed_and_what_was_refused_is_noted_as_that(world: World) -> None:
    broken, dangerous = name_of(world, "broken"), name_of(world, "dangerous")
    world.client("run").post(f"/internal/action/{broken}", json={})
    world.client("run").post(f"/internal/action/{dangerous}", json={})
    world.client("view").put("/internal/kv/default/x", json=1)
    refused, denied, failed = trail(world)
    assert (failed["target"], failed["result"]) == (broken, "failed")
    assert (denied["who"], denied["target"], denied["result"][:3]) == ("run-program", dangerous, "403")
    assert (refused["who"], refused["result"][:3]) == ("view-program", "403")


@pytest.mark.row("M20")
def test_keys_services_and_schedules_are_noted_too(world: World) -> None:
    admin = world.client("admin")
    service = world.site.catalogue.services[0].name.replace("<", "%3C").replace(">", "%3E")
    schedule = world.site.catalogue.schedules[0].id.replace("<", "%3C").replace(">", "%3E")
    admin.put("/internal/kv/default/threshold", json=21)
    admin.put("/internal/kv/default/api_token", json="abc-secret")
    admin.delete("/internal/kv/default/threshold")
    admin.put(f"/internal/service/{service}", json={"running": True})
    admin.post(f"/internal/schedule/{schedule}/pause", json={})
    told = {(one["what"], one["target"]): one["parameters"] for one in trail(world)}
    assert told["set key", "default/threshold"] == {"value": 21}
    assert told["delete key", "default/threshold"] == {}
    assert {what for what, _ in told} == {"set key", "delete key", "start service", "pause schedule"}
    assert "abc-secret" not in str(told)


def test_strangers_and_readers_leave_no_trace(world: World) -> None:
    world.client(None).post(f"/internal/action/{name_of(world, 'hello')}", json={})
    world.client("view").get("/internal/actions/")
    world.client("view").post("/internal/journals/search", json={})
    assert trail(world) == []


def test_the_trail_is_searched_and_paged_and_for_admins_only(world: World) -> None:
    admin = world.client("admin")
    for number in range(5):
        admin.put(f"/internal/kv/default/k{number}", json=number)
    found = trail(world, limit="2")
    assert [one["target"] for one in found] == ["default/k4", "default/k3"]
    assert [one["target"] for one in trail(world, before=str(found[-1]["id"]), limit="1")] == ["default/k2"]
    assert len(trail(world, text="k1")) == 1
    assert trail(world, who="nobody") == []
    for role in ("view", "run"):
        assert world.client(role).get("/internal/audit/").status_code == 403


def test_channels_notices_triggers_and_subscribers_are_listed(world: World) -> None:
    assert world.client("view").get("/internal/channels/").json() == []
    assert world.client("view").get("/internal/notices/").json() == []
    assert world.client("view").get("/internal/triggers/").json() == []
    handled = threading.Event()
    world.app.bus.on("watered")(lambda: handled.set())
    world.app.emit("watered")
    assert handled.wait(10)
    (found,) = world.client("view").get("/internal/subscribers/").json()
    assert (found["events"], found["failures"], found["well"]) == (["watered"], 0, True)


def test_an_unknown_channel_cannot_be_tested(admin: Client) -> None:
    answer = admin.post("/internal/channel/@nobody/test", json={})
    assert answer.status_code == 404
    assert "@nobody" in answer.json()["detail"]
