"""Behaviours that calculate with the time between two of their turns."""

from __future__ import annotations

from atilite.flow.shares import Share


class Lapsing:
    """A behaviour that knows how long ago it acted last, and tells it in its share `elapsed`.

    It begins anew where its frame is entered: the turns in which it did not act are none of its time.
    """

    elapsed: Share

    def __init__(self) -> None:
        self._stamp: float | None = None

    def restart(self) -> None:
        """Count from now. Called when the frame is entered."""
        self._stamp = self.elapsed.store.stamp

    def lapse(self) -> float:
        """Seconds since the last call, or since the restart; 0 at the first. Also written to `elapsed`."""
        now, last = self.elapsed.store.stamp, self._stamp
        self._stamp = now
        found = 0.0 if now is None or last is None else max(0.0, now - last)
        self.elapsed.value = found
        return found
