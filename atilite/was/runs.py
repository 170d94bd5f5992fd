"""The part of `was` that concerns the run a function belongs to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..context import current_run
from ..errors import TaskError


class RunFacet:
    """Progress and cancellation of the current run; outside of a run both do nothing."""

    def __init__(self, run: Any) -> None:
        self._run = run
        self._programs: set[Any] | None = None

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

    def ending(self, make: Callable[..., Any]) -> Callable[..., Any]:
        """Return `make`, whose tasks are cancelled when this run should end: unlike a thread a process can be ended."""
        if self._run is None:
            return make

        def made(*args: Any, **options: Any) -> Any:
            task = make(*args, **options)
            self._follow(task)
            return task

        return made

    def _follow(self, task: Any) -> None:
        if self._programs is None:
            programs: set[Any] = set()
            # Once for the run and not for each task: a service may start one a second, for months.
            self._run.stopping.on_done(lambda _: [program.cancel() for program in list(programs)])
            self._programs = programs
        self._programs.add(task)
        task.on_done(self._programs.discard)
        if self._run.cancelled:
            task.cancel()

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
