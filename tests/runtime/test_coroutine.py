"""The pure step of a generator: no loop, no thread."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from atilite.runtime.coroutine import Chunk, Done, Wait, advance, relayed
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


def test_a_relayed_generator_asks_and_hears_in_another_language() -> None:
    steps: list[str] = []

    def inner() -> Any:
        try:
            assert (yield "a") == "A1"
            with pytest.raises(ValueError, match="wrong"):
                yield "b"
        finally:
            steps.append("closed")
        return "end"

    def take(wish: str, got: int) -> str:
        if got == 0:
            raise ValueError("wrong")
        return f"{wish.upper()}{got}"

    class Step:
        def __enter__(self) -> None:
            steps.append("step")

        def __exit__(self, *_: object) -> None:
            steps.append("ended")

    outer = relayed(inner(), lambda wish: wish * 2, take, around_step=Step())
    assert advance(outer) == Chunk("aa")
    assert advance(outer, 1) == Chunk("bb")
    assert advance(outer, 0) == Done("end")
    assert steps == ["step", "ended", "step", "ended", "step", "closed", "ended"]


def test_what_is_final_closes_a_relayed_generator_and_is_not_told_to_it() -> None:
    heard: list[type[BaseException]] = []

    def inner() -> Any:
        try:
            yield "a"
        except BaseException as error:
            heard.append(type(error))
            raise

    outer = relayed(inner(), lambda wish: wish, lambda wish, got: got, final=(KeyError,))
    advance(outer)
    with pytest.raises(KeyError):
        advance(outer, throw=KeyError("over"))
    assert heard == [GeneratorExit]
