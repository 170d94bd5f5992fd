"""Server-sent events: messages of one long answer that a browser's EventSource reads. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from atilite.web.encoding import encode_json
from atilite.web.headers import Header

MEDIA = "text/event-stream"
HEADERS: tuple[Header, ...] = (
    ("Content-Type", "text/event-stream; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("X-Accel-Buffering", "no"),  # nginx would collect the messages otherwise
)
_LINE_END = re.compile("\r\n|\r|\n")


def event(data: Any, *, name: str | None = None, id: str | int | None = None, retry: int | None = None) -> bytes:
    """Return one message. `data` is sent as it is if it is a text, else as JSON.

    The client sends `id` back in Last-Event-ID when it reconnects, after `retry` milliseconds. Raises ValueError for
    a name or id of several lines.
    """
    lines: list[str] = []
    for field, value in (("event", name), ("id", id), ("retry", retry)):
        if value is not None:
            text = str(value)
            if _LINE_END.search(text) or "\0" in text:
                raise ValueError(f"the {field} of an event is one line, not {text!r}")
            lines.append(f"{field}: {text}")
    text = data if isinstance(data, str) else encode_json(data).decode()
    lines.extend(f"data: {line}" for line in _LINE_END.split(text))
    return ("\n".join(lines) + "\n\n").encode("utf-8", "replace")


def comment(text: str = "") -> bytes:
    """Return a line that clients ignore: it keeps the connection alive and finds out whether they are still there."""
    return f": {_LINE_END.sub(' ', text)}\n\n".encode("utf-8", "replace")


def last_event_id(environ: Mapping[str, Any]) -> int | None:
    """Return the number of the last event that a reconnecting client has seen; None for a new one."""
    text = environ.get("HTTP_LAST_EVENT_ID", "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def wanted(environ: Mapping[str, Any]) -> bool:
    """Tell whether the client asks for a stream of events."""
    return MEDIA in environ.get("HTTP_ACCEPT", "")
