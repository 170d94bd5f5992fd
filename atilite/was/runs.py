"""The part of `was` that concerns the run a function belongs to."""

from __future__ import annotations

from typing import Any

from ..context import current_run
from ..errors import TaskError


class RunFacet:
    """Progress and cancellation of the current run; outside of a run both do nothing."""

    def __init__(self, run: Any) -> None:
        self._run = run

    def _current(self) -> Any:
        return self._run if self._run is not None else current_run.get()

    @property
    def cancelled(self) -> bool:
        """True once somebody wants this run to end. Any thread."""
        run = self._current()
        return bool(run is not None and run.cancelled)

    def wait(self, seconds: float | None = None) -> bool:
        """Sleep for so long, but only until somebody wants this run to end; True if so. Not on the bare hub."""
        run = self._current()
        if run is None:
            raise TaskError("was.wait() sleeps inside an action or a service; elsewhere use was.Sleep(seconds)")
        return bool(run.wait(seconds))

    def ready(self) -> None:
        """Say that a service declared with ready="explicit" does its work from now on. Any thread."""
        run = self._current()
        if run is not None:
            run.ready()

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        """Tell how far the run is: `progress(31, 500, "copying")`. Any thread; never blocks."""
        run = self._current()
        if run is not None:
            run.progress(done, total, text)
