"""The page of channels, triggers and events, and its button."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite.app import Atilite
from atilite.config import Settings
from atilite.site import Site
from atilite.store.accounts import Accounts
from tests.console.conftest import PASSWORD, Person


class Noisy:
    """A program that tells people."""

    def __init__(self, folder: Path) -> None:
        self.app = app = Atilite("noisy")
        self.fault: Exception | None = None
        self.heard: list[str] = []
        self.handled = threading.Event()
        app.config.NOTICE_INTERVAL = 0

        @app.notifier("@phone")
        def ring(message: Any) -> None:
            if self.fault:
                raise self.fault
            self.heard.append(message.subject)

        app.notify("@phone")

        @app.trigger(on="door <opened>")
        @app.action(name="Greet")
        def greet() -> None: ...

        @app.on("door closed")
        def closed(was: Any) -> None:
            self.handled.set()
            raise ValueError("the door <is> stuck")

        self.site = Site(folder)
        self.site.mount("/", app)
        self.site.open(Settings(name="board", db=f"sqlite:///{folder}/data.db"))
        for role in ("view", "run", "admin"):
            Accounts(self.site.database()).add(f"{role}er", PASSWORD, role)
        self.site.start()

    def person(self, role: str) -> Person:
        somebody = Person(self.site)
        assert somebody.sign_in(f"{role}er").status_code == 303
        return somebody


@pytest.fixture
def noisy(tmp_path: Path) -> Iterator[Noisy]:
    made = Noisy(tmp_path)
    yield made
    made.site.stop(5)
    made.site.close()


@pytest.mark.row("M11")
def test_a_button_sends_a_test_and_says_what_the_channel_answered(noisy: Noisy) -> None:
    runner = noisy.person("run")
    assert "Not used yet" in runner.get("/notices").text
    answer = runner.post("/notices/%40phone/test", page="/notices")
    assert (answer.status_code, answer.header("Location")) == (303, "/console/notices")
    assert noisy.heard == ["[board] This is a test"]
    assert "@phone took the test." in runner.get("/notices").text
    noisy.fault = ConnectionError("no <line>")
    runner.post("/notices/%40phone/test", page="/notices")
    assert "@phone did not take the test: ConnectionError: no &lt;line&gt;" in runner.get("/notices").text


def test_who_only_looks_sees_no_button_and_may_not_send(noisy: Noisy) -> None:
    viewer = noisy.person("view")
    assert "Send a test" not in viewer.get("/notices").text
    assert viewer.post("/notices/%40phone/test", page="/settings").status_code == 403
    assert noisy.heard == []


@pytest.mark.row("M19")
def test_a_subscriber_that_failed_and_a_trigger_are_seen(noisy: Noisy) -> None:
    noisy.app.emit("door closed")
    assert noisy.handled.wait(10)
    page = noisy.person("view").get("/notices").text
    assert "door &lt;opened&gt;" in page
    assert 'href="/console/actions/Greet"' in page
    twin = noisy.person("view").get("/notices.json").json()
    assert twin["triggers"][0]["source"] == "door <opened>"
    assert {one["events"] for one in twin["subscribers"]} == {"door <opened>", "door closed"}


def test_an_unknown_channel_is_not_found(noisy: Noisy) -> None:
    assert noisy.person("run").post("/notices/%40nobody/test", page="/notices").status_code == 404
