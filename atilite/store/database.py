"""One SQLite file: opening it, owning it, a connection a thread for reading and one thread that writes."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from peewee import SqliteDatabase

from ..clock import Clock
from ..errors import StoreBusy, StoreFull, StoreUnavailable
from ..forks import keep_from_children
from ..quickly import dataclass
from .accounts import Accounts
from .backup import copy_database
from .columns import micros
from .counters import Counter, marked
from .failures import check_place, translate
from .migrations import is_current, migrate
from .ownership import Ownership
from .recovery import interrupt_dead
from .reserve import Reserve
from .writer import Writer

T = TypeVar("T")

BUSY_SECONDS = 10.0
# Seconds that a start waits for an owner that is just ending, such as a short command or the server before a restart.
PATIENCE = 0.5
FORKED = "a child that was forked cannot use the database of its parent (let it return or send what is to be stored)"
# What another process may change in the database of a running server.
SHARED_TABLES = frozenset({"user", "token", "login", "secret", "audit"})


class Connection(sqlite3.Connection):
    """A connection that a WeakSet can hold."""


class Sqlite(SqliteDatabase):
    """peewee's database on the standard library's driver. A thread's connection only reads until it says otherwise."""

    def __init__(self, path: Path, *, readonly: bool, owned: bool) -> None:
        self._uri = f"{path.as_uri()}?mode={'ro' if readonly else 'rw'}"
        self._restricted = not (readonly or owned)
        self.opened: weakref.WeakSet[Connection] = weakref.WeakSet()
        super().__init__(str(path), timeout=BUSY_SECONDS)

    def _connect(self) -> Connection:
        connection: Connection = sqlite3.connect(
            self._uri,
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,  # `Database.close` closes the connections of all threads
            factory=Connection,
        )
        # FULL: what was acknowledged survives a power cut, not only the death of the process.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -1024")
        # The log stays smaller than the reserve file, so that on a full disk it can be folded in after that has gone.
        connection.execute("PRAGMA wal_autocheckpoint = 800")
        connection.execute("PRAGMA journal_size_limit = 2097152")
        connection.execute("PRAGMA query_only = 1")
        if self._restricted:
            connection.set_authorizer(_only_accounts)
        self.opened.add(connection)
        return connection


@dataclass(frozen=True, slots=True)
class Health:
    """How the database is. `status` is "ok", "full" or "failing"; `explanation` says what to do; sizes are bytes."""

    status: str
    explanation: str
    size: int
    log_size: int
    free: int


class Database:
    """An open database file. `Database.open` makes it; every thread may use it until `close`."""

    def __init__(self, path: Path, sqlite: Sqlite, clock: Clock, ownership: Ownership | None, readonly: bool) -> None:
        self.path, self.clock, self.readonly = path, clock, readonly
        self.peewee: Any = sqlite
        self.reserve = Reserve(path)
        self.interrupted: list[int] = []
        self._ownership = ownership
        self._closed = threading.Event()
        self._forked = False
        self._parts: dict[Any, Any] = {}
        self._parts_lock = threading.RLock()
        self.writer = Writer(self._writing_connection, path)
        if readonly:
            self.writer.refuse("opened for reading only")
        connection = self.connection()
        (highest,) = connection.execute("SELECT coalesce(max(id), 0) FROM journal").fetchone()
        self.journal_ids = Counter("journal", self.writer, max(highest, marked(connection, "journal")), block=0)
        self.record_ids = Counter("record", self.writer, marked(connection, "record"))
        self.changes = Counter("change", self.writer, marked(connection, "change"))
        keep_from_children(self)

    @classmethod
    def open(
        cls,
        url: str = "sqlite:///data.db",
        *,
        clock: Clock | None = None,
        readonly: bool = False,
        shared: bool = False,
    ) -> Database:
        """Open the database at `url`: `sqlite:///relative.db` in the working directory or `sqlite:////absolute.db`.

        The plain form owns the file: it makes or migrates it and turns the runs of a dead owner into `interrupted`.
        `readonly` and `shared` are for short commands beside a running server: the first only reads, the second may
        also write accounts and tokens. Raises StoreBusy if another process owns the file, and StoreUnavailable with
        the remedy if it can't be used. Blocks; not for the event loop.
        """
        path, clock = path_of(url), clock or Clock()
        check_place(path, writing=not readonly)
        try:
            if readonly:
                return cls._open_beside(path, clock, readonly=True)
            if shared:
                # Without a server there may be no file yet: the first account is often made before the first start.
                with contextlib.suppress(StoreBusy):
                    cls._open_owned(path, clock, patience=0).close()
                return cls._open_beside(path, clock, readonly=False)
            return cls._open_owned(path, clock)
        except sqlite3.Error as error:
            raise translate(error, path) from error
        except Exception as error:
            below = _driver_error(error)
            if below is not None:
                raise translate(below, path) from error
            raise

    @classmethod
    def _open_beside(cls, path: Path, clock: Clock, *, readonly: bool) -> Database:
        sqlite = Sqlite(path, readonly=readonly, owned=False)
        if not is_current(sqlite):
            raise StoreUnavailable(f"{path}: made by another version (stop the server and run: serve.py migrate)")
        return cls(path, sqlite, clock, None, readonly)

    @classmethod
    def _open_owned(cls, path: Path, clock: Clock, patience: float = PATIENCE) -> Database:
        ownership = Ownership.take(path, patience)
        database = None
        try:
            sign_of_life = _last_write(path)
            _make_file(path)
            sqlite = Sqlite(path, readonly=False, owned=True)
            _migrate(sqlite, path, clock)
            database = cls(path, sqlite, clock, ownership, readonly=False)
            database._interrupt_dead(sign_of_life)
            database.reserve.ensure()
        except BaseException:
            if database is None:
                ownership.give_up()
            else:
                database.close()
            raise
        return database

    def connection(self) -> sqlite3.Connection:
        """Return the calling thread's connection, for reading; fetch all rows of a statement at once.

        Raises StoreUnavailable after `close`.
        """
        if self._closed.is_set():
            raise StoreUnavailable(f"{self.path}: {FORKED if self._forked else 'the database is closed'}")
        connection: sqlite3.Connection = self.peewee.connection()
        return connection

    def leave(self) -> None:
        """Close the calling thread's connection: it does not read again soon. The next reading opens another one."""
        if not self._closed.is_set():
            self.peewee.close()

    def part(self, make: Callable[..., T], *arguments: Any) -> T:
        """Return the one `make(database, *arguments)` of this database, made at the first call. Any thread.

        For what has to be one in a process, such as `Journals`: it knows the runs that go on.
        """
        with self._parts_lock:
            if make not in self._parts:
                self._parts[make] = make(self, *arguments)
            part: T = self._parts[make]
            return part

    @property
    def owned(self) -> bool:
        """Whether the file is this process's own, so that it may write everything."""
        return self._ownership is not None

    @property
    def accounts(self) -> Accounts:
        """The accounts, tokens and sessions kept in this database."""
        return self.part(Accounts)

    def health(self) -> Health:
        """Tell how the last writes went and how much room there is. Any thread; a few system calls."""
        fault = self.writer.fault
        status = "ok" if fault is None else "full" if isinstance(fault, StoreFull) else "failing"
        disk = os.statvfs(self.path.parent)
        return Health(
            status,
            "" if fault is None else str(fault),
            _size(self.path),
            _size(self.path.with_name(f"{self.path.name}-wal")),
            disk.f_bavail * disk.f_frsize,
        )

    def checkpoint(self) -> bool:
        """Fold the log into the file and empty it; False if somebody reads it just now, or the disk is full. Blocks."""
        try:
            (busy, _, _) = self.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError as error:
            told = translate(error, self.path)
            if isinstance(told, StoreFull):
                return False
            raise told from error
        return not busy

    def backup(self, target: Path) -> None:
        """Write a checked copy of everything acknowledged until now to the new file `target`; see `copy_database`."""
        copy_database(self.path, target)

    def announce(self, urls: Iterable[str]) -> None:
        """Let commands beside this process know where it serves; see `owner_of`. Does nothing for who owns nothing."""
        if self._ownership is not None:
            self._ownership.announce(urls)

    def close(self) -> None:
        """Finish the queued writes, close the connections of all threads and give the file up. Blocks.

        A second call does nothing.
        """
        if self._closed.is_set():
            return
        self.writer.close()
        self._closed.set()
        for connection in list(self.peewee.opened):
            connection.close()
        if self._ownership is not None:
            self._ownership.give_up()

    def left_by_fork(self) -> None:
        """Be closed in a child that a fork makes, and leave everything to the parent."""
        if self._closed.is_set():
            return
        self._closed, self._parts_lock = threading.Event(), threading.RLock()
        self._closed.set()
        self._forked = True
        self.writer.left_by_fork(FORKED)
        if self._ownership is not None:
            self._ownership.left_by_fork()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _writing_connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection = self.peewee.connection()
        connection.execute("PRAGMA query_only = 0")
        return connection

    def _interrupt_dead(self, sign_of_life: int) -> None:
        now = micros(self.clock.now())
        self.interrupted = self.writer.call(
            lambda connection: interrupt_dead(connection, self.changes, now, sign_of_life)
        )


def _driver_error(error: BaseException | None) -> sqlite3.Error | None:
    """Return the driver's error that peewee has wrapped, sometimes twice; None if it is not one."""
    while error is not None and not isinstance(error, sqlite3.Error):
        error = error.__cause__ or error.__context__
    return error


def path_of(url: str) -> Path:
    """Return the file that a database URL names. Raises StoreUnavailable for another kind of URL."""
    scheme, found, rest = url.partition(":///")
    if ":memory:" in url or (scheme.startswith("sqlite") and not rest):
        raise StoreUnavailable(f"{url}: a database in memory would be lost at the end (use sqlite:///data.db)")
    if not found or scheme != "sqlite":
        raise StoreUnavailable(f"{url}: not a database URL (use sqlite:///data.db or sqlite:////var/lib/data.db)")
    return Path(rest).absolute()


def beside(url: str, ending: str) -> Path | None:
    """The path of the database with `ending` put to its name; None for a database that is no file."""
    try:
        path = path_of(url)
    except StoreUnavailable:
        return None
    return path.with_name(path.name + ending)


def _make_file(path: Path) -> None:
    # Made here and not by SQLite: it holds accounts and keys, so nobody else may read it. The log files take its mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _migrate(sqlite: Sqlite, path: Path, clock: Clock) -> None:
    connection = sqlite.connection()  # type: ignore[no-untyped-call]
    connection.execute("PRAGMA query_only = 0")
    if not connection.execute("PRAGMA page_count").fetchone()[0]:
        # Both only possible before the first table, and in this order: auto_vacuum settles the page size.
        # A run changes a row here and there, and each changed page goes to the log: 2 KiB pages write 40 % less to the
        # card than 4 KiB at one run a commit (measured; 1 KiB 60 %, but then longer texts are scattered).
        connection.execute("PRAGMA page_size = 2048")
        # Retention can then give the space of removed runs back to the disk.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    migrate(sqlite, path, clock)
    connection.execute("PRAGMA query_only = 1")


def _last_write(path: Path) -> int:
    """Return when the previous owner last wrote, in microseconds; 0 for a new file."""
    files = (path, path.with_name(f"{path.name}-wal"))
    return max((file.stat().st_mtime_ns // 1000 for file in files if file.exists()), default=0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _only_accounts(action: int, first: str | None, second: str | None, *rest: Any) -> int:
    writing = (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE)
    allowed = action not in writing or first in SHARED_TABLES
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
