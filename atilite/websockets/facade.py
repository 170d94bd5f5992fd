"""`was.websocket`: what a handler has of its connection."""

from __future__ import annotations

from typing import Any, Protocol

from ..web.websocket import NORMAL


class Talking(Protocol):
    """The talk that is led over the connection."""

    @property
    def client_id(self) -> str: ...
    @property
    def over(self) -> bool: ...
    @property
    def code(self) -> int | None: ...
    @property
    def reason(self) -> str: ...

    def say(self, message: Any, *, patient: bool = False) -> bool:
        """Send a message."""

    def close(self, code: int, reason: str = "") -> None:
        """Say good-bye."""


class Websocket:
    """`was.websocket`: one end of a connection. Any thread.

    `client_id` is what `app.websocket_send` knows it by; whoever has it can send to this client, so keep it to those
    who may. `code` and `reason` say how it ended, None as long as it is open.
    """

    __slots__ = ("_talk", "client_id", "subprotocol")

    def __init__(self, talk: Talking, subprotocol: str | None) -> None:
        self._talk, self.client_id, self.subprotocol = talk, talk.client_id, subprotocol

    @property
    def closed(self) -> bool:
        return self._talk.over

    @property
    def code(self) -> int | None:
        return self._talk.code

    @property
    def reason(self) -> str:
        return self._talk.reason

    def send(self, message: Any) -> bool:
        """Send a message, several as a tuple; False if the connection is closed.

        A thread waits while the client takes less than it is sent; on the loop nothing waits.
        """
        return self._talk.say(message, patient=True)

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Say good-bye after what was sent. Codes for private use are 3000 to 4999."""
        self._talk.close(code, reason)
