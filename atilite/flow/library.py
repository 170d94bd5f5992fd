"""The behaviours that every plan may name."""

from __future__ import annotations

from typing import Any

from atilite.flow import arbiters, controllers, detectors, estimators, filters, sensors, simulators
from atilite.flow.behaviors import Behavior, Behaviors

MODULES = (simulators, controllers, sensors, filters, estimators, detectors, arbiters)
# What stands where a behaviour is still to come: it has whatever a plan gives it, and does nothing.
IDLE = ("Doer", "DoerParam", "DoerSince", "DoerLapse")


def standard() -> Behaviors:
    """The behaviours of the library, to which a plan's own may be added. Any thread.

    >>> standard()["ControllerPidDepth"].ios["rsp"].path
    '.goal.depth'
    """
    found = Behaviors()
    for module in MODULES:
        for behavior in module.BEHAVIORS:
            found.add(behavior)
    for name in IDLE:
        found.add(Behavior(name, _idle, parametric=True))
    return found


def _idle(**given: Any) -> None:
    """Do nothing with it."""
