"""From any earlier schema to this version's."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from peewee import TextField
from playhouse.schema_diff import diff_models

from atilite.errors import StoreUnavailable
from atilite.store import migrations
from atilite.store.backup import verify
from atilite.store.database import Database
from atilite.store.journals import Journals
from atilite.store.kv import KV
from atilite.store.models import TABLES


def colour(migrator: Any, database: Any) -> None:
    migrator.migrate(migrator.add_column("kv", "colour", TextField(default="grey")))


def break_off(migrator: Any, database: Any) -> None:
    colour(migrator, database)
    database.execute_sql("DROP TABLE journal")
    raise RuntimeError("in the middle")


def test_the_steps_make_exactly_the_models(url: str) -> None:
    with Database.open(url) as database:
        assert not diff_models(database.peewee, list(TABLES))


def test_each_step_is_told_once(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"), Database.open(url):
        for name, _ in migrations.STEPS:
            assert len([line for line in caplog.messages if name in line]) == 1


def test_a_step_is_applied_once_after_a_copy(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Database.open(url) as database:
        database.part(KV).set("default", {"a": 1})
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, ("0009_colour", colour)))
    for _ in range(2):
        with Database.open(url) as database:
            rows = database.connection().execute("SELECT key, value, colour FROM kv").fetchall()
            assert rows == [("a", "1", "grey")]
    copies = list(tmp_path.glob("data.db.before-0009_colour-*"))

    assert len(copies) == 1
    verify(copies[0])
    with sqlite3.connect(copies[0]) as copy:
        assert copy.execute("SELECT * FROM kv").fetchall()[0][:3] == ("default", "a", "1")
    copy.close()


@pytest.mark.row("reliability-8")
def test_a_step_that_fails_leaves_no_trace(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Database.open(url).close()
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "STEPS", (*migrations.STEPS, ("0009_broken", break_off)))
        with pytest.raises(RuntimeError, match="in the middle"):
            Database.open(url)
    with Database.open(url) as database:
        assert not diff_models(database.peewee, list(TABLES))
        assert database.part(Journals).count() == 0


def test_a_newer_database_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "STEPS", (*migrations.STEPS, ("0009_colour", colour)))
        Database.open(url).close()
    with pytest.raises(StoreUnavailable, match=r"newer version \(0009_colour\) \(update atilite"):
        Database.open(url)
    with pytest.raises(StoreUnavailable, match="another version"):
        Database.open(url, readonly=True)


def test_an_older_database_is_not_read_beside(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Database.open(url):
        monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, ("0009_colour", colour)))
        for more in ({"readonly": True}, {"shared": True}):
            with pytest.raises(StoreUnavailable, match=r"stop the server and run: serve.py migrate"):
                Database.open(url, **more)  # type: ignore[arg-type]


def test_few_copies_are_kept(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        (tmp_path / f"data.db.before-0001_old-2026010{number}-000000").write_bytes(b"")
    Database.open(url).close()
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, ("0009_colour", colour)))
    Database.open(url).close()

    assert len(list(tmp_path.glob("data.db.before-*"))) == migrations.KEPT_BACKUPS
    assert list(tmp_path.glob("data.db.before-0009*"))


def test_without_fts5_there_is_a_database_all_the_same(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "has_fts5", lambda connection: False)
    with Database.open(url) as database:
        journals = database.part(Journals)
        number = journals.open("rates")
        journals.close(number, "succeeded", duration=0)
        database.writer.flush()
        journals.remove([number])
        database.writer.flush()
        assert journals.count() == 0
