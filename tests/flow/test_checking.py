"""What a check of a plan tells that nothing of it has to run for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from atilite.flow.behaviors import Behaviors, described
from atilite.flow.checking import Verdict, check
from atilite.flow.model import Call
from atilite.flow.plan import Plan
from atilite.flow.syntax import parse
from tests.flow.playing import play


def checked(script: str, known: Behaviors | None = None) -> Verdict:
    plan, problems = parse(script, "plan.flo")
    return check(plan, known or Behaviors(), problems)


def errors(script: str, known: Behaviors | None = None) -> list[str]:
    return [str(problem) for problem in checked(script, known).errors]


def warnings(script: str) -> list[str]:
    verdict = checked(script)
    assert verdict.errors == []
    return [f"{problem.place.line}: {problem.message}" for problem in verdict.warnings]


FRAMER = "house h\nframer m be active first a\n  frame a\n"


@pytest.mark.row("I43")
def test_all_errors_are_told_in_the_order_of_the_lines() -> None:
    script = FRAMER + "    go nowhere\n    prnt x\n    bid stop ghost\n    inc .n with 1\n"

    assert [line.split(":")[1] for line in errors(script)] == ["4", "5", "6", "7"]


def test_a_share_that_nothing_sets_is_not_counted_up() -> None:
    script = FRAMER + "    inc .n with 1\n    bid stop me\n"

    assert errors(script) == [
        "plan.flo:4: inc: nothing ever sets .n; give it a first value, as in: init .n with 0: inc .n with 1"
    ]


@pytest.mark.parametrize(
    "script",
    [
        "house h\ninit .n with 0\nframer m be active first a\n  frame a\n    inc .n with 1\n",
        FRAMER + "    inc .n with 1\n    exit\n      put 0 into .n\n",
        FRAMER + "    inc .goal.n with 1\n    set n to 0\n",
        FRAMER + "    put 1 into .m\n    copy .m into .n\n    inc .n with 1\n",
        FRAMER + "    inc n of framer with 1\n    put 0 into .framer.m.n\n",
        FRAMER + "    inc .n with 1\n    do zero\n",
    ],
)
def test_what_anything_sets_may_be_counted_up(script: str) -> None:
    known = Behaviors()
    known.add(described(lambda n: None, name="Zero", ioinits={"n": ".n"}))

    assert errors(script, known) == []


def test_a_plan_with_functions_of_python_may_count_what_they_set() -> None:
    plan, _ = parse(FRAMER + "    inc .n with 1\n    print x\n", "plan.flo")
    lines = plan.houses["h"].framers["m"].frames["a"].lines
    lines.append(lines[0].__class__("enter", Call(lambda view: None)))

    assert check(plan, Behaviors()).errors == []


def test_a_line_that_is_wrong_and_might_have_set_the_share_is_told_alone() -> None:
    assert [line.split(":")[1] for line in errors(FRAMER + "    put into .n\n    inc .n with 1\n")] == ["4"]


def test_a_frame_that_no_transition_leads_to_is_told() -> None:
    script = FRAMER + "    go c\n  frame b\n    go c\n  frame c\n    bid stop me\n"

    assert warnings(script) == ["5: frame b is never entered: no transition leads to it"]


def test_frames_over_and_under_what_is_entered_are_entered() -> None:
    script = FRAMER + "    go low\n  frame high\n    bid stop me\n  frame low in high\n  frame lower in low\n"

    assert warnings(script) == []


def test_a_frame_that_nothing_leaves_is_told() -> None:
    assert warnings(FRAMER + "    timeout 1\n  frame b\n    print here\n") == [
        "5: frame b is never left: no transition leads out of it, and nothing stops framer m"
    ]


@pytest.mark.parametrize(
    "more",
    [
        "    bid stop me\n",
        "    bid stop all\n",
        "    bid abort m\n",
        "    go me if elapsed >= 1\n",
        "framer boss be active first x\n  frame x\n    bid stop m\n    bid stop me\n",
    ],
)
def test_a_frame_that_something_ends_may_have_no_transition(more: str) -> None:
    assert warnings(FRAMER + more) == []


@pytest.mark.parametrize(
    ("folder", "where"), [("/tmp/log/", "that is the folder tmp/log/ in it"), ("~", "that is the folder itself")]
)
def test_a_folder_of_logs_that_is_taken_elsewhere_than_it_says_is_told(folder: str, where: str) -> None:
    script = FRAMER + f"    put 1 into .n\n    bid stop all\nlogger l to {folder}\nlog x on once\nloggee .n\n"

    assert warnings(script) == [f"6: logger: {folder} is taken below the folder of the logs (--log-dir): {where}"]
    assert warnings(script.replace(folder, "states")) == []


def test_a_share_that_is_logged_and_not_there_is_told() -> None:
    script = FRAMER + "    put 1 into .n\n    bid stop all\nlogger l\nlog x on once\nloggee .nn\n"

    assert warnings(script) == ["7: log x: nothing in the plan has .nn; did you mean .n?"]


def test_a_generator_ends_its_framer_with_itself() -> None:
    plan = Plan("trip")

    @plan.framer(active=True)
    def mission(self: Any) -> Iterator[None]:
        yield

    assert check(plan.decl, plan.behaviors).warnings == []


def test_a_framer_without_frames_is_told_so_alone() -> None:
    assert errors("house h\nframer m be active first a\n") == [
        "plan.flo:2: framer m has no frame: framer m be active first a"
    ]


def test_an_over_frame_leads_out_of_all_under_it() -> None:
    script = "house h\nframer m be active first a\n  frame top\n    go z if elapsed >= 1\n  frame a in top\n"

    assert warnings(script + "  frame z\n    bid stop me\n") == []


@pytest.mark.parametrize("schedule", ["inactive", "slave", "aux"])
def test_a_framer_that_nothing_starts_is_told(schedule: str) -> None:
    script = FRAMER + f"    bid stop me\nframer idle be {schedule} first x\n  frame x\n    print x\n"

    assert warnings(script) == [f"5: framer idle is {schedule}, and nothing in the plan starts it"]


@pytest.mark.parametrize(
    ("schedule", "act"), [("inactive", "bid start idle"), ("slave", "start idle"), ("aux", "aux idle"),
                          ("moot", "aux idle as mine")],
)  # fmt: skip
def test_a_framer_that_something_starts_is_in_order(schedule: str, act: str) -> None:
    script = FRAMER + f"    {act}\n    bid stop all\nframer idle be {schedule} first x\n  frame x\n    timeout 1\n"

    assert [told for told in warnings(script + "  frame y\n    done\n") if "starts it" in told] == []


def test_a_need_of_a_share_that_nothing_sets_is_told() -> None:
    script = "house h\ninit .level with 1\nframer m be active first a\n  frame a\n"
    script += "    go b if .levle > 3 and .level < goal\n"

    assert warnings(script + "  frame b\n    bid stop me\n") == [
        "5: nothing in the plan sets .levle; did you mean .level?",
        "5: nothing in the plan sets .goal.level; did you mean .level?",
    ]


@pytest.mark.parametrize(
    "need",
    ["elapsed >= goal", ".framer.m.state.recurred > 2", "level > .low", "depth > 1", "x in .two > 1", "m is running"],
)
def test_a_need_of_what_there_is_is_in_order(need: str) -> None:
    script = "house h\ninit .level with 1\ninit .low with 1\ninit .state.depth with 0\ninit .two with x 1 y 2\n"

    more = f"framer m be active first a\n  frame a\n    set elapsed with 2\n    go b if {need}\n"
    assert warnings(script + more + "  frame b\n    bid stop me\n") == []


def test_a_logger_is_checked_without_a_file_being_written() -> None:
    script = FRAMER + "    bid stop tape\n    bid stop me\nlogger tape at 0.5\n  log one on update\n"

    assert errors(script) == []


def test_the_size_of_a_plan_is_told() -> None:
    assert checked(FRAMER + "    print x\n").size == "1 house, 1 framer, 1 frame"
    assert checked(FRAMER + "  frame b\nframer n be aux\n  frame c\n").size == "1 house, 2 framers, 3 frames"


REARED = (
    FRAMER + "    rear pump as mine be aux in frame b\n    go b\n  frame b\n    timeout 1\n  frame c\n    bid stop me\n"
    "framer pump be moot first x\n  frame x\n    rear valve as mine be aux in frame y\n  frame y\n    done\n"
    "framer valve be moot first z\n  frame z\n    {0}\n"
)


@pytest.mark.row("I26")
def test_clones_that_are_made_while_a_plan_runs_are_checked_before() -> None:
    assert errors(REARED.format("done")) == []
    assert errors(REARED.format("go nowhere")) == [
        "plan.flo:17: framer m_pump1_valve1 has no frame nowhere; known: z: go nowhere"
    ]


@pytest.mark.row("I26")
def test_a_plan_that_runs_unchecked_tells_what_is_wrong_in_a_clone_as_a_fault() -> None:
    script = REARED.format("done").replace("rear valve as mine be aux in frame y", "go nowhere")

    ((stamp, framer, facts),) = play(script).of("fault")

    assert (stamp, framer, facts["frame"], facts["line"]) == (0.0, "m", "a", 4)
    assert "plan.flo:12: framer m_pump1 has no frame nowhere" in facts["error"]
