"""Lines that come in by standard input."""

from __future__ import annotations

import asyncio
import codecs
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

from atilite.pod.pcflow import ProducerConsumer

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
        stopped = asyncio.ensure_future(self.stop_asked())
        try:
            while await readable(number, stopped):
                # The descriptor stays as it is: a terminal is the shell's too, which one that never blocks would end.
                chunk = os.read(number, CHUNK)
                yield chunk
                if not chunk:
                    return
        finally:
            stopped.cancel()


async def readable(number: int, stopped: asyncio.Future[None]) -> bool:
    """Wait until this descriptor can be read without blocking; False if `stopped` came first."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    try:
        loop.add_reader(number, _once, ready)
    except PermissionError:  # epoll takes no files and no /dev/null: they can always be read
        await asyncio.sleep(0)
        return not stopped.done()
    try:
        await asyncio.wait([ready, stopped], return_when=asyncio.FIRST_COMPLETED)
    finally:
        loop.remove_reader(number)
    return not stopped.done()


def _once(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
