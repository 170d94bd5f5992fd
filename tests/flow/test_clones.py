"""Clones of moot framers: declared ones, and those that come and go while a plan runs."""

from __future__ import annotations

import pytest

from tests.flow.playing import Played, play, problems_of

HOUSE = "house h\ninit .n with 0\nframer f be active\n"
MOOT = (
    "framer m be moot\nframe y\n put 0 into k of framer\n recur\n inc k of framer with 1\n native\n print in\n exit\n"
    " print out\n"
)


def entered(played: Played) -> list[tuple[float, str]]:
    return [(stamp, framer) for stamp, framer, _ in played.of("enter") if framer != "f"]


@pytest.mark.row("I25")
def test_each_clone_of_a_moot_framer_has_shares_of_its_own() -> None:
    played = play(HOUSE + "frame a\n aux m as one\n aux m as two\n bid stop me\n" + MOOT)
    assert entered(played) == [(0.0, "f_one"), (0.0, "f_two")]
    shares = played.turns[-1].shares
    assert (shares[".framer.f_one.k"], shares[".framer.f_two.k"]) == (1, 1)
    assert "m" not in played.house.framers


@pytest.mark.row("I25")
def test_clones_that_are_mine_are_counted() -> None:
    played = play(HOUSE + "frame a\n aux m as mine\nframe b in a\n aux m as mine\n bid stop me\n" + MOOT)
    assert entered(played) == [(0.0, "f_m1"), (0.0, "f_m2")]


@pytest.mark.row("I25")
@pytest.mark.parametrize("frames", ["a\n aux m as m1\nframe b in a\n aux m as mine", "a\n aux m as mine\n aux m as m1"])
def test_a_clone_that_is_mine_takes_no_tag_of_another(frames: str) -> None:
    played = play(HOUSE + f"frame {frames}\n bid stop me\n" + MOOT)
    assert sorted(entered(played)) == [(0.0, "f_m1"), (0.0, "f_m2")]


@pytest.mark.row("I25")
def test_a_clone_of_what_has_clones_has_clones_of_its_own() -> None:
    script = HOUSE + "frame a\n aux m as one\n aux m as two\n bid stop me\nframer m be moot\nframe y\n aux k as mine\n"
    played = play(script + "framer k be moot\nframe z\n")
    assert {framer for _, framer in entered(played)} == {"f_one", "f_one_k1", "f_two", "f_two_k1"}


@pytest.mark.row("I25", "I7")
def test_each_clone_has_its_own_frames_under_a_frame() -> None:
    script = HOUSE + "frame a\n aux m as one\n aux m as two\n bid stop me\nframer m be moot\nframe top\n under low\n"
    played = play(script + "frame first in top\nframe low in top\n inc .n with 1\n")
    for clone in ("f_one", "f_two"):
        framer = played.house.framers[clone]
        assert [frame.name for frame in framer.first.outline] == ["top", "low"]
        assert all(frame.framer is framer for frame in framer.first.outline)
    assert played.turns[-1].shares[".n"] == 2


@pytest.mark.row("I25")
def test_a_clone_is_asked_for_by_its_tag() -> None:
    script = HOUSE + "frame a\n aux m as one\n go b if aux one is done\nframe b\n bid stop me\n"
    assert play(script + "framer m be moot\nframe y\n go z if elapsed >= 0.25\nframe z\n done\n").moves("f") == [
        (0.25, "b")
    ]


@pytest.mark.row("I25", "I43")
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("aux g as one", "only a moot framer can be cloned, and g is aux"),
        ("aux m", "framer m is moot; here it has to be aux"),
        ("aux k as one", "there is no framer k"),
        ("aux m as one if elapsed >= 1", "a clone cannot have a condition"),
        ("aux m as one\n aux m as one", "framer f has an auxiliary one already"),
        ("aux m as", "aux: the name of the clone is missing at the end"),
    ],
)
def test_what_cannot_be_cloned_is_told(line: str, reason: str) -> None:
    problems = problems_of(f"{HOUSE}frame a\n {line}\nframer m be moot\nframe y\nframer g be aux\nframe y\n")
    assert len(problems) == 1
    assert reason in problems[0]
    assert problems[0].startswith("plan.flo:")


@pytest.mark.row("I25", "I43")
def test_a_moot_framer_in_its_own_clone_has_no_end() -> None:
    problems = problems_of(HOUSE + "frame a\n aux m as mine\nframer m be moot\nframe y\n aux m as mine\n")
    assert [problem.split(": ", 1)[1] for problem in problems] == [
        "moot framer m would be cloned in its own clone, without an end: aux m as mine"
    ]


REARING = (
    HOUSE + "frame a\n rear m in frame b\n inc .n with 1\n go a if .n < 3\n go b\nframe b\n go c if elapsed >= 0.25\n"
    "frame c\n raze {which} in frame b\n native\n go b if elapsed >= 0.25 and .n < 4\n go d if .n >= 4\n"
    " exit\n inc .n with 1\nframe d\n bid stop me\n" + MOOT
)


@pytest.mark.row("I26")
def test_what_is_reared_runs_with_its_frame_from_its_next_entry_on() -> None:
    played = play(REARING.format(which="first"), limit=5)
    assert entered(played) == [(0.375, "f_m1"), (0.375, "f_m2"), (0.375, "f_m3")]


@pytest.mark.row("I26")
@pytest.mark.parametrize(
    ("which", "left"), [("all", []), ("first", ["f_m2", "f_m3"]), ("last", ["f_m1", "f_m2"])]
)  # fmt: skip
def test_raze_ends_all_the_first_or_the_last_of_them(which: str, left: list[str]) -> None:
    played = play(REARING.format(which=which))
    assert [framer for stamp, framer in entered(played) if stamp > 0.375] == left
    assert not any(framer.alive for framer in played.house.framers.values())


@pytest.mark.row("I26")
def test_what_is_razed_while_it_runs_is_left_first() -> None:
    script = (
        HOUSE + "frame a\n rear m in frame b\n go b\nframe b\n go c if elapsed >= 0.25\nframe c in b\n"
        " raze all in frame b\n enter\n raze all in frame b\n native\n bid stop me\n" + MOOT
    )
    texts = [(stamp, facts["text"]) for stamp, _, facts in play(script).of("print")]
    assert texts == [(0.125, "in"), (0.125, "out")]


@pytest.mark.row("I26")
def test_a_thousand_clones_that_come_and_go_leave_nothing_behind() -> None:
    script = (
        HOUSE + "frame a\n rear m in frame b\n go b\nframe b\n raze all\n native\n inc .n with 1\n go a if .n < 1000\n"
        " go c\nframe c\n bid stop me\n" + MOOT.replace(" print in\n", "").replace(" print out\n", "")
    )
    played = play(script)
    assert played.turns[-1].shares[".n"] == 1000
    assert set(played.house.framers) == {"f"}


@pytest.mark.row("I26", "I43")
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("rear m", "rear: say which other frame gets the clone"), ("rear m in frame me", "say which other frame"),
        ("rear m as one in frame b", "rear: expected mine, found one"), ("rear m be slave in frame b", "expected aux"),
        ("rear g in frame b", "only a moot framer can be cloned"), ("rear m in frame z", "framer f has no frame z"),
        ("rear m in frame under", "frame under is in the outline of a"), ("raze some", "what is razed is one of"),
        ("raze all in frame z", "framer f has no frame z"),
    ],
)  # fmt: skip
def test_what_cannot_be_reared_or_razed_is_told(line: str, reason: str) -> None:
    script = f"{HOUSE}frame a\n {line}\nframe under in a\nframe b\nframer m be moot\nframe y\n"
    script += "framer g be aux\nframe y\n"
    (problem,) = problems_of(script)
    assert problem.startswith("plan.flo:5: ")
    assert reason in problem
