"""How a handler that is not done at once becomes an answer: generators, tasks, async functions, streams.

Under atilite's server a `Conversation` is parked: no thread waits, its steps run on the loop. Under any other WSGI
server the same conversation is driven to its end by the thread that serves the request.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from contextvars import copy_context
from typing import Any, Protocol

from .errors import TaskCancelled
from .runtime.coroutine import Done, Wait, Wish, advance, relayed
from .runtime.drive import Drive
from .runtime.loop import describe
from .runtime.promise import Promise
from .web.exchange import CAN_PARK, BodyRead, Exchange, Headers, Park

log = logging.getLogger("atilite")

Coroutine = Generator[Any, Any, Any]
# The body of the head of a stream.
STREAMED: tuple[bytes, ...] = ()


class Reply:
    """One complete answer: status line, headers, and the body as bytes or as an iterable of bytes."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: str, headers: Headers, body: bytes | Iterable[bytes]) -> None:
        self.status, self.headers, self.body = status, headers, body


class Finisher(Protocol):
    """What the pipeline does with the ends of a conversation."""

    def reply(self, was: Any, value: Any) -> Reply:
        """The reply for what the handler returned."""

    def error(self, was: Any, info: tuple[Any, Any, Any]) -> Reply:
        """The reply for what the handler raised."""

    def stream_head(self, was: Any) -> Reply:
        """Status and headers of a streamed answer, its body STREAMED; or a whole answer to send instead."""

    def encode(self, was: Any, chunk: Any) -> bytes:
        """A streamed piece as bytes; b"" sends nothing. TypeError for what cannot be sent."""

    def end(self, was: Any) -> None:
        """The true end of the request: teardown hooks."""


def is_waitable(value: Any) -> bool:
    """Tell whether `value` is a task, a promise or anything else of that kind."""
    return hasattr(value, "on_done")


class Course:
    """An answer that is still on its way: `steps()` is the coroutine that leads to it."""

    # No ABC: each answer is asked whether it is one, and an ABC takes three times as long to tell.
    __slots__ = ()

    def steps(self) -> Coroutine:
        """Begin it. Called once."""
        raise NotImplementedError


def result(task: Any) -> Any:
    """Return the result of an ended task or promise, or raise its error."""
    fetch = getattr(task, "fetch", None)
    return fetch() if fetch is not None else task.wait()


def result_of(task: Any) -> Coroutine:
    """A coroutine that waits for a task or promise and returns its result."""
    return result((yield task))


def told(generator: Coroutine, around_step: AbstractContextManager[None] | None) -> Coroutine:
    """Drive `generator` from inside another one: `around_step` is entered for each of its steps, and what it yields as
    `was.Input()` comes back as bytes, as the manual has it."""

    def take(wish: Any, got: Any) -> Any:
        return got.fetch() if isinstance(wish, BodyRead) else got

    return relayed(generator, lambda wish: wish, take, around_step=around_step)


def answered(generator: Coroutine) -> Coroutine:
    """The same coroutine, but a task that it returns is waited for, and a course taken: their result is what counts."""
    value = yield from generator
    while True:
        if is_waitable(value):
            value = yield from result_of(value)
        elif isinstance(value, Course):
            value = yield from value.steps()
        else:
            return value


class Delivery:
    """The end of a parked request: its answer, sent on the loop."""

    def __init__(self, was: Any, finisher: Finisher, runtime: Any) -> None:
        self._was, self._finisher, self._runtime = was, finisher, runtime

    def _deliver(self, exchange: Exchange, reply: Reply) -> None:
        exchange.start(reply.status, reply.headers)
        if isinstance(reply.body, bytes):
            if reply.body:
                exchange.write(reply.body)
            exchange.finish()
            return self._finisher.end(self._was)
        # An iterable body (a file, a stream of the user's) may block: it is read in the task threads.
        pulling = Drive(
            _pulled(reply.body, self._runtime.threads),
            loop=self._runtime.loop,
            on_chunk=exchange.write,  # type: ignore[arg-type]
        )
        exchange.on_close(pulling.cancel)
        pulling.promise.on_done(lambda promise: self._runtime.loop.step(self._pulled, exchange, promise))
        pulling.start()

    def _pulled(self, exchange: Exchange, promise: Promise[Any]) -> None:
        if not exchange.closed:
            if promise.error is None:
                exchange.finish()
            else:
                log.error("a streamed answer broke off", exc_info=promise.error)
                exchange.fail(promise.error)
        self._finisher.end(self._was)


class Conversation(Delivery):
    """A generator on its way to an answer.

    The thread of the request makes it and takes its first step; from `begin` on everything happens on the loop, but
    for the steps of a route with coroutine="thread", which run in the task threads, one at a time.
    """

    def __init__(
        self,
        generator: Coroutine,
        was: Any,
        finisher: Finisher,
        runtime: Any,
        *,
        mode: bool | str = False,
        around_step: AbstractContextManager[None] | None = None,
    ) -> None:
        super().__init__(was, finisher, runtime)
        self._mode = mode
        translated = around_step is not None or was.streams_input
        wrapped: Any = answered(told(generator, around_step) if translated else generator)
        # The watchdog names what keeps the hub: the user's function, not what is wrapped around it.
        wrapped.__qualname__ = describe(generator)
        self._generator: Coroutine = wrapped
        self._context = copy_context()
        self._first: Wish | None = None
        self._exchange: Exchange | None = None
        self._drive_on: Drive | None = None
        self._instead: Reply | None = None  # what a hook sends in place of the stream
        self._streaming = False

    # -- with a thread --------------------------------------------------------------------------------------------

    def answer(self, environ: dict[str, Any]) -> Reply:
        """Take the first step here. Raises Park when the rest can go on without this thread, else drives it on."""
        try:
            first = self._step()
            if isinstance(first, Done) and first.value is None and not self._mode:
                first = Done("")  # a stream that has nothing to send
            # A generator that begins with text is an ordinary stream: it may block, so it stays on this thread.
            if isinstance(first, Done) or not (environ.get(CAN_PARK) and (self._mode or isinstance(first, Wait))):
                return self._drive(first)
        except Exception:
            return self._failed()
        self._first = first
        raise Park(self.begin)

    def _step(self, send: Any = None) -> Wish:
        return self._context.run(advance, self._generator, send)

    def _drive(self, wish: Wish) -> Reply:
        while isinstance(wish, Wait):
            wish = self._step(_ended(wish.task))
        if isinstance(wish, Done):
            reply = self._finisher.reply(self._was, wish.value)
            self._finisher.end(self._was)
            return reply
        head = self._finisher.stream_head(self._was)
        if head.body is not STREAMED:
            self._close()
            return head
        return Reply(head.status, head.headers, ClosingBody(self._pieces(wish), self._close))

    def _pieces(self, wish: Wish) -> Iterator[bytes]:
        try:
            while not isinstance(wish, Done):
                if isinstance(wish, Wait):
                    wish = self._step(_ended(wish.task))
                    continue
                piece = self._finisher.encode(self._was, wish.data)
                if piece:
                    yield piece
                wish = self._step()
            if wish.value is not None:
                yield self._finisher.encode(self._was, wish.value)
        except Exception:
            # The status is out: the hooks hear of it, and the server breaks the connection.
            self._finisher.error(self._was, sys.exc_info())
            raise

    def _failed(self) -> Reply:
        reply = self._finisher.error(self._was, sys.exc_info())
        self._finisher.end(self._was)
        return reply

    def _close(self) -> None:
        try:
            self._context.run(self._generator.close)
        except Exception:
            # The answer is complete or its reader gone: the log is the only place where this can be told.
            log.exception("a handler raised while it was closed")
        self._finisher.end(self._was)

    # -- parked ---------------------------------------------------------------------------------------------------

    def begin(self, exchange: Exchange) -> None:
        """Go on without a thread. Loop only."""
        self._exchange = exchange
        self._was.exchange = exchange
        drive = Drive(
            self._generator,
            loop=self._runtime.loop,
            on_chunk=self._send,
            resume="thread" if self._mode == "thread" else "hub",
            threads=self._runtime.threads,
            context=self._context,
        )
        self._drive_on = drive
        exchange.on_close(drive.cancel)
        drive.promise.on_done(self._settled)
        if self._first is None:
            drive.start()
        else:
            drive.follow(self._first)

    def _send(self, chunk: Any) -> Promise[Any] | None:
        assert self._exchange is not None
        piece = self._finisher.encode(self._was, chunk)
        if not self._streaming:
            self._streaming = True
            head = self._finisher.stream_head(self._was)
            if head.body is not STREAMED:
                self._instead = head
            else:
                self._exchange.start(head.status, head.headers)
        if self._instead is not None:
            assert self._drive_on is not None
            self._drive_on.cancel()
            return None
        return self._exchange.write(piece) if piece else None  # type: ignore[return-value]

    def _settled(self, promise: Promise[Any]) -> None:
        # The generator may have ended in a task thread; the exchange belongs to the loop.
        loop = self._runtime.loop
        if loop.in_greenlet():
            self._finish(promise)
        else:
            loop.step(self._finish, promise)

    def _finish(self, promise: Promise[Any]) -> None:
        """Send what the generator came to. Loop only."""
        exchange, error = self._exchange, promise.error
        assert exchange is not None
        if self._instead is not None and not exchange.closed:
            return self._deliver(exchange, self._instead)
        if exchange.closed or isinstance(error, TaskCancelled) or self._streaming:
            if not exchange.closed:
                self._finish_stream(exchange, promise)
            return self._finisher.end(self._was)
        try:
            reply = self._finisher.reply(self._was, promise.result())
        except Exception:
            reply = self._finisher.error(self._was, sys.exc_info())
        self._deliver(exchange, reply)

    def _finish_stream(self, exchange: Exchange, promise: Promise[Any]) -> None:
        if promise.error is None:
            if promise.value is not None:
                exchange.write(self._finisher.encode(self._was, promise.value))
            return exchange.finish()
        # The status is out already: only a broken connection can tell the client that this is not the whole answer.
        self._finisher.error(self._was, (type(promise.error), promise.error, promise.error.__traceback__))
        exchange.fail(promise.error)


class ClosingBody:
    """An iterable body whose end, early or not, is told to `close`."""

    def __init__(self, pieces: Iterator[bytes], close: Callable[[], None]) -> None:
        self._pieces, self._on_close = pieces, close

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        self._on_close()


def _ended(task: Any) -> Any:
    """Wait in this thread for the end of `task`, well or not, as long as it may take; return it."""
    settled = threading.Event()
    task.on_done(lambda _: settled.set())
    if not settled.wait(getattr(task, "timeout", None)):
        task.expired = True
    return task


def _pulled(body: Iterable[bytes], threads: Any) -> Coroutine:
    pieces = iter(body)
    try:
        while True:
            piece = (yield threads.submit(next, pieces, None)).wait()
            if piece is None:
                return
            yield piece
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()
