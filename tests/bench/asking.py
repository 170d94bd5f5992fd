"""A load generator for any answer: `... tests.bench.asking PORT CONNECTIONS SECONDS METHOD PATH MIB [HEADER ...]`.

Every connection has one request under way and is opened again when the server closes it. With MIB above 0 the request
is a multipart form with one file of that size. Prints one JSON object: requests, seconds, status, bytes, reopened.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from typing import Any

BOUNDARY = "a-line-between-the-parts"


def request_of(port: int, method: str, path: str, mebibytes: float, headers: list[str]) -> bytes:
    """Return the whole request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "User-Agent: asking", *headers]
    body = b""
    if mebibytes:
        # Bytes of every value, as in a picture: nothing that a parser could skip.
        content = bytes(range(256)) * int(mebibytes * 4096)
        part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
        body = f"{part}Content-Type: application/octet-stream\r\n\r\n".encode() + content
        body += f"\r\n--{BOUNDARY}--\r\n".encode()
        lines += [f"Content-Type: multipart/form-data; boundary={BOUNDARY}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def ended(data: bytes) -> tuple[bool, bool]:
    """Whether `data` is one whole answer, and whether the connection ends with it."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return False, False
    lower = head.lower()
    closing = b"\r\nconnection: close" in lower
    start = lower.find(b"\r\ncontent-length:")
    if lower[9:12] == b"304" or start < 0:
        return lower[9:12] == b"304" or body.endswith(b"0\r\n\r\n"), closing
    return len(body) >= int(lower[start + 17 :].split(b"\r\n", 1)[0]), closing


def opened(port: int) -> socket.socket:
    """Open one connection."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def ask(port: int, connections: int, seconds: float, request: bytes) -> dict[str, Any]:
    """Ask until the time is over."""
    poll = select.epoll()
    sockets: dict[int, socket.socket] = {}
    partial: dict[int, bytes] = {}
    requests = received = reopened = 0
    status = ""

    def send(sock: socket.socket) -> None:
        sockets[sock.fileno()] = sock
        poll.register(sock.fileno(), select.EPOLLIN)
        sock.sendall(request)

    for _ in range(connections):
        send(opened(port))
    begin = time.perf_counter()
    while (now := time.perf_counter()) < begin + seconds:
        for number, _ in poll.poll(1.0):
            piece = sockets[number].recv(65536)
            data = partial.pop(number, b"") + piece
            whole, closing = ended(data)
            if not whole and piece:
                partial[number] = data
                continue
            assert whole, data[:200]
            requests, received, status = requests + 1, received + len(data), data[9:12].decode()
            if closing:
                reopened += 1
                poll.unregister(number)
                sockets.pop(number).close()
                send(opened(port))
            else:
                sockets[number].sendall(request)
    size = received // max(requests, 1)
    return {"requests": requests, "seconds": now - begin, "status": status, "bytes": size, "reopened": reopened}


def main() -> None:
    """Read the arguments, print what was seen."""
    port, connections, seconds, method, path, mebibytes, *headers = sys.argv[1:]
    request = request_of(int(port), method, path, float(mebibytes), headers)
    print(json.dumps(ask(int(port), int(connections), float(seconds), request)))


if __name__ == "__main__":
    main()
