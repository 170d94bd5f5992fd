"""Scripts as a whole: both dialects, every statement, and all errors of a script in one go."""

from __future__ import annotations

import pytest

from atilite.flow.model import PlanDecl
from atilite.flow.syntax import parse
from tests.flow.playing import play, problems_of


def read(script: str) -> PlanDecl:
    plan, problems = parse(script, "plan.flo")
    assert problems == []
    return plan


SLIDES = (
    "house h\nframer f be active\nframe a\n set elapsed to 0.25\n set heading to 90.0\n put 1.0 into .state.depth\n"
    " set depth to 1.0\n go next if elapsed >= goal\nframe b\n go next if depth >= goal\nframe c\n bid stop me\n"
)


@pytest.mark.row("I15", "I17", "I18")
def test_the_old_dialect_means_goals_and_states() -> None:
    played = play(SLIDES)
    assert played.moves() == [(0.25, "b"), (0.375, "c")]
    shares = played.turns[-1].shares
    assert (shares[".goal.heading"], shares[".goal.depth"], shares[".framer.f.goal.elapsed"]) == (90.0, 1.0, 0.25)


@pytest.mark.row("I31")
@pytest.mark.parametrize(("old", "new"), [("to 3", "with 3"), ("by .m", "from .m")])
@pytest.mark.parametrize("verb", ["inc .n", "set .n", "set a.n", "set recurred", "init .n"])
def test_the_old_connectives_say_the_same_as_the_new_ones(verb: str, old: str, new: str) -> None:
    script = "house h\ninit .m with 3\ninit .n with 1\n{0}framer f be active\nframe a\n{1}"
    first, last = (f"{verb} {{}}\n", "") if verb.startswith("init") else ("", f" {verb} {{}}\n")
    before, after = (
        play(script.format(first.format(word), last.format(word)), limit=1).turns[0].shares for word in (old, new)
    )
    assert before == after


@pytest.mark.row("I20", "I23")
@pytest.mark.parametrize(
    ("old", "new"), [("done g", "g is done"), ("status g is started", "g is started"), ("not done g", "not g is done")]
)
def test_the_old_needs_say_the_same_as_the_new_ones(old: str, new: str) -> None:
    script = "house h\nframer f be active\nframe a\n go b if {}\nframe b\nframer g be aux\nframe a\n"
    acts = [read(script.format(need)).houses["h"].framers["f"].frames["a"].lines[0].act for need in (old, new)]
    assert acts[0] == acts[1]


REFUSED = [
    # in a house, outside of any framer
    ("house", "house: the name of a house is missing at the end"),
    ("house 3", "house: 3 cannot be the name of a house"),
    ("house h", "house: there is a house h already, in line 1"),
    ("house a b", "house: b is more than it takes"),
    ("framer", "framer: the name of a framer is missing at the end"),
    ("framer f.g", "framer: f.g cannot be the name of a framer"),
    ("framer f", "framer: there is a f already, in line 2"),
    ("framer if", "framer: if cannot be the name of a framer"),
    ("framer g be actve", "how a framer is scheduled is one of active, inactive, aux, slave, moot, not actve; "
                          "did you mean active?"),
    ("framer g at soon", "framer: the period in seconds is a number, not soon"),
    ("framer g in middle", "framer: the order is one of front, mid, back, not middle"),
    ("framer g active", "framer: expected be or at or first or in or via"),
    ("framer g via", "framer: the path of a branch is missing at the end"),
    ("init", "init: the path of a share is missing at the end"),
    ("init .x", "init: expected with or to or from or by, found nothing"),
    ("init .x with", "init: a value is missing before the end"),
    ("init a in .x with 3", "init: fields are named with their values"),
    ("init .x from .nowhere", "init: nothing has set .nowhere before"),
    ("load other.flo", "load: this script was not read from a file, so it can load none"),
    ("server web", "server: a plan serves nothing itself"),
    ("logger", "logger: the name of a logger is missing at the end"),
    ("log x on always", "log: no logger yet"),
    ("loggee .x", "loggee: no logger yet"),
    ("logger l at often", "logger: the period in seconds is a number"),
    ("hose x", "hose is no verb; did you mean house?"),
    ("=== x", "=== is no verb"),
    # in a framer
    ("first", "first: the name of the first frame is missing at the end"),
    ("frame", "frame: the name of a frame is missing at the end"),
    ("frame next", "frame: next has a meaning of its own as a target"),
    ("frame prev", "frame: prev has a meaning of its own as a target"),
    ("frame a", "frame: framer f has a frame a in line 3 already"),
    ("frame b over a", "frame: expected in or via, found over"),
    ("frame b in nowhere", "framer f has no frame nowhere"),
    # in a frame
    ("over b", "framer f has no frame b"), ("under b", "framer f has no frame b"),
    ("next b", "framer f has no frame b"),
    ("over a", "frame a would be over itself"), ("native now", "native: now is more than it takes"),
    ("enter at once", "enter: at once is more than it takes"),
    ("go", "go: the name of a frame is missing at the end"), ("go b", "framer f has no frame b"),
    ("go next", "there is no frame behind a to go to"), ("go me if", "go: a need is missing after if"),
    ("go me when .x", "go: expected if, found when"), ("go me if not", "go: a need is missing after not"),
    ("go me if .x > ", "go: a value or a share is missing behind the comparison"),
    ("go me if .x = 3", "go: = 3 is more than it takes"), ("go me if .x >= 3 and", "go: a need is missing"),
    ("go me if elapsed", "go: expected == or != or < or <= or >= or >, found nothing"),
    ("go me if elapsed >= 1 +- some", "go: the tolerance is a number, not some"),
    ("go me if elapsed re g >= 1", "go: elapsed is asked of f, not of g"),
    ("go me if a b in .x > 3", "go: a need is about one field, not a, b"),
    ("go me if .x is new", "go: after is comes one of updated, changed, done,"),
    ("go me if .x is", "not the end"), ("go me if g is running", "there is no framer g"),
    ("go me if aux g is done", "framer f has no auxiliary g"),
    ("go me if any in framer g is done", "go: of which frame of framer g"),
    ("go me if .x is updated in frame b", "framer f has no frame b"),
    ("let", "let: expected if, found nothing"), ("let me", "let: expected if, found nothing"),
    ("timeout", "timeout: the time in seconds is missing at the end"),
    ("timeout soon", "timeout: the time in seconds is a number, not soon"),
    ("repeat x", "repeat: how often is a number, not x"),
    ("aux", "aux: the name of an auxiliary framer is missing at the end"),
    ("aux g", "there is no framer g"), ("aux f", "framer f is active; here it has to be aux"),
    ("aux g if .x", "there is no framer g"),
    ("bid", "bid: what is asked for is missing at the end"), ("bid halt f", "bid: what is asked for is one of"),
    ("bid stop g", "there is no framer g"), ("bid stop all me", "bid: all stands alone"),
    ("bid start f at", "the path of a period is missing"),
    ("start f", "framer f is active; here it has to be slave"), ("run", "run: the name of a slave framer is missing"),
    ("done g", "there is no framer g"), ("done f", "framer f is active; here it has to be aux or slave"),
    ("do", "do: the name of a behaviour is missing"), ("do at enter", "do: the name of a behaviour is missing"),
    ("do x at noon", "do: a context is one of native, benter, enter,"),
    ("do x with", "do: a value is missing before the end"),
    ("put 3 into .x.y.", "put: .x.y. is no path of a share"), ("put 3 into if", "put: if is no path of a share"),
    ("set if with 3", "set: if is no path of a goal"),
]  # fmt: skip


@pytest.mark.row("I43")
@pytest.mark.parametrize(("line", "said"), [pytest.param(*one, id=one[0]) for one in REFUSED])
def test_a_statement_that_is_refused_is_told_with_file_line_and_text(line: str, said: str) -> None:
    frame = "frame z\n" if line.startswith("framer") else ""  # or it would lack one
    problems = problems_of(f"house h\nframer f be active\nframe a\n {line}\n{frame}")
    assert len(problems) == 1, problems
    assert problems[0].startswith("plan.flo:4: ")
    assert said in problems[0]
    assert problems[0].endswith(line.strip())


@pytest.mark.row("I43")
@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("framer f\n", "framer: no house yet; begin with a line such as: house box1"),
        ("house h\nframe a\n", "frame: no framer yet"), ("house h\nput 3 into .x\n", "put: no framer yet"),
        ("house h\nframer f\nframe a\nframer g\ngo next\n", "go: no frame yet"),
        ("house h\nframer f\nframe a\nframer g\nenter\n", "enter: no frame yet"),
        ("house h\nframer f be active\n", "framer f has no frame"),
    ],
)  # fmt: skip
def test_a_statement_in_no_place_for_it_is_told(script: str, said: str) -> None:
    (problem,) = [one for one in problems_of(script) if "g has no frame" not in one]
    assert said in problem
    assert problem.startswith(f"plan.flo:{script.count(chr(10))}: ")


@pytest.mark.row("I43")
def test_all_errors_of_a_script_are_told_in_one_go_those_of_names_too() -> None:
    script = (
        "house h\ninit .x wth 3\nframer mission be active\nframe start\n go ende if elapsed >= 1\n timeout soon\n"
        " bid stop misson\nframe end\n put a 1 b into .y\n go start if stat is done\n"
    )
    assert [problem.split(": ", 1) for problem in problems_of(script)] == [
        ["plan.flo:2", "init: expected with or to or from or by, found wth: init .x wth 3"],
        ["plan.flo:5", "framer mission has no frame ende; did you mean end?: go ende if elapsed >= 1"],
        ["plan.flo:6", "timeout: the time in seconds is a number, not soon: timeout soon"],
        ["plan.flo:7", "there is no framer misson; did you mean mission?: bid stop misson"],
        ["plan.flo:9", "put: fields and values take turns, but b has no value: put a 1 b into .y"],
        ["plan.flo:10", "there is no framer stat; known: mission: go start if stat is done"],
    ]


@pytest.mark.row("I36")
def test_a_do_keeps_all_its_clauses_in_any_order() -> None:
    plan = read(
        "house h\nframer f be active\nframe a\n do controller pid as my pid via pid.one with gain 2 from .parms"
        " per rate .rate for places in .ios cum limit 3 qua .inits at enter\n"
    )
    (line,) = plan.houses["h"].framers["f"].frames["a"].lines
    assert line.context == "enter"
    act = line.act
    assert (act.kind, act.name, act.via, act.data) == ("ControllerPid", "MyPid", "pid.one", (("gain", 2),))  # type: ignore[union-attr]
    assert (act.ios, act.inits) == ((("rate", ".rate"),), (("limit", 3),))  # type: ignore[union-attr]
    assert [str(one) for one in (*act.sources, *act.io_sources, *act.init_sources)] == [  # type: ignore[union-attr]
        ".parms", "places in .ios", ".inits",
    ]  # fmt: skip


@pytest.mark.row("I41")
def test_a_file_is_read_where_it_is_loaded_and_not_twice_in_itself() -> None:
    files = {"one.flo": "framer f be active\nload two.flo\nframe b\n bid stop me\n", "two.flo": "frame a\n go next\n"}

    def find(name: str, file: str) -> tuple[str, str]:
        return name, files[name]

    plan, problems = parse("house h\nload one.flo\n", "plan.flo", find)
    assert problems == []
    assert list(plan.houses["h"].framers["f"].frames) == ["a", "b"]
    assert plan.houses["h"].framers["f"].frames["a"].place[:2] == ("two.flo", 1)
    files["two.flo"] = "frame a\n load one.flo\n"
    _, problems = parse("house h\nload one.flo\n", "plan.flo", find)
    assert [str(problem) for problem in problems] == [
        "two.flo:2: load: one.flo is being loaded already, by two.flo: load one.flo"
    ]
