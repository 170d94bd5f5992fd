"""Runs: one execution of a function, from its journal's opening to its durable end."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any

from atilite.automation import capture
from atilite.automation.failures import error_text, traceback_text
from atilite.automation.places import Places, unfinished
from atilite.automation.storage import Storage
from atilite.automation.values import stored_result
from atilite.context import current_journal, current_run
from atilite.errors import RunFailed, StoreError, TaskCancelled, TaskError, TaskTimeout
from atilite.events import Emitter
from atilite.lazily import is_asyncio_cancellation
from atilite.runtime.functions import Kind, kind_of
from atilite.runtime.promise import Promise
from atilite.runtime.timers import Timer

GRACE = 1.0

MAX_RETRY_DELAY = 3600.0


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be run, and how. Times are in seconds."""

    function: Callable[..., Any]
    operation: str
    description: str = ""
    kind: str = "function"
    wants_was: bool = False
    journal: bool = True
    timeout: float | None = None
    retries: int = 0
    retry_delay: float = 5.0
    labels: tuple[str, ...] = ()
    # The function whose own @app.journal joins this run instead of opening a second journal.
    innermost: Callable[..., Any] | None = None
    # Seconds that the function has to end by itself after it was asked to, before its run is closed all the same.
    grace: float = GRACE
    # For what never ends: a thread of its own, and an allowance of output that grows with time.
    endless: bool = False
    # plain, generator or async.
    shape: Kind = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", kind_of(self.function))

    def retry_after(self, attempt: int) -> float | None:
        """Seconds to wait after this failed attempt (the first is 1), doubled each time; None: no further attempt."""
        if attempt > self.retries:
            return None
        return float(min(self.retry_delay * 2 ** min(attempt - 1, 30), MAX_RETRY_DELAY))


@dataclass(frozen=True, slots=True)
class Ended:
    """What observers are told of a run's end, after it is durable. `duration` is in seconds."""

    id: int
    operation: str
    status: str
    error: str | None
    duration: float
    trigger: str
    who: str | None


class Run:
    """One execution. `id` is the number of its journal, negative if it has none.

    `status` is queued, running, succeeded, failed, cancelled, timed_out or interrupted.
    """

    __slots__ = ("arguments", "attempt", "context", "ending", "error", "id", "job", "joined", "left", "life", "output",
                 "promise", "report", "started", "status", "stopping", "timer", "trigger", "who", "work")  # fmt: skip

    def __init__(self, job: Job, arguments: dict[str, Any], trigger: str, who: str | None = None) -> None:
        self.job, self.arguments, self.trigger, self.who = job, arguments, trigger, who
        self.id = 0
        self.status = "queued"
        self.attempt = 1
        self.ending: str | None = None
        self.error: str | None = None
        self.joined = False
        self.started = 0.0
        self.output: capture.Output | None = None
        self.context: Context | None = None
        self.work: Promise[Any] | None = None
        self.left: Callable[[Promise[Any]], None] | None = None
        self.timer: Timer | None = None
        self.report: Callable[[float, float | None, str], None] | None = None
        # What the supervisor gives the run of a service.
        self.life: Any = None
        self.stopping: Promise[None] = Promise()
        # Settled after the end is durable.
        self.promise: Promise[Any] = Promise()

    @property
    def journaled(self) -> bool:
        return self.id > 0

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that its journal must not show."""
        return self.output.secrets if self.output is not None else ()

    @property
    def cancelled(self) -> bool:
        """Whether the function should end; a plain one has to look at it. Any thread."""
        return self.stopping.done

    def wait(self, seconds: float | None = None) -> bool:
        """Sleep for so long, but only until the function should end; True if it should. Blocks like `Task.fetch`."""
        try:
            self.stopping.wait(seconds)
        except TaskTimeout:
            return False
        return True

    def ready(self) -> None:
        """Say that a service declared with ready="explicit" does its work from now on."""
        if self.life is not None:
            self.life.ready()

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        """Tell how far the run is. Any thread, never blocks."""
        if self.report is not None:
            self.report(done, total, text)

    def __repr__(self) -> str:
        return f"<Run {self.id} of {self.job.operation!r}: {self.status}>"


class Runs:
    """Opens, executes and closes the runs of one app. Any thread unless a method says otherwise; nothing blocks.

    `make_was(run)` makes the helper handed to functions that want `was`. `opened` tells of each run before its function
    is called, `ended` of each durable end, `left` of each function that has really returned, which may be later. All
    tell in the thread where it happens.
    """

    def __init__(self, storage: Storage, make_was: Callable[[Run], object]) -> None:
        self._storage = storage
        self._clock = storage.clock
        self._make_was = make_was
        self._places = Places(lambda: storage.runtime)
        self._numbers = itertools.count(-1, -1)
        self.active: dict[int, Run] = {}
        self.opened: Emitter[Run] = Emitter()
        self.ended: Emitter[Ended] = Emitter()
        self.left: Emitter[Run] = Emitter()

    # -- opening and closing, for runs executed here or by the journal decorator

    def open(self, run: Run, public: Mapping[str, Any], secrets: tuple[str, ...] = (), waiting: bool = False) -> None:
        """Give `run` its number and, unless its job says no, its journal."""
        capture.install()
        job = run.job
        run.status = "queued" if waiting else "running"
        if job.journal:
            run.id = self._storage.journals.open(
                job.operation, description=job.description, kind=job.kind, trigger=run.trigger, who=run.who,
                parameters=dict(public), parent=current_journal.get(), labels=job.labels, status=run.status,
            )  # fmt: skip
            run.output = capture.Output(self._writer(run.id), secrets, self._clock if job.endless else None)
            run.report = functools.partial(self._storage.journals.set_progress, run.id)
        else:
            run.id = next(self._numbers)
            run.output = capture.Output(None, secrets)
        # Kept now: a queued run is launched by whoever leaves its lane, in a context that is none of its own.
        run.context = copy_context()
        run.started = self._clock.monotonic()
        self.active[run.id] = run
        self.opened.emit(run)

    def close(
        self, run: Run, status: str, value: Any = None, error: BaseException | None = None, *, here: bool = False
    ) -> bool:
        """End `run` once; False if it had ended. Its promise is settled when the end is durable.

        With `here` the calling thread may be the one that stores it; see `Journals.close`.
        """
        if self.active.pop(run.id, None) is None:
            return False
        run.status = status
        if run.timer is not None:
            run.timer.cancel()
        secrets = run.secrets
        if run.output is not None:
            run.output.close()
        if error is not None:
            run.error = capture.masked(error_text(error), secrets)
        duration = max(0.0, self._clock.monotonic() - run.started)

        def settle(_: Any, store_error: BaseException | None) -> None:
            self.ended.emit(Ended(run.id, run.job.operation, status, run.error, duration, run.trigger, run.who))
            run.promise.settle(value, store_error or error)

        if not run.journaled:
            settle(None, None)
        else:
            shown = capture.masked_data(stored_result(value), secrets) if value is not None else None
            trace = None if error is None else capture.masked(traceback_text(error), secrets)
            try:
                stored = self._storage.journals.close(
                    run.id, status, duration=duration, error=run.error, traceback=trace, result=shown, done=settle,
                    here=here,
                )  # fmt: skip
            except StoreError as refused:  # the database has been closed: whoever waits must not wait for ever
                settle(None, refused)
                return True
            if not stored:
                settle(None, None)
        return True

    def _writer(self, journal: int) -> capture.Write:
        journals = self._storage.journals

        def write(message: str, params: Mapping[str, Any], source: str, level: str | None) -> None:
            journals.record(journal, message, dict(params), source=source, level=level)

        return write

    # -- executing

    def launch(self, run: Run, left: Callable[[Promise[Any]], None] | None = None) -> None:
        """Start the function of an opened run, in the context in which it was opened.

        `left(promise)` is called when the function has really ended, whatever became of the run before.
        """
        run.left = left
        if run.status == "queued":
            run.status = "running"
            run.started = self._clock.monotonic()
            if run.journaled:
                self._storage.journals.start(run.id)
        if run.job.timeout is not None:
            run.timer = self._storage.runtime.loop.call_later(run.job.timeout, self.end_early, run, "timed_out")
        self._attempt(run)

    def _attempt(self, run: Run) -> None:
        if run.ending is not None:
            self._settled(run, Promise.failed(TaskCancelled("the run was ended before this attempt")))
            return
        assert run.context is not None
        run.context.copy().run(self._call, run)

    def _call(self, run: Run) -> None:
        current_run.set(run)
        if run.journaled:
            current_journal.set(run.id)
        run.joined = False
        job = run.job
        try:
            args = (self._make_was(run),) if job.wants_was else ()
            work = self._places.run(job.shape, job.function, args, run.arguments, endless=job.endless)
        except Exception as error:
            work = Promise.failed(error)
        self._watch(run, work)

    def _watch(self, run: Run, work: Promise[Any]) -> None:
        run.work = work
        work.on_done(lambda done: self._settled(run, done))
        if run.ending is not None:  # cancelled while it was being started
            work.cancel()

    def _settled(self, run: Run, work: Promise[Any]) -> None:
        error = work.error
        if unfinished(work.value) and run.context is not None and run.ending is None:
            self._watch(run, run.context.copy().run(self._places.follow, work.value))
            return
        if error is not None and run.ending is None and not _means_cancelled(error):
            delay = run.job.retry_after(run.attempt)
            if delay is not None and run.id in self.active:
                self._retry(run, error, delay)
                return
        status, failure = outcome(run, error)
        value = work.value if status == "succeeded" else None
        # Runs that end together are stored together, by the writer's thread; a single one is quicker without it.
        self.close(run, status, value, failure, here=self._places.alone())
        if run.left is not None:
            run.left(work)
        self.left.emit(run)

    def _retry(self, run: Run, error: BaseException, delay: float) -> None:
        secrets = run.secrets
        text = capture.masked(error_text(error), secrets)
        if run.output is not None:
            run.output.flush()
        if run.journaled:
            params = {
                "error": text,
                "retry in seconds": delay,
                "traceback": capture.masked(traceback_text(error), secrets),
            }
            attempts = run.job.retries + 1
            self._storage.journals.record(
                run.id, f"attempt {run.attempt} of {attempts} failed", params, source="log", level="warning"
            )
        run.attempt += 1
        pause: Promise[Any] = Promise()
        pause.on_done(lambda done: self._settled(run, done) if done.error else self._attempt(run))
        run.work = pause
        self._storage.runtime.loop.call_later(delay, pause.set, None)

    # -- ending early

    def end_early(self, run: Run, status: str = "cancelled") -> bool:
        """Ask the function to end and close its run with `status`, at the latest a moment later.

        A generator is closed and a coroutine cancelled, so that their `finally` blocks run; a plain function sees
        `was.cancelled` and otherwise goes on unheard. False if the run has ended already.
        """
        if run.id not in self.active:
            return False
        if run.ending is None:
            run.ending = status
        run.stopping.set(None)
        if run.work is None:  # still queued
            closed = self.close(run, run.ending, None, _early(run))
            self.left.emit(run)
            return closed
        run.work.cancel()
        if run.id in self.active:
            self._storage.runtime.loop.call_later(run.job.grace, self.close, run, run.ending, None, _early(run))
        return True

    def cancel(self, number: int) -> bool:
        """End the run of this number as cancelled; False if no such run is active."""
        run = self.active.get(number)
        return run is not None and self.end_early(run)

    def drain(self, deadline: float) -> list[int]:
        """Wait for the active runs, at most so many seconds; then close the rest as interrupted and return them.

        Blocks: in a thread or a greenlet, never on the bare hub.
        """
        empty: Promise[None] = Promise()
        stop = self.left.listen(lambda _: self.active or empty.set(None))
        try:
            if self.active:
                empty.wait(deadline)
        except TaskTimeout:
            rest = list(self.active.values())
            for run in rest:
                run.ending = run.ending or "interrupted"
                run.stopping.set(None)
                if run.work is not None:
                    run.work.cancel()
                self.close(run, run.ending, None, _early(run))
            return [run.id for run in rest]
        finally:
            stop()
            self._places.release()
        return []


def outcome(run: Run, error: BaseException | None) -> tuple[str, BaseException | None]:
    """Return the status and the error of a run whose function ended with `error`, None if it returned."""
    if run.ending is not None:
        return run.ending, _early(run)
    if error is None:
        return "succeeded", None
    if _means_cancelled(error):
        return "cancelled", RunFailed(f"{run.job.operation!r} was cancelled", run.id, "cancelled")
    # SystemExit and the like end the run, not whoever waits for it.
    if isinstance(error, TaskError) and error.__cause__ is not None and not isinstance(error.__cause__, Exception):
        error = error.__cause__
    if isinstance(error, Exception):
        return "failed", error
    return "failed", RunFailed(error_text(error), run.id, "failed").with_traceback(error.__traceback__)


def _means_cancelled(error: BaseException) -> bool:
    return isinstance(error, (TaskCancelled, GeneratorExit)) or is_asyncio_cancellation(error)


_EARLY = {
    "cancelled": "was cancelled",
    "timed_out": "took longer than its timeout",
    "interrupted": "was interrupted: the server stopped",
}


def _early(run: Run) -> RunFailed:
    status = run.ending or "cancelled"
    after = f" of {run.job.timeout:g} s" if status == "timed_out" and run.job.timeout is not None else ""
    return RunFailed(f"{run.job.operation!r} {_EARLY[status]}{after}", run.id, status)
