"""What `flow run --json` promises other programs: each kind of event, and which facts it has."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

WAIT = 30.0  # seconds; only to tell what hangs from what is slow

PLAN = """\
house box
init .level with 0
init .place with x 1 y 2
framer main be active first work
  frame top
  frame work in top
    recur
      inc .level with 1
    aux repair if .level >= 2
    go rest if .level >= 4
  frame rest in top
    print "rest"
    put 5 into x in .place
    ready helper
    start helper
    stop helper
    bid abort doomed
    timeout 0.25
  frame over
    bid stop me
framer repair be aux first fix
  frame fix
    done
framer helper be slave first help
  frame help
framer doomed be active first wait
  frame wait
framer weak be active first breaks
  frame breaks
    do broken
"""
BEHAVIORS = """\
from atilite.flow import behavior


@behavior
def broken(self):
    raise ValueError("no such fan")
"""
FACTS = {
    "start": set(), "stop": set(), "abort": set(), "ready": set(), "done": set(),
    "fault": {"frame", "line", "error"},
    "transition": {"from", "to", "by", "cause", "after"},
    "suspend": {"aux", "by", "cause", "after"},
    "resume": {"aux", "by", "cause", "after"},
    "benter": {"frame"}, "enter": {"frame"}, "recur": {"frame"}, "exit": {"frame"},
    "renter": {"frame"}, "rexit": {"frame"},
    "print": {"text"},
}  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("plan")
    (folder / "plan.flo").write_text(PLAN)
    (folder / "faults.py").write_text(BEHAVIORS)
    words = ["run", "plan.flo", "--json", "--behaviors", "faults", "--watch", ".level", "--watch", ".place"]
    done = subprocess.run(
        [sys.executable, "-m", "atilite", "flow", *words],
        cwd=folder, capture_output=True, text=True, timeout=WAIT, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr  # a framer has failed
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.row("I48")
@pytest.mark.parametrize("event", FACTS)
def test_every_kind_of_event_is_told_with_its_facts_and_no_others(event: str, told: list[dict[str, Any]]) -> None:
    found = [one for one in told if one["event"] == event]

    assert found
    assert {frozenset(one) for one in found} == {frozenset({"t", "event", "framer"} | FACTS[event])}


@pytest.mark.row("I48")
def test_outlines_are_lists_from_the_top_and_the_frame_whose_act_it_was_is_named(told: list[dict[str, Any]]) -> None:
    assert next(one for one in told if one["event"] == "transition") == {
        "t": 0.5, "event": "transition", "framer": "main", "from": ["top", "work"], "to": ["top", "rest"],
        "by": "work", "cause": "go rest if .level >= 4", "after": 0.5,
    }  # fmt: skip
    suspended = next(one for one in told if one["event"] == "suspend")
    assert (suspended["framer"], suspended["aux"], suspended["by"]) == ("main", "repair", "work")


@pytest.mark.row("I48")
def test_shares_are_told_absolute_first_and_whenever_they_have_changed(told: list[dict[str, Any]]) -> None:
    shares = [(one["t"], one["path"], one["value"]) for one in told if one["event"] == "share"]

    assert shares[:2] == [(0.0, ".level", 1), (0.0, ".place", {"x": 1, "y": 2})]
    assert [value for _, path, value in shares if path == ".level"] == [1, 2, 3, 4]
    assert [value for _, path, value in shares if path == ".place"] == [{"x": 1, "y": 2}, {"x": 5, "y": 2}]


@pytest.mark.row("I48")
def test_a_fault_names_frame_line_and_error_and_so_does_the_end(told: list[dict[str, Any]]) -> None:
    (fault,) = [one for one in told if one["event"] == "fault"]
    assert (fault["framer"], fault["frame"]) == ("weak", "breaks")
    assert PLAN.splitlines()[fault["line"] - 1] == "    do broken"
    assert "no such fan" in fault["error"]
    assert set(told[-1]) == {"event", "turns", "t", "failure"}
    assert "weak" in told[-1]["failure"]
