"""A site with a console, and people who look at it."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest

from atilite.app import Atilite
from atilite.automation.parameters import Range, Secret
from atilite.config import Settings
from atilite.site import Site
from atilite.store.accounts import Accounts
from atilite.testing.client import Client

PASSWORD = "a long enough password"


class Garden:
    """The program that the console shows, with gates that tests open."""

    def __init__(self) -> None:
        self.app = app = Atilite("garden")
        self.go = threading.Event()

        @app.action(name="Read", label="sensors")
        def read() -> int:
            """Read the probes"""
            print("probe 1")
            app.journal.record("stored", probes=3)
            return 3

        @app.action(name="Water", confirm="Open the valve?")
        def water(seconds: Annotated[int, Range(1, 600)], zone: str = "north") -> None:
            """Open one valve"""

        @app.action(name="Move")
        def move(seconds: int, zone: str = "north") -> None:
            """Take parameters and ask nothing"""

        @app.action(name="Unlock", confirm="Open the door?")
        def unlock(code: Secret) -> None:
            """Open the door"""

        @app.action(name="Break")
        def fail() -> None:
            """Fail"""
            raise OSError("gone <for> good")

        @app.action(name="Hold")
        def hold(was: Any) -> None:
            """Record something, then wait until the gate is open"""
            app.journal.record("before <the> gate")
            was.progress(1, 2, "half way")
            self.go.wait(20)
            app.journal.record("behind the gate")

        @app.action(name="Flood")
        def flood(lines: int) -> None:
            """Wait, then print all at once"""
            self.go.wait(20)
            print("\n".join(f"line {number}" for number in range(lines)))

        @app.action(name="Only one", overlap="skip")
        def only_one() -> None:
            """Wait alone"""
            self.go.wait(20)

        @app.action(name="Admins only", role="admin")
        def admins_only() -> None:
            """Something dangerous"""

        @app.service(name="poll", autostart=False)
        def poll() -> None:
            """Asks now and then"""
            self.go.wait(20)

        @app.schedule("5 * * * *")
        @app.action(name="Hourly")
        def hourly() -> None:
            """Each hour"""


class Person:
    """A client with the CSRF token that the pages give it."""

    def __init__(self, site: Site) -> None:
        self.client = Client(site, headers={"Accept": "text/html", "Sec-Fetch-Site": "same-origin"})

    def get(self, path: str) -> Any:
        """Look at a page of the console."""
        return self.client.get("/console" + path)

    def post(self, path: str, page: str = "/actions", **fields: Any) -> Any:
        """Send a form of `page`."""
        return self.client.post("/console" + path, form={"csrf": self.token(page), **fields})

    def token(self, page: str = "/actions") -> str:
        """The CSRF token of the forms of a page."""
        _, found, rest = self.get(page).text.partition('name="csrf" value="')
        return rest.partition('"')[0] if found else ""

    def sign_in(self, name: str, password: str = PASSWORD) -> Any:
        """Send the form of the login page."""
        return self.post("/login", page="/login", user=name, password=password)


@pytest.fixture
def garden(monkeypatch: pytest.MonkeyPatch) -> Iterator[Garden]:
    """The program."""
    # Its runs print while pytest reads and empties the stream it captures, which a text stream does not survive.
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    garden = Garden()
    yield garden
    garden.go.set()


@pytest.fixture
def site(garden: Garden, tmp_path: Path) -> Iterator[Site]:
    """The program with console and accounts, as it is served to others than developers."""
    site = Site(tmp_path)
    site.mount("/", garden.app, name="garden")
    site.open(Settings(name="board", db=f"sqlite:///{tmp_path / 'data.db'}"))
    accounts = Accounts(site.database())
    for role in ("view", "run", "admin"):
        accounts.add(f"{role}er", PASSWORD, role)
    yield site
    garden.go.set()
    site.stop(5.0)


@pytest.fixture
def person(site: Site) -> Callable[[str], Person]:
    """Somebody who has signed in: `person("run")`; `person("")` has not."""

    def signed_in(role: str) -> Person:
        somebody = Person(site)
        if role:
            answer = somebody.sign_in(f"{role}er")
            assert answer.status_code == 303, answer.text
        return somebody

    return signed_in
