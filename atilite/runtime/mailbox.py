"""Calls from many threads, made one after the other."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")

log = logging.getLogger("atilite.runtime")


class Mailbox:
    """Makes calls one at a time in the order in which they were posted, without a thread of its own.

    Whoever posts makes the calls that are waiting, unless another thread is at it already. So what is posted must
    not block, and it may post again: that call is made after the present one.
    """

    def __init__(self) -> None:
        self._calls: deque[Callable[[], object]] = deque()
        self._busy = threading.Lock()

    def post(self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Have `function` called, perhaps before this returns. Any thread. Its error is logged."""
        self._calls.append(lambda: function(*args, **kwargs))
        # Asked again after each release: a call may have come in between the last look and the release.
        while self._calls and self._busy.acquire(False):
            try:
                self._drain()
            finally:
                self._busy.release()

    def _drain(self) -> None:
        while self._calls:
            call = self._calls.popleft()
            try:
                call()
            except Exception:
                log.exception("a posted call failed")
