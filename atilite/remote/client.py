"""`atilite.Client`: the actions, runs, keys, services, schedules and events of another board: one drives the other."""

from __future__ import annotations

import ssl
from types import TracebackType
from typing import Self

from .parts import Actions, Events, Facts, Keys, Runs, Schedules, Services, health
from .wire import Wire


class Client:
    """A board somewhere else, by its address and a token that was made there.

    `with Client("http://board.local:5000", token) as board: board.actions.run("water", seconds=5)`. Nothing is sent
    before the first call. Any thread may use it, several at once, and every call blocks its thread: in a coroutine of
    an app wrap it in `was.Thread(...)`. `timeout` is in seconds, for connecting and for each answer. `retries` is how
    often a request is repeated that may be: reading, and what has the same effect twice; any request may that could
    not be sent at all. `patience` is for how many seconds a stream waits for a board that is away. `context` is for
    certificates of one's own, `unix` the path of the socket of a board on this machine, for which `url` is only a name.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout: float = 10.0,
        retries: int = 2,
        patience: float = 60.0,
        context: ssl.SSLContext | None = None,
        unix: str = "",
    ) -> None:
        self._wire = Wire(url, token, timeout, retries, context, unix)
        self.url = self._wire.url
        self.actions = Actions(self._wire, patience)
        self.runs = Runs(self._wire, patience)
        self.kv = Keys(self._wire, patience)
        self.services = Services(self._wire, patience)
        self.schedules = Schedules(self._wire)
        self.events = Events(self._wire, patience)

    def __repr__(self) -> str:
        return f"<Client of {self.url}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections. Streams that are read, also in other threads, end with a ResourceError."""
        self._wire.close()

    def health(self) -> Facts:
        """`{"status": "ok" or "failing", "reasons": [...]}`; a board that does not answer is failing. Never raises."""
        return health(self._wire, "/healthz")
