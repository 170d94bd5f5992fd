"""The page of services."""

from __future__ import annotations

from queue import SimpleQueue
from typing import Any

import pytest

from atilite.console import services
from tests.console.conftest import Garden
from tests.console.samples import FACE, service


@pytest.mark.row("B48")
def test_services_that_are_not_well_come_first() -> None:
    listed = [service(name=status, status=status) for status in ("running", "stopped", "failed", "restarting")]

    assert [info.name for info in services.ordered(listed)] == ["failed", "restarting", "running", "stopped"]
    assert services.summary(listed) == "1 failed, 1 restarting, 1 running, 1 stopped"


@pytest.mark.parametrize(
    ("status", "verbs"),
    [
        ("running", ["Restart", "Stop"]),
        ("stopped", ["Start"]),
        ("failed", ["Start"]),
        ("restarting", ["Start now", "Stop"]),
    ],
)
def test_the_buttons_fit_the_state(status: str, verbs: list[str]) -> None:
    assert [deed.verb for deed in services.row(service(status=status), FACE, True).deeds] == verbs


def test_who_may_not_run_sees_no_buttons() -> None:
    assert services.row(service(), FACE, False).deeds == ()


def test_the_error_of_an_unwell_service_is_open_and_its_last_line_marked() -> None:
    fallen = service(status="failed", error="OSError: gone", traceback="Traceback\n  File\nOSError: gone\n")

    row = services.row(fallen, FACE, True)

    assert row.unwell
    assert (row.traceback, row.error) == ("Traceback\n  File", "OSError: gone")


def test_a_state_says_since_when() -> None:
    assert services.row(service(), FACE, True).more == "for 2 h"
    assert (
        services.row(service(status="stopped", since=None, autostart=False), FACE, True).more == "started by hand only"
    )


def test_the_steps_mark_where_a_service_is() -> None:
    row = services.row(service(status="backoff"), FACE, True)

    assert [step.word for step in row.steps if step.on] == ["restarting"]


def test_the_path_of_a_button_quotes_the_name() -> None:
    row = services.row(service(name="a/b c", status="stopped"), FACE, True)

    assert row.deeds[0].path == "/services/a%2Fb%20c/start"


@pytest.mark.row("M10")
def test_a_card_leads_to_the_log_of_the_present_life_and_says_what_is_wrong() -> None:
    shown = services.row(service(run=48, needs=("broker", "clock"), critical=True), FACE, True, "its health() says no")
    told = {fact.name: fact.value for fact in shown.facts}
    assert shown.run == 48
    assert (told["Needs"], told["Health"]) == ("broker, clock", "its health() says no")
    assert "unwell" in told["Matters"]
    stopped = services.row(service(status="stopped"), FACE, True, "stopped: stopped")
    assert not {"Health", "Needs", "Matters"} & {fact.name for fact in stopped.facts}


@pytest.mark.row("pod-promise-8")
def test_a_bean_says_that_it_is_one_and_a_degraded_one_what_is_wrong() -> None:
    row = services.row(service(kind="bean", status="degraded"), FACE, True, "health() says no (1 of 3)")

    facts = {fact.name: fact.value for fact in row.facts}
    assert (facts["Kind"], facts["Health"]) == ("bean", "health() says no (1 of 3)")
    assert (row.state.word, [deed.verb for deed in row.deeds]) == ("Degraded", ["Restart", "Stop"])
    assert "Kind" not in {fact.name for fact in services.row(service(), FACE, True).facts}


@pytest.mark.row("pod-promise-8")
def test_the_buttons_of_a_bean_stop_and_start_it_and_its_log_is_one_click_away(
    garden: Garden, request: pytest.FixtureRequest
) -> None:
    @garden.app.bean(label="pump")
    def pump(context: Any) -> None:
        print("the pump begins")
        context.wait()

    person, site = request.getfixturevalue("person")("run"), request.getfixturevalue("site")
    reached: SimpleQueue[str] = SimpleQueue()
    site.catalogue.service_changed.listen(lambda info: reached.put(info.status) if info.name == "pump" else None)

    def wait_for(status: str) -> None:
        while reached.get(timeout=20) != status:
            assert status

    site.start()
    wait_for("running")
    assert person.post("/services/pump/stop", page="/services").status_code == 303
    wait_for("stopped")
    assert person.post("/services/pump/start", page="/services").status_code == 303
    wait_for("running")
    run = site.catalogue.service("pump").info.run
    assert f'/runs/{run}">its log' in person.get("/services").text
    site.database().writer.flush()
    assert [record.message for record in site.catalogue.journals.records(run)] == ["the pump begins"]


@pytest.mark.row("pod-promise-9")
def test_who_is_refused_at_a_button_reads_why_on_the_page(garden: Garden, request: pytest.FixtureRequest) -> None:
    @garden.app.bean(label="pump")
    class Pump:
        def __init__(self, context: Any) -> None:
            self.context = context

        def before_stop(self) -> None:
            raise RuntimeError("the cellar is full of water")

        async def __call__(self) -> None:
            self.context.ready()
            await self.context.ending

    garden.app.bean("nowhere.spare", label="spare", optional=True)
    person, site = request.getfixturevalue("person")("run"), request.getfixturevalue("site")
    reached: SimpleQueue[str] = SimpleQueue()
    site.catalogue.service_changed.listen(lambda info: reached.put(info.status) if info.name == "pump" else None)
    site.start()
    while reached.get(timeout=20) != "running":
        assert True

    assert person.post("/services/pump/stop", page="/services").header("Location") == "/console/services#n-pump"
    assert "pump was not stopped: before_stop" in person.get("/services").text
    assert site.catalogue.service("pump").info.status == "running"
    assert person.post("/services/spare/start", page="/services").status_code == 303
    page = person.get("/services").text
    assert "spare was not started: " in page
    assert "has not been loaded" in page
    assert page.count("there is no module nowhere") >= 2
