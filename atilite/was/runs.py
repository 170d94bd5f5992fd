"""The part of `was` that concerns the run a function belongs to."""

from __future__ import annotations

from typing import Any

from ..context import current_run


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

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        """Tell how far the run is: `progress(31, 500, "copying")`. Any thread; never blocks."""
        run = self._current()
        if run is not None:
            run.progress(done, total, text)
