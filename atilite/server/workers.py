"""The threads that call the application."""

from __future__ import annotations

import logging
import threading
from collections import deque

from atilite.runtime.loop import Loop
from atilite.server.protocols import Work

log = logging.getLogger("atilite.server")

# With more requests than this in the queue a thread is woken without waiting for the end of the hub's turn.
PATIENCE = 32


class Workers:
    """A fixed number of threads and their queue. Every method may be called from any thread.

    Takes the place of waitress's dispatcher. Each idle thread sleeps on a raw lock of its own and the one that slept
    last is woken: exactly one thread wakes for one request, and the others stay out of the way of the interpreter's
    lock. (With `queue.SimpleQueue` four waiting threads cost four times as many switches.)
    """

    def __init__(self, size: int, loop: Loop) -> None:
        self.size = size
        self._loop = loop
        self._ringing = False  # touched on the loop only
        self._queue: deque[Work | None] = deque()
        self._idle: list[threading.Lock] = []
        self._threads: list[threading.Thread] = []
        self._busy: set[int] = set()

    def start(self) -> None:
        """Start the threads; once."""
        for number in range(self.size - len(self._threads)):
            thread = threading.Thread(target=self._work, name=f"atilite-worker-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def add(self, work: Work | None) -> None:
        """Let the next free thread serve; None ends that thread.

        What the hub adds wakes a thread at the end of its turn: one that wakes in the midst of it would take the
        processor away only to wait for the interpreter.
        """
        self._queue.append(work)
        if not self._loop.inside() or len(self._queue) > PATIENCE:
            self._wake()
        elif not self._ringing:
            self._ringing = True
            self._loop.hub.loop.run_callback(self._ring)

    def _ring(self) -> None:
        self._ringing = False
        self._wake()

    def _wake(self) -> None:
        try:
            sleeper = self._idle.pop()
        except IndexError:  # all are busy: the first to get free looks into the queue
            return
        sleeper.release()

    def stop(self) -> None:
        """Let every thread end after what it does now."""
        for _ in self._threads:
            self.add(None)
        self._threads = []

    @property
    def busy(self) -> int:
        """How many threads are running a request."""
        return len(self._busy)

    @property
    def waiting(self) -> int:
        """How many requests wait for a thread."""
        return len(self._queue)

    def _next(self, bed: threading.Lock) -> Work | None:
        while True:
            try:
                work = self._queue.popleft()
            except IndexError:
                self._sleep(bed)
                continue
            if self._queue and self._idle:
                self._wake()  # this one may take its time
            return work

    def _sleep(self, bed: threading.Lock) -> None:
        self._idle.append(bed)
        if self._queue:
            # Something came between the look into the queue and the line above: nobody may have been woken for it.
            try:
                self._idle.remove(bed)
            except ValueError:
                bed.acquire()  # somebody has woken this thread meanwhile
            return
        bed.acquire()

    def _work(self) -> None:
        bed = threading.Lock()
        bed.acquire()
        me, busy = threading.get_ident(), self._busy
        while (work := self._next(bed)) is not None:
            busy.add(me)
            try:
                work.serve()
            except BaseException:  # the thread must live on, whatever it was
                log.exception("a worker failed outside of a request")
                work.handle_close()
            finally:
                busy.discard(me)
                del work
