"""What the automation of an app stands on: the database, opened when it is first needed, and the runtime."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from atilite.clock import Clock
from atilite.errors import StoreUnavailable
from atilite.lazily import LazyModule, in_asyncio
from atilite.runtime.engine import Runtime, process_runtime
from atilite.runtime.promise import Promise
from atilite.runtime.task import Task
from atilite.store.database import Database
from atilite.store.journals import Journals
from atilite.store.kv import KV

if TYPE_CHECKING:
    from atilite.automation import expiry
else:
    # Loaded with the first use of keys.
    expiry = LazyModule("atilite.automation.expiry")

log = logging.getLogger("atilite.automation")

# How the store tells the end of a write: with its value, or with an error.
Done = Callable[[Any, BaseException | None], object]


class Storage:
    """The stores of one database, and tasks for what is written to and read from them. Any thread."""

    def __init__(
        self, open_database: Callable[[], Database], runtime: Runtime | None = None, clock: Clock | None = None
    ) -> None:
        self._open = open_database
        self._runtime = runtime
        self._lock = threading.RLock()
        self._observers: list[Callable[[Journals], None]] = []
        self._waiting: list[Callable[[Database], None]] = []
        self.clock = clock or Clock()

    @functools.cached_property
    def runtime(self) -> Runtime:
        return self._runtime or process_runtime()

    @functools.cached_property
    def database(self) -> Database:
        """The database; the first use opens it, which blocks and may raise StoreError."""
        with self._lock:
            # Two threads may come here at once; the second one finds what the first has opened.
            if "database" not in self.__dict__:
                self.__dict__["database"] = self._open()
                while self._waiting:
                    self._waiting.pop(0)(self.__dict__["database"])
            found: Database = self.__dict__["database"]
            return found

    @functools.cached_property
    def journals(self) -> Journals:
        """The journals of the database; all apps that use it share them."""
        with self._lock:
            made = self.database.part(Journals)
            while self._observers:
                self._observers.pop(0)(made)
            return made

    @functools.cached_property
    def kv(self) -> KV:
        """The key-value pairs of the database; all apps that use it share them."""
        kv = self.database.part(KV)
        self.database.part(expiry.Expiry, self.runtime)
        return kv

    def when_opened(self, observe: Callable[[Journals], None]) -> None:
        """Call `observe(journals)` when the journals are first used, at once if they have been."""
        with self._lock:
            if "journals" in self.__dict__:
                observe(self.journals)
            else:
                self._observers.append(observe)

    def with_database(self, observe: Callable[[Database], None]) -> None:
        """Call `observe(database)` when the database is opened, at once if it is open."""
        with self._lock:
            if "database" in self.__dict__:
                observe(self.database)
            else:
                self._waiting.append(observe)

    def task(self, promise: Promise[Any]) -> Task:
        """Return the task of a promise; one waits for it without limit."""
        return self.runtime.task(promise, timeout=None)

    def write(self, submit: Callable[[Done], object]) -> Task:
        """Start a write: `submit(done)` queues it. It is done whether or not anybody waits for the task."""
        promise: Promise[Any] = Promise()
        submit(promise.settle)
        return self.task(promise)

    def read(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Task:
        """Read now in an ordinary thread; on an event loop, which a long search would stop, on the thread pool."""
        if self.runtime.loop.inside() or in_asyncio():
            return self.task(self.runtime.threads.submit(function, *args, **kwargs))
        return self.glance(function, *args, **kwargs)

    def glance(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Task:
        """Read one row now, whatever the thread: that takes less time than handing it to another thread."""
        promise: Promise[Any] = Promise()
        try:
            promise.set(function(*args, **kwargs))
        except Exception as error:
            promise.fail(error)
        return self.task(promise)

    def settle(self, promise: Promise[Any]) -> None:
        """Wait where one may wait until `promise` is settled, however; on an event loop return at once."""
        loop = self.runtime.loop
        if not in_asyncio() and (not loop.inside() or loop.in_greenlet()):
            ended: Promise[None] = Promise()
            promise.on_done(lambda _: ended.set(None))
            ended.wait()


def refuse_database() -> Database:
    """Stands for the database of a journal or a KV that no app has taken yet."""
    raise StoreUnavailable("this is not attached to an app; pass it to Atilite(...), or give it a database")
