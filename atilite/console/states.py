"""The words of states: one word and one class of the sheet for each, wherever a state is shown."""

from __future__ import annotations

from functools import lru_cache

from markupsafe import Markup

from ..quickly import dataclass

RUN_STATES = {
    "running": "Running",
    "queued": "Queued",
    "succeeded": "Succeeded",
    "failed": "Failed",
    "timed_out": "Timed out",
    "cancelled": "Cancelled",
    "interrupted": "Interrupted",
}
SERVICE_STATES = {
    "new": ("stopped", "Stopped"),
    "stopped": ("stopped", "Stopped"),
    "starting": ("starting", "Starting"),
    "running": ("running", "Running"),
    "degraded": ("running", "Degraded"),
    "restarting": ("restarting", "Restarting"),
    "backoff": ("restarting", "Restarting"),
    "stopping": ("starting", "Stopping"),
    "failed": ("failed", "Failed"),
}
UNFINISHED = frozenset({"queued", "running"})
BAD = ("failed", "timed_out", "interrupted")


@lru_cache(maxsize=128)
def _tile(kind: str, word: str) -> Markup:
    # Long lists show the same few tiles over and over.
    return Markup('<span class="st {}">{}</span>').format(kind, word)


@dataclass(frozen=True, slots=True)
class State:
    """What the state tile shows: `kind` is its class in the sheet, `word` is always beside it."""

    kind: str
    word: str

    @property
    def raw(self) -> str:
        """What the JSON page says."""
        return self.kind

    def __html__(self) -> str:
        return _tile(self.kind, self.word)


NEVER = State("never", "Never run")
PAUSED = State("paused", "Paused")


KNOWN = {status: State(status, word) for status, word in RUN_STATES.items()}


def of_run(status: str) -> State:
    """The state of a run; an unknown status keeps its own word and a neutral shape."""
    return KNOWN.get(status) or State("queued", status)


def of_service(status: str) -> State:
    """The state of a service, in the five words that the sheet has shapes for."""
    kind, word = SERVICE_STATES.get(status, ("stopped", status.capitalize()))
    return State(kind, word)
