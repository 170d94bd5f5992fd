"""Where a path of a script leads."""

from __future__ import annotations

import pytest

from atilite.errors import FlowError
from atilite.flow.paths import Standpoint, absolute, split_name
from tests.flow.playing import play, problems_of

HERE = Standpoint(framer="f", frame="a")


@pytest.mark.row("I32")
@pytest.mark.parametrize(
    ("said", "path"),
    [
        (".a.b", ".a.b"), ("a.b", ".a.b"), ("x", ".x"), ("x of root", ".x"), ("x of me", ".x"), ("me.x", ".x"),
        ("x of framer", ".framer.f.x"), ("x of framer me", ".framer.f.x"), ("x of framer g", ".framer.g.x"),
        ("x of frame", ".framer.f.frame.a.x"), ("x of frame me", ".framer.f.frame.a.x"),
        ("x of frame b", ".framer.f.frame.b.x"), ("x of frame y of framer g", ".framer.g.frame.y.x"),
        ("framer.me.x", ".framer.f.x"), ("framer.g.x", ".framer.g.x"), ("frame.me.x", ".framer.f.frame.a.x"),
        ("framer.me.frame.me.x", ".framer.f.frame.a.x"), ("framer.g.frame.y.x", ".framer.g.frame.y.x"),
        ("x.y of frame", ".framer.f.frame.a.x.y"),
    ],
)  # fmt: skip
def test_a_share_is_addressed_from_the_root_or_by_what_it_belongs_to(said: str, path: str) -> None:
    script = (
        f"house h\nframer f be active\nframe a\n put 7 into {said}\n bid stop me\nframe b\n"
        "framer g be inactive\nframe y\n"
    )
    assert play(script).turns[0].shares[path] == 7


@pytest.mark.row("I32", "I25")
@pytest.mark.parametrize(
    ("said", "path"),
    [
        ("x of framer", ".framer.f_k.x"), ("x of frame", ".framer.f_k.frame.m.x"), ("x of framer main", ".framer.f.x"),
        ("x of frame main", ".framer.f.frame.a.x"), ("framer.main.x", ".framer.f.x"), ("frame.main.x",
                                                                                      ".framer.f.frame.a.x"),
    ],
)  # fmt: skip
def test_a_clone_has_shares_of_its_own_and_main_is_where_it_runs(said: str, path: str) -> None:
    script = (
        "house h\nframer f be active\nframe a\n aux moot as k\n bid stop me\n"
        f"framer moot be moot\nframe m\n put 7 into {said}\n"
    )
    assert play(script).turns[0].shares[path] == 7


@pytest.mark.row("I32", "I43")
@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("x of framer main", "f runs in no other framer, so there is no `main`"),
        ("framer.f.x of framer g", "framer.f.x says already what it belongs to"),
        ("frame.a.x of frame b", "frame.a.x says already what it belongs to"),
        ("frame.x", "frame.x lacks the name of the frame or of the share"),
        ("x of nothing", "a relation is one of root, me, framer, frame, actor, not nothing"),
        ("x of frame a of frame b", "a frame is not of another frame"),
    ],
)
def test_what_no_path_can_mean_is_told(said: str, reason: str) -> None:
    (problem,) = problems_of(f"house h\nframer f be active\nframe a\n put 7 into {said}\n")
    assert problem.startswith("plan.flo:4: ")
    assert reason in problem


INODES = [
    # framer, frame, the frame over it; and where x, x of me and x of frame lead.
    ("", "", "", ".x", ".x"), ("one", "", "", ".one.x", ".one.x"), ("one.two.", "", "", ".one.two.x", ".one.two.x"),
    ("", "low", "", ".low.x", ".x"),
    ("one", "low", "", ".one.low.x", ".one.x"), (".top", "low", "", ".top.low.x", ".top.x"),
    ("one", ".low", "", ".low.x", ".one.x"), ("one", "low", "up", ".one.up.low.x", ".one.x"),
    ("one", "me.low", "up", ".one.low.x", ".one.x"), ("one", "low", ".up", ".up.low.x", ".one.x"),
    ("me.one", "", "", ".one.x", ".one.x"), ("framer.me.own", "low", "", ".framer.f.own.low.x", ".framer.f.own.x"),
    ("one", "framer.me.own", "", ".framer.f.own.x", ".one.x"), ("one", "", "up", ".one.up.x", ".one.x"),
]  # fmt: skip


@pytest.mark.row("I33")
@pytest.mark.parametrize(("framer", "frame", "over", "plain", "of_me"), INODES)
def test_inodes_go_in_front_until_one_is_absolute(framer: str, frame: str, over: str, plain: str, of_me: str) -> None:
    def via(path: str) -> str:
        return f" via {path}" if path else ""

    script = (
        f"house h\nframer f be active first a{via(framer)}\nframe top{via(over)}\nframe a in top{via(frame)}\n"
        " put 1 into x\n put 2 into x of framer\n put 3 into x of frame\n bid stop me\n"
    )
    assert play(script).turns[0].shares[plain] == 1
    assert play(script.replace("put 1 into x", "put 1 into x of me")).turns[0].shares[of_me] == 1
    assert play(script.replace("put 1 into x", "put 1 into x of root")).turns[0].shares[plain] == 1
    shares = play(script).turns[0].shares
    assert (shares[".framer.f.x"], shares[".framer.f.frame.a.x"]) == (2, 3)


@pytest.mark.row("I33", "I25")
@pytest.mark.parametrize(
    ("via", "path"),
    [
        ("", ".one.low.x"), (" via sub", ".one.low.sub.x"), (" via me.sub", ".one.sub.x"), (" via .sub", ".sub.x"),
        (" via mine", ".one.low.moot.x"),
    ],
)  # fmt: skip
def test_a_clone_stands_below_the_frame_that_it_runs_in(via: str, path: str) -> None:
    script = (
        f"house h\nframer f be active via one\nframe a via low\n aux m as mine{via}\n bid stop me\n"
        "framer m be moot via moot\nframe y\n put 5 into x\n"
    )
    assert play(script).turns[0].shares[path] == 5


@pytest.mark.row("I33")
def test_an_empty_path_is_the_inode_itself() -> None:
    assert absolute("", Standpoint(framer="f", frame="a", frames=["low"], framers=[["one"]])) == ".one.low"


@pytest.mark.row("I32")
def test_a_behaviour_without_any_inode_has_its_shares_below_its_name() -> None:
    here = Standpoint(framer="f", frame="a", actor="ControllerPid", inode="")
    assert absolute("rate", here) == ".framer.f.frame.a.actor.controller.pid.rate"
    assert absolute("rate", Standpoint(framer="f", frame="a", inode="pid")) == ".pid.rate"
    assert absolute("framer.me.frame.me.actor.me.rate", here) == ".framer.f.frame.a.actor.controller.pid.rate"


def test_main_is_told_where_there_is_none() -> None:
    with pytest.raises(FlowError, match="no `main`"):
        absolute("framer.main.x", HERE)


def test_the_parts_of_a_name_are_its_words() -> None:
    assert split_name("ControllerPidDepth") == ["controller", "pid", "depth"]
