"""A traceback from where the user's own code begins."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType

from atilite.errors import TaskCancelled, TaskError

OWN = f"{Path(__file__).parents[1]}/"


def from_user(trace: TracebackType | None) -> TracebackType | None:
    """Return the traceback from the first frame that is not atilite's own; all of it if there is none. Pure."""
    found = trace
    while found is not None and found.tb_frame.f_code.co_filename.startswith(OWN):
        found = found.tb_next
    return found or trace


def line_of(error: BaseException | None) -> str:
    """An error in one line."""
    text = str(error)
    return (
        f"{type(error).__name__}: {text}" if text and not isinstance(error, TaskError) else text or type(error).__name__
    )


def texts_of(error: BaseException | None) -> tuple[str | None, str | None]:
    """An error in one line, and its traceback; nothing of a cancellation."""
    if error is None or isinstance(error, TaskCancelled):
        return (None, None)
    shown = traceback.format_exception(type(error), error, from_user(error.__traceback__))
    return line_of(error), "".join(shown)
