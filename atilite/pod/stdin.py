"""Lines that come in by standard input."""

from __future__ import annotations

import asyncio
import codecs
import os
import select
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, TextIO

from atilite.pod.pcflow import ProducerConsumer, stepped
from atilite.runtime.executors import Threads
from atilite.runtime.promise import Promise

CHUNK = 1 << 16

Waiting = Callable[[], Coroutine[Any, Any, None]]


class LinesFromStdin(ProducerConsumer):
    """A bean to inherit from: `consume(line)` gets each line of standard input, as text without its end.

    It is done when the input ends, at once if there is none, and also when the pod ends while no line comes.
    """

    async def produce(self, **kwargs: Any) -> AsyncIterator[str]:
        """Give the lines."""
        stream = sys.stdin
        if stream is None or stream.closed:
            return
        threads = Threads(1, name="atilite-stdin")
        try:
            async with aclosing(lines_of(stream, self.stop_asked, threads)) as lines:
                async for line in lines:
                    yield line
        finally:
            threads.stop(0)


async def lines_of(stream: TextIO, stop_asked: Waiting, threads: Threads) -> AsyncGenerator[str, None]:
    """The lines of `stream` as they come."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):  # somebody put a text in its place
        async for line in stepped(stream, threads):
            yield line.rstrip("\r\n")
        return
    decoder = codecs.getincrementaldecoder(stream.encoding or "utf-8")("replace")
    rest = ""
    async with aclosing(chunks_of(number, stop_asked, threads)) as chunks:
        async for chunk in chunks:
            # By hand, because splitlines() knows more line ends than a terminal.
            *lines, rest = (rest + decoder.decode(chunk, not chunk)).split("\n")
            for line in lines:
                yield line.removesuffix("\r")
            if not chunk and rest:
                yield rest


async def chunks_of(number: int, stop_asked: Waiting, threads: Threads) -> AsyncGenerator[bytes, None]:
    """What can be read, with b"" at the end of the input; nothing more once `stop_asked` has ended."""
    quiet, bell = os.pipe()
    asked = asyncio.ensure_future(stop_asked())
    asked.add_done_callback(lambda _: os.close(bell))
    waiting: Promise[bool] = Promise.completed(False)
    try:
        while await (waiting := threads.submit(readable, number, quiet)):
            chunk = os.read(number, CHUNK)
            yield chunk
            if not chunk:
                return
    finally:
        asked.cancel()
        waiting.on_done(lambda _: os.close(quiet))


def readable(number: int, quiet: int) -> bool:
    """Wait until this descriptor can be read without blocking; False if the other one was closed at its far end.

    By a thread: a loop's way of watching takes no files, and uvloop's makes the descriptor one that never blocks.
    That would be the end of the shell whose terminal it is as well.
    """
    poll = select.poll()
    poll.register(number, select.POLLIN)
    poll.register(quiet, select.POLLIN)
    return quiet not in dict(poll.poll())
