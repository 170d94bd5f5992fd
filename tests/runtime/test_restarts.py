"""Restart policy: a table of ends and what follows from them."""

from __future__ import annotations

from typing import Any

import pytest

from atilite.errors import SetupError
from atilite.runtime.restarts import RestartPolicy, Verdict


@pytest.mark.parametrize(
    ("restart", "failed", "action"),
    [
        ("always", True, "restart"),
        ("always", False, "restart"),
        ("on_failure", True, "restart"),
        ("on_failure", False, "leave"),
        ("never", True, "give_up"),
        ("never", False, "leave"),
    ],
)
@pytest.mark.row("B27")
def test_restart_by_the_kind_of_end(restart: Any, failed: bool, action: str) -> None:
    verdict = RestartPolicy(restart=restart).judge(failed=failed, streak=int(failed), restarts=(), now=0)

    assert verdict.action == action


def test_delays_grow_with_each_failure_in_a_row_up_to_a_limit() -> None:
    policy = RestartPolicy(delay=3, factor=2, max_delay=20)

    assert [policy.pause(streak) for streak in (0, 1, 2, 3, 4, 1000)] == [3, 3, 6, 12, 20, 20]


def test_a_delay_longer_than_the_limit_is_kept() -> None:
    assert RestartPolicy(delay=100).pause(5) == 100


@pytest.mark.parametrize(
    ("moments", "now", "action"),
    [
        ((), 100.0, "restart"),
        ((95.0,), 100.0, "restart"),
        ((95.0, 99.0), 100.0, "give_up"),
        ((89.0, 99.0), 100.0, "restart"),  # the first one is out of the window
        ((1.0, 2.0, 3.0), 100.0, "restart"),
    ],
)
def test_it_is_given_up_after_so_many_restarts_within_the_window(
    moments: tuple[float, ...], now: float, action: str
) -> None:
    policy = RestartPolicy(max_restarts=2, within=10)

    assert policy.judge(failed=True, streak=1, restarts=moments, now=now).action == action


def test_without_a_limit_it_is_never_given_up() -> None:
    assert RestartPolicy().judge(failed=True, streak=10**6, restarts=[0.0] * 1000, now=0) == Verdict("restart", 60)


def test_no_restart_at_all_is_a_limit_too() -> None:
    assert RestartPolicy(max_restarts=0).judge(failed=True, streak=1, restarts=(), now=0).action == "give_up"


@pytest.mark.parametrize(
    "fault", [{"restart": "sometimes"}, {"delay": -1}, {"within": -1}, {"max_restarts": -1}, {"factor": 0.5}]
)
def test_a_policy_that_makes_no_sense_cannot_be_made(fault: dict[str, Any]) -> None:
    with pytest.raises(SetupError):
        RestartPolicy(**fault)
