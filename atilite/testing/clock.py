"""A clock that moves only when it is told."""

from __future__ import annotations

from ..clock import Clock


class FakeClock(Clock):
    """Stands in for `Clock` in tests. `start` is in seconds since 1970; both clocks move together."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._time, self._monotonic = start, 1000.0

    def time(self) -> float:
        """Seconds since 1970."""
        return self._time

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self._time += seconds
        self._monotonic += seconds

    def set(self, time: float) -> None:
        """Set the time of day, as a person or NTP does: the monotonic clock does not notice."""
        self._time = time
