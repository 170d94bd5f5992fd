"""Detectors of places and of values."""

from __future__ import annotations

import pytest

from atilite.flow.detectors import exceeded, in_box, turns
from atilite.flow.library import standard
from tests.flow.playing import play

BOX = {"track": 90.0, "north": 0.0, "east": 100.0, "length": 50.0, "width": 20.0}


@pytest.mark.row("I38")
@pytest.mark.parametrize(
    ("north", "east", "out"),
    [
        (0, 120, set()), (9.9, 149, set()), (0, 150, {"outtop"}), (0, 100, {"outbottom"}), (10.1, 120, {"outleft"}),
        (-10, 120, {"outright"}), (11, 99, {"outbottom", "outleft"}),
    ],
)  # fmt: skip
def test_a_place_is_in_a_box_or_out_of_its_sides(north: float, east: float, out: set[str]) -> None:
    found = in_box(north, east, BOX)
    assert {side for side, is_so in found.items() if is_so and side != "inside"} == out
    assert found["inside"] is (not out)


@pytest.mark.parametrize(
    ("track", "angle", "left", "right"), [(0, 45, -45, 45), (170, 45, 125, -145), (-170, -45, 145, -125)]
)
def test_a_zigzag_turns_to_both_sides_of_its_track(track: float, angle: float, left: float, right: float) -> None:
    assert turns(track, angle) == {"turnleft": left, "turnright": right}


@pytest.mark.parametrize(
    ("value", "before", "found"),
    [(9, False, False), (10, False, True), (6, True, True), (5, True, False), (6, False, False)],
)
def test_a_value_that_exceeded_the_upper_bound_has_to_fall_to_the_lower(
    value: float, before: bool, found: bool
) -> None:
    assert exceeded(value, 5.0, 10.0, before) is found


@pytest.mark.row("I36", "I38")
def test_a_plan_goes_by_what_is_detected() -> None:
    script = (
        "house h\ninit .temperature with 60\ninit .hot.parm with low 70 high 90\nframer f be active\nframe watch\n"
        " do detector threshold via .hot per input .temperature output .alarm\n"
        " do detector position box\n"
        "frame heat in watch\n recur\n inc .temperature with 10\n native\n go cool if .alarm\n"
        "frame cool in watch\n recur\n inc .temperature with -10\n native\n go end if not .alarm\n"
        "frame end\n bid stop me\n"
    )
    played = play(script, standard())
    assert [target for _, target in played.moves()] == ["cool", "end"]
    assert [turn.shares[".temperature"] for turn in played.turns][:5] == [70, 80, 90, 100, 90]
    assert played.turns[0].shares[".box"]["outbottom"] is True
