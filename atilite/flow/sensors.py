"""Simulated sensors: what is so comes in, what a sensor would tell of it goes out, with its errors.

Noise is off until a plan gives it a size in `parm`; it is the same in each run of a plan, so that runs can be repeated.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Any

from atilite.flow.behaviors import Behavior, Io
from atilite.flow.lapses import Lapsing
from atilite.flow.navigation import around, between, left_of, to_forward_starboard, to_north_east, within
from atilite.flow.shares import Share

# How much of the error of a position stays from one fix to the next.
STAYING = 0.6


def magnetic(heading: float, declination: float, phase: float, amplitude: float) -> float:
    """What a compass tells of a true heading: its error goes round with the heading. All in degrees."""
    error = amplitude * math.cos(math.radians(heading + phase))
    return around(heading - declination + error)


def drifted(error: float, noise: float, band: float) -> float:
    """The next error of a position, never more than `band` metres."""
    return within(STAYING * error + (1.0 - STAYING) * noise, band)


def front(north: float, east: float, parm: Mapping[str, Any], behind: float = 0.0) -> float:
    """How far a place is across a front, from -0.5 to 0.5; `behind` metres are taken off.

    `parm` has a point of the front's middle `north east`, its azimuth `track`, its `width`, and whether what is
    measured is `rising` to the left of the track.
    """
    half = abs(parm["width"]) / 2.0
    across = left_of(parm["track"], north - parm["north"], east - parm["east"]) - behind
    part = within(across, half) / (2.0 * half) if half else 0.0
    return part if parm["rising"] else -part


def linear(north: float, east: float, depth: float, parm: Mapping[str, Any]) -> float:
    """A front that rises evenly by `spread` around `middle`, and lies `shift` metres further a metre of depth."""
    return float(parm["middle"] + parm["spread"] * front(north, east, parm, (depth - parm["layer"]) * parm["shift"]))


def sinusoid(north: float, east: float, depth: float, parm: Mapping[str, Any]) -> float:
    """A front that rises along half a wave, from middle - spread to middle + spread, alike in all depths."""
    return float(parm["middle"] + parm["spread"] * math.sin(math.pi * front(north, east, parm)))


def gradient(north: float, east: float, depth: float, parm: Mapping[str, Any]) -> float:
    """A front as `linear`, and a change of `span` over `height` metres of depth around `layer`.

    `duct` says which: 0 more above and below the layer, 1 more below it, -1 more above it.
    """
    half = abs(parm["height"]) / 2.0
    part = within(depth - parm["layer"], half) / (2.0 * half) if half else 0.0
    sign = {0: math.copysign(1.0, part), 1: 1.0, -1: -1.0}.get(parm["duct"], 0.0)
    return linear(north, east, depth, parm) + sign * part * float(parm["span"])


class Sensor(Lapsing):
    """A sensor with noise of its own."""

    name: str
    parm: Share
    _random: random.Random | None = None

    def noise(self, sigma: float) -> float:
        """A normal error, at most three times sigma."""
        if self._random is None:
            self._random = random.Random(self.name)
        return between(-3.0 * abs(sigma), self._random.gauss(0.0, abs(sigma)), 3.0 * abs(sigma))


class Gps(Sensor):
    """Position and velocity with errors; nothing new while there is a dropout."""

    positionIn: Share
    velocityIn: Share
    positionOut: Share
    velocityOut: Share
    error: Share
    scenario: Share

    def action(self) -> None:
        if self.lapse() <= 0.0 or self.scenario["dropout"]:
            return
        parm = self.parm.fields
        error = {
            axis: drifted(self.error[axis], self.noise(parm["noiseJitter"]), parm["noiseBand"])
            for axis in ("north", "east")
        }
        velocity = {axis: self.velocityIn[axis] + self.noise(parm["noiseVelocity"]) for axis in error}
        self.positionOut.update({axis: self.positionIn[axis] + error[axis] for axis in error})
        self.velocityOut.update(velocity)
        self.error.update(error)


class Dvl(Sensor):
    """Velocity through the water and the current, seen from the vehicle; and the height above the ground."""

    heading: Share
    speed: Share
    currentIn: Share
    bottom: Share
    velocity: Share
    currentOut: Share
    altitude: Share
    scenario: Share

    def action(self) -> None:
        if self.lapse() <= 0.0 or self.scenario["dropout"]:
            return
        parm, heading = self.parm.fields, self.heading.value
        forward, starboard = to_forward_starboard(heading, self.currentIn["north"], self.currentIn["east"])
        error = self.noise(parm["velSigma"]) + parm["bias"]
        self.velocity.update({"forward": self.speed.value + forward + error, "starboard": starboard + error})
        error = self.noise(parm["velSigma"])
        forward, starboard = forward + error, starboard + error
        north, east = to_north_east(heading, forward, starboard)
        self.currentOut.update({"forward": forward, "starboard": starboard, "north": north, "east": east})
        self.altitude.value = self.bottom.value + self.noise(parm["altSigma"])


class Compass(Sensor):
    """The magnetic heading."""

    input: Share
    output: Share
    scenario: Share

    def action(self) -> None:
        if self.lapse() <= 0.0:
            return
        parm = self.parm.fields
        found = magnetic(self.input.value, self.scenario["declination"], parm["phase"], parm["amp"])
        self.output.value = around(found + self.noise(parm["sigma"]))


class Probe(Sensor):
    """What is measured in the water where the vehicle is: a field of its output."""

    position: Share
    depth: Share
    output: Share

    def __init__(self, field: str, formula: Callable[[float, float, float, Mapping[str, Any]], float]) -> None:
        super().__init__()
        self._field, self._formula = field, formula

    def action(self) -> None:
        self.lapse()
        depth = self.depth.value
        found = self._formula(self.position["north"], self.position["east"], depth, self.parm.fields)
        self.output.update({self._field: found, "depth": depth})


ZERO = {"value": 0.0}
PLANE = {"north": 0.0, "east": 0.0}
BODY = {"forward": 0.0, "starboard": 0.0}
FRONT = {
    "track": 0.0, "north": 0.0, "east": 0.0, "middle": 32.0, "spread": 4.0, "rising": True, "width": 500.0,
    "layer": 20.0, "shift": 2.0,
}  # fmt: skip
DEEP = {**FRONT, "span": 10.0, "height": 20.0, "duct": 0}


def _behavior(kind: str, make: Callable[..., Any], parms: dict[str, Any], ios: dict[str, Io], **inits: Any) -> Behavior:
    group = f".simulator.{kind}"
    own = {"parm": Io(f"{group}.parm", parms), "elapsed": Io(f"{group}.elapsed", ZERO)}
    name = "".join(part.capitalize() for part in kind.split("."))
    return Behavior(f"Simulator{name}", make, {**own, **ios}, inits=inits)


def _probe(kind: str, field: str, formula: Callable[..., float], parms: dict[str, Any]) -> Behavior:
    ios = {
        "output": Io(".ctdsim", {field: 0.0, "depth": 0.0}, own=True),
        "position": Io(".state.position", PLANE),
        "depth": Io(".state.depth", ZERO),
    }
    return _behavior(kind, Probe, parms, ios, field=field, formula=formula)


BEHAVIORS = (
    _behavior("sensor.gps", Gps, {"noiseBand": 5.0, "noiseJitter": 0.0, "noiseVelocity": 0.0}, {
        "positionOut": Io(".gps.position", PLANE, own=True), "velocityOut": Io(".gps.velocity", PLANE, own=True),
        "error": Io(".gps.error", PLANE, own=True), "positionIn": Io(".state.position", PLANE),
        "velocityIn": Io(".state.velocity", PLANE), "scenario": Io(".scenario.gps", {"dropout": 0}),
    }),
    _behavior("sensor.dvl", Dvl, {"velSigma": 0.0, "bias": 0.1, "altSigma": 0.0}, {
        "velocity": Io(".dvl.velocity", BODY, own=True), "currentOut": Io(".dvl.current", {**BODY, **PLANE}, own=True),
        "altitude": Io(".dvl.altitude", ZERO), "heading": Io(".heading.output", ZERO),
        "speed": Io(".state.speed", ZERO), "currentIn": Io(".scenario.current", PLANE),
        "bottom": Io(".scenario.bottom", ZERO), "scenario": Io(".scenario.dvl", {"dropout": 0}),
    }),
    _behavior("sensor.compass", Compass, {"phase": 24.0, "amp": 1.0, "sigma": 0.0}, {
        "output": Io(".compass", ZERO, own=True), "input": Io(".state.heading", ZERO),
        "scenario": Io(".scenario.magnetic", {"declination": 0.0}),
    }),
    _probe("salinity.linear", "salinity", linear, FRONT),
    _probe("salinity.sinusoid", "salinity", sinusoid, FRONT),
    _probe("gradient.temperature", "temperature", gradient, DEEP),
    _probe("gradient.salinity", "salinity", gradient, DEEP),
)  # fmt: skip
