"""A generator and its messages, without a connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from atilite.websockets.encodings import BadMessage
from atilite.websockets.listening import Listening, listened


class Source:
    def __init__(self, *messages: Any) -> None:
        self.messages = list(messages)
        self.ready = True

    def listen(self, callback: Callable[[], None]) -> None:
        callback()

    def hear(self) -> Any:
        message = self.messages.pop(0)
        if isinstance(message, Exception):
            raise message
        return message


def test_nothing_yielded_is_the_next_message_and_everything_else_passes() -> None:
    def handler() -> Iterator[Any]:
        first = yield
        task = yield "a task"
        yield (first, task)
        return "end"

    run = listened(handler(), Source("hello"))
    listening = run.send(None)
    assert isinstance(listening, Listening)
    assert (listening.done, listening.timeout) == (True, None)
    assert run.send(listening) == "a task"
    assert run.send("its result") == ("hello", "its result")
    with pytest.raises(StopIteration, match="end"):
        run.send(None)


def test_an_error_of_what_was_waited_for_is_raised_in_the_generator() -> None:
    def handler() -> Iterator[Any]:
        try:
            yield "a task"
        except KeyError:
            yield "caught"

    run = listened(handler(), Source())
    assert run.send(None) == "a task"
    assert run.throw(KeyError("x")) == "caught"


def test_a_bad_message_ends_it_after_its_finally_blocks() -> None:
    ended: list[str] = []

    def handler() -> Iterator[Any]:
        try:
            yield
        except BadMessage:
            ended.append("caught")
        finally:
            ended.append("cleaned up")

    run = listened(handler(), Source(BadMessage("no JSON")))
    listening = run.send(None)
    with pytest.raises(BadMessage):
        run.send(listening)
    assert ended == ["cleaned up"]


def test_whoever_listens_is_told() -> None:
    told: list[Any] = []
    listening = Listening(Source("x"))

    listening.on_done(told.append)

    assert told == [listening]
