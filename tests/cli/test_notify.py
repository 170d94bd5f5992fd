"""notify test, notify list, audit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from atilite.app import Atilite
from atilite.store.database import Database
from atilite.store.outbox import Outbox
from tests.cli.conftest import Shell


class Told:
    """What the channel of the program was told."""

    def __init__(self) -> None:
        self.subjects: list[str] = []
        self.fault: Exception | None = None

    def declare(self, app: Atilite) -> None:
        @app.notifier("@phone")
        def ring(was: Any, message: Any) -> None:
            if self.fault:
                raise self.fault
            self.subjects.append(message.subject)

        app.notify("@phone")

        @app.action(name="Water")
        def water(seconds: int) -> None: ...


@pytest.mark.row("M11")
def test_a_test_is_sent_and_its_answer_told(shell: Shell) -> None:
    told = Told()
    shell.declare = told.declare
    assert shell("notify", "test", "@phone", "--name", "board") == 0
    assert told.subjects == ["[board] This is a test"]
    assert shell.out == "@phone took the test\n"
    told.fault = ConnectionError("no line")
    assert shell("notify", "test", "@phone") == 1
    assert "@phone did not take the test: ConnectionError: no line" in shell.err


def test_an_unknown_channel_is_told_with_the_known_ones(shell: Shell) -> None:
    shell.declare = Told().declare
    assert shell("notify", "test", "@nobody") == 1
    assert "@phone" in shell.err
    assert shell("notify", "list") == 0
    assert "@phone" in shell.out


@pytest.mark.row("M11")
def test_the_list_says_when_a_channel_took_something_last_and_why_it_did_not(shell: Shell) -> None:
    shell.declare = Told().declare
    with Database.open(f"sqlite:///{shell.folder}/data.db") as database:  # as a server has left it
        box = database.part(Outbox)
        for _ in range(2):
            box.put("garden/@phone", {})
        database.writer.flush()
        first, second = (one.id for one in box.waiting("garden/@phone", 9))
        box.sent([first])
        (sent,) = box.last_sent().values()
    assert shell("notify", "list", "--json") == 0
    (found,) = json.loads(shell.out)
    assert (found["sent"], found["waiting"], found["last"]) == (1, 1, sent.isoformat())
    assert found["error"] is None
    with Database.open(f"sqlite:///{shell.folder}/data.db") as database:
        database.part(Outbox).again([second], sent, "ConnectionError: no line")
    assert shell("notify", "list") == 0
    assert f"{sent.astimezone():%Y-%m-%d %H:%M:%S}" in shell.out
    assert "ConnectionError: no line" in shell.out


@pytest.mark.row("M20")
def test_commands_that_change_something_are_in_the_audit_trail(shell: Shell) -> None:
    shell.declare = Told().declare
    assert shell("user", "add", "ana", "--role", "admin", stdin="correct horse\n") == 0
    assert shell("run", "Water", "seconds=5") == 0
    assert shell("user", "list") == 0
    assert shell("token", "add", "phone", "--role", "run", "--days", "3") == 0
    assert shell("audit", "--json") == 0
    found = json.loads(shell.out)
    assert [(one["what"], one["target"], one["result"]) for one in found] == [
        ("add token", "phone", "done"), ("run action", "Water", "done"), ("add user", "ana", "done"),
    ]  # fmt: skip
    assert found[0]["parameters"] == {"role": "run", "days": 3}
    assert {one["via"] for one in found} == {"cli"}
    assert found[0]["who"]
    assert "correct horse" not in shell.out
    assert shell("audit", "--who", "nobody") == 0
    assert "nothing has been changed yet" in shell.out + shell.err
