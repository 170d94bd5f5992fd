"""Runs and the runs that were started within them, or after them, as a tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from atilite.quickly import dataclass
from atilite.store.runs import Filter, Headline

# So many generations up are looked for, and so many runs down: a run that starts itself has no end of them.
UP, DOWN = 50, 200


class Stored(Protocol):
    """Where runs are read."""

    def headline(self, id: int) -> Headline | None: ...
    def search(self, filter: Filter, *, limit: int) -> list[Headline]: ...


class Nearest(Stored, Protocol):
    """Where a run is read together with those next to it."""

    def near(self, id: int, most: int) -> list[Headline]: ...


class Near:
    """A run as it is on the disk with those next to it, read at once; relatives farther off are read when asked for.

    `run` is None if there is no such run, or only in memory.
    """

    def __init__(self, journals: Nearest, id: int, most: int = DOWN) -> None:
        self._journals, self._id = journals, id
        found = journals.near(id, most)
        self._known = {run.id: run for run in found}
        self._children = [run for run in found if run.parent == id]
        self.run = self._known.get(id)

    def headline(self, id: int) -> Headline | None:
        """Return a run, None if there is none."""
        return self._known.get(id) or self._journals.headline(id)

    def search(self, filter: Filter, *, limit: int) -> list[Headline]:
        """Return runs, newest first, at most as many as were read for those next to the run."""
        if filter == Filter(parent=self._id):
            return self._children[:limit]
        return self._journals.search(filter, limit=limit)


@dataclass(frozen=True, slots=True)
class Relative:
    """A run of a family: how many generations below the first one it is."""

    depth: int
    run: Headline


def ancestors(journals: Stored, run: Headline) -> list[Headline]:
    """The runs that led to this one, the first one first; those that have been removed are left out."""
    found: list[Headline] = []
    parent = run.parent
    while parent is not None and len(found) < UP:
        headline = journals.headline(parent)
        if headline is None:
            break
        found.insert(0, headline)
        parent = headline.parent
    return found


def descendants(journals: Stored, run: Headline, depth: int = 1, most: int = DOWN) -> Iterator[Relative]:
    """What came of a run, each followed by its own, in the order in which they were started, at most so many."""
    left = most
    for child in reversed(journals.search(Filter(parent=run.id), limit=left)):
        if left <= 0:
            return
        yield Relative(depth, child)
        left -= 1
        if depth < UP:
            for one in descendants(journals, child, depth + 1, left):
                yield one
                left -= 1


def family(journals: Stored, run: Headline) -> list[Relative]:
    """The whole family of a run as lines of a tree, `run` itself among them."""
    above = [Relative(depth, one) for depth, one in enumerate(ancestors(journals, run))]
    below = list(descendants(journals, run, len(above) + 1))
    return [*above, Relative(len(above), run), *below]
