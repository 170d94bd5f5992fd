"""What can be asked to end: it sees that it was, or sleeps until it is."""

from __future__ import annotations

from atilite.errors import TaskTimeout
from atilite.runtime.promise import Promise


class Stopping:
    """The part of a run, or of a unit's life, that its own code asks whether to go on. Any thread or greenlet."""

    __slots__ = ("stopping",)

    def __init__(self) -> None:
        # Set by whoever asks for the end.
        self.stopping: Promise[None] = Promise()

    @property
    def cancelled(self) -> bool:
        """Whether it should end; a plain function has to look at it."""
        return self.stopping.done

    def wait(self, seconds: float | None = None) -> bool:
        """Sleep for so long, but only until it should end; True if it should. Blocks like `Task.fetch`."""
        try:
            self.stopping.wait(seconds)
        except TaskTimeout:
            return False
        return True
