"""The choices of an action, the same run once more, and the tree of runs, over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite.app import Atilite
from atilite.scalars import Secret
from atilite.testing.client import Client
from tests.api.conftest import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A site whose actions choose, call each other, and follow each other."""
    made = World(tmp_path, garden(), threading.Event())
    yield made
    made.close()


def garden() -> Atilite:
    app = Atilite("garden")
    valves = {"north": ["n1", "n2"], "south": ["s1"]}

    @app.action(name="Water/all", choices={"zone": lambda: valves, "valve": lambda zone: valves[zone]})
    def water(zone: str, valve: str) -> str:
        return valve

    @app.action(name="Sign in")
    def sign_in(user: str, password: Secret) -> str:
        return f"{user} {len(password)}"

    @app.action(name="Outer")
    def outer() -> int:
        run, task = app.action.start("Inner")
        task.fetch(20)
        return int(run)

    app.action(name="Inner")(lambda: None)
    app.action(name="Afterwards", after="Outer succeeded", retries=2)(lambda: None)
    return app


def post(client: Client, path: str, **fields: Any) -> Any:
    return client.post(f"/internal/{path}", json=fields)


@pytest.mark.row("M2")
def test_choices_are_listed_for_the_values_of_others_and_checked(admin: Client) -> None:
    assert admin.get("/internal/action/Water%2Fall/choices").json() == {"zone": ["north", "south"], "valve": []}
    assert admin.get("/internal/action/Water/all/choices?zone=south").json()["valve"] == ["s1"]
    assert admin.get("/internal/action/Wind/choices").status_code == 404
    assert post(admin, "action/Water/all", zone="south", valve="s1").json()["result"] == "s1"
    refused = post(admin, "action/Water/all", zone="south", valve="n1")
    assert (refused.status_code, refused.json()["fields"]) == (400, {"valve": "must be one of s1"})


@pytest.mark.row("M16")
def test_a_run_is_repeated_with_its_parameters_and_others_in_the_body(admin: Client) -> None:
    first = post(admin, "action/Water/all", zone="north", valve="n1").json()["run"]

    again = post(admin, f"journal/{first}/again").json()
    other = post(admin, f"journal/{first}/again", valve="n2").json()

    assert (again["result"], other["result"]) == ("n1", "n2")
    assert again["run"] > first
    assert admin.get(f"/internal/journal/{other['run']}").json()["parameters"] == {"zone": "north", "valve": "n2"}


@pytest.mark.row("M18")
def test_a_secret_has_to_be_sent_again(admin: Client) -> None:
    first = post(admin, "action/Sign in", user="ana", password="tulip").json()["run"]

    refused = post(admin, f"journal/{first}/again")

    assert refused.status_code == 400
    assert refused.json()["fields"] == {"password": "is not stored; send it again"}
    assert post(admin, f"journal/{first}/again", password="rose").json()["result"] == "ana 4"


def test_what_cannot_be_repeated_is_404_and_a_viewer_may_not(world: World, admin: Client) -> None:
    run = post(admin, "action/Inner").json()["run"]

    assert post(admin, "journal/99999/again").status_code == 404
    assert post(world.client("view"), f"journal/{run}/again").status_code == 403


def test_a_run_shows_what_led_to_it_and_what_came_of_it(world: World, admin: Client) -> None:
    with world.app.automation.runs.ended.subscribe() as ends:
        outer = post(admin, "action/Outer").json()
        while ends.get(timeout=20).operation != "Afterwards":
            continue
    inner = outer["result"]

    tree = admin.get(f"/internal/journal/{inner}/tree").json()

    assert [(one["depth"], one["operation"], one["trigger"]) for one in tree] == [
        (0, "Outer", "api"), (1, "Inner", "call"),
    ]  # fmt: skip
    tree = admin.get(f"/internal/journal/{outer['run']}/tree").json()
    assert [(one["depth"], one["operation"], one["trigger"]) for one in tree] == [
        (0, "Outer", "api"), (1, "Inner", "call"), (1, "Afterwards", "chain"),
    ]  # fmt: skip
    assert admin.get("/internal/journal/99999/tree").status_code == 404


def test_the_list_of_actions_tells_their_options(admin: Client) -> None:
    found = {one["name"]: one for one in admin.get("/internal/actions/").json()}

    assert found["Water/all"]["choices"] == {"zone": [], "valve": ["zone"]}
    assert (found["Afterwards"]["after"], found["Afterwards"]["retries"]) == (["Outer succeeded"], 2)
