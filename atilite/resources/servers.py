"""What serves the alias of a database: a pool for each of its members, and which of them gets a call."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

from ..errors import AliasError, SetupError
from ..runtime.engine import Runtime
from ..runtime.promise import Promise, Work
from .aliases import DB_MONGODB, DB_PGSQL, DB_REDIS, DB_SQLITE3, Alias, Aliases, Member
from .balance import Balance
from .caching import Cached
from .driver import Driver, Lost, Unreachable
from .pool import Pool

# Where each driver lives; its module is loaded with the first use of such an alias.
_DRIVERS = {
    DB_SQLITE3: ("sql", "Sqlite"),
    DB_PGSQL: ("sql", "Postgres"),
    DB_REDIS: ("redis", "Redis"),
    DB_MONGODB: ("mongo", "Mongo"),
}
SQL = (DB_SQLITE3, DB_PGSQL)


def driver_of(alias: Alias, member: Member, interfaces: dict[str, type]) -> Driver:
    """Make the driver for one member. Raises AliasError where the alias is no database."""
    if alias.kind in interfaces:
        brought = importlib.import_module(".interfaces", __package__)
        made: Driver = brought.Brought(alias, member, interfaces[alias.kind])
        return made
    if alias.kind not in _DRIVERS:
        raise AliasError(alias.name, f"is declared as {alias.kind}, not as a database; use was.stub('{alias.name}')")
    module, name = _DRIVERS[alias.kind]
    made = getattr(importlib.import_module(f".{module}", __package__), name)(alias, member)
    return made


class Servers:
    """The members of one database alias. Any thread; nothing waits but `stop`."""

    def __init__(self, alias: Alias, runtime: Runtime, interfaces: dict[str, type]) -> None:
        self.alias = alias
        self.speaks_sql = alias.kind in SQL
        self.cached = Cached()
        in_memory = alias.kind == DB_SQLITE3 and ":memory:" in (member.path for member in alias.members)
        size = 1 if in_memory else alias.max_conns  # each connection would be a database of its own
        pools = [(Pool(driver_of(alias, member, interfaces), size, runtime), member.weight) for member in alias.members]
        self.balance = Balance(pools)

    @property
    def pools(self) -> list[Pool]:
        return self.balance.members

    def submit(self, work: Callable[[Any, Any], Any], seconds: float | None, pool: Pool | None = None) -> Promise[Any]:
        """Run `work(driver, connection)` at `pool`, or at the member whose turn it is.

        Where no connection can be made nothing has been sent, so the next member is tried.
        """
        if pool is not None:
            driver = pool.driver
            return pool.submit(lambda connection: work(driver, connection), seconds)
        if len(self.pools) == 1:
            return self.submit(work, seconds, self.pools[0])
        return _Attempt(self, work, seconds).promise

    def heard(self, pool: Pool, error: BaseException | None) -> None:
        """Tell how a call at `pool` ended, so that a member that has gone is avoided."""
        if isinstance(error, Lost):
            self.balance.failed(pool)
        else:
            self.balance.worked(pool)

    def stop(self, timeout: float) -> None:
        """Close all connections; wait at most so many seconds for what runs."""
        deadline = time.monotonic() + timeout
        for pool in self.pools:
            pool.stop(max(0.0, deadline - time.monotonic()))


class _Attempt:
    """One call that goes to another member where the first cannot be reached."""

    def __init__(self, servers: Servers, work: Callable[[Any, Any], Any], seconds: float | None) -> None:
        self._servers, self._work = servers, work
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._tried: list[Pool] = []
        self._running: Promise[Any] | None = None
        self.promise: Promise[Any] = Work(self._cancel)
        self._begin()

    def _begin(self) -> None:
        pool = self._servers.balance.pick(self._tried)
        self._tried.append(pool)
        left = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
        self._running = self._servers.submit(self._work, left, pool)
        self._running.on_done(lambda ended: self._ended(pool, ended))

    def _ended(self, pool: Pool, ended: Promise[Any]) -> None:
        error = ended.error
        self._servers.heard(pool, error)
        in_time = self._deadline is None or time.monotonic() < self._deadline
        if isinstance(error, Unreachable) and len(self._tried) < len(self._servers.pools) and in_time:
            self._begin()
        else:
            self.promise.settle(ended.value, error)

    def _cancel(self) -> bool | None:
        running = self._running
        if running is not None:
            running.cancel()
        return None


def servers_of(aliases: Aliases, name: str, runtime: Runtime) -> Servers:
    """What serves the alias `name`, made at its first use. Raises AliasError."""
    if not isinstance(name, str):
        raise SetupError(f"name an alias, such as was.db('@mydb'), not {name!r}")
    return aliases.opened(name, lambda alias: Servers(alias, runtime, aliases.interfaces))
