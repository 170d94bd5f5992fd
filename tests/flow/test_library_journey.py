"""A journey of the surface vehicle with all sensors, beside what the original has written for the same plan."""

from __future__ import annotations

import pytest

from atilite.flow.library import standard
from tests.flow.playing import Played, play

PLAN = """
house h
init .scenario.onset with north 3.0 east 4.0
init .scenario.current with north 0.1 east -0.2
init .scenario.magnetic with declination 12.0
framer sim be active
frame r
do simulator motion usv
do simulator sensor compass
do simulator sensor gps
do simulator sensor dvl
do simulator salinity linear
do filter sensor heading
do detector position box
framer m be active
frame a
set goal.rpm with 800.0
set goal.rudder with -5.0
go next if elapsed >= 10.0
frame b
set goal.rudder with 40.0
go next if elapsed >= 10.0
frame c
bid stop all
"""
# At which seconds: heading, compass, filtered heading, north, east, current forward, speed starboard, salinity.
WRITTEN = """
0.125 0.3125 349.223813 1.223813 3.262499 3.975682 0.1 -0.1 32.288195
5.0 12.5 1.303857 13.303857 13.420873 4.086512 0.052467 -0.117364 32.287308
10.0 25.0 13.656059 25.656059 23.371418 6.294540 0.004751 -0.123556 32.269644
15.0 335.0 323.999848 335.999848 33.557307 5.294540 0.169562 -0.045769 32.277644
20.0 285.0 273.629320 285.629320 40.283277 -3.125282 0.220430 0.137556 32.345002
"""


@pytest.fixture(scope="module")
def journey() -> Played:
    return play(PLAN, standard())


@pytest.mark.row("I38")
@pytest.mark.parametrize("written", WRITTEN.strip().splitlines(), ids=lambda line: line.split()[0])
def test_vehicle_and_sensors_tell_what_those_of_the_original_told(journey: Played, written: str) -> None:
    stamp, *values = (float(word) for word in written.split())
    shares = next(turn.shares for turn in journey.turns if turn.stamp == stamp)
    position = shares[".state.position"]
    assert [
        shares[".state.heading"], shares[".compass"], shares[".heading.output"], position["north"], position["east"],
        shares[".dvl.current"]["forward"], shares[".dvl.velocity"]["starboard"], shares[".ctdsim"]["salinity"],
    ] == pytest.approx(values, abs=1e-5)  # fmt: skip
    assert shares[".gps.position"] == position
    assert shares[".box"]["inside"] is True
