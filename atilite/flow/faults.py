"""What becomes of a framer whose behaviour has failed."""

from __future__ import annotations

from typing import Any

from atilite.flow.controls import RUNNING, STOP, Status
from atilite.flow.frames import Fault, Framer
from atilite.flow.house import House
from atilite.flow.model import Go, Line


def fall(house: House, tasker: Framer, fault: Fault) -> None:
    """End the turn in which a behaviour has failed: its framer goes to the frame that is named for that, or stops.

    A behaviour of an auxiliary fails the framer that runs it.
    """
    target = tasker.frames.get(tasker.decl.on_fault)
    fault.settled = target is not None
    house.tell_fault(fault)
    if target is not None:
        near = fault.frame if fault.framer is tasker else tasker.active or tasker.first
        place = tasker.decl.place._replace(text=f"on fault {target.name}")
        try:
            house.moved(tasker, near, target, Line("precur", Go(target.name), place))
            tasker.force(target)
            tasker.recur()
            tasker.status = RUNNING
            return
        except Exception as another:  # that frame fails as well, and nothing is left but to stop
            house.tell_fault(fault_of(tasker, another))
    try:
        tasker.exit_all()
    except Exception as another:  # here the framer has ended
        house.tell_fault(fault_of(tasker, another))
    house.tell("stop", tasker.name)
    tasker.desire, tasker.status = STOP, Status.STOPPED


def fallen(framer: Framer) -> bool:
    """Whether a fault has ended it, or those who run it."""
    return framer.fault is not None and not framer.fault.settled


def fault_of(tasker: Any, error: Exception) -> Fault:
    """The fault of a framer; of an error that is none itself, in the frame that is active."""
    if isinstance(error, Fault):
        return error
    if not isinstance(tasker, Framer):
        raise error
    frame = tasker.active or tasker.first
    return Fault(tasker, frame, frame.place, error)
