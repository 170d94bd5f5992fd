"""The body of a request while it arrives: filled on the loop, read by a worker thread or by a parked request."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable
from threading import Condition, get_ident
from typing import TYPE_CHECKING

from atilite.errors import HubBlocked

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# The connection is not read any further while this many bytes wait to be taken.
HIGH_WATER = 256 * 1024

Taker = Callable[[bytes | None, BaseException | None], object]


class InputPipe:
    """What waitress's receivers fill instead of a buffer, with one reader at the other end.

    `append`, `finish`, `fail`, `take` and `deliver` belong to the loop's thread; `take_blocking` to a worker thread.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._pieces: deque[bytes] = deque()
        self._size = 0  # waiting to be read
        self._total = 0  # ever received
        self._ended = False
        self._dropped = False
        self._error: BaseException | None = None
        self._taker: tuple[int, Taker] | None = None
        self._loop_thread = get_ident()
        # Told when bytes were taken, and once before the first wait (an `Expect: 100-continue` is answered then).
        self.on_taken: Callable[[], None] = _nothing
        self.on_wanted: Callable[[], None] = _nothing

    def __len__(self) -> int:
        return self._total

    @property
    def full(self) -> bool:
        """True while the connection should not be read."""
        return self._size >= HIGH_WATER

    def append(self, data: bytes) -> None:
        """Add bytes; called by the receiver."""
        self._total += len(data)
        if self._dropped or not data:
            return
        with self._changed:
            self._pieces.append(data)
            self._size += len(data)
            self._changed.notify()

    def finish(self) -> None:
        """The body is complete."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def fail(self, error: BaseException) -> None:
        """The rest of the body will not come. What has arrived is still given out before the error."""
        if self._ended:
            return
        self._error = error
        self.finish()

    def close(self) -> None:
        """Nobody reads any more: drop what is there and what still comes."""
        with self._changed:
            self._dropped = True
            self._pieces.clear()
            self._size = 0

    def take(self, size: int, taker: Taker) -> None:
        """Call `taker(data, error)` as soon as there is something: up to `size` bytes, b"" at the end. Loop only."""
        if self._taker is not None:
            raise RuntimeError("the body is already being read; wait for that first")
        self._taker = (size, taker)
        self.deliver()
        if self._taker is not None:
            self.on_wanted()

    def deliver(self) -> None:
        """Serve the one who waits in `take`; apart from `append`, because that runs under the channel's lock."""
        if self._taker is None or not (self._pieces or self._ended):
            return
        (size, taker), self._taker = self._taker, None
        with self._changed:
            data = self._pop(size)
        if not data and self._error is not None:
            taker(None, self._error)
            return
        taker(data, None)
        self.on_taken()

    def take_blocking(self, size: int) -> bytes:
        """Wait for up to `size` bytes and return them, b"" at the end. Worker threads only: the loop must not wait."""
        if not (self._pieces or self._ended):
            if get_ident() == self._loop_thread:
                raise HubBlocked("the body has not arrived and the loop cannot wait; read it with Exchange.read")
            self.on_wanted()
        with self._changed:
            while not (self._pieces or self._ended):
                self._changed.wait()
            data = self._pop(size)
        self._after(data)
        return data

    def getfile(self) -> io.BufferedReader:
        """Return the body as a file for `wsgi.input`."""
        return io.BufferedReader(_PipeFile(self))

    def getbuf(self) -> InputPipe:
        """Return itself: what waitress closes when the request is over."""
        return self

    def _after(self, data: bytes) -> None:
        if data:
            self.on_taken()
        elif self._error is not None:
            raise self._error

    def _pop(self, size: int) -> bytes:
        if not self._pieces:
            return b""
        data = self._pieces.popleft()
        if len(data) > size:
            self._pieces.appendleft(data[size:])
            data = data[:size]
        self._size -= len(data)
        return data


class _PipeFile(io.RawIOBase):
    """The reading end as a raw file; buffered and read by lines through `io.BufferedReader`."""

    def __init__(self, pipe: InputPipe) -> None:
        self._pipe = pipe

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        data = self._pipe.take_blocking(len(view))
        view[: len(data)] = data
        return len(data)


def _nothing() -> None:
    """Stand in for a listener that has not come yet."""
