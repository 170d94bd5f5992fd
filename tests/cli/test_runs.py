"""runs, runs show, without a server; tests/e2e/test_commands_beside.py has one."""

from __future__ import annotations

import json

import pytest

from atilite.app import Atilite
from atilite.cli import runs
from tests.cli.conftest import Shell


def garden(app: Atilite) -> None:
    @app.action(name="Water")
    def water(seconds: int = 30) -> int:
        app.journal.record("watered", seconds=seconds)
        return seconds

    @app.action(name="Rinse")
    def rinse() -> None:
        raise OSError("the filter is blocked")


@pytest.fixture
def board(shell: Shell) -> Shell:
    shell.declare = garden
    return shell


@pytest.mark.row("M5", "B17", "B18")
def test_runs_are_listed_newest_first_by_what_is_asked_for(board: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "PAGE", 2)
    for seconds in range(4):
        assert board("run", "Water", f"seconds={seconds}") == 0
    assert board("run", "Rinse") == 1
    assert board("runs", "--operation", "Water", "--limit", "3", "--json") == 0
    assert [one["parameters"]["seconds"] for one in json.loads(board.out)] == [3, 2, 1]
    assert board("runs", "--status", "failed") == 0
    assert "the filter is blocked" in board.out
    assert "Water" not in board.out


@pytest.mark.row("M1", "B16")
def test_a_run_is_shown_with_its_records_and_its_end(board: Shell) -> None:
    board("run", "Water", "seconds=5")
    board("run", "Rinse")
    assert board("runs", "show", "1") == 0
    assert "watered seconds=5" in board.out
    assert "parameter:   seconds=5" in board.out
    assert "result: 5" in board.out
    assert board("runs", "show", "2") == 0
    assert "Traceback" in board.out
    assert "OSError: the filter is blocked" in board.out
    assert board("runs", "show", "1", "--json") == 0
    assert json.loads(board.out)["records"][0]["message"] == "watered"


def test_a_run_that_is_not_there_or_has_ended_is_told_in_one_line(board: Shell) -> None:
    assert board("runs") == 0
    assert board.out == "no such runs\n"
    assert board("runs", "show", "1") == 1
    assert board.err == "atilite: there is no run 1 (`runs` lists them)\n"
    board("run", "Water")
    assert board("runs", "cancel", "1") == 1
    assert board.err == "atilite: run 1 does not go on: succeeded (`runs --status running` lists those)\n"
