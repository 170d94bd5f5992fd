"""Detectors: whether a value or a place is where it should be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atilite.flow.behaviors import Behavior, Io
from atilite.flow.navigation import to_forward_starboard, wrapped
from atilite.flow.shares import Share


def in_box(north: float, east: float, parm: Mapping[str, Any]) -> dict[str, bool]:
    """On which sides of a box a place is outside; the edges are outside.

    `parm` has the middle of the box's bottom, `north east`, the azimuth `track` from there to its top, and its
    `length` and `width` in metres.
    """
    along, across = to_forward_starboard(parm["track"], north - parm["north"], east - parm["east"])
    half = abs(parm["width"]) / 2.0
    out = {
        "outtop": along >= parm["length"], "outbottom": along <= 0.0, "outleft": across <= -half,
        "outright": across >= half,
    }  # fmt: skip
    return {"inside": not any(out.values()), **out}


def turns(track: float, angle: float) -> dict[str, float]:
    """The headings of a turn to the left and one to the right of a track."""
    angle = abs(wrapped(angle))
    return {"turnleft": wrapped(track - angle), "turnright": wrapped(track + angle)}


def exceeded(value: float, low: float, high: float, before: bool) -> bool:
    """Whether a value is too high: from `high` on, until it is at `low` again."""
    return value > low if before else value >= high


def box(input: Share, output: Share, parm: Share) -> None:
    """Write where a position is, and where to turn."""
    values = parm.fields
    found = in_box(input["north"], input["east"], values)
    output.update({**found, **turns(values["track"], values["turn"])})


def threshold(input: Share, output: Share, parm: Share) -> None:
    """Write whether a value is too high; as long as there is none, nothing."""
    if input.value is not None:
        output.value = exceeded(input.value, parm["low"], parm["high"], bool(output.value))


SIDES = {"inside": False, "outtop": False, "outbottom": False, "outleft": False, "outright": False}

BEHAVIORS = (
    Behavior("DetectorPositionBox", box, {
        "output": Io(".box", {**SIDES, **turns(0.0, 45.0)}, own=True),
        "input": Io(".state.position", {"north": 0.0, "east": 0.0}),
        "parm": Io(".detector.position.box.parm", {
            "track": 0.0, "north": 0.0, "east": 0.0, "length": 10000.0, "width": 2000.0, "turn": 45.0,
        }),
    }, parametric=True),
    Behavior("DetectorThreshold", threshold, {
        "input": Io("input"), "output": Io("output", {"value": False}), "parm": Io("parm", {"low": 0.0, "high": 0.0}),
    }, inode=".detector.threshold", parametric=True),
)  # fmt: skip
