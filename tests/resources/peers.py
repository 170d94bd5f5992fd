"""Servers that behave badly: they say nothing, or nonsense, or leave in the middle."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def silent(line: socket.socket) -> None:
    """Takes everything and never answers."""
    while line.recv(65536):
        continue


def nonsense(line: socket.socket) -> None:
    """Answers what no protocol says, and goes on listening."""
    line.recv(65536)
    line.sendall(b"\xff\x00 what did you say?\r\n" * 3)
    silent(line)


def leaving(line: socket.socket) -> None:
    """Hears the first words and goes."""
    line.recv(65536)


def slow_to_end(line: socket.socket) -> None:
    """Begins an answer of Redis and never ends it."""
    line.recv(65536)
    while True:
        line.sendall(b"$1000000\r\nabc")
        if not line.recv(65536):
            return


def flooding(line: socket.socket) -> None:
    """Sends a gigabyte without being asked for so much; to Redis it is one value."""
    line.recv(65536)
    line.sendall(b"$1073741824\r\n")
    piece = b"x" * (1 << 20)
    for _ in range(1024):
        line.sendall(piece)


@contextmanager
def peer(behaviour: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server whose connections all behave like that."""
    listener = socket.create_server(("127.0.0.1", 0))
    lines: list[socket.socket] = []

    def talk(line: socket.socket) -> None:
        try:
            behaviour(line)
        except OSError:
            return
        finally:
            line.close()

    def serve() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            lines.append(line)
            threading.Thread(target=talk, args=(line,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for line in lines:
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        thread.join(5)
