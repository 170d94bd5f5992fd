"""Children that a fork makes of this process: what it answers to a signal is not theirs to inherit.

A handler that only asks for an end, or one of the loop, which no child turns, would leave them deaf to SIGTERM, and
`terminate()` of a pool of processes would wait for ever.
"""

from __future__ import annotations

import os
import signal
import threading

# What a signal does to a program that has not said anything about it.
_FRESH = {signal.SIGINT: signal.default_int_handler}

_answered: set[int] = set()
_masks = threading.local()


def answered_here(*numbers: int) -> None:
    """Let children that are forked from now on take these signals as any program does, until `unanswered_here`.

    For signals that this process has a handler for. Any thread.
    """
    _install()
    _answered.update(numbers)


def unanswered_here(*numbers: int) -> None:
    """Let forked children inherit again what this process does on these signals. Any thread."""
    _answered.difference_update(numbers)


def _hold() -> None:
    # One that comes between the fork and the child's own handlers would be answered there by the parent's, or lost.
    _masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, _answered.copy())


def _release() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _masks.before)


def _begin_anew() -> None:
    for number in _answered:
        signal.signal(number, _FRESH.get(signal.Signals(number), signal.SIG_DFL))
    _answered.clear()
    _release()


_installed = threading.Lock()


def _install() -> None:
    # Hooks stay for the life of a process: once is enough.
    if _installed.acquire(blocking=False):
        os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_begin_anew)
