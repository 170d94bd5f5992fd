"""One timer at a time, for what waits for one thing at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Stoppable(Protocol):
    def cancel(self) -> object: ...


Later = Callable[[float, Callable[[], None]], Stoppable]


class Alarm:
    """Calls one function later, through `post`, unless another one is set or it is dropped before."""

    __slots__ = ("_later", "_post", "_timer")

    def __init__(self, later: Later, post: Callable[..., Any]) -> None:
        self._later, self._post = later, post
        self._timer: Stoppable | None = None

    def set(self, seconds: float, function: Callable[[], None]) -> None:
        """Call `function` in so many seconds, and not what was set before."""
        self.drop()

        def due() -> None:
            # It may have gone off already when another one was set, or none was wanted any more.
            if self._timer is timer:
                self._timer = None
                function()

        timer = self._later(seconds, lambda: self._post(due))
        self._timer = timer

    def drop(self) -> None:
        """Call nothing."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
