"""What the console shows of the options of actions: choices, dry runs, followers, attempts, families of runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite.app import Atilite
from atilite.config import Settings
from atilite.scalars import Secret
from atilite.site import Site
from atilite.store.accounts import Accounts
from tests.console.conftest import PASSWORD, Person

PATIENCE = 20.0
VALVES = {"north": ["n1", "n2"], "south": ["s1", "s<2>"]}


@pytest.fixture
def app() -> Atilite:
    app = Atilite("garden")

    @app.action(
        name="Water", confirm="Open it?", choices={"zone": lambda: VALVES, "valve": lambda zone: VALVES[zone]},
        retries=2, retry_delay=0.01, retry_jitter=0.02, group="pump",
    )  # fmt: skip
    def water(zone: str, valve: str, seconds: int = 5, dry_run: bool = False) -> str:
        """Opens a valve."""
        if seconds == 99:
            raise ValueError("the tank is empty")
        return f"{'would open' if dry_run else 'opened'} {valve}"

    app.action(name="Close", after="Water ended")(lambda: app.action.invoke("Check").fetch(PATIENCE))
    app.action(name="Check")(lambda: None)
    app.action.command("Say", "echo {text}")

    @app.action(name="Unlock", confirm="Open the door?")
    def unlock(code: Secret, dry_run: bool = False) -> None:
        """Open the door"""

    return app


@pytest.fixture
def site(app: Atilite, tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    site.mount("/", app, name="garden")
    site.open(Settings(name="board", db=f"sqlite:///{tmp_path / 'data.db'}"))
    for name, role in (("runner", "run"), ("viewer", "view")):
        Accounts(site.database()).add(name, PASSWORD, role)
    yield site
    site.stop(5.0)
    site.close()


@pytest.fixture
def runner(site: Site) -> Person:
    person = Person(site)
    person.sign_in("runner")
    return person


def options(html: str, name: str) -> list[str]:
    """The choices of a field, the chosen one with a star."""
    found = re.search(rf'<select id="p-{name}".*?</select>', html, re.DOTALL)
    assert found is not None
    return [f"*{text}" if chosen else text for chosen, text in re.findall(r"<option( selected)?>([^<]*)", found[0])]


def number_of(answer: Any) -> int:
    assert answer.status_code == 303, answer.text
    return int(answer.header("Location").rpartition("/")[2])


def ended(app: Atilite, count: int, begin: Callable[[], int]) -> int:
    """Begin a run and wait until so many runs have ended; returns its number."""
    with app.automation.runs.ended.subscribe() as ends:
        number = begin()
        for _ in range(count):
            ends.get(timeout=PATIENCE)
    return number


@pytest.mark.row("M2")
def test_choices_follow_from_the_other_fields_by_a_button(runner: Person) -> None:
    form = runner.get("/actions/Water").text

    assert options(form, "zone") == ["north", "south"]
    assert options(form, "valve") == []
    assert "Nothing to choose yet" in form
    refreshed = runner.post("/actions/Water", zone="south", seconds="7", **{"confirm-run": "refresh"})
    assert refreshed.status_code == 200
    assert options(refreshed.text, "zone") == ["north", "*south"]
    assert options(refreshed.text, "valve") == ["s1", "s&lt;2&gt;"]
    assert 'value="7"' in refreshed.text
    refused = runner.post("/actions/Water", zone="south", valve="n1", **{"confirm-run": "yes"})
    assert "Valve must be one of s1, s&lt;2&gt;" in refused.text


def test_a_dry_run_is_a_button_and_asks_nothing(app: Atilite, site: Site, runner: Person) -> None:
    form = runner.get("/actions/Water").text
    assert 'name="dry_run" value="true">Dry run</button>' in form
    assert 'type="checkbox"' not in form
    assert "Dry run" not in runner.get("/actions/Say").text

    number = ended(app, 1, lambda: number_of(runner.post("/actions/Water", zone="north", valve="n1", dry_run="true")))

    assert site.catalogue.journals.headline(number).result == "would open n1"
    assert "<h1>Run Water?" in runner.post("/actions/Water", zone="north", valve="n1").text
    assert runner.post("/actions/Unlock", code="x", dry_run="true").status_code == 303


def test_the_form_says_what_the_options_mean(runner: Person) -> None:
    form = runner.get("/actions/Water").text
    assert "<dt>Retries</dt><dd>2, after 10 ms each and up to 20 ms more</dd>" in form
    assert "<dt>Group</dt><dd>pump</dd>" in form
    assert "<dt>Runs after</dt><dd>Water ended</dd>" in runner.get("/actions/Close").text
    assert "<dt>Program</dt><dd>echo {text}</dd>" in runner.get("/actions/Say").text


@pytest.mark.row("M1")
def test_a_failed_run_says_after_how_many_attempts(app: Atilite, runner: Person) -> None:
    sent = {"zone": "north", "valve": "n1", "seconds": "99", "confirm-run": "yes"}

    number = ended(app, 3, lambda: number_of(runner.post("/actions/Water", **sent)))

    page = runner.get(f"/runs/{number}").text
    assert '<span class="st failed">Failed after 3 attempts</span>' in page
    assert "the tank is empty" in page


@pytest.mark.row("M19")
def test_a_run_shows_what_led_to_it_and_what_came_of_it(app: Atilite, site: Site, runner: Person) -> None:
    sent = {"zone": "north", "valve": "n1", "confirm-run": "yes"}
    first = ended(app, 3, lambda: number_of(runner.post("/actions/Water", **sent)))

    above = runner.get(f"/runs/{first}").text
    close, check = first + 1, first + 2

    assert re.search(rf'/runs/{close}">Close</a>.*?#{close}, after this<', above, re.DOTALL)
    assert re.search(rf'/runs/{check}">Check</a>.*?#{check}, started by #{close}<', above, re.DOTALL)
    middle = runner.get(f"/runs/{close}").text
    assert f'<a href="/console/runs/{first}">after run #{first}</a>' in middle
    assert f"#{first}, parent of this<" in middle
    below = runner.get(f"/runs/{check}.json").json()
    assert [(one["id"], one["more"]) for one in below["related"]] == [(first, "led to this"), (close, "parent of this")]


def test_who_may_not_run_an_action_is_told_no_choices(site: Site) -> None:
    viewer = Person(site)
    viewer.sign_in("viewer")

    fields = viewer.get("/actions/Water.json").json()["fields"]

    assert [(one["name"], one["kind"], one["choices"]) for one in fields][:2] == [
        ("zone", "text", []), ("valve", "text", []),
    ]  # fmt: skip
