"""The board's vitals."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from atilite.site import Site
from atilite.testing.client import Client
from services.board import figure, measure, memory_used, series, thinned
from tests.services.conftest import Open

MEMINFO = "MemTotal:        1000 kB\nMemFree:          100 kB\nMemAvailable:     250 kB\nHugePages_Total:       0\n"


def store(site: Site, *readings: dict[str, float]) -> None:
    """Keep readings as the action does, but with times of the test's choice."""
    kv = site.apps["services"].kv.select("board")
    kv.set({f"{reading['at']:012.0f}": reading for reading in readings}).commit()


def test_memory_counts_what_programs_cannot_have() -> None:
    assert memory_used(MEMINFO) == 75.0


def test_a_reading_has_its_time_and_this_machines_figures() -> None:
    reading = measure()

    assert reading["at"] > 1_700_000_000
    assert reading["load"] >= 0
    assert 0 <= reading["disk"] <= 100


def test_a_figure_that_a_machine_lacks_has_no_points() -> None:
    readings: list[dict[str, float]] = [{"at": 1, "load": 2}, {"at": 3, "load": 4, "temperature": 50}]

    assert series(readings, "load") == [(1, 2), (3, 4)]
    assert series(readings, "temperature") == [(3, 50)]
    assert series(readings, "humidity") == []


@pytest.mark.parametrize(("count", "left"), [(0, 0), (1, 1), (200, 200), (201, 101), (1440, 180)])
def test_a_chart_gets_at_most_200_points(count: int, left: int) -> None:
    assert len(thinned([(float(at), 1.0) for at in range(count)])) == left


def test_thinned_points_are_the_means_of_their_neighbours() -> None:
    assert thinned([(0.0, 1.0), (2.0, 3.0), (4.0, 9.0)], most=2) == [(1.0, 2.0), (4.0, 9.0)]


def test_a_figure_says_in_words_what_its_chart_shows() -> None:
    drawn = figure("load", "Load", "%", [(0.0, 1.5), (60.0, 3.0), (120.0, 2.0)])

    assert drawn["now"] == "2 %"
    assert "Load of the last day: 1.5 to 3 %, now 2 %" in drawn["svg"]


@pytest.mark.row("B5", "B6", "B9")
def test_the_action_keeps_one_key_a_reading_that_goes_away_by_itself(opened: Open) -> None:
    site = opened()
    app = site.apps["services"]

    reading = app.action.invoke("Read the board").fetch(20)

    found = site.catalogue.kv.items("board")
    assert [item.value for item in found] == [reading]
    expires = found[0].expires
    assert expires is not None
    assert 86_000 < (expires - found[0].updated).total_seconds() <= 86_401
    (run,) = app.journal.history().fetch()
    assert (run.operation, run.status, run.labels) == ("Read the board", "succeeded", ("board",))
    (record,) = app.journal.get(run.id).fetch().records
    assert record.params == reading


def test_the_first_reading_is_taken_at_the_start(opened: Open) -> None:
    site = opened()
    recorded = threading.Event()
    site.apps["services"].journal.record_added.listen(lambda _: recorded.set())

    site.start()

    assert recorded.wait(20)


def test_the_page_has_a_chart_for_each_figure_that_was_read(opened: Open) -> None:
    site = opened()
    client = Client(site)
    assert "No readings yet" in client.get("/board").text
    day: list[dict[str, Any]] = [{"at": 1_700_000_000 + 60 * n, "load": n / 1000, "disk": 40.0} for n in range(1440)]
    store(site, *day)

    page = client.get("/board").text

    assert page.count("<svg") == 2
    assert '<p class="now">1.439 </p>' in page
    assert "40 %" in page
    assert "1440 readings" in page
    assert len(page) < 20_000


def test_the_readings_are_json_oldest_first(opened: Open) -> None:
    site = opened()
    client = Client(site)
    store(site, {"at": 3, "load": 3}, {"at": 1, "load": 1}, {"at": 2, "load": 2})

    assert [one["at"] for one in client.get("/board/readings.json").json()["readings"]] == [1, 2, 3]
    assert [one["at"] for one in client.get("/board/readings.json?last=1").json()["readings"]] == [3]
    refused = client.get("/board/readings.json?last=0")
    assert refused.status_code == 400
    assert refused.json()["fields"] == {"last": "must be at least 1"}


def test_the_disk_is_shown_by_a_program(opened: Open) -> None:
    app = opened().apps["services"]

    shown = app.action.invoke("Show full disks", path="/tmp").fetch(20)

    assert shown.splitlines()[0].startswith("Filesystem")
    assert len(shown.splitlines()) == 2
