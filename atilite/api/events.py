"""Updates as server-sent events: one parked coroutine a reader, no thread."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from atilite.web import eventstream
from atilite.web.response import Response

from .answers import encode, raw
from .feeds import Bell, Message, Source, pump
from .site import may_still, monotonic

# How long a browser waits before it connects again, in milliseconds.
RETRY = 2000


def event(message: Message) -> bytes:
    """One message in the format of server-sent events."""
    number, body = message
    return eventstream.event(encode(body).decode(), id=number)


def stream(was: Any, source: Source) -> Generator[Any, Any, Response | None]:
    """Send what `source` has and what will come, until it is over or the client leaves or loses its role."""
    if was.request.method == "HEAD":
        return raw(b"", eventstream.MEDIA)
    for name, value in eventstream.HEADERS:
        was.response.set_header(name, value)
    yield b"retry: %d\n\n" % RETRY
    for step in pump(source, Bell(), lambda: may_still(was), was.app.runtime.loop, monotonic):
        if isinstance(step, list):
            yield b"".join(map(event, step)) or eventstream.comment()
        else:
            yield step
    return None
