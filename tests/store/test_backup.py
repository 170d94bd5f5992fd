"""Copies of the database, and the way back. (Backup under load is in tests/faults.)"""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atilite.errors import StoreBusy, StoreUnavailable
from atilite.store.backup import copy_database, restore, verify
from atilite.store.database import Database
from atilite.store.journals import Journals
from atilite.store.kv import KV


@pytest.mark.row("B39")
def test_a_backup_holds_what_was_acknowledged_and_boots(
    kv: KV, journals: Journals, database: Database, written: Callable[..., Any], tmp_path: Path
) -> None:
    number = journals.open("x", labels=["a"])
    written(kv.set, "default", {"a": 1})
    database.backup(tmp_path / "copy.db")
    written(kv.set, "default", {"a": 2})

    verify(tmp_path / "copy.db")
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    assert not list(tmp_path.glob("*.partial"))
    with Database.open(f"sqlite:///{tmp_path}/copy.db") as copy:
        assert copy.part(KV).get("default", "a") == 1
        assert [run.id for run in copy.part(Journals).search()] == [number]
        assert copy.interrupted == [number]


def test_a_command_makes_a_backup_beside_the_owner(url: str, database: Database, kv: KV, tmp_path: Path) -> None:
    kv.set("default", {"a": 1})
    database.writer.flush()
    with Database.open(url, readonly=True) as command:
        command.backup(tmp_path / "copy.db")

    verify(tmp_path / "copy.db")


def test_a_backup_overwrites_nothing(database: Database, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("mine")
    with pytest.raises(StoreUnavailable, match="exists already"):
        database.backup(tmp_path / "copy.db")
    with pytest.raises(StoreUnavailable, match="there is no such database"):
        copy_database(tmp_path / "none.db", tmp_path / "other.db")
    with pytest.raises(StoreUnavailable, match="does not exist"):
        database.backup(tmp_path / "no" / "copy.db")

    assert (tmp_path / "copy.db").read_text() == "mine"


@pytest.mark.row("B39")
def test_restore_puts_the_copy_in_place_and_keeps_the_old_one(url: str, tmp_path: Path) -> None:
    path, copy = tmp_path / "data.db", tmp_path / "copy.db"
    with Database.open(url) as database:
        database.part(KV).set("default", {"a": "old"})
        database.writer.flush()
        database.backup(copy)
        database.part(KV).set("default", {"a": "new"})
        database.writer.flush()
        with pytest.raises(StoreBusy):
            restore(copy, path)

    kept = restore(copy, path)

    assert kept is not None
    for file, value in ((path, "old"), (kept, "new"), (copy, "old")):
        with Database.open(f"sqlite:///{file}") as database:
            assert database.part(KV).get("default", "a") == value


def test_restore_makes_a_database_where_none_is(database: Database, tmp_path: Path) -> None:
    database.backup(tmp_path / "copy.db")

    assert restore(tmp_path / "copy.db", tmp_path / "fresh.db") is None
    Database.open(f"sqlite:///{tmp_path}/fresh.db").close()


@pytest.mark.parametrize("damage", ["text", "foreign", "hole", "missing"])
def test_a_bad_backup_changes_nothing(url: str, tmp_path: Path, damage: str) -> None:
    path, copy = tmp_path / "data.db", tmp_path / "copy.db"
    with Database.open(url) as database:
        database.part(KV).set("default", {str(number): "x" * 500 for number in range(200)})
        database.writer.flush()
        database.backup(copy)
    before = path.read_bytes()
    if damage == "text":
        copy.write_text("no database")
    elif damage == "foreign":
        copy.write_bytes(b"")
    elif damage == "hole":
        content = bytearray(copy.read_bytes())
        content[len(content) // 2 : len(content) // 2 + 8192] = b"\xff" * 8192
        copy.write_bytes(content)
    else:
        copy.unlink()

    with pytest.raises(StoreUnavailable):
        restore(copy, path)

    assert path.read_bytes() == before
    assert not list(tmp_path.glob("data.db.*"))


def test_a_damaged_database_can_be_replaced(url: str, tmp_path: Path) -> None:
    path, copy = tmp_path / "data.db", tmp_path / "copy.db"
    with Database.open(url) as database:
        database.backup(copy)
    path.write_bytes(b"ruined" * 5000)
    path.with_name("data.db-wal").write_bytes(b"ruined too")

    kept = restore(copy, path)

    assert kept is not None
    assert kept.read_bytes().startswith(b"ruined")
    assert not path.with_name("data.db-wal").exists()
    Database.open(url).close()
