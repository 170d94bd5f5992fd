"""A generator that yields tasks, driven to its end without holding a thread while it waits."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextvars import Context, copy_context
from typing import Any, Literal

from atilite.forks import end_child
from atilite.runtime.coroutine import Chunk, Done, Wait, Wish, advance
from atilite.runtime.executors import Threads
from atilite.runtime.loop import Loop, describe
from atilite.runtime.promise import Promise
from atilite.runtime.timers import Timer

# So many steps may follow each other on the hub before others get their turn.
BURST = 64


class Drive:
    """Drives one generator. Its result, its error or its cancellation settles `promise`.

    After each wait the generator goes on in a greenlet of the hub (`resume="hub"`: it must not block) or on a thread
    of `threads`. A yielded task is sent back when it has ended, or when its time is over. Other yielded things are
    given to `on_chunk` on the hub; a promise that it returns is waited for, and its error is raised in the generator.
    All steps run in one copy of the creator's context, so that variables set in one are seen in the next.
    """

    __slots__ = ("_answer", "_context", "_generator", "_loop", "_on_chunk", "_threads", "_timer", "_unwanted",
                 "_waiting", "promise")  # fmt: skip

    def __init__(
        self,
        generator: Generator[Any, Any, Any],
        *,
        loop: Loop,
        on_chunk: Callable[[Any], Promise[Any] | None] | None = None,
        resume: Literal["hub", "thread"] = "hub",
        threads: Threads | None = None,
        context: Context | None = None,
    ) -> None:
        if resume == "thread" and threads is None:
            raise ValueError("resume='thread' needs the threads to resume on")
        self._generator = generator
        self._loop = loop
        self._on_chunk = on_chunk
        self._threads = threads if resume == "thread" else None  # None: resumed on the hub
        self._context = copy_context() if context is None else context
        # What is waited for. Only the hub reads and writes this, the timer and `_unwanted`: so nothing can race.
        self._waiting: Any = None
        self._timer: Timer | None = None
        self._unwanted = False
        self._answer: tuple[object, BaseException | None] = (None, None)
        self.promise: Promise[Any] = Promise(self.cancel)

    @property
    def watched_name(self) -> str:
        """What the watchdog calls a step of it."""
        return describe(self._generator)

    def start(self) -> None:
        """Begin where it will be resumed: on the hub or on a thread. Any thread."""
        self._run(self._step, None, None)

    def start_here(self) -> None:
        """Run the first step in the calling thread, up to the first wait."""
        if self._loop.inside():
            self._loop.watched(self._step, None, None)
        else:
            self._step(None, None)

    def follow(self, wish: Wish) -> None:
        """Take over a generator that has been advanced already, with what it has asked for last. Any thread."""
        if isinstance(wish, Done):
            self.promise.set(wish.value)
        elif self._loop.inside():
            self._grant_later(wish)
        else:
            self._loop.call_soon(self._grant_later, wish)

    def cancel(self) -> None:
        """Close the generator: its `finally` blocks run, then the promise fails. Any thread.

        A step that is under way is not interrupted. The task that is waited for goes on: others may want it.
        """
        self._loop.call_soon(self._give_up)

    # -- where the generator runs

    def _step(self, send: object, throw: BaseException | None) -> None:
        if self._unwanted:
            self._close()
            return
        for _ in range(BURST):
            process = os.getpid()
            try:
                wish = self._context.run(advance, self._generator, send, throw)
            except BaseException as error:  # the generator's end, whatever it raised
                end_child(process, error)
                self.promise.fail(error)
                return
            end_child(process)
            if isinstance(wish, Done):
                self.promise.set(wish.value)
                return
            if not self._loop.inside():
                self._loop.call_soon(self._grant_later, wish)
                return
            if not self._grant(wish):
                return
            send, throw = self._answer
        self._run(self._step, send, throw)

    def _close(self) -> None:
        try:
            self._context.run(self._generator.close)
        except BaseException as error:  # its finally blocks failed: that is how it ended
            self.promise.fail(error)
        else:
            self.promise.fail(GeneratorExit())

    # -- on the hub

    def _grant(self, wish: Wish) -> bool:
        """Whether the generator can go on at once, with what `_answer` says."""
        if self._unwanted:
            self._run(self._close)
            return False
        if isinstance(wish, Chunk):
            return self._deliver(wish.data)
        if isinstance(wish, Wait):
            return self._wait(wish.task)
        return False

    def _grant_later(self, wish: Wish) -> None:
        if self._grant(wish):
            self._run(self._step, *self._answer)

    def _deliver(self, data: Any) -> bool:
        self._answer = (None, None)
        if self._on_chunk is None:
            self._answer = (None, TypeError(f"a coroutine yields tasks here, not {type(data).__name__}"))
            return True
        try:
            accepted = self._on_chunk(data)
        except Exception as error:  # told to the generator, which may clean up
            self._answer = (None, error)
            return True
        if accepted is None:
            return True
        self._waiting = accepted
        accepted.on_done(lambda promise: self._loop.step(self._accepted, promise))
        return False

    def _wait(self, task: Any) -> bool:
        if task.done:
            self._answer = (task, None)
            return True
        self._waiting = task
        timeout = getattr(task, "timeout", None)
        if timeout is not None:
            self._timer = self._loop.call_later(timeout, self._expire, task)
        # It ends in any thread, perhaps in the middle of somebody's work: go on in a fresh turn of the hub.
        task.on_done(lambda ended: self._loop.step(self._ended, ended))
        return False

    def _ended(self, task: Any) -> None:
        # Otherwise its time was over before, or nobody wants it any more.
        if self._waiting is task:
            self._go_on(task, None)

    def _accepted(self, promise: Promise[Any]) -> None:
        if self._waiting is promise:
            self._go_on(None, promise.error)

    def _expire(self, task: Any) -> None:
        if self._waiting is task:
            task.expired = True
            self._loop.step(self._ended, task)

    def _give_up(self) -> None:
        self._unwanted = True
        if self._waiting is not None:
            self._stop_waiting()
            self._run(self._close)

    def _stop_waiting(self) -> None:
        self._waiting = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_on(self, send: object, throw: BaseException | None) -> None:
        """In a greenlet of the hub: run the next step here, or give it to a thread."""
        self._stop_waiting()
        if self._threads is None:
            self._step(send, throw)
        else:
            self._run(self._step, send, throw)

    def _run(self, function: Callable[..., None], *args: Any) -> None:
        if self._threads is None:
            self._loop.step(function, *args)
        else:
            self._threads.submit(function, *args)
