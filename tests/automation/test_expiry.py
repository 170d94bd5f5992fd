"""Keys go when their time is over: told to whoever watches, by one timer, and at no cost where no key has a time."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from atilite.automation.engine import Automation
from atilite.automation.expiry import AGAIN, LONGEST, PAUSE, STEP, Expiry
from atilite.automation.watches import Change
from atilite.errors import StoreFull
from atilite.runtime.engine import Runtime
from atilite.store.database import Database
from atilite.store.kv import KV
from atilite.testing.clock import FakeClock

PATIENCE = 20.0


class Timer:
    """A call that the test makes when its time has come."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self.seconds, self.call, self.cancelled = seconds, call, False

    def cancel(self) -> None:
        self.cancelled = True


class Board:
    """A database whose clock and timers are the test's."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock(1_700_000_000.0)
        self.database = Database.open(f"sqlite:///{folder}/data.db", clock=self.clock)
        self.kv = self.database.part(KV)
        self.timers: list[Timer] = []
        self.told: list[tuple[str, ...]] = []
        self.kv.changed.listen(lambda changed: self.told.append(changed.keys) if changed.expired else None)

    @property
    def loop(self) -> Board:
        return self

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(seconds, call))
        return self.timers[-1]

    def begin(self) -> None:
        self.database.part(Expiry, cast(Runtime, self))

    def set(self, ttl: float | None, *keys: str) -> None:
        self.kv.set("default", dict.fromkeys(keys, 1), ttl=ttl)
        self.database.writer.flush()

    @property
    def waiting(self) -> list[float]:
        """The seconds of the timers that were set and not cancelled."""
        return [round(timer.seconds, 2) for timer in self.timers if not timer.cancelled]

    def go_on(self) -> None:
        """Let time pass up to the timer, and let that go off."""
        (timer,) = [timer for timer in self.timers if not timer.cancelled]
        self.timers.clear()
        self.clock.advance(timer.seconds)
        timer.call()
        for _ in range(30):
            self.database.writer.flush()


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    made = Board(tmp_path)
    yield made
    made.database.close()


@pytest.mark.row("M17")
def test_who_watches_a_key_hears_that_its_time_is_over(automation: Automation) -> None:
    with automation.kv.watch("pump").subscribe() as changes:
        automation.kv.put("pump", "on", ttl=0.05).fetch(PATIENCE)
        assert changes.get(timeout=PATIENCE) == Change("default", "pump", "on")
        assert changes.get(timeout=PATIENCE) == Change("default", "pump", None, removed=True, expired=True)
    assert automation.storage.database.connection().execute("SELECT count(*) FROM kv").fetchone() == (0,)


def test_a_key_of_an_earlier_process_is_told_too(make: Callable[..., Automation]) -> None:
    before = make("app", file="other.db")
    before.storage.database.part(KV).set("default", {"pump": 1}, ttl=0.05)
    before.storage.database.writer.flush()
    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
    later = make("later", file="other.db")
    later.kv.watch()(heard.put)
    assert later.storage.database.owned

    assert heard.get(timeout=PATIENCE).expired


@pytest.mark.row("M17")
def test_where_no_key_has_a_time_there_is_no_timer(board: Board) -> None:
    board.begin()
    board.set(None, "a", "b")
    board.kv.remove("default", "a")
    board.database.writer.flush()

    assert board.waiting == []


def test_the_timer_waits_for_the_first_and_is_moved_only_for_an_earlier_one(board: Board) -> None:
    board.begin()
    board.set(60, "a")
    board.set(90, "b")
    board.set(60, "a")
    assert board.waiting == [60.0]
    board.set(30, "c")
    assert board.waiting == [30.0]

    board.go_on()
    assert (board.told, board.waiting) == ([("c",)], [30.0])
    board.go_on()
    assert (board.told[1:], board.waiting) == ([("a",)], [30.0])
    board.go_on()
    assert (board.told[2:], board.waiting) == ([("b",)], [])


def test_a_time_that_is_set_or_taken_away_later_counts(board: Board) -> None:
    board.begin()
    board.set(None, "a", "b")
    board.kv.expire("default", "a", 10)
    board.kv.replace("default", "b", 2, 1, ttl=20)
    board.kv.expire("default", "nothing", 5)
    board.database.writer.flush()
    assert board.waiting == [10.0]
    board.kv.expire("default", "a", None)
    board.go_on()
    assert (board.told, board.waiting) == ([], [10.0])
    board.go_on()
    assert board.told == [("b",)]


@pytest.mark.row("M17")
def test_ten_thousand_keys_that_end_one_after_the_other_cost_a_transaction_a_second(board: Board) -> None:
    board.begin()
    for second in range(10):
        for number in range(100):
            values = {f"{second}.{number}.{one}": 1 for one in range(10)}
            board.kv.set("default", values, ttl=100 + second + number / 100)
    board.database.writer.flush()
    assert len(board.timers) == 1, "setting the later ones moves nothing"
    begin, turns = board.clock.monotonic(), 0
    while board.waiting:
        board.go_on()
        turns += 1

    assert sum(map(len, board.told)) == 10_000
    assert turns <= board.clock.monotonic() - begin - 100 + 3


def test_many_that_end_together_go_in_steps_at_once(board: Board) -> None:
    board.begin()
    board.set(5, *(f"k{number}" for number in range(2 * STEP + 1)))
    board.go_on()

    assert [len(keys) for keys in board.told] == [STEP, STEP, 1]
    assert board.waiting == []


def test_after_a_removal_the_next_comes_a_moment_later(board: Board) -> None:
    board.begin()
    board.set(5, "a")
    board.set(5.1, "b")
    board.go_on()
    assert board.waiting == [PAUSE]
    board.set(0.2, "c")
    assert board.waiting == [PAUSE]
    board.go_on()
    assert [sorted(keys) for keys in board.told] == [["a"], ["b", "c"]]


def test_a_far_time_is_looked_at_within_an_hour_because_the_clock_may_be_set(board: Board) -> None:
    board.begin()
    board.set(10 * LONGEST, "a")
    assert board.waiting == [LONGEST]
    board.go_on()
    board.clock.set(board.clock.time() + 8.5 * LONGEST)
    assert board.waiting == [LONGEST]
    board.go_on()
    assert board.told == [("a",)]


def test_a_key_that_was_set_anew_meanwhile_stays(board: Board) -> None:
    board.begin()
    board.set(5, "a")
    board.clock.advance(6)
    board.set(60, "a")
    (timer,) = board.timers
    board.timers.clear()
    timer.call()
    board.database.writer.flush()

    assert (board.told, board.kv.get("default", "a"), board.waiting) == ([], 1, [60.0])


def test_a_disk_that_is_full_is_tried_again_and_a_closed_database_is_not(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.begin()
    board.set(5, "a")
    with monkeypatch.context() as patched:
        patched.setattr(KV, "forget_expired", lambda self, most, done: done(None, StoreFull("no room")))
        board.go_on()
    assert board.waiting == [round(AGAIN, 2)]
    (timer,) = board.timers
    board.database.close()
    timer.call()
    assert board.waiting == [round(AGAIN, 2)], "no further timer"


def test_a_database_of_another_process_is_left_to_that(board: Board, tmp_path: Path) -> None:
    board.set(5, "a")
    with Database.open(f"sqlite:///{tmp_path}/data.db", readonly=True) as beside:
        beside.part(Expiry, cast(Runtime, board))
        assert board.waiting == []
