"""Simulated sensors: their formulas, and that noise is off until it is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from atilite.flow.library import standard
from atilite.flow.sensors import DEEP, FRONT, drifted, gradient, linear, magnetic, sinusoid
from tests.flow.playing import Played, play


@pytest.mark.row("I38")
@pytest.mark.parametrize(
    ("heading", "declination", "phase", "amplitude", "told"),
    [(90, 0, 0, 0, 90), (90, 15, 0, 0, 75), (5, 15, 0, 0, 350), (0, 0, 0, 2, 2), (120, 0, 60, 2, 118)],
)
def test_a_compass_tells_the_magnetic_heading_with_an_error_that_goes_round(
    heading: float, declination: float, phase: float, amplitude: float, told: float
) -> None:
    assert magnetic(heading, declination, phase, amplitude) == pytest.approx(told)


@pytest.mark.row("I38")
@pytest.mark.parametrize(
    ("formula", "place", "parm", "value"),
    [
        (linear, (0, 0, 20), FRONT, 32), (linear, (0, -125, 20), FRONT, 33), (linear, (0, 9999, 20), FRONT, 30),
        (linear, (0, -125, 20), {**FRONT, "rising": False}, 31), (linear, (0, -40, 40), FRONT, 32),
        (linear, (0, 0, 20), {**FRONT, "width": 0.0}, 32),
        (sinusoid, (0, -250, 90), FRONT, 36), (sinusoid, (0, 125, 0), FRONT, 32 - 4 * 0.5**0.5),
        (gradient, (0, 0, 20), DEEP, 32), (gradient, (0, -20, 30), DEEP, 37), (gradient, (0, 20, 10), DEEP, 37),
        (gradient, (0, -20, 30), {**DEEP, "duct": -1}, 27), (gradient, (0, 20, 10), {**DEEP, "duct": 1}, 27),
        (gradient, (0, -20, 30), {**DEEP, "duct": 5}, 32),
    ],
)  # fmt: skip
def test_what_is_in_the_water_depends_on_place_and_depth(
    formula: Any, place: tuple[float, float, float], parm: dict[str, Any], value: float
) -> None:
    assert formula(*place, parm) == pytest.approx(value)


def test_the_error_of_a_position_stays_in_its_band() -> None:
    assert drifted(1.0, 2.0, 5.0) == pytest.approx(1.4)
    assert drifted(-4.9, -90.0, 5.0) == -5.0


def played(do: str, inits: str = "") -> Played:
    script = (
        f"house h\ninit .state.position with north 3.0 east 4.0\ninit .state.speed with 2.0\n{inits}\n"
        f"framer f be active\nframe a\n do {do}\n go b if elapsed >= 1.0\nframe b\n bid stop me\n"
    )
    return play(script, standard())


@pytest.mark.row("I38")
def test_a_position_is_told_as_it_is_unless_noise_is_asked_for() -> None:
    assert played("simulator sensor gps").turns[-1].shares[".gps.position"] == {"north": 3.0, "east": 4.0}
    noisy = [
        [turn.shares[".gps.position"] for turn in played(
            "simulator sensor gps", "init .simulator.sensor.gps.parm with noiseJitter 2.5"
        ).turns] for _ in range(2)
    ]  # fmt: skip
    assert noisy[0] == noisy[1]
    assert len({fix["north"] for fix in noisy[0]}) > 5
    assert all(abs(fix["north"] - 3.0) <= 5.0 for fix in noisy[0][1:])


def test_there_is_no_fix_during_a_dropout() -> None:
    found = played("simulator sensor gps", "init .scenario.gps with dropout 1").turns[-1]
    assert found.shares[".gps.position"] == {"north": 0.0, "east": 0.0}


@pytest.mark.row("I38")
def test_a_doppler_log_sees_the_current_from_the_vehicle() -> None:
    inits = (
        "init .scenario.current with north 0.0 east 0.5\ninit .heading.output with 90.0\ninit .scenario.bottom with 9"
    )
    shares = played("simulator sensor dvl", inits).turns[-1].shares
    assert shares[".dvl.velocity"] == pytest.approx({"forward": 2.6, "starboard": 0.1})
    assert shares[".dvl.current"] == pytest.approx({"forward": 0.5, "starboard": 0.0, "north": 0.0, "east": 0.5})
    assert shares[".dvl.altitude"] == 9.0


@pytest.mark.parametrize(
    ("do", "field", "value"),
    [
        ("simulator salinity linear", "salinity", 32.288), ("simulator salinity sinusoid", "salinity", 31.89949),
        ("simulator gradient temperature", "temperature", 37.288), ("simulator gradient salinity", "salinity", 37.288),
    ],
)  # fmt: skip
@pytest.mark.row("I38")
def test_a_probe_writes_its_field_and_the_depth(do: str, field: str, value: float) -> None:
    assert played(do).turns[-1].shares[".ctdsim"] == pytest.approx({field: value, "depth": 0.0}, rel=1e-4)


def test_a_compass_is_read_by_the_filter_that_knows_its_error() -> None:
    inits = (
        "init .state.heading with 77.0\ninit .scenario.magnetic with declination 12.0\n"
        "init .filter.sensor.heading.parm with phase 24.0 amp 1.0"
    )
    shares = played("simulator sensor compass\n do filter sensor heading", inits).turns[-1].shares
    assert shares[".compass"] == pytest.approx(77 - 12 - 0.19081, abs=1e-4)
    assert shares[".heading.output"] == pytest.approx(77.0, abs=0.01)
