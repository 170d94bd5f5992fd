"""A whole site in this process, with one app that has something of everything, and people and programs who call it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from atilite.app import Atilite
from atilite.automation.parameters import Range, Secret
from atilite.config import Settings
from atilite.runtime.loop import process_loop
from atilite.server.server import Server
from atilite.site import Site
from atilite.store.accounts import Accounts
from atilite.testing.client import Client

PASSWORD = "correct horse"
ROLES = ("view", "run", "admin")


class World:
    """An open site, its tokens by role, and the gates that its actions wait at."""

    def __init__(self, folder: Path, app: Atilite, gate: threading.Event, **settings: Any) -> None:
        self.app, self.gate = app, gate
        self.entered = threading.Event()
        self.site = Site(folder)
        self.site.mount("/", app)
        self.site.open(Settings(db=f"sqlite:///{folder}/data.db", **settings))
        self.accounts = Accounts(self.site.database())
        self.tokens = {role: self.accounts.add_token(f"{role}-program", role) for role in ROLES}
        self.site.start()

    def client(self, role: str | None = "admin") -> Client:
        """A program with a token of this role; None is a stranger."""
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}
        return Client(self.site, headers=headers)

    def close(self) -> None:
        self.gate.set()
        self.site.stop(5)
        self.site.close()


def sample(gate: threading.Event) -> Atilite:
    """An app with actions of each outcome, a service and a schedule."""
    app = Atilite("sample")

    @app.action
    def hello(who: str = "world") -> dict[str, str]:
        """Say hello."""
        print("hello", who)
        return {"said": who}

    @app.action(name="Open/the valve ä", confirm="Open it?")
    def water(
        zone: Literal["north", "south"], seconds: Annotated[int, Range(1, 600)] = 30, name: str = "none"
    ) -> list[Any]:
        return [zone, seconds, name]

    @app.action
    def broken() -> None:
        app.journal.record("about to break")
        raise ValueError("the pump is dry")

    @app.action(timeout=0.05)
    def slow(was: Any) -> Iterator[Any]:
        yield was.Sleep(30)

    @app.action(overlap="skip")
    def waits(was: Any) -> str:
        gate.wait(20)
        return "waited"

    @app.action(journal=False)
    def silent() -> str:
        return "nothing written"

    @app.action
    def odd() -> object:
        return {1, complex(1, 2)}

    @app.action(role="view")
    def peek() -> str:
        return "seen"

    @app.action(role="admin")
    def dangerous() -> str:
        return "done"

    @app.action
    def login(user: str, password: Secret) -> str:
        return user

    @app.service(autostart=False)
    def poll(was: Any) -> Iterator[Any]:
        """Reads the meter."""
        while True:
            yield was.Sleep(3600)

    @app.schedule("0 12 * * *", timezone="Europe/Berlin")
    @app.action
    def noon() -> None:
        """Ring the bell."""

    return app


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes worlds that are closed at the end of the test."""
    worlds: list[World] = []

    def make(**settings: Any) -> World:
        gate = threading.Event()
        worlds.append(World(tmp_path, sample(gate), gate, **settings))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A site that asks for a token."""
    return make_world()


@pytest.fixture
def admin(world: World) -> Client:
    return world.client("admin")


@pytest.fixture
def served(world: World) -> Iterator[tuple[str, int]]:
    """The address of a real server in front of the world."""
    server = Server(world.site, loop=process_loop(), listeners=["127.0.0.1:0"], policy=world.site.policy)
    server.bind()
    server.start()
    host, _, port = server.addresses[0].rpartition(":")
    yield host, int(port)
    world.gate.set()
    server.stop(0).wait(20)
