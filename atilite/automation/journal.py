"""`app.journal`: the story of each run, written while it happens and read afterwards."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Collection, Generator
from datetime import datetime
from typing import Any, TypeVar, overload

from atilite.automation.capture import masked_data, output_here, shown
from atilite.automation.naming import check_decorated, description_of, name_of
from atilite.automation.runs import Job, Run, Runs, outcome
from atilite.automation.storage import Storage, refuse_database
from atilite.automation.values import plain
from atilite.context import current_journal, current_run
from atilite.errors import SetupError
from atilite.events import Emitter
from atilite.runtime.functions import innermost, kind_of
from atilite.runtime.promise import Promise
from atilite.runtime.task import Task
from atilite.store.database import Database
from atilite.store.journals import Journals as StoredJournals
from atilite.store.runs import Filter

F = TypeVar("F", bound=Callable[..., Any])

log = logging.getLogger("atilite.journal")


class Journals:
    """Writes and reads journals; as a decorator it gives every call of a function one.

    All methods that read or write return tasks: `.fetch()`, `yield` or `await` them. A write is done whether or not
    anybody waits. `journal_updated` tells the number of each journal that was opened, changed or closed,
    `record_added` the number of each journal that got a record; both after it is durable. Any thread.
    """

    def __init__(self, database: Database | None = None) -> None:
        """`database` keeps these journals apart from the app's."""
        self._storage = Storage((lambda: database) if database is not None else refuse_database)
        self._apart, self._attached = database is not None, False
        self._runs = Runs(self._storage, _no_was)
        self.journal_updated: Emitter[int] = Emitter()
        self.record_added: Emitter[int] = Emitter()
        self._forwarding: list[Callable[[], None]] = []
        if self._apart:
            self._storage.when_opened(self._forward)

    def attach(self, storage: Storage, make_runs: Callable[[Storage], Runs]) -> Runs:
        """Belong to an app, whose `storage` is used unless these journals have a database of their own.

        Returns the runs made by `make_runs`, which write here; of several apps the first one's are used here as well.
        """
        runs = make_runs(self._storage if self._apart or self._attached else storage)
        if not self._attached:
            self._runs, self._attached = runs, True
            if not self._apart:
                self._storage = storage
                storage.when_opened(self._forward)
        return runs

    @property
    def storage(self) -> Storage:
        """Where these journals are kept."""
        return self._storage

    def _forward(self, journals: StoredJournals) -> None:
        pairs = ((journals.updated, self.journal_updated), (journals.recorded, self.record_added))
        self._forwarding = [source.listen(target.emit) for source, target in pairs]

    def close(self) -> None:
        """Tell nobody any more; subscribers still hear what has been until now."""
        for unlisten in self._forwarding:
            unlisten()
        for emitter in (self.journal_updated, self.record_added):
            emitter.close()

    # -- the decorator

    @overload
    def __call__(self, function: F, /) -> F: ...
    @overload
    def __call__(self, *, operation: str | None = None, description: str | None = None) -> Callable[[F], F]: ...
    def __call__(self, function: Any = None, *, operation: str | None = None, description: str | None = None) -> Any:
        """Give every call of the decorated function a journal: `@app.journal` or `@app.journal(operation="...")`.

        Arguments and result pass through, an exception is recorded and raised again. The call returns when its end is
        durable (on an event loop: at once). Where an action or a schedule runs the function, it has a journal
        already, and this one joins it.
        """

        def decorate(decorated: Callable[..., Any]) -> Callable[..., Any]:
            check_decorated("app.journal", "operation", decorated)
            return self._wrap(decorated, operation, description)

        return decorate if function is None else decorate(function)

    def _wrap(self, function: Callable[..., Any], operation: str | None, description: str | None) -> Callable[..., Any]:
        told = description_of(function) if description is None else description
        job = Job(function, operation or name_of(function), told, innermost=innermost(function))
        kinds = {"plain": self._plain, "generator": self._generator, "async": self._async}
        wrapper = kinds[kind_of(function)](function, job)
        wrapper.__atilite_operation__ = operation  # type: ignore[attr-defined]
        return wrapper

    def _plain(self, function: Callable[..., Any], job: Job) -> Callable[..., Any]:
        @functools.wraps(function)
        def journaled(*args: Any, **kwargs: Any) -> Any:
            if _joins(job):
                return function(*args, **kwargs)
            run = self._open(job)
            try:
                value = _within(run, function, *args, **kwargs)
            except BaseException as error:
                self._close(run, error, None)
                raise
            self._close(run, None, value)
            return value

        return journaled

    def _async(self, function: Callable[..., Any], job: Job) -> Callable[..., Any]:
        @functools.wraps(function)
        async def journaled(*args: Any, **kwargs: Any) -> Any:
            if _joins(job):
                return await function(*args, **kwargs)
            run = self._open(job)
            tokens = current_run.set(run), current_journal.set(run.id)
            try:
                value = await function(*args, **kwargs)
            except Exception as error:
                self._close(run, error, None)
                await _ended(run)
                raise
            except BaseException as error:  # cancelled or thrown away: nobody may wait any more
                self._close(run, error, None)
                raise
            finally:
                current_run.reset(tokens[0])
                current_journal.reset(tokens[1])
            self._close(run, None, value)
            await run.promise
            return value

        return journaled

    def _generator(self, function: Callable[..., Any], job: Job) -> Callable[..., Any]:
        @functools.wraps(function)
        def journaled(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            if _joins(job):
                return (yield from function(*args, **kwargs))
            run = self._open(job)
            try:
                value = yield from _stepped(run, function(*args, **kwargs))
            except BaseException as error:
                self._close(run, error, None)
                raise
            self._close(run, None, value)
            return value

        return journaled

    def _open(self, job: Job) -> Run:
        run = Run(job, {}, "call", None)
        run.joined = True  # a call of itself within is another run
        self._runs.open(run, {})
        return run

    def _close(self, run: Run, error: BaseException | None, value: Any) -> None:
        """End a run; returns when that is durable, on an event loop at once. Raises StoreError if it was to succeed."""
        status, failure = outcome(run, error)
        self._runs.close(run, status, value, failure)
        self._storage.settle(run.promise)
        if error is None and run.promise.done:
            run.promise.result()

    # -- within a run

    @property
    def current(self) -> int | None:
        """The number of the journal that this code writes to, None outside of any run."""
        return current_journal.get()

    def record(self, message: str, /, **events: Any) -> Task:
        """Add a record to the current journal: a short message and any number of named values.

        A value is JSON, a pydantic model or a dataclass; anything else is a TypeError here, more than a million
        characters of it a ValueError, and nothing is stored.
        Outside of a run it only logs a warning. The task's result is the record's number.
        """
        journal = current_journal.get()
        fields = {name: plain(value) for name, value in events.items()}
        if journal is None and (line := _remote()) is not None:
            line.record(message, **fields)
            return Task.completed(None)
        if journal is None:
            log.warning("record %r was made outside of any run, so no journal has it", message)
            return Task.completed(None)
        message, fields = _masked(message), _masked(fields)
        journals = self._storage.journals
        task = self._storage.write(lambda done: journals.record(journal, message, fields, done=done))
        if shown(log, logging.INFO):
            log.info("%s", message, extra={"in_journal": True})
        return task

    def labels(self, *labels: str) -> Task:
        """Put labels on the current journal; those that it has are ignored. Outside of a run it only logs a warning."""
        journal = current_journal.get()
        if journal is None and (line := _remote()) is not None:
            line.labels(*labels)
            return Task.completed(None)
        if journal is None:
            log.warning("labels %r were set outside of any run, so no journal has them", labels)
            return Task.completed(None)
        told = tuple(_masked(label) for label in labels)
        return self._storage.write(lambda done: self._storage.journals.label(journal, told, done=done))

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        """Tell how far the current run is, for the progress bar. It is kept in memory only."""
        journal = current_journal.get()
        if journal is not None:
            self._storage.journals.set_progress(journal, done, total, _masked(text))
        elif (line := _remote()) is not None:
            line.progress(done, total, text)

    # -- reading

    def get(self, journal: int) -> Task:
        """The journal of this number with its records, newest first; None if there is none."""
        return self._storage.read(lambda: self._storage.journals.get(journal))

    def headline(self, journal: int) -> Task:
        """The journal of this number without its records; None if there is none."""
        return self._storage.glance(lambda: self._storage.journals.headline(journal))

    def history(self, offset: int = 0, limit: int = 20) -> Task:
        """Headlines, newest first."""
        return self.search(offset=offset, limit=limit)

    def search(
        self,
        operation: str | None = None,
        failed: bool | None = None,
        pending: bool | None = None,
        labels: Collection[str] | None = None,
        offset: int = 0,
        limit: int = 20,
        *,
        status: str | None = None,
        trigger: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        text: str | None = None,
        before: int | None = None,
        parent: int | None = None,
    ) -> Task:
        """Headlines that meet all conditions given, newest first.

        `failed` is whether it has an error, `pending` whether it has not ended, `labels` at least one of which it
        has, `parent` the run within which it was started. For later pages `before`, the last number of the page
        before, stays fast where `offset` does not.
        """
        wanted = Filter(
            operation=operation, failed=failed, pending=pending, labels=tuple(labels or ()), status=status,
            trigger=trigger, since=since, until=until, text=text, parent=parent,
        )  # fmt: skip
        return self._storage.read(
            lambda: self._storage.journals.search(wanted, before=before, limit=limit, offset=offset)
        )

    def remove_dead(self) -> Task:
        """Remove every journal that never ended, with its records and labels. Call it before any run starts."""
        return self._storage.write(lambda done: self._storage.journals.remove_dead(done=done))


def _remote() -> Any | None:
    """The line to the run of this code, if that is one of another process; see runtime.isolated."""
    run = current_run.get()
    return run if getattr(run, "remote", False) else None


def _masked(told: Any) -> Any:
    """What the run of this code tells, without its secrets."""
    output = output_here()
    secrets = output.secrets if output is not None else ()
    return masked_data(told, secrets) if secrets else told


def _joins(job: Job) -> bool:
    """Whether this call is the one that the surrounding run is about; True once per run."""
    run = current_run.get()
    if not isinstance(run, Run):
        return _remote() is not None  # the run is that of an action over there, and its journal is too
    if run.joined or run.job.innermost is not job.innermost or not run.journaled:
        return False
    run.joined = True
    return True


def _within(run: Run, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call `function` with `run` as the current one."""
    tokens = current_run.set(run), current_journal.set(run.id)
    try:
        return function(*args, **kwargs)
    finally:
        current_run.reset(tokens[0])
        current_journal.reset(tokens[1])


def _stepped(run: Run, generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Pass a generator through; each of its steps, and only those, have `run` as the current one."""
    step: Callable[..., Any] = generator.send
    argument: Any = None
    while True:
        try:
            yielded = _within(run, step, argument)
        except StopIteration as stop:
            return stop.value
        try:
            argument, step = (yield yielded), generator.send
        except BaseException as error:  # whatever is thrown in, GeneratorExit too, is the inner generator's to handle
            argument, step = error, generator.throw


async def _ended(run: Run) -> None:
    ended: Promise[None] = Promise()
    run.promise.on_done(lambda _: ended.set(None))
    await ended


def _no_was(run: Run) -> object:
    raise SetupError(f"{run.job.operation!r} wants was, and there is no app to make it")
