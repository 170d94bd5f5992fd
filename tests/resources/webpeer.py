"""Another HTTP server, made of asyncio alone, for what asks others: well-behaved, slow, broken, encrypted.

In a thread of this process by `WebPeer()`, or as a process of its own: `python -m tests.resources.webpeer [CERT KEY]`
prints its port and ends when its input is closed.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import sys
import threading
import xmlrpc.client
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    def number(self, name: str, default: float) -> float:
        """A number of the query."""
        found = parse_qs(urlsplit(self.target).query).get(name)
        return float(found[0]) if found else default

    async def answer(self, status: str, body: bytes = b"", *headers: str, kind: str = "text/plain") -> None:
        """Send a whole answer."""
        lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
        data = "\r\n".join(lines).encode() + b"\r\n\r\n"
        self.writer.write(data if self.method == "HEAD" else data + body)
        await self.writer.drain()

    async def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()


Answering = Callable[["WebPeer", Asked], Coroutine[Any, Any, None]]
PATHS: dict[str, Answering] = {}


def path(name: str) -> Callable[[Answering], Answering]:
    def keep(function: Answering) -> Answering:
        PATHS[name] = function
        return function

    return keep


@path("echo")
async def echo(peer: WebPeer, asked: Asked) -> None:
    told = {
        "method": asked.method, "target": asked.target, "headers": asked.headers, "body": asked.body.decode("latin-1"),
        "peer": peer.name,
    }  # fmt: skip
    await asked.answer("200 OK", json.dumps(told).encode(), "X-Two: a", "X-Two: b", kind="application/json")


@path("rpc2")
async def rpc2(peer: WebPeer, asked: Asked) -> None:
    """XML-RPC with one function, `add`."""
    values = xmlrpc.client.loads(asked.body)[0]
    await asked.answer("200 OK", xmlrpc.client.dumps((sum(values),), methodresponse=True).encode(), kind="text/xml")


@path("slow")
async def slow(peer: WebPeer, asked: Asked) -> None:
    await asyncio.sleep(asked.number("ms", 100) / 1000)
    await asked.answer("200 OK", b"slow")


@path("status")
async def status(peer: WebPeer, asked: Asked) -> None:
    code = asked.path.rpartition("/")[2]
    await asked.answer(f"{code} Said So", b'{"why": "asked for"}', kind="application/json")


@path("flaky")
async def flaky(peer: WebPeer, asked: Asked) -> None:
    """503 for the first `n` times."""
    if peer.seen(asked.path) <= asked.number("n", 1):
        return await asked.answer("503 Busy", b"busy")
    await asked.answer("200 OK", b"at last")


@path("unclear")
async def unclear(peer: WebPeer, asked: Asked) -> None:
    """503 with a Retry-After that is no number, then an answer."""
    if peer.seen(asked.path) <= 1:
        return await asked.raw(b"HTTP/1.1 503 Busy\r\nRetry-After: \xb2\r\nContent-Length: 0\r\n\r\n")
    await asked.answer("200 OK", b"at last")


@path("dropping")
async def dropping(peer: WebPeer, asked: Asked) -> None:
    """Close without a word the first `n` times."""
    if peer.seen(asked.path) <= asked.number("n", 1):
        return asked.writer.close()
    await asked.answer("200 OK", b"at last")


@path("away")
async def away(peer: WebPeer, asked: Asked) -> None:
    query = parse_qs(urlsplit(asked.target).query)
    await asked.answer(f"{int(asked.number('code', 302))} Moved", b"moved", f"Location: {query['to'][0]}")


@path("events")
async def events(peer: WebPeer, asked: Asked) -> None:
    last = asked.headers.get("last-event-id", "none")
    await asked.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    for piece in (f"data: after {last}\n\n", "id: 7\nevent: tick\ndata: 1\nda", "ta: 2\n\n: nothing\n\n"):
        data = piece.encode()
        await asked.raw(b"%x\r\n%b\r\n" % (len(data), data))
        await asyncio.sleep(0.01)
    await asked.raw(b"0\r\n\r\n")


@path("zipped")
async def zipped(peer: WebPeer, asked: Asked) -> None:
    data = gzip.compress(b"a" * int(asked.number("n", 100)))
    await asked.answer("200 OK", data, "Content-Encoding: gzip")


@path("big")
async def big(peer: WebPeer, asked: Asked) -> None:
    size = int(asked.number("n", 1 << 20))
    await asked.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-big\r\nContent-Length: %d\r\n\r\n" % size)
    piece = b"b" * 65536
    for start in range(0, size, len(piece)):
        await asked.raw(piece[: size - start])
        peer.sent += len(piece)


@path("endless")
async def endless(peer: WebPeer, asked: Asked) -> None:
    """A gigabyte whose length nobody was told."""
    await asked.raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    for _ in range(16384):
        await asked.raw(b"e" * 65536)
        peer.sent += 65536
    asked.writer.close()


@path("never")
async def never(peer: WebPeer, asked: Asked) -> None:
    await asked.reader.read()


@path("garbage")
async def garbage(peer: WebPeer, asked: Asked) -> None:
    await asked.raw(b"\x00\xff this is no HTTP at all\r\n\r\n")
    asked.writer.close()


@path("middle")
async def middle(peer: WebPeer, asked: Asked) -> None:
    await asked.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
    asked.writer.close()


@path("drip")
async def drip(peer: WebPeer, asked: Asked) -> None:
    """One byte now and then, for ever."""
    await asked.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        await asyncio.sleep(0.02)
        await asked.raw(b".")


@path("cookies")
async def cookies(peer: WebPeer, asked: Asked) -> None:
    await asked.answer("200 OK", asked.headers.get("cookie", "").encode(), "Set-Cookie: a=1; Path=/")


@path("sluggish")
async def sluggish(peer: WebPeer, asked: Asked) -> None:
    """It begins to read a body half a second late; see `_request`."""
    await asked.answer("200 OK", str(len(asked.body)).encode())


@path("odd")
async def odd(peer: WebPeer, asked: Asked) -> None:
    await asked.answer("200 Fine by me", b"odd", "X.Odd!: \xe4", "Set-Cookie: a=1", "Set-Cookie: b=2", "Keep-Alive: 1")


@path("smuggling")
async def smuggling(peer: WebPeer, asked: Asked) -> None:
    await asked.answer("200 OK", b"smuggled", "X-Bad: a\x01b")


@path("socket")
async def websocket(peer: WebPeer, asked: Asked) -> None:
    """What follows a 101 is sent back in capitals."""
    if asked.headers.get("upgrade", "").lower() != "websocket":
        return await asked.answer("426 Upgrade Required", b"upgrade", "Upgrade: websocket")
    await asked.raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nHELLO ")
    while data := await asked.reader.read(65536):
        await asked.raw(data.upper())
    asked.writer.close()


@dataclass
class WebPeer:
    """The server, in a thread of its own until `close`. `tls` is (certificate, key)."""

    tls: tuple[str, str] | None = None
    name: str = "peer"
    times: dict[str, int] = field(default_factory=dict)
    sent: int = 0
    open: int = 0  # connections
    accepted: int = 0
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._tasks: set[Any] = set()
        port: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(port,), daemon=True)
        self._thread.start()
        self.port = port.result(20)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def seen(self, name: str) -> int:
        """How often this was called with `name`."""
        self.times[name] = self.times.get(name, 0) + 1
        return self.times[name]

    def close(self) -> None:
        """End it with all its connections."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    def _run(self, port: Future[int]) -> None:
        context = None
        if self.tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
        serving = asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context, backlog=1024)
        server = self._loop.run_until_complete(serving)
        port.set_result(server.sockets[0].getsockname()[1])
        self._loop.run_forever()
        server.close()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(self._ended())
        self._loop.close()

    async def _ended(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        self.open += 1
        self.accepted += 1
        try:
            while not writer.is_closing() and (asked := await self._request(reader, writer)) is not None:
                self.asked.append(f"{asked.method} {asked.target}")
                name = urlsplit(asked.target).path.strip("/").partition("/")[0]
                await PATHS.get(name, echo)(self, asked)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            return
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Asked | None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        if "/sluggish" in first:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.sleep(0.5)
            writer.transport.resume_reading()  # type: ignore[attr-defined]
        if "chunked" in headers.get("transfer-encoding", ""):
            body = b""
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readline()
        else:
            body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, target, _ = first.split(" ")
        return Asked(method, target, headers, body, reader, writer)


if __name__ == "__main__":
    peer = WebPeer(tls=(sys.argv[1], sys.argv[2]) if len(sys.argv) > 2 else None)
    print(peer.port, flush=True)
    sys.stdin.read()
