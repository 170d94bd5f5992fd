"""A full disk, and a backup while others write: reads go on, nothing acknowledged is lost, room can be made."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from atilite.errors import StoreFull
from atilite.store.backup import verify
from atilite.store.database import Database
from atilite.store.journals import Journals
from atilite.store.kv import KV
from atilite.store.retention import Limits, sweep
from atilite.store.runs import Filter
from tests.require import require

MEGABYTE = 1024 * 1024


@pytest.fixture(params=[6, 16])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A file system of so many megabytes."""
    require(os.geteuid() == 0, "mounting a small file system needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    options = f"size={request.param}m"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=False)
    require(mounted.returncode == 0, "a tmpfs cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def write_until_full(database: Database) -> list[int]:
    """Write runs until the disk is full; return the ids of the acknowledged ones."""
    journals = database.part(Journals)
    acknowledged: list[int] = []
    full = threading.Event()

    def done(run: int, error: BaseException | None) -> None:
        if error is None:
            acknowledged.append(run)
        elif isinstance(error, StoreFull):
            full.set()

    while not full.is_set():
        run = journals.open("fill", labels=["fill"])
        journals.record(run, "x" * 2000)
        journals.close(run, "succeeded", duration=0, done=lambda value, error, run=run: done(run, error))  # type: ignore[misc]
        database.writer.flush() if run % 20 == 0 else None
    with contextlib.suppress(StoreFull):
        database.writer.flush()
    return acknowledged


@pytest.mark.row("reliability-10")
def test_on_a_full_disk_reads_go_on_and_retention_makes_room(small_disk: Path) -> None:
    with Database.open(f"sqlite:///{small_disk}/data.db") as database:
        journals, kv = database.part(Journals), database.part(KV)
        kv.set("default", {"a": 1})
        acknowledged = write_until_full(database)

        assert len(acknowledged) > 300
        health = database.health()
        assert health.status == "full"
        assert "the disk is full (free some space" in health.explanation
        row = ("y" * MEGABYTE,)
        with pytest.raises(StoreFull):
            database.writer.call(lambda connection: connection.execute("INSERT INTO mark VALUES (?, 1)", row))
        # Reading goes on, everything acknowledged is there.
        assert kv.get("default", "a") == 1
        succeeded = {run.id for run in journals.search(Filter(status="succeeded"), limit=100_000)}
        assert set(acknowledged) <= succeeded
        assert journals.get(acknowledged[-1]) is not None
        assert database.reserve.path.exists()

        swept = sweep(database, Limits(runs=50))

        assert swept.runs > 100
        assert swept.pages > 0
        # Without a restart writing goes on, and the reserve is back.
        stored = threading.Event()
        run = journals.open("after")
        journals.record(run, "room")
        journals.close(run, "succeeded", duration=0, done=lambda value, error: stored.set() if error is None else None)
        assert stored.wait(20)
        database.writer.flush()
        assert database.health().status == "ok"
        assert database.reserve.path.stat().st_size == 2 * MEGABYTE
        assert journals.search()[0].id == run
        assert journals.search(Filter(pending=True)) == []
    verify(small_disk / "data.db")


@pytest.mark.row("reliability-10")
def test_room_made_by_somebody_else_is_enough(small_disk: Path) -> None:
    with Database.open(f"sqlite:///{small_disk}/data.db") as database:
        ballast = small_disk / "ballast"
        with ballast.open("wb") as file:
            file.write(b"x" * 2 * MEGABYTE)
        write_until_full(database)
        assert database.health().status == "full"
        ballast.unlink()

        database.part(KV).set("default", {"a": 1})
        database.writer.flush()

        assert database.part(KV).get("default", "a") == 1
        assert database.health().status == "ok"


@pytest.mark.row("reliability-10")
def test_a_full_disk_lets_the_next_process_start_and_read(small_disk: Path) -> None:
    with Database.open(f"sqlite:///{small_disk}/data.db") as database:
        acknowledged = write_until_full(database)
        with contextlib.suppress(OSError), (small_disk / "ballast").open("wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                continue
    with Database.open(f"sqlite:///{small_disk}/data.db") as database:
        journals = database.part(Journals)
        assert set(acknowledged) <= {run.id for run in journals.search(limit=100_000)}


@pytest.mark.timeout(120)
@pytest.mark.row("reliability-12", "B39")
def test_a_backup_under_writes_is_sound_and_complete(tmp_path: Path) -> None:
    with Database.open(f"sqlite:///{tmp_path}/data.db") as database:
        journals = database.part(Journals)
        acknowledged: list[int] = []
        waits: list[float] = []
        stop = threading.Event()

        def work() -> None:
            while not stop.is_set():
                start = time.monotonic()
                stored = threading.Event()
                run = journals.open("write", labels=["x"])
                journals.record(run, "y" * 300)

                def done(value: object, error: BaseException | None, run: int = run) -> None:
                    if error is None:
                        acknowledged.append(run)
                    stored.set()  # noqa: B023 - waited for below

                journals.close(run, "succeeded", duration=0, done=done)
                stored.wait(20)
                waits.append(time.monotonic() - start)
                stop.wait(0.005)

        writers = [threading.Thread(target=work) for _ in range(4)]
        for writer in writers:
            writer.start()
        before: list[list[int]] = []
        for number in range(5):
            time.sleep(0.2)
            before.append(list(acknowledged))
            database.backup(tmp_path / f"copy{number}.db")
        stop.set()
        for writer in writers:
            writer.join(20)

    assert len(acknowledged) > 20
    # Generous: it only tells waiting for the whole backup from not waiting.
    assert sorted(waits)[len(waits) // 2] < 1
    for number, expected in enumerate(before):
        copy = tmp_path / f"copy{number}.db"
        verify(copy)
        with Database.open(f"sqlite:///{copy}") as restored:
            found = {run.id: run.status for run in restored.part(Journals).search(limit=100_000)}
            assert {run: found.get(run) for run in expected if found.get(run) != "succeeded"} == {}
