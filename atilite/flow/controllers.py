"""PID controllers: a goal and a state in, what shall be done about their difference out.

The formula is the textbook one, output = gff*goal + gpe*error + gde*rate + gie*sum, with error = state - goal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from atilite.flow.behaviors import Behavior, Io
from atilite.flow.lapses import Lapsing
from atilite.flow.navigation import between, trapezoid, wrapped
from atilite.flow.shares import Share

# What adds less to the sum the larger it is, up to SUMMED, and the faster the error moves, up to STEADY a second:
# a sum that grew on the way to the goal would carry the vehicle beyond it.
SUMMED, STEADY = 3.0, 0.1

PARMS = {
    "wrap": 0.0, "drsp": 0.01, "calcRate": True, "ger": 1.0, "gff": 0.0, "gpe": 0.0, "gde": 0.0, "gie": 0.0,
    "esmax": 0.0, "esmin": 0.0, "ovmax": 0.0, "ovmin": 0.0,
}  # fmt: skip
# By what is controlled: what is moved for it, and the parameters that differ.
KINDS: dict[str, tuple[str, dict[str, float]]] = {
    "speed": ("rpm", {"gff": 400.0, "ovmax": 1500.0}),
    "heading": ("rudder", {"wrap": 180.0, "gpe": 3.0, "ovmax": 20.0, "ovmin": -20.0}),
    "depth": ("pitch", {"gpe": 8.0, "gie": 1.0, "esmax": 5.0, "esmin": -5.0, "ovmax": 10.0, "ovmin": -10.0}),
    "pitch": ("stern", {"wrap": 180.0, "gpe": 2.0, "ovmax": 20.0, "ovmin": -20.0}),
}


class Control(NamedTuple):
    """What a controller remembers from turn to turn, and its output."""

    goal: float = 0.0
    error: float = 0.0
    rate: float = 0.0
    sum: float = 0.0
    output: float = 0.0


def control(before: Control, state: float, rate: float, goal: float, lapse: float, parm: Mapping[str, Any]) -> Control:
    """The next output, `lapse` seconds (more than 0) after the last.

    `parm` has `wrap` (half of the circle of an angle, 0 for what is none), `drsp` (smaller changes of the goal do not
    count), `calcRate` (the rate is that of the error; else it is `rate` times `ger`), the gains `gff` (goal), `gpe`
    (error), `gde` (rate), `gie` (sum), and the bounds `esmin esmax` (sum) and `ovmin ovmax` (output).
    """
    total = before.sum
    if abs(goal - before.goal) > parm["drsp"]:
        total = 0.0
    else:
        goal = before.goal
    error = wrapped(state - goal, parm["wrap"])
    rate = (error - before.error) / lapse if parm["calcRate"] else parm["ger"] * rate
    mean = lapse * (error + before.error) / 2.0
    total += mean * trapezoid(mean, 0.0, SUMMED) * trapezoid(rate, 0.0, STEADY)
    total = between(parm["esmin"], total, parm["esmax"])
    output = parm["gff"] * goal + parm["gpe"] * error + parm["gde"] * rate + parm["gie"] * total
    return Control(goal, error, rate, total, between(parm["ovmin"], output, parm["ovmax"]))


class Controller(Lapsing):
    """Controls `input` towards `rsp` by means of `output`."""

    parm: Share
    input: Share
    rate: Share
    rsp: Share
    output: Share
    prsp: Share
    error: Share
    errorRate: Share
    errorSum: Share

    def restart(self) -> None:
        """Forget the sum; the time goes on, as the error does."""
        self.errorSum.value = 0.0

    def action(self) -> None:
        lapse = self.lapse()
        if lapse <= 0.0:
            return
        before = Control(self.prsp.value, self.error.value, sum=self.errorSum.value)
        found = control(before, self.input.value, self.rate.value, self.rsp.value, lapse, self.parm.fields)
        if found.goal != before.goal:
            self.prsp.value = found.goal
        self.error.value, self.errorRate.value, self.errorSum.value = found.error, found.rate, found.sum
        self.output.value = found.output


def _behavior(kind: str, moves: str, parms: Mapping[str, float]) -> Behavior:
    group = f".controller.pid.{kind}"
    zero = {"value": 0.0}
    kept = {name: Io(f"{group}.{name}", zero) for name in ("elapsed", "prsp", "error", "errorRate", "errorSum")}
    ios = {
        "parm": Io(f"{group}.parm", {**PARMS, **parms}),
        **kept,
        "output": Io(f".goal.{moves}", zero, own=True),
        "input": Io(f".state.{kind}", zero),
        "rate": Io(f".state.{kind}Rate", zero),
        "rsp": Io(f".goal.{kind}", zero),
    }
    return Behavior(f"ControllerPid{kind.capitalize()}", Controller, ios)


BEHAVIORS = tuple(_behavior(kind, moves, parms) for kind, (moves, parms) in KINDS.items())
