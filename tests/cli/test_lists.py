"""routes, actions, services, schedules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import pytest

from atilite.app import Atilite
from atilite.automation.parameters import Range
from atilite.store.database import Database
from tests.cli.conftest import Shell


def garden(app: Atilite) -> None:
    @app.route("/beds/<int:id>", methods=["GET"], role="view")
    def bed(was, id): ...

    @app.schedule("0 7 * * *", missed="skip")
    @app.action(name="Water", label="garden", confirm="Open the valve?")
    def water(zone: Literal["north", "south"], seconds: Annotated[int, Range(1, 600)] = 30) -> None:
        """Open the valve."""

    @app.service(name="pump", restart_delay=2)
    def pump() -> None:
        """Keep the pressure."""


@pytest.fixture
def listed(shell: Shell) -> Shell:
    shell.declare = garden
    return shell


def rows(shell: Shell, *words: str) -> list[dict[str, object]]:
    assert shell(*words, "--json") == 0
    found: list[dict[str, object]] = json.loads(shell.out)
    return found


def test_routes_have_method_path_role_mount_name_and_source(listed: Shell) -> None:
    (bed,) = [row for row in rows(listed, "routes") if row["mount"] == "garden"]

    assert bed["method"] == "GET"
    assert bed["path"] == "/beds/<int:id>"
    assert bed["role"] == "view"
    assert bed["name"] == "bed"
    assert str(bed["source"]).startswith("test_lists:") or "test_lists" in str(bed["source"])


def test_the_console_s_and_the_api_s_routes_are_listed_too(listed: Shell) -> None:
    paths = {row["path"] for row in rows(listed, "routes")}

    assert "/console/login" in paths
    assert "/internal/actions/" in paths
    assert rows(listed, "routes", "--no-console") != []
    assert not any(str(row["path"]).startswith("/console") for row in rows(listed, "routes", "--no-console"))


def test_actions_are_listed_with_their_parameters(listed: Shell) -> None:
    (water,) = rows(listed, "actions")

    assert (water["name"], water["role"], water["labels"]) == ("Water", "run", ["garden"])
    assert water["parameters"] == ["zone", "[seconds]"]
    assert water["confirm"] == "Open the valve?"
    assert "zone" in water["schema"]["properties"]  # type: ignore[index]
    assert listed("actions") == 0
    assert listed.out.splitlines()[1].split()[:5] == ["Water", "run", "zone,", "[seconds]", "garden"]


def test_services_are_listed_and_not_started(listed: Shell) -> None:
    (pump,) = rows(listed, "services")

    assert (pump["name"], pump["status"], pump["autostart"]) == ("pump", "stopped", True)


def test_schedules_say_when_they_are_due(listed: Shell) -> None:
    (plan,) = rows(listed, "schedules")

    assert (plan["action"], plan["cron"], plan["every"], plan["missed"]) == ("Water", "0 7 * * *", None, "skip")
    assert "T07:00:00" in str(plan["next"])
    assert (plan["last"], plan["paused"]) == (None, False)


@pytest.mark.parametrize("command", ["actions", "services", "schedules"])
def test_an_empty_list_is_said_in_words(command: str, shell: Shell) -> None:
    assert shell(command) == 0
    assert shell.out == f"no {command}\n"


@pytest.mark.parametrize("command", ["routes", "actions", "services", "schedules"])
def test_a_list_makes_no_data_and_needs_none(command: str, listed: Shell, tmp_path: Path) -> None:
    assert listed(command) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["routes", "actions", "services", "schedules"])
def test_a_list_can_be_had_beside_a_running_server(command: str, listed: Shell, tmp_path: Path) -> None:
    with Database.open(f"sqlite:///{tmp_path}/data.db"):
        assert listed(command) == 0


def test_routes_tell_what_else_a_route_demands_and_what_it_takes(shell: Shell) -> None:
    def declare(app: Atilite) -> None:
        app.users = {}

        @app.route("/beds/<int:id>", methods=["GET", "PUT"])
        @app.authorization_required("basic")
        def bed(was, id, wet: bool = False):
            """Look at a bed."""

    shell.declare = declare
    found = [row for row in rows(shell, "routes") if row["mount"] == "garden"]

    assert [(row["method"], row["role"], row["access"], row["doc"]) for row in found] == [
        (method, None, "basic authentication", "Look at a bed.") for method in ("GET", "PUT")
    ]
    assert [one["name"] for one in found[0]["parameters"]] == ["id", "wet"]
    assert shell("routes") == 0
    assert "basic authentication" in shell.out
