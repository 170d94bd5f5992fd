"""Answers that are read piece by piece: a large download, or events that never end."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import HubBlocked
from ..quickly import dataclass
from ..runtime.engine import Runtime
from ..runtime.loop import Loop
from ..runtime.promise import Promise
from ..runtime.task import Task
from .transport import Received

# The longest line of events, in bytes: somebody who never ends one must not fill the memory.
LONGEST_LINE = 1024 * 1024


class Download:
    """A body that is read when one asks for it; nothing is fetched in advance, so a slow reader slows the sender.

    `for piece in body` in a thread or a greenlet, `task = yield body.read()` in a coroutine; b"" is the end. Use it
    as a context manager, or `close` it, if you may stop before the end. Any thread, one at a time.
    """

    def __init__(self, received: Received, runtime: Runtime) -> None:
        self._received, self._runtime = received, runtime
        self.status_code, self.headers, self.url = received.status_code, received.headers, received.url

    def read(self, size: int = 65536) -> Task:
        """A task of the next bytes, at most `size`, as soon as there are any; b"" at the end."""
        return Task(self._runtime.loop.spawn(self._received.read, size), timeout=None, runner=self._runtime.run)

    def __iter__(self) -> Iterator[bytes]:
        try:
            while piece := self.read().fetch():
                yield piece
        finally:
            self.close()

    def close(self) -> None:
        """Let the rest go. Does not wait."""
        if not self._received.ended:
            self._runtime.loop.call_soon(self._received.close)

    def __enter__(self) -> Download:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One server-sent event. `id` is the last one that was told; `retry` seconds, if the server named them."""

    data: str
    event: str = "message"
    id: str = ""
    retry: float | None = None


class EventParser:
    """Bytes in, events out, as the HTML standard has it. Pure."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._rest = ""
        self._data: list[str] = []
        self._event = ""
        self.id = ""
        self.retry: float | None = None

    def feed(self, data: bytes) -> list[ServerEvent]:
        """The events that are complete now. Raises ValueError for an endless line."""
        self._rest += self._decoder.decode(data)
        # A CR at the end may be the first half of a CRLF.
        held = "\r" if self._rest.endswith("\r") else ""
        text = self._rest[: len(self._rest) - len(held)].replace("\r\n", "\n").replace("\r", "\n")
        *lines, rest = text.split("\n")
        self._rest = rest + held
        if len(self._rest) > LONGEST_LINE or sum(map(len, self._data)) > LONGEST_LINE:
            raise ValueError(f"an event is longer than {LONGEST_LINE} characters")
        return [event for event in map(self._line, lines) if event is not None]

    def _line(self, line: str) -> ServerEvent | None:
        if not line:
            return self._complete()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self.id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value) / 1000
        return None

    def _complete(self) -> ServerEvent | None:
        data, name = self._data, self._event
        self._data, self._event = [], ""
        return ServerEvent("\n".join(data), name or "message", self.id, self.retry) if data else None


class Events:
    """Server-sent events: `for event in stub.events("/ticks")`, in a coroutine `task = yield events.next()`.

    The request is sent with the first look. After the end of the answer there is nothing more; `id` is the last one
    that was told, and goes out as Last-Event-ID when you call `again`.
    """

    def __init__(self, ask: Callable[[dict[str, str]], Task], loop: Loop) -> None:
        self._ask, self._loop = ask, loop
        self._parser = EventParser()
        self._ready: list[ServerEvent] = []
        self._request: Task | None = None
        self._body: Any = None
        self._closed = False

    @property
    def id(self) -> str:
        return self._parser.id

    def next(self) -> Task:
        """A task of the next event, None after the last one. Ask for one at a time."""
        if self._ready:
            return Task.completed(self._ready.pop(0))
        promise: Promise[ServerEvent | None] = self._loop.spawn(self._next)
        return Task(promise, timeout=None)

    def _next(self) -> ServerEvent | None:
        if self._body is None and not self._closed:
            headers = {"Last-Event-ID": self.id} if self.id else {}
            self._request = self._ask(headers)
            self._body = self._request.fetch()
        while not self._ready:
            if self._closed or not (piece := self._body.read().fetch()):
                self._closed = True
                return None
            self._ready += self._parser.feed(piece)
        return self._ready.pop(0)

    def again(self) -> None:
        """Begin anew with the next look: the server continues after the last event if it can."""
        self.close()
        last = self._parser.id
        self._parser = EventParser()
        self._parser.id = last
        self._body, self._closed = None, False

    def __iter__(self) -> Iterator[ServerEvent]:
        if self._loop.inside() and not self._loop.in_greenlet():
            raise HubBlocked("waiting here would stop every other request; yield events.next() instead")
        try:
            while (event := self.next().fetch()) is not None:
                yield event
        finally:
            self.close()

    def close(self) -> None:
        """End it. Any thread; does not wait."""
        self._closed = True
        if self._request is not None:
            self._request.cancel()
        if self._body is not None:
            self._body.close()

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
