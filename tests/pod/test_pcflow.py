"""One producer and several consumers: everything produced is consumed, and an error neither hides nor blocks."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from atilite.pod.pcflow import ProducerConsumer
from tests.pod.living import PATIENCE, Happened, Living

Alive = Callable[..., Living]


class Numbers(ProducerConsumer):
    """Gives the numbers below `count` and keeps what was consumed."""

    async def produce(self, *, count: int = 20, **kwargs: Any) -> AsyncIterator[int]:
        for number in range(count):
            await asyncio.sleep(0)
            yield number

    async def startup(self, **kwargs: Any) -> None:
        self.consumed: list[int] = []

    async def consume(self, obj: int, **kwargs: Any) -> None:
        await asyncio.sleep(0)
        self.consumed.append(obj)


@pytest.mark.row("P23")
@pytest.mark.parametrize("keys", [{}, {"consumer_num": 1, "queue_size": 1}, {"consumer_num": "3", "queue_size": "2"}])
def test_it_ends_when_everything_is_consumed(alive: Alive, keys: dict[str, Any]) -> None:
    living = alive(Numbers, **keys)

    assert living.ended() == 0
    assert sorted(living.instance.consumed) == list(range(20))


@pytest.mark.row("P23")
def test_ten_consume_at_once_and_ten_objects_wait(alive: Alive) -> None:
    happened = Happened()
    go = asyncio.Event()

    class Slow(Numbers):
        async def produce(self, **kwargs: Any) -> AsyncIterator[int]:
            for number in range(100):
                happened(f"{number} is asked for")
                yield number

        async def consume(self, obj: int, **kwargs: Any) -> None:
            happened(f"{obj} is consumed")
            await go.wait()
            self.consumed.append(obj)

    living = alive(Slow)
    happened.wait_for("20 is asked for")  # ten are being consumed, ten wait, and this one waits for room
    seen = [thing for thing in happened.things if thing.endswith("is consumed")]
    assert len(seen) == 10
    assert "21 is asked for" not in happened.things
    living.call(go.set)

    assert living.ended() == 0
    assert len(living.instance.consumed) == 100


@pytest.mark.row("P23")
def test_a_plain_generator_and_a_plain_consumer_have_threads(alive: Alive) -> None:
    threads: set[str] = set()
    met = threading.Barrier(4)

    class Plain(ProducerConsumer):
        def produce(self, **kwargs: Any) -> Iterator[int]:
            threads.add(threading.current_thread().name)
            yield from range(4)

        def consume(self, obj: int, **kwargs: Any) -> None:  # type: ignore[override]
            met.wait(PATIENCE)  # on the loop this would never end
            threads.add(threading.current_thread().name)

    assert alive(Plain, consumer_num=4).ended() == 0
    assert threads
    assert all(name.startswith("atilite-flow") for name in threads)


@pytest.mark.row("P23")
def test_anything_iterable_can_be_produced(alive: Alive) -> None:
    class Listed(Numbers):
        async def produce(self, **kwargs: Any) -> list[int]:  # type: ignore[override]
            return [1, 2, 3]

    living = alive(Listed)

    assert living.ended() == 0
    assert sorted(living.instance.consumed) == [1, 2, 3]


@pytest.mark.row("P23", "pod-defect-9")
def test_a_single_consumer_that_raises_fails_the_bean_and_blocks_nothing(
    alive: Alive, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Numbers):
        async def produce(self, **kwargs: Any) -> AsyncIterator[int]:
            try:
                for number in range(1000):
                    yield number
            finally:
                self.closed = True

        async def consume(self, obj: int, **kwargs: Any) -> None:
            if obj == 0:
                raise ValueError("not this one")
            self.consumed.append(obj)

    with caplog.at_level(logging.ERROR):
        living = alive(Failing, consumer_num=1, queue_size=2)

        assert living.ended() == 1
    assert "not this one" in (living.bean.error or "")
    assert "could not consume 0" in caplog.text
    assert 1 <= len(living.instance.consumed) <= 3  # what was in the queue is not lost, no more is asked for
    assert living.instance.closed


@pytest.mark.row("P23", "pod-defect-9")
def test_errors_may_be_logged_and_counted_only(alive: Alive, caplog: pytest.LogCaptureFixture) -> None:
    class Lenient(Numbers):
        on_error = "log"

        async def consume(self, obj: int, **kwargs: Any) -> None:
            if obj % 2:
                raise ValueError("odd")
            self.consumed.append(obj)

    with caplog.at_level(logging.ERROR):
        living = alive(Lenient, consumer_num=1, queue_size=1)

        assert living.ended() == 0
    assert living.instance.consumed == list(range(0, 20, 2))
    assert living.instance.failures == 10
    assert caplog.text.count("could not consume") == 10


@pytest.mark.row("P23", "pod-defect-9")
@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError()], ids=["exit", "cancellation"])
def test_a_consumer_is_not_lost_by_what_ends_others(alive: Alive, error: BaseException) -> None:
    class Leaving(Numbers):
        on_error = "log"

        async def consume(self, obj: int, **kwargs: Any) -> None:
            if obj % 2:
                raise error
            self.consumed.append(obj)

    living = alive(Leaving, consumer_num=1, queue_size=1)

    assert living.ended() == 0
    assert living.instance.consumed == list(range(0, 20, 2))


@pytest.mark.row("P23", "pod-defect-9")
@pytest.mark.parametrize("part", ["produce", "consume"])
@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError()], ids=["exit", "cancellation"])
def test_whatever_ends_a_part_is_the_end_of_the_bean_alone(alive: Alive, part: str, error: BaseException) -> None:
    class Leaving(Numbers):
        pass

    def leave(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise error

    setattr(Leaving, part, leave)
    living = alive(Leaving)

    assert living.ended() == 1
    assert living.call(lambda: "the loop turns") == "the loop turns"


@pytest.mark.row("P23", "pod-defect-9")
def test_a_consumer_that_fails_ends_a_producer_that_waits(alive: Alive) -> None:
    class Waiting(Numbers):
        async def produce(self, **kwargs: Any) -> AsyncIterator[int]:
            yield 1
            await asyncio.Event().wait()

        async def consume(self, obj: int, **kwargs: Any) -> None:
            raise ValueError("no")

    assert alive(Waiting).ended() == 1


@pytest.mark.row("P23")
def test_what_a_failing_producer_has_given_is_still_consumed(alive: Alive) -> None:
    class Failing(Numbers):
        async def produce(self, **kwargs: Any) -> AsyncIterator[int]:
            yield 1
            yield 2
            raise OSError("the source is gone")

    living = alive(Failing, consumer_num=1)

    assert living.ended() == 1
    assert "the source is gone" in (living.bean.error or "")
    assert living.instance.consumed == [1, 2]


@pytest.mark.row("P23", "pod-defect-4")
def test_being_cancelled_ends_producer_and_consumers(alive: Alive) -> None:
    happened = Happened()

    class Endless(Numbers):
        async def produce(self, **kwargs: Any) -> AsyncIterator[int]:
            try:
                yield 1
                await asyncio.Event().wait()
            finally:
                happened("producer")

        async def consume(self, obj: int, **kwargs: Any) -> None:
            happened("consuming")
            try:
                await asyncio.Event().wait()
            finally:
                happened("consumer")

        def cleanup(self, **kwargs: Any) -> None:
            happened("cleanup")

    living = alive(Endless, stop_wait_time=0.0)
    happened.wait_for("consuming")
    living.stop()

    assert sorted(happened.things[1:3]) == ["consumer", "producer"]
    assert happened.things[3:] == ["cleanup"]


@pytest.mark.parametrize(("key", "value"), [("consumer_num", 0), ("queue_size", "many"), ("consumer_num", -1)])
def test_a_number_that_cannot_be_is_named(alive: Alive, key: str, value: Any) -> None:
    living = alive(Numbers, **{key: value})

    assert living.ended() == 1
    assert key in (living.bean.error or "")
