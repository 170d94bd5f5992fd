"""Angles, positions and weights."""

from __future__ import annotations

import pytest

from atilite.flow import navigation


@pytest.mark.parametrize(
    ("angle", "half", "found"),
    [(0, 180, 0), (180, 180, 180), (181, 180, -179), (-180, 180, 180), (-190, 180, 170), (725, 180, 5), (400, 0, 400),
     (7, 5, -3), (190, -180, -170)],
)  # fmt: skip
def test_an_angle_is_wrapped_to_both_sides(angle: float, half: float, found: float) -> None:
    assert navigation.wrapped(angle, half) == found


@pytest.mark.parametrize(("heading", "found"), [(0, (3, 4)), (90, (-4, 3)), (180, (-3, -4)), (270, (4, -3))])
def test_what_is_ahead_and_starboard_lies_north_and_east_by_the_heading(
    heading: float, found: tuple[float, float]
) -> None:
    north, east = navigation.to_north_east(heading, 3.0, 4.0)
    assert (north, east) == pytest.approx(found)
    assert navigation.to_forward_starboard(heading, north, east) == pytest.approx((3.0, 4.0))


@pytest.mark.parametrize(
    ("place", "way", "found"),
    [((0, 0), (1852, 0), (1 / 60, 0)), ((0, 0), (0, 1852), (0, 1 / 60)), ((60, 10), (0, 926), (60, 10 + 1 / 60))],
)
def test_a_nautical_mile_is_a_minute_of_latitude(
    place: tuple[float, float], way: tuple[float, float], found: tuple[float, float]
) -> None:
    assert navigation.moved_by(*place, *way) == pytest.approx(found, rel=1e-6)


@pytest.mark.parametrize(("track", "found"), [(0, -2), (90, 3), (180, 2), (270, -3)])
def test_a_place_is_left_or_right_of_a_track(track: float, found: float) -> None:
    assert navigation.left_of(track, 3.0, 2.0) == pytest.approx(found)


@pytest.mark.parametrize(("distance", "found"), [(0, 1), (1, 1), (-2, 0.75), (3, 0.5), (5, 0), (-9, 0)])
def test_a_trapezoid_is_flat_and_then_falls(distance: float, found: float) -> None:
    assert navigation.trapezoid(distance, 1.0, 4.0) == found


def test_a_trapezoid_without_a_slope_ends_where_it_is_flat() -> None:
    assert navigation.trapezoid(0.0, 0.0, 0.0) == 0.0


@pytest.mark.parametrize(("distance", "found"), [(0, 0), (1, 0.125), (2, 0.5), (-3, 0.875), (4, 1), (9, 1)])
def test_a_sigmoid_rises_from_nothing_to_one(distance: float, found: float) -> None:
    assert navigation.sigmoid(distance, 2.0, 2.0) == found


@pytest.mark.parametrize(("value", "found"), [(7, 3), (-7, -3), (2, 2)])
def test_a_value_stays_within_its_limit_whatever_the_sign_of_that(value: float, found: float) -> None:
    assert navigation.within(value, -3.0) == found
