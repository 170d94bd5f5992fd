"""Transactions: several statements on one connection, all or nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from ..errors import HubBlocked, QueryError, SetupError
from ..lazily import in_asyncio
from ..runtime.promise import Promise
from ..runtime.task import TIMEOUT, Task
from ..store.querying import Statement
from .pool import Lease, Pool


class Statements(ABC):
    """The words that begin a statement; `execute` is what a database or a transaction does with it."""

    @abstractmethod
    def execute(self, statement: Any, params: Any = (), **options: Any) -> Task:
        """Run a statement with its parameters."""

    def select(self, table: str) -> Statement:
        """Begin a select: `select("users").filter(age__gte=18).get("id, name").execute()`."""
        return Statement("select", table, self.execute)

    def insert(self, table: str) -> Statement:
        """Begin an insert: `insert("users").set(name="Ann").returning("id").execute()`."""
        return Statement("insert", table, self.execute)

    def update(self, table: str) -> Statement:
        """Begin an update: `update("users").set(name="Ann").filter(id=1).execute()`."""
        return Statement("update", table, self.execute)

    def delete(self, table: str) -> Statement:
        """Begin a delete: `delete("users").filter(id=1).execute()`."""
        return Statement("delete", table, self.execute)


class _InThread(Statements):
    """The transaction of a function: its statements run at once, in the function's own thread."""

    def __init__(self, driver: Any, session: Any) -> None:
        self._driver, self._session = driver, session
        self.failure: Exception | None = None

    def execute(self, statement: Any, params: Any = (), **options: Any) -> Task:
        """Run it now; the task has ended."""
        try:
            rows = self._session.execute(statement, params)
        except Exception as error:
            self.failure = self.failure or self._driver.told(error)
            return Task(Promise.failed(self._driver.told(error)), **options)
        return Task(Promise.completed(rows), **options)


def transacted(function: Callable[..., Any], args: tuple[Any, ...]) -> Callable[[Any, Any], Any]:
    """Work for a pool: `function(tx, *args)` between begin and commit. Its exception rolls back."""

    def work(driver: Any, session: Any) -> Any:
        session.begin()
        tx = _InThread(driver, session)
        # The pool rolls back what is left open, whatever ended this.
        value = function(tx, *args)
        if tx.failure is not None:
            raise _not_committed(driver.name, tx.failure)
        session.commit()
        return value

    return work


def _not_committed(alias: str, failure: BaseException) -> QueryError:
    error = QueryError(alias, f"rolled back, because a statement of the transaction failed: {failure}")
    error.__cause__ = failure
    return error


class Transaction(Statements):
    """`with was.db("@x").transaction() as tx`: its statements are tasks and run in the order of their making.

    The end of the block waits for all of them and commits; if one has failed, or the block raises, nothing has
    happened. Made in a thread or a coroutine; a coroutine yields the tasks as any other.
    """

    def __init__(
        self,
        pool: Pool,
        task: Callable[[Promise[Any], dict[str, Any]], Task],
        options: dict[str, Any],
        heard: Callable[[BaseException | None], None],
    ) -> None:
        """`task` makes the tasks; `heard` is told how each statement ended."""
        self._pool, self._task, self._options, self._heard = pool, task, options, heard
        self._seconds: float | None = options.get("timeout", TIMEOUT)
        self._lease: Lease | None = None
        self._began: Promise[Any] | None = None
        self._failure: BaseException | None = None

    def __enter__(self) -> Transaction:
        if in_asyncio():
            raise HubBlocked("the end of this block would stop the asyncio loop; write `async with`")
        return self._begin()

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        ended = self._end(commit=kind is None)
        if kind is None:
            ended.commit()

    async def __aenter__(self) -> Transaction:
        return self._begin()

    async def __aexit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        ended = self._end(commit=kind is None)
        if kind is None:
            await ended

    def execute(self, statement: Any, params: Any = (), **options: Any) -> Task:
        """Start a statement of the transaction, after those before it."""
        chosen = {**self._options, **options}
        seconds = chosen.setdefault("timeout", TIMEOUT)
        if isinstance(statement, Statement):
            statement = statement.clone()
        return self._task(self._run(lambda session: session.execute(statement, params), seconds), chosen)

    def _begin(self) -> Transaction:
        if self._lease is not None:
            raise SetupError("a transaction is one block; make another one with transaction()")
        self._lease = Lease(self._pool)
        self._began = self._run(lambda session: session.begin(), self._seconds)
        return self

    def _run(self, work: Callable[[Any], Any], seconds: float | None) -> Promise[Any]:
        if self._lease is None:
            raise SetupError("statements of a transaction go inside its block: with db.transaction() as tx")
        promise = self._lease.run(lambda session: self._noting(work, session), seconds)
        promise.on_done(self._note)
        return promise

    def _noting(self, work: Callable[[Any], Any], session: Any) -> Any:
        if self._failure is not None:
            raise _not_committed(self._pool.driver.name, self._failure)
        return work(session)

    def _note(self, ended: Promise[Any]) -> None:
        self._heard(ended.error)
        if ended.error is not None and self._failure is None:
            self._failure = ended.error

    def _end(self, commit: bool) -> Task:
        lease, self._lease = self._lease, None
        if lease is None:
            raise SetupError("this transaction has ended already")
        work = self._commit if commit else lambda session: session.rollback()
        promise = lease.run(work, self._seconds, last=True)
        if not commit:
            promise.on_done(lambda ended: ended.error)  # the block's own error is what is told
        return self._task(promise, {"timeout": self._seconds})

    def _commit(self, session: Any) -> None:
        if self._failure is not None:
            raise _not_committed(self._pool.driver.name, self._failure)
        session.commit()
