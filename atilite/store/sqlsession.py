"""One connection to somebody's SQL database, SQLite or PostgreSQL, spoken to through peewee.

A session is used by one thread at a time; only `interrupt` and `sever` come from another one.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from peewee import Node, PeeweeException, PostgresqlDatabase, SqliteDatabase

from atilite.store.querying import Statement
from atilite.store.rows import Row, Rows, rows_of

# Seconds that a request to stop a statement may take itself.
CANCEL_SECONDS = 2.0


class Fault(NamedTuple):
    """What an error of a driver means: the connection was "lost", its "time" was over, or the statement "refused"."""

    kind: Literal["lost", "time", "refused"]
    text: str
    constraint: str | None = None


class _Sqlite(SqliteDatabase):
    connection: Any

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        return self.connection().execute(sql, _plain(params or ()))


class _Postgres(PostgresqlDatabase):
    connection: Any

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        # Without parameters a "%" in the text is a "%".
        return self.connection().execute(sql, params or None)


def _plain(params: Any) -> Any:
    if isinstance(params, Mapping):
        return {name: _storable(value) for name, value in params.items()}
    return [_storable(value) for value in params]


def _storable(value: Any) -> Any:
    """What SQLite has no type for, as text."""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value) if isinstance(value, (dict, list)) else value


class SqlSession(ABC):
    """What both kinds of session do. Every method blocks but `sever`."""

    database: Any

    def __init__(self) -> None:
        self._limit: float | None = -1.0

    def execute(self, statement: Any, params: Any = ()) -> Any:
        """Run SQL with its parameters, a Statement, or a query of peewee, and return its rows.

        Queries of models give what peewee gives: instances, or what `dicts()` and the like ask for; writes without
        `returning` a number.
        """
        if isinstance(statement, Node):
            return self._queried(statement)
        if isinstance(statement, Statement):
            statement, params = self.database.get_sql_context().sql(statement.node()).query()
        cursor = self.database.execute_sql(statement, params)
        if cursor.description is None:
            return Rows((), cursor.rowcount, getattr(cursor, "lastrowid", None))
        columns = [column[0] for column in cursor.description]
        return Rows(rows_of(columns, cursor.fetchall()), cursor.rowcount)

    def _queried(self, query: Any) -> Any:
        # A copy, for a query keeps the result of its first execution.
        found = query.clone().execute(self.database)
        if isinstance(found, (int, str)) or found is None:
            return found
        return Rows(Row(one) if type(one) is dict else one for one in found)

    def limit(self, seconds: float | None) -> None:
        """How long each of the next statements may take; None: for ever."""
        if seconds != self._limit:
            self._set_limit(seconds)
            self._limit = seconds

    def begin(self) -> None:
        """Begin a transaction."""
        self.database.execute_sql("BEGIN")

    def commit(self) -> None:
        """End it for good."""
        self.database.execute_sql("COMMIT")

    def rollback(self) -> None:
        """End it as if it had not been; nothing if there is none."""
        if self.in_transaction:
            self.database.execute_sql("ROLLBACK")

    def close(self) -> None:
        """End the connection; an open transaction is rolled back by that."""
        self.database.connection().close()
        self.database.dispose()

    @property
    @abstractmethod
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""

    @abstractmethod
    def _set_limit(self, seconds: float | None) -> None:
        """Tell the database how long a statement may take."""


class SqliteSession(SqlSession):
    """A connection to a file of SQLite. A statement waits for another writer as long as its limit."""

    def __init__(self, path: str, pragmas: Mapping[str, Any], **options: Any) -> None:
        """Opens it; a file that is missing is made. Raises sqlite3.Error."""
        super().__init__()
        chosen = {"foreign_keys": 1, **pragmas}
        self.database = _Sqlite(
            path, pragmas=chosen, thread_safe=False, check_same_thread=False, uri=path.startswith("file:"), **options
        )
        self._connection = self.database.connection()

    def begin(self) -> None:
        """Begin a transaction that writes: two that only read before they write would refuse each other."""
        self.database.execute_sql("BEGIN IMMEDIATE")

    @property
    def in_transaction(self) -> bool:
        return bool(self._connection.in_transaction)

    def usable(self) -> bool:
        """A file does not go away."""
        return True

    def interrupt(self) -> None:
        """Make the running statement fail. Any thread."""
        self._connection.interrupt()

    sever = interrupt

    def _set_limit(self, seconds: float | None) -> None:
        milliseconds = 2**31 - 1 if seconds is None else max(1, int(seconds * 1000))
        self._connection.execute(f"PRAGMA busy_timeout = {milliseconds:d}")


class PostgresSession(SqlSession):
    """A connection to PostgreSQL by psycopg 3, in autocommit mode. The server itself ends statements at the limit."""

    def __init__(self, database: str, **options: Any) -> None:
        """Opens it: `options` are those of `psycopg.connect`. Raises psycopg.Error."""
        from psycopg.types.json import JsonbDumper

        super().__init__()
        self.database = _Postgres(database, prefer_psycopg3=True, thread_safe=False, **options)
        self._connection = self.database.connection()
        self._connection.adapters.register_dumper(dict, JsonbDumper)

    @property
    def in_transaction(self) -> bool:
        return not self._connection.closed and self._connection.info.transaction_status.name != "IDLE"

    def usable(self) -> bool:
        """Whether the server has not gone since; a look at the socket, no round trip."""
        if self._connection.closed:
            return False
        # An idle server says nothing; if there is something to read, it is most often the end.
        poll = select.poll()
        poll.register(self._connection.fileno(), select.POLLIN)
        return not poll.poll(0)

    def interrupt(self) -> None:
        """Ask the server to stop the running statement. Any thread; takes up to CANCEL_SECONDS."""
        self._connection.cancel_safe(timeout=CANCEL_SECONDS)

    def sever(self) -> None:
        """Make whoever waits for the server fail at once. Any thread; does not block."""
        if not self._connection.closed:
            # Of a copy, so that the driver still owns its descriptor.
            with socket.socket(fileno=os.dup(self._connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)

    def _set_limit(self, seconds: float | None) -> None:
        milliseconds = 0 if seconds is None else max(1, int(seconds * 1000))
        self._connection.execute(f"SET statement_timeout = {milliseconds:d}")


def _of_driver(error: BaseException) -> BaseException:
    """The driver's own error inside one of peewee's, which come from making a connection."""
    inner = getattr(error, "orig", None) if isinstance(error, PeeweeException) else None
    return inner if isinstance(inner, Exception) else error


def sqlite_fault(error: BaseException) -> Fault | None:
    """What an error of SQLite means; None if it is none. Pure."""
    error = _of_driver(error)
    text = str(error)
    if isinstance(error, sqlite3.IntegrityError):
        return Fault("refused", text, text.partition(": ")[2] or text)
    if isinstance(error, sqlite3.OperationalError) and text == "interrupted":
        return Fault("time", text)
    if isinstance(error, sqlite3.OperationalError) and "locked" in text:
        return Fault("refused", f"{text}: another connection was writing all the time")
    if isinstance(error, sqlite3.OperationalError) and "unable to open" in text:
        return Fault("lost", f"{text}; does its folder exist, and may this user write there?")
    if isinstance(error, sqlite3.DatabaseError) and "not a database" in text:
        return Fault("lost", text)
    return Fault("refused", text) if isinstance(error, sqlite3.Error) else None


def postgres_fault(error: BaseException) -> Fault | None:
    """What an error of psycopg means; None if it is none. Pure."""
    import psycopg

    error = _of_driver(error)
    if not isinstance(error, psycopg.Error):
        return None
    text = error.diag.message_primary or " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, psycopg.errors.QueryCanceled):
        return Fault("time", text)
    if isinstance(error, psycopg.IntegrityError):
        return Fault("refused", text, error.diag.constraint_name or error.diag.column_name)
    shut_down = isinstance(error, (psycopg.errors.AdminShutdown, psycopg.errors.CrashShutdown))
    if shut_down or (isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)) and not error.sqlstate):
        return Fault("lost", text)
    return Fault("refused", text)
