"""The page of services."""

from __future__ import annotations

import pytest

from atilite.console import services
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
