"""What the buttons of the console leave in the audit trail, and the page that shows it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from atilite.site import Site
from atilite.store.audit import Audit, Entry
from tests.console.conftest import Person

People = Callable[[str], Person]


def trail(site: Site) -> list[Entry]:
    """Newest first, without the logins."""
    site.database().writer.flush()
    return [entry for entry in site.database().part(Audit).search() if entry.what != "log in"]


@pytest.mark.row("M20")
def test_a_run_is_noted_with_its_parameters_and_its_number(site: Site, person: People) -> None:
    answer = person("run").post("/actions/Move", page="/actions/Move", seconds="5", zone="south")
    (entry,) = trail(site)
    assert (entry.who, entry.via, entry.what, entry.target) == ("runer", "console", "run action", "Move")
    assert entry.parameters == {"seconds": 5, "zone": "south"}
    assert answer.header("Location") == f"/console/runs/{entry.run}"


@pytest.mark.row("M20")
def test_a_question_before_a_run_is_no_change_and_a_secret_is_dots(site: Site, person: People) -> None:
    admin = person("admin")
    admin.post("/actions/Water", page="/actions/Water", seconds="5", zone="south")
    assert trail(site) == []
    admin.post("/actions/Unlock", page="/actions/Unlock", code="hunter22", **{"confirm-run": "yes"})
    assert "hunter22" not in str(trail(site))


@pytest.mark.row("M20")
def test_services_schedules_keys_and_logins_are_noted(site: Site, person: People) -> None:
    admin = person("admin")
    admin.post("/services/poll/start", page="/services")
    admin.post("/schedules/pause", page="/schedules")
    admin.post("/kv/garden", page="/kv", namespace="garden", key="limit", value="21", version="0")
    told = [(entry.what, entry.target, entry.result) for entry in trail(site)]
    assert told[::-1] == [
        ("start service", "poll", "done"), ("pause schedules", "", "done"), ("set key", "garden/limit", "done"),
    ]  # fmt: skip
    first = site.database().part(Audit).search()[-1]
    assert (first.who, first.what) == ("adminer", "log in")


@pytest.mark.row("M20")
def test_what_a_person_was_not_allowed_to_is_noted(site: Site, person: People) -> None:
    person("view").post("/actions/Read", page="/settings")
    (entry,) = trail(site)
    assert (entry.who, entry.what, entry.target, entry.result[:3]) == ("viewer", "run action", "Read", "403")


def test_one_s_own_look_is_no_change(site: Site, person: People) -> None:
    person("view").post("/settings/look", page="/settings", look="dark")
    assert trail(site) == []


@pytest.mark.row("M20")
def test_the_page_is_for_admins_and_finds_what_one_looks_for(site: Site, person: People) -> None:
    admin = person("admin")
    for name in ("Read", "Break"):
        admin.post(f"/actions/{name}", page="/actions")
    trail(site)
    page = admin.get("/audit").text
    assert page.index("Break") < page.index("Read")
    assert "on the console" in page
    assert "Break" not in admin.get("/audit?text=read").text.partition("<table")[2]
    assert admin.get("/audit?before=x").status_code == 400
    assert [one["target"] for one in admin.get("/audit.json").json()["rows"]][:2] == ["Break", "Read"]
    assert 'href="/console/audit"' in admin.get("/settings").text
    for role in ("view", "run"):
        assert person(role).get("/audit").status_code == 403
        assert 'href="/console/audit"' not in person(role).get("/settings").text
