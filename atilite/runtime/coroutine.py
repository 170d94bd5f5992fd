"""What a generator wishes for: the pure half of driving it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple


class Done(NamedTuple):
    """The generator has returned `value`."""

    value: Any


class Wait(NamedTuple):
    """It goes on when `task` has ended."""

    task: Any


class Chunk(NamedTuple):
    """It has a part of its answer."""

    data: Any


Wish = Done | Wait | Chunk


def advance(generator: Generator[Any, Any, Any], send: object = None, throw: BaseException | None = None) -> Wish:
    """Run `generator` up to its next yield and say what it asks for.

    `send` is what its yield gives; `throw` is raised there instead. A yielded thing that tells when it is done (a
    task, a promise: it has `on_done`) is waited for, anything else is a chunk. Raises what the generator raises.
    """
    try:
        wish = generator.throw(throw) if throw is not None else generator.send(send)
    except StopIteration as stop:
        return Done(stop.value)
    return Wait(wish) if hasattr(wish, "on_done") else Chunk(wish)
