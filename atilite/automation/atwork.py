"""What runs or waits in this process at the moment: the runs, and the tasks that they and others have started."""

from __future__ import annotations

from heapq import nsmallest
from time import monotonic

from atilite.automation.catalogue import Catalogue
from atilite.automation.run import Run
from atilite.quickly import dataclass
from atilite.runtime.atwork import COROUTINE, Working
from atilite.runtime.engine import Runtime
from atilite.runtime.functions import innermost
from atilite.runtime.loop import describe
from atilite.store.runs import Progress

MOST = 50
RUN = "Run"


@dataclass(frozen=True, slots=True)
class Doing:
    """A run or a task. `id` names it as long as it goes on, `lasting` is in seconds.

    `run` is the run that it is, or is part of, if that one has a journal. What is not `stoppable` has begun on a
    thread, which nobody can stop from outside, or is a run without a journal, which has no name of its own.
    """

    id: str
    kind: str
    name: str
    lasting: float
    running: bool
    run: int | None
    progress: Progress | None
    stoppable: bool


def at_work(catalogue: Catalogue, runtime: Runtime, most: int = MOST) -> tuple[list[Doing], int]:
    """At most so many of them, those that run first, each kind by its age, and how many more there are. Any thread."""
    now, runs = monotonic(), catalogue.active
    tasks, total = runtime.at_work(most)
    own = [_task(one, now) for one in tasks if not _is_run(one)]
    found = [*own, *(_run(catalogue, run, seconds) for run, seconds in runs)]
    shown = nsmallest(most, found, key=lambda one: (not one.running, -one.lasting))
    return shown, total - len(tasks) + len(found) - len(shown)


def cancel(catalogue: Catalogue, runtime: Runtime, id: str) -> tuple[str, bool] | None:
    """Ask a run or a task to end: its name, and whether anything could be done; None if it has ended. Any thread."""
    for run, _ in catalogue.active:
        if run.journaled and id == _id(run):
            return run.job.operation, catalogue.cancel(run.id)
    found = runtime.working(id)
    return None if found is None else (found.name, found.cancel())


def _run(catalogue: Catalogue, run: Run, seconds: float) -> Doing:
    number, running = run.id if run.journaled else None, run.status == "running"
    progress = catalogue.journals.progress(run.id) if running else None
    return Doing(_id(run), RUN, run.job.operation, seconds, running, number, progress, run.journaled)


def _id(run: Run) -> str:
    return f"{RUN.lower()}-{run.id}"


def _task(one: Working, now: float) -> Doing:
    run = one.run
    number = run.id if isinstance(run, Run) and run.journaled else None
    return Doing(one.id, one.kind, one.name, now - one.since, one.running, number, None, one.stoppable)


def _is_run(one: Working) -> bool:
    """Whether it is the function of a run itself, which is told of as that run."""
    return one.kind == COROUTINE and isinstance(one.run, Run) and one.name == describe(innermost(one.run.job.function))
