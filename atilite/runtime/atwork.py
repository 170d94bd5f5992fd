"""What the pools and the asyncio loop do at the moment, one task at a time. Nothing is kept for it: they know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from heapq import nsmallest
from typing import TYPE_CHECKING, NamedTuple

from atilite.context import current_run
from atilite.runtime.loop import describe

if TYPE_CHECKING:
    from atilite.runtime.aio import Aio, Job
    from atilite.runtime.executors import Call, Threads

# The kinds whose work is done elsewhere while a thread attends to it; that work can be stopped at any time.
ATTENDED = ("Process", "Subprocess")
COROUTINE = "async def"


class Working(NamedTuple):
    """One task that runs or waits. `id` names it as long as it does, `since` is a time of `time.monotonic`.

    `run` is the run that it is part of. `cancel()` asks for its end as the task's own would: False if nothing can be
    done about it, which is so when `stoppable` is not.
    """

    id: str
    kind: str
    name: str
    since: float
    running: bool
    run: object | None
    stoppable: bool
    cancel: Callable[[], bool]


def at_work(pools: Mapping[str, Threads], aio: Aio | None, most: int) -> tuple[list[Working], int]:
    """At most so many tasks, those that run first, each kind by its age; and how many there are. Any thread."""
    jobs = aio.jobs if aio is not None else []
    found, total = [_coroutine(job) for job in jobs[:most]], len(jobs)
    for kind, pool in pools.items():
        calls, there = pool.oldest(most)
        found += [_called(kind, call) for call in calls]
        total += there
    return nsmallest(most, found, key=lambda one: (not one.running, one.since)), total


def find(pools: Mapping[str, Threads], aio: Aio | None, id: str) -> Working | None:
    """The task of this id; None if it has ended."""
    kind, _, number = id.rpartition("-")
    if not (number.isascii() and number.isdigit() and len(number) < 19 and int(number)):
        return None
    for name, pool in pools.items():
        if _slug(name) == kind:
            call = pool.numbered(int(number))
            return None if call is None else _called(name, call)
    jobs = aio.jobs if aio is not None and kind == _slug(COROUTINE) else []
    return next((_coroutine(job) for job in jobs if job.number == int(number)), None)


def _slug(kind: str) -> str:
    return kind.lower().partition(" ")[0]


def _called(kind: str, call: Call) -> Working:
    id, run, running = f"{_slug(kind)}-{call.number}", call.context.get(current_run), call.begun
    if kind not in ATTENDED:
        return Working(id, kind, describe(call.work), call.since, running, run, not running, call.promise.cancel)
    attended = call.work.args[0]

    def cancel() -> bool:
        attended.cancel()
        return True

    return Working(id, kind, attended.watched_name, call.since, running, run, True, cancel)


def _coroutine(job: Job) -> Working:
    id, run = f"{_slug(COROUTINE)}-{job.number}", job.context.get(current_run)
    return Working(id, COROUTINE, job.name, job.since, True, run, True, job.promise.cancel)
