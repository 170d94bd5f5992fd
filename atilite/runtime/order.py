"""Who comes before whom: the order of a start, and an end in reverse."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping

from atilite.errors import SetupError
from atilite.runtime.unit import AT_REST, Unit

# The names that a unit needs, and those that it comes after.
Relations = tuple[tuple[str, ...], tuple[str, ...]]


def in_order(relations: Mapping[str, Relations], names: Iterable[str] | None = None) -> list[str]:
    """Order names so that each comes behind its needs and afters, otherwise as they are given.

    `relations` maps a name to its needs and its afters; with `names` only these and what leads to them are ordered.
    SetupError for a need that is not there and for a cycle, which it names; an unknown `after` is no fault.
    """
    done: dict[str, None] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            cycle = " -> ".join((*path[path.index(name) :], name))
            raise SetupError(f"these wait for each other and could never start: {cycle} (take one `needs` away)")
        if name in done:
            return
        needs, after = relations[name]
        for other in (*needs, *(other for other in after if other in relations)):
            if other not in relations:
                raise SetupError(f"{name!r} needs {other!r}, which does not exist (correct its `needs`)")
            visit(other, (*path, name))
        done[name] = None

    for name in relations if names is None else names:
        visit(name, ())
    return list(done)


class Descent:
    """Units that end in reverse order: each is told when those of them that come after it have ended."""

    def __init__(self, units: list[Unit], tell: Callable[[Unit], None], ended: Callable[[], None]) -> None:
        self._tell, self._ended = tell, ended
        self._left = {unit.plan.name: unit for unit in units}
        # The names of those that have to end before it.
        self._before: dict[str, set[str]] = {name: set() for name in self._left}
        for unit in units:
            for other in self._earlier(unit):
                self._before[other].add(unit.plan.name)

    def begin(self, post: Callable[..., None]) -> None:
        """Tell those that nobody comes after; `post` has a call made in its turn."""
        self._post = post
        for unit in list(self._left.values()):
            # From now on: an end that is still to be told of may be one before its present life.
            unit.when(*AT_REST).on_done(functools.partial(self._rested, unit.plan.name))
        for name, before in list(self._before.items()):
            if not before:
                self._address(name)
        if not self._left:
            self._ended()

    @property
    def going(self) -> bool:
        """Whether some of them are left."""
        return bool(self._left)

    def drop(self) -> None:
        """Tell nobody any more."""
        self._left.clear()

    def _address(self, name: str) -> None:
        unit = self._left[name]
        self._tell(unit)
        # It may be started again by somebody else at once, and then it never rests.
        unit.parted().on_done(functools.partial(self._rested, name))

    def _rested(self, name: str, _: object) -> None:
        self._post(self._rests, name)

    def _rests(self, name: str) -> None:
        unit = self._left.pop(name, None)
        if unit is None:
            return
        for other in self._earlier(unit):
            self._before[other].discard(name)
            if not self._before[other]:
                self._address(other)
        if not self._left:
            self._ended()

    def _earlier(self, unit: Unit) -> list[str]:
        names = dict.fromkeys((*unit.plan.needs, *unit.plan.after))
        return [name for name in names if name in self._left and name != unit.plan.name]
