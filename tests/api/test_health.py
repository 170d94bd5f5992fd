from __future__ import annotations

import re

import pytest

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
