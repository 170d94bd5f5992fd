"""Old runs go soon after a run has ended, and an idle process does nothing."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from atilite.config import Settings
from atilite.errors import StoreFull
from atilite.store.database import Database
from atilite.store.journals import Journals
from atilite.store.retention import Limits
from atilite.upkeep import DELAY, FIRST, MANY, Upkeep, give_back_memory, limits_of, share_arenas
from tests.require import require


class Timer:
    """A call that the test makes when it wants to."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self.seconds, self.call, self.cancelled = seconds, call, False

    def cancel(self) -> None:
        self.cancelled = True


class Runtime:
    """Notes timers, and does at once what is given to a thread."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []
        self.loop, self.threads = self, self

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(seconds, call))
        return self.timers[-1]

    def submit(self, call: Callable[[], None]) -> None:
        call()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database.open(f"sqlite:///{tmp_path}/data.db") as opened:
        yield opened


def ended(database: Database, operation: str = "water") -> int:
    journals = database.part(Journals)
    run = journals.open(operation)
    journals.close(run, "succeeded", duration=0.0)
    database.writer.flush()
    return run


def changed(database: Database, times: int) -> None:
    """Tell of so many changes of runs."""
    for _ in range(times):
        database.part(Journals).updated.emit(1)


def kept(database: Database) -> int:
    (count,) = database.connection().execute("SELECT count(*) FROM journal").fetchone()
    return int(count)


def upkeep(database: Database, runtime: Runtime, **limits: Any) -> Upkeep:
    made: Any = Upkeep(database, runtime, lambda: (Limits(**limits), {}))  # type: ignore[arg-type]
    made.start()
    return made  # type: ignore[no-any-return]


def test_runs_above_the_number_go_at_the_first_look(database: Database) -> None:
    for _ in range(5):
        ended(database)
    runtime = Runtime()
    upkeep(database, runtime, runs=2)
    assert [timer.seconds for timer in runtime.timers] == [FIRST]

    runtime.timers[0].call()

    assert kept(database) == 2


def test_a_run_s_end_brings_the_next_sweep_within_a_minute_and_only_one(database: Database) -> None:
    runtime = Runtime()
    upkeep(database, runtime, runs=2)
    runtime.timers.pop().call()

    for _ in range(5):
        ended(database)
    (timer,) = runtime.timers
    assert timer.seconds == DELAY <= 60
    timer.call()

    assert kept(database) == 2


def test_an_idle_process_sets_no_timer(database: Database) -> None:
    runtime = Runtime()
    upkeep(database, runtime, days=30)
    runtime.timers.pop().call()

    assert runtime.timers == []


def test_after_the_stop_nothing_begins(database: Database) -> None:
    runtime = Runtime()
    stopped = upkeep(database, runtime, runs=1)
    stopped.stop()
    ended(database)

    assert [timer.cancelled for timer in runtime.timers] == [True]


def test_a_sweep_that_fails_is_told_and_the_next_change_tries_again(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = Runtime()
    upkeep(database, runtime, runs=1)
    timer = runtime.timers.pop()
    database.close()

    timer.call()

    assert "old runs could not be removed" in caplog.text


def test_a_full_disk_is_swept_at_once(database: Database) -> None:
    runtime = Runtime()
    upkeep(database, runtime, runs=2)
    for _ in range(5):
        ended(database)

    database.writer.failing.emit(StoreFull("the disk is full"))

    assert kept(database) == 2


def test_an_action_may_say_for_itself_how_long_its_runs_are_kept() -> None:
    actions: Any = [SimpleNamespace(operation="water", keep="7d,10"), SimpleNamespace(operation="look", keep=None)]

    general, own = limits_of(Settings(keep="30d", keep_megabytes=5), actions)

    assert general == Limits(days=30.0, bytes=5 * 2**20)
    assert own == {"water": Limits(days=7.0, runs=10)}
    assert limits_of(Settings(keep_megabytes=0), ())[0].bytes is None


def resident() -> int:
    """Bytes of memory in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.row("reliability-5")
def test_memory_that_was_freed_between_pieces_in_use_is_given_back(database: Database) -> None:
    library = ctypes.CDLL(None)
    require(hasattr(library, "malloc_trim"), "this C library has no malloc_trim")
    library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    pieces = [library.malloc(40_000) for _ in range(1000)]
    for piece in pieces:
        ctypes.memset(piece, 1, 40_000)
    for piece in pieces[::2]:
        library.free(piece)
    runtime = Runtime()
    before = resident()
    upkeep(database, runtime, days=30)
    changed(database, MANY)
    runtime.timers.pop().call()
    after = resident()
    for piece in pieces[1::2]:
        library.free(piece)

    assert before - after > 10_000_000


def test_what_gives_memory_back_is_called_after_many_changes_only(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[bool] = []
    monkeypatch.setattr("atilite.upkeep.give_back_memory", lambda: calls.append(True))
    runtime = Runtime()
    upkeep(database, runtime, days=30)

    def calls_after(changes: int) -> int:
        changed(database, changes)
        runtime.timers.pop().call()
        return len(calls)

    assert [calls_after(changes) for changes in (MANY - 1, 1, MANY - 1, MANY)] == [0, 1, 1, 2]


def test_what_lets_threads_share_their_places_waits_until_there_are_many(database: Database) -> None:
    runtime: Any = Runtime()
    upkeep(database, runtime, days=30)

    assert runtime.before_many is share_arenas


def test_a_c_library_without_that_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atilite.upkeep.ctypes", SimpleNamespace(CDLL=lambda name: SimpleNamespace()))

    assert not give_back_memory()
    assert not share_arenas()


PLACES = """
import ctypes, sys, threading
from atilite.upkeep import share_arenas
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
if sys.argv[1] == "few":
    share_arenas()
found, together = set(), threading.Barrier(12)
def take():
    together.wait()
    found.add(library.malloc(100) >> 26)  # an arena begins at a multiple of 64 MiB
    together.wait()
threads = [threading.Thread(target=take) for _ in range(12)]
for one in threads: one.start()
for one in threads: one.join()
print(len(found))
"""


@pytest.mark.row("reliability-5")
def test_threads_share_the_places_of_their_memory() -> None:
    require(hasattr(ctypes.CDLL(None), "mallopt"), "this C library has no mallopt")

    def places(how: str) -> int:
        words = [sys.executable, "-c", PLACES, how]
        return int(subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout)

    assert places("few") <= 2 < places("each")


def test_a_sweep_leaves_no_connection_behind(database: Database) -> None:
    database.writer.flush()
    counts: list[int] = []

    def sweep_apart(call: Callable[[], None]) -> None:
        apart = threading.Thread(target=lambda: (call(), counts.append(len(database.peewee.opened))))
        apart.start()
        apart.join(20)

    runtime = Runtime()
    runtime.submit = sweep_apart  # type: ignore[method-assign]
    upkeep(database, runtime, days=30)
    before = len(database.peewee.opened)
    runtime.timers.pop().call()

    assert counts == [before]
