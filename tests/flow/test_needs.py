"""Needs: when a transition is granted."""

from __future__ import annotations

import pytest

from tests.flow.playing import play, problems_of

HOUSE = (
    "house h\ninit .n with 2\ninit .m with 3\ninit .yes with true\ninit .no with false\ninit .text with \"abc\"\n"
    "init .two with a 1 b 5\ninit .none with none\nframer f be active\nframe a\n go b if {need}\n go c\n"
    "frame b\n bid stop all\nframe c\n bid stop all\nframer g be inactive\nframe x\n"
)  # fmt: skip


def holds(need: str) -> bool:
    return play(HOUSE.format(need=need)).moves()[0][1] == "b"


@pytest.mark.row("I15")
def test_a_transition_without_a_need_goes_and_several_needs_hold_together() -> None:
    assert play(HOUSE.format(need=".n == 2")).moves() == [(0.125, "b")]
    assert holds(".n == 2 and .m == 3")
    assert not holds(".n == 2 and .m == 4")
    assert holds(".n == 2 and not .m == 4 and .yes")


@pytest.mark.row("I15")
@pytest.mark.parametrize(("far", "frame"), [("next", "b"), ("c", "c"), ("me", "a")])
def test_a_transition_goes_to_a_frame_the_next_one_or_its_own(far: str, frame: str) -> None:
    script = f"house h\nframer f be active\nframe a\n go {far}\nframe b\nframe c\n"
    assert play(script, limit=2).moves() == [(0.125, frame)]


@pytest.mark.row("I15")
def test_there_is_no_or() -> None:
    (problem,) = problems_of(HOUSE.format(need=".n == 2 or .m == 3"))
    assert problem.startswith("plan.flo:11: go: or .m == 3 is more than it takes")


@pytest.mark.row("I16")
@pytest.mark.parametrize(
    ("verb", "at"), [("timeout 0.5", 0.5), ("timeout 0.3", 0.375), ("repeat 2", 0.25), ("repeat 0", 0.125)]
)
def test_timeout_and_repeat_go_to_the_next_frame(verb: str, at: float) -> None:
    played = play(f"house h\nframer f be active\nframe a\n {verb}\nframe b\n bid stop me\n")
    assert played.moves() == [(at, "b")]
    assert played.of("transition")[0][2]["cause"] == verb


@pytest.mark.row("I16")
@pytest.mark.parametrize("verb", ["timeout soon", "repeat often", "timeout", "timeout .n", "repeat 1 2"])
def test_timeout_and_repeat_take_a_number_and_nothing_else(verb: str) -> None:
    (problem,) = problems_of(f"house h\nframer f be active\nframe a\n {verb}\nframe b\n")
    assert problem.startswith(f"plan.flo:4: {verb.split()[0]}: ")
    assert problem.endswith(verb)


@pytest.mark.row("I17")
def test_elapsed_and_recurred_begin_anew_with_each_entry() -> None:
    script = (
        "house h\nframer f be active\nframe top\nframe a in top\n go b if elapsed >= 0.25\nframe b in top\n"
        " go c if elapsed >= 0.25\nframe c\n go d if recurred >= 2\nframe d\n bid stop me\n"
    )
    assert play(script).moves() == [(0.25, "b"), (0.5, "c"), (0.75, "d")]


@pytest.mark.row("I17")
@pytest.mark.parametrize("kind", ["elapsed", "recurred"])
def test_a_goal_of_the_framer_stands_until_it_is_set_again(kind: str) -> None:
    value = {"elapsed": "0.25", "recurred": "2"}[kind]
    script = (
        f"house h\nframer f be active\nframe a\n set {kind} with {value}\n go b if {kind} >= goal\nframe b\n"
        f" go c if {kind} >= goal\nframe c\n bid stop me\n"
    )
    played = play(script)
    assert played.moves() == [(0.25, "b"), (0.5, "c")]
    assert played.turns[0].shares[f".framer.f.goal.{kind}"] == float(value)


@pytest.mark.row("I17")
def test_the_clock_of_another_framer_is_a_share() -> None:
    script = (
        "house h\nframer g be active\nframe x\n go y if elapsed >= 0.5\nframe y\n bid stop me\n"
        "framer f be active\nframe a\n go b if state.elapsed of framer g >= 0.375\nframe b\n bid stop me\n"
    )
    assert play(script).moves("f") == [(0.375, "b")]


COMPARED = [
    (".n == 2", True), (".n == 3", False), (".n != 3", True), (".n != 2", False), (".n < 3", True), (".n < 2", False),
    (".n <= 2", True), (".n <= 1", False), (".n >= 2", True), (".n >= 3", False), (".n > 1", True), (".n > 2", False),
    (".n == 3 +- 1", True), (".n == 4 +- 1", False), (".n != 3 +- 1", False), (".n != 4 +- 1", True),
    (".n == value 2", True), (".n >= value 2.5", False), ("elapsed >= value 0.125", True),
    (".n < .m", True), (".n > .m", False), (".n == .m +- 1", True), ("value in .n == 2", True),
    ("a in .two == 1", True), ("a in .two < b in .two", True), ("b in .two == .m +- 2", True),
    (".yes", True), (".no", False), (".n", True), ("not .no", True), ("not .yes", False), ("a in .two", True),
    ('.text == "abc"', True), ('.text == "abd"', False), ('.text != "abd"', True), (".text == 3", False),
    (".text > 3", False), (".yes == true", True), (".no == true", False),
    (".none > 0", False), (".none < 9", False), (".none == 0", False), (".none", False), ("not .none > 0", True),
]  # fmt: skip


@pytest.mark.row("I18")
@pytest.mark.parametrize(("need", "expected"), COMPARED)
def test_a_need_compares_a_share_to_a_value_or_another_share(need: str, expected: bool) -> None:
    assert holds(need) is expected


@pytest.mark.row("I18")
@pytest.mark.parametrize("symbol", ["==", "<", "<=", ">", ">="])
def test_a_share_that_was_never_set_compares_to_nothing(symbol: str) -> None:
    assert not holds(f".never {symbol} 0")


WRITER = (
    "framer w be active in front\nframe w1\n go w2 if elapsed >= 0.5\nframe w2\n put {value} into .n\n"
    " go w3 if elapsed >= 0.5\nframe w3\n bid stop me\n"
)


def marked(need: str, value: int) -> list[tuple[float, str]]:
    script = (
        "house h\ninit .n with 2\nframer f be active\nframe a\n go b if " + need + "\n go c if elapsed >= 1.0\n"
        "frame b\n bid stop me\nframe c\n bid stop me\n" + WRITER.format(value=value)
    )
    return play(script).moves("f")


@pytest.mark.row("I19")
@pytest.mark.parametrize(
    ("need", "value", "move"),
    [
        (".n is updated in frame", 2, (0.5, "b")), (".n is updated in frame", 3, (0.5, "b")),
        (".n is updated in frame me", 2, (0.5, "b")), (".n is updated in frame a", 2, (0.5, "b")),
        (".n is updated", 2, (0.5, "b")), (".n is updated in frame by seen", 2, (0.5, "b")),
        (".n is changed in frame", 2, (1.0, "c")), (".n is changed in frame", 3, (0.5, "b")),
        (".n is changed in frame a", 3, (0.5, "b")), ("not .n is changed in frame", 3, (0.125, "b")),
    ],
)  # fmt: skip
def test_updated_is_written_and_changed_is_written_with_another_value(
    need: str, value: int, move: tuple[float, str]
) -> None:
    assert marked(need, value) == [move]


@pytest.mark.row("I19")
def test_without_a_frame_the_mark_is_set_only_when_the_transition_is_granted() -> None:
    script = (
        "house h\ninit .n with 0\ninit .k with 0\nframer w be active in front\nframe x\n put 1 into .n\n bid stop me\n"
        "framer f be active\nframe a\n inc .k with 1\n go b if .n is updated{where}\n go me if elapsed >= 0.25\n"
        " go end if .k >= 3\nframe b\n go a if elapsed >= 0.25\nframe end\n bid stop me\n"
    )
    # Written before a was entered: that entry does not hide it, and the granted transition does.
    assert play(script.format(where=""), limit=12).moves("f")[:3] == [(0.125, "b"), (0.375, "a"), (0.625, "a")]
    assert play(script.format(where=" in frame"), limit=5).moves("f") == [(0.25, "a"), (0.5, "a")]


@pytest.mark.row("I19")
def test_needs_of_one_marker_share_their_mark() -> None:
    script = (
        "house h\ninit .n with 0\nframer w be active in front\nframe x\n go y if elapsed >= 0.25\nframe y\n"
        " put 1 into .n\n bid stop me\nframer f be active\nframe a\n go b if .n is updated in frame by {0}\nframe b\n"
        " go c if .n is updated by {1}\n go d if elapsed >= 0.25\nframe c\n bid stop me\nframe d\n bid stop me\n"
    )
    assert play(script.format("one", "one")).moves("f") == [(0.25, "b"), (0.5, "d")]
    assert play(script.format("one", "two")).moves("f") == [(0.25, "b"), (0.375, "c")]


@pytest.mark.row("I20")
@pytest.mark.parametrize(
    ("asked", "need", "at"),
    [
        ("ready g", "g is readied", 0.125), ("start g", "g is started", 0.125), ("run g", "g is running", 0.375),
        ("stop g", "g is stopped", 0.125), ("abort g", "g is aborted", 0.125),
        ("start g", "status g is started", 0.125),
    ],
)  # fmt: skip
def test_the_status_of_a_framer_is_a_need(asked: str, need: str, at: float) -> None:
    script = (
        f"house h\nframer f be active\nframe a\n bid {asked}\n go b if {need}\n"
        "frame b\n bid stop all\nframer g be inactive\nframe x\n"
    )
    assert play(script, limit=5).moves("f") == [(at, "b")]


@pytest.mark.row("I20")
def test_me_is_started_until_its_second_turn_is_over() -> None:
    script = (
        "house h\nframer f be active\nframe a\n go b if me is started\nframe b\n go c if me is running\nframe c\n"
        " bid stop me\n"
    )
    assert play(script).moves() == [(0.125, "b"), (0.25, "c")]


DONE = (
    "house h\nframer f be active\nframe a\n aux g\n aux k\n go b if {need}\n go c if elapsed >= 1.0\n"
    "frame b\n bid stop me\nframe c\n bid stop me\n"
    "framer g be aux\nframe x\n go y if elapsed >= 0.25\nframe y\n done\n"
    "framer k be aux\nframe x\n go y if elapsed >= 0.5\nframe y\n done\n"
)


@pytest.mark.row("I20")
@pytest.mark.parametrize(
    ("need", "at"),
    [
        ("g is done", 0.25), ("done g", 0.25), ("k is done", 0.5), ("aux g is done", 0.25), ("any is done", 0.25),
        ("all is done", 0.5), ("any in frame is done", 0.25), ("all in frame a is done", 0.5),
        ("any in frame a in framer f is done", 0.25), ("aux k in frame a is done", 0.5),
        ("aux k in frame a in framer me is done", 0.5), ("not g is done", 0.125), ("aux g in frame b is done", 1.0),
    ],
)  # fmt: skip
def test_auxiliaries_that_are_done_are_a_need(need: str, at: float) -> None:
    ((stamp, _),) = play(DONE.format(need=need)).moves("f")
    assert stamp == at


@pytest.mark.row("I18")
def test_a_bare_name_stands_for_the_state_that_is_declared_and_goal_for_its_goal() -> None:
    script = (
        "house h\ninit .state.depth with 3\ninit .goal.depth with 2\ninit .speed with 1\nframer f be active\nframe a\n"
        " go b if depth >= goal\nframe b\n go c if depth >= 3 and speed == 1\nframe c\n bid stop me\n"
    )
    assert play(script).moves() == [(0.125, "b"), (0.25, "c")]


@pytest.mark.parametrize(
    "place", ["", " in frame", " in frame me in framer f", " in frame a in framer f", " in framer f"]
)
@pytest.mark.row("I20")
def test_auxiliaries_are_asked_for_in_the_words_of_the_original(place: str) -> None:
    played = play(
        f"house h\nframer f be active\nframe a\n aux x\n go b if all{place} is done\nframe b\n bid stop me\n"
        "framer x be aux\nframe y\n go z if elapsed >= 0.25\nframe z\n done\n"
    )
    assert played.moves("f") == [(0.25, "b")]
