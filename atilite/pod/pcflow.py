"""One producer and several consumers with a queue between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Annotated, Any, Literal

from atilite.pod.keys import keys_of
from atilite.pod.simple import SimpleServer, outcome
from atilite.quickly import dataclass
from atilite.runtime.executors import Threads
from atilite.runtime.functions import kind_of
from atilite.scalars import Range

# What follows the last object, once for each consumer.
END = object()


@dataclass(frozen=True)
class Flow:
    """The keys: how many consume at once, and how many objects may wait for them."""

    consumer_num: Annotated[int, Range(1, 10_000)] = 10
    queue_size: Annotated[int, Range(1)] = 10


class ProducerConsumer(SimpleServer):
    """A bean to inherit from: `produce` gives objects, `consume` takes each of them; it ends when both are through.

    `produce` is an async generator, or a plain one or anything iterable, which is read on a thread. `consume` is
    `async def`, or a plain function, of which each call has a thread. Both get the bean's keywords.

    An error of `consume` is logged. With `on_error = "fail"` nothing more is produced then, what is in the queue is
    still consumed, and the first error becomes the bean's. With "log" it goes on; `failures` counts them.
    """

    on_error: Literal["fail", "log"] = "fail"
    failures = 0

    def produce(self, **kwargs: Any) -> Any:
        """Give the objects."""
        return ()

    async def consume(self, obj: Any, **kwargs: Any) -> Any:
        """Take one object."""

    async def run(self, **kwargs: Any) -> None:
        """Produce and consume until both are through. Raises the first error."""
        flow, _ = keys_of(Flow, kwargs, self)
        self.failures = 0
        await Passing(self, flow, kwargs).run()


class Passing:
    """The way of the objects from one producer to its consumers. Asyncio loop only."""

    def __init__(self, server: ProducerConsumer, flow: Flow, kwargs: dict[str, Any]) -> None:
        self._server, self._kwargs = server, kwargs
        self._queue: asyncio.Queue[Any] = asyncio.Queue(flow.queue_size)
        self._threads = Threads(flow.consumer_num + 1, name="atilite-flow")
        self._producer = asyncio.create_task(self._fill())
        self._consumers = [asyncio.create_task(self._empty()) for _ in range(flow.consumer_num)]
        self._first: BaseException | None = None

    async def run(self) -> None:
        """Wait until all is consumed. Raises the first error of a consumer that counts, or the producer's."""
        everybody = self._producer, *self._consumers
        try:
            await asyncio.wait([self._producer])
            for _ in self._consumers:
                await self._queue.put(END)
            await asyncio.wait(self._consumers)
        finally:
            for task in everybody:
                task.cancel()
            await asyncio.gather(*everybody, return_exceptions=True)
            self._threads.stop(0)
        if self._first is not None:
            raise self._first
        self._producer.result()

    async def _fill(self) -> None:
        objects = await outcome(self._server.produce(**self._kwargs))
        if not isinstance(objects, AsyncIterable):
            objects = stepped(objects, self._threads)
        try:
            async for obj in objects:
                await self._queue.put(obj)
        finally:
            close = getattr(objects, "aclose", None)
            if close is not None:
                await close()

    async def _empty(self) -> None:
        consume = self._server.consume
        plain = kind_of(consume) == "plain"
        while (obj := await self._queue.get()) is not END:
            try:
                if plain:
                    await outcome(await self._threads.submit(consume, obj, **self._kwargs))
                else:
                    await consume(obj, **self._kwargs)
            except (Exception, SystemExit, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and being_cancelled():
                    raise
                self._failed(obj, error)

    def _failed(self, obj: Any, error: BaseException) -> None:
        server = self._server
        server.failures += 1
        server.logger.error("%s could not consume %.200r", type(server).__qualname__, obj, exc_info=error)
        if server.on_error == "fail":
            self._first = self._first or error
            self._producer.cancel()


async def stepped(objects: Iterable[Any], threads: Threads) -> AsyncIterator[Any]:
    """Read a plain generator or the like, each step on a thread."""
    iterator = iter(objects)
    while (obj := await threads.submit(next, iterator, END)) is not END:
        yield obj


def being_cancelled() -> bool:
    """Whether somebody has asked the calling task to end; else its cancellation is that of something it awaits."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
