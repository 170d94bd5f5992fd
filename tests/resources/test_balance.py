"""Which member gets the next call."""

from __future__ import annotations

from collections import Counter

import pytest

from atilite.resources.balance import Balance, to_all
from atilite.runtime.outcome import STA_NORMAL, STA_REQFAIL
from atilite.runtime.promise import Promise
from atilite.runtime.task import Task
from atilite.testing.clock import FakeClock


def balance(clock: FakeClock | None = None, **weights: int) -> Balance[str]:
    return Balance(list(weights.items()), clock or FakeClock())


@pytest.mark.row("A147")
def test_weights_share_the_calls_out_evenly_spread() -> None:
    chooser = balance(a=20, b=10)
    chosen = [chooser.pick() for _ in range(30)]
    assert Counter(chosen) == {"a": 20, "b": 10}
    assert all(set(chosen[start : start + 3]) == {"a", "b"} for start in range(0, 30, 3))


@pytest.mark.row("A147")
def test_a_member_that_failed_is_avoided_then_tried_once_and_comes_back() -> None:
    clock = FakeClock()
    chooser = balance(clock, a=1, b=1)
    chooser.failed("a")
    assert chooser.resting == ["a"]
    assert {chooser.pick() for _ in range(5)} == {"b"}
    clock.advance(1.1)
    assert Counter(chooser.pick() for _ in range(6))["a"] == 1
    chooser.worked("a")
    assert Counter(chooser.pick() for _ in range(10))["a"] == 5


@pytest.mark.row("A147")
def test_the_rest_of_a_member_grows_with_its_failures_to_half_a_minute() -> None:
    clock = FakeClock()
    chooser = balance(clock, a=1, b=1)
    rests = []
    for _ in range(8):
        chooser.failed("a")
        before = clock.monotonic()
        while "a" in chooser.resting:
            clock.advance(0.5)
        rests.append(clock.monotonic() - before)
    assert rests == [1, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.row("A147")
def test_if_all_rest_the_one_that_rests_least_is_tried() -> None:
    clock = FakeClock()
    chooser = balance(clock, a=1, b=1)
    chooser.failed("a")
    clock.advance(0.1)
    chooser.failed("b")
    assert chooser.pick() == "a"
    assert chooser.pick(tried=["a"]) == "b"


def test_one_that_was_tried_is_left_out_as_long_as_there_is_another() -> None:
    chooser = balance(a=100, b=1)
    assert {chooser.pick(tried=["a"]) for _ in range(5)} == {"b"}
    assert chooser.pick(tried=["a", "b"]) in ("a", "b")


def test_there_is_nothing_to_choose_from_nobody() -> None:
    with pytest.raises(ValueError, match="nothing"):
        Balance([])


@pytest.mark.row("A147")
def test_a_request_of_all_tells_how_each_went() -> None:
    def start(member: str) -> Task:
        return Task(Promise.failed(ValueError("no")) if member == "b" else Promise.completed(member))

    task = to_all(["a", "b", "c"], start)
    first, second, third = task.dispatch()
    assert (first.status, first.data, third.data) == (STA_NORMAL, "a", "c")
    assert (second.status, second.data, str(second.expt)) == (STA_REQFAIL, None, "no")
    with pytest.raises(ValueError, match="no"):
        task.fetch()
    assert to_all(["a", "c"], start).fetch() == ["a", "c"]
