"""The pure step of a generator: no loop, no thread."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from atilite.runtime.coroutine import Chunk, Done, Wait, advance
from atilite.runtime.task import Mask


@pytest.mark.row("A144")
def test_a_yielded_task_is_waited_for_and_sent_back() -> None:
    def coroutine() -> Generator[Any, Any, int]:
        task = yield task_1
        return task.fetch() + 1  # type: ignore[no-any-return]

    task_1 = Mask(4)
    generator = coroutine()

    assert advance(generator) == Wait(task_1)
    assert advance(generator, task_1) == Done(5)


def test_anything_else_is_a_chunk() -> None:
    def coroutine() -> Generator[Any, Any, None]:
        yield "text"
        yield b"bytes"
        yield {"a": 1}

    generator = coroutine()

    assert [advance(generator) for _ in range(4)] == [Chunk("text"), Chunk(b"bytes"), Chunk({"a": 1}), Done(None)]


def test_an_error_is_raised_where_the_generator_waits() -> None:
    def coroutine() -> Generator[Any, Any, str]:
        try:
            yield Mask(1)
        except ValueError as error:
            return f"caught {error}"
        return "not raised"

    generator = coroutine()
    advance(generator)

    assert advance(generator, throw=ValueError("it")) == Done("caught it")


def test_what_the_generator_raises_comes_out() -> None:
    def coroutine() -> Generator[Any, Any, None]:
        yield Mask(1)
        raise KeyError("out")

    generator = coroutine()
    advance(generator)

    with pytest.raises(KeyError, match="out"):
        advance(generator)
