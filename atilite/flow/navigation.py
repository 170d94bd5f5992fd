"""Angles, positions and weights, as the behaviours of the library calculate with them. Pure.

A heading is in degrees, 0 is north and 90 east; positions are in metres north and east of an origin.
"""

from __future__ import annotations

import math

# Metres: a nautical mile of 1852 m is a minute of latitude, so this is 1852 * 60 * 180 / pi.
EARTH = 6366710.0


def wrapped(angle: float, half: float = 180.0) -> float:
    """The same angle between -half and half; with 0 for `half` the angle as it is.

    >>> wrapped(270.0), wrapped(-190.0), wrapped(7.5, 0.0)
    (-90.0, 170.0, 7.5)
    """
    if half == 0.0:
        return angle
    half = abs(half)
    angle %= 2.0 * half
    return angle - 2.0 * half if angle > half else angle


def around(heading: float) -> float:
    """The same heading from 0 up to 360."""
    return heading % 360.0


def within(value: float, limit: float) -> float:
    """The value, no further from 0 than the limit."""
    return between(-abs(limit), value, abs(limit))


def between(low: float, value: float, high: float) -> float:
    """The value, or the bound that it exceeds; `high` wins where the bounds are in the wrong order."""
    return min(high, max(low, value))


def to_north_east(heading: float, forward: float, starboard: float) -> tuple[float, float]:
    """A vector in a vehicle's directions, as north and east."""
    cos, sin = math.cos(math.radians(heading)), math.sin(math.radians(heading))
    return cos * forward - sin * starboard, sin * forward + cos * starboard


def to_forward_starboard(heading: float, north: float, east: float) -> tuple[float, float]:
    """A vector in north and east, in a vehicle's directions."""
    return to_north_east(-heading, north, east)


def moved_by(lat: float, lon: float, north: float, east: float) -> tuple[float, float]:
    """The place some metres away, in degrees on a sphere, as if the earth were flat between the two.

    At a pole nothing is east, and the longitude stays.
    """
    there = lat + math.degrees(north / EARTH)
    cos = math.cos(math.radians((lat + there) / 2.0))
    return there, lon + (math.degrees(east / (EARTH * cos)) if cos else 0.0)


def left_of(track: float, north: float, east: float) -> float:
    """How far a point is to the left of a track through the origin, in metres; negative on its right."""
    azimuth = math.radians(track)
    return math.sin(azimuth) * north - math.cos(azimuth) * east


def trapezoid(distance: float, flat: float, slope: float) -> float:
    """A weight that is 1 up to the distance `flat`, and falls to 0 over the distance `slope` behind it."""
    beyond = abs(distance) - abs(flat)
    if beyond >= abs(slope):
        return 0.0
    return 1.0 if beyond <= 0.0 else 1.0 - beyond / abs(slope)


def sigmoid(distance: float, radius: float, scale: float) -> float:
    """A weight that is 0 at distance 0 and rises to 1 at radius * scale, along two parabolas."""
    far, away = abs(radius * scale), abs(distance)
    if far == 0.0 or away >= far:
        return 1.0
    if away < far / 2.0:
        return 2.0 * (away / far) ** 2
    return 1.0 - 2.0 * ((away - far) / far) ** 2
