"""What becomes of framers whose behaviours fail, slaves and auxiliaries too, and what is a failure of the plan."""

from __future__ import annotations

import pytest

from atilite.flow.behaviors import Behaviors, described
from atilite.flow.building import build
from atilite.flow.running import Running
from atilite.flow.syntax import parse
from tests.flow.playing import Played, play

SLAVE = """
house h
framer main be active
  frame top
    start s
    run s
    timeout 1
  frame end
    print "main ends"
    bid stop me
framer s be slave {policy}
  frame one
    go two
  frame two
    do broken
    exit
      print "left two"
  frame safe
    print "safe"
"""
AUXILIARY = """
house h
framer main be active {policy}
  frame top
    aux helper
    exit
      print "left top"
  frame safe
    print "safe"
    bid stop me
framer helper be {kind}
  frame help
    do broken
    exit
      print "left help"
  frame other
"""


@pytest.fixture
def known() -> Behaviors:
    def broken() -> None:
        raise ValueError("no such pump")

    found = Behaviors()
    found.add(described(broken))
    return found


def texts(played: Played) -> list[str]:
    return [facts["text"] for _, _, facts in played.of("print")]


@pytest.mark.row("I24")
def test_a_slave_that_fails_leaves_its_frames_and_its_master_goes_on(known: Behaviors) -> None:
    played = play(SLAVE.format(policy=""), known)

    assert texts(played) == ["left two", "main ends"]
    assert len(played.of("fault")) == 1
    assert [who for _, who, _ in played.of("stop")] == ["s", "main"]


@pytest.mark.row("I24")
def test_a_slave_that_fails_goes_to_the_frame_that_is_named_for_that(known: Behaviors) -> None:
    played = play(SLAVE.format(policy="on fault safe"), known)

    assert texts(played) == ["left two", "safe", "main ends"]


@pytest.mark.row("I21")
@pytest.mark.parametrize(("policy", "last"), [("", []), ("on fault safe", ["safe"])])
def test_an_auxiliary_that_fails_fails_the_framer_that_runs_it(known: Behaviors, policy: str, last: list[str]) -> None:
    played = play(AUXILIARY.format(policy=policy, kind="aux"), known)

    assert texts(played) == ["left help", "left top", *last]
    went = [(facts["from"], facts["to"], facts["by"], facts["cause"]) for _, _, facts in played.of("transition")]
    assert went == [(["top"], ["safe"], "top", "on fault safe")] * len(last)


@pytest.mark.row("I43")
@pytest.mark.parametrize("kind", ["aux", "moot"])
def test_what_fails_with_who_runs_it_can_go_nowhere_itself(known: Behaviors, kind: str) -> None:
    script = AUXILIARY.format(policy="", kind=f"{kind} on fault other")
    plan, _ = parse(script.replace("aux helper", "aux helper as mine") if kind == "moot" else script, "plan.flo")
    _, problems = build(plan.houses["h"], known)

    assert [(one.place.line, one.message.partition(":")[0]) for one in problems] == [
        (11, f"framer helper is {kind} and fails with who runs it")
    ]


@pytest.mark.row("I43")
@pytest.mark.parametrize(
    ("policy", "failure", "fallen"),
    [
        ("", "framer helper in frame help, line 13: ValueError: no such pump", ["helper"]),
        ("on fault safe", "", []),
        ("on fault ignore", "framer helper in frame help, line 13: ValueError: no such pump", ["helper"]),
    ],
)
def test_a_plan_has_failed_where_nothing_in_it_settles_a_fault(
    known: Behaviors, policy: str, failure: str, fallen: list[str]
) -> None:
    plan, _ = parse(AUXILIARY.format(policy=policy, kind="aux"), "plan.flo")
    running = Running(plan, known)
    running.run(until=2.0)

    assert running.failure == failure
    assert [look.name for look in running.framers("h") if look.fallen] == fallen


def test_a_frame_for_faults_that_fails_too_ends_its_framer(known: Behaviors) -> None:
    script = "house h\nframer f be active on fault safe\nframe a\ndo broken\nframe safe\ndo broken\n"
    plan, _ = parse(script, "plan.flo")
    running = Running(plan, known)
    running.run(until=2.0)

    assert "in frame safe, line 6" in running.failure
    assert [(look.status, look.fallen) for look in running.framers("h")] == [("stopped", True)]
