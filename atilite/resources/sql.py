"""The drivers of SQLite and PostgreSQL."""

from __future__ import annotations

import functools
import importlib
import math
import ssl as tls
from abc import ABC, abstractmethod
from typing import Any

from ..errors import AliasError, QueryError, ResourceError, TaskTimeout
from ..store.sqlsession import Fault, PostgresSession, SqliteSession, SqlSession, postgres_fault, sqlite_fault
from .aliases import Alias, Member
from .driver import IDLE_SECONDS, Lost, shown

# Seconds for making a connection where the call has no limit.
CONNECT_SECONDS = 10.0


def driver_module(alias: str, module: str, extra: str) -> Any:
    """Import a client library at its first use. Raises AliasError with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        remedy = f'its driver {module!r} cannot be loaded ({error}); pip install "atilite[{extra}]"'
        raise AliasError(alias, remedy) from error


def authorities(alias: Alias) -> str | None:
    """The file of certificates that the other side's must come from; None without TLS."""
    if not alias.ssl:
        return None
    if isinstance(alias.ssl, str):
        return alias.ssl
    found = tls.get_default_verify_paths().cafile
    if found is None:
        raise AliasError(alias.name, "the system has no file of certificates; give one: ssl='/path/ca.pem'")
    return found


class SqlDriver(ABC):
    """What both SQL databases have in common: their sessions know how to be cleaned, limited and stopped."""

    idle_seconds = IDLE_SECONDS

    def __init__(self, alias: Alias, member: Member) -> None:
        self.alias, self.member = alias, member
        self.name = alias.name

    def greet(self, session: SqlSession) -> None:  # noqa: B027 (for both)
        """The driver's `open` has done that, in its own limit."""

    def close(self, session: SqlSession) -> None:
        session.close()

    def usable(self, session: Any) -> bool:
        return bool(session.usable())

    def clean(self, session: SqlSession) -> bool:
        session.rollback()
        return not session.in_transaction

    def limit(self, session: SqlSession, seconds: float | None) -> None:
        session.limit(seconds)

    def interrupt(self, session: Any) -> None:
        session.interrupt()

    def sever(self, session: Any) -> None:
        session.sever()

    def told(self, error: Exception) -> Exception:
        fault = self.fault(error)
        if fault is None:
            return error
        text = shown(fault.text, self.member.password)
        if fault.kind == "time":
            return TaskTimeout(f"{self.name}: {text}")
        if fault.kind == "lost":
            return Lost(self.name, f"{self.member}: {text}")
        return QueryError(self.name, text, fault.constraint)

    @abstractmethod
    def fault(self, error: BaseException) -> Fault | None:
        """What an error of the client library means; None if it is none."""

    def stop(self) -> None:  # noqa: B027 (for both)
        """Nothing is shared."""


class Sqlite(SqlDriver):
    """Files of SQLite. `pragmas={"journal_mode": "wal"}` are set on each connection; foreign keys hold by default."""

    def __init__(self, alias: Alias, member: Member) -> None:
        super().__init__(alias, member)
        self._options = dict(alias.options)
        self._pragmas = self._options.pop("pragmas", {})
        if member.path == ":memory:":
            self.idle_seconds = math.inf  # its data go with the connection

    def open(self, seconds: float | None) -> SqliteSession:
        return SqliteSession(self.member.path, self._pragmas, **self._options)

    def fault(self, error: BaseException) -> Fault | None:
        return sqlite_fault(error)


class Postgres(SqlDriver):
    """PostgreSQL by psycopg 3; further options of the alias are those of `psycopg.connect`."""

    @functools.cached_property
    def _psycopg(self) -> Any:
        return driver_module(self.name, "psycopg", "postgres")

    def open(self, seconds: float | None) -> PostgresSession:
        _ = self._psycopg
        member = self.member
        if not member.path:
            raise AliasError(self.name, f"{member} names no database; write host/database")
        given = {"host": member.host, "port": member.port, "user": member.user, "password": member.password}
        options: dict[str, Any] = {name: value for name, value in given.items() if value}
        options["connect_timeout"] = max(2, math.ceil(seconds or CONNECT_SECONDS))
        options["application_name"] = "atilite"
        trusted = authorities(self.alias)
        if trusted is not None:
            options |= {"sslmode": "verify-full", "sslrootcert": trusted}
        return PostgresSession(member.path, **{**options, **self.alias.options})

    def fault(self, error: BaseException) -> Fault | None:
        return postgres_fault(error) if not isinstance(error, ResourceError) else None
