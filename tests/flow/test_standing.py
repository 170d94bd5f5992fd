"""Shares that every house has."""

from __future__ import annotations

import pytest

from atilite.flow.building import build
from atilite.flow.syntax import parse
from atilite.flow.turns import Turns
from atilite.testing.clock import FakeClock
from tests.flow.playing import NoBehaviors, play

SCRIPT = (
    "house h\nframer f be active\nframe a\n recur\n copy {0} into .out\n native\n go b if elapsed >= 0.5\nframe b\n"
    " bid stop me\n"
)


@pytest.mark.row("I35")
@pytest.mark.parametrize(
    ("source", "values"),
    [
        (".time", [0.0, 0.125, 0.25]), ("state.elapsed of framer", [0.0, 0.125, 0.25]),
        (".framer.f.state.recurred", [0, 1, 2]), (".framer.f.state.active", ["a"] * 3),
        ("state.human of framer", ["<a>"] * 3), (".meta.name", ["h"] * 3), (".meta.plan", ["plan.flo"] * 3),
        (".meta.filepath", ["plan.flo"] * 3), (".meta.period", [0.125] * 3), (".meta.real", [False] * 3),
        (".meta.failure", [""] * 3),
    ],
)  # fmt: skip
def test_what_is_known_of_the_plan_is_there_as_a_share(source: str, values: list[object]) -> None:
    played = play(SCRIPT.format(source))
    assert [turn.shares[".out"] for turn in played.turns[:3]] == values


@pytest.mark.row("I35")
def test_the_time_of_the_world_is_that_of_the_clock() -> None:
    script = (
        "house h\nframer f be active\nframe a\n copy .realtime into .now\n"
        " copy year month day minute in .datetime into .date\n"
        " copy .meta.name into iso in .text\n copy iso in .datetime into iso in .text\n"
    )
    plan, _ = parse(script, "plan.flo")
    house, problems = build(plan.houses["h"], NoBehaviors())
    assert problems == []
    house.clock = FakeClock()
    Turns([house]).turn()
    now = house.clock.now()
    assert house.store.share(".now").value == house.clock.time()
    expected = {"year": now.year, "month": now.month, "day": now.day, "minute": now.minute}
    assert house.store.share(".date").shown == expected
    assert str(house.store.share(".text")["iso"]).startswith(f"{now.year}-")


@pytest.mark.row("I35")
def test_writing_to_one_of_them_has_no_effect_and_what_no_plan_names_is_not_in_a_snapshot() -> None:
    writes = "recur\n put 99 into .time\n put 7 into .framer.f.state.elapsed\n"
    played = play(SCRIPT.format(".time").replace("recur\n", writes, 1))
    assert [turn.shares[".out"] for turn in played.turns[:3]] == [0.0, 0.125, 0.25]
    assert played.moves() == [(0.5, "b")]
    assert ".realtime" not in played.house.store.snapshot()
    assert played.house.store.find(".realtime") is not None


@pytest.mark.row("I35")
def test_a_need_can_ask_for_the_time() -> None:
    script = "house h\nframer f be active\nframe a\n go b if .time >= 0.375\nframe b\n bid stop me\n"
    assert play(script).moves() == [(0.375, "b")]
