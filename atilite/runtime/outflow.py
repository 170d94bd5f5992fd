"""What another process writes, handed on while it writes it."""

from __future__ import annotations

import codecs
import os
import selectors
from collections.abc import Callable, Mapping

# Bytes taken from a pipe at a time.
PIECE = 64 << 10
# Seconds between two looks at a process whose end cannot be waited for together with its output.
LOOK = 0.1

# Takes the name of a stream, "stdout" or "stderr", and a piece of its text.
Told = Callable[[str, str], object]


class Tap:
    """One stream of text that comes through a pipe in pieces; a letter may be cut in two by them."""

    def __init__(self, fd: int, stream: str, told: Told) -> None:
        self._fd, self._stream, self._told = fd, stream, told
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def __call__(self) -> bool:
        """Hand on one piece; False at the end."""
        data = os.read(self._fd, PIECE)
        text = self._decoder.decode(data, not data)
        if text:
            self._told(self._stream, text)
        return bool(data)


def pour(pid: int, ended: Callable[[], bool], taps: Mapping[int, Callable[[], bool]]) -> None:
    """Call the taps, each by its file, when there is something to read, until the process has ended or all are closed.

    What it has left behind in the pipes is still read; that others, its children, may hold them open is no reason to
    wait. Blocks: in a thread of its own.
    """
    with selectors.DefaultSelector() as selector:
        for fd, tap in taps.items():
            selector.register(fd, selectors.EVENT_READ, tap)
        watch = _watch(pid)
        try:
            if watch is not None:
                selector.register(watch, selectors.EVENT_READ)
            _turn(selector, watch, ended)
        finally:
            if watch is not None:
                os.close(watch)


def _turn(selector: selectors.BaseSelector, watch: int | None, ended: Callable[[], bool]) -> None:
    over = False
    while len(selector.get_map()) > (watch is not None):
        ready = selector.select(0 if over else None if watch is not None else LOOK)
        taps = [key for key, _ in ready if key.fd != watch]
        if over and not taps:
            return
        for key in taps:
            if not key.data():
                selector.unregister(key.fd)
        over = over or (len(taps) < len(ready) if watch is not None else ended())


def _watch(pid: int) -> int | None:
    """A file that can be read once the process has ended; None where the system has no such thing."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
