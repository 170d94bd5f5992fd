"""Random plans beside the original engine, and what it once made of some of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.flow import original
from tests.flow.plans import Plans
from tests.flow.playing import play

TRACES = Path(__file__).parent / "traces"
RECORDED = sorted(TRACES.glob("R*.txt"))
LIMIT = 40


def history(text: str) -> list[list[Any]]:
    """The turns of a recorded history; each line tells the shares that have changed in it."""
    turns: list[list[Any]] = []
    shares: dict[str, Any] = {}
    for line in text.splitlines():
        stamp, events, changed = line.split("\t")
        shares = {**shares, **json.loads(changed)}
        turns.append([float(stamp), events, shares])
    return turns


def written(turns: list[list[Any]]) -> str:
    """A history as `history` reads it."""
    lines, before = [], {}  # type: tuple[list[str], dict[str, Any]]
    for stamp, events, shares in turns:
        changed = {path: value for path, value in shares.items() if path not in before or before[path] != value}
        lines.append(f"{stamp}\t{events}\t{json.dumps(changed)}")
        before = shares
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("file", [pytest.param(path, id=path.stem) for path in RECORDED])
@pytest.mark.row("I8", "I9", "I12", "I13", "I21", "I22", "I26")
def test_a_random_plan_makes_the_history_that_the_original_made(file: Path) -> None:
    script, _, expected = file.read_text().partition("---\n")
    ours = original.turns_of(play(script, limit=LIMIT))
    assert original.difference(history(expected), ours) == ""


def test_there_are_twenty_histories_that_tell_of_everything_that_happens_in_plans() -> None:
    assert len(RECORDED) >= 20
    text = "".join(path.read_text() for path in RECORDED)
    events = ("<TRANS", "<SUSPEND", "<START", "<STOPP", "<ABORT", "rexit:", "renter:", "rear ", "raze ", " as mine")
    assert [event for event in events if event not in text] == []


@pytest.mark.skipif(not original.INTERPRETER, reason=original.MISSING)
@pytest.mark.parametrize("first", range(0, 2000, 250))
def test_random_plans_make_the_same_histories_on_both(first: int, tmp_path: Path) -> None:
    scripts = [Plans(seed).script() for seed in range(first, first + 250)]
    for seed, (script, theirs) in enumerate(
        zip(scripts, original.originals(scripts, LIMIT, tmp_path), strict=True), first
    ):
        assert "problem" not in theirs, (seed, theirs)
        ours = original.turns_of(play(script, limit=LIMIT))
        assert original.difference(theirs["turns"], ours) == "", (seed, script)


@pytest.mark.skipif(not original.INTERPRETER, reason=original.MISSING)
def test_the_recorded_plans_still_make_the_same_histories_on_the_original(tmp_path: Path) -> None:
    scripts = [path.read_text().partition("---\n")[0] for path in [*sorted(TRACES.glob("P*.txt")), *RECORDED]]
    for script, theirs in zip(scripts, original.originals(scripts, LIMIT, tmp_path), strict=True):
        assert original.difference(theirs["turns"], original.turns_of(play(script, limit=LIMIT))) == ""
