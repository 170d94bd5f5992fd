"""Filters: what a sensor tells comes in, a better estimate goes out."""

from __future__ import annotations

import math
from typing import Any

from atilite.flow.behaviors import Behavior, Io
from atilite.flow.lapses import Lapsing
from atilite.flow.navigation import around, between
from atilite.flow.shares import Share


def true_heading(raw: float, declination: float, phase: float, amplitude: float) -> float:
    """The heading behind what a compass tells, whose error goes round with the heading. All in degrees."""
    heading = raw + declination
    return around(heading - amplitude * math.cos(math.radians(heading + phase)))


def gain(window: float, fraction: float, lapse: float) -> float:
    """How much of a new value an exponential mean takes, `lapse` seconds (more than 0) after the last.

    So much that after `fraction` of `window` seconds it has gone that `fraction` of the way to a value that stays.
    """
    samples = max(1.0, abs(window) / lapse)
    fraction = between(0.0, fraction, 1.0)
    return float(1.0 - (1.0 - fraction) ** (1.0 / max(1.0, samples * fraction)))


class Heading(Lapsing):
    """Takes the known error of the compass off its heading."""

    parm: Share
    input: Share
    scenario: Share
    output: Share

    def action(self) -> None:
        if self.lapse() <= 0.0:
            return
        parm = self.parm.fields
        self.output.value = true_heading(self.input.value, self.scenario["declination"], parm["phase"], parm["amp"])


class Windowed(Lapsing):
    """The mean of a field over a window of time, as long as the vehicle is in a layer of depths; else `preload`."""

    parm: Share
    input: Share
    depth: Share
    output: Share

    def __init__(self, field: str) -> None:
        super().__init__()
        self._field = field

    def action(self) -> None:
        parm, lapse = self.parm.fields, self.lapse()
        if abs(self.depth.value - parm["layer"]) > abs(parm["tolerance"]):
            if self.output.value != parm["preload"]:
                self.output.value = parm["preload"]
            return
        raw, before = self.input.get(self._field, 0.0), self.output.value
        if lapse > 0.0:
            raw = before + gain(parm["window"], parm["frac"], lapse) * (raw - before)
        self.output.value = raw


class Least(Lapsing):
    """The least value of a field since the frame was entered, and where that was."""

    parm: Share
    input: Share
    depth: Share
    position: Share
    output: Share

    def __init__(self, field: str) -> None:
        super().__init__()
        self._field = field

    def restart(self) -> None:
        super().restart()
        self.output.update({self._field: self.parm["preload"]})

    def action(self) -> None:
        self.lapse()
        found = self.input.get(self._field)
        if found is not None and found < self.output[self._field]:
            self.output.update({self._field: found, "depth": self.depth.value, **self.position.fields})


ZERO = {"value": 0.0}
WINDOW = {"window": 60.0, "frac": 0.9, "preload": 30.0, "layer": 40.0, "tolerance": 5.0}
PLANE = {"north": 0.0, "east": 0.0}


def _behavior(kind: str, make: type[Lapsing], parms: dict[str, Any], ios: dict[str, Io], **inits: Any) -> Behavior:
    group = f".filter.{kind}"
    own = {"parm": Io(f"{group}.parm", parms), "elapsed": Io(f"{group}.elapsed", ZERO)}
    name = "".join(part.capitalize() for part in kind.split("."))
    return Behavior(f"Filter{name}", make, {**own, **ios}, inits=inits)


def _windowed(kind: str, field: str, sensor: str, preload: float) -> Behavior:
    ios = {
        "output": Io(f".state.{field}", {"value": preload}, own=True), "input": Io(f".{sensor}", {field: 0.0}),
        "depth": Io(".state.depth", ZERO),
    }  # fmt: skip
    return _behavior(f"sensor.{kind}", Windowed, {**WINDOW, "preload": preload}, ios, field=field)


BEHAVIORS = (
    _behavior("sensor.heading", Heading, {"phase": 0.0, "amp": 0.0}, {
        "output": Io(".heading.output", ZERO, own=True), "input": Io(".compass", ZERO),
        "scenario": Io(".scenario.magnetic", {"declination": 0.0}),
    }),
    _windowed("salinity", "salinity", "ctd", 30.0),
    _windowed("salinitysim", "salinity", "ctdsim", 30.0),
    _windowed("temperature", "temperature", "ctd", 10.0),
    _behavior("ctd.min", Least, {"preload": 100.0}, {
        "output": Io(".state.mintemp", {"temperature": 100.0, "depth": 0.0, **PLANE}, own=True),
        "input": Io(".ctd", {"temperature": 100.0}), "depth": Io(".state.depth", ZERO),
        "position": Io(".state.position", PLANE),
    }, field="temperature"),
)  # fmt: skip
