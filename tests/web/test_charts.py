"""Charts as SVG."""

from __future__ import annotations

import re
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from atilite.web.charts import bars, line_chart, meter, sparkline

values = st.lists(st.none() | st.integers(-(10**9), 10**9) | st.floats(), max_size=20)
titles = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"))


def parsed(text: Markup) -> Element:
    assert isinstance(text, Markup)
    assert not re.search(r"style=|<script|\bon\w+=|nan|inf", re.sub("<title>.*</title>", "", text, flags=re.S))
    root = fromstring(text)
    assert root.tag == "svg"
    assert root.get("role") == "img"
    return root


def rects(root: Element) -> list[tuple[float, float]]:
    return [(float(rect.get("y", "0")), float(rect.get("height", "0"))) for rect in root.iter("rect")]


def points(root: Element) -> list[tuple[float, float]]:
    """The points of the lines of a chart."""
    pairs = [re.findall(r"(-?[\d.]+),(-?[\d.]+)", path.get("d", "")) for path in root.iter("path")]
    return [(float(x), float(y)) for found in pairs for x, y in found]


@given(values, titles)
def test_every_chart_is_well_formed_for_every_value_and_title(numbers: list[Any], title: str) -> None:
    for chart in (
        sparkline(numbers, title),
        bars(numbers, title),
        line_chart(numbers, title, unit=title, labels=[title]),
    ):
        found = parsed(chart).find("title")
        assert found is not None
        assert (found.text or "") == title.replace("\r", "\n")


@pytest.mark.parametrize("number", [2e-313, 1.6e308, -1e99, 1e-9, 0.0, -0.0])
def test_extreme_readings_make_no_broken_picture(number: float) -> None:
    for numbers in ([number], [number, 0.0], [number, number]):
        for chart in (line_chart(numbers, "x"), sparkline(numbers, "x"), bars(numbers, "x")):
            _, _, width, height = map(float, parsed(chart).get("viewBox", "").split())
            assert all(-1 <= x <= width + 1 and -1 <= y <= height + 1 for x, y in points(parsed(chart)))


@given(st.floats(), st.floats())
def test_a_meter_stays_between_empty_and_full(value: float, high: float) -> None:
    (rect,) = parsed(meter(value, "Disk", high=high)).iter("rect")

    assert 0 <= float(rect.get("width", "-1")) <= 100


def test_a_meter_shows_its_share() -> None:
    assert '<rect width="81" height="6"/>' in meter(81, "Disk 81 % used")
    assert '<rect width="25" height="6"/>' in meter(1, "x", high=4)


def test_bars_stand_on_the_ground_and_failures_have_their_colour() -> None:
    root = parsed(bars([1, 0, None, 2, 0.0001], "Durations", bad={3}))

    assert rects(root) == [(12, 12), (24, 0), (0, 24), (23, 1)]
    assert [rect.get("class") for rect in root.iter("rect")] == [None, None, "bad", None]


def test_a_sparkline_breaks_where_nothing_is_known() -> None:
    text = sparkline([1, 2, None, 3], "CPU", limit=4)

    assert re.findall('M[^M"]*', re.findall('d="([^"]*)"', text)[1]) == ["M0,26 33.3,18 ", "M100,10"]
    assert 'class="lim"' in text


def test_a_line_chart_has_round_figures_around_its_values() -> None:
    root = parsed(line_chart([(0, 41.2), (10, 58.9)], "Temperature", unit=" °C", labels=["09:00", "10:00"]))

    assert [text.text for text in root.iter("text")] == ["40 °C", "45 °C", "50 °C", "55 °C", "60 °C", "09:00", "10:00"]


@pytest.mark.parametrize(
    ("numbers", "figures"),
    [
        ([0, 1], ["0", "0.25", "0.5", "0.75", "1"]),
        ([5, 5], ["5", "5.2", "5.4", "5.6"]),
        ([-1000, 9000], ["-2 500", "0", "2 500", "5 000", "7 500", "10 000"]),
        ([0, 0.003], ["0", "0.001", "0.002", "0.003"]),
    ],
)
def test_the_axis_encloses_the_values(numbers: list[float], figures: list[str]) -> None:
    found = [(text.text or "").replace("\u202f", " ") for text in parsed(line_chart(numbers, "x")).iter("text")]

    assert found == figures


def test_a_gap_splits_the_line_and_a_lone_reading_is_a_dot() -> None:
    root = parsed(line_chart([1, 2, None, 3, None], "x"))

    lines = [path for path in root.iter("path") if path.get("stroke") == "currentColor"]
    assert len(lines) == 2
    assert lines[1].get("d", "").endswith("h.01")
    assert [path.get("stroke-width") for path in lines] == ["1.5", "5"]  # a dot as thin as the line is hardly seen


def test_a_chart_without_data_says_so() -> None:
    assert "no data yet" in line_chart([], "x")
    assert "no data yet" in line_chart([None, float("nan")], "x")
    assert "no data yet" not in line_chart([0], "x")


def test_a_span_keeps_the_time_scale_when_readings_are_missing() -> None:
    text = line_chart([(50, 1), (100, 2)], "x", span=(0, 100))

    assert "M340," in text
