"""Runs: one execution of a function, from its journal's opening to its durable end."""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable, Mapping
from contextvars import copy_context
from typing import Any

from atilite.automation import capture
from atilite.automation.endings import Ended as Ended
from atilite.automation.endings import early, means_cancelled
from atilite.automation.endings import outcome as outcome
from atilite.automation.failures import error_text, traceback_text
from atilite.automation.places import Places, unfinished
from atilite.automation.run import Job as Job
from atilite.automation.run import Run as Run
from atilite.automation.storage import Storage
from atilite.automation.values import stored_result
from atilite.context import current_journal, current_run
from atilite.errors import StoreError, TaskCancelled, TaskTimeout
from atilite.events import Emitter
from atilite.runtime.promise import Promise
from atilite.store.followers import Follower, Followers


class Runs:
    """Opens, executes and closes the runs of one app. Any thread unless a method says otherwise; nothing blocks.

    `make_was(run)` makes the helper handed to functions that want `was`. `opened` tells of each run before its function
    is called, `ended` of each durable end, `left` of each function that has really returned, which may be later. All
    tell in the thread where it happens. `hidden()` are the texts that no journal may show.
    """

    def __init__(
        self, storage: Storage, make_was: Callable[[Run], object], hidden: Callable[[], tuple[str, ...]] = tuple
    ) -> None:
        self._storage = storage
        self._clock = storage.clock
        self._make_was, self.hidden = make_was, hidden
        self._places = Places(lambda: storage.runtime)
        self._numbers = itertools.count(-1, -1)
        self.active: dict[int, Run] = {}
        self.opened: Emitter[Run] = Emitter()
        self.ended: Emitter[Ended] = Emitter()
        self.left: Emitter[Run] = Emitter()
        # What an end of a run leads to, asked for before it is stored; None while nothing follows anything.
        self.leads: Callable[[Run, str], tuple[Follower, ...]] | None = None

    @property
    def followers(self) -> Followers:
        """What is to follow runs, as noted in their database."""
        return self._storage.database.part(Followers)

    # -- opening and closing, for runs executed here or by the journal decorator

    def open(self, run: Run, public: Mapping[str, Any], secrets: tuple[str, ...] = (), waiting: bool = False) -> None:
        """Give `run` its number and, unless its job says no, its journal."""
        capture.install()
        job = run.job
        run.status = "queued" if waiting else "running"
        if job.journal and run.follows is not None:
            run.opening = Promise()
        if job.journal:
            run.id = self._storage.journals.open(
                job.operation, description=job.description, kind=job.kind, trigger=run.trigger, who=run.who,
                parameters=capture.masked_data(dict(public), self.hidden()), parent=current_journal.get(),
                labels=job.labels, status=run.status, follows=run.follows,
                done=None if run.opening is None else run.opening.settle,
            )  # fmt: skip
            clock = self._clock if job.endless else None
            run.output = capture.Output(self._writer(run.id), secrets, clock, self.hidden)
            run.report = functools.partial(self._storage.journals.set_progress, run.id)
        else:
            run.id = next(self._numbers)
            run.output = capture.Output(None, secrets, None, self.hidden)
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
            self.ended.emit(Ended.of(run, status, duration))
            run.promise.settle(value, store_error or error)

        if not run.journaled:
            settle(None, None)
        else:
            shown = capture.masked_data(stored_result(value), secrets) if value is not None else None
            trace = None if error is None else capture.masked(traceback_text(error), secrets)
            leads = () if self.leads is None else self.leads(run, status)
            try:
                stored = self._storage.journals.close(
                    run.id, status, duration=duration, error=run.error, traceback=trace, result=shown, leads=leads,
                    done=settle, here=here,
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
        if run.opening is not None and not run.opening.done:
            # What follows another run is started once at most: that it has begun is durable before it does anything.
            run.opening.on_done(lambda _: self._storage.runtime.loop.call_soon(self._launch_opened, run))
            return
        if run.status == "queued":
            run.status = "running"
            run.started = self._clock.monotonic()
            if run.journaled:
                self._storage.journals.start(run.id)
        if run.job.timeout is not None:
            run.timer = self._storage.runtime.loop.call_later(run.job.timeout, self.end_early, run, "timed_out")
        self._attempt(run)

    def _launch_opened(self, run: Run) -> None:
        if run.id in self.active:  # nobody has ended it meanwhile
            self.launch(run, run.left)

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
        if error is not None and run.ending is None and not means_cancelled(error):
            delay = run.job.retry_after(run.attempt, random.random())
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
        if run.journaled:
            self._storage.journals.attempt(run.id, run.attempt)
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
            closed = self.close(run, run.ending, None, early(run))
            self.left.emit(run)
            return closed
        run.work.cancel()
        if run.id in self.active:
            self._storage.runtime.loop.call_later(run.job.grace, self.close, run, run.ending, None, early(run))
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
                self.close(run, run.ending, None, early(run))
            return [run.id for run in rest]
        finally:
            stop()
            self._places.release()
        return []
