"""What happens on another board, as it happens: a stream that outlives broken connections."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Mapping
from typing import Any

from ..context import current_run
from ..errors import RemoteError, ResourceError, TaskCancelled, TaskTimeout
from .messages import Messages
from .wire import PASSING, Wire

# The board says something at least every 15 s; after so many seconds of silence it is asked anew.
SILENCE = 40.0
PENDING = ("queued", "running")
# Bytes that are read at once.
PIECE = 64 * 1024

Update = dict[str, Any]


def follow(
    wire: Wire, path: str, query: Mapping[str, Any], after: int | None, patience: float
) -> Generator[Update, None, None]:
    """Open a stream now, and yield each of its messages; it reconnects when it breaks, and ends when there are no more.

    With numbered messages nothing is missed and nothing comes twice: the stream goes on after the last one. Where they
    have no numbers, `{"type": "resumed"}` tells that something may have been missed. `patience` is for how many
    seconds the board may be away. Raises what `Wire.stream` raises once that has passed, and TaskCancelled when the
    run of this process that reads it shall end.
    """
    messages = _followed(wire, path, query, after, patience)
    # Begun here, not with the first message that is asked for: nothing from now on may be missed.
    next(messages, None)
    return messages


def _followed(
    wire: Wire, path: str, query: Mapping[str, Any], after: int | None, patience: float
) -> Generator[Update, None, None]:
    """An empty message when the stream is open, then the others."""
    last = "" if after is None else str(after)
    away, tries, opened = None, 0, False
    while True:
        broken = None
        messages = Messages()
        try:
            with wire.stream(path, query, {"Last-Event-ID": last} if last else {}, SILENCE) as answer:
                if answer.status == 204:
                    return
                if not opened:
                    yield {}
                elif not last:
                    yield {"type": "resumed"}
                away, tries, opened = None, 0, True
                while not wire.closed.is_set() and (data := answer.read1(PIECE)):
                    for text in messages.feed(data):
                        last = messages.last
                        update = json.loads(text)
                        if update.get("type") == "listening":
                            continue  # where the stream begins, for the next time that it breaks
                        yield update
                        if _final(path, update):
                            return
        except (ResourceError, TaskTimeout) as error:
            if isinstance(error, RemoteError) and error.status_code not in PASSING:
                raise
            broken = error
        if getattr(current_run.get(), "cancelled", False):
            raise TaskCancelled("the run that reads the stream was asked to end")
        # A stopping server ends its streams in good order: that is no end of what is followed.
        away = time.monotonic() if away is None else away
        if (broken is not None and time.monotonic() - away > patience) or not wire.pause(min(tries, 6), broken):
            raise broken or ResourceError(wire.url, "the client was closed")
        tries += 1


def _final(path: str, update: Update) -> bool:
    """Whether nothing can follow: the run that is followed has ended."""
    return (
        path.startswith("/internal/journal/")
        and update.get("type") == "journal"
        and update.get("status") not in PENDING
    )
