"""The example's mission: it runs with the board, is on the console's page, and may be asked how deep it is."""

from __future__ import annotations

import pytest

from atilite.testing.client import Client
from tests.services.conftest import Open


@pytest.mark.row("I49")
def test_the_mission_is_on_the_page_of_flows_and_may_be_asked(opened: Open) -> None:
    site = opened()
    (house,) = Client(site).get("/console/flow.json").json()["houses"]
    assert (house["name"], house["plan"]) == ("box1", "mission")
    page = Client(site).get("/console/flow/box1.json?framer=mission").json()
    assert [node["name"] for node in page["tree"]] == ["northleg", "eastleg", "southleg", "westleg", "mission_stop"]
    task = site.catalogue.start_action("How deep", {}, "call")[1]
    assert task.fetch(20) == {"depth": 0, "heading": 0, "speed": 0}
