"""Plans against the expectations in the file beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atilite.flow.behaviors import Behaviors, described
from atilite.flow.expecting import assert_expected, tried
from atilite.flow.loading import read_plan

PLAN = """
house h
init .n with 0
init .limit with 3
framer m be active first a
  frame top
    frame a in top
      print "a: begun"
      recur
        inc .n with 1
      go next if .n >= .limit
    frame b in top
      timeout 0.5
  frame c
    done
    bid stop all
framer other be inactive first x
  frame x
    do broken
"""

Expecting = Callable[..., list[str]]


def fail(self: Any) -> None:
    raise ValueError("broken")


@pytest.fixture
def expecting(tmp_path: Path) -> Expecting:
    """What is wrong with a plan that is expected to do this, by line."""

    def judge(text: str, plan: str = PLAN) -> list[str]:
        (tmp_path / "plan.flo").write_text(plan)
        (tmp_path / "plan.flo.expect").write_text(text)
        known = Behaviors()
        known.add(described(fail, name="Broken"))
        report = tried(str(tmp_path / "plan.flo"), known, *read_plan(tmp_path / "plan.flo"))
        return [str(problem).replace(f"{tmp_path}/", "") for problem in report.problems]

    return judge


MET = """
# comments and empty lines are skipped

period 0.125
until 100
house h
at 0 m in a
at 0 m in top
at 0.25 .n == 3
at 0.3 m in a and .n == 3
at 0.375 m in b and not .n < 3
at 0.375 .n >= .limit
at 0.5 .n == 4 +- 1
at 0.5 m is running
at 50 m is stopped and m is done
always .n <= 3
never other is running
once .n == 2
transitions m: a b c
prints m: "a: begun"
ends at 1
"""


def test_a_plan_that_does_what_is_expected_has_no_problems(expecting: Expecting) -> None:
    assert expecting(MET) == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("at 0.375 m in a", "expected at 0.375 m in a, found m in top > b"),
        ("at 9 m in a", "expected at 9 m in a, found m stopped"),
        ("at 0.25 .n == 4", "expected at 0.25 .n == 4, found .n == 3"),
        ("at 0.25 .n == 4 and m is stopped", "expected at 0.25 .n == 4 and m is stopped, found .n == 3, m running"),
        ("at 0.25 m is done", "expected at 0.25 m is done, found m not done"),
        ("always .n < 3", "expected always .n < 3, but at 0.25 found .n == 3"),
        ("never m in b", "expected never m in b, but at 0.375 found m in top > b"),
        ("once .n == 7", "expected once .n == 7, but it never was; at the end found .n == 3"),
        ("transitions m: a c", "expected the frames a c, found a b c"),
        ("transitions other: x", "expected the frames x, found none"),
        ('prints m: "a" "b"', 'expected the texts "a" "b", found "a: begun"'),
        ("ends at 2", "expected ends at 2, found that it ends at 1"),
        ("faults m", "expected faults m, found no fault"),
    ],
)
def test_what_differs_is_told_with_its_line_and_with_what_was_found(expecting: Expecting, line: str, told: str) -> None:
    assert expecting(f"# here\n{line}\n") == [f"plan.flo.expect:2: {told}"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("att 1 m in a", "att is no expectation; did you mean at?: att 1 m in a"),
        ("at noon m in a", "at: the time in seconds is a number, not noon: at noon m in a"),
        ("at 1 m in d", "framer m has no frame d; known: a, b, c, top: at 1 m in d"),
        ("at 1 n in a", "there is no framer n in house h; known: m, other: at 1 n in a"),
        ("at 1 .m == 1", "there is no share .m in house h"),
        ("at 1 q is running", "there is no framer q; known: m, other: at 1 q is running"),
        ("at 1 .n is changed", "only shares, statuses and what is done can be expected"),
        ("at 1", "at: a need is missing"),
        ("transitions m: a d", "framer m has no frame d; known: a, b, c, top: transitions m: a d"),
        ("house g", "house: a house is one of h, not g"),
        ("period 0", "period: it is a number of seconds above 0: period 0"),
        ("until ever", "until: the time in seconds is a number, not ever: until ever"),
        ("ends at 1 2", "ends: 2 is more than it takes: ends at 1 2"),
    ],
)
def test_a_line_that_is_no_expectation_is_told_before_anything_runs(
    expecting: Expecting, line: str, told: str
) -> None:
    (found,) = expecting(f"{line}\nalways .n < 0\n")

    assert found.startswith(f"plan.flo.expect:1: {told}")


def test_a_plan_that_goes_on_is_left_at_the_time_that_is_said(expecting: Expecting) -> None:
    plan = "house h\nframer m be active first a\n  frame a\n    print hello\n"

    assert expecting("until 2\nat 100 m is running\n", plan) == []
    assert expecting("until 2\nends\n", plan) == ["plan.flo.expect:2: expected ends, but it still runs at 2"]


def test_a_fault_that_is_not_expected_is_told_with_the_line_of_the_plan(expecting: Expecting) -> None:
    plan = PLAN.replace("other be inactive", "other be active")

    assert expecting("ends\n", plan) == ["plan.flo:19: at 0 in frame x of framer other: ValueError: broken"]
    assert expecting("ends\nfaults other\n", plan) == []


def test_a_plan_with_errors_is_not_run(expecting: Expecting) -> None:
    assert expecting("ends\n", "house h\nframer m\n  frame a\n    go b\n") == [
        "plan.flo:4: framer m has no frame b; known: a: go b"
    ]


def test_expectations_that_are_missing_are_told(tmp_path: Path) -> None:
    (tmp_path / "plan.flo").write_text(PLAN.replace("    do broken\n", ""))

    (problem,) = tried(str(tmp_path / "plan.flo"), Behaviors(), *read_plan(tmp_path / "plan.flo")).problems

    assert str(problem) == f"{tmp_path}/plan.flo.expect:0: the expectations cannot be read: No such file or directory"


def test_a_test_of_a_users_own_fails_with_what_differs(tmp_path: Path) -> None:
    (tmp_path / "plan.flo").write_text(PLAN.replace("    do broken\n", ""))
    (tmp_path / "plan.flo.expect").write_text("ends at 1\n")
    assert_expected(tmp_path / "plan.flo")

    (tmp_path / "plan.flo.expect").write_text("ends at 3\nends at 2\n")
    with pytest.raises(AssertionError, match=r"expect:1: .*\n.*expect:2: "):
        assert_expected(tmp_path / "plan.flo")


def test_each_house_has_its_own_expectations(expecting: Expecting) -> None:
    house = "init .n with {0}\nframer m be active first a\n  frame a\n    print {0}\n    bid stop me\n"
    plan = f"house one\n{house.format(1)}house two\n{house.format(2)}"

    text = 'at 0 .n == 1\nprints m: "1"\nhouse two\nat 0 .n == 2\nprints m: "2"\nat 0 .n == 1\n'
    assert expecting(text, plan) == ["plan.flo.expect:6: expected at 0 .n == 1, found .n == 2"]
