"""Time as an argument, so that schedules, back-off and expiry are tested by stepping a clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """The machine's clocks. Any thread."""

    def time(self) -> float:
        """Seconds since 1970; jumps when the machine's time is set."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment; never jumps. For durations only."""
        return time.monotonic()

    def now(self) -> datetime:
        """The current moment, timezone-aware, in UTC."""
        return datetime.fromtimestamp(self.time(), UTC)
