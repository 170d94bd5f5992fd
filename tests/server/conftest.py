"""A server in this process, on a loop in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest

from atilite.runtime.loop import Loop
from atilite.server.server import Server


class Serve(Protocol):
    def __call__(self, application: Callable[..., Any], **options: Any) -> Server: ...


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    """One hub for all tests of the server."""
    loop = Loop()
    yield loop
    loop.stop()


@pytest.fixture
def serve(loop: Loop) -> Iterator[Serve]:
    """Start servers that are stopped at the end of the test."""
    running: list[Server] = []

    def start(application: Callable[..., Any], **options: Any) -> Server:
        options.setdefault("listeners", ["127.0.0.1:0"])
        server = Server(application, loop=loop, **options)
        server.bind()
        server.start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.stop(0).wait(20)
