"""What a tasker is told, and what it is then: the same words in scripts, from outside and on pages."""

from __future__ import annotations

from typing import get_args

from atilite.automation import plans
from atilite.flow.controls import CONTROLS, REACHED, Status
from atilite.flow.model import Control


def test_each_control_leads_to_a_status_of_its_own() -> None:
    assert [REACHED[control] for control in CONTROLS] == ["stopped", "started", "running", "aborted", "readied"]
    assert set(REACHED.values()) == set(Status)


def test_scripts_pages_and_the_api_know_the_same_controls() -> None:
    assert set(get_args(Control)) == set(CONTROLS) == set(plans.CONTROLS)
