"""Who looks on while tests ask: every request of every client in this process is told here."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from ..events import Emitter
from ..quickly import dataclass
from .answers import Answer


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came back. `path` is as it was sent, with its query; `client` is the Caller that asked."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    answer: Answer
    client: Any


@functools.cache
def process_exchanges() -> Emitter[Exchange]:
    """Tells every exchange of this process, in the thread of the client."""
    return Emitter()
