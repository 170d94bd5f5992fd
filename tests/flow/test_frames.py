"""Framers and frames: what is entered, recurs and is left, and in which order."""

from __future__ import annotations

import pytest

from atilite.flow.building import build
from atilite.flow.syntax import parse
from atilite.flow.turns import Turns
from tests.flow.playing import NoBehaviors, Played, built, play, told

STAY = "house h\ninit .n with 0\nframer f be active\n"


def prints(played: Played) -> list[str]:
    return [facts["text"] for _, _, facts in played.of("print")]


def steps(played: Played, turn: int) -> str:
    return told(played.turns[turn].events)


@pytest.mark.row("I1")
def test_a_house_has_its_own_shares_and_framers_and_stops_only_its_own() -> None:
    one = "house {0}\ninit .n with {1}\nframer f be active\nframe a\n go b if elapsed >= {2}\nframe b\n bid stop all\n"
    plan, problems = parse(one.format("red", 1, 0.25) + one.format("blue", 2, 0.5), "plan.flo")
    assert problems == []
    houses = [build(decl, NoBehaviors())[0] for decl in plan.houses.values()]
    turns = Turns(houses)
    ended: dict[str, float] = {}
    while turns.turn():
        for house in houses:
            if house.framers["f"].alive:
                ended[house.name] = turns.now
    assert ended == {"red": 0.25, "blue": 0.5}
    assert [house.store.share(".n").value for house in houses] == [1, 2]


@pytest.mark.row("I2")
def test_the_options_of_a_framer_come_in_any_order_and_without_be_it_is_inactive() -> None:
    plan, problems = parse(
        "house h\nframer f via in.side first b at 0.5 in back be active\nframe a\nframe b\nframer g\nframe a\n", "p"
    )
    assert problems == []
    f, g = plan.houses["h"].framers.values()
    assert (f.schedule, f.period, f.first, f.order, f.via) == ("active", 0.5, "b", "back", "in.side")
    assert (g.schedule, g.period, g.first, g.order, g.via) == ("inactive", 0.0, "a", "mid", "")


@pytest.mark.row("I2")
def test_only_what_is_active_starts_by_itself() -> None:
    script = "house h\n" + "".join(
        f"framer {kind} be {kind}\nframe a\n go b if elapsed >= 0.25\nframe b\n bid stop {kind}\n"
        for kind in ("active", "inactive")
    )
    assert {framer for _, framer, _ in play(script).of("enter")} == {"active"}


@pytest.mark.row("I3")
def test_what_is_aborted_never_starts_again_and_what_is_stopped_does() -> None:
    script = (
        "house h\nframer f be active\nframe a\n bid {0} g\n go b if elapsed >= 0.25\nframe b\n bid start g\n"
        " go c if elapsed >= 0.25\nframe c\n bid stop all\nframer g be active\nframe x\n print in\n"
    )
    assert prints(play(script.format("stop"))) == ["in"]
    assert play(script.format("abort")).house.framers["g"].status == "aborted"
    assert prints(play(script.format("abort"))) == []


@pytest.mark.row("I3")
def test_a_stop_leaves_all_frames_bottom_up() -> None:
    played = play(STAY + "frame a\n bid stop me\nframe b in a\nframe c in b\n")
    assert steps(played, 1) == "<STOPP f>; f: exit:c exit:b exit:a"


@pytest.mark.row("I4")
def test_a_period_does_not_drift_and_counts_for_what_takes_turns_only() -> None:
    script = (
        "house h\ninit .n with 0\nframer f at 0.3 be active\nframe a\n aux g\n recur\n inc .n with 1\n"
        "framer g at 5.0 be aux\nframe x\n recur\n inc .x with 1\ninit .x with 0\n"
        "framer clock be active in back\nframe a\n go b if elapsed >= 2.0\nframe b\n bid stop all\n"
    )
    played = play(script, limit=17)
    runs = [turn.stamp for before, turn in zip(played.turns, played.turns[1:], strict=False)
            if turn.shares[".n"] != before.shares[".n"]]  # fmt: skip
    assert runs == [0.375, 0.625, 1.0, 1.25, 1.5, 1.875]
    assert played.turns[-1].shares[".x"] == played.turns[-1].shares[".n"]


@pytest.mark.parametrize(("said", "entered"), [("", "a"), (" first b", "b")])
@pytest.mark.row("I5")
def test_the_first_frame_is_the_one_that_is_declared_first_or_named(said: str, entered: str) -> None:
    script = f"house h\nframer f be active{said}\nframe a\n bid stop me\nframe b\n bid stop me\n"
    assert steps(play(script), 0).startswith(f"<START f>; f: enter:{entered}")


@pytest.mark.row("I5")
def test_the_first_frame_can_be_named_by_a_verb() -> None:
    script = "house h\nframer f be active\nfirst b\nframe a\n bid stop me\nframe b\n bid stop me\n"
    assert play(script).house.framers["f"].first.name == "b"


@pytest.mark.row("I6")
def test_the_names_of_frames_are_those_of_their_framer() -> None:
    script = (
        "house h\nframer f be active\nframe a\n go b if elapsed >= 0.25\nframe b\n bid stop me\n"
        "framer g be active\nframe b\n go a if elapsed >= 0.25\nframe a\n bid stop me\n"
    )
    played = play(script)
    assert (played.moves("f"), played.moves("g")) == ([(0.25, "b")], [(0.25, "a")])


@pytest.mark.row("I7")
def test_over_under_and_next_are_said_in_a_frame_too() -> None:
    script = (
        STAY + "frame top\n under low\nframe high\n over top\nframe low\n over top\n next end\n"
        " go next if elapsed >= 0.25\nframe between\nframe end\n bid stop me\n"
    )
    played = play(script)
    assert steps(played, 0) == "<START f>; f: enter:top enter:low recur:top recur:low"
    assert played.moves() == [(0.25, "end")]


@pytest.mark.row("I8")
def test_exactly_one_outline_is_active_and_its_text_tells_which() -> None:
    house = built("house h\nframer f be active first mid\nframe top\nframe mid in top\nframe low in mid\nframe more\n")
    framer = house.framers["f"]
    assert (framer.outline, framer.human) == ([], "")
    Turns([house]).turn()
    assert framer.outline == ["top", "mid", "low"]
    assert framer.human == "<top<mid>low"


@pytest.mark.row("I9")
def test_what_stands_in_a_frame_holds_for_all_frames_under_it() -> None:
    script = (
        STAY + "frame top\n recur\n inc .n with 1\n native\n go end if .n >= 5\n"
        "frame a in top\n go b if elapsed >= 0.25\nframe b in top\nframe end\n bid stop me\n"
    )
    assert play(script).moves() == [(0.25, "b"), (0.625, "end")]


@pytest.mark.parametrize(
    ("context", "when"),
    [
        ("enter", [0.0, 0.25]), ("recur", [0.0, 0.125, 0.25]), ("precur", [0.125, 0.25, 0.375]),
        ("exit", [0.25, 0.375]), ("renter", []), ("rexit", []), ("native", [0.0, 0.25]),
    ],
)  # fmt: skip
@pytest.mark.row("I10")
def test_a_context_says_when_the_acts_behind_it_are_done(context: str, when: list[float]) -> None:
    script = (
        STAY + f"frame top\n enter\n inc .n with 1\n {context}\n print here\n native\n"
        " go me if elapsed >= 0.25 and .n < 2\n go end if elapsed >= 0.125 and .n >= 2\nframe end\n bid stop me\n"
    )
    assert [stamp for stamp, _, _ in play(script).of("print")] == when


@pytest.mark.row("I10")
def test_each_frame_begins_with_the_native_contexts() -> None:
    played = play(STAY + "frame a\n exit\n print a\n go b\nframe b\n print b\n bid stop me\n")
    assert [(stamp, facts["text"]) for stamp, _, facts in played.of("print")] == [(0.125, "a"), (0.125, "b")]


@pytest.mark.row("I11")
def test_the_first_turn_enters_and_recurs_and_the_next_one_goes_and_recurs() -> None:
    script = STAY + "frame a\n go b\n precur\n print never\nframe b\n precur\n print p\n native\n bid stop me\n"
    played = play(script)
    assert steps(played, 0) == "<START f>; f: enter:a recur:a"
    assert steps(played, 1) == "<TRANS f a => b by a (go b)>; f: exit:a enter:b recur:b"
    assert prints(played) == []


@pytest.mark.row("I12")
def test_a_transition_leaves_bottom_up_and_enters_top_down_and_tells_what_is_kept() -> None:
    script = (
        STAY + "frame top\nframe a in top\nframe b in a\n go d if elapsed >= 0.125\nframe c in top\nframe d in c\n"
        " go top if elapsed >= 0.125 and .n < 1\n exit\n inc .n with 1\n"
    )
    played = play(script, limit=3)
    assert steps(played, 1).endswith("f: exit:b exit:a rexit:top renter:top enter:c enter:d recur:top recur:c recur:d")
    assert steps(played, 2).endswith("f: exit:d exit:c exit:top enter:top enter:a enter:b recur:top recur:a recur:b")


@pytest.mark.row("I13")
def test_the_highest_transition_wins_and_the_lowest_act_has_the_last_word() -> None:
    script = (
        STAY + "frame top\n recur\n put 1 into .n\n native\n go high\nframe low in top\n recur\n put 2 into .n\n"
        " native\n go lower\nframe high\n bid stop me\nframe lower\n bid stop me\n"
    )
    played = play(script)
    assert played.turns[0].shares[".n"] == 2
    assert played.moves() == [(0.125, "high")]


@pytest.mark.row("I14")
def test_a_guard_that_refuses_lets_the_next_transition_have_its_turn() -> None:
    script = STAY + "frame a\n go b\n go c\nframe b\n let me if .n > 0\nframe c\n bid stop me\n"
    assert play(script).moves() == [(0.125, "c")]


@pytest.mark.row("I14")
def test_a_framer_whose_first_frames_refuse_does_not_start() -> None:
    played = play(STAY + "frame a\nframe b in a\n let if .n > 0\n")
    assert played.of("start") == []
    assert (played.house.framers["f"].status, len(played.turns)) == ("stopped", 1)


AUX = "framer g be aux\nframe x\n print in\n exit\n print out\n"


@pytest.mark.row("I21")
def test_an_auxiliary_runs_with_its_frame_behind_its_acts_and_ends_before_them() -> None:
    script = (
        STAY + "frame a\n aux g\n print enter\n exit\n print exit\n native\n"
        " go b if elapsed >= 0.25\nframe b\n bid stop me\n" + AUX
    )
    played = play(script)
    assert prints(played) == ["enter", "in", "out", "exit"]
    assert steps(played, 1) == "f: recur:a; g: recur:x"


@pytest.mark.row("I21")
def test_an_auxiliary_serves_many_frames_but_one_at_a_time() -> None:
    script = (
        "house h\nframer f be active\nframe a\n aux g\n go b if elapsed >= 0.5\nframe b\n bid stop me\n"
        "framer e be active in back\nframe a\n go b if elapsed >= 0.25\nframe b\n aux g\n bid stop me\n" + AUX
    )
    played = play(script)
    # It is free when f leaves a, later in that turn.
    assert played.moves("e") == [(0.5, "b")]


@pytest.mark.row("I22")
def test_a_conditional_auxiliary_suspends_what_is_below_its_frame_until_it_is_done() -> None:
    script = (
        STAY + "frame top\n aux g if .n >= 1 and .n < 2\nframe low in top\n recur\n inc .n with 1\n"
        " exit\n print left\n native\n go end if elapsed >= 1.0\nframe end\n bid stop me\n"
        "framer g be aux\nframe x\n go y if elapsed >= 0.25\nframe y\n inc .n with 10\n done\n"
    )
    played = play(script)
    assert [stamp for stamp, _, _ in played.of("suspend")] == [0.125]
    assert [stamp for stamp, _, _ in played.of("resume")] == [0.375]
    assert [turn.shares[".n"] for turn in played.turns[:4]] == [1, 1, 1, 12]
    assert (prints(played), played.moves("f")) == (["left"], [(1.0, "end")])


@pytest.mark.row("I22")
def test_no_transition_enters_what_waits_below_a_suspended_frame() -> None:
    script = (
        STAY + "frame top\n go low if elapsed >= 0.25\n aux g if .n < 1\nframe low in top\n print low\n"
        "framer g be aux\nframe x\n"
    )
    played = play(script, limit=10)
    assert (prints(played), played.moves()) == (["low"], [])


@pytest.mark.row("I23")
def test_an_auxiliary_is_done_when_it_says_so_or_is_left() -> None:
    script = (
        STAY + "frame a\n aux g\n go b if g is done\nframe b\n go c if g is done\nframe c\n bid stop me\n"
        "framer g be aux\nframe x\n go y if elapsed >= 0.25\nframe y\n done\n"
    )
    assert play(script).moves("f") == [(0.25, "b"), (0.375, "c")]


@pytest.mark.row("I23")
def test_done_names_others_too() -> None:
    script = (
        STAY + "frame a\n aux g\n go b if g is done\n recur\n done g\nframe b\n bid stop me\nframer g be aux\nframe x\n"
    )
    assert play(script).moves("f") == [(0.125, "b")]


@pytest.mark.row("I24")
def test_a_slave_moves_only_when_its_master_moves_it() -> None:
    script = (
        STAY + "frame a\n start g\n run g\n go b if elapsed >= 0.25\nframe b\n go c if elapsed >= 0.25\nframe c\n"
        " stop g\n bid stop me\nframer g be slave\nframe x\n recur\n inc .n with 1\n"
    )
    played = play(script)
    # Once as it starts, then in each turn of frame a.
    assert [turn.shares[".n"] for turn in played.turns] == [2, 3, 3, 3, 3, 3]
    assert [stamp for stamp, framer, _ in played.of("stop") if framer == "g"] == [0.625]


@pytest.mark.row("I24", "I10")
def test_ready_guards_its_frame() -> None:
    script = (
        STAY + "frame a\n go b\nframe b\n ready g\n bid stop me\nframer g be slave\nframe x\n let if .n > 0\n"
        "framer e be active\nframe x\n go y if elapsed >= 0.5\nframe y\n put 1 into .n\n bid stop me\n"
    )
    played = play(script)
    assert played.moves("f") == [(0.625, "b")]
    assert played.house.framers["g"].status == "readied"


@pytest.mark.row("I27")
def test_a_bid_acts_in_this_turn_on_later_framers_and_in_the_next_one_on_earlier_ones() -> None:
    script = (
        "house h\nframer early be inactive\nframe x\nframer f be active\nframe a\n bid start early late\n"
        " go b if elapsed >= 0.5\nframe b\n bid stop all\nframer late be inactive\nframe x\n"
    )
    played = play(script)
    assert [(stamp, who) for stamp, who, _ in played.of("start")] == [(0.0, "f"), (0.0, "late"), (0.125, "early")]
    assert [(stamp, who) for stamp, who, _ in played.of("stop")] == [(0.5, "late"), (0.625, "early"), (0.625, "f")]


@pytest.mark.row("I27", "I4")
@pytest.mark.parametrize("period", ["0.5", ".rate", "fast in .rates"])
def test_a_bid_can_give_a_period(period: str) -> None:
    script = (
        "house h\ninit .n with 0\ninit .rate with 0.5\ninit .rates with fast 0.5 slow 2.0\nframer f be active\n"
        f"frame a\n bid start g at {period}\n go b if elapsed >= 1.25\nframe b\n bid stop all\n"
        "framer g be inactive\nframe x\n recur\n inc .n with 1\n"
    )
    played = play(script, limit=11)
    assert played.turns[10].shares[".n"] == 3
