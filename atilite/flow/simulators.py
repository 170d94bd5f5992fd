"""Simulated vehicles: what the motor and the rudders are set to comes in, speed, heading, depth and position go out.

The models are linear: a rate is a gain times the angle of a plane, the speed one times the motor's turns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from atilite.flow.behaviors import Behavior, Io
from atilite.flow.lapses import Lapsing
from atilite.flow.navigation import around, between, moved_by, within
from atilite.flow.shares import Share


class Motion(NamedTuple):
    """How a vehicle moves: m/s, degrees and degrees/s, metres down and m/s down; and its way over the ground in m."""

    speed: float = 0.0
    speed_rate: float = 0.0
    heading: float = 0.0
    heading_rate: float = 0.0
    pitch: float = 0.0
    pitch_rate: float = 0.0
    depth: float = 0.0
    depth_rate: float = 0.0
    north: float = 0.0
    east: float = 0.0


def dived(
    before: Motion, rpm: float, rudder: float, stern: float, current: tuple[float, float], lapse: float,
    parm: Mapping[str, Any],
) -> Motion:  # fmt: skip
    """The motion of a vehicle under water, `lapse` seconds (more than 0) after the last.

    `rpm` are the motor's turns a minute, `rudder` and `stern` degrees of its planes, `current` the water's m/s north
    and east. `parm` has the limits `rpmLimit rudderLimit sternLimit`, and the gains `gs` (m/s a turn), `gpr` (pitch
    rate a degree of stern), `gpp` (pitch rate a degree of pitch), `gdb` (m/s down by buoyancy), `ghr` (heading rate a
    degree of rudder).
    """
    speed = parm["gs"] * _turns(rpm, parm)
    slant = speed * lapse
    pitch_rate = parm["gpr"] * within(stern, parm["sternLimit"]) + parm["gpp"] * before.pitch
    pitch = before.pitch + lapse * pitch_rate
    # What the vehicle would dive is taken from its way even where the surface holds it: pitched, it is as slow there.
    depth = before.depth - slant * math.sin(math.radians(pitch)) + parm["gdb"] * lapse
    down, depth = depth - before.depth, max(0.0, depth)
    turned = _steered(before.heading, parm["ghr"] * _angle(rudder, parm), math.hypot(slant, down), current, lapse)
    return Motion(
        speed, (speed - before.speed) / lapse, turned.heading, turned.heading_rate, pitch, pitch_rate,
        depth, (depth - before.depth) / lapse, turned.north, turned.east,
    )  # fmt: skip


def sailed(
    before: Motion, rpm: float, rudder: float, current: tuple[float, float], lapse: float, parm: Mapping[str, Any]
) -> Motion:
    """The motion of a vehicle on the surface, as `dived` without planes for the depth.

    Its rudder does the more the faster it is: `ghr` is the heading rate a degree of rudder and a m/s.
    """
    speed = parm["gs"] * _turns(rpm, parm)
    turned = _steered(before.heading, parm["ghr"] * speed * _angle(rudder, parm), speed * lapse, current, lapse)
    return turned._replace(speed=speed, speed_rate=(speed - before.speed) / lapse)


def _turns(rpm: float, parm: Mapping[str, Any]) -> float:
    return between(0.0, rpm, abs(parm["rpmLimit"]))


def _angle(rudder: float, parm: Mapping[str, Any]) -> float:
    return within(rudder, parm["rudderLimit"])


def _steered(heading: float, rate: float, way: float, current: tuple[float, float], lapse: float) -> Motion:
    """Heading and way over the ground, when so many metres are made along the mean of the old and the new heading."""
    turned = heading + lapse * rate
    mean = math.radians((turned + heading) / 2.0)
    north, east = way * math.cos(mean) + current[0] * lapse, way * math.sin(mean) + current[1] * lapse
    return Motion(heading=around(turned), heading_rate=rate, north=north, east=east)


class Vehicle(Lapsing):
    """What both vehicles have. Its position is where `onset` says when it acts first."""

    parm: Share
    speed: Share
    speedRate: Share
    velocity: Share
    heading: Share
    headingRate: Share
    position: Share
    rpm: Share
    rudder: Share
    current: Share
    onset: Share

    def action(self) -> None:
        lapse = self.lapse()
        if self.position.stamp is None:
            self.begin()
        if lapse > 0.0:
            current = (self.current["north"], self.current["east"])
            self.move(lapse, current)

    def begin(self) -> None:
        """Be where the vehicle starts."""
        self.position.update(self.onset.fields)

    def move(self, lapse: float, current: tuple[float, float]) -> None:
        """Write the motion of this turn."""
        before = Motion(self.speed.value, heading=self.heading.value)
        self.tell(sailed(before, self.rpm.value, self.rudder.value, current, lapse, self.parm.fields), lapse)

    def tell(self, found: Motion, lapse: float) -> None:
        """Write what every vehicle tells."""
        self.speed.value, self.speedRate.value = found.speed, found.speed_rate
        self.heading.value, self.headingRate.value = found.heading, found.heading_rate
        self.velocity.update({"north": found.north / lapse, "east": found.east / lapse})
        self.position.update({
            "north": self.position["north"] + found.north, "east": self.position["east"] + found.east,
        })  # fmt: skip


class Submarine(Vehicle):
    """A vehicle under water, with a depth, and a place on the globe."""

    depth: Share
    depthRate: Share
    pitch: Share
    pitchRate: Share
    altitude: Share
    location: Share
    stern: Share
    bottom: Share
    origin: Share

    def begin(self) -> None:
        super().begin()
        self.location.update(self.origin.fields)

    def move(self, lapse: float, current: tuple[float, float]) -> None:
        before = Motion(self.speed.value, heading=self.heading.value, pitch=self.pitch.value, depth=self.depth.value)
        rpm, rudder, stern = self.rpm.value, self.rudder.value, self.stern.value
        found = dived(before, rpm, rudder, stern, current, lapse, self.parm.fields)
        self.tell(found, lapse)
        self.pitch.value, self.pitchRate.value = found.pitch, found.pitch_rate
        self.depth.value, self.depthRate.value = found.depth, found.depth_rate
        self.altitude.value = self.bottom.value - found.depth
        lat, lon = moved_by(self.location["lat"], self.location["lon"], found.north, found.east)
        self.location.update({"lat": lat, "lon": lon})


ZERO = {"value": 0.0}
PLANE = {"north": 0.0, "east": 0.0}
GLOBE = {"lat": 0.0, "lon": 0.0}

_SURFACE = {
    **{name: Io(f".state.{name}", ZERO, own=True) for name in ("speed", "speedRate", "heading", "headingRate")},
    **{name: Io(f".state.{name}", PLANE, own=True) for name in ("velocity", "position")},
    **{name: Io(f".goal.{name}", ZERO) for name in ("rpm", "rudder")},
    **{name: Io(f".scenario.{name}", PLANE) for name in ("current", "onset")},
}
_DIVING = {
    **{name: Io(f".state.{name}", ZERO, own=True)
       for name in ("depth", "depthRate", "pitch", "pitchRate", "altitude")},
    "location": Io(".state.location", GLOBE, own=True),
    "stern": Io(".goal.stern", ZERO),
    "bottom": Io(".scenario.bottom", {"value": 50.0}),
    "origin": Io(".scenario.origin", GLOBE),
}  # fmt: skip


def _behavior(kind: str, make: type[Vehicle], parms: dict[str, float], ios: dict[str, Io]) -> Behavior:
    group = f".simulator.motion.{kind}"
    own = {"parm": Io(f"{group}.parm", parms), "elapsed": Io(f"{group}.elapsed", ZERO)}
    return Behavior(f"SimulatorMotion{kind.capitalize()}", make, {**own, **ios})


BEHAVIORS = (
    _behavior(
        "uuv", Submarine,
        {"rpmLimit": 1200.0, "sternLimit": 20.0, "rudderLimit": 20.0,
         "gs": 0.0022, "gpr": -0.4, "gpp": 0.0, "gdb": -0.1, "ghr": -0.4},
        {**_SURFACE, **_DIVING},
    ),
    _behavior(
        "usv", Vehicle, {"rpmLimit": 3000.0, "rudderLimit": 20.0, "gs": 0.0025, "ghr": -0.25}, _SURFACE,
    ),
)  # fmt: skip
