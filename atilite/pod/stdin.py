"""Lines that come in by standard input."""

from __future__ import annotations

import asyncio
import codecs
import os
import select
import sys
from collections.abc import AsyncIterator
from typing import Any

from atilite.pod.pcflow import ProducerConsumer
from atilite.runtime.promise import Promise

CHUNK = 1 << 16


class LinesFromStdin(ProducerConsumer):
    """A bean to inherit from: `consume(line)` gets each line of standard input, as text without its end.

    It is done when the input ends, at once if there is none, and also when the pod ends while no line comes.
    """

    async def produce(self, **kwargs: Any) -> AsyncIterator[str]:
        """Give the lines."""
        stream = sys.stdin
        if stream is None or stream.closed:
            return
        try:
            number = stream.fileno()
        except (OSError, ValueError):  # somebody put a text in its place
            async for line in self._stepped(stream):
                yield line.rstrip("\r\n")
            return
        decoder = codecs.getincrementaldecoder(stream.encoding or "utf-8")("replace")
        rest = ""
        async for chunk in self._chunks(number):
            # By hand, because splitlines() knows more line ends than a terminal.
            *lines, rest = (rest + decoder.decode(chunk, not chunk)).split("\n")
            for line in lines:
                yield line.removesuffix("\r")
            if not chunk and rest:
                yield rest

    async def _chunks(self, number: int) -> AsyncIterator[bytes]:
        """What can be read, with b"" at the end of the input; nothing more once the pod ends."""
        quiet, bell = os.pipe()
        asked = asyncio.ensure_future(self.stop_asked())
        asked.add_done_callback(lambda _: os.close(bell))
        waiting: Promise[bool] = Promise.completed(False)
        try:
            while await (waiting := self._threads.submit(readable, number, quiet)):
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
