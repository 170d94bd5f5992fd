from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from atilite.store.runs import STATUSES
from atilite.testing.client import Client
from tests.api.conftest import World

LIST, SEARCH = "/internal/journals/", "/internal/journals/search"


def runs(world: World, *operations: str, status: str = "succeeded", labels: tuple[str, ...] = ()) -> list[int]:
    """Stored runs that have ended with `status`."""
    journals, found = world.site.catalogue.journals, []
    for operation in operations:
        found.append(journals.open(operation, labels=labels))
        journals.close(found[-1], status, duration=0.25, error="went wrong" if status == "failed" else None)
    world.site.database().writer.call(lambda connection: None)
    return found


def ids(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [run["id"] for run in answer.json()]


@pytest.mark.row("B37", "B17", "B21")
def test_runs_are_listed_newest_first_twenty_a_page(world: World, admin: Client) -> None:
    made = runs(world, *(f"job {number}" for number in range(45)))[::-1]
    assert ids(admin.get(LIST)) == made[:20]
    assert ids(admin.get(LIST + "?page=0")) == made[:20]
    assert ids(admin.get(LIST + "?page=2")) == made[40:]
    assert ids(admin.get(LIST + "?page=3")) == []


@pytest.mark.row("B37")
@pytest.mark.parametrize(
    "query", ["page=-1", "page=x", "before=0", "limit=0", "limit=101", "since=now", "status=green"]
)
def test_what_cannot_be_asked_for_is_400_and_says_why(admin: Client, query: str) -> None:
    answer = admin.get(f"{LIST}?{query}")
    assert answer.status_code == 400
    assert set(answer.json()["fields"]) == {query.partition("=")[0]}


def test_the_link_of_a_page_leads_to_the_next_one_also_while_new_runs_come_in(world: World, admin: Client) -> None:
    made = runs(world, *["job"] * 25)[::-1]
    first = admin.get(LIST + "?operation=job&limit=10")
    runs(world, "job", "job")
    link = first.header("Link") or ""
    assert link.endswith('; rel="next"')
    query = link[link.index("?") : link.index(">")]
    assert ids(first) + ids(admin.get(LIST + query)) == made[:20]
    assert admin.get(LIST + "?operation=none").header("Link") is None


@pytest.mark.row("B37", "B18")
def test_a_list_is_filtered_by_every_condition(world: World, admin: Client) -> None:
    good, bad = runs(world, "water", labels=("garden",))[0], runs(world, "rates", status="failed")[0]
    pending = world.site.catalogue.journals.open("rates")
    world.site.database().writer.call(lambda connection: None)
    for query, wanted in (
        ("operation=water", [good]),
        ("status=failed", [bad]),
        ("status=failed,succeeded", [bad, good]),
        ("label=garden", [good]),
        ("label=other", []),
        ("failed=true", [bad]),
        ("failed=false&pending=false", [good]),
        ("pending=1", [pending]),
        (f"before={pending}&operation=rates", [bad]),
        ("since=2001-01-01T00:00:00Z&until=2001-01-02", []),
        ("since=2001-01-01T00:00:00%2B02:00", [pending, bad, good]),
        ("operation=&status=", [pending, bad, good]),
    ):
        assert ids(admin.get(f"{LIST}?{query}")) == wanted, query


@pytest.mark.row("B37", "B18")
def test_a_search_takes_the_conditions_of_binp_and_ours_in_a_body(world: World, admin: Client) -> None:
    good, bad = runs(world, "water", labels=("garden",))[0], runs(world, "rates", status="failed")[0]
    for body, wanted in (
        ({}, [bad, good]),
        ({"operation": "water"}, [good]),
        ({"operation": None, "failed": None, "pending": None, "labels": None}, [bad, good]),
        ({"failed": True}, [bad]),
        ({"failed": False}, [good]),
        ({"pending": True}, []),
        ({"labels": ["garden", "other"]}, [good]),
        ({"labels": "garden"}, [good]),
        ({"status": ["failed"], "until": "2100-01-01T00:00:00+00:00"}, [bad]),
    ):
        assert ids(admin.post(SEARCH, json=body)) == wanted, body
    assert ids(admin.post(SEARCH)) == [bad, good]
    assert ids(admin.post(SEARCH + "?page=1", json={})) == []


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"operation": 3, "failed": "yes"}, {"operation", "failed"}),
        ({"labels": [1]}, {"labels"}),
        ({"status": "green"}, {"status"}),
        ({"since": "then"}, {"since"}),
        ({"since": 5}, {"since"}),
    ],
)
def test_wrong_conditions_of_a_search_are_named(admin: Client, body: dict[str, Any], fields: set[str]) -> None:
    answer = admin.post(SEARCH, json=body)
    assert answer.status_code == 400
    assert set(answer.json()["fields"]) == fields


@pytest.mark.parametrize("body", [b"[]", b"{", b'"x"', b"\xff"])
def test_a_search_that_is_no_object_is_400(admin: Client, body: bytes) -> None:
    assert admin.post(SEARCH, body=body, headers={"Content-Type": "application/json"}).status_code == 400


@pytest.mark.row("B37", "B16", "B21")
def test_one_run_comes_with_its_records_newest_first(world: World, admin: Client) -> None:
    journals = world.site.catalogue.journals
    run = journals.open("water", description="opens a valve", parameters={"zone": "north"}, labels=["garden"])
    journals.record(run, "first", {"count": 1})
    journals.record(run, "second", {"list": [None, 1.5]})
    journals.close(run, "succeeded", duration=1.5, result={"litres": 3})
    world.site.database().writer.call(lambda connection: None)

    facts = admin.get(f"/internal/journal/{run}").json()
    assert [record["message"] for record in facts["records"]] == ["second", "first"]
    assert facts["records"][0]["params"] == {"list": [None, 1.5]}
    assert (facts["id"], facts["operation"], facts["description"]) == (run, "water", "opens a valve")
    assert (facts["labels"], facts["duration"], facts["error"]) == (["garden"], 1.5, None)
    assert (facts["status"], facts["result"], facts["parameters"]) == ("succeeded", {"litres": 3}, {"zone": "north"})
    for text in (facts["started_at"], facts["finished_at"], facts["records"][0]["created_at"]):
        assert datetime.fromisoformat(text).utcoffset() is not None


@pytest.mark.parametrize("number", ["0", "99", "-1", str(2**63), "9" * 40])
def test_a_run_that_is_not_there_is_404(admin: Client, number: str) -> None:
    for method, tail in (("GET", ""), ("POST", "/cancel"), ("GET", "/updates")):
        answer = admin.request(method, f"/internal/journal/{number}{tail}", headers={"Accept": "text/event-stream"})
        assert answer.status_code == 404
        assert answer.json()["detail"]


def test_a_running_run_is_cancelled_and_an_ended_one_says_how_it_ended(world: World, admin: Client) -> None:
    name = next(one["name"] for one in admin.get("/internal/actions/").json() if one["name"].endswith("waits"))
    name = name.replace("<", "%3C").replace(">", "%3E")
    run = admin.post(f"/internal/action/{name}?wait=0").json()["run"]
    answer = admin.post(f"/internal/journal/{run}/cancel")
    assert answer.status_code == 202
    assert answer.json()["run"] == run
    world.gate.set()
    done = runs(world, "water")[0]
    refused = admin.post(f"/internal/journal/{done}/cancel")
    assert refused.status_code == 409
    assert "succeeded" in refused.json()["detail"]


def test_every_status_can_be_asked_for(admin: Client) -> None:
    for status in STATUSES:
        assert ids(admin.get(f"{LIST}?status={status}")) == []


@pytest.mark.row("M5")
def test_the_runs_within_a_run_can_be_asked_for(world: World, admin: Client) -> None:
    journals = world.site.catalogue.journals
    (outer,) = runs(world, "nightly")
    inner = [journals.open("fetch", parent=outer) for _ in range(2)]
    world.site.database().writer.call(lambda connection: None)

    assert ids(admin.get(f"{LIST}?parent={outer}")) == inner[::-1]
    assert ids(admin.post(SEARCH, json={"parent": outer, "operation": "fetch"})) == inner[::-1]
    assert ids(admin.get(f"{LIST}?parent={inner[0]}")) == []
    for wrong in (0, "1", True, 2**63):
        assert set(admin.post(SEARCH, json={"parent": wrong}).json()["fields"]) == {"parent"}


@pytest.mark.row("M13")
def test_runs_are_exported_as_a_file(world: World, admin: Client) -> None:
    first, second = runs(world, "fetch", "water", status="failed")
    world.site.catalogue.journals.record(first, "begin")
    world.site.database().writer.call(lambda connection: None)
    everything = admin.get("/internal/journals/export")
    table = admin.get("/internal/journals/export?format=csv&operation=water")

    assert everything.header("Content-Disposition") == 'attachment; filename="runs.jsonl"'
    found = [json.loads(line) for line in everything.text.splitlines()]
    assert [(line["type"], line["id"]) for line in found if line["type"] == "run"] == [("run", second), ("run", first)]
    assert found[-1]["message"] == "begin"
    assert (table.header("Content-Type") or "").startswith("text/csv")
    assert [line.partition(",")[0] for line in table.text.splitlines()] == ["id", str(second)]
    assert set(admin.get("/internal/journals/export?format=xml").json()["fields"]) == {"format"}
    assert world.client(None).get("/internal/journals/export").status_code == 401


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_a_history_without_runs_is_exported_as_a_file_too(admin: Client, format: str) -> None:
    answer = admin.get(f"/internal/journals/export?format={format}&operation=nothing")

    assert answer.status_code == 200
    assert "run" not in answer.text
