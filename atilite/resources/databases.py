"""`was.db("@alias")`: statements and commands as tasks, at databases that are declared as aliases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import SetupError
from ..runtime.engine import Runtime
from ..runtime.promise import Promise
from ..runtime.task import TIMEOUT, Task
from ..store.querying import Statement, fingerprint
from .aliases import Aliases
from .balance import to_all
from .caching import CacheRule
from .inorder import InOrder
from .pool import Pool
from .servers import Servers, servers_of
from .transaction import Statements, Transaction, transacted

# What a call may be given beside the options of any task.
_OWN = ("use_cache", "rm_cache")


class Databases:
    """`db("@alias")` for one member by weight, `db.map("@alias")` for all of them. Any thread; never waits.

    Options, of these or of each call: `timeout` (seconds, 10 by default, for the wait and for the work itself),
    `meta`, `filter`, `callback`, `use_cache=name|[names]`, `rm_cache=name|[names]`.
    """

    def __init__(
        self, runtime: Runtime, aliases: Aliases, *, owner: object = None, setlu: Callable[[str], object] | None = None
    ) -> None:
        self._runtime, self._aliases, self._owner, self._setlu = runtime, aliases, owner, setlu

    def __call__(self, alias: str, **options: Any) -> Any:
        """The database behind `alias`: SqlDatabase or MethodDatabase. Raises AliasError for one that is unknown."""
        return self._opened(alias, options, to_members=False)

    lb = __call__

    def map(self, alias: str, **options: Any) -> Any:
        """The same, but each call goes to all members: a task whose data is the list of theirs."""
        return self._opened(alias, options, to_members=True)

    def _opened(self, alias: str, options: dict[str, Any], to_members: bool) -> _Calls:
        servers = servers_of(self._aliases, alias, self._runtime)
        kind = SqlDatabase if servers.speaks_sql else MethodDatabase
        return kind(_Sender(servers, self._runtime, self._owner, self._setlu, to_members), options)


class _Sender:
    """Makes a task of work for the members of one alias."""

    def __init__(
        self,
        servers: Servers,
        runtime: Runtime,
        owner: object,
        setlu: Callable[[str], object] | None,
        to_members: bool,
    ) -> None:
        self.servers, self.runtime = servers, runtime
        self._owner, self._setlu, self._to_members = owner, setlu, to_members
        self._submit: Callable[..., Promise[Any]] = servers.submit

    def in_order(self) -> _Sender:
        """Another one, whose calls run one after the other."""
        sender = _Sender(self.servers, self.runtime, self._owner, self._setlu, self._to_members)
        sender._submit = InOrder(self.servers).submit
        return sender

    def start(self, work: Callable[[Any, Any], Any], key: object, options: dict[str, Any]) -> Task:
        """Start `work(driver, connection)`. `key` tells equal work apart from other; None is never cached."""
        rule = CacheRule.of(options.pop("use_cache", None), options.pop("rm_cache", None))
        if self._to_members:
            if rule.used:
                raise SetupError("use_cache keeps the result of one member; it does not go with map")
            return to_all(
                self.servers.pools, lambda pool: self._one(self._told(work, rule), None, rule, {**options}, pool)
            )
        return self._one(self._told(work, rule), key, rule, options)

    def _one(
        self, work: Callable[..., Any], key: object, rule: CacheRule, options: dict[str, Any], pool: Pool | None = None
    ) -> Task:
        timeout = options.setdefault("timeout", TIMEOUT)
        if rule.used and key is not None:
            found, value = self.servers.cached.find(key, rule.used)
            if found:
                return self.task(Promise.completed(value), options)
            work = self.servers.cached.keeping(key, work)
        return self.task(self._submit(work, timeout, pool), options)

    def task(self, promise: Promise[Any], options: dict[str, Any]) -> Task:
        """A task of `promise` that belongs to whom the database was made for."""
        return self.runtime.task(promise, owner=self._owner, **options)

    def _told(self, work: Callable[[Any, Any], Any], rule: CacheRule) -> Callable[[Any, Any], Any]:
        if not rule.removed:
            return work
        if self._setlu is None:
            raise SetupError("rm_cache tells the apps, and this database belongs to none; use app.db or was.db")
        tell = self._setlu

        def call(driver: Any, connection: Any) -> Any:
            value = work(driver, connection)
            for name in rule.removed:
                tell(name)
            return value

        return call


class _Calls:
    """What databases of all kinds have: options for the calls, and `with`, which ends nothing."""

    def __init__(self, sender: _Sender, options: dict[str, Any]) -> None:
        self._sender, self._options = sender, options

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Nothing to release: connections belong to the pool."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._sender.servers.alias.name}>"


class SqlDatabase(_Calls, Statements):
    """SQLite or PostgreSQL."""

    def execute(self, statement: Any, params: Any = (), **options: Any) -> Task:
        """Start SQL with its parameters, a statement of `select` and the like, or a query of peewee.

        The data are rows with attribute access. SQLite's parameters are `?`, those of PostgreSQL `%s`. The task fails
        with QueryError, ResourceError or TaskTimeout.
        """
        chosen = {**self._options, **options}
        if isinstance(statement, Statement):
            statement = statement.clone()  # it may be changed before a thread comes to it
        key = fingerprint(statement, params) if chosen.get("use_cache") else None
        return self._sender.start(lambda _, session: session.execute(statement, params), key, chosen)

    def transaction(self, function: Callable[..., Any] | None = None, *args: Any, **options: Any) -> Any:
        """All or nothing: `transaction(function, *args)` is a task, `with transaction() as tx` a block.

        `function(tx, *args)` runs in a thread; its result is the data after the commit, an exception rolls back. In a
        block of a thread or a generator `tx` has the methods of this database; an `async def` writes `async with`.
        """
        chosen = {**self._options, **options}
        if function is not None:
            return self._sender.start(transacted(function, args), None, chosen)
        if any(chosen.pop(name, None) for name in _OWN):
            raise SetupError("use_cache and rm_cache go with transaction(function); in a block call setlu yourself")
        servers = self._sender.servers
        pool = servers.balance.pick()
        return Transaction(pool, self._sender.task, chosen, lambda error: servers.heard(pool, error))


class MethodDatabase(_Calls):
    """Redis, MongoDB or an interface of one's own: each method of the client is a task of what it returns.

    Those made in a `with` block run in the order of their making, others at the same time.
    """

    def __enter__(self) -> MethodDatabase:
        return MethodDatabase(self._sender.in_order(), self._options)

    def __getattr__(self, name: str) -> Callable[..., Task]:
        if name.startswith("_"):
            raise AttributeError(name)

        def method(*args: Any, **kwargs: Any) -> Task:
            chosen = dict(self._options)
            key = repr((name, args, sorted(kwargs.items()))) if chosen.get("use_cache") else None
            return self._sender.start(lambda driver, one: driver.call(one, name, args, kwargs), key, chosen)

        method.__name__ = name
        return method

    def run(self, function: Callable[..., Any], *args: Any) -> Task:
        """Call `function(client, *args)` in a thread with a connection of its own, for a pipeline and the like."""
        return self._sender.start(lambda driver, one: driver.using(one, function, args), None, dict(self._options))
