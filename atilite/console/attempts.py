"""Logins that failed, as the audit trail is told of them: so that many of them make few entries."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

SECONDS = 60.0
# So many pairs of a name and an address are told of by themselves in that time; the rest in one entry.
MOST = 10
LONGEST = 80
OTHERS = "other names or addresses"

# Called with the name that was tried, the address, the result, and how many more times than told before.
Tell = Callable[[str, str, str, int], None]
# Calls a function after so many seconds.
Later = Callable[[float, Callable[[], None]], Any]


class _Tried:
    """How often since it was told of, and what was answered last."""

    __slots__ = ("result", "times")

    def __init__(self, result: str) -> None:
        self.result, self.times = result, 0


class Attempts:
    """Tells of the first failure of a name and an address at once, of the rest of a minute at its end. Any thread.

    `tell` and `later` must not block.
    """

    def __init__(self, tell: Tell, later: Later) -> None:
        self._tell, self._later = tell, later
        self._lock = threading.Lock()
        self._tried: dict[tuple[str, str], _Tried] = {}

    def failed(self, name: str, address: str, result: str) -> None:
        """Note a login that failed; `result` is the status that was answered."""
        key = (name[:LONGEST], address)
        with self._lock:
            first = not self._tried
            told = key not in self._tried and len(self._tried) < MOST
            if not told and key not in self._tried:
                key = (OTHERS, "")
            tried = self._tried.setdefault(key, _Tried(result))
            tried.result = result
            tried.times += not told
        if told:
            self._tell(*key, result, 0)
        if first:
            self._later(SECONDS, self.close)

    def close(self) -> None:
        """Tell of what came after the first one of each: a minute after it, and before the program ends."""
        with self._lock:
            closed, self._tried = self._tried, {}
        for (name, address), tried in closed.items():
            if tried.times:
                self._tell(name, address, tried.result, tried.times)
