"""A load generator for a process of its own: `python -m tests.bench.load PORT PATH CONNECTIONS SECONDS [ROUNDS]`.

Every connection has one request under way; PATH may be "POST /path", which then has an empty body.
Prints one JSON object: requests, seconds, rate, p50 and p99 in ms.
With ROUNDS every connection asks exactly so often, however long that takes.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from typing import Any


def connect(port: int, count: int) -> dict[int, socket.socket]:
    """Open so many connections."""
    found = {}
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        found[sock.fileno()] = sock
    return found


def complete(data: bytes) -> bool:
    """Whether `data` is one whole answer with a length."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return False
    lower = head.lower()
    start = lower.find(b"content-length:")
    assert start > 0, head
    return len(body) >= int(lower[start + 15 :].split(b"\r\n", 1)[0])


def load(port: int, path: str, connections: int, seconds: float, rounds: int = 0) -> dict[str, Any]:
    """Ask until the time is over, or `rounds` times on each connection."""
    method, space, rest = path.partition(" ")
    method, path, length = (method, rest, "Content-Length: 0\r\n") if space else ("GET", path, "")
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\nUser-Agent: load\r\n{length}\r\n"
    request = head.encode()
    sockets = connect(port, connections)
    poll = select.epoll()
    asked: dict[int, float] = {}
    partial: dict[int, bytes] = {}
    left = dict.fromkeys(sockets, rounds or 1 << 60)
    delays = []
    begin = now = time.perf_counter()
    end = begin + seconds if not rounds else float("inf")
    for number, sock in sockets.items():
        poll.register(number, select.EPOLLIN)
        asked[number] = time.perf_counter()
        sock.send(request)
    open_ones = len(sockets)
    while now < end and open_ones:
        for number, _ in poll.poll(1.0):
            data = partial.pop(number, b"") + sockets[number].recv(65536)
            now = time.perf_counter()
            if not complete(data):
                assert data, "the server closed a connection"
                partial[number] = data
                continue
            assert data.startswith(b"HTTP/1.1 200"), data
            delays.append(now - asked[number])
            left[number] -= 1
            if left[number]:
                asked[number] = now
                sockets[number].send(request)
            else:
                open_ones -= 1
    delays.sort()
    took = now - begin
    return {
        "requests": len(delays),
        "seconds": took,
        "rate": len(delays) / took,
        "p50": delays[len(delays) // 2] * 1000,
        "p99": delays[int(len(delays) * 0.99)] * 1000,
    }


if __name__ == "__main__":
    rounds = int(sys.argv[5]) if len(sys.argv) > 5 else 0
    print(json.dumps(load(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), rounds)))
