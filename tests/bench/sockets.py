"""Thousands of open WebSockets with a broadcast a second, beside the server of the `websockets` package."""

from __future__ import annotations

import importlib.util
import resource
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import psutil

from tests.bench.chat import FILES

NAME = "sockets"
# CPU and memory, ours for theirs.
GOAL = 1.0

OFFERS = {"plain": "", "compressed": "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"}
HANDSHAKE = (
    "GET /chat HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n"
)


@dataclass(frozen=True)
class Seen:
    """CPU in microseconds for a handshake and for a message to one client; memory in KiB a connection; the time in
    milliseconds from the first client's message to the last one's."""

    handshake: float
    message: float
    memory: float
    spread: float


def measure(kind: str, offer: str, count: int, seconds: int) -> Seen:
    """Start a server, open so many connections, listen for so many seconds."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "tests.bench.chat", kind, folder]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        clients: list[socket.socket] = []
        try:
            port = int(process.stdout.readline())
            time.sleep(2.5)  # what is loaded after the start is loaded
            watched = psutil.Process(process.pid)
            before, memory = cpu(watched), watched.memory_info().rss
            for _ in range(count):
                clients.append(opened(port, offer))
            opening, memory = cpu(watched) - before, watched.memory_info().rss - memory
            before = cpu(watched)
            messages, spread = listened(clients, seconds)
            used = cpu(watched) - before
            assert messages >= count * (seconds - 1), f"{kind}: only {messages} messages came"
            return Seen(opening / count * 1e6, used / messages * 1e6, memory / count / 1024, spread * 1000)
        finally:
            for client in clients:
                client.close()
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def cpu(process: psutil.Process) -> float:
    """Seconds of CPU that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


def opened(port: int, offer: str) -> socket.socket:
    """A connection after its handshake; what came with the answer is forgotten."""
    client = socket.create_connection(("127.0.0.1", port), timeout=30)
    client.sendall(HANDSHAKE.format(port=port, offer=offer).encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = client.recv(4096)
        assert piece, answer
        answer += piece
    assert answer.startswith(b"HTTP/1.1 101"), answer
    client.setblocking(False)
    return client


def listened(clients: list[socket.socket], seconds: int) -> tuple[int, float]:
    """Count the messages that come, one a read, and how long a broadcast takes to reach everybody (median)."""
    selector = selectors.DefaultSelector()
    for client in clients:
        selector.register(client, selectors.EVENT_READ)
    end = time.monotonic() + seconds
    count, first, last = 0, 0.0, 0.0
    spreads: list[float] = []
    while (now := time.monotonic()) < end:
        for key, _ in selector.select(0.05):
            key.fileobj.recv(65536)  # type: ignore[union-attr]
            now = time.monotonic()
            if now - last > 0.3:
                if first:
                    spreads.append(last - first)
                first = now
            last = now
            count += 1
    selector.close()
    return count, statistics.median(spreads)


def run(quick: bool) -> list[str]:
    """Measure; each server in turn, twice unless `quick`, the medians count."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))
    count = min(5000, min(FILES, hard) - 500)
    kinds = ["atilite", *(["websockets"] if importlib.util.find_spec("websockets") else [])]
    seen: dict[tuple[str, str], list[Seen]] = {}
    for _ in range(1 if quick else 3):
        for name, offer in OFFERS.items():
            for kind in kinds:
                seen.setdefault((kind, name), []).append(measure(kind, offer, count, 6 if quick else 12))
    lines = [
        f"{count} open websockets, a broadcast a second",
        f"{'':24}{'handshake':>12}{'message':>12}{'memory':>12}{'spread':>12}",
    ]
    medians = {}
    for (kind, name), rounds in seen.items():
        one = medians[kind, name] = Seen(
            *(statistics.median(getattr(each, key) for each in rounds) for key in vars(rounds[0]))
        )
        figures = f"{one.handshake:9.0f} us{one.message:9.1f} us{one.memory:8.1f} KiB{one.spread:9.0f} ms"
        lines.append(f"{kind + ' ' + name:24}{figures}")
    if len(kinds) > 1:
        for name in OFFERS:
            ours, theirs = medians["atilite", name], medians["websockets", name]
            for what in ("message", "memory"):
                ratio = getattr(ours, what) / getattr(theirs, what)
                verdict = "OK" if ratio <= GOAL else "SHORT"
                lines.append(f"{NAME}-{name}-{what} {ratio:.2f} {GOAL} {verdict}")
    return lines
