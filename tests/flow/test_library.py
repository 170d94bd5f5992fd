"""What every plan may name."""

from __future__ import annotations

import pytest

from atilite.flow.behaviors import Behaviors
from atilite.flow.library import standard
from atilite.flow.paths import split_name
from tests.flow.playing import play, problems_of

SCRIPT = "house h\nframer f be active\nframe a\n do {}\n go b if elapsed >= 0.5\nframe b\n bid stop me\n"


@pytest.mark.row("I38")
@pytest.mark.parametrize("name", sorted(standard()))
def test_each_behaviour_of_the_library_acts_in_a_plan_that_says_nothing_else(name: str) -> None:
    played = play(SCRIPT.format(" ".join(split_name(name))), standard())
    assert played.of("fault") == []
    assert played.moves() == [(0.5, "b")]


@pytest.mark.row("I36")
def test_where_a_behaviour_is_still_to_come_its_shares_are_made_and_nothing_is_done() -> None:
    shares = play(SCRIPT.format("doer param via .boat per color red with speed 3"), standard()).house.store
    assert shares.find(".boat.red") is not None


def test_the_library_is_each_plan_s_own() -> None:
    one = standard()
    one.add(standard()["ArbiterSwitch"].__class__("Mine", lambda: None))
    assert "Mine" not in standard()
    assert isinstance(one, Behaviors)


@pytest.mark.row("I43")
def test_a_kind_that_is_misspelt_is_told_with_the_nearest() -> None:
    (problem,) = problems_of(SCRIPT.format("simulator motion uvv"), standard())
    assert "did you mean simulator motion uuv?" in problem
