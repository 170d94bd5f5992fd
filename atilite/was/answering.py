"""`was.response`: the answer to the request, where there is one."""

from __future__ import annotations

from typing import Any

from ..web.response import Response


def response_of(was: Any) -> Response:
    """Make the answer. Raises AttributeError in the handlers of a WebSocket: what goes out there are messages."""
    if was.websocket is not None:
        raise AttributeError("was.response: a WebSocket has no answer; use was.websocket.send, or return the message")
    return Response(was.request.env if was.request_or_none else {})
