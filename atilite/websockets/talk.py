"""What goes on over one WebSocket: its messages become calls of the handler, and what that says becomes messages."""

from __future__ import annotations

import inspect
import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Protocol

from ..errors import Error, TaskCancelled
from ..hooks import call_with_was
from ..lazily import in_asyncio
from ..quickly import dataclass
from ..runtime.kinds import run_function
from ..runtime.promise import Promise
from ..web.exchange import Exchange
from ..web.websocket import ABNORMAL, BAD_DATA, GOING_AWAY, INTERNAL_ERROR, NORMAL, POLICY, Accepted, Channel, Outgoing
from .encodings import BadMessage, decode, messages
from .line import WATER, Line
from .listening import listened
from .specs import Terms

log = logging.getLogger("atilite.websockets")

# So many messages, or bytes, may wait for the handler before the peer is read no further.
MAX_WAITING, MAX_WAITING_BYTES = 32, 1024 * 1024
# Seconds that a generator may go on after the end of its connection without reading or sending.
LINGER = 60.0


class Places(Protocol):
    """The room that knows all talks of an app."""

    def closed(self, talk: Talk) -> None:
        """Nothing can be sent to it any more."""

    def ended(self, talk: Talk) -> None:
        """Its handlers are done with it as well."""


@dataclass(frozen=True, slots=True)
class Handler:
    """A user's function with what the address gave it."""

    function: Callable[..., Any]
    takes_was: bool
    is_plain: bool
    arguments: dict[str, Any]

    def call(self, was: Any, *message: Any) -> Any:
        """Call it for a message, or once for a connection."""
        return self.function(*((was, *message) if self.takes_was else message), **self.arguments)


class Talk:
    """One connection from its handshake to its true end, when `onclose` has run. The loop's thread, but for `say`,
    `close` and what runs the user's functions."""

    def __init__(self, was: Any, handler: Handler, terms: Terms, accepted: Accepted, room: Places) -> None:
        self.client_id = secrets.token_urlsafe(12)
        self.over = False
        self.code: int | None = None
        self.reason = ""
        self.handler, self.encoding = handler, terms.encoding
        self._was, self._terms, self._accepted, self._room = was, terms, accepted, room
        self._runtime: Any = was.app.runtime
        self._line: Line | None = None
        self._early: list[Outgoing] = []  # said before the connection is open
        self._lock = threading.Lock()
        self._posted = 0  # bytes on their way from other threads to the loop
        self._inbox: deque[str | bytes] = deque()
        self._waiting = 0  # bytes
        self._paused = False
        self._busy = False
        self._listener: Callable[[], None] | None = None
        self._told_end = False
        self._running: Promise[Any] | None = None

    # -- any thread -----------------------------------------------------------------------------------------------

    def greet(self, headers: list[tuple[str, str]]) -> None:
        """Let these headers go out with the answer to the handshake."""
        self._accepted = self._accepted.leaving(headers)

    def say(self, message: Any, *, patient: bool = False) -> bool:
        """Send what a handler said; False if it is over. Raises TypeError, ValueError for what cannot be sent."""
        said = list(messages(message, self.encoding))
        for outgoing in said:
            self.post(outgoing)
        if patient and self._line is not None and self._posted + self._line.unsent > WATER:
            self._wait_for_room()
        return not self.over

    def _wait_for_room(self) -> None:
        loop = self._runtime.loop
        if not loop.inside() and not in_asyncio():
            room: Promise[None] = Promise()
            loop.call_soon(self._tell_room, room)
            room.wait()

    def post(self, outgoing: Outgoing) -> None:
        """Send a message; nothing if it is over."""
        loop = self._runtime.loop
        if loop.inside():
            self.deliver(outgoing)
        elif not self.over:
            with self._lock:
                self._posted += len(outgoing.payload)
            loop.call_soon(self._deliver_posted, outgoing)

    def close(self, code: int, reason: str = "") -> None:
        """Say good-bye."""
        self._runtime.loop.call_soon(self._close, code, reason)

    # -- the connection -------------------------------------------------------------------------------------------

    def begin(self, exchange: Exchange) -> None:
        """Take the connection over from HTTP."""
        exchange.hijack(self.leave).on_done(partial(self._taken, exchange))

    def leave(self) -> None:
        """The server stops."""
        self._close(GOING_AWAY, "the server is stopping")

    def _taken(self, exchange: Exchange, promise: Any) -> None:
        if promise.error is not None:
            log.debug("a WebSocket was not opened: %s", promise.error)
            if not exchange.closed:
                exchange.start("400 Bad Request", [("Content-Length", "0")])
                exchange.finish()
            return self.closed(ABNORMAL, "")
        terms, accepted = self._terms, self._accepted
        self._line = line = Line(
            self._runtime.loop,
            promise.value,
            Channel(terms.max_message, compressed=accepted.compressed),
            self,
            timeout=terms.timeout,
            max_unsent=terms.max_unsent,
        )
        line.open(accepted.answer)
        early, self._early = self._early, []
        for outgoing in early:
            line.send(outgoing)
        if self.over:
            return
        if self.code is not None:
            line.close(self.code, self.reason)
        elif terms.spec.session:
            self._run_session()

    def deliver(self, outgoing: Outgoing) -> None:
        """Send a message now."""
        if self._line is not None:
            self._line.send(outgoing)
        elif not self.over:
            self._early.append(outgoing)

    def _deliver_posted(self, outgoing: Outgoing) -> None:
        with self._lock:
            self._posted -= len(outgoing.payload)
        self.deliver(outgoing)

    def _tell_room(self, promise: Promise[None]) -> None:
        drained = self._line.drained() if self._line is not None else None
        if drained is None:
            promise.set(None)
        else:
            drained.on_done(lambda _: promise.set(None))

    def _close(self, code: int, reason: str) -> None:
        if self._line is not None:
            self._line.close(code, reason)
        elif not self.over and self.code is None:
            self.code, self.reason = code, reason  # as soon as it is open

    # -- what the line tells --------------------------------------------------------------------------------------

    def heard(self, data: str | bytes) -> None:
        """A message has come."""
        self._inbox.append(data)
        self._waiting += len(data)
        if len(self._inbox) >= MAX_WAITING or self._waiting >= MAX_WAITING_BYTES:
            self._paused = True
            assert self._line is not None
            self._line.pause()
        self._wake()

    def closed(self, code: int, reason: str) -> None:
        """It is over. Messages that have come are still handled."""
        self.over, self.code, self.reason = True, code, reason
        self._room.closed(self)
        self._wake()
        if self._running is not None:
            self._runtime.loop.call_later(LINGER, self._running.cancel)

    def _wake(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener()
        elif not self._busy:
            self._next()

    def _take(self) -> str | bytes:
        data = self._inbox.popleft()
        self._waiting -= len(data)
        if self._paused:
            self._runtime.loop.call_soon(self._resume)
        return data

    def _resume(self) -> None:
        if self._paused and not self._inbox:
            self._paused = False
            if self._line is not None:
                self._line.resume()

    # -- a call for each message ----------------------------------------------------------------------------------

    def _next(self) -> None:
        if self._terms.spec.session or not self._inbox:
            if self.over:
                self._finish()
            return
        self._busy = True
        data = self._take()
        place = self._terms.spec.place
        if place == "hub" and self.handler.is_plain:
            work = self._runtime.loop.spawn(self._work, data)
        else:
            work = self._follow(partial(self._work, data))
        self._running = work
        work.on_done(partial(self._runtime.loop.call_soon, self._answered))

    def _work(self, data: str | bytes) -> Any:
        """Call the handler, where it shall be called; a plain result is made into messages there too."""
        value = self.handler.call(self._was, decode(data, self.encoding))
        if inspect.isgenerator(value) or inspect.iscoroutine(value) or hasattr(value, "on_done"):
            return value
        return tuple(messages(value, self.encoding))

    def _follow(self, function: Callable[[], Any]) -> Promise[Any]:
        """Call a function in the task threads, and see to what it returns: a generator, a coroutine, a task."""
        resume = self._terms.spec.place
        return run_function(function, runtime=self._runtime, on_chunk=self._chunk, resume=resume)

    def _answered(self, work: Promise[Any]) -> None:
        if work.error is None and hasattr(work.value, "on_done"):  # a task, returned on the loop
            self._running = self._follow(partial(_same, work.value))
            self._running.on_done(partial(self._runtime.loop.call_soon, self._answered))
            return
        self._settle(work)
        self._running, self._busy = None, False
        self._next()

    def _settle(self, work: Promise[Any]) -> None:
        """Send what a handler returned, or tell what it raised."""
        error = work.error
        if error is None:
            try:
                for outgoing in messages(work.value, self.encoding):
                    self.deliver(outgoing)
                self._check_kept()
            except (TypeError, ValueError, RuntimeError) as raised:
                error = raised
        if error is not None:
            self._fail(error)

    def _check_kept(self) -> None:
        """Only the answer to the handshake carries cookies, and it has gone."""
        request = self._was.request
        if request.cookie_headers():
            request.rollback()
            raise RuntimeError(
                "a cookie, the session or a message for the next page was changed, but an open WebSocket has no answer"
                " to carry that: change them in onopen, or keep the value in app.kv"
            )

    def _fail(self, error: BaseException) -> None:
        self._inbox.clear()
        self._waiting = 0
        if isinstance(error, BadMessage):
            self._close(BAD_DATA, str(error))
        elif isinstance(error, Error) and error.status_code < 500:
            self._close(POLICY, error.explanation or error.reason)
        elif self.over and isinstance(error, (TaskCancelled, ConnectionError)):
            log.debug("a WebSocket's handler was ended: %s", error)
        else:
            log.error("the WebSocket %s failed", self._was.request.path, exc_info=error)
            self._close(INTERNAL_ERROR, str(error) if self._was.app.debug else "")

    # -- one generator for the connection -------------------------------------------------------------------------

    def _run_session(self) -> None:
        self._busy = True
        self._running = self._follow(self._session)
        self._running.on_done(partial(self._runtime.loop.call_soon, self._session_ended))

    def _session(self) -> Generator[Any, Any, Any]:
        return (yield from listened(self.handler.call(self._was), self))

    @property
    def ready(self) -> bool:
        """Whether there is a message to take, or the end."""
        return bool(self._inbox) or self.over

    def listen(self, callback: Callable[[], None]) -> None:
        """Call `callback` as soon as it is `ready`."""
        if self.ready:
            callback()
        else:
            self._listener = callback

    def hear(self) -> Any:
        """Take the next message, None at the end. Raises BadMessage, ConnectionError for what comes after the end."""
        if self._inbox:
            return decode(self._take(), self.encoding)
        if self._told_end:
            raise ConnectionError("the WebSocket is closed: None was its last message")
        self._told_end = True
        return None

    def _chunk(self, data: Any) -> Promise[None] | None:
        if self.over:
            if self._running is not None:
                self._running.cancel()
            return None
        for outgoing in messages(data, self.encoding):
            self.deliver(outgoing)
        return self._line.drained() if self._line is not None else None

    def _session_ended(self, running: Promise[Any]) -> None:
        self._settle(running)
        self._close(NORMAL, "")
        self._running, self._busy = None, False
        self._inbox.clear()
        self._next()

    # -- its end --------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        """The last thing that is said about it, once: every call has ended."""
        if self._was is None:
            return
        was, self._was = self._was, None
        onclose = self._terms.onclose
        if onclose is None and not was.around.teardown:
            self._room.ended(self)
        elif onclose is None:
            self._bury(was, None)
        else:
            self._follow(partial(call_with_was, onclose, was)).on_done(partial(self._bury, was))

    def _bury(self, was: Any, said: Promise[Any] | None) -> None:
        if said is not None and said.error is not None:
            log.error("onclose of the WebSocket %s failed", was.request.path, exc_info=said.error)
        if was.request.cookie_headers():
            log.warning("onclose of %s changes the session or a cookie: no answer carries that", was.request.path)
        self._runtime.threads.submit(was.app.pipeline.end, was).on_done(self._buried)

    def _buried(self, ended: Promise[Any]) -> None:
        if ended.error is not None:
            log.error("what ends a WebSocket failed", exc_info=ended.error)
        self._runtime.loop.call_soon(self._room.ended, self)


def _same(value: Any) -> Any:
    return value
