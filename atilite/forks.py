"""Children that a fork makes of this process: what it answers to a signal, holds and serves is not theirs to inherit.

A handler that only asks for an end, or one of the loop, which no child turns, would leave them deaf to SIGTERM, and
`terminate()` of a pool of processes would wait for ever. With its sockets and locks, a child that outlives this process
would keep the next one from starting. And one that comes back to where its function was called would do everything a
second time from there on.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol
from weakref import WeakSet

# What a signal does to a program that has not said anything about it.
_FRESH = {signal.SIGINT: signal.default_int_handler}


class Heritage(Protocol):
    """Something of this process that is not for its children."""

    def left_by_fork(self) -> None:
        """Be of no use here. In the child, before anything else: no other thread is there, but locks may be held."""


_answered: set[int] = set()
_heritage: WeakSet[Heritage] = WeakSet()
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


def keep_from_children(owner: Heritage) -> None:
    """Have `owner.left_by_fork()` called in every child that is forked as long as `owner` exists. Any thread."""
    _install()
    _heritage.add(owner)


def let_go(descriptors: Iterable[int]) -> None:
    """Close these files in a child. Their numbers stay in use, by nothing: whoever closes them later hurts nobody."""
    with suppress(OSError):
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for descriptor in descriptors:
            os.dup2(nothing, descriptor, inheritable=False)
        os.close(nothing)


def end_child(parent: int, error: BaseException | None = None) -> None:
    """End this process if it is no longer `parent`: a function that has forked came back in its child too.

    As a program would: with the code of sys.exit, and with 1 and a traceback for another error.
    """
    if os.getpid() == parent:
        return
    code = 0 if error is None else 1
    with suppress(Exception):
        if isinstance(error, SystemExit):
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
        elif error is not None:
            traceback.print_exception(error)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    os._exit(code & 0xFF)


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
    for owner in list(_heritage):
        owner.left_by_fork()
    _heritage.clear()


_installed = threading.Lock()


def _install() -> None:
    # Hooks stay for the life of a process: once is enough.
    if _installed.acquire(blocking=False):
        os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_begin_anew)
