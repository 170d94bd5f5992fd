"""Whatever a script says, reading and building it end with a plan or with problems, and playing it has one history."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atilite.flow.behaviors import Behaviors, Gathered
from atilite.flow.building import build
from atilite.flow.house import House
from atilite.flow.lines import CONNECTIVES, Problem
from atilite.flow.sentences import VERBS
from atilite.flow.syntax import STATEMENTS, parse
from atilite.flow.turns import Turns
from tests.flow.original import turns_of
from tests.flow.plans import Plans
from tests.flow.playing import play

WORDS = [
    *STATEMENTS, *VERBS, *CONNECTIVES, "==", ">=", "<", "!=", "f0", "f1", "f2", "a0", "b0", "a1", "b1", "me", "next",
    "all", "any", "main", "mine", "elapsed", "recurred", "goal", "active", "aux", "slave", "moot", "done", "updated",
    "changed", "started", "running", "root", "frame", "framer", "actor", "3", "-1", "0.5", "1e999", "0x", "40N30.0",
    "true", "none", '"text"', "'", '"', "\\", "#", ".x", ".y", ".x.y", "x", "a.b.", ".", "..", "value", "first", "last",
    "é", "\x00", "=", "always", "text", "front", "back", "1e3", "None",
]  # fmt: skip
MANY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
BEHAVIORS = Behaviors(Gathered())


def read(script: str) -> tuple[list[House], list[Problem]]:
    """All houses of a script, and its problems."""
    plan, problems = parse(script, "plan.flo")
    houses = []
    for decl in plan.houses.values():
        house, more = build(decl, BEHAVIORS)
        problems += more
        houses.append(house)
    return houses, problems


def misplaced(script: str, turns: int = 12) -> list[Problem]:
    """Read a script, and play it if nothing is wrong in it: the problems that name no line of it.

    Whatever is raised on the way is a failure.
    """
    houses, problems = read(script)
    if houses and not problems:
        played = Turns(houses)
        while played.count < turns and played.turn():
            continue
    lines = range(1, max(1, len(script.splitlines())) + 1)
    return [one for one in problems if one.place.file != "plan.flo" or one.place.line not in lines or not one.message]


def mutated(script: str, pick: random.Random) -> str:
    """A script with some words or lines left out, doubled, exchanged or put in."""
    lines = [line.split(" ") for line in script.splitlines()]
    for _ in range(pick.randint(1, 4)):
        line = pick.choice(lines)
        at = pick.randrange(len(line)) if line else 0
        other = pick.choice(lines)
        change = pick.randrange(7)
        if change == 0 and line:
            del line[at]
        elif change == 1:
            line.insert(at, pick.choice(WORDS))
        elif change == 2 and line:
            line[at] = pick.choice(WORDS)
        elif change == 3 and other and line:
            line[at] = pick.choice(other)
        elif change == 4:
            lines.insert(pick.randrange(len(lines)), list(other))
        elif change == 5 and len(lines) > 1:
            lines.remove(line)
        else:
            first, second = pick.randrange(len(lines)), pick.randrange(len(lines))
            lines[first], lines[second] = lines[second], lines[first]
    return "\n".join(" ".join(line) for line in lines) + "\n"


@pytest.mark.row("I49", "I30")
@given(st.integers(0, 10**9))
@MANY
def test_a_plan_that_is_played_twice_has_one_history(seed: int) -> None:
    script = Plans(seed).script()
    assert turns_of(play(script, limit=25)) == turns_of(play(script, limit=25))


@pytest.mark.row("I43")
@given(st.integers(0, 10**9))
@MANY
def test_a_script_with_slips_ends_with_problems_or_runs(seed: int) -> None:
    pick = random.Random(seed)
    assert misplaced(mutated(Plans(pick.randrange(10**6)).script(), pick)) == []


@pytest.mark.row("I42", "I43")
@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join), max_size=25).map("\n".join))
@MANY
def test_words_in_any_order_end_with_problems_or_run(script: str) -> None:
    assert misplaced("house h\nframer f0 be active\nframe a0\n" + script) == []
    assert misplaced(script) == []


@pytest.mark.row("I42")
@given(st.text())
@MANY
def test_any_text_can_be_read(text: str) -> None:
    assert misplaced(text) == []
