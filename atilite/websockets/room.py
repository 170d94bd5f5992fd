"""All open WebSockets of one app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import TaskTimeout
from ..runtime.promise import Promise
from ..web.websocket import Outgoing
from .encodings import messages
from .talk import Talk

# So many get a broadcast before others have their turn.
SLICE = 500


class Room:
    """Finds open WebSockets by the id of their client. Any thread, but for `closed` and `ended`: loop only."""

    def __init__(self, runtime: Any) -> None:
        self._loop = runtime.loop
        self._open: dict[str, Talk] = {}
        self._ending: set[Talk] = set()
        self._empty: Promise[None] | None = None
        self.stopping = False

    def __len__(self) -> int:
        return len(self._open)

    def add(self, talk: Talk) -> None:
        """A handshake has begun."""
        self._open[talk.client_id] = talk

    def discard(self, talk: Talk) -> None:
        """The handshake was refused."""
        self._open.pop(talk.client_id, None)
        self._loop.call_soon(self._look)

    def closed(self, talk: Talk) -> None:
        """Nothing can be sent to it any more."""
        self._open.pop(talk.client_id, None)
        self._ending.add(talk)

    def ended(self, talk: Talk) -> None:
        """Its handlers are done with it as well."""
        self._ending.discard(talk)
        self._look()

    def send(self, client_id: str, message: Any) -> bool:
        """Send to one client, without waiting; False if there is none of this id."""
        talk = self._open.get(client_id)
        return talk is not None and talk.say(message)

    def broadcast(self, message: Any, handler: Callable[..., Any] | None = None) -> int:
        """Send to all clients, or those of one handler; tell to how many. Encodes once for all."""
        wanted = getattr(handler, "__wrapped__", handler)
        talks = [talk for talk in list(self._open.values()) if wanted is None or talk.handler.function is wanted]
        for encoding in {talk.encoding for talk in talks}:
            said = list(messages(message, encoding))
            for outgoing in said:
                _ = outgoing.compressed  # here, not on the loop
            self._spread([talk for talk in talks if talk.encoding == encoding], said)
        return len(talks)

    def _spread(self, talks: Sequence[Talk], said: list[Outgoing]) -> None:
        for start in range(0, len(talks), SLICE):
            self._loop.call_soon(_deliver, talks[start : start + SLICE], said)

    def close(self, timeout: float) -> bool:
        """Close all with the code 1001 and wait for their handlers' ends; False if some go on. Never on the loop."""
        self.stopping = True
        promise: Promise[None] = Promise()
        self._empty = promise
        self._loop.call_soon(self._leave)
        try:
            promise.wait(timeout)
        except TaskTimeout:
            return False
        return True

    def _leave(self) -> None:
        for talk in list(self._open.values()):
            talk.leave()
        self._look()

    def _look(self) -> None:
        if self._empty is not None and not self._open and not self._ending:
            self._empty.set(None)


def _deliver(talks: Sequence[Talk], said: list[Outgoing]) -> None:
    for talk in talks:
        for outgoing in said:
            talk.deliver(outgoing)
