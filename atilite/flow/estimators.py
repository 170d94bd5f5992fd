"""Estimators: where a vehicle is, by its own reckoning and what its sensors tell now and then."""

from __future__ import annotations

from atilite.flow.behaviors import Behavior, Io
from atilite.flow.lapses import Lapsing
from atilite.flow.navigation import sigmoid, to_forward_starboard, to_north_east
from atilite.flow.shares import Share


def corrected(estimate: float, fix: float, upsilon: float, scale: float) -> float:
    """The estimate after a fix: one that differs little is within the fix's own error and counts for little."""
    return estimate + (fix - estimate) * sigmoid(fix - estimate, upsilon, scale)


def drifting(bias: float, correction: float, lapse: float, gain: float) -> float:
    """The mean drift in m/s, after a correction in metres, `lapse` seconds (more than 0) after the last."""
    return (1.0 - gain) * bias + gain * correction / lapse


class Position(Lapsing):
    """Reckons the position by doppler log, or by heading, speed and current; and corrects it by gps."""

    parm: Share
    position: Share
    drPosition: Share
    drBias: Share
    speed: Share
    heading: Share
    current: Share
    dvlVelocity: Share
    gpsPosition: Share

    def restart(self) -> None:
        """Begin now: what the sensors told before is old."""
        super().restart()
        self._reckoned = self._logged = self._fixed = self.elapsed.store.stamp or 0.0

    def action(self) -> None:
        self.lapse()
        now = self.elapsed.store.stamp or 0.0
        logged, fixed = _is_newer(self.dvlVelocity, self._logged), _is_newer(self.gpsPosition, self._fixed)
        stale = now - max(self._logged, self._fixed) >= self.parm["stale"]
        lapse = now - self._reckoned
        if lapse <= 0.0 or not (logged or fixed or stale):
            return
        north, east = self._velocity(logged)
        way = {"north": north * lapse, "east": east * lapse}
        self._reckoned = now
        if logged:
            self._logged = now
        self.drPosition.update({axis: self.drPosition[axis] + way[axis] for axis in way})
        reckoned = {axis: self.position[axis] + way[axis] for axis in way}
        self.position.update(self._by_fix(reckoned, now) if fixed else reckoned)

    def _velocity(self, logged: bool) -> tuple[float, float]:
        heading = self.heading.value
        if logged:
            return to_north_east(heading, self.dvlVelocity["forward"], self.dvlVelocity["starboard"])
        north, east = to_north_east(heading, self.speed.value, 0.0)
        return north + self.current["north"], east + self.current["east"]

    def _by_fix(self, reckoned: dict[str, float], now: float) -> dict[str, float]:
        parm, lapse = self.parm.fields, now - self._fixed
        self._fixed = now
        fix = self.gpsPosition
        found = {axis: corrected(value, fix[axis], parm["upsilon"], parm["scale"]) for axis, value in reckoned.items()}
        forward, starboard = to_forward_starboard(
            self.heading.value, found["north"] - reckoned["north"], found["east"] - reckoned["east"]
        )
        bias, gain = self.drBias, parm["gain"]
        bias.update({
            "forward": drifting(bias["forward"], forward, lapse, gain),
            "starboard": drifting(bias["starboard"], starboard, lapse, gain),
        })  # fmt: skip
        return found


def _is_newer(share: Share, stamp: float) -> bool:
    return share.stamp is not None and share.stamp > stamp


ZERO = {"value": 0.0}
PLANE = {"north": 0.0, "east": 0.0}
BODY = {"forward": 0.0, "starboard": 0.0}

BEHAVIORS = (
    Behavior("EstimatorPositionNfl", Position, {
        "parm": Io(".estimator.position.nlf.parm", {"upsilon": 5.0, "scale": 2.0, "gain": 0.01, "stale": 1.0}),
        "elapsed": Io(".estimator.position.nlf.elapsed", ZERO),
        "position": Io(".nlf.position", PLANE, own=True), "drPosition": Io(".dr.position", PLANE, own=True),
        "drBias": Io(".dr.bias", BODY, own=True), "speed": Io(".state.speed", ZERO),
        "heading": Io(".heading.output", ZERO), "current": Io(".dvl.current", PLANE),
        "dvlVelocity": Io(".dvl.velocity", BODY), "gpsPosition": Io(".gps.position", PLANE),
    }),
)  # fmt: skip
