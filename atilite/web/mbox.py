"""The message box: short messages for the next page, kept by the browser in a signed cookie. Pure but for the clock."""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple

from atilite.clock import Clock
from atilite.web.cookies import write_cookie
from atilite.web.headers import Header
from atilite.web.signing import BadSignature, SecureKey, Signing

COOKIE = "ATLMBX_DEFAULT"


class Message(NamedTuple):
    """One message. `created` is in seconds since 1970; `valid` how many seconds every page shows it, 0 for once."""

    id: str
    category: str
    created: float
    valid: float
    msg: str
    extra: dict[str, Any]


class MessageBox:
    """`was.mbox`: messages for the person at this browser. It belongs to one request.

    `text` is the cookie's value; one that was altered is an empty box.
    """

    def __init__(
        self,
        key: SecureKey,
        text: str = "",
        *,
        path: str = "/",
        secure: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or Clock()
        self._signing = Signing(key, "mbox", self._clock)
        self._path, self._secure, self._sent = path, secure, bool(text)
        self._messages = self._before = self._load(text)

    def _load(self, text: str) -> list[Message]:
        try:
            kept = self._signing.check(text) if text else []
        except BadSignature:
            return []
        now = self._clock.time()
        messages = [Message(*parts) for parts in kept]
        return [message for message in messages if not message.valid or message.created + message.valid > now]

    def send(self, msg: str, category: str = "info", valid: float = 0, **extra: Any) -> str:
        """Leave a message and return its id. It is shown once, or by every page for `valid` seconds.

        `extra` is JSON for the page. Raises TypeError for what is not, ValueError when the box is full.
        """
        message = Message(secrets.token_urlsafe(6), category, self._clock.time(), valid, str(msg), extra)
        kept = self._messages
        self._messages = [*kept, message]
        try:
            self.headers()
        except (TypeError, ValueError):
            self._messages = kept
            raise
        return message.id

    def get(self, key: str | None = None, val: Any = None) -> list[Message]:
        """Take the messages: all, those of a category, or those whose extra `key` is `val`.

        What is shown once is dropped by this; messages that are not returned stay.
        """
        found = [message for message in self._messages if _matches(message, key, val)]
        self._messages = [message for message in self._messages if message.valid or message not in found]
        return found

    def search(self, key: str, val: Any = None) -> list[str]:
        """The ids of the messages whose extra `key` is `val`; without `val` of those of the category `key`."""
        return [message.id for message in self._messages if _matches(message, key, val)]

    def remove(self, message_id: str) -> None:
        """Drop a message; an id that is not there is no error."""
        self._messages = [message for message in self._messages if message.id != message_id]

    def headers(self) -> list[Header]:
        """The Set-Cookie header for a box that was changed. Raises ValueError when it holds too much for a cookie."""
        if self._messages == self._before:
            return []
        if self._messages:
            return [self._cookie(self._signing.sign([list(message) for message in self._messages]), None)]
        return [self._cookie("", 0)] if self._sent else []

    def rollback(self) -> None:
        """Take back every change."""
        self._messages = self._before

    def _cookie(self, text: str, max_age: int | None) -> Header:
        try:
            return write_cookie(COOKIE, text, max_age=max_age, path=self._path, secure=self._secure)
        except ValueError as error:
            raise ValueError(f"the message box is full: {error}") from None


def _matches(message: Message, key: str | None, val: Any) -> bool:
    if key is None:
        return True
    return message.category == key if val is None else key in message.extra and message.extra[key] == val
