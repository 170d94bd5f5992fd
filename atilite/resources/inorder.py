"""Calls that run one after the other: what a `with` block of a database without transactions makes."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from ..context import carry
from ..errors import TaskTimeout
from ..runtime.promise import Promise, Work
from .pool import Pool
from .servers import Servers


class InOrder:
    """The calls of one block, in the order of their making; those that go to all members in a row for each of them.

    Any thread; nothing waits.
    """

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._rows: dict[Pool | None, _Row] = {}

    def submit(self, work: Callable[[Any, Any], Any], seconds: float | None, pool: Pool | None = None) -> Promise[Any]:
        """As that of Servers, after the calls before; the seconds are counted from now."""
        submit = carry(self._servers.submit)
        call = _Call(lambda left: submit(work, left, pool), seconds, self._servers.alias.name)
        self._rows.setdefault(pool, _Row()).add(call)
        return call.promise


class _Call:
    def __init__(self, start: Callable[[float | None], Promise[Any]], seconds: float | None, alias: str) -> None:
        self._start, self._seconds, self._alias = start, seconds, alias
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._running: Promise[Any] | None = None
        self.promise: Promise[Any] = Work(self._cancel)

    def begin(self) -> Promise[Any]:
        """Start it; what is given has ended already if it was cancelled or its time is over."""
        left = None if self._deadline is None else self._deadline - time.monotonic()
        if left is not None and left <= 0:
            late = f"{self._alias}: the calls before it in its block took all of {self._seconds} s"
            self.promise.fail(TaskTimeout(late))
        if self.promise.done:
            return self.promise
        self._running = self._start(left)
        return self._running

    def _cancel(self) -> bool | None:
        if self._running is None:
            return True
        self._running.cancel()
        return None


class _Row:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Call] = deque()
        self._busy = False

    def add(self, call: _Call) -> None:
        with self._lock:
            self._waiting.append(call)
        self._go_on()

    def _go_on(self) -> None:
        while True:
            with self._lock:
                if self._busy or not self._waiting:
                    return
                self._busy = True
                call = self._waiting.popleft()
            running = call.begin()
            if not running.done:
                running.on_done(partial(self._ended, call))
                return
            # Not by on_done: a thousand calls whose time is over would be as many calls deep.
            self._end(call, running)

    def _ended(self, call: _Call, ended: Promise[Any]) -> None:
        self._end(call, ended)
        self._go_on()

    def _end(self, call: _Call, ended: Promise[Any]) -> None:
        with self._lock:
            self._busy = False
        call.promise.settle(ended.value, ended.error)
