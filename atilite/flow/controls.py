"""What a tasker is told, and what it is then."""

from __future__ import annotations

from enum import StrEnum

STOP, START, RUN, ABORT, READY = CONTROLS = ("stop", "start", "run", "abort", "ready")


class Status(StrEnum):
    """What a tasker is. Aborted is final."""

    READIED = "readied"
    STARTED = "started"
    RUNNING = "running"
    STOPPED = "stopped"
    ABORTED = "aborted"


# Looked up in every turn of every framer, and a member of an enumeration takes longer to find.
RUNNING, STARTED, ABORTED = Status.RUNNING, Status.STARTED, Status.ABORTED
ALIVE = (RUNNING, STARTED)
# What a tasker is when it has done what it was told.
REACHED = {STOP: Status.STOPPED, START: STARTED, RUN: RUNNING, ABORT: ABORTED, READY: Status.READIED}
