"""A server in this process, on a loop in a thread of its own."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest

from atilite.runtime.loop import Loop
from atilite.server.certificates import Certificates
from atilite.server.server import Server
from tests.resources.authority import Authority
from tests.server.raw import TRUSTED


class Serve(Protocol):
    def __call__(self, application: Callable[..., Any], **options: Any) -> Server: ...


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    """One hub for all tests of the server."""
    loop = Loop()
    yield loop
    loop.stop()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who makes certificates, and is trusted by the clients."""
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def pair(authority: Authority) -> tuple[str, str]:
    """The files of a certificate for this machine, and of its key."""
    return authority.certificate("IP:127.0.0.1")


@pytest.fixture
def serve_secure(serve: Serve, authority: Authority, pair: tuple[str, str]) -> Iterator[Serve]:
    """Start servers that speak TLS; `Client` knows how to talk to them."""
    context = ssl.create_default_context(cafile=authority.file)

    def start(application: Callable[..., Any], **options: Any) -> Server:
        options.setdefault("certificates", Certificates(*pair))
        server = serve(application, **options)
        TRUSTED.update(dict.fromkeys((one for one in server.addresses if not one.startswith("unix:")), context))
        return server

    yield start
    TRUSTED.clear()


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
