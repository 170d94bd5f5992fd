"""What a generator wishes for: the pure half of driving it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
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

NOWHERE = nullcontext()


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


def relayed(
    generator: Generator[Any, Any, Any],
    ask: Callable[[Any], Any],
    take: Callable[[Any, Any], Any],
    *,
    final: tuple[type[BaseException], ...] = (),
    around_step: AbstractContextManager[None] | None = None,
) -> Generator[Any, Any, Any]:
    """The same generator in another language: for its `wish` `ask(wish)` is yielded, of what comes back it gets
    `take(wish, got)`.

    What is raised at the yield, or by `take`, is raised inside of it, but for GeneratorExit and what is `final`: those
    close it. `around_step` is entered for each of its steps.
    """
    send: Any = None
    error: BaseException | None = None
    closing: tuple[type[BaseException], ...] = (GeneratorExit, *final)
    try:
        while True:
            try:
                with around_step or NOWHERE:
                    wish = generator.throw(error) if error is not None else generator.send(send)
            except StopIteration as stop:
                return stop.value
            send, error = None, None
            try:
                send = take(wish, (yield ask(wish)))
            except closing:
                raise
            except BaseException as raised:
                error = raised
    finally:
        generator.close()
