"""A traceback from where the user's own code begins."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

OWN = f"{Path(__file__).parents[1]}/"


def from_user(trace: TracebackType | None) -> TracebackType | None:
    """Return the traceback from the first frame that is not atilite's own; all of it if there is none. Pure."""
    found = trace
    while found is not None and found.tb_frame.f_code.co_filename.startswith(OWN):
        found = found.tb_next
    return found or trace
