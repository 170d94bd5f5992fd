"""Plans in Python: framers as classes and as generators, scripts beside them, and errors with their places."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from atilite.errors import FlowError
from atilite.flow import Plan, Running, after, behavior, do, doify, frame, go, until
from atilite.flow.events import Telling, line_of
from atilite.flow.logs import loggers
from atilite.flow.model import Aux, HasStatus
from atilite.flow.syntax import parse
from atilite.runtime.promise import Promise

HERE = Path(__file__).name


def ran(plan: Plan, until: float = 10.0) -> Running:
    """A plan that has run on the simulated clock."""
    running = plan.running()
    running.run(until=until)
    return running


def moves(running: Running, framer: str = "") -> list[tuple[float, str]]:
    """When each transition was, and to which lowest frame."""
    return [(one.stamp, one.new[-1]) for one in reversed(running.transitions("box1", framer))]


def box() -> Plan:
    """A fan that goes on above 60 degrees and off below 50, and an alarm above 80."""
    plan = Plan("box1")

    @plan.behavior(inp=".sensor.temp", out=".fan.duty", gain=2.0)
    def fan_control(inp: Any, out: Any, gain: float) -> None:
        out.value = min(100, max(0, (inp.value - 40) * gain))

    @plan.framer(active=True, at=0.5)
    class Cooling:
        class watch(frame):
            transitions = [go("alarm", when="sensor.temp > 80")]

            class idle(frame, first=True):
                transitions = [go("blow", when="sensor.temp > 60")]

            class blow(frame):
                recur = [fan_control]
                transitions = [go("idle", when="sensor.temp < 50"), go("idle", when=after(600))]

        class alarm(frame):
            enter = ["put 100 into .fan.duty", "print hot"]

    plan.init(".sensor.temp", 30)
    return plan


@pytest.mark.row("I2", "I5", "I8", "I9", "I37")
def test_classes_are_framers_and_frames_and_nesting_is_being_over() -> None:
    plan = box()

    @plan.framer(active=True)
    class Weather:
        class warm(frame):
            enter = "put 70 into .sensor.temp"
            transitions = "timeout 2"

        class hot(frame):
            enter = "put 90 into .sensor.temp"

    running = ran(plan, 4.0)
    assert moves(running, "Cooling") == [(0.5, "blow"), (2.5, "alarm")]
    assert running.read("box1", ".fan.duty") == 100
    assert running.houses["box1"].framers["Cooling"].outline == ["alarm"]


@pytest.mark.row("I48", "I49")
def test_a_transition_says_its_line_in_python_and_its_words() -> None:
    plan = Plan("box1")

    @plan.framer(active=True)
    class one:
        class a(frame):
            transitions = [
                go("c", when=".never"),
                go("b", when=after(0.25)),
            ]

        class b(frame):
            enter = "bid stop me"

        class c(frame):
            transitions = go("a")

    (moved,) = ran(plan).transitions("box1")
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    assert moved.place.text == "go b if elapsed >= 0.25"
    assert moved.place.owner == "one.a.transitions"
    assert lines[moved.place.line - 1].strip() == 'go("b", when=after(0.25)),'


@pytest.mark.row("I10", "I12", "I14")
def test_each_context_has_an_attribute_and_functions_get_the_shares() -> None:
    plan = Plan("box1")
    seen: list[str] = []

    @plan.framer(active=True)
    class one:
        class a(frame):
            def enter(shares: Any) -> None:  # a function of the shares, not a method
                seen.append("enter a")
                shares[".n"] = 1

            recur = [lambda shares: seen.append(f"recur a {shares['.n']}"), "inc .n with 1"]
            exit = [lambda shares: seen.append("exit a")]
            transitions = go("b", when=lambda shares: shares[".n"] > 2)

        class b(frame):
            benter = "let if .n > 2"
            native = ["bid stop me", "do nothing at exit"]

    @plan.behavior
    def nothing() -> None:
        seen.append("exit b")

    ran(plan)
    assert seen == ["enter a", "recur a 1", "recur a 2", "exit a", "exit b"]


@pytest.mark.row("I7", "I6")
def test_a_frame_s_next_is_the_one_behind_it_or_the_one_that_it_names() -> None:
    plan = Plan("box1")

    @plan.framer(active=True)
    class one:
        class a(frame, next="c"):
            transitions = "go next"

        class b(frame):
            enter = "bid stop me"

        class c(frame, next="b"):
            transitions = "go next"

    assert moves(ran(plan)) == [(0.125, "c"), (0.25, "b")]


@pytest.mark.row("I21", "I22", "I23", "I24", "I25")
def test_auxiliaries_slaves_and_clones_are_framers_like_others() -> None:
    plan = Plan("box1")

    @plan.framer(be="aux")
    class pump:
        class open_valve(frame):
            enter = ["put 1 into .pump", "done"]

    @plan.framer(be="moot", via="tank.")
    class fill:
        class up(frame):
            recur = "inc level with 1"
            transitions = "repeat 2"

        class full(frame):
            enter = "done"

    @plan.framer(be="slave")
    class helper:
        class helping(frame):
            enter = "put true into .helped"

    @plan.framer(active=True)
    class boss:
        class a(frame):
            enter = "start helper"
            aux = "pump"
            transitions = go("b", when="pump is done")

        class b(frame):
            auxes = ["fill as left via mine", "fill as right via other."]
            transitions = go("c", when="all in frame is done")

        class c(frame):
            precur = [Aux("pump", needs=(HasStatus("helper", "started"),))]
            enter = "bid stop me"

    plan.init(".tank.level", 0)
    plan.init(".other.level", 0)
    running = ran(plan)
    assert moves(running, "boss") == [(0.125, "b"), (0.375, "c")]
    shares = {path: running.read("box1", path) for path in (".tank.level", ".other.level", ".pump", ".helped")}
    assert shares == {".tank.level": 2, ".other.level": 2, ".pump": 1, ".helped": True}


def test_a_generator_is_a_framer_whose_waits_are_shown_and_that_ends_with_it() -> None:
    plan = Plan("box1")
    seen: list[object] = []

    @plan.framer(active=True)
    def mission(self: Any) -> Iterator[Any]:
        try:
            yield
            self[".leg"] = 1
            yield until(elapsed=0.5)
            self[".leg"] = 2
            yield until(".reached")
        finally:
            seen.append("closed")

    plan.init(".reached", False)
    running = plan.running()
    running.run(until=0.25)
    assert running.framers("box1")[0].waits_for == ("0.5 s",)
    running.run(until=1.0)
    assert running.framers("box1")[0].waits_for == (".reached",)
    assert running.read("box1", ".leg") == 2
    running.write("box1", ".reached", {"value": True})
    running.run(until=2.0)
    assert seen == ["closed"]
    (look,) = running.framers("box1")
    assert (look.status, look.waits_for) == ("stopped", ())
    assert not running.turn()


def test_a_generator_that_is_an_auxiliary_is_done_when_it_ends() -> None:
    plan = Plan("box1")

    @plan.framer(be="aux")
    def twice() -> Iterator[None]:
        yield
        yield

    @plan.framer(active=True)
    class main:
        class a(frame):
            aux = "twice"
            transitions = go("b", when="aux twice is done")

        class b(frame):
            enter = "bid stop me"

    assert moves(ran(plan)) == [(0.375, "b")]


def test_a_generator_waits_for_a_task_without_holding_the_turn() -> None:
    plan = Plan("box1")
    asked: list[Promise[str]] = []

    @plan.framer(active=True)
    def asking(self: Any) -> Generator[Any, Any, None]:
        promise: Promise[str] = Promise()
        asked.append(promise)
        found = yield promise
        self[".answer"] = found.value

    running = plan.running()
    running.run(until=0.5)
    assert running.framers("box1")[0].waits_for == ("a task",)
    asked[0].set("42")
    running.run(until=1.0)
    assert running.read("box1", ".answer") == "42"


@pytest.mark.row("I36", "I37")
def test_a_behaviour_gets_parameters_and_other_places_where_it_is_named() -> None:
    plan = Plan("box1")

    @plan.behavior(inp=".a", out=".b", factor=2)
    def scale(inp: Any, out: Any, factor: int) -> None:
        out.value = inp.value * factor

    @plan.framer(active=True)
    class one:
        class a(frame):
            enter = [scale, do(scale, name="Again", out=".c", factor=5), do("scale", inp=".c", out=".d")]
            recur = "bid stop me"

    plan.init(".a", 3)
    running = ran(plan)
    assert [running.read("box1", path) for path in (".b", ".c", ".d")] == [6, 15, 30]


@pytest.mark.row("I37")
def test_doify_declares_a_behaviour_that_a_plan_uses() -> None:
    class Keeper:
        def __init__(self, start: int = 0) -> None:
            self.count = start

    registry: dict[str, Any] = {}

    @doify("GoalTurns", base=Keeper, registry=registry, inits={"start": 7}, ioinits={"out": ".turns"})
    def goal_turns(self: Any, **given: Any) -> None:
        self.count += 1
        self.out.value = self.count

    @doify("Told", parametric=True, ioinits={"out": {"ipath": ".told", "ival": 1}})
    def told(out: Any) -> None:
        out.value += 1

    @behavior(out=".plain")
    def plain(out: Any) -> None:
        out.value = "plain"

    plan = Plan("box1")
    module = ModuleType("fans")
    vars(module).update(goal_turns=goal_turns, told=told, other=len, Keeper=Keeper)
    plan.use(module, plain)
    assert "Keeper" not in plan.behaviors

    @plan.framer(active=True)
    class one:
        class a(frame):
            native = ["do goal turns", "do told", "do plain", "repeat 2"]

        class b(frame):
            enter = "bid stop me"

    running = ran(plan)
    assert [running.read("box1", path) for path in (".turns", ".told", ".plain")] == [9, 3, "plain"]
    assert list(registry) == ["GoalTurns"]


@pytest.mark.row("I41", "I1")
def test_scripts_and_python_are_mixed_in_one_house(tmp_path: Path) -> None:
    script = tmp_path / "fan.flo"
    script.write_text("house box1\ninit .n with 0\nframer count be active\nframe a\n recur\n inc .n with 1\n")
    plan = Plan("box1")
    plan.load(script)

    @plan.framer(active=True)
    class watch:
        class a(frame):
            transitions = go("b", when=".n >= 3")

        class b(frame):
            enter = "bid stop all"

    assert moves(ran(plan)) == [(0.25, "b")]
    script.write_text("house box1\nframer watch\nframe a\n")
    with pytest.raises(FlowError, match=rf"fan.flo:2: there is a watch already, in .*{HERE}:\d+"):
        plan.load(script)
    script.write_text("house box1\nframer other\nframe a\n gone b\n let\n")
    with pytest.raises(FlowError, match=r"fan.flo:4: gone is no verb.*\n.*fan.flo:5: let: expected if"):
        plan.load(script)


@pytest.mark.row("I1")
def test_a_plan_has_several_houses_with_shares_of_their_own() -> None:
    plan = Plan("box1")
    second = plan.house("box2")

    @plan.behavior(out=".n")
    def counted(out: Any) -> None:
        out.value = (out.value or 0) + 1

    for house in (plan, second):

        @house.framer(active=True)
        class one:
            class a(frame):
                recur = [counted]
                transitions = "go end if .n >= .most"

            class end(frame):
                enter = "bid stop all"

    plan.init(".most", 2)
    second.init(".most", 3)
    second.init(".only", "here")
    running = ran(plan)
    assert [running.read(house, ".n") for house in ("box1", "box2")] == [2, 3]
    assert running.houses["box1"].store.find(".only") is None
    with pytest.raises(FlowError, match="of cannot be the name of a house"):
        plan.house("of")


def test_what_a_relative_script_is_called_is_looked_for_beside_the_python_file() -> None:
    plan = Plan("all")
    with pytest.raises(FlowError, match=r"tests/flow/none\.flo:0: the script cannot be read"):
        plan.load("none.flo")


@pytest.mark.row("I43")
def test_a_plan_says_what_is_done_about_a_fault() -> None:
    plan = Plan("box1")

    @plan.behavior
    def broken() -> None:
        raise ValueError("no sensor")

    @plan.framer(active=True, on_fault="safe")
    class one:
        class a(frame):
            recur = [broken]

        class safe(frame):
            enter = "put true into .safe"

    running = ran(plan, 1.0)
    assert running.read("box1", ".safe") is True
    assert running.framers("box1")[0].fault == "ValueError: no sensor"


@pytest.mark.row("I43")
def test_wrong_items_are_all_told_at_once_with_class_attribute_and_line() -> None:
    plan = Plan("box1")

    with pytest.raises(FlowError) as caught:

        @plan.framer
        class Bad:
            class a(frame):
                enter = ["put 1 into .x", "putt 1 into .x"]
                transition = ["go b"]
                transitions = [go("b", when="x >")]

                class inner:
                    pass

            class b(frame, first=True):
                recur = [42]

            class c(frame, first=True):
                transitions = lambda shares: True

    lines = str(caught.value).splitlines()
    text = Path(__file__).read_text(encoding="utf-8").splitlines()
    found = [line.split(": ", 1) for line in lines]
    assert [said for _, said in found] == [
        "Bad.a.enter: putt is no verb; did you mean put?: putt 1 into .x",
        "Bad.a.transition: a frame has no transition; did you mean transitions?",
        "Bad.a.transitions: go: a value or a share is missing behind the comparison",
        "Bad.a.inner: a frame is declared as: class inner(frame):",
        "Bad.b.recur: 42 is no line of FloScript, no behaviour and no function",
        "Bad.c: b is the first frame already",
        "Bad.c.transitions: call <lambda> belongs into a context: benter, enter, recur, precur, exit, renter, rexit",
    ]
    assert [text[int(place.rpartition(":")[2]) - 1].split()[0] for place, _ in found] == [
        "enter", "transition", "transitions", "class", "recur", "class", "transitions",
    ]  # fmt: skip
    assert all(place.startswith(__file__) for place, _ in found)


@pytest.mark.row("I43")
def test_names_that_are_not_there_are_told_by_check() -> None:
    plan = Plan("box1")

    @plan.framer(active=True, on_fault="sav")
    class one:
        class a(frame):
            transitions = [go("bb"), go("b", when="two is done")]
            recur = "do contrller pid depth"

        class b(frame, under="x"):
            enter = "bid stop me"

    said = [str(problem).partition(": ")[2] for problem in plan.check()]
    assert said == [
        "one: framer one has no frame sav to go to after a fault; known: a, b, ignore, stop: framer one",
        "one.a.transitions: framer one has no frame bb; did you mean b?: go bb",
        "one.a.transitions: there is no framer two; known: one: go b if two is done",
        "one.a.recur: there is no behaviour contrller pid depth; did you mean controller pid depth?: "
        "do contrller pid depth",
        "one.b: framer one has no frame x; known: a, b",
    ]
    with pytest.raises(FlowError, match=r"one\.a\.transitions: framer one has no frame bb"):
        plan.running()


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda plan: plan.framer(object), "object: it has no frame"),
        (lambda plan: plan.framer(len), "neither a class with frames nor a generator"),
        (lambda plan: plan.framer(be="activ")(object), "be= is one of active, inactive"),
        (lambda plan: plan.init("a b", 3), "init: a b is no path of a share"),
        (lambda plan: plan.use(3), "neither a function nor a class"),
        (lambda plan: Plan("a b"), "a b cannot be the name of a house"),
        (lambda plan: Plan("a", period=0), "a number of seconds above 0"),
        (lambda plan: after(), "after: say the seconds, or turns="),
        (lambda plan: plan.framer(via="a b")(box), "via=a b is no path of a branch"),
        (lambda plan: plan.framer(name="if")(box), "if cannot be the name of a framer"),
    ],
)
@pytest.mark.row("I43")
def test_what_cannot_be_declared_is_refused_at_once(declare: Any, said: str) -> None:
    with pytest.raises(FlowError, match=said):
        declare(Plan("box1"))


@pytest.mark.parametrize(
    ("options", "attributes", "said"),
    [
        ({"name": "if"}, {}, "one.a: if is a connective of the language"),
        ({"name": "1st"}, {}, "one.a: 1st cannot be the name of a frame"),
        ({"name": "next"}, {}, "one.a: next has a meaning of its own"),
        ({"via": "a b"}, {}, "one.a: via: a b is no path of a branch"),
        ({}, {"transitions": "print x"}, "one.a.transitions: print is no transition; put it under the context"),
        ({}, {"transitions": [go("a", when=3)]}, "one.a.transitions: when=3 is no need"),
        ({}, {"auxes": "other if"}, "one.a.auxes: aux: a need is missing after if: other if"),
        ({}, {"recur": "do at recur"}, "one.a.recur: do: the name of a behaviour is missing: do at recur"),
        ({}, {"recur": do("nothing")}, "one.a.recur: there is no behaviour nothing"),
    ],
)
@pytest.mark.row("I43")
def test_what_a_frame_cannot_have_is_refused(options: Any, attributes: Any, said: str) -> None:
    made = type("a", (frame,), {"enter": "print a", **attributes}, **options)
    with pytest.raises(FlowError) as caught:
        Plan("box1").framer(type("one", (), {"a": made}))
    assert str(caught.value).partition(": ")[2].startswith(said)


def test_what_stands_in_the_body_of_a_framer_and_is_no_frame_is_refused() -> None:
    class bad:
        period: int = 3

        class a(frame):
            enter: str = "pint x"

            class b(frame):
                enter = "print b"

        class b(frame):
            enter = "print b"

    with pytest.raises(FlowError) as caught:
        Plan("box1").framer(bad)
    source = Path(__file__).read_text(encoding="utf-8").splitlines()
    lines = [line.removeprefix(__file__ + ":").split(": ", 1) for line in str(caught.value).splitlines()]
    assert [(source[int(number) - 1].strip(), said) for number, said in lines] == [
        ("period: int = 3", "bad.period: a framer has frames only; period belongs into one of them, or into its "
         "decorator"),
        ('enter: str = "pint x"', "bad.a.enter: pint is no verb; did you mean print?: pint x"),
        ("class b(frame):", f"bad.b: there is a frame b already, in line {int(lines[2][0]) - 3}"),
    ]  # fmt: skip


@pytest.mark.row("I15")
def test_needs_are_said_in_several_ways_that_all_have_to_hold() -> None:
    plan = Plan("box1")

    def cold(shares: Any) -> bool:
        return bool(shares[".temp"] < 5)

    class end(frame):
        enter = "bid stop all"

    @plan.framer(active=True)
    class one:
        class a(frame):
            recur = "inc .temp with -1"
            transitions = go(end, when=[cold, ".on and elapsed >= 0.25", after(turns=4), HasStatus("one", "running")])

        class last(end, name="end"):
            enter = "bid stop all"

    plan.init(".temp", 6)
    plan.init(".on", True)
    (moved,) = ran(plan).transitions("box1")
    assert (moved.stamp, repr(plan)) == (0.5, "<Plan box1>")
    assert moved.place.text == "go end if cold and .on and elapsed >= 0.25 and recurred >= 4 and one is running"


def test_two_framers_of_one_name_and_two_behaviours_of_one_name_are_refused() -> None:
    plan = Plan("box1")

    def declare() -> None:
        @plan.framer
        class one:
            class a(frame):
                enter = "print a"

    declare()
    with pytest.raises(FlowError, match=rf"one: there is a one already, in .*{HERE}:\d+"):
        declare()

    def leg() -> Iterator[None]:
        yield

    def other() -> Iterator[None]:
        yield

    other.__name__ = "leg"
    plan.use(leg)
    with pytest.raises(FlowError, match="there is a behaviour Leg already"):
        plan.use(other)
    with pytest.raises(FlowError, match="there is a behaviour Leg already"):
        plan.framer(other)


@pytest.mark.row("I31")
def test_what_is_counted_up_and_never_set_is_an_error() -> None:
    plan = Plan("box1")

    @plan.framer(active=True)
    class one:
        class a(frame):
            recur = "inc .n with 1"

    (problem,) = plan.check()
    assert "one.a.recur: inc: nothing ever sets .n; give it a first value" in str(problem)
    plan.init(".n", 0)
    assert plan.check() == []


def test_frames_are_derived_from_others() -> None:
    plan = Plan("box1")

    class leg(frame):
        enter = "inc .legs with 1"
        transitions = "go next"

    @plan.framer(active=True)
    class one:
        class north(leg):
            recur = "print north"

        class east(leg, name="east_leg"):
            pass

        class end(frame):
            enter = "bid stop me"

    plan.init(".legs", 0)
    running = ran(plan)
    assert moves(running) == [(0.125, "east_leg"), (0.25, "end")]
    assert running.read("box1", ".legs") == 2


def test_without_its_source_a_plan_has_the_line_of_its_declaration() -> None:
    source = (
        "plan = Plan('box1')\n\n\n@plan.framer\nclass one:\n    class a(frame):\n        transitions = go('nowhere')\n"
    )
    names: dict[str, Any] = {"Plan": Plan, "frame": frame, "go": go, "__name__": "typed"}
    exec(compile(source, "<typed>", "exec"), names)
    (problem,) = names["plan"].check()
    assert str(problem).startswith("<typed>:4: one.a.transitions: framer one has no frame nowhere")


@pytest.mark.row("I40")
def test_a_logger_is_declared_in_python_as_in_a_script() -> None:
    plan = Plan("box")
    plan.init(".depth", 1.5)
    plan.logger("deep", at=0.5, to="dives", reuse=True).log("depths", metres=".depth", on="change").log(
        "all", "value in depth", to="whole"
    )

    text = plan.to_floscript()
    assert 'logger deep to "dives" at 0.5 reuse\n  log depths on change\n    loggee .depth as metres\n' in text
    assert parse(text, "again.flo")[1] == []
    assert plan.check() == []
    rows: list[Any] = []
    plan.running(logger=loggers(None, rows.append)).run(until=0.5)
    assert [(row.log, row.values) for row in rows] == [
        ("depths", {"metres": 1.5}), ("all", {"depth": 1.5}), ("all", {"depth": 1.5}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("declare", "why"),
    [
        (lambda plan: plan.logger("if"), "if cannot be the name of a logger"),
        (lambda plan: plan.logger("deep", at=-1), "not below 0"),
        (lambda plan: plan.logger("deep").log("depths", ".depth", on="sometimes"), "sometimes"),
        (lambda plan: plan.logger("deep").log("depths", ".depth", ".far.depth"), "has a column depth already"),
        (lambda plan: (plan.logger("deep"), plan.logger("deep")), "there is a deep already"),
    ],
)
def test_a_logger_that_no_script_could_declare_is_refused(declare: Any, why: str) -> None:
    with pytest.raises(FlowError, match=why):
        declare(Plan("box"))


def test_shares_that_a_function_is_given_say_something_with_fields() -> None:
    plan = Plan("box")
    plan.init(".heat", 81)

    @plan.behavior
    def tell(self: Any) -> None:
        self.journal("told")

    @plan.framer(active=True)
    class main:
        class hot(frame):
            enter = [lambda shares: shares.journal("too hot", degrees=shares[".heat"]), tell]

    running = plan.running()
    told: list[dict[str, Any]] = []
    Telling(list(running.houses.values()), told.append)
    running.run(until=0.0)

    said = [one for one in told if one["event"] == "print"]
    assert said == [
        {"t": 0.0, "event": "print", "framer": "main", "text": "too hot", "fields": {"degrees": 81}},
        {"t": 0.0, "event": "print", "framer": "main", "text": "told", "fields": {}},
    ]
    assert line_of(said[0]).endswith("main  too hot degrees=81")
