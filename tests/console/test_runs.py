"""The list of runs and its filters."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from atilite.console import lines, runs
from atilite.errors import Error
from atilite.store.runs import Progress
from tests.console.samples import FACE, headline

BERLIN = ZoneInfo("Europe/Berlin")
DAY = SimpleNamespace(status={"failed": 2, "cancelled": 1}, operation={"Water": 3}, trigger={"schedule": 3})


def test_a_day_of_the_query_begins_and_ends_at_midnight_of_the_zone() -> None:
    assert runs.moment("2026-11-20", "since", BERLIN) == datetime(2026, 11, 19, 23, tzinfo=UTC)
    assert runs.moment("2026-11-20", "until", BERLIN, end=True) == datetime(2026, 11, 20, 23, tzinfo=UTC)
    assert runs.moment("2026-11-20T10:00", "since", BERLIN) == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert runs.moment("", "since", BERLIN) is None


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "9999-12-31"])
def test_a_day_that_does_not_exist_is_refused_in_words(text: str) -> None:
    with pytest.raises(Error, match="400"):
        runs.moment(text, "until", BERLIN, end=True)


@pytest.mark.row("B46")
def test_not_succeeded_asks_for_every_bad_end() -> None:
    wanted = runs.criteria({"status": "bad", "action": "Water", "label": "garden"}, BERLIN)

    assert wanted["status"] == ("failed", "timed_out", "cancelled", "interrupted")
    assert (wanted["operation"], wanted["labels"]) == ("Water", "garden")


def test_a_link_adds_a_filter_and_the_link_of_one_that_is_on_takes_it_off() -> None:
    filters = {"status": "failed", "action": "Water"}

    assert runs.with_filter(filters, "trigger", "api") == "?status=failed&action=Water&trigger=api"
    assert runs.with_filter(filters, "status", "failed") == "?action=Water"
    assert runs.with_filter({"status": "failed"}, "status", "failed") == ""


def test_facets_have_the_counts_of_the_day_and_a_chosen_one_is_there_even_without() -> None:
    groups = {group.name: group for group in runs.groups({"action": "Old"}, DAY)}

    assert [(facet.name, facet.count, facet.on) for facet in groups["Action"].facets] == [
        ("Water", 3, False), ("Old", 0, True),
    ]  # fmt: skip
    assert len(groups["Status"].facets) == 7


def test_every_filter_that_is_on_is_a_chip() -> None:
    chips = runs.chips({"status": "failed", "text": "timeout", "since": "2026-11-20"}, DAY)

    assert [(chip.name, chip.on, chip.count) for chip in chips] == [
        ("Not succeeded", False, 3), ("Failed", True, None), ("\u201ctimeout\u201d", True, None),
        ("from 2026-11-20", True, None),
    ]  # fmt: skip


def test_the_line_below_says_which_stretch_is_shown() -> None:
    rows = [lines.row(headline(2, ago=60), FACE), lines.row(headline(1, ago=86400), FACE)]

    assert runs.spanned(rows, FACE) == "2 runs, from 14:31 to Fri 14:32"
    assert runs.spanned([], FACE) == ""


def test_progress_is_told_in_words() -> None:
    assert runs.progress_words(Progress(62, 100, "Checking")) == "62 %, Checking"
    assert runs.progress_words(Progress(5, None, "")) == ""
    assert runs.progress_words(None) == ""


def test_the_runs_within_a_run_are_a_filter_like_any_other() -> None:
    assert runs.criteria({"parent": "12"}, None)["parent"] == 12
    assert [chip.name for chip in runs.chips({"parent": "12", "status": "bad"}, DAY)] == ["in #12", "Not succeeded"]
    with pytest.raises(Error, match="parent must be the number of a run"):
        runs.criteria({"parent": "x"}, None)
