"""Which member of an alias gets the next call: by weight, and not one that has just failed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from ..clock import Clock
from ..runtime.task import Task, Tasks

T = TypeVar("T")

# Seconds that a member is avoided after its first failure in a row; twice as long after each further one.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0


class _Place(Generic[T]):
    """One member with what is known of it."""

    __slots__ = ("credit", "failures", "member", "resting_until", "weight")

    def __init__(self, member: T, weight: int) -> None:
        self.member, self.weight = member, weight
        self.credit = 0
        self.failures = 0
        self.resting_until = 0.0


class Balance(Generic[T]):
    """Picks one of `members`, each with its weight. All methods from any thread; none of them waits.

    With weights 20 and 10 two of three calls go to the first, evenly spread. A member that failed is avoided for a
    second, after further failures in a row for longer, at most half a minute; then one call tries it again. If all
    of them rest, the one whose rest ends first is tried: a call is never refused unheard.
    """

    def __init__(self, members: Iterable[tuple[T, int]], clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._places = [_Place(member, weight) for member, weight in members]
        self._lock = threading.Lock()
        if not self._places:
            raise ValueError("nothing to choose from")

    @property
    def members(self) -> list[T]:
        """All members, as they were declared."""
        return [place.member for place in self._places]

    @property
    def resting(self) -> list[T]:
        """The members that are being avoided now."""
        now = self._clock.monotonic()
        return [place.member for place in self._places if place.resting_until > now]

    def pick(self, tried: Sequence[T] = ()) -> T:
        """The member for the next call, one that is not among `tried` as long as there is one."""
        with self._lock:
            now = self._clock.monotonic()
            places = [place for place in self._places if not _among(place.member, tried)] or self._places
            awake = [place for place in places if place.resting_until <= now]
            if not awake:
                return min(places, key=lambda place: place.resting_until).member
            chosen = _next_in_turn(awake)
            if chosen.failures:
                # One call finds out whether it is back; until that is known the others stay with the rest.
                chosen.resting_until = now + _pause(chosen.failures)
            return chosen.member

    def failed(self, member: T) -> None:
        """Tell that `member` could not be reached."""
        place = self._place(member)
        with self._lock:
            place.failures += 1
            place.resting_until = self._clock.monotonic() + _pause(place.failures)

    def worked(self, member: T) -> None:
        """Tell that `member` answered."""
        place = self._place(member)
        if place.failures:
            with self._lock:
                place.failures = 0
                place.resting_until = 0.0

    def _place(self, member: T) -> _Place[T]:
        return next(place for place in self._places if place.member is member)


def _among(member: object, others: Iterable[object]) -> bool:
    return any(member is other for other in others)


def _next_in_turn(places: list[_Place[T]]) -> _Place[T]:
    """Smooth weighted round robin: everybody earns its weight, the richest is chosen and pays what all have earned."""
    for place in places:
        place.credit += place.weight
    chosen = max(places, key=lambda place: place.credit)
    chosen.credit -= sum(place.weight for place in places)
    return chosen


def _pause(failures: int) -> float:
    return float(min(FIRST_PAUSE * 2 ** (min(failures, 10) - 1), LONGEST_PAUSE))


def to_all(members: Iterable[T], start: Callable[[T], Task], **options: Any) -> Tasks:
    """Make the same request of every member: one task of all of them.

    `fetch()` gives the list of their data or raises the first error; `dispatch()` gives the outcome of each, in
    their order, with `status` (STA_*), `status_code`, `data` and `expt`.
    """
    return Tasks([start(member) for member in members], **options)
