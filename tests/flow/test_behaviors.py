"""Behaviours: how `do` finds them, where their shares lie, and what happens when they fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from atilite.errors import FlowError
from atilite.flow.behaviors import Behavior, Behaviors, Gathered, described
from atilite.flow.building import build
from atilite.flow.routines import until
from atilite.flow.syntax import parse
from atilite.flow.turns import Turns
from tests.flow.playing import play, problems_of

HOUSE = "house h\nframer f be active\nframe a\n {do}\n go b if elapsed >= 0.25\nframe b\n bid stop me\n"


def gathered(function: Any, **options: Any) -> Behaviors:
    known = Gathered()
    known.behavior(**options)(function)
    return Behaviors(known)


def test_a_name_is_said_in_words_and_declared_in_camel_case() -> None:
    def action(self: Any) -> None:
        self.out.value = "done"

    known = gathered(action, name="ControllerFan", ioinits={"out": ".fan"})
    assert play(HOUSE.format(do="do controller fan"), known).turns[-1].shares[".fan"] == "done"


@pytest.mark.row("I37")
def test_shares_are_attributes_of_self_and_parameters_are_given() -> None:
    def scale(self: Any, factor: float = 1.0) -> None:
        self.out.value = self.inp.value * factor

    known = gathered(scale, ioinits={"inp": {"ipath": ".in", "ival": 4}, "out": ".out"}, parms={"factor": 2.0})
    assert play(HOUSE.format(do="do scale"), known).turns[-1].shares[".out"] == 8.0
    assert play(HOUSE.format(do="do scale with factor 3"), known).turns[-1].shares[".out"] == 12


@pytest.mark.row("I37", "I39")
def test_without_self_the_shares_are_parameters_and_their_places_are_the_plan_s() -> None:
    def double(inp: Any, out: Any) -> None:
        out.value = inp.value * 2

    known = gathered(double, inp=".a", out=".b")
    script = "house h\ninit .x with 21\nframer f be active\nframe a\n do double per inp .x out .y\n bid stop me\n"
    assert play(script, known).turns[-1].shares[".y"] == 42


@pytest.mark.row("I36")
def test_parameters_come_from_shares_and_data_and_data_wins() -> None:
    seen: list[tuple[int, int]] = []

    def note(low: int, high: int) -> None:
        seen.append((low, high))

    known = gathered(note, parms={"low": 0, "high": 0})
    play("house h\ninit .p with low 1 high 2\nframer f be active\nframe a\n do note from low high in .p with high 9\n"
         " bid stop me\n", known)  # fmt: skip
    assert seen == [(1, 9)]


@pytest.mark.row("I36")
def test_a_class_is_made_once_with_what_cum_says() -> None:
    class Counter:
        count: Any

        def __init__(self, start: int = 0) -> None:
            self.at = start

        def action(self, step: int = 1) -> None:
            self.at += step
            self.count.value = self.at

    known = Behaviors({"Counter": described(Counter, ioinits={"count": ".count"})})
    played = play(HOUSE.format(do="do counter cum start 10 with step 5"), known)
    assert [turn.shares[".count"] for turn in played.turns] == [15, 20, 20, 20]


@pytest.mark.row("I36", "I43")
def test_a_class_is_restarted_before_anything_else_where_its_frame_is_entered() -> None:
    seen: list[str] = []

    class Meter:
        def restart(self) -> None:
            if seen.count("restart") == 2:
                raise ValueError("worn out")
            seen.append("restart")

        def action(self, step: str = "") -> None:
            seen.append(step)

    known = Behaviors({"Meter": described(Meter)})
    script = (
        'house h\nframer f be active\nframe a\n do meter with step "first" at enter\n go b\nframe b\n go c\n'
        'frame c in b\n do meter with step "second"\n go me\n'
    )
    played = play(script, known, limit=9)
    assert seen == ["restart", "first", "restart", "second"]
    assert [facts["line"] for _, _, facts in played.of("fault")] == [9]


@pytest.mark.parametrize("context", ["enter", "exit", "recur"])
@pytest.mark.row("I36", "I10")
def test_a_behaviour_is_called_in_the_context_that_is_said(context: str) -> None:
    calls: list[int] = []

    def note() -> None:
        calls.append(1)

    play(HOUSE.format(do=f"do note at {context}"), gathered(note))
    assert len(calls) == {"enter": 1, "exit": 1, "recur": 2}[context]


@pytest.mark.row("I10")
def test_in_benter_a_behaviour_lets_its_frame_be_entered_only_when_it_says_yes() -> None:
    answers = iter([False, False, True])

    def ready() -> bool:
        return next(answers)

    script = "house h\nframer f be active\nframe a\n go b\nframe b\n do ready at benter\n bid stop me\n"
    assert play(script, gathered(ready)).moves() == [(0.375, "b")]


@pytest.mark.parametrize(
    ("do", "said"),
    [
        ("do conroller fan", "there is no behaviour conroller fan; did you mean controller fan?"),
        ("do controller fan with speed 3", "behaviour ControllerFan has no parameter speed"),
    ],
)
@pytest.mark.row("I43")
def test_what_a_behaviour_does_not_have_is_told_with_its_line(do: str, said: str) -> None:
    known = Behaviors({"ControllerFan": Behavior("ControllerFan", lambda: None, parametric=True)})
    (problem,) = problems_of(HOUSE.format(do=do), known)
    assert problem.startswith(f"plan.flo:4: {said}")


@pytest.mark.row("I43")
def test_a_behaviour_that_fails_stops_its_framer_with_its_exits_and_names_the_line() -> None:
    def broken() -> None:
        raise ValueError("no sensor")

    script = (
        "house h\nframer f be active\nframe a\n exit\n print left\n native\n do broken\n"
        "framer g be active\nframe a\n go b if elapsed >= 0.5\nframe b\n bid stop me\n"
    )
    played = play(script, gathered(broken))
    (fault,) = played.of("fault")
    assert fault == (0.0, "f", {"frame": "a", "line": 7, "error": "ValueError: no sensor"})
    assert [facts["text"] for _, _, facts in played.of("print")] == ["left"]
    assert played.moves("g") == [(0.5, "b")]


@pytest.mark.row("I36", "I43")
@pytest.mark.parametrize(
    ("do", "told"),
    [
        ("do blow", ["behaviour Blow needs speed; say it, as in: with speed 1"]),
        ("do blow with speed 3", []),
        ("do blow with gain 3", ["behaviour Blow needs speed; say it, as in: with speed 1"]),
        ("do blow from .given", []),
    ],
)
def test_a_parameter_that_a_behaviour_needs_and_nobody_says_is_told_before_it_runs(do: str, told: list[str]) -> None:
    def blow(self: Any, speed: float, gain: float = 1.0) -> None:
        self.out.value = speed * gain

    plan, _ = parse(HOUSE.format(do=do).replace("framer", "init .given with speed 2\nframer"), "plan.flo")
    _, problems = build(plan.houses["h"], gathered(blow, ioinits={"out": ".out"}))
    assert [problem.message.partition(": do ")[0] for problem in problems] == told


@pytest.mark.parametrize(("policy", "moves"), [("ignore", [(0.25, "b")]), ("b", [(0.0, "b")])])
@pytest.mark.row("I43")
def test_a_policy_says_whether_a_framer_goes_on_after_a_fault(policy: str, moves: list[tuple[float, str]]) -> None:
    def broken() -> None:
        raise ValueError("no sensor")

    plan, _ = parse(HOUSE.format(do="do broken"), "plan.flo")
    plan.houses["h"].framers["f"].on_fault = policy
    house, problems = build(plan.houses["h"], gathered(broken))
    assert problems == []
    turns = Turns([house])
    while turns.turn():
        continue
    assert [(move.stamp, move.new[-1]) for move in house.history] == moves
    assert house.framers["f"].fault is not None
    assert house.framers["f"].status == "stopped"


def test_a_generator_goes_on_at_each_turn_and_waits_where_it_says() -> None:
    seen: list[str] = []

    def legs(self: Any) -> Iterator[Any]:
        try:
            seen.append("begun")
            yield
            seen.append("second turn")
            yield until(elapsed=0.25)
            seen.append("waited")
            yield until(".go")
            seen.append("went")
        finally:
            seen.append("closed")

    known = gathered(legs)
    script = (
        "house h\ninit .go with false\nframer f be active\nframe a\n do legs\n go b if elapsed >= 1.0\n"
        "frame b\n bid stop me\nframer g be active\nframe x\n go y if elapsed >= 0.75\nframe y\n put true into .go\n"
        " bid stop me\n"
    )
    play(script, known)
    assert seen == ["begun", "second turn", "waited", "went", "closed"]


def test_a_generator_that_is_left_runs_its_finally_blocks_and_begins_anew() -> None:
    seen: list[str] = []

    def forever(self: Any) -> Iterator[None]:
        seen.append("in")
        try:
            while True:
                yield
        finally:
            seen.append("out")

    script = (
        "house h\ninit .n with 0\nframer f be active\nframe a\n do forever\n enter\n inc .n with 1\n native\n"
        " go b if .n >= 2\n go me if elapsed >= 0.25\nframe b\n bid stop me\n"
    )
    played = play(script, gathered(forever))
    assert seen == ["in", "out", "in", "out"]
    assert played.moves()[-1][1] == "b"


@pytest.mark.row("I28")
def test_what_behaviours_write_is_known_to_be_written_by_their_framer() -> None:
    def pump(self: Any) -> None:
        self.out.value = 1

    def valve(self: Any) -> Iterator[None]:
        try:
            while True:
                self["a.tap"] = 2
                yield
        finally:
            self.out.update({"value": 3})

    known = Behaviors({
        "Pump": described(pump, ioinits={"out": ".a.pump"}), "Valve": described(valve, ioinits={"out": ".a.valve"}),
    })  # fmt: skip
    script = (
        "house h\nframer f be active\nframe a\n do valve\n go b if elapsed >= 0.25\nframe b\n bid stop me\n"
        "framer g be active\nframe x\n do pump\n go y if elapsed >= 0.5\nframe y\n bid stop me\n"
    )
    store = play(script, known).house.store
    writers = {name: store.share(f".a.{name}").writer for name in ("pump", "tap", "valve")}
    assert writers == {"pump": "g", "tap": "f", "valve": "f"}


@pytest.mark.row("I43")
def test_a_behaviour_that_calls_sys_exit_ends_its_framer_with_its_exits_and_no_other() -> None:
    def leaves() -> None:
        raise SystemExit(3)

    script = HOUSE.format(do="do leaves\n exit\n print left")
    played = play(script + "framer g be active\nframe a\n timeout 0.5\nframe b\n bid stop me\n", gathered(leaves))
    assert [facts["error"] for _, _, facts in played.of("fault")] == ["RuntimeError: sys.exit(3) in a turn"]
    assert [facts["text"] for _, _, facts in played.of("print")] == ["left"]
    assert played.moves("g") == [(0.5, "b")]


def test_an_async_behaviour_is_refused_where_it_is_declared() -> None:
    async def later() -> None: ...

    class Later:
        async def action(self) -> None: ...

    for declared in (later, Later):
        with pytest.raises(FlowError, match=r"Later is async, .* make it a generator that yields tasks"):
            described(declared)


def test_a_share_cannot_be_a_parameter_too() -> None:
    with pytest.raises(FlowError, match="both a share and a parameter"):
        described(lambda self: None, name="X", ioinits={"a": ".a"}, parms={"a": 1})
