"""Plans that run: in the caller's thread, in real time, in a thread of their own; and what they are asked meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from atilite.clock import Clock
from atilite.errors import FlowError
from atilite.flow.behaviors import Behaviors, described
from atilite.flow.running import Running, Wish
from atilite.flow.syntax import parse

WAIT = 30.0  # seconds; only to tell what hangs from what is slow
COUNTING = """
house h
init .n with 0
init .heat with 20.5
framer m be active first a
  frame a
    recur
      inc .n with 1
    go b if .heat > 50
    exit
      print "left a"
  frame b
    print "hot"
framer idle be inactive first i
  frame i
    print "woken"
"""


class Jumping(Clock):
    """The machine's clock, with jumps."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


def behaviors(**functions: Callable[..., Any]) -> Behaviors:
    found = Behaviors()
    for name, function in functions.items():
        found.add(described(function, name=name))
    return found


def running(script: str = COUNTING, known: Behaviors | None = None, **options: Any) -> Running:
    plan, problems = parse(script, "plan.flo")
    assert problems == []
    return Running(plan, known or Behaviors(), **options)


def turns_to(plan: Running, count: int) -> None:
    """Wait until a plan has made so many turns."""
    there = threading.Event()
    plan.after_turn(lambda: there.set() if plan.turns.count >= count else None)
    assert plan.turns.count >= count or there.wait(WAIT)


def texts(plan: Running) -> list[str]:
    said: list[str] = []
    plan.printed.listen(lambda told: said.append(told[2]))
    return said


# -- turns ------------------------------------------------------------------------------------------------------------


@pytest.mark.row("I30", "I49")
def test_two_seconds_of_real_time_are_sixteen_turns_and_cost_next_to_nothing() -> None:
    plan = running()
    plan.turn()  # what is loaded with the first turn is no cost of idling
    used, begun = time.process_time(), time.monotonic()

    plan.run_realtime(2.0)

    took = time.monotonic() - begun
    assert plan.turns.now <= 2.0
    assert plan.turns.count + plan.missed >= 17  # that of 0 is the first; more were missed if the machine stood still
    assert took >= 1.8
    assert time.process_time() - used < 0.02 * took


def test_simulated_time_ends_with_the_last_turn_at_or_before_until() -> None:
    plan = running()

    plan.run(until=1.0)

    assert (plan.turns.count, plan.turns.now) == (9, 1.0)
    assert plan.read("h", ".n") == 9


def test_a_plan_ends_when_nothing_runs_any_more() -> None:
    plan = running("house h\nframer m be active first a\n  frame a\n    timeout 0.5\n  frame b\n    bid stop me\n")

    plan.run()

    assert (plan.turns.count, plan.turns.now) == (6, 0.625)
    assert [look.status for look in plan.framers("h")] == ["stopped"]


@pytest.mark.row("I1")
def test_two_houses_share_the_turns_and_nothing_else() -> None:
    script = "house one\ninit .x with 1\n{0}house two\ninit .x with 2\n{0}"
    framer = "framer m be active first a\n  frame a\n    inc .x with 10\n    timeout 0.25\n  frame b\n    bid stop me\n"
    plan = running(script.format(framer))

    plan.write("two", ".x", {"value": 100})
    plan.run()

    assert (plan.read("one", ".x"), plan.read("two", ".x")) == (11, 110)
    assert plan.turns.count == 4


@pytest.mark.row("I1")
def test_a_bid_to_all_stops_its_own_house_only() -> None:
    plan = running(
        "house one\nframer m be active first a\n  frame a\n    bid stop all\n"
        "house two\ninit .n with 0\nframer m be active first a\n  frame a\n    recur\n      inc .n with 1\n"
    )

    plan.run(until=1.0)

    assert [look.status for house in ("one", "two") for look in plan.framers(house)] == ["stopped", "running"]


def test_a_turn_that_takes_longer_than_the_period_is_counted_and_what_it_missed_is_left_out() -> None:
    clock = Jumping()

    def slow(self: Any) -> None:
        if self.framer.turns == 2:
            clock.ahead += 100

    plan = running(
        "house h\ninit .n with 0\nframer m be active first a\n  frame a\n    do slow\n    timeout 100.5\n"
        "  frame b\n    bid stop me\n"
        "framer half at 0.5 be active first c\n  frame c\n    recur\n      inc .n with 1\n",
        behaviors(Slow=slow), clock=clock,
    )  # fmt: skip

    plan.run_realtime(100.625)

    assert plan.overruns >= 1  # a busy machine may add to them
    assert plan.missed >= 799
    assert plan.longest >= 100
    assert plan.turns.count + plan.missed == 806
    # The framer that was due 200 times meanwhile makes one turn, and goes on at its times.
    assert plan.read("h", ".n") <= 4
    assert [one.new for one in plan.transitions("h")] == [("b",)]


@pytest.mark.row("I4", "I27")
@pytest.mark.parametrize(("wishes", "turned"), [([], 9), ([Wish(0, "real", "", "", True)], 3)])
def test_a_framer_that_gets_a_period_by_a_bid_makes_up_for_nothing_in_real_time(
    wishes: list[Wish], turned: int
) -> None:
    plan = running(
        "house h\ninit .n with 0\nframer boss be active\nframe a\ntimeout 5\nframe b\nbid start w at 0.5\n"
        "framer w be inactive\nframe c\nrecur\ninc .n with 1\n", wishes=wishes,
    )  # fmt: skip
    plan.run(until=6.0)

    assert plan.read("h", ".n") == turned


def test_whether_a_plan_turns_in_real_time_is_among_what_it_was_given() -> None:
    plan = running("house h\nframer m be active\nframe a\nput 1 into .n\ncopy .meta.real into .m\nbid stop me\n")
    granted: list[Wish] = []
    plan.granted.listen(granted.append)
    plan.run_realtime(1.0)

    assert granted[0] == Wish(0, "real", "", "", True)
    assert plan.read("h", ".m") is True


def test_no_turn_is_made_behind_the_end_where_the_last_ones_were_missed() -> None:
    clock = Jumping()

    def sleep(self: Any) -> None:
        clock.ahead += 60.0

    plan = running(
        "house h\nframer m be active\nframe a\ndo sleep\n", behaviors(Sleep=sleep), clock=clock, period=0.01
    )
    plan.run_realtime(1.0)

    assert (plan.turns.count, plan.turns.now) == (1, 0.0)


@pytest.mark.row("I43")
def test_all_that_is_wrong_with_a_plan_is_told_at_once() -> None:
    with pytest.raises(FlowError) as error:
        running("house h\nframer m be active first a\n  frame a\n    go b\n    bid stop x\n")

    assert [line.partition(": ")[0] for line in str(error.value).splitlines()] == ["plan.flo:4", "plan.flo:5"]


def test_a_plan_has_a_period_above_zero() -> None:
    with pytest.raises(FlowError, match="above 0"):
        running(period=0.0)


# -- a thread of its own ----------------------------------------------------------------------------------------------


def test_a_plan_is_paused_stepped_and_resumed() -> None:
    plan = running(period=0.01)
    plan.start()
    turns_to(plan, 3)
    plan.pause()
    turned = threading.Event()
    plan.look(lambda house: None, "h")
    held = plan.turns.count + 1  # one may be under way
    plan.after_turn(lambda: turned.set() if plan.turns.count >= held + 5 else None)

    assert not turned.wait(0.2)
    plan.step(6)
    assert turned.wait(WAIT)
    stepped = plan.turns.count
    plan.resume()
    turns_to(plan, stepped + 3)

    assert plan.stop()
    assert not plan.running


def test_only_what_is_paused_is_stepped() -> None:
    with pytest.raises(FlowError, match="not paused"):
        running().step()


def test_a_stopped_plan_exits_its_frames_bottom_up_and_at_once() -> None:
    plan = running(
        'house h\nframer m be active first low\n  frame high\n    exit\n      print "high"\n'
        '  frame low in high\n    exit\n      print "low"\n', period=60.0,
    )  # fmt: skip
    said = texts(plan)
    plan.start()
    turns_to(plan, 1)

    assert plan.stop(WAIT)
    assert said == ["low", "high"]
    assert [(look.status, look.outline) for look in plan.framers("h")] == [("stopped", ())]


def test_a_paused_plan_is_stopped_too() -> None:
    plan = running()
    plan.start()
    plan.pause()

    assert plan.stop(WAIT)


# -- asking from outside ----------------------------------------------------------------------------------------------


def test_a_write_is_done_at_the_beginning_of_the_next_turn() -> None:
    plan = running()
    plan.turn()

    plan.write("h", ".heat", {"value": 60})
    assert plan.read("h", ".heat") == 20.5
    plan.turn()

    assert plan.read("h", ".heat") == 60
    assert [(one.stamp, one.old, one.new) for one in plan.transitions("h")] == [(0.125, ("a",), ("b",))]


def test_a_bid_is_done_at_the_beginning_of_the_next_turn() -> None:
    plan = running()
    said = texts(plan)
    plan.turn()

    plan.bid("h", "idle", "start")
    plan.bid("h", "m", "stop")
    assert said == []
    plan.turn()

    assert said == ["left a", "woken"]


def test_what_was_granted_is_told_with_its_turn() -> None:
    plan = running()
    granted: list[Wish] = []
    plan.granted.listen(granted.append)
    plan.turn()
    plan.write("h", ".heat", {"value": 60})
    plan.turn()
    plan.bid("h", "idle", "start")
    plan.turn()

    assert granted == [Wish(1, "write", "h", ".heat", {"value": 60}), Wish(2, "bid", "h", "idle", "start")]


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda plan: plan.bid("h", "idel", "start"), "there is no framer idel .*did you mean idle"),
        (lambda plan: plan.bid("h", "idle", "begin"), "begin is no control"),
        (lambda plan: plan.bid("j", "idle", "start"), "there is no house j"),
        (lambda plan: plan.write("h", ".heet", {"value": 1}), "there is no share .heet .*did you mean .heat"),
        (lambda plan: plan.write("h", ".heat", {"degrees": 1}), "no field degrees"),
        (lambda plan: plan.read("h", ".heet"), "there is no share .heet"),
    ],
)
def test_who_asks_for_what_is_not_there_is_told_so(ask: Callable[[Running], object], told: str) -> None:
    with pytest.raises(FlowError, match=told):
        ask(running())


def test_a_reader_sees_whole_turns_only() -> None:
    plan = running(
        "house h\ninit .a with 0\ninit .b with 0\nframer m be active first f\n  frame f\n    recur\n"
        "      inc .a with 1\n      do linger\n      inc .b with 1\n",
        behaviors(Linger=lambda self: sum(range(2000))), period=0.0001,
    )  # fmt: skip
    plan.start()
    turns_to(plan, 2)

    seen, moment = list[dict[str, Any]](), threading.Event()
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline and len({one[".a"]["value"] for one in seen}) < 20:
        seen.append(plan.snapshot("h"))
        moment.wait(0.0005)  # who looks without a pause may keep the plan from turning on a busy machine

    plan.stop(WAIT)
    assert [one for one in seen if one[".a"] != one[".b"]] == []
    assert seen[-1][".a"]["value"] >= seen[0][".a"]["value"] + 19


def test_who_is_told_of_something_in_a_turn_may_look_meanwhile() -> None:
    plan = running()
    seen: list[Any] = []
    plan.moved.listen(lambda moved: seen.append((moved.transition.new, plan.read("h", ".heat"))))
    plan.write("h", ".heat", {"value": 60})
    turning = threading.Thread(target=plan.run, args=(0.125,), daemon=True)
    turning.start()
    turning.join(20.0)

    assert not turning.is_alive()
    assert seen == [(("b",), 60)]


# -- faults -----------------------------------------------------------------------------------------------------------


def broken(self: Any) -> None:
    raise ValueError("no such thing")


def test_a_behaviour_that_fails_stops_its_framer_and_is_told_with_its_line() -> None:
    script = "house h\nframer m be active first a\n  frame a\n    go b if elapsed >= 0.25\n  frame b\n    do broken\n"
    plan = running(script, behaviors(Broken=broken))
    faults: list[tuple[str, str, str]] = []
    plan.faulted.listen(faults.append)

    plan.run()

    assert plan.failure == "framer m in frame b, line 6: ValueError: no such thing"
    assert faults == [("h", "m", plan.failure)]
    (look,) = plan.framers("h")
    assert (look.status, look.fault) == ("stopped", "ValueError: no such thing")


def test_the_engine_itself_that_fails_ends_the_plan_and_not_silently(caplog: pytest.LogCaptureFixture) -> None:
    plan = running(period=0.01)

    def fail() -> None:
        raise RuntimeError("out of order")

    plan.after_turn(fail)
    plan.start()
    assert plan._thread is not None
    plan._thread.join(WAIT)

    assert "engine" in plan.failure
    assert "out of order" in caplog.text
