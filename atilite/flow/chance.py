"""The chance of a run that is recorded: what it draws from the module `random` in a turn, its replay draws again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager


def new_seed() -> int:
    """A seed that no run had before."""
    return random.SystemRandom().getrandbits(32)


@contextmanager
def drawing(seed: int, turn: int) -> Iterator[None]:
    """Seed the module for one turn, and by chance behind it.

    Each turn has a seed of its own: a thread that draws meanwhile takes from this turn alone, and what threads draw
    between two turns can be told from no recording.
    """
    random.seed(seed << 64 | turn)
    try:
        yield
    finally:
        random.seed()
