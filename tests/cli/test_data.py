"""backup, restore, vacuum, migrate."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from atilite.app import Atilite
from atilite.store.database import Database
from tests.cli.conftest import Shell


@pytest.mark.row("M13", "B39")
def test_a_backup_is_restored_with_everything_in_it(shell: Shell, tmp_path: Path) -> None:
    shell("user", "add", "ana", "--role", "admin", stdin="correct horse\n")
    assert shell("backup", "copy.db") == 0
    assert shell.out.startswith("wrote copy.db, ")
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    shell("user", "remove", "ana")

    assert shell("restore", "copy.db") == 0

    kept = Path(shell.out.strip().rpartition(" ")[2])
    assert kept.exists()
    shell("user", "list")
    assert "ana" in shell.out


@pytest.mark.row("M13", "B39")
def test_a_backup_can_be_made_beside_a_running_server(shell: Shell, tmp_path: Path) -> None:
    with Database.open(f"sqlite:///{tmp_path}/data.db") as database:
        database.accounts.add("ana", "correct horse", "view")
        assert shell("backup", "copy.db") == 0

    with Database.open(f"sqlite:///{tmp_path}/copy.db", readonly=True) as copy:
        assert [user.name for user in copy.accounts.users()] == ["ana"]


def test_a_backup_never_takes_the_place_of_a_file(shell: Shell, tmp_path: Path) -> None:
    shell("migrate")
    (tmp_path / "copy.db").write_text("mine", encoding="utf-8")

    assert shell("backup", "copy.db") == 1
    assert "exists already" in shell.err
    assert (tmp_path / "copy.db").read_text(encoding="utf-8") == "mine"


def test_restoring_is_refused_while_the_server_runs(shell: Shell, tmp_path: Path) -> None:
    shell("migrate")
    shell("backup", "copy.db")

    with Database.open(f"sqlite:///{tmp_path}/data.db"):
        assert shell("restore", "copy.db") == 1
    assert shell.err.count("\n") == 1


def test_what_is_no_backup_changes_nothing(shell: Shell, tmp_path: Path) -> None:
    shell("user", "add", "ana", "--role", "admin", stdin="correct horse\n")
    (tmp_path / "copy.db").write_bytes(os.urandom(9000))

    assert shell("restore", "copy.db") == 1
    assert shell.err.startswith("atilite: ")
    assert shell("restore", "missing.db") == 1
    assert "there is no file missing.db" in shell.err
    shell("user", "list")
    assert "ana" in shell.out


def test_vacuum_removes_what_is_not_kept(shell: Shell, tmp_path: Path) -> None:
    def garden(app: Atilite) -> None:
        @app.action(name="Water")
        def water() -> None: ...

        @app.action(name="Look", keep="1")
        def look() -> None: ...

    shell.declare = garden
    for name in ("Water", "Water", "Water", "Look", "Look"):
        shell("run", name)

    assert shell("vacuum", "--keep", "2") == 0

    assert shell.out.startswith("removed 2 runs and 0 expired keys; "), "a Water above two, and a Look above one"


@pytest.mark.parametrize("keep", ["forever", "30", "30d", "30d,1000", "0.5d"])
def test_what_is_kept_is_days_a_number_or_both(keep: str, shell: Shell) -> None:
    assert shell("--keep", keep, "migrate") == (2 if keep == "forever" else 0)
