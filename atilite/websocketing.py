"""The part of an app that talks over WebSockets. What it needs for that is loaded with the first of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .lazily import function_of


class Websocketing:
    """`begin_websockets` is called when the app is made."""

    # The decorator for handlers: see atilite.websockets.upgrade.
    websocket = function_of("atilite.websockets.upgrade", "websocket")

    def begin_websockets(self) -> None:
        """Make what has to be remembered."""
        self.websockets: Any = None  # the open ones (atilite.websockets.room.Room), once a handler is for them

    def websocket_send(self, client_id: str, message: Any) -> bool:
        """Send a message to the client of this id; False if there is none. Any thread, at once.

        The id is `was.websocket.client_id`. Raises TypeError for what cannot be sent.
        """
        return bool(self.websockets is not None and client_id and self.websockets.send(client_id, message))

    def websocket_broadcast(self, message: Any, handler: Callable[..., Any] | None = None) -> int:
        """Send a message to all clients, or to those of one handler; tell to how many. Any thread, at once."""
        return 0 if self.websockets is None else int(self.websockets.broadcast(message, handler))

    def close_websockets(self, timeout: float) -> None:
        """Close them all with the code 1001 and wait so many seconds for `onclose`. Never on the loop."""
        if self.websockets is not None:
            self.websockets.close(timeout)
