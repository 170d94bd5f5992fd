"""Limits on guessing passwords: tries per minute, and hashes at the same time."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING, Any, TypeVar

from atilite.clock import Clock
from atilite.errors import Error
from atilite.lazily import LazyModule

if TYPE_CHECKING:
    from concurrent import futures
else:
    # Loaded with the first password.
    futures = LazyModule("concurrent.futures")

T = TypeVar("T")


class Throttle:
    """Counts tries for each key in a sliding window. Any thread.

    A refused try is not counted, so who waits as long as told gets in again. `window` is in seconds.
    """

    def __init__(self, clock: Clock, *, tries: int = 5, window: float = 60.0, keys: int = 10_000) -> None:
        self._clock = clock
        self._tries, self._window, self._keys = tries, window, keys
        self._times: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, key: str) -> float:
        """Count one try for `key` and return 0.0, or return the seconds after which the next one is allowed."""
        now = self._clock.monotonic()
        with self._lock:
            times = self._times.setdefault(key, deque())
            self._times.move_to_end(key)
            while times and now - times[0] >= self._window:
                times.popleft()
            if len(times) >= self._tries:
                return times[0] + self._window - now
            times.append(now)
            # Names are the caller's choice: without a bound a guesser could fill the memory.
            while len(self._times) > self._keys:
                self._times.popitem(last=False)
            return 0.0

    def forget(self, key: str) -> None:
        """Begin anew for `key`, after a try that was right."""
        with self._lock:
            self._times.pop(key, None)

    def check(self, key: str) -> None:
        """Count one try for `key`. Raises Error 429 with Retry-After in whole seconds when there were too many."""
        self._tell(ceil(self.wait(key)))

    def refuse(self, key: str) -> None:
        """Raise that Error for `key` without counting: for who counts wrong tries only, with `wait`."""
        now = self._clock.monotonic()
        with self._lock:
            times = [one for one in self._times.get(key, ()) if now - one < self._window]
            left = times[0] + self._window - now if len(times) >= self._tries else 0.0
        self._tell(ceil(left))

    @staticmethod
    def _tell(seconds: int) -> None:
        if seconds > 0:
            unit = "second" if seconds == 1 else "seconds"
            raise Error(
                429, f"too many tries; wait {seconds} {unit}", headers=[("Retry-After", str(seconds))]
            )


class Hashers:
    """A few threads in which everything that hashes passwords is done. Their callers wait: worker threads only.

    scrypt takes 16 MiB for each hash, and the allocator keeps that for the thread that asked for it. With hashes in
    whatever thread a login arrives in, many logins at once made the process grow by half a gigabyte.
    """

    def __init__(self, size: int = 2, patience: float = 10.0) -> None:
        self._size, self._patience = size, patience

    @cached_property
    def _threads(self) -> futures.ThreadPoolExecutor:
        return futures.ThreadPoolExecutor(self._size, thread_name_prefix="atilite-hash")

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Return what `function(*args)` returns or raise what it raises.

        Raises Error 503 with Retry-After when it could not begin within `patience` seconds.
        """
        future = self._threads.submit(function, *args)
        futures.wait([future], self._patience)
        if not future.done() and future.cancel():
            raise Error(503, "many people sign in just now; try again in a moment", headers=[("Retry-After", "5")])
        return future.result()
