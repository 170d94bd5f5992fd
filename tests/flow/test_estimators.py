"""Where a vehicle believes to be."""

from __future__ import annotations

from typing import Any

import pytest

from atilite.flow.estimators import corrected, drifting
from atilite.flow.library import standard
from tests.flow.playing import play


@pytest.mark.row("I38")
@pytest.mark.parametrize(("fix", "found"), [(10.0, 10.0), (10.5, 10.0025), (0.0, 0.0), (25.0, 25.0), (15.0, 12.5)])
def test_a_fix_counts_the_more_the_further_it_is_away(fix: float, found: float) -> None:
    assert corrected(10.0, fix, 5.0, 2.0) == pytest.approx(found)


def test_the_drift_is_a_mean_of_what_was_corrected() -> None:
    assert drifting(0.5, 4.0, 2.0, 0.25) == pytest.approx(0.375 + 0.5)


def last(sensors: str, inits: str = "") -> dict[str, Any]:
    script = (
        "house h\ninit .state.position with north 100.0 east 0.0\ninit .heading.output with 90.0\n"
        f"init .state.speed with 2.0\ninit .dvl.current with north 0.5 east 0.0\n{inits}\n"
        f"framer f be active\nframe a\n{sensors} do estimator position nfl\n"
        " go b if elapsed >= 3.0\nframe b\n bid stop me\n"
    )
    return play(script, standard()).turns[-2].shares


@pytest.mark.row("I38")
def test_without_a_sensor_the_position_is_reckoned_by_speed_and_current() -> None:
    shares = last("")
    assert shares[".nlf.position"] == pytest.approx({"north": 1.4375, "east": 5.75})
    assert shares[".dr.position"] == shares[".nlf.position"]


def test_with_a_doppler_log_it_is_reckoned_by_that() -> None:
    inits = "init .scenario.current with north 0.0 east 0.25\ninit .simulator.sensor.dvl.parm with bias 0.0"
    shares = last(" do simulator sensor dvl\n", inits)
    assert shares[".nlf.position"] == pytest.approx({"north": 0.0, "east": 2.875 * 2.25})


def test_a_fix_far_away_is_believed_and_is_a_drift() -> None:
    shares = last(" do simulator sensor gps\n")
    assert shares[".nlf.position"]["north"] == pytest.approx(100.0, abs=2.0)
    assert shares[".dr.position"]["north"] == pytest.approx(1.4375)
    assert shares[".dr.bias"]["starboard"] < -1.0
