"""services start, schedules pause, emit, without a server; tests/e2e/test_commands_beside.py has one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from atilite.app import Atilite
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
