"""How a task that a handler returns becomes the answer: the shortest way, with nothing to drive meanwhile."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from .answer import Conversation, Coroutine, Course, Delivery, Finisher, Reply, is_waitable, result, result_of
from .runtime.executors import in_pool
from .runtime.timers import Timer
from .web.exchange import CAN_PARK, Exchange, Park

# Bytes of an answer that the thread of the task sends itself: they fit into the system's buffer, so it need not wait.
SMALL = 64 * 1024


class Later(Course):
    """The answer that `render(task)` makes when `task` has ended, well or not.

    It is called on the loop, or in the pool's thread in which the task has ended, so it must not block. What it raises
    is answered as any error of a handler. `after(task)` is called there once the answer is on its way, or when the task
    has ended for a client that has left: it is for what nobody has to wait for.
    """

    __slots__ = ("after", "render", "task")

    def __init__(
        self, task: Any, render: Callable[[Any], Any], after: Callable[[Any], object] = lambda task: None
    ) -> None:
        self.task, self.render, self.after = task, render, after

    def steps(self) -> Coroutine:
        """Wait for the task inside of another coroutine."""
        ended = yield self.task
        try:
            return self.render(ended)
        finally:
            self.after(ended)


class Awaiting(Delivery):
    """A request whose answer depends on one task. Made by the thread of the request, from `begin` on on the loop."""

    def __init__(self, value: Any, was: Any, finisher: Finisher, runtime: Any) -> None:
        """`value` is a task, a promise or a `Later`."""
        super().__init__(was, finisher, runtime)
        self._value = value
        self._task, self._render = (value.task, value.render) if isinstance(value, Later) else (value, result)
        self._timer: Timer | None = None
        self._exchange: Exchange | None = None
        self._once = threading.Lock()  # acquired by the first end of the waiting

    def answer(self, environ: dict[str, Any]) -> Reply:
        """Raise Park where this thread is not needed meanwhile; else wait here."""
        if environ.get(CAN_PARK):
            raise Park(self.begin)
        return Conversation(self._steps(self._value), self._was, self._finisher, self._runtime).answer(environ)

    def begin(self, exchange: Exchange) -> None:
        """Wait for the end of the task, or of the time for it. Loop only."""
        self._exchange = self._was.exchange = exchange
        task = self._task
        timeout = getattr(task, "timeout", None)
        if timeout is not None and not task.done:
            self._timer = self._runtime.loop.call_later(timeout, self._expire)
        exchange.on_close(self._left)
        task.on_done(self._done)

    def _done(self, task: Any) -> None:
        """In any thread, perhaps in the midst of somebody's work."""
        loop, around = self._runtime.loop, self._was.around
        if not isinstance(self._value, Later) or around.finish or around.teardown:
            # What a user wrote may wait cooperatively, so it needs a greenlet.
            loop.step(self._ended)
        elif in_pool():
            self._send_here()
        else:
            loop.call_soon(self._ended)

    def _expire(self) -> None:
        self._task.expired = True
        self._runtime.loop.step(self._ended)

    def _left(self) -> None:
        # The task goes on: others may want it, and what it does was asked for.
        if self._take() is not None:
            self._finisher.end(self._was)
            if isinstance(self._value, Later):
                self._task.on_done(self._value.after)

    def _take(self) -> Exchange | None:
        """The exchange, for the first who asks: the task's end, its time's end, or the client's leaving."""
        if not self._once.acquire(False):
            return None
        if self._timer is not None:
            self._timer.cancel()
        return self._exchange

    def _ended(self) -> None:
        exchange = self._take()
        if exchange is not None:
            self._go_on(exchange, self._outcome())
            self._after()

    def _send_here(self) -> None:
        """Answer in the thread that has done the work: waking the loop for it would take as long as all the rest."""
        exchange = self._take()
        if exchange is None:
            return
        reply = self._outcome()
        if isinstance(reply, Reply) and isinstance(reply.body, bytes) and len(reply.body) <= SMALL:
            exchange.send(reply.status, reply.headers, reply.body)
        else:
            self._runtime.loop.call_soon(self._go_on, exchange, reply)
        self._after()

    def _after(self) -> None:
        if isinstance(self._value, Later):
            self._value.after(self._task)

    def _outcome(self) -> Reply | Coroutine:
        """The answer, or what leads to it."""
        try:
            value = self._render(self._task)
            if isinstance(value, Course) or is_waitable(value):
                return self._steps(value)
            return self._finisher.reply(self._was, value)
        except Exception:
            return self._finisher.error(self._was, sys.exc_info())

    def _go_on(self, exchange: Exchange, outcome: Reply | Coroutine) -> None:
        if isinstance(outcome, Reply):
            self._deliver(exchange, outcome)
        else:
            Conversation(outcome, self._was, self._finisher, self._runtime).begin(exchange)

    @staticmethod
    def _steps(value: Any) -> Coroutine:
        return value.steps() if isinstance(value, Course) else result_of(value)
