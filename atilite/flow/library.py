"""The behaviours that every plan may name."""

from __future__ import annotations

from atilite.flow import arbiters, controllers, detectors, filters, sensors, simulators
from atilite.flow.behaviors import Behaviors

MODULES = (simulators, controllers, sensors, filters, detectors, arbiters)


def standard() -> Behaviors:
    """The behaviours of the library, to which a plan's own may be added. Any thread.

    >>> standard()["ControllerPidDepth"].ios["rsp"].path
    '.goal.depth'
    """
    found = Behaviors()
    for module in MODULES:
        for behavior in module.BEHAVIORS:
            found.add(behavior)
    return found
