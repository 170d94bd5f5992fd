"""Simulated vehicles, by numbers; a whole journey is in the mission."""

from __future__ import annotations

from typing import Any

import pytest

from atilite.flow.library import standard
from atilite.flow.simulators import Motion, dived, sailed
from tests.flow.playing import Played, play

UUV: dict[str, Any] = dict(standard()["SimulatorMotionUuv"].ios["parm"].value)
USV: dict[str, Any] = dict(standard()["SimulatorMotionUsv"].ios["parm"].value)
STILL = (0.0, 0.0)


@pytest.mark.row("I38")
@pytest.mark.parametrize(
    ("rpm", "rudder", "expected"),
    [
        (1000, 0, {"speed": 2.5, "speed_rate": 5.0, "north": 1.25, "east": 0.0, "heading": 0.0}),
        (9999, 0, {"speed": 7.5}),
        (-500, 0, {"speed": 0.0}),
        (1000, -10, {"heading": 3.125, "heading_rate": 6.25}),
        (0, -10, {"heading": 0.0}),
        (400, 99, {"heading": 357.5, "heading_rate": -5.0}),
    ],
)
def test_a_vehicle_on_the_surface_goes_by_motor_and_rudder(
    rpm: float, rudder: float, expected: dict[str, float]
) -> None:
    found = sailed(Motion(), rpm, rudder, STILL, 0.5, USV)
    assert {name: getattr(found, name) for name in expected} == pytest.approx(expected)


def test_the_current_carries_a_vehicle_along() -> None:
    found = sailed(Motion(heading=90.0), 400.0, 0.0, (0.5, -0.25), 2.0, USV)
    assert (found.north, found.east) == pytest.approx((1.0, 1.5))


@pytest.mark.row("I38")
def test_a_vehicle_under_water_dives_with_its_nose_down_and_rises_by_itself() -> None:
    down = dived(Motion(depth=1.0), 1000.0, 0.0, 20.0, STILL, 1.0, UUV)
    assert (down.pitch, down.pitch_rate, down.speed) == pytest.approx((-8.0, -8.0, 2.2))
    assert down.depth == pytest.approx(1.0 + 2.2 * 0.139173 - 0.1, abs=1e-5)
    assert dived(Motion(depth=1.0), 0.0, 0.0, 0.0, STILL, 1.0, UUV).depth == pytest.approx(0.9)


def test_nothing_rises_above_the_surface() -> None:
    found = dived(Motion(depth=0.05), 0.0, 0.0, 0.0, STILL, 1.0, UUV)
    assert (found.depth, found.depth_rate) == pytest.approx((0.0, -0.05))


def played(kind: str, inits: str) -> Played:
    script = (
        f"house h\n{inits}\nframer f be active\nframe a\n do simulator motion {kind}\n go b if elapsed >= 1.0\n"
        "frame b\n bid stop me\n"
    )
    return play(script, standard())


@pytest.mark.row("I36", "I38")
def test_a_vehicle_starts_where_the_plan_says_and_tells_its_place_on_the_globe() -> None:
    shares = played("uuv", (
        "init .scenario.onset with north 10.0 east 20.0\ninit .scenario.origin with lat 40.0 lon -111.0\n"
        "init .goal.rpm with 1000.0\ninit .scenario.bottom with 30.0"
    )).turns[-2].shares  # fmt: skip
    assert shares[".state.position"]["east"] == 20.0
    assert shares[".state.position"]["north"] > 11.0
    assert shares[".state.location"]["lat"] == pytest.approx(40.0 + (shares[".state.position"]["north"] - 10) / 111120)
    assert shares[".state.altitude"] == 30.0


def test_a_vehicle_on_the_surface_has_no_depth() -> None:
    found = played("usv", "init .goal.rpm with 400.0").turns[-2]
    assert found.shares[".state.velocity"] == {"north": 1.0, "east": 0.0}
    assert ".state.depth" not in found.shares
    assert found.shares[".simulator.motion.usv.elapsed"] == 0.125
