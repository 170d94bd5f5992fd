"""Arbiters: which of several values becomes the output."""

from __future__ import annotations

from typing import Any

import pytest

from atilite.flow.arbiters import Claim, preferred, switched, trusted, weighted
from atilite.flow.library import standard
from tests.flow.playing import play

DEFAULT = Claim("none", 0.2)


@pytest.mark.row("I38")
@pytest.mark.parametrize(
    ("rule", "claims", "value"),
    [
        (switched, [Claim(1, selected=False), Claim(2, 0.0), Claim(3)], 2),
        (switched, [Claim(1, selected=False)], "none"),
        (preferred, [Claim(1, 0.9, 1), Claim(2, 0.3, 5), Claim(3, 0.2, 9), Claim(4, 0.4, 5)], 2),
        (preferred, [Claim(1, 1.0, 0.0)], "none"),
        (trusted, [Claim(1, 0.5, 9), Claim(2, 0.7, 1), Claim(3, 0.7, 2), Claim(4, 1.0, selected=False)], 3),
        (trusted, [Claim(1, 0.2)], "none"),
        (weighted, [Claim(10, 1.0, 1.0), Claim(20, 0.5, 2.0), Claim(99, selected=False)], 15.0),
        (weighted, [Claim(10, 0.1), Claim(20, 0.1)], "none"),
        (weighted, [Claim("fast"), Claim(20)], "none"),
        (weighted, [], "none"),
    ],
)  # fmt: skip
def test_an_arbiter_finds_one_claim_or_the_default(rule: Any, claims: list[Claim], value: Any) -> None:
    assert rule(claims, DEFAULT).value == value


def test_the_truth_of_a_mean_is_the_mean_of_the_truths_by_importance() -> None:
    found = weighted([Claim(10, 1.0, 1.0), Claim(20, 0.5, 2.0)], DEFAULT)
    assert found.truth == pytest.approx(2.0 / 3.0)


@pytest.mark.row("I36", "I38", "I39")
def test_a_plan_names_the_inputs_and_says_which_counts() -> None:
    script = (
        "house h\ninit .pilot.heading with 10.0\ninit .avoid.heading with 50.0\n"
        "framer f be active\nframe a\n"
        " do arbiter priority via .arbiter.heading per output .goal.heading pilot .pilot.heading avoid .avoid.heading\n"
        "frame first in a\n go b if elapsed >= 0.25\nframe b in a\n put avoid 2.0 into .arbiter.heading.inimps\n"
        " go c if elapsed >= 0.25\nframe c in a\n put avoid false into .arbiter.heading.insels\n"
        " go d if elapsed >= 0.25\nframe d in a\n put pilot 0.0 into .arbiter.heading.intruths\n"
        " go e if elapsed >= 0.25\nframe e\n bid stop me\n"
    )
    headings: list[float] = []
    for turn in play(script, standard()).turns:
        if turn.shares[".goal.heading"] not in headings[-1:]:
            headings.append(turn.shares[".goal.heading"])
    assert headings == [10.0, 50.0, 10.0, 0.0]


def test_an_input_may_be_a_value_and_one_without_a_value_is_left_out() -> None:
    script = (
        "house h\nframer f be active\nframe a\n do arbiter switch per output .out early .late with fixed 7\n"
        " bid stop me\n"
    )
    assert play(script, standard()).turns[0].shares[".out"] == 7
