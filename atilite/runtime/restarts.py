"""Whether and when something that has ended is started again: arithmetic only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from atilite.errors import SetupError
from atilite.quickly import dataclass


class Verdict(NamedTuple):
    """What follows from an end: start it again after `delay` seconds, leave it, or give it up."""

    action: Literal["restart", "leave", "give_up"]
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When something is started again after its end. All times are in seconds.

    `delay` is waited before a restart; it is multiplied by `factor` for each further failure in a row, up to
    `max_delay`. With `max_restarts` it is given up at the end that would need one more within any `within` seconds.
    A run that lasted longer than `within` makes former failures forgotten.
    """

    restart: Literal["always", "on_failure", "never"] = "always"
    delay: float = 3.0
    max_restarts: int | None = None
    within: float = 60.0
    factor: float = 2.0
    max_delay: float = 60.0

    def __post_init__(self) -> None:
        if self.restart not in ("always", "on_failure", "never"):
            raise SetupError(f"restart is always, on_failure or never, not {self.restart!r}")
        for name in ("delay", "within", "max_delay"):
            if getattr(self, name) < 0:
                raise SetupError(f"{name} is a number of seconds and cannot be {getattr(self, name)}")
        if self.factor < 1:
            raise SetupError(f"factor makes delays longer and cannot be {self.factor}")
        if self.max_restarts is not None and self.max_restarts < 0:
            raise SetupError(f"max_restarts counts restarts and cannot be {self.max_restarts}")

    def judge(self, *, failed: bool, streak: int, restarts: Sequence[float], now: float) -> Verdict:
        """Judge an end at `now`.

        `failed` tells a failure from a return, `streak` counts the failures in a row with this one, `restarts` are
        the moments of the restarts before.
        """
        if self.restart == "never" or (self.restart == "on_failure" and not failed):
            return Verdict("give_up" if failed else "leave")
        if self.max_restarts is not None and self._recent(restarts, now) >= self.max_restarts:
            return Verdict("give_up")
        return Verdict("restart", self.pause(streak))

    def pause(self, streak: int) -> float:
        """Seconds before the restart after so many failures in a row."""
        # More doublings than this are beyond any limit, and beyond what a float can hold soon after.
        longer = self.delay * self.factor ** min(max(streak - 1, 0), 32)
        return min(longer, max(self.max_delay, self.delay))

    def _recent(self, restarts: Sequence[float], now: float) -> int:
        return sum(now - moment < self.within for moment in restarts)
