"""Opening a database: who may, what is refused and in which words."""

from __future__ import annotations

import gc
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from atilite.errors import StoreBusy, StoreError, StoreUnavailable
from atilite.store.database import Database, path_of
from atilite.store.failures import translate
from atilite.store.journals import Journals
from atilite.store.kv import KV
from atilite.store.reserve import SIZE

ROOT = Path(__file__).parents[2]
NOBODY = 65534


def test_a_url_names_a_relative_or_an_absolute_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert path_of("sqlite:///data.db") == tmp_path / "data.db"
    assert path_of("sqlite:////var/lib/data.db") == Path("/var/lib/data.db")


@pytest.mark.row("B38")
@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("sqlite:///:memory:", "in memory would be lost .*use sqlite:///data.db"),
        ("sqlite://", "in memory"),
        ("sqlite:///", "in memory"),
        ("data.db", "not a database URL .use sqlite:///data.db"),
        ("postgresql:///data", "not a database URL"),
        ("", "not a database URL"),
    ],
)
def test_another_url_is_refused_with_the_remedy(url: str, remedy: str) -> None:
    with pytest.raises(StoreUnavailable, match=remedy):
        Database.open(url)


def test_the_files_are_for_their_owner_only(url: str, tmp_path: Path) -> None:
    with Database.open(url) as database:
        database.part(KV).set("default", {"a": 1})
        database.writer.flush()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}

    assert modes == dict.fromkeys(["data.db", "data.db-lock", "data.db-reserve", "data.db-shm", "data.db-wal"], 0o600)


def test_a_write_is_durable_and_the_reserve_takes_its_room(url: str) -> None:
    with Database.open(url) as database:
        pragmas = ("journal_mode", "synchronous", "auto_vacuum", "page_size")
        found = [database.writer.call(lambda c, p=p: c.execute(f"PRAGMA {p}").fetchone()[0]) for p in pragmas]  # type: ignore[misc]

        assert found == ["wal", 2, 2, 2048]
        assert database.reserve.path.stat().st_blocks * 512 >= SIZE
        health = database.health()
        assert (health.status, health.explanation) == ("ok", "")
        assert health.free > 0
        assert health.log_size > 0


def test_closing_folds_the_log_in_and_refuses_further_use(url: str, tmp_path: Path) -> None:
    database = Database.open(url)
    reading = threading.Thread(target=lambda: database.connection().execute("SELECT 1").fetchall())
    reading.start()
    reading.join()
    kv = database.part(KV)
    kv.set("default", {"a": 1})
    database.close()
    database.close()

    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.db", "data.db-lock", "data.db-reserve"]
    with pytest.raises(StoreUnavailable, match="closed"):
        kv.get("default", "a")
    with pytest.raises(StoreUnavailable, match="closed"):
        kv.set("default", {"a": 2})
    with Database.open(url) as again:
        assert again.part(KV).get("default", "a") == 1


def test_a_reading_connection_cannot_write(url: str) -> None:
    with Database.open(url) as database, pytest.raises(sqlite3.OperationalError, match="readonly"):
        database.connection().execute("DELETE FROM journal")


def test_threads_read_while_a_write_goes_on(url: str) -> None:
    with Database.open(url) as database:
        kv = database.part(KV)
        kv.set("default", {"a": 1})
        database.writer.flush()
        begun, go = threading.Event(), threading.Event()

        def long(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM kv")
            begun.set()
            assert go.wait(20)

        database.writer.submit(long)
        assert begun.wait(20)
        found: list[object] = []
        reader = threading.Thread(target=lambda: found.append(kv.get("default", "a")))
        reader.start()
        reader.join(20)
        go.set()

        assert found == [1]


@pytest.mark.row("reliability-11")
def test_a_second_process_is_refused_by_number_and_freed_at_once_by_the_end_of_the_first(url: str) -> None:
    program = (
        "import sys; from atilite.store.database import Database\n"
        "database = Database.open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, url]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "open\n"
        with pytest.raises(StoreBusy, match=rf"in use by process {first.pid} \(stop it first: kill {first.pid}, or"):
            Database.open(url)
        first.kill()
        first.wait(20)
    Database.open(url).close()


def test_a_second_use_in_the_same_process_is_refused_in_its_own_words(url: str) -> None:
    with Database.open(url), pytest.raises(StoreBusy, match="already open in this process"):
        Database.open(url)


def test_a_command_reads_beside_the_owner(url: str) -> None:
    with Database.open(url) as server:
        number = server.part(Journals).open("x")
        server.writer.flush()
        with Database.open(url, readonly=True) as command:
            assert [run.id for run in command.part(Journals).search()] == [number]
            assert command.part(KV).get("default", "a", None) is None
            with pytest.raises(StoreError, match="reading only"):
                command.part(KV).set("default", {"a": 1})
        assert server.part(Journals).search()[0].status == "running"


def test_a_command_changes_accounts_beside_the_owner_and_nothing_else(url: str) -> None:
    with Database.open(url) as server:
        server.part(Journals).open("x")
        server.writer.flush()
        with Database.open(url, shared=True) as command:
            secret = command.accounts.add_token("phone", "run")
            with pytest.raises(StoreUnavailable, match="not authorized"):
                command.writer.call(lambda connection: connection.execute("DELETE FROM journal"))
        assert server.accounts.token(secret) is not None
        assert server.part(Journals).search()[0].status == "running"


def test_the_first_account_is_made_before_the_first_start(url: str) -> None:
    with Database.open(url, shared=True) as command:
        command.accounts.add_token("phone", "run")
    with Database.open(url) as server:
        assert [token.name for token in server.accounts.tokens()] == ["phone"]
    with Database.open(url, readonly=True) as command:
        assert [token.name for token in command.accounts.tokens()] == ["phone"]


@pytest.mark.row("reliability-11")
def test_a_missing_folder_is_named_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=rf"the folder {tmp_path}/no/where does not exist \(make it: mkdir -p"):
        Database.open(f"sqlite:///{tmp_path}/no/where/data.db")
    with pytest.raises(StoreUnavailable, match="this is a folder"):
        Database.open(f"sqlite:///{tmp_path}")


def test_reading_does_not_make_a_file(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="there is no such database"):
        Database.open(url, readonly=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.row("reliability-11")
@pytest.mark.parametrize(
    "content", [b"this is a text and no database at all" * 200, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(url: str, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.db"
    path.write_bytes(content)
    with pytest.raises(StoreUnavailable, match="not a sound SQLite database"):
        Database.open(url)
    assert path.read_bytes() == content
    path.unlink()
    Database.open(url).close()  # nothing of the attempt is left locked


@contextmanager
def powerless() -> Iterator[Path]:
    """Give a folder of somebody else's, and be somebody whose rights count (root's are not checked)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        if os.geteuid() == 0:
            path.chmod(0o755)
            os.seteuid(NOBODY)
            try:
                yield path
            finally:
                os.seteuid(0)
        else:
            path.chmod(0o555)
            try:
                yield path
            finally:
                path.chmod(0o755)


@pytest.mark.row("reliability-11")
def test_a_folder_of_another_owner_is_named_with_the_remedy() -> None:
    with powerless() as folder, pytest.raises(StoreUnavailable, match=r"cannot be made in .* it belongs to .*chown"):
        Database.open(f"sqlite:///{folder}/data.db")


@pytest.mark.row("reliability-11")
def test_a_file_that_may_not_be_written_is_named_with_its_mode(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.db"
        Database.open(f"sqlite:///{path}").close()
        path.chmod(0o444)
        Path(folder).chmod(0o777)
        root = os.geteuid() == 0
        if root:
            os.seteuid(NOBODY)
        try:
            with pytest.raises(StoreUnavailable, match=r"data.db cannot be written by .*mode 444 \(start as"):
                Database.open(f"sqlite:///{path}")
        finally:
            if root:
                os.seteuid(0)


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (sqlite3.SQLITE_FULL, "StoreFull", "disk is full"),
        (sqlite3.SQLITE_BUSY, "StoreBusy", "another process"),
        (sqlite3.SQLITE_LOCKED_SHAREDCACHE, "StoreBusy", "another process"),
        (sqlite3.SQLITE_CORRUPT, "StoreUnavailable", "restore a backup"),
        (sqlite3.SQLITE_NOTADB, "StoreUnavailable", "not a sound"),
        (sqlite3.SQLITE_READONLY, "StoreUnavailable", "cannot be written"),
        (sqlite3.SQLITE_CANTOPEN, "StoreUnavailable", "cannot be opened"),
        (sqlite3.SQLITE_IOERR_FSYNC, "StoreError", "check the disk"),
        (sqlite3.SQLITE_ERROR, "StoreError", "told"),
    ],
)
def test_every_error_of_sqlite_is_one_line_with_a_remedy(code: int, kind: str, words: str) -> None:
    error = sqlite3.OperationalError("as told")
    error.sqlite_errorcode = code
    told = translate(error, Path("/data.db"))

    assert type(told).__name__ == kind
    assert words in str(told)
    assert str(told).startswith("/data.db: ")
    assert "\n" not in str(told)
    other = KeyError("not of SQLite")
    assert translate(other, Path("/data.db")) is other


def test_a_thread_that_leaves_has_no_connection_until_it_reads_again(url: str) -> None:
    with Database.open(url) as database:
        database.writer.flush()
        before = len(database.peewee.opened)
        database.leave()
        gc.collect()
        assert len(database.peewee.opened) == before - 1
        assert database.connection().execute("SELECT 1").fetchone() == (1,)
        assert len(database.peewee.opened) == before
    database.leave()
