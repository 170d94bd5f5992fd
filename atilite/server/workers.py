"""The threads that call the application."""

from __future__ import annotations

import logging
import threading
from contextvars import Context
from queue import SimpleQueue

from atilite.server.protocols import Work

log = logging.getLogger("atilite.server")


class Workers:
    """A fixed number of threads and their queue. Every method may be called from any thread.

    Takes the place of waitress's dispatcher: `queue.SimpleQueue` wakes a thread at half the price of a condition.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._busy: set[int] = set()

    def start(self) -> None:
        """Start the threads; once."""
        for number in range(self.size - len(self._threads)):
            thread = threading.Thread(target=self._work, name=f"atilite-worker-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def add(self, channel: Work) -> None:
        """Let the next free thread serve the first request of `channel`."""
        self._queue.put(channel)

    def stop(self) -> None:
        """Let every thread end after what it does now."""
        for _ in self._threads:
            self._queue.put(None)
        self._threads = []

    @property
    def busy(self) -> int:
        """How many threads are running a request."""
        return len(self._busy)

    @property
    def waiting(self) -> int:
        """How many requests wait for a thread."""
        return self._queue.qsize()

    def _work(self) -> None:
        me = threading.get_ident()
        get, busy = self._queue.get, self._busy
        while (channel := get()) is not None:
            busy.add(me)
            try:
                # A context of its own: what one request sets must not be seen by the next one on this thread.
                Context().run(channel.service)
            except BaseException:  # the thread must live on, whatever it was
                log.exception("a worker failed outside of a request")
                channel.handle_close()
            finally:
                busy.discard(me)
                del channel
