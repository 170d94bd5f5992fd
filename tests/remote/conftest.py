"""A board with a real server in front of it, and clients of it; and a peer that answers whatever a test says."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import pytest

from atilite import Atilite, Client, Range
from atilite.config import Settings
from atilite.runtime.loop import process_loop
from atilite.server.server import Server
from atilite.site import Site
from atilite.store.accounts import Accounts


@dataclass
class Board:
    """An open site behind a server, its tokens by role, and the gate that one of its actions waits at."""

    app: Atilite
    site: Site
    server: Server
    url: str
    tokens: dict[str, str]
    gate: threading.Event
    clients: list[Client] = field(default_factory=list)

    def client(self, role: str | None = "admin", **options: Any) -> Client:
        self.clients.append(Client(self.url, self.tokens[role] if role else None, **options))
        return self.clients[-1]


def program(gate: threading.Event) -> Atilite:
    """What there is to be driven."""
    app = Atilite("board")

    @app.action(name="water/the beds")
    def water(seconds: Annotated[int, Range(1, 600)] = 30, timeout: int = 0) -> dict[str, int]:
        app.journal.record("watered", seconds=seconds)
        return {"seconds": seconds, "timeout": timeout}

    @app.action(name="broken")
    def broken() -> None:
        raise OSError("the pump is dry")

    @app.action(name="waits", overlap="skip")
    def waits() -> str:
        app.journal.record("waiting")
        gate.wait(20)
        return "waited"

    @app.action(name="asleep")
    def asleep(was: Any) -> Iterator[Any]:
        yield was.Sleep(60)

    @app.service(name="poll", autostart=False)
    def poll(was: Any) -> Iterator[Any]:
        yield was.Sleep(3600)

    @app.schedule("0 12 * * *")
    @app.action(name="noon")
    def noon() -> None:
        """Ring the bell."""

    return app


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    gate, site = threading.Event(), Site(tmp_path)
    app = program(gate)
    site.mount("/", app)
    site.open(Settings(db=f"sqlite:///{tmp_path}/data.db"))
    accounts = Accounts(site.database())
    tokens = {role: accounts.add_token(role, role) for role in ("view", "run", "admin")}
    site.start()
    server = Server(site, loop=process_loop(), listeners=["127.0.0.1:0"], policy=site.policy)
    server.bind()
    server.start()
    made = Board(app, site, server, f"http://{server.addresses[0]}", tokens, gate)
    yield made
    gate.set()
    for client in made.clients:
        client.close()
    server.stop(0).wait(20)
    site.stop(5)
    site.close()


@pytest.fixture
def client(board: Board) -> Client:
    return board.client()


class Peer:
    """A server that gives one prepared answer a connection, and keeps what it was asked. None: it hangs up."""

    def __init__(self, answers: list[bytes | None]) -> None:
        self.asked: list[bytes] = []
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        for answer in self._answers:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.asked.append(connection.recv(65536))
                if answer is not None:
                    connection.sendall(answer)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # closed already
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


@pytest.fixture
def peer() -> Iterator[Callable[..., Peer]]:
    """Makes peers from their answers."""
    made: list[Peer] = []

    def make(*answers: bytes | None) -> Peer:
        made.append(Peer(list(answers)))
        return made[-1]

    yield make
    for one in made:
        one.close()
