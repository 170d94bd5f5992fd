"""The words of durations, ages, sizes, numbers and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from atilite.console import words
from atilite.console.words import Clockface

NOW = datetime(2026, 11, 21, 13, 32, 7, tzinfo=UTC)
FACE = Clockface(NOW, ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.0 ms"),
        (0.0004, "0.4 ms"),
        (0.112, "112 ms"),
        (0.9996, "1 s"),
        (1.8, "1.8 s"),
        (31.4, "31.4 s"),
        (30, "30 s"),
        (59.97, "1 min"),
        (67, "1 min 7 s"),
        (600, "10 min"),
        (3599.6, "1 h"),
        (7860, "2 h 11 min"),
        (7919, "2 h 11 min"),
        (86400, "1 day"),
        (6 * 86400 + 4 * 3600 + 59, "6 days 4 h"),
        (-5, "0.0 ms"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "now"), (42, "42 s ago"), (1620, "27 min ago"), (35.9 * 3600, "35 h ago"), (36 * 3600, "1 day ago"),
     (9 * 86400, "9 days ago"), (-3, "now")],
)  # fmt: skip
def test_an_age_has_one_unit_and_days_from_36_hours_on(seconds: float, said: str) -> None:
    assert FACE.ago(NOW - timedelta(seconds=seconds)).words == said


def test_what_is_to_come_says_in_how_long_and_now_when_it_is_due() -> None:
    assert FACE.until(NOW + timedelta(hours=4)).words == "in 4 h"
    assert FACE.until(NOW - timedelta(seconds=5)).words == "now"


def test_a_moment_says_the_absolute_time_with_its_zone_in_the_title() -> None:
    moment = FACE.ago(NOW)

    assert moment.title == "Sat 21 Nov 2026, 14:32:07 CET"
    assert moment.iso == "2026-11-21T14:32:07+01:00"
    assert FACE.stamp(NOW).words == "14:32:07 CET"


def test_another_day_has_its_weekday() -> None:
    assert FACE.time(NOW + timedelta(hours=4)).words == "18:32"
    assert FACE.time(NOW + timedelta(hours=28)).words == "Sun 18:32"
    assert FACE.time(NOW + timedelta(days=8)).words == "29 Nov 14:32"
    assert FACE.time(NOW - timedelta(days=7)).words == "14 Nov 14:32"


def test_numbers_are_grouped_by_narrow_spaces() -> None:
    assert words.number(48221) == "48\u202f221"
    assert words.plural(1, "run") == "1 run"
    assert words.plural(2, "query", "queries") == "2 queries"


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (999, "999 B"), (1200, "1.2 KB"), (51_200_000, "51.2 MB"), (999_960, "1.0 MB"), (3.1e12, "3.1 TB")],
)
def test_sizes_are_decimal(count: int, said: str) -> None:
    assert words.size(count) == said


def test_a_json_value_is_shown_on_one_line_without_the_quotes_of_its_keys() -> None:
    assert words.short({"north": 30, "list": ["a", True], "none": None}) == '{north: 30, list: ["a", true], none: null}'
    assert words.short("x" * 100, 10) == '"xxxxxxxx\u2026'


def test_parameters_are_listed_without_the_empty_ones() -> None:
    assert words.listed({"zone": "north", "seconds": 30, "note": "", "at": None}) == "zone north, seconds 30"


@pytest.mark.parametrize(("name", "made"), [("Read sensors", "n-read-sensors"), ("mod.f", "n-mod-f"), ("\u6c34", "n-")])
def test_a_slug_is_a_valid_id(name: str, made: str) -> None:
    assert words.slug(name).startswith(made)


def test_two_names_that_differ_in_signs_only_have_different_ids() -> None:
    assert words.slug("\u6c34") != words.slug("\u706b")
    assert words.slug("a.b") != words.slug("a b")


def test_sentences_begin_with_a_capital_letter() -> None:
    assert words.sentence("the value", "", "again") == "The value, again"
    assert words.joined(["a", "b", "c"]) == "a, b and c"
