"""The console as a person meets it: pages, buttons, roles, messages."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

from atilite.config import Settings
from atilite.site import Site
from atilite.testing.client import Client
from tests.console.conftest import PASSWORD, Garden, Person

PAGES = (
    "/", "/actions", "/actions/Water", "/runs", "/services", "/schedules", "/kv", "/flow", "/api", "/settings",
    "/tasks", "/notices",
)  # fmt: skip
People = Callable[[str], Person]
BROWSER = {"Accept": "text/html"}


def finished(site: Site, name: str, **params: object) -> int:
    """Run an action to its end and return the number of its run."""
    number, task = site.catalogue.start_action(name, params, "call")
    task.wait(20)
    return number


def kept(text: str) -> dict[str, str]:
    """The hidden fields of the question before a run."""
    found = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', text.partition("<h1>Run ")[2]))
    return {name: unescape(value) for name, value in found.items() if name != "csrf"}


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_html_and_has_the_same_as_json(person: People, path: str) -> None:
    viewer = person("view")

    page = viewer.get(path)
    twin = re.search(r'rel="alternate" type="application/json" href="/console([^"]+)"', page.text)

    assert page.status_code == 200
    assert "<h1>" in page.text
    assert "querie" in page.text or "query" in page.text
    assert twin is not None
    assert isinstance(viewer.get(twin[1]).json(), dict)


def test_each_page_of_a_developer_s_server_says_that_nobody_has_to_sign_in(garden: Garden, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.mount("/", garden.app, name="garden")
    site.open(Settings(db=f"sqlite:///{tmp_path}/data.db", devel=True))
    try:
        run = finished(site, "Read")
        for path in (*PAGES, f"/runs/{run}", "/runs/999", "/nothing"):
            assert "development, no login" in Client(site).get(f"/console{path}", headers=BROWSER).text, path
    finally:
        site.stop(5)
        site.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_is_led_to_the_login_and_from_there_back(person: People, path: str) -> None:
    stranger = person("")

    answer = stranger.get(path)

    assert answer.status_code == 303
    target = answer.header("Location")
    assert target is not None
    assert target.startswith("/console/login")
    assert stranger.client.get(target).status_code == 200
    signed_in = stranger.post("/login", page="/login", user="viewer", password=PASSWORD, next="/console" + path)
    assert signed_in.header("Location") == "/console" + path
    assert stranger.get(path).status_code == 200


def test_a_wrong_password_is_told_on_the_form_with_the_name_kept(person: People) -> None:
    answer = person("").sign_in("viewer", "wrong")

    assert answer.status_code == 401
    assert "Wrong name or password" in answer.text
    assert 'value="viewer"' in answer.text
    assert "<title>Error: Sign in" in answer.text


def test_a_login_leads_nowhere_else(person: People) -> None:
    answer = person("").post("/login", page="/login", user="viewer", password=PASSWORD, next="//evil.example/")

    assert answer.header("Location") == "/console/"


def test_signing_out_ends_the_session(person: People) -> None:
    viewer = person("view")

    answer = viewer.post("/logout")

    assert answer.status_code == 303
    assert viewer.get("/").status_code == 303


def test_an_address_that_is_not_there_is_told_in_the_frame_of_the_console(person: People) -> None:
    answer = person("view").get("/runs/999")

    assert answer.status_code == 404
    assert "there is no run #999" in answer.text.lower()
    assert 'aria-label="Console"' in answer.text
    assert "/runs/999.json" not in answer.text


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/nowhere/at/all", 404, "There is nothing at /console/nowhere/at/all"),
        ("/runs/one", 404, "There is nothing at /console/runs/one"),
        ("/runs/1/cancel", 405, "GET is not answered here"),
    ],
)
def test_an_address_that_leads_nowhere_is_told_in_the_frame_of_the_console(
    person: People, path: str, status: int, said: str
) -> None:
    viewer = person("view")
    answer = viewer.get(path)

    assert answer.status_code == status
    assert said in answer.text
    assert 'aria-label="Console"' in answer.text
    assert answer.header("Content-Security-Policy") == viewer.get("/runs").header("Content-Security-Policy")
    assert f"{path}.json" not in answer.text


def test_who_is_not_signed_in_is_told_of_no_place_of_the_console_where_nothing_is(person: People) -> None:
    answer = person("").get("/nowhere")

    assert answer.status_code == 404
    assert 'aria-label="Console"' not in answer.text


def test_filters_that_cannot_be_are_refused_in_words(person: People) -> None:
    viewer = person("view")

    for query in ("status=melted", "since=yesterday", "before=x"):
        assert viewer.get(f"/runs?{query}").status_code == 400


@pytest.mark.row("B45")
def test_a_button_runs_an_action_and_leads_to_its_run(site: Site, person: People) -> None:
    answer = person("run").post("/actions/Read")

    assert answer.status_code == 303
    target = answer.header("Location")
    assert target is not None
    assert re.fullmatch(r"/console/runs/\d+", target)
    run = site.catalogue.journals.headline(int(target.rpartition("/")[2]))
    assert run is not None
    assert (run.operation, run.trigger, run.who) == ("Read", "console", "runer")


def test_who_may_only_view_sees_no_buttons_and_is_refused(site: Site, person: People) -> None:
    number = finished(site, "Read")
    viewer = person("view")

    for path in ("/", "/actions", "/services", "/schedules", f"/runs/{number}"):
        assert set(re.findall(r'method="post" action="([^"]+)"', viewer.get(path).text)) == {"/console/logout"}
    assert viewer.post("/actions/Read").status_code == 403
    assert viewer.post(f"/runs/{number}/again").status_code == 403
    assert viewer.post("/services/poll/start").status_code == 403
    assert viewer.post("/schedules/pause").status_code == 403
    assert viewer.post("/kv/x", key="a", value="1").status_code == 403


def test_an_action_for_admins_has_no_button_for_others(person: People) -> None:
    runner, admin = person("run"), person("admin")

    assert 'action="/console/actions/Admins%20only"' not in runner.get("/actions").text
    assert runner.post("/actions/Admins%20only").status_code == 403
    assert 'action="/console/actions/Admins%20only"' in admin.get("/actions").text


def test_a_form_without_the_token_changes_nothing(site: Site, person: People) -> None:
    runner = person("run")

    answer = runner.client.post("/console/actions/Read", form={"csrf": "forged"})

    assert answer.status_code == 403
    assert site.catalogue.journals.count() == 0


@pytest.mark.row("B45")
def test_wrong_parameters_are_told_on_the_form_and_nothing_runs(site: Site, person: People) -> None:
    answer = person("run").post("/actions/Water", seconds="900", zone="<south>")

    assert answer.status_code == 400
    assert "Seconds must be at most 600" in answer.text
    assert 'href="#p-seconds"' in answer.text
    assert 'value="900"' in answer.text
    assert "&lt;south&gt;" in answer.text
    assert "<title>Error: Water" in answer.text
    assert site.catalogue.journals.count() == 0


def test_the_form_takes_over_the_parameters_of_an_earlier_run(site: Site, person: People) -> None:
    number = finished(site, "Water", seconds=45, zone="south")

    page = person("run").get(f"/actions/Water?from={number}").text

    assert 'value="45"' in page
    assert 'value="south"' in page


def test_a_second_run_of_an_action_that_goes_alone_leads_to_the_first(person: People) -> None:
    runner = person("run")
    first = runner.post("/actions/Only%20one").header("Location")

    second = runner.post("/actions/Only%20one")

    assert second.header("Location") == first
    assert "running already" in runner.get(f"{first.removeprefix('/console')}?live=0").text


def test_a_run_can_be_repeated_with_its_parameters(site: Site, person: People) -> None:
    number = finished(site, "Move", seconds=45, zone="south")

    target = person("run").post(f"/runs/{number}/again").header("Location")

    again = site.catalogue.journals.headline(int(target.rpartition("/")[2]))
    assert again is not None
    assert again.id != number
    assert again.parameters == {"seconds": 45, "zone": "south"}


def test_an_action_that_asks_shows_its_values_before_it_runs(site: Site, person: People) -> None:
    runner = person("run")

    question = runner.post("/actions/Water", seconds="45", zone="<south>")

    assert question.status_code == 200
    assert "<h1>Run Water?</h1><p>Open the valve?</p>" in question.text
    assert "<dt>Zone</dt><dd>&lt;south&gt;</dd>" in question.text
    assert site.catalogue.journals.count() == 0
    back = runner.post("/actions/Water", **kept(question.text), **{"confirm-run": "no"})
    assert 'value="45"' in back.text
    assert site.catalogue.journals.count() == 0
    started = runner.post("/actions/Water", **kept(question.text), **{"confirm-run": "yes"})
    assert started.status_code == 303
    run = site.catalogue.journals.headline(int(started.header("Location").rpartition("/")[2]))
    assert run is not None
    assert run.parameters == {"seconds": 45, "zone": "<south>"}


def test_an_action_that_asks_is_not_repeated_without_a_question_either(site: Site, person: People) -> None:
    number, runner = finished(site, "Water", seconds=45, zone="south"), person("run")

    question = runner.post(f"/runs/{number}/again")

    assert "<h1>Run Water?</h1>" in question.text
    assert kept(question.text) == {"seconds": "45", "zone": "south"}
    assert site.catalogue.journals.count() == 1


def test_a_secret_stays_on_its_form_which_asks_itself(site: Site, person: People) -> None:
    runner = person("run")
    form = runner.get("/actions/Unlock").text

    unasked = runner.post("/actions/Unlock", code="topsecret")

    assert '<button class="btn first" form="f" name="confirm-run" value="yes">' in form
    assert "<button disabled hidden>" in form  # what the Enter key would press
    assert "topsecret" not in unasked.text
    assert site.catalogue.journals.count() == 0
    assert runner.post("/actions/Unlock", code="topsecret", **{"confirm-run": "yes"}).status_code == 303


def test_the_console_is_the_same_without_its_slash(person: People) -> None:
    page = person("view").get("").text

    assert 'href="/console/" aria-current="page"' in page
    assert 'href="/console/overview.json"' in page


@pytest.mark.row("B47")
def test_a_failed_run_shows_its_error_and_its_traceback_escaped(site: Site, person: People) -> None:
    number = finished(site, "Break")

    page = person("view").get(f"/runs/{number}").text

    assert "OSError: gone &lt;for&gt; good" in page
    assert "Traceback, " in page
    assert "<for>" not in page
    assert "<title>Failed: Break" in page


@pytest.mark.row("B47")
def test_a_run_shows_its_records_newest_first_and_as_text_oldest_first(site: Site, person: People) -> None:
    viewer, number = person("view"), finished(site, "Read")

    page, text = viewer.get(f"/runs/{number}").text, viewer.get(f"/runs/{number}.txt")
    rows = viewer.get(f"/runs/{number}.json").json()["records"]

    assert page.index("stored") < page.index("probe 1")
    assert text.text.index("probe 1") < text.text.index("stored")
    assert text.header("Content-Type").startswith("text/plain")
    assert [row["message"] for row in rows] == ["stored", "probe 1"]
    assert rows[0]["fields"] == [{"name": "probes", "value": "3", "secret": False}]


@pytest.mark.row("B46")
def test_runs_are_listed_by_fifty_and_paged_by_number(site: Site, person: People) -> None:
    viewer = person("view")
    numbers = [finished(site, "Water", seconds=n + 1) for n in range(53)]

    first = viewer.get("/runs.json?action=Water").json()
    second = viewer.get(f"/runs.json?action=Water&before={first['next']}").json()

    assert [row["id"] for row in first["rows"]] == numbers[:2:-1]
    assert [row["id"] for row in second["rows"]] == numbers[2::-1]
    assert second["next"] is None
    assert f"before={first['next']}" in viewer.get("/runs?action=Water").text


@pytest.mark.row("B46")
def test_runs_are_filtered_by_the_query(site: Site, person: People) -> None:
    viewer, broken = person("view"), finished(site, "Break")
    finished(site, "Read")

    for query in ("status=failed", "status=bad", "action=Break", "text=gone", "status=bad&action=Break&trigger=call"):
        assert [row["id"] for row in viewer.get(f"/runs.json?{query}").json()["rows"]] == [broken], query
    assert viewer.get("/runs.json?until=2020-01-01").json()["rows"] == []
    assert "No run matches" in viewer.get("/runs?until=2020-01-01").text


def test_the_overview_says_what_needs_attention(site: Site, person: People) -> None:
    viewer = person("view")
    assert "<h1>All is well</h1>" in viewer.get("/").text

    number = finished(site, "Break")

    page = viewer.get("/").text
    assert "<h1>1 thing needs attention</h1>" in page
    assert f'href="/console/runs/{number}"' in page
    assert "<b>1<span" in viewer.get("/runs").text


@pytest.mark.row("B48")
def test_a_service_is_started_and_stopped_by_its_buttons(garden: Garden, site: Site, person: People) -> None:
    runner = person("run")

    answer = runner.post("/services/poll/start")

    assert answer.header("Location") == "/console/services#n-poll"
    page = runner.get("/services").text
    assert "poll: started." in page
    assert 'action="/console/services/poll/stop"' in page
    garden.go.set()
    runner.post("/services/poll/stop")
    assert runner.get("/services.json").json()["rows"][0]["state"] == "stopped"
    assert runner.post("/services/ghost/start").status_code == 404


def test_a_schedule_is_paused_and_resumed_by_its_buttons(person: People) -> None:
    runner = person("run")
    schedule = runner.get("/schedules.json").json()["rows"][0]

    runner.post(f"/schedules/{schedule['schedule']}/pause")
    assert runner.get("/schedules.json").json()["rows"][0]["paused"] == "paused"
    runner.post(f"/schedules/{schedule['schedule']}/resume")
    assert runner.get("/schedules.json").json()["rows"][0]["paused"] is None
    assert len(schedule["times"]) == 5


def test_a_message_is_shown_once(person: People) -> None:
    admin = person("admin")

    admin.post("/settings/look", page="/settings", look="dark")

    first, second = admin.get("/settings").text, admin.get("/settings").text
    assert "Colours: dark." in first
    assert "Colours: dark." not in second
    assert '<meta name="color-scheme" content="dark">' in second
    admin.post("/settings/look", page="/settings", look="")
    assert '<meta name="color-scheme" content="light dark">' in admin.get("/settings").text
    assert admin.post("/settings/look", page="/settings", look="pink").status_code == 400


def test_a_value_is_made_changed_and_deleted(person: People) -> None:
    admin, path = person("admin"), "/kv/finance/rates%2FEUR"

    made = admin.post("/kv/x", namespace="finance", key="rates/EUR", value='{"USD": 1.1}', version="0")
    assert made.header("Location") == f"/console{path}#edit"
    changed = admin.post(path, value='{"USD": 1.2}', version="1", ttl="7d")
    assert changed.status_code == 303
    row = admin.get(path + ".json").json()["row"]
    assert (row["value"], row["version"], row["who"]) == ({"USD": 1.2}, 2, "adminer")
    assert row["expires"] is not None
    assert "Delete rates/EUR?" in admin.get(path).text
    admin.post(path, delete="1", version="2")
    assert admin.get(path).status_code == 404


def test_a_value_that_somebody_changed_meanwhile_is_not_overwritten(person: People) -> None:
    admin = person("admin")
    admin.post("/kv/x", namespace="a", key="k", value="1", version="0")
    admin.post("/kv/a/k", value="2", version="1")

    late = admin.post("/kv/a/k", value="3", version="1")
    removed = admin.post("/kv/a/k", delete="1", version="1")

    assert late.status_code == removed.status_code == 409
    assert "changed it meanwhile: version 2 by adminer" in late.text
    assert ">3</textarea>" in late.text
    assert admin.get("/kv/a/k.json").json()["row"]["value"] == 2


def test_what_is_not_json_is_told_beside_the_value(person: People) -> None:
    admin = person("admin")

    answer = admin.post("/kv/a", key="k", value="{oops", version="0")

    assert answer.status_code == 400
    assert "The value is not JSON" in answer.text
    assert admin.get("/kv/a/k").status_code == 404


def test_only_admins_see_people_and_the_editor(site: Site, person: People) -> None:
    person("admin").post("/kv/a", key="k", value="1", version="0")

    assert person("view").get("/settings.json").json()["users"] == []
    assert "<textarea" not in person("view").get("/kv/a/k").text
    assert [user["name"] for user in person("admin").get("/settings.json").json()["users"]] == [
        "adminer", "runer", "viewer",
    ]  # fmt: skip


def test_the_sheet_needs_no_session_and_may_be_kept(person: People) -> None:
    answer = person("").get("/console.css")

    assert answer.header("Content-Type").startswith("text/css")
    assert "immutable" in answer.header("Cache-Control")
    assert len(answer.data) <= 12_288


def test_pages_have_no_style_no_script_and_nothing_from_elsewhere(site: Site, person: People) -> None:
    admin = person("admin")
    number = finished(site, "Break")

    for path in (*PAGES, f"/runs/{number}"):
        text = admin.get(path).text
        assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=|https?://", text), path


def test_pages_allow_themselves_a_sheet_and_forms_and_nothing_else(person: People) -> None:
    answer = person("view").get("/")

    assert answer.header("Content-Security-Policy").startswith(
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'"
    )
    assert answer.header("Cache-Control") == "no-store"


def test_a_hundred_runs_are_still_a_small_page(site: Site, person: People) -> None:
    for n in range(52):
        finished(site, "Water", seconds=n + 1)

    page = person("view").get("/runs")

    assert len(page.data) < 40_000
