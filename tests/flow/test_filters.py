"""Filters of what sensors tell."""

from __future__ import annotations

import pytest

from atilite.flow.filters import gain, true_heading
from atilite.flow.library import standard
from tests.flow.playing import Played, play


@pytest.mark.row("I38")
@pytest.mark.parametrize(
    ("raw", "declination", "phase", "amplitude", "heading"),
    [(90, 0, 0, 0, 90), (350, 15, 0, 0, 5), (0, 0, 0, 2, 358), (120, 0, 60, 2, 122)],
)
def test_the_error_of_a_compass_is_taken_off(
    raw: float, declination: float, phase: float, amplitude: float, heading: float
) -> None:
    assert true_heading(raw, declination, phase, amplitude) == pytest.approx(heading)


@pytest.mark.parametrize(("window", "fraction", "lapse"), [(60.0, 0.9, 1.0), (10.0, 0.5, 0.5), (-10.0, 0.5, 0.5)])
def test_a_mean_has_gone_a_fraction_of_the_way_after_that_fraction_of_its_window(
    window: float, fraction: float, lapse: float
) -> None:
    left = (1.0 - gain(window, fraction, lapse)) ** (abs(window) * fraction / lapse)
    assert left == pytest.approx(1.0 - fraction)


def test_a_window_that_is_shorter_than_a_turn_takes_the_value_by_its_fraction() -> None:
    assert gain(0.0, 0.9, 1.0) == pytest.approx(0.9)
    assert gain(0.0, 1.0, 1.0) == 1.0


def played(do: str, depth: float, more: str = "") -> Played:
    script = (
        f"house h\ninit .ctd with salinity 34.0 temperature 12.0\ninit .state.depth with {depth}\n"
        f"init .state.position with north 1.0 east 2.0\n{more}\n"
        f"framer f be active\nframe a\n do {do}\nframe b in a\n go c if elapsed >= 1.0\n"
        "frame c in a\n put temperature 8.0 into .ctd\n go d if elapsed >= 0.25\n"
        "frame d in a\n put temperature 20.0 into .ctd\n go e if elapsed >= 0.25\nframe e\n bid stop me\n"
    )
    return play(script, standard())


@pytest.mark.row("I38")
@pytest.mark.parametrize(("kind", "preload"), [("salinity", 30.0), ("temperature", 10.0)])
def test_a_sensor_is_averaged_in_its_layer_only(kind: str, preload: float) -> None:
    outside = [turn.shares[f".state.{kind}"] for turn in played(f"filter sensor {kind}", 30.0).turns]
    assert set(outside) == {preload}
    inside = [turn.shares[f".state.{kind}"] for turn in played(f"filter sensor {kind}", 42.0).turns]
    assert inside[0] == {"salinity": 34.0, "temperature": 12.0}[kind]


def test_a_mean_follows_slowly() -> None:
    found = [turn.shares[".state.temperature"] for turn in played("filter sensor temperature", 42.0).turns]
    assert found[7] == 12.0
    assert 11.9 < found[9] < 12.0
    assert 12.0 < found[-1] < 12.5


@pytest.mark.row("I38")
def test_the_least_value_is_kept_with_its_place() -> None:
    found = played("filter ctd min", 42.0).turns[-1].shares[".state.mintemp"]
    assert found == {"temperature": 8.0, "depth": 42.0, "north": 1.0, "east": 2.0}
