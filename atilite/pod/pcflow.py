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

    def produce(self, **kwargs: Any) -> Any:
        """Give the objects."""
        return ()

    async def consume(self, obj: Any, **kwargs: Any) -> Any:
        """Take one object."""

    async def run(self, **kwargs: Any) -> None:
        flow, _ = keys_of(Flow, kwargs, self)
        self.failures = 0
        self._first: BaseException | None = None
        self._kwargs = kwargs
        self._queue: asyncio.Queue[Any] = asyncio.Queue(flow.queue_size)
        self._threads = Threads(flow.consumer_num + 1, name="atilite-flow")
        self._producer = asyncio.create_task(self._fill())
        consumers = [asyncio.create_task(self._empty()) for _ in range(flow.consumer_num)]
        try:
            await asyncio.wait([self._producer])
            for _ in consumers:
                await self._queue.put(END)
            await asyncio.wait(consumers)
        finally:
            for task in (self._producer, *consumers):
                task.cancel()
            await asyncio.gather(self._producer, *consumers, return_exceptions=True)
            self._threads.stop(0)
        if self._first is not None:
            raise self._first
        self._producer.result()

    async def _fill(self) -> None:
        objects = await outcome(self.produce(**self._kwargs))
        if not isinstance(objects, AsyncIterable):
            objects = self._stepped(objects)
        try:
            async for obj in objects:
                await self._queue.put(obj)
        finally:
            close = getattr(objects, "aclose", None)
            if close is not None:
                await close()

    async def _stepped(self, objects: Iterable[Any]) -> AsyncIterator[Any]:
        iterator = iter(objects)
        while (obj := await self._threads.submit(next, iterator, END)) is not END:
            yield obj

    async def _empty(self) -> None:
        plain = kind_of(self.consume) == "plain"
        while (obj := await self._queue.get()) is not END:
            try:
                if plain:
                    await outcome(await self._threads.submit(self.consume, obj, **self._kwargs))
                else:
                    await self.consume(obj, **self._kwargs)
            except (Exception, SystemExit, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and being_cancelled():
                    raise
                self._failed(obj, error)

    def _failed(self, obj: Any, error: BaseException) -> None:
        self.failures += 1
        self.logger.error("%s could not consume %.200r", type(self).__qualname__, obj, exc_info=error)
        if self.on_error == "fail":
            self._first = self._first or error
            self._producer.cancel()


def being_cancelled() -> bool:
    """Whether somebody has asked the calling task to end; else its cancellation is that of something it awaits."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
