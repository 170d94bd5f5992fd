"""A served program whose disk fills up: pages and reads go on, writes say why not, and it recovers by itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.program import Program, until
from tests.require import require

KILOBYTE = 1024
SCRIPT = """
    import time
    import atilite
    from atilite import Atilite

    app = Atilite(__name__)

    @app.action(name="fill")
    def fill(number: int) -> int:
        app.journal.record("filled", text="x" * 4000)
        return number

    @app.schedule(every=0.2)
    def ticking():
        print("tick")

    atilite.mount("/", app)
    atilite.run(name="small")
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB."""
    require(os.geteuid() == 0, "mounting a small file system needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], check=False)
    require(mounted.returncode == 0, "a tmpfs cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def start(serve: Callable[..., Program], disk: Path) -> Iterator[Callable[[str], Program]]:
    """Starts the program with its data on that disk, keeping so many runs."""
    made: list[Program] = []

    def start(keep: str) -> Program:
        made.append(serve(SCRIPT, "--db", f"sqlite:///{disk}/data.db", "--keep", keep))
        return made[0].start()

    yield start
    for program in made:
        program.close()


def leave(disk: Path, room: int) -> Path:
    """Let somebody else's file take the whole disk but `room` bytes."""
    ballast = disk / "ballast"
    free = os.statvfs(disk)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - room)
    return ballast


def fill(program: Program, enough: int = 100_000) -> tuple[list[int], tuple[int, bytes]]:
    """Run actions until one is refused; returns the acknowledged runs and the refusal."""
    acknowledged: list[int] = []
    for number in range(enough):
        status, body = program.ask("POST", "/internal/action/fill", {"number": number})
        if status != 200:
            return acknowledged, (status, body)
        acknowledged.append(json.loads(body)["run"])
    raise AssertionError("the disk did not fill up")


def page(program: Program, path: str) -> str:
    status, body = program.ask("GET", path, Accept="text/html")
    assert status == 200, body
    return body.decode()


@pytest.mark.row("reliability-10")
def test_reads_and_pages_go_on_writes_say_why_not_and_nothing_acknowledged_is_lost(
    start: Callable[[str], Program], disk: Path
) -> None:
    program = start("100000")
    assert program.ask("PUT", "/internal/kv/default/colour", "green")[0] in (200, 204)
    ballast = leave(disk, 400 * KILOBYTE)
    acknowledged, (status, body) = fill(program)

    assert status in (503, 507)
    assert b"disk is full" in body
    assert b"Traceback" not in body
    status, body = program.ask("PUT", "/internal/kv/default/colour", "x" * 500_000)
    assert status in (503, 507)
    assert b"disk is full" in body
    status, body = program.ask("GET", "/healthz")
    assert status == 503
    assert "disk is full" in json.loads(body)["reasons"][0]

    assert program.json("/internal/kv/default/colour") == "green"
    for path in ("/console/", "/console/runs", "/console/actions", "/console/settings", "/console/kv"):
        shown = page(program, path)
        alert = re.search(r'role="alert".*?</p>', shown, re.DOTALL)
        assert alert is not None, path
        assert "disk is full" in alert[0]
        assert "Traceback" not in shown
    for run in acknowledged[-5:]:
        assert program.journal(run)["status"] == "succeeded"

    assert (disk / "data.db-reserve").exists()  # there is nothing old to remove, so it is not given away

    ballast.unlink()
    until(lambda: program.ask("POST", "/internal/action/fill", {"number": 1})[0] == 200)
    until(lambda: program.ask("GET", "/healthz")[0] == 200)
    assert 'role="alert"' not in page(program, "/console/")
    assert program.terminate() == 0
    assert "Traceback" not in program.log.read_text()


@pytest.mark.row("reliability-10")
def test_retention_makes_room_on_a_full_disk_by_itself(start: Callable[[str], Program], disk: Path) -> None:
    program = start("40")
    acknowledged: list[int] = []
    errors: list[Any] = []

    def write() -> None:
        for number in range(60):
            status, body = program.ask("POST", "/internal/action/fill", {"number": number})
            (acknowledged if status == 200 else errors).append(json.loads(body))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(acknowledged) == 240
    leave(disk, 300 * KILOBYTE)
    more, _ = fill(program)

    # Nobody helps; forty runs are kept, so the reserve and what retention removes are room enough.
    until(lambda: program.ask("POST", "/internal/action/fill", {"number": 1})[0] == 200)
    until(lambda: program.ask("GET", "/healthz")[0] == 200)
    assert program.journal(more[-1])["status"] == "succeeded"
    # It may still be removing, a few at a time.
    until(lambda: program.ask("GET", f"/internal/journal/{acknowledged[0]['run']}")[0] == 404)
