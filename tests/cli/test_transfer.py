"""export and import."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from atilite.app import Atilite
from atilite.store.database import Database
from atilite.store.journals import Journals
from tests.cli.conftest import Shell


@pytest.fixture
def garden(shell: Shell) -> Shell:
    """A program whose action has run twice, once in vain."""

    def declare(app: Atilite) -> None:
        @app.action(name="Water", label="garden")
        def water(seconds: int = 5) -> int:
            app.journal.record("open", seconds=seconds)
            return 10 // seconds

    shell.declare = declare
    shell("run", "Water")
    shell("run", "Water", "seconds=0")
    return shell


@pytest.mark.row("M13")
def test_runs_are_written_to_a_new_file_that_nobody_else_reads(garden: Shell, tmp_path: Path) -> None:
    assert garden("export", "runs.jsonl") == 0
    assert garden.out == "wrote runs.jsonl, 4 lines\n"
    assert stat.S_IMODE((tmp_path / "runs.jsonl").stat().st_mode) == 0o600
    found = [json.loads(line) for line in (tmp_path / "runs.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(line["type"], line.get("status")) for line in found] == [
        ("run", "failed"), ("record", None), ("run", "succeeded"), ("record", None),
    ]  # fmt: skip
    assert garden("export", "runs.jsonl") == 1
    assert "exists already" in garden.err


@pytest.mark.row("M13")
def test_an_export_beside_a_running_server_takes_filters_and_forms(garden: Shell, tmp_path: Path) -> None:
    with Database.open(f"sqlite:///{tmp_path}/data.db"):
        assert garden("export", "failed.csv", "--status", "failed", "--label", "garden", "--since", "2020-01-01") == 0
        assert garden("export", "-", "--format", "csv", "--operation", "Water", "--until", "2020-01-01") == 0
    assert garden.out.startswith("id,operation,status")
    assert garden.out.count("\n") == 1
    _, row = (tmp_path / "failed.csv").read_text(encoding="utf-8").splitlines()
    assert "ZeroDivisionError" in row


@pytest.mark.row("M13")
def test_an_export_is_imported_elsewhere_and_refused_where_it_came_from(garden: Shell, tmp_path: Path) -> None:
    garden("export", "runs.jsonl")
    assert garden("import", "runs.jsonl") == 1
    assert "has runs of these numbers already: 1, 2" in garden.err
    assert garden.err.count("\n") == 1

    assert garden("import", "runs.jsonl", "--renumber") == 0
    assert garden.out == "imported 2 runs with 2 records\n"
    assert garden("import", "runs.jsonl", "--db", f"sqlite:///{tmp_path}/other.db") == 0
    with Database.open(f"sqlite:///{tmp_path}/data.db") as database:
        assert [run.status for run in database.part(Journals).search()] == ["failed", "succeeded"] * 2


def test_an_import_is_refused_while_the_server_runs(garden: Shell, tmp_path: Path) -> None:
    garden("export", "runs.jsonl")
    with Database.open(f"sqlite:///{tmp_path}/data.db"):
        assert garden("import", "runs.jsonl") == 1
    assert garden.err.count("\n") == 1


@pytest.mark.parametrize("words", [("--since", "now"), ("--status", "green"), ("--format", "xml")])
def test_what_cannot_be_exported_is_refused(garden: Shell, tmp_path: Path, words: tuple[str, str]) -> None:
    assert garden("export", "runs.jsonl", *words) == 2
    assert not (tmp_path / "runs.jsonl").exists()


def test_an_export_to_nowhere_leaves_nothing(garden: Shell) -> None:
    assert garden("export", "none/runs.jsonl") == 1
    assert garden.err.startswith("atilite: none/runs.jsonl: ")
