"""What fails in a turn ends its own framer, with the exits of all its frames, and no other."""

from __future__ import annotations

from typing import Any

import pytest

from atilite.flow.behaviors import Behaviors, described
from atilite.flow.building import build
from atilite.flow.syntax import parse
from atilite.flow.turns import Turns
from tests.flow.playing import play, problems_of

OTHER = "framer other be active first o\n  frame o\n    timeout 1\n  frame p\n    bid stop all\n"


def broken(self: Any) -> None:
    raise ValueError("no such thing")


@pytest.fixture
def known() -> Behaviors:
    found = Behaviors()
    found.add(described(broken, name="Broken"))
    return found


@pytest.mark.parametrize(
    ("act", "error"),
    [
        ("inc .text with 1", "can only concatenate str"),
        ("inc .two with x 1 y 2", "can only concatenate str"),
        ("inc .text from .one", "can only concatenate str"),
        ("bid start other at .text", "could not convert string to float"),
    ],
)
def test_data_of_another_kind_is_a_fault_with_its_line(act: str, error: str) -> None:
    script = 'house h\ninit .text with "x"\ninit .one with 1\ninit .two with x "x" y 2\n'
    played = play(script + f"framer m be active first a\n  frame a\n    {act}\n{OTHER}")

    ((stamp, framer, facts),) = played.of("fault")
    assert (stamp, framer, facts["frame"], facts["line"]) == (0.0, "m", "a", 7)
    assert error in facts["error"]
    assert [who for _, who, _ in played.of("stop")] == ["m", "other"]
    assert played.turns[-1].stamp == 1.125


def test_a_framer_that_ignores_faults_goes_on_with_the_next_act(known: Behaviors) -> None:
    script = 'house h\ninit .text with "x"\nframer m be active first a\n  frame a\n'
    plan, _ = parse(script + "    inc .text with 1\n    put 1 into .n\n", "plan.flo")
    plan.houses["h"].framers["m"].on_fault = "ignore"
    house, _ = build(plan.houses["h"], known)

    Turns([house]).turn()

    assert house.store.share(".n").value == 1
    assert house.framers["m"].alive


def test_an_exit_that_fails_keeps_no_other_from_being_made(known: Behaviors) -> None:
    script = (
        'house h\nframer m be active first low\n  frame high\n    exit\n      print "high"\n'
        "  frame low in high\n    aux helper\n    do broken at exit\n    bid stop me\n"
        'framer helper be aux first s\n  frame s\n    exit\n      print "helper"\n'
    )

    played = play(script, known, limit=10)

    assert [facts["text"] for _, _, facts in played.of("print")] == ["helper", "high"]
    assert [(facts["frame"], facts["line"]) for _, _, facts in played.of("fault")] == [("low", 8)]
    assert played.house.framers["helper"].main is None
    assert len(played.turns) == 2


OUTLINES = """
house h
framer m be active first old {policy}
  frame high
    exit
      print "high"
    frame old in high
      go low
      exit
        print "old"
        {exit}
  frame top
    enter
      {enter}
    exit
      print "top"
    frame low in top
      enter
        {below}
      exit
        print "low"
      bid stop me
  frame safe
    print "safe"
    bid stop me
"""


@pytest.mark.row("I12")
@pytest.mark.parametrize(
    ("where", "left"),
    [("exit", ["old", "high"]), ("enter", ["old", "high", "top"]), ("below", ["old", "high", "low", "top"])],
)
@pytest.mark.parametrize(("policy", "then"), [("", []), ("on fault safe", ["safe"])])
def test_what_fails_in_a_transition_leaves_each_frame_once_and_none_that_was_not_entered(
    known: Behaviors, where: str, left: list[str], policy: str, then: list[str]
) -> None:
    acts = {
        "exit": "",
        "enter": "",
        "below": "",
        where: "do broken at enter" if where != "exit" else "do broken at exit",
    }

    played = play(OUTLINES.format(policy=policy, **acts), known, limit=10)

    assert [facts["text"] for _, _, facts in played.of("print")] == left + then
    assert len(played.of("fault")) == 1


def test_a_framer_that_fails_while_it_starts_leaves_only_what_it_has_entered(known: Behaviors) -> None:
    script = OUTLINES.format(policy="", exit="", enter="do broken at enter", below="").replace("first old", "first low")

    played = play(script, known, limit=10)

    assert [facts["text"] for _, _, facts in played.of("print")] == ["top"]


def test_a_slave_that_is_moved_by_its_own_acts_stays_as_it_is() -> None:
    script = (
        "house h\nframer m be active first a\n  frame a\n    start s\n    timeout 0.25\n  frame b\n    stop s\n"
        "    timeout 0.25\n  frame c\n    bid stop me\n"
        "framer s be slave first x\n  frame x\n    start s\n    exit\n      stop s\n      start other\n"
        "framer other be slave first y\n  frame y\n    stop s\n    exit\n      stop s\n"
    )

    played = play(script, limit=20)

    assert played.of("fault") == []
    assert played.house.framers["s"].status == "stopped"


def test_a_framer_that_cannot_have_its_shares_is_told_as_an_error() -> None:
    assert problems_of("house h\ninit .framer with 1\nframer m\n  frame a\n    print x\n") == [
        "plan.flo:3: .framer is a share, so nothing can be below it: framer m"
    ]
