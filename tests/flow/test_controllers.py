"""PID controllers, by numbers; that they steer as they should is told by the mission."""

from __future__ import annotations

from typing import Any

import pytest

from atilite.flow.controllers import KINDS, PARMS, Control, control
from atilite.flow.library import standard
from tests.flow.playing import play


def parm(kind: str = "", **more: float) -> dict[str, Any]:
    return {**PARMS, **(KINDS[kind][1] if kind else {}), **more}


@pytest.mark.row("I38")
@pytest.mark.parametrize(
    ("kind", "state", "goal", "output"),
    [
        ("speed", 0.0, 2.5, 1000.0), ("speed", 0.0, 9.0, 1500.0), ("heading", 10.0, 12.0, -6.0),
        ("heading", 350.0, 2.0, -20.0), ("heading", 2.0, 350.0, 20.0), ("depth", 0.0, 5.0, -10.0),
        ("depth", 4.5, 5.0, -4.0), ("pitch", 3.0, 0.0, 6.0),
    ],
)  # fmt: skip
def test_a_controller_answers_to_the_difference_from_its_goal(
    kind: str, state: float, goal: float, output: float
) -> None:
    assert control(Control(), state, 0.0, goal, 0.125, parm(kind)).output == pytest.approx(output)


@pytest.mark.row("I38")
def test_an_error_that_stays_is_summed_up_until_the_goal_changes() -> None:
    depth = parm("depth")
    before = Control(goal=5.0, error=-0.5, sum=-0.2)
    found = control(before, 4.5, 0.0, 5.0, 0.125, depth)
    mean = -0.5 * 0.125
    assert found.sum == pytest.approx(-0.2 + mean * (1 + mean / 3.0))
    assert found.output == pytest.approx(-4.0 + found.sum)
    assert control(found, 4.5, 0.0, 4.0, 0.125, depth).sum == 0.0


def test_the_sum_has_bounds_and_stands_still_while_the_error_moves() -> None:
    depth = parm("depth", esmax=1.0, esmin=-1.0)
    assert control(Control(goal=5.0, error=-0.5, sum=-0.999), 4.5, 0.0, 5.0, 0.125, depth).sum == -1.0
    assert control(Control(goal=5.0, error=-0.8, sum=-0.5), 4.5, 0.0, 5.0, 0.125, depth).sum == -0.5


def test_a_change_of_the_goal_that_is_too_small_does_not_count() -> None:
    assert control(Control(goal=5.0), 5.0, 0.0, 5.005, 0.125, parm("depth")).goal == 5.0


def test_the_rate_can_come_from_a_sensor() -> None:
    found = control(Control(error=1.0), 1.0, 4.0, 0.0, 0.5, parm(calcRate=False, ger=-2.0, gde=3.0, ovmin=-99.0))
    assert (found.rate, found.output) == (-8.0, -24.0)


@pytest.mark.row("I36", "I38")
def test_a_plan_gives_a_controller_other_parameters_and_other_places() -> None:
    script = (
        "house h\ninit .controller.pid.heading.parm with gpe 1.0\ninit .here with 5.0\n"
        "framer f be active\nframe a\n do controller pid heading per input .here output .plane\n"
        " go b if elapsed >= 0.25\nframe b\n bid stop me\n"
    )
    assert play(script, standard()).turns[-1].shares[".plane"] == 5.0


def test_a_controller_forgets_its_sum_where_its_frame_is_entered_again() -> None:
    script = (
        "house h\ninit .goal.depth with 5.0\ninit .state.depth with 4.9\nframer f be active\nframe a\n"
        " do controller pid depth\n go b if elapsed >= 1.0\nframe b\n do controller pid depth at enter\n bid stop me\n"
    )
    sums = [turn.shares[".controller.pid.depth.errorSum"] for turn in play(script, standard()).turns]
    assert sums[7] < -0.05
    assert sums[8] > sums[7] / 2  # of one turn
