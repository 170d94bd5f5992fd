"""services start, schedules pause, emit, without a server; tests/e2e/test_commands_beside.py has one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from atilite.app import Atilite
from atilite.cli import control
from atilite.cli.control import value_of
from atilite.errors import AtiliteError
from tests.cli.conftest import Shell


def garden(app: Atilite) -> None:
    @app.schedule("0 7 * * *")
    @app.schedule("0 19 * * *")
    @app.action(name="Water")
    def water() -> None: ...

    @app.schedule("0 12 * * *")
    @app.action(name="Noon")
    def noon() -> None: ...

    @app.service(name="pump", autostart=False)
    def pump() -> None: ...


@pytest.fixture
def board(shell: Shell) -> Shell:
    shell.declare = garden
    return shell


def listed(shell: Shell, *words: str) -> Any:
    assert shell(*words, "--json") == 0, shell.err
    return json.loads(shell.out)


@pytest.mark.parametrize(
    "words", [("services", "start", "pump"), ("services", "restart", "pump"), ("emit", "rain", "4")], ids=" ".join
)
def test_what_lives_in_the_server_needs_one(board: Shell, words: tuple[str, ...]) -> None:
    assert board(*words) == 1
    assert board.err.startswith("atilite: no server runs on this data, and ")
    assert board.err.endswith("(start it: python serve.py start)\n")


def test_the_word_alone_still_lists(board: Shell) -> None:
    assert [one["name"] for one in listed(board, "services")] == ["pump"]
    assert len(listed(board, "schedules")) == 3


class Pump:
    """The services of a server: the only one comes to what is wanted of it, or does not."""

    def __init__(self, *states: tuple[str, str, str | None]) -> None:
        self._states, self.services = list(states), self

    def list(self) -> list[dict[str, Any]]:
        status, since, error = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        return [{"name": "pump", "status": status, "since": since, "error": error}]

    def told(self, name: str) -> None:
        assert name == "pump"

    start = stop = restart = told


@pytest.mark.parametrize(
    ("verb", "states", "code", "told"),
    [
        ("start", [("stopped", "1", None), ("starting", "2", None), ("running", "3", None)], 0, "pump is running"),
        ("start", [("failed", "1", "dry"), ("failed", "1", "dry"), ("running", "3", None)], 0, "pump is running"),
        ("start", [("running", "1", None)], 0, "pump is running"),
        ("start", [("stopped", "1", None), ("stopped", "3", None)], 0, "pump is stopped"),
        ("start", [("stopped", "1", None), ("failed", "2", "dry")], 1, "pump is failed: dry"),
        ("start", [("failed", "1", "dry"), ("failed", "2", "dry")], 1, "pump is failed: dry"),
        ("start", [("stopped", "1", None), ("restarting", "2", "dry")], 1, "pump is restarting: dry"),
        ("start", [("stopped", "1", None), ("starting", "2", None)], 1, "pump is starting, after 0.5 s"),
        ("restart", [("running", "1", None), ("failed", "2", "dry")], 1, "pump is failed: dry"),
        ("stop", [("running", "1", None), ("failed", "2", "dry")], 0, "pump is failed: dry"),
        ("stop", [("running", "1", None), ("stopping", "2", None)], 1, "pump is stopping, after 0.5 s"),
    ],
)
def test_a_service_that_does_not_come_to_what_it_is_told_is_an_error_with_the_reason(
    board: Shell,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    states: list[tuple[str, str, str | None]],
    code: int,
    told: str,
) -> None:
    @contextmanager
    def the_server(call: Any, why: str) -> Iterator[Pump]:
        yield Pump(*states)

    monkeypatch.setattr(control, "the_server", the_server)
    monkeypatch.setattr(control, "PATIENCE", 0.5)

    assert board("services", verb, "pump") == code
    assert (board.err if code else board.out) == (f"atilite: {told}\n" if code else f"{told}\n")


@pytest.mark.row("M7", "M20")
def test_a_schedule_is_paused_for_the_server_s_next_start(board: Shell) -> None:
    assert board("schedules", "pause", "Noon") == 0
    assert "paused" in board.out
    paused = {one["action"]: one["paused"] for one in listed(board, "schedules")}
    assert paused == {"Water": False, "Noon": True}
    (entry,) = listed(board, "audit")
    assert (entry["what"], entry["via"]) == ("pause schedule", "cli")
    assert entry["target"].endswith("noon")
    assert board("schedules", "resume", "Noon") == 0
    assert not any(one["paused"] for one in listed(board, "schedules"))


def test_a_schedule_is_named_so_that_one_is_meant(board: Shell) -> None:
    assert board("schedules", "pause", "Water") == 2
    assert "several schedules (name one: " in board.err
    ids = [one["id"] for one in listed(board, "schedules") if one["action"] == "Water"]
    assert board("schedules", "pause", ids[0]) == 0
    assert board("schedules", "pause", "Nothing") == 1
    assert board.err == "atilite: there is no schedule 'Nothing' (`schedules --json` lists them)\n"


@pytest.mark.parametrize(("word", "value"), [("4", 4), ('{"a": [1]}', {"a": [1]}), ("auto", "auto"), ("", "")])
def test_what_is_typed_is_json_or_a_text(word: str, value: object) -> None:
    assert value_of(word) == value


def test_json_that_is_broken_is_no_text() -> None:
    with pytest.raises(AtiliteError, match="is no JSON"):
        value_of('{"a": 1')
