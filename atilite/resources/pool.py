"""Connections to one member of an alias: so many at once, opened when they are needed, each with its time limit."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from ..errors import AliasError, ResourceError, TaskCancelled, TaskTimeout
from ..runtime.engine import Runtime
from ..runtime.executors import Threads
from ..runtime.promise import Promise, Work
from .driver import Driver, Lost, Unreachable

log = logging.getLogger("atilite.resources")

# Seconds that the other side has to end a call by itself, after its time and before the connection is cut.
GRACE = 0.5
# Seconds after which a call that was stopped and goes on is stopped once more.
AGAIN = 0.25


class _Call:
    """One piece of work on a connection: queued, running, ended."""

    def __init__(self, work: Callable[[Any], Any], seconds: float | None, ask_stop: Callable[[_Call], None]) -> None:
        self.work = work
        self.seconds = seconds
        self.deadline = None if seconds is None else time.monotonic() + seconds
        self.last = False
        self.cancelled = False
        self.late = False
        self.context = copy_context()
        self.connection: Any = None
        # Held while somebody stops the call, so that it cannot hit the next user of the connection.
        self.lock = threading.Lock()
        self.promise: Promise[Any] = Work(lambda: self._cancel(ask_stop))

    def _cancel(self, ask_stop: Callable[[_Call], None]) -> bool | None:
        self.cancelled = True
        if self.connection is None:
            return True  # not begun, or being connected: whoever finds it drops it
        ask_stop(self)
        return None

    @property
    def left(self) -> float | None:
        return None if self.deadline is None else self.deadline - time.monotonic()


class Lease:
    """The right to one connection, for a row of calls that run one after the other. Any thread; nothing waits.

    The connection is opened by the first call; when one could not be, or was lost, all later calls fail.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._calls: deque[_Call] = deque()
        self._granted = self._busy = False
        self.connection: Any = None
        self.broken: Exception | None = None
        pool.request(self)

    def run(self, work: Callable[[Any], Any], seconds: float | None, *, last: bool = False) -> Promise[Any]:
        """Run `work(connection)` on a thread of the pool after the calls before it; `last` gives the lease back."""
        call = _Call(work, seconds, self._pool.stop_call)
        call.last = last
        with self._lock:
            self._calls.append(call)
        self._pump()
        return call.promise

    def grant(self) -> None:
        """The pool has a place for it now."""
        self._granted = True
        self._pump()

    def _pump(self) -> None:
        with self._lock:
            if not self._granted or self._busy or not self._calls:
                return
            self._busy = True
            call = self._calls.popleft()
        started = self._pool.threads.submit(self._do, call)
        started.on_done(lambda ended: ended.error and call.promise.fail(ended.error))

    def _do(self, call: _Call) -> None:
        value: Any = None
        error: BaseException | None = None
        try:
            value = self._pool.perform(self, call)
        except BaseException as raised:  # SystemExit of a function of the user's too: it is the end of its call
            error = raised
        if call.last:
            self._pool.give_back(self)
        with self._lock:
            self._busy = False
        call.promise.settle(value, error)
        self._pump()


class Pool:
    """Connections to one member, at most `size`. Work runs on threads of the pool's own, so that a database that does
    not answer keeps nobody waiting but those who asked it. Any thread; only `stop` waits.
    """

    def __init__(self, driver: Driver, size: int, runtime: Runtime) -> None:
        self.driver = driver
        self.size = size
        self.threads = Threads(size, name=f"atilite-{driver.name}", loop=runtime.loop)
        self._runtime = runtime
        self._lock = threading.Lock()
        self._leased = 0
        self._waiting: deque[Lease] = deque()
        self._idle: list[tuple[float, Any]] = []
        self._stopped = False

    @property
    def figures(self) -> dict[str, int]:
        """How many calls run, how many wait for a connection, how many connections are idle."""
        with self._lock:
            return {"running": self._leased, "waiting": len(self._waiting), "idle": len(self._idle)}

    def submit(self, work: Callable[[Any], Any], seconds: float | None) -> Promise[Any]:
        """Run `work(connection)` once, within so many seconds from now.

        Fails with TaskTimeout, TaskCancelled, or a ResourceError (Unreachable if nothing could be sent).
        """
        return Lease(self).run(work, seconds, last=True)

    def request(self, lease: Lease) -> None:
        """Grant a place to `lease`, now or when one is free."""
        with self._lock:
            if self._leased >= self.size:
                self._waiting.append(lease)
                return
            self._leased += 1
        lease.grant()

    def give_back(self, lease: Lease) -> None:
        """End a lease: keep its connection if it can be used again, and grant the place to the next. Pool threads."""
        connection, lease.connection = lease.connection, None
        if connection is not None:
            self._keep(connection)
        self._close_idle()
        with self._lock:
            following = self._waiting.popleft() if self._waiting else None
            if following is None:
                self._leased -= 1
        if following is not None:
            following.grant()

    def perform(self, lease: Lease, call: _Call) -> Any:
        """Do one call here, in a thread of the pool. Raises what its promise fails with."""
        if call.cancelled:
            raise TaskCancelled("the task was cancelled")
        if lease.broken is not None:
            raise lease.broken
        left = call.left
        if left is not None and left <= 0:
            raise TaskTimeout(
                f"{self.driver.name}: all {self.size} connections were in use for {call.seconds} s (max_conns)"
            )
        fresh = False
        if lease.connection is None:
            try:
                lease.connection, fresh = self._take(left)
            except Exception as error:
                lease.broken = self._unreachable(error)
                raise lease.broken from error
        return self._work(lease, call, fresh)

    def _work(self, lease: Lease, call: _Call, fresh: bool) -> Any:
        self._claim(lease, call)
        left = call.left
        cut = None
        if left is not None:
            cut = self._runtime.loop.call_later(max(left, 0.0) + GRACE, self._expire, call)
        try:
            if fresh:
                self._greet(lease.connection, call)
            self.driver.limit(lease.connection, call.seconds)
            return call.context.run(call.work, lease.connection)
        except Exception as error:
            told = self._told(error, call)
            if isinstance(told, Lost):
                lease.broken = told
            if told is error:
                raise
            raise told from error
        finally:
            if cut is not None:
                cut.cancel()
            self._release(lease, call)

    def _greet(self, connection: Any, call: _Call) -> None:
        try:
            self.driver.greet(connection)
        except Exception as error:
            if call.late:
                raise Unreachable(self.driver.name, f"{self.driver.member}: no connection in time") from error
            raise self._unreachable(error) from error

    def _claim(self, lease: Lease, call: _Call) -> None:
        with call.lock:
            if call.cancelled:
                raise TaskCancelled("the task was cancelled")
            call.connection = lease.connection

    def _release(self, lease: Lease, call: _Call) -> None:
        with call.lock:
            call.connection = None
        if (call.cancelled or call.late) and lease.broken is None:
            # Somebody has stopped it or cut it off, and perhaps a moment too late: nobody knows what it does next.
            lease.broken = Lost(self.driver.name, "the connection was given up after a call that did not end in time")
        if lease.broken is not None:
            connection, lease.connection = lease.connection, None
            self._close(connection)

    def _told(self, error: Exception, call: _Call) -> Exception:
        if call.cancelled:
            return TaskCancelled("the task was cancelled")
        told = error if isinstance(error, Unreachable) else self.driver.told(error)
        if isinstance(told, Unreachable):
            return told
        if call.late or isinstance(told, TaskTimeout):
            return TaskTimeout(f"{self.driver.name}: no answer within {call.seconds} s")
        return told

    def _unreachable(self, error: Exception) -> Exception:
        told = self.driver.told(error)
        if isinstance(told, TaskTimeout):
            return Unreachable(self.driver.name, f"{self.driver.member}: no connection in time")
        if isinstance(told, ResourceError) and not isinstance(told, AliasError):
            return Unreachable(told.alias, told.reason)
        return told

    def stop_call(self, call: _Call) -> None:
        """Stop a running call because somebody cancelled it. Any thread; does not wait."""
        self._runtime.threads.submit(self._interrupt, call)

    def _interrupt(self, call: _Call) -> None:
        with call.lock:
            if call.connection is not None:
                try:
                    self.driver.interrupt(call.connection)
                except Exception as error:
                    log.info("%s: a statement could not be stopped: %s", self.driver.name, error)
                # What came before its statement did stopped nothing, and nobody says so.
                self._runtime.loop.call_later(AGAIN, self.stop_call, call)

    def _expire(self, call: _Call) -> None:
        """On the loop: the other side did not keep the limit."""
        call.late = True
        connection = call.connection
        if connection is not None:
            self.driver.sever(connection)

    # -- connections

    def _take(self, seconds: float | None) -> tuple[Any, bool]:
        """A connection, and whether it is a new one."""
        while True:
            with self._lock:
                found = self._idle.pop() if self._idle else None
            if found is None:
                return self.driver.open(seconds), True
            if self.driver.usable(found[1]):
                return found[1], False
            self._close(found[1])

    def _keep(self, connection: Any) -> None:
        try:
            good = self.driver.clean(connection) and not self._stopped
        except Exception as error:
            log.info("%s: a connection was not kept: %s", self.driver.name, error)
            good = False
        if not good:
            self._close(connection)
            return
        with self._lock:
            self._idle.append((time.monotonic(), connection))

    def _close_idle(self) -> None:
        # The last one that was put back is the first to be taken: those at the beginning are the least used.
        while True:
            with self._lock:
                if not self._idle or self._idle[0][0] > time.monotonic() - self.driver.idle_seconds:
                    return
                connection = self._idle.pop(0)[1]
            self._close(connection)

    def _close(self, connection: Any) -> None:
        try:
            self.driver.close(connection)
        except Exception as error:
            log.info("%s: a connection did not close well: %s", self.driver.name, error)

    def stop(self, timeout: float = 5.0) -> None:
        """End what is queued, wait at most so many seconds for what runs, close the connections."""
        self._stopped = True
        self.threads.stop(timeout)
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            self._close(connection)
        self.driver.stop()
