"""Plans as scripts: what is printed declares the same again, and what no script can say is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atilite.errors import FlowError
from atilite.flow import Plan, Running, frame, go, to_floscript, until
from atilite.flow.behaviors import described
from atilite.flow.model import (
    CONTEXTS,
    Act,
    Bid,
    Call,
    Compare,
    Context,
    Do,
    FrameDecl,
    FramerDecl,
    Go,
    HouseDecl,
    Inc,
    IsDone,
    Let,
    Line,
    LoggerDecl,
    Marked,
    Print,
    Put,
    Source,
    Truth,
)
from atilite.flow.model import PlanDecl as Declared
from atilite.flow.model import Test as Asked
from atilite.flow.syntax import parse
from atilite.flow.text import values_of
from tests.flow.plans import Plans
from tests.flow.test_plan import box

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

EVERYTHING = """
house one
init .a with 1
init .b with x 1 y "two words"
init v in .c from x in .b
init .d from .a
framer f at 0.5 be active first b in back via tank. on fault ignore
frame a via .x.
  benter
    do ready at recur
  native
  let if .a > 2
  let me if not .a
  put 3 into .a
  put "it's" into .text
  put x 3 y 'say "no"' into .b
  put 1 into x in .b
  inc x y in .b with x 1 y 2
  inc .a with -1.5e-7
  inc n of me from .a
  copy x y in .b into x y in .c
  set elapsed with 20
  set .goal.z from n of frame a of framer g
  set heading to 270.0
  print
  print plain words
  go next
  go b if elapsed >= 2 and recurred < 3 and not .a == 3 +- 0.5
  go me if .a == "text" and .b is updated and .a is changed in frame me by marker
  go c if elapsed >= goal and x in .b != value in .a
  go c if g is stopped and g is done and aux mine1 is done and all in frame b is done
  go c if any in frame a in framer g is done or
frame b in a
  over a
  under c
  next a
  timeout 2
  repeat 3
  recur
    put none into .a
    bid start g at 0.25
    bid stop all
    bid run f g at .a
  exit
    start s
    done
    done me s
  do thing one as special name at enter via .here. with 3 with a 1 b .p.q from .a from x in .b
    per inp .q cum start 3 qua .a for .b
frame c in b
  aux g
  aux h as mine via .y.
  aux h as tagged
  aux g if .a
  rear h as mine be aux in frame a
  raze first in frame a
  raze all
framer g be aux
frame g1
framer h be moot
frame h1
framer s be slave
frame s1
logger log at 0.5 to "some folder" be inactive in front flush 3 keep 2 cycle 60 size 1000 reuse
log first to file on update
loggee .a .b as other
loggee x in .b as bx
log second
house two
framer f
frame a
""".replace(" is done or\n", " is done\n")


def declared(script: str) -> Declared:
    plan, problems = parse(script, "plan.flo")
    assert [str(problem) for problem in problems] == []
    return plan


def meaning(script: str) -> Any:
    """What a script declares, without its places."""
    return values_of(declared(script).houses)


def printed(script: str) -> str:
    """A script as the plan that it declares is printed."""
    return to_floscript(declared(script))


@pytest.mark.parametrize("trace", [pytest.param(path, id=path.stem) for path in sorted(HERE.glob("traces/*.txt"))])
def test_recorded_scripts_are_printed_so_that_they_declare_the_same(trace: Path) -> None:
    script = trace.read_text(encoding="utf-8").partition("\n---\n")[0]
    text = printed(script)
    assert meaning(text) == meaning(script)
    assert printed(text) == text


def test_the_mission_in_its_old_dialect_is_printed_in_the_newer_one() -> None:
    script = (ROOT / "services/mission.flo").read_text(encoding="utf-8")
    text = printed(script)
    assert meaning(text) == meaning(script)
    assert "set .goal.heading with" in text
    assert " to " not in text


@pytest.mark.row("I31", "I32", "I34", "I42")
def test_every_clause_of_the_language_is_printed() -> None:
    text = printed(EVERYTHING)
    assert meaning(text) == meaning(EVERYTHING)
    assert printed(text) == text
    for line in (
        "framer f be active at 0.5 first b in back via tank. on fault ignore",
        "set .goal.heading with 270.0",
        "timeout 2",
        "repeat 3",
        "go c if elapsed >= goal and x in .b != value in .a",
        "print \"plain words\"",
    ):
        assert line in [found.strip() for found in text.splitlines()]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 100_000))
def test_random_plans_are_printed_so_that_they_declare_the_same(seed: int) -> None:
    script = Plans(seed).script()
    text = printed(script)
    assert meaning(text) == meaning(script)
    assert printed(text) == text


# -- plans that nobody has written as a script ------------------------------------------------------------------------

names = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)
paths = st.from_regex(r"\.?[a-z][a-z0-9_]{0,4}(\.[a-z][a-z0-9_]{0,4}){0,3}", fullmatch=True)
texts = st.text(max_size=12)
literals = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, paths)
fields = st.lists(names, max_size=3, unique=True).map(tuple)
sources = st.builds(Source, paths, fields)
data = st.lists(st.tuples(names | st.just("value"), literals), min_size=1, max_size=3).map(tuple)
negated = st.booleans()
needs = st.one_of(
    st.builds(Compare, sources, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), literals | sources,
              st.floats(0, 10) | st.just(0.0), negated),
    st.builds(Truth, sources, negated),
    st.builds(Marked, st.builds(Source, paths), st.sampled_from(["updated", "changed"]), names, names, negated),
    st.builds(IsDone, names, st.booleans(), names | st.just(""), names | st.just(""), negated),
)  # fmt: skip
all_needs = st.lists(needs, max_size=3).map(tuple)
acts: st.SearchStrategy[Act] = st.one_of(
    st.builds(Put, sources, data), st.builds(Put, sources, st.just(()), sources, st.booleans()),
    st.builds(Inc, sources, data), st.builds(Print, texts), st.builds(Go, names, all_needs),
    st.builds(Let, all_needs), st.builds(Bid, st.sampled_from(["stop", "start"]), st.lists(names).map(tuple),
                                         st.none() | st.floats() | sources),
    st.builds(Do, names.map(str.capitalize), names.map(str.capitalize), st.none() | paths, data, ios=data),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(CONTEXTS), acts), max_size=3))
def test_a_declaration_is_printed_right_or_refused(lines: list[tuple[Context, Act]]) -> None:
    decl = FrameDecl("a", lines=[Line(context, act) for context, act in lines])
    framer = FramerDecl("f", first="a", frames={"a": decl})
    plan = Declared({"h": HouseDecl("h", taskers={"f": framer})})
    try:
        text = to_floscript(plan)
    except FlowError:
        return
    back, problems = parse(text, "back.flo")
    assert problems == []
    assert values_of(back.houses) == values_of(plan.houses)


def test_python_plans_are_printed_with_their_behaviours_as_do() -> None:
    text = box().to_floscript()
    assert text == (
        "house box1\n"
        "init .sensor.temp with 30\n"
        "\n"
        "framer Cooling be active at 0.5 first idle\n"
        "  frame watch\n"
        "    go alarm if sensor.temp > 80\n"
        "    frame idle in watch\n"
        "      go blow if sensor.temp > 60\n"
        "    frame blow in watch\n"
        "      do fan control\n"
        "      go idle if sensor.temp < 50\n"
        "      go idle if elapsed >= 600\n"
        "  frame alarm\n"
        "    put 100 into .fan.duty\n"
        '    print "hot"\n'
    )
    assert printed(text) == text


@pytest.mark.row("I49")
def test_a_plan_of_python_and_its_script_make_the_same_history() -> None:
    plan = box()

    @plan.framer(active=True)
    def weather(self: Any) -> Iterator[Any]:
        for degrees in (70, 45, 65, 95):
            self[".sensor.temp"] = degrees
            yield until(elapsed=1.5)

    script, problems = parse(plan.to_floscript(), "box.flo")
    assert problems == []
    histories = []
    for running in (plan.running(), Running(script, plan.behaviors)):
        running.run(until=8.0)
        moves = [(one.stamp, one.framer, one.old, one.new, one.by, one.place.text, one.after)
                 for one in running.transitions("box1")]  # fmt: skip
        histories.append((moves, running.snapshot("box1"), running.framers("box1")))
    assert histories[0] == histories[1]
    assert [move[3][-1] for move in reversed(histories[0][0])] == ["blow", "idle", "blow", "alarm"]


def test_a_behaviour_that_stands_in_an_act_itself_is_printed_by_its_name() -> None:
    def sense_depth() -> None:
        pass

    kinds = (sense_depth, described(sense_depth), described(sense_depth, name="SenseDepth"))
    for kind in kinds:
        decl = FrameDecl("a", lines=[Line("recur", Do(kind))])
        framer = FramerDecl("f", first="a", frames={"a": decl})
        assert "do sense depth" in to_floscript(Declared({"h": HouseDecl("h", taskers={"f": framer})}))


def _with(line: Any) -> Plan:
    plan = Plan("box1")

    @plan.framer
    class one:
        class a(frame):
            recur = [line]

    return plan


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (lambda shares: None, "the function <lambda> has no words in a script; make it a behaviour"),
        (go("a", when=printed), "the function printed has no words"),
        (Put(Source(".a"), (("value", [1, 2]),)), "no script can say"),
        (Print("two\nlines"), "no script can say"),
        (Call(printed), "the function printed has no words"),
        (Go("a", (Asked(printed),)), "the function printed has no words"),
    ],
)
def test_what_no_script_can_say_is_named_with_its_place(line: Any, said: str) -> None:
    with pytest.raises(FlowError) as caught:
        _with(line).to_floscript()
    assert str(caught.value).startswith(f"{__file__}:")
    assert f": one.a.recur: {said}" in str(caught.value)


def test_of_a_whole_plan_the_part_that_is_lost_is_named() -> None:
    plan = Plan("box1")
    plan.init(".a", {"a": 1})
    with pytest.raises(FlowError, match=r"box1: no script can say .*'a': 1"):
        plan.to_floscript()
    logger = LoggerDecl("log", folder="a\nb")
    with pytest.raises(FlowError, match=r"no script can say LoggerDecl.*'a\\nb'"):
        to_floscript(Declared({"h": HouseDecl("h", taskers={"log": logger})}))
