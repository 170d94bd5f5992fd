"""Items from a thread that makes them to one reader that waits for them without a thread."""

from __future__ import annotations

import queue
import threading
from collections import deque
from typing import Any

from atilite.errors import TaskCancelled
from atilite.runtime.promise import Promise


class Conveyor:
    """A queue of at most `size` items. None is the end.

    `put` blocks the thread that makes the items while the queue is full; `more` promises the reader that there is
    something to `take`. One reader. `wait` is in seconds: so long may the reader let a full queue stand.
    """

    def __init__(self, size: int = 8, wait: float | None = None) -> None:
        if size < 1:
            raise ValueError(f"a queue has room for one item at least, not for {size}")
        self._size, self._wait = size, wait
        self._items: deque[Any] = deque()
        self._changed = threading.Condition()
        self._reader: Promise[None] | None = None
        self._closed = False
        self._error: BaseException | None = None

    # -- the thread that makes the items

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add an item; wait for room at most `timeout` seconds, otherwise as long as the queue allows.

        Raises queue.Full when there is none in time, and TaskCancelled when nobody reads any more.
        """
        limit = (self._wait if timeout is None else timeout) if block else 0.0
        with self._changed:
            if not self._changed.wait_for(self._has_room, limit):
                raise queue.Full(f"nobody has taken an item within {limit} s")
            if self._closed:
                raise TaskCancelled("nobody reads from this queue any more")
            self._items.append(item)
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.set(None)

    def put_nowait(self, item: Any) -> None:
        """Add an item at once. Raises queue.Full, and TaskCancelled as `put` does."""
        self.put(item, block=False)

    @property
    def closed(self) -> bool:
        """Whether nobody reads any more: what makes items without giving them up may stop."""
        return self._closed

    def end(self, error: BaseException | None = None) -> None:
        """No more items will come; `error` is raised to the reader after the last one. Any thread, never blocks."""
        with self._changed:
            self._error = error
            self._items.append(None)
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.set(None)

    def _has_room(self) -> bool:
        return self._closed or len(self._items) < self._size

    # -- the reader

    def more(self) -> Promise[None]:
        """Promise that there is something to take. Any thread, never blocks."""
        with self._changed:
            if self._items:
                return Promise.completed(None)
            if self._reader is None:
                self._reader = Promise()
            return self._reader

    def take(self) -> Any:
        """Return the next item, None at the end. Raises the error of who made the items. IndexError: there is none."""
        with self._changed:
            item = self._items.popleft()
            self._changed.notify()
        if item is None and self._error is not None:
            raise self._error
        return item

    def __bool__(self) -> bool:
        """Whether there is something to take."""
        return bool(self._items)

    def close(self) -> None:
        """Nobody reads any more: a waiting `put` raises, and so does every later one. Any thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
