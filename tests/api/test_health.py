from __future__ import annotations

import re
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from atilite.api import health
from atilite.errors import StoreUnavailable
from atilite.store.database import Health
from atilite.testing.client import Client
from tests.api.conftest import World


def test_health_and_readiness_need_no_login_and_tell_nothing_else(world: World) -> None:
    stranger = world.client(None)
    for path in ("/healthz", "/readyz"):
        answer = stranger.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok", "reasons": []})
        assert answer.header("Cache-Control") == "no-store"


@pytest.mark.row("M20")
def test_a_service_that_matters_and_is_not_well_is_the_reason_for_503(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.site.catalogue, "faults", lambda: {"poll": "gave up after 5 crashes"})
    answer = world.client(None).get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["service poll: gave up after 5 crashes"]
    assert answer.header("Retry-After")
    # Requests are served all the same.
    assert world.client(None).get("/readyz").status_code == 200


def test_a_database_that_cannot_be_written_is_the_reason_for_503(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Health("full", "the card is full; remove something", 0, 0, 0)
    monkeypatch.setattr(world.site.database(), "health", lambda: full)
    for path in ("/healthz", "/readyz"):
        answer = world.client(None).get(path)
        assert answer.status_code == 503
        assert answer.json()["reasons"] == ["database: full, the card is full; remove something"]


def test_a_database_that_cannot_be_opened_is_the_reason_for_503(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed() -> Health:
        raise StoreUnavailable("data.db: the database is closed")

    monkeypatch.setattr(world.site.database(), "health", closed)
    answer = world.client(None).get("/healthz")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["database: data.db: the database is closed"])


@pytest.mark.row("M20")
def test_metrics_are_prometheus_text_and_tell_no_secret(world: World, admin: Client) -> None:
    admin.post("/internal/kv/garden/count/incr")
    name = next(one["name"] for one in admin.get("/internal/actions/").json() if one["name"].endswith("hello"))
    admin.post("/internal/action/" + name.replace("<", "%3C").replace(">", "%3E"))
    answer = admin.get("/metrics")
    assert answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    figures: dict[str, str] = {}
    for line in answer.text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? [-+.\de]+', line), line
        if not line.startswith("#"):
            figures[line.rpartition(" ")[0].partition("{")[0]] = line.rpartition(" ")[2]
    assert figures["atilite_runs_total"] == "1"
    assert figures["atilite_runs_pending"] == "0"
    assert figures["atilite_database_ok"] == "1"
    assert figures["atilite_service_up"] == "0"
    assert int(figures["process_resident_memory_bytes"]) > 1_000_000
    assert not any(token in answer.text for token in world.tokens.values())


@pytest.mark.row("M20")
def test_the_figures_are_what_a_reader_of_prometheus_understands(world: World, admin: Client) -> None:
    name = next(one["name"] for one in admin.get("/internal/actions/").json() if one["name"].endswith("broken"))
    admin.post("/internal/action/" + name.replace("<", "%3C").replace(">", "%3E"))
    admin.put("/internal/kv/garden/x", json=1)
    families = {family.name: family for family in text_string_to_metric_families(admin.get("/metrics").text)}
    figures = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families.values()
        for sample in family.samples
    }

    assert {family.type for family in families.values()} == {"counter", "gauge"}
    assert all(family.documentation for family in families.values())
    assert figures["atilite_runs_ended_total", "failed"] == 1
    assert figures["atilite_runs_ended_total", "succeeded"] == 0
    assert figures["atilite_schedules",] == 1
    assert figures["atilite_schedules_late",] == figures["atilite_schedule_late_seconds",] == 0
    assert 0 <= figures["atilite_loop_lag_seconds",] < 5
    assert figures["atilite_keys",] >= 1
    assert figures["atilite_writes_waiting",] >= 0
    assert figures["atilite_commits_total",] >= 2


@pytest.mark.row("M20")
def test_a_schedule_that_stands_is_a_reason_for_503_and_a_figure(
    world: World, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    (plan,) = world.site.catalogue.schedules
    monkeypatch.setattr(type(world.site.catalogue), "schedules", [replace(plan, late=400.0), replace(plan, late=100.0)])
    answer = world.client(None).get("/healthz")

    assert answer.status_code == 503
    assert answer.json()["reasons"] == [f"schedule {plan.id}: due 400 s ago, and not started"]
    assert "atilite_schedules_late 2\n" in admin.get("/metrics").text
    assert "atilite_schedule_late_seconds 400.0\n" in admin.get("/metrics").text
    assert world.client(None).get("/readyz").status_code == 200


@pytest.mark.row("M20")
def test_a_loop_that_does_not_answer_is_seen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf:
        def inside(self) -> bool:
            return False

        def call_soon(self, *what: object) -> None: ...

    monkeypatch.setattr(health, "PATIENCE", 0.01)

    assert health._lag(Deaf()) == 0.01
    assert health._lag(world.app.runtime.loop) > 0


def test_metrics_need_the_role_view(world: World) -> None:
    assert world.client(None).get("/metrics").status_code == 401
    assert world.client("view").get("/metrics").status_code == 200


@pytest.mark.row("B36")
def test_the_description_and_its_page_are_served_below_the_mount(world: World) -> None:
    viewer = world.client("view")
    document = viewer.get("/internal/openapi.json").json()
    assert document["servers"] == [{"url": "/internal"}]
    for path in ("/internal/docs", "/internal/redoc"):
        page = viewer.get(path)
        assert page.header("Content-Type") == "text/html; charset=utf-8"
        assert "<script" not in page.text
        assert "/internal/journals/" in page.text


def test_an_address_below_the_api_that_leads_nowhere_is_told_like_every_error(admin: Client) -> None:
    for method, path, status in (
        ("GET", "/internal/nothing", 404),
        ("DELETE", "/internal/actions/", 405),
        ("PUT", "/internal/journal/1", 405),
    ):
        answer = admin.request(method, path)
        assert answer.status_code == status
        assert {"code", "message", "more_info", "detail"} <= set(answer.json())
        assert answer.header("Allow") or status == 404
