"""A behaviour in its place in a plan, for whoever looks at the plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from atilite.flow.model import Place


class Waiting(Protocol):
    """What may wait for something, and says for what; `task` if it is one. A `sequence` ends its framer with itself."""

    sequence: bool
    waits_for: str
    task: Any


@dataclass(frozen=True, slots=True)
class Part:
    """A behaviour of a frame: its name there, what is called, the absolute paths of its shares by their names."""

    name: str
    make: Callable[..., Any]
    frame: str
    place: Place
    ios: dict[str, str]
    routine: Waiting | None = None  # of a generator

    @property
    def waits_for(self) -> str:
        """The condition or the task that it waits for, empty if it goes on with the next turn."""
        return self.routine.waits_for if self.routine is not None else ""
