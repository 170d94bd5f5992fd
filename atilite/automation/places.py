"""Where runs run: on threads of their own, apart from those of the tasks that they start."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from atilite.runtime.aio import Aio
from atilite.runtime.engine import Runtime
from atilite.runtime.executors import Threads
from atilite.runtime.kinds import run_function
from atilite.runtime.loop import Loop
from atilite.runtime.promise import Promise

# Runs that wait for tasks, or for other runs, must never take the last thread that these need: the threads are not
# those of tasks, and when all are busy a run gets a new one.
POOL = 32
MOST = 500


class Places:
    """Starts functions of runs. Any thread, never blocks."""

    def __init__(self, runtime: Callable[[], Runtime]) -> None:
        self._runtime = runtime

    @functools.cached_property
    def loop(self) -> Loop:
        return self._runtime().loop

    @property
    def aio(self) -> Aio:
        return self._runtime().aio

    @functools.cached_property
    def threads(self) -> Threads:
        return Threads(POOL, name="atilite-run")

    def run(
        self,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        endless: bool = False,
        active: int = 0,
    ) -> Promise[Any]:
        """Start `function` in the caller's context. `active` is how many runs there are now."""
        busy = self.threads.open >= POOL and active < MOST
        start: Literal["thread", "dedicated"] = "dedicated" if endless or busy else "thread"
        return run_function(function, args, kwargs, runtime=self, start=start)

    def release(self) -> None:
        """Let the threads end; a later run starts new ones."""
        threads = self.__dict__.pop("threads", None)
        if threads is not None:
            threads.stop(0.0)
