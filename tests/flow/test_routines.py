"""What generators wait for in the words of a script."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from atilite.flow import Plan, until


def plan_of(condition: str) -> tuple[Plan, list[float]]:
    """A plan that waits twice, and the times at which it went on."""
    plan, went = Plan("h"), list[float]()
    plan.init(".n", 0)
    plan.init(".ok", False)

    @plan.framer(active=True)
    def counter(self: Any) -> Iterator[Any]:
        for number in range(20):
            if number % 4 == 0:
                self[".n"] = number // 8
            self[".ok"] = number >= 10
            yield

    @plan.framer(active=True)
    def waiter(self: Any) -> Iterator[Any]:
        for _ in range(2):
            yield until(condition)
            went.append(self.store.stamp)

    return plan, went


@pytest.mark.row("I19")
@pytest.mark.parametrize(
    ("condition", "times"),
    [
        (".n is updated", [0.5, 1.0]),
        (".n is changed", [1.0, 2.0]),
        (".n >= 1 and .ok", [1.25, 1.375]),
        ("not .ok and .n == 1", [1.0, 1.125]),
    ],
)
def test_a_wait_holds_until_all_its_needs_do_since_it_began(condition: str, times: list[float]) -> None:
    plan, went = plan_of(condition)
    plan.running().run(until=5.0)

    assert went == times


@pytest.mark.row("I43")
def test_a_wait_that_is_no_need_fails_with_what_is_wrong_in_it() -> None:
    plan, went = plan_of(".n >= 1 or .ok")
    running = plan.running()
    running.run(until=5.0)

    assert "until: or .ok is more than it takes" in running.failure
    assert went == []
