"""How a task that a handler returns becomes the answer: the shortest way, with nothing to drive meanwhile."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .answer import Conversation, Coroutine, Course, Delivery, Finisher, Reply, is_waitable, result_of
from .runtime.timers import Timer
from .web.exchange import CAN_PARK, Exchange, Park


class Later(Course):
    """The answer that `render(task)` makes when `task` has ended, well or not.

    It is called on the loop, so it must not block; what it raises is answered as any error of a handler.
    """

    __slots__ = ("render", "task")

    def __init__(self, task: Any, render: Callable[[Any], Any]) -> None:
        self.task, self.render = task, render

    def steps(self) -> Coroutine:
        """Wait for the task inside of another coroutine."""
        return self.render((yield self.task))


def result(task: Any) -> Any:
    """Return the result of an ended task or promise, or raise its error."""
    fetch = getattr(task, "fetch", None)
    return fetch() if fetch is not None else task.wait()


class Awaiting(Delivery):
    """A request whose answer depends on one task. Made by the thread of the request, from `begin` on on the loop."""

    def __init__(self, value: Any, was: Any, finisher: Finisher, runtime: Any) -> None:
        """`value` is a task, a promise or a `Later`."""
        super().__init__(was, finisher, runtime)
        self._value = value
        self._task, self._render = (value.task, value.render) if isinstance(value, Later) else (value, result)
        self._timer: Timer | None = None
        self._exchange: Exchange | None = None

    def answer(self, environ: dict[str, Any]) -> Reply:
        """Raise Park where this thread is not needed meanwhile; else wait here."""
        if environ.get(CAN_PARK):
            raise Park(self.begin)
        return Conversation(self._steps(self._value), self._was, self._finisher, self._runtime).answer(environ)

    def begin(self, exchange: Exchange) -> None:
        """Wait for the end of the task, or of the time for it. Loop only."""
        self._exchange = self._was.exchange = exchange
        task, loop = self._task, self._runtime.loop
        timeout = getattr(task, "timeout", None)
        if timeout is not None and not task.done:
            self._timer = loop.call_later(timeout, self._expire)
        exchange.on_close(self._left)
        # It ends in any thread, perhaps in the midst of somebody's work. A user's code may wait cooperatively, so it
        # needs a greenlet.
        around = self._was.around
        quick = isinstance(self._value, Later) and not (around.finish or around.teardown)
        post = loop.call_soon if quick else loop.step
        task.on_done(lambda _: post(self._ended))

    def _expire(self) -> None:
        self._task.expired = True
        self._runtime.loop.step(self._ended)

    def _left(self) -> None:
        # The task goes on: others may want it, and what it does was asked for.
        if self._take() is not None:
            self._finisher.end(self._was)

    def _take(self) -> Exchange | None:
        """The exchange, for the first who asks: the task's end, its time's end, or the client's leaving."""
        exchange, self._exchange = self._exchange, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return exchange

    def _ended(self) -> None:
        exchange = self._take()
        if exchange is None:
            return
        try:
            value = self._render(self._task)
            if isinstance(value, Course) or is_waitable(value):
                follow = Conversation(self._steps(value), self._was, self._finisher, self._runtime)
                return follow.begin(exchange)
            reply = self._finisher.reply(self._was, value)
        except Exception:
            reply = self._finisher.error(self._was, sys.exc_info())
        self._deliver(exchange, reply)

    @staticmethod
    def _steps(value: Any) -> Coroutine:
        return value.steps() if isinstance(value, Course) else result_of(value)
