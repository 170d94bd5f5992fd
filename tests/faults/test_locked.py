"""Another process locks the database of a running server for a while."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.faults.program import Program

SCRIPT = """
    import atilite
    from atilite import Atilite

    app = Atilite(__name__)

    @app.action(name="quick")
    def quick(number: int) -> int:
        app.journal.record("did", number=number)
        return number

    atilite.mount("/", app)
    atilite.run(name="locked")
"""
SECONDS = 3.0


@pytest.fixture(scope="module")
def program(serve: Callable[..., Program]) -> Program:
    return serve(SCRIPT).start()


@contextlib.contextmanager
def locked(program: Program) -> Iterator[None]:
    """Hold the lock for writing from outside, as a person with a database browser does."""
    with contextlib.closing(sqlite3.connect(program.folder / "data.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE kv SET value = value")
        yield
        connection.execute("ROLLBACK")


@pytest.mark.row("reliability-11")
def test_reads_and_pages_go_on_and_writes_wait(program: Program) -> None:
    before = program.call("quick", number=0)["run"]
    answers: list[dict[str, object]] = []
    with locked(program):
        begin = time.monotonic()
        writers = [
            threading.Thread(target=lambda number=number: answers.append(program.call("quick", number=number)))
            for number in range(1, 9)
        ]
        for writer in writers:
            writer.start()
        slowest = 0.0
        while time.monotonic() - begin < SECONDS:
            asked = time.monotonic()
            assert program.ask("GET", "/console/runs", Accept="text/html")[0] == 200
            assert program.journal(before)["status"] == "succeeded"
            slowest = max(slowest, time.monotonic() - asked)
        assert answers == []
    for writer in writers:
        writer.join(15)
    assert slowest < 2
    assert [answer["status"] for answer in answers] == ["succeeded"] * 8
    for answer in answers:
        run = answer["run"]
        assert isinstance(run, int)
        assert program.journal(run)["records"][0]["params"] == {"number": answer["result"]}
    assert program.ask("GET", "/healthz")[0] == 200


@pytest.mark.row("reliability-11")
def test_a_start_waits_for_a_lock_that_is_released_soon(program: Program) -> None:
    assert program.terminate() == 0
    starting = threading.Thread(target=program.start)
    with locked(program):
        starting.start()
        time.sleep(1)
    starting.join(20)
    assert program.call("quick", number=1)["status"] == "succeeded"
    assert "Traceback" not in program.log.read_text()
