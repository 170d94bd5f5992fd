"""Shares and the tree that they form."""

from __future__ import annotations

import pytest

from atilite.errors import FlowError
from atilite.flow.shares import REMEMBERED, Store
from tests.flow.playing import play, problems_of


def store(stamp: float | None = 0.0) -> Store:
    made = Store()
    made.stamp = stamp
    return made


@pytest.mark.row("I28")
def test_create_fills_what_is_unset_change_leaves_no_stamp_and_update_does() -> None:
    share = store(1.5).share(".a.b")
    share.create({"value": 1})
    share.create({"value": 2})
    assert (share.value, share.stamp, share.writes) == (1, None, 0)
    share.change({"value": 3})
    assert (share.value, share.stamp, share.writes) == (3, None, 0)
    share.update({"value": 3}, "f")
    assert (share.value, share.stamp, share.writes, share.writer) == (3, 1.5, 1, "f")


@pytest.mark.row("I28")
def test_a_share_has_named_fields_and_value_is_the_one_without_a_name() -> None:
    share = store().share("place")
    assert (share.value, share.shown, share.get("lat", 7), "lat" in share) == (None, {}, 7, False)
    share.update({"lat": 1, "lon": 2})
    assert (share["lat"], share.shown, "lat" in share) == (1, {"lat": 1, "lon": 2}, True)
    other = store().share("speed")
    other.value = 4
    assert (other.shown, other.fields) == (4, {"value": 4})


@pytest.mark.row("I28")
def test_the_latest_writes_are_remembered_for_who_looks_at_them() -> None:
    made = store()
    share = made.share(".a")
    share.value = 1
    assert share.history is None
    share.remember()
    for number in range(REMEMBERED + 5):
        made.stamp = float(number)
        share.update({"value": number}, "f")
    assert share.history is not None
    assert len(share.history) == REMEMBERED
    assert share.history[-1] == (float(REMEMBERED + 4), "f", {"value": REMEMBERED + 4})


@pytest.mark.row("I28")
def test_who_watches_gets_each_share_that_was_written_once_a_turn() -> None:
    made = store()
    made.watched = True
    share = made.share(".a")
    share.value, share.value = 1, 2
    assert made.written == [share]


@pytest.mark.row("I29")
@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (".a.b", ".a", ".a is a branch of shares already"), (".a", ".a.b", ".a is a share, so nothing can be below it"),
        (".a", ".a.b.c", ".a is a share"), (".a.b.c", ".a.b", ".a.b is a branch"),
    ],
)  # fmt: skip
def test_a_path_is_a_share_or_a_branch_but_never_both(first: str, second: str, said: str) -> None:
    made = store()
    made.share(first)
    with pytest.raises(FlowError, match=said):
        made.share(second)
    (problem,) = problems_of(f"house h\ninit {first} with 1\ninit {second} with 1\nframer f be active\nframe a\n")
    assert problem.startswith("plan.flo:3: ")
    assert said in problem


@pytest.mark.row("I29")
def test_a_branch_can_be_named_before_there_is_anything_below_it() -> None:
    made = store()
    assert made.branch(".a.b.") == "a.b"
    with pytest.raises(FlowError, match="branch"):
        made.share(".a.b")
    assert made.find(".a.b") is None
    assert (made.share("a.b.c").path, len(made)) == (".a.b.c", 1)


@pytest.mark.row("I29", "I43")
def test_the_field_value_is_never_beside_others() -> None:
    script = "house h\ninit .a with 1\ninit .a with x 1 y 2\nframer f be active\nframe a\n put 3 into x in .a\n"
    problems = problems_of(script)
    assert [problem.split(": ")[0] for problem in problems] == ["plan.flo:3", "plan.flo:6"]
    assert all("would have the field value beside" in problem for problem in problems)


@pytest.mark.row("I28")
def test_a_share_is_named_by_its_path() -> None:
    assert store().share(".a.b").name == "a.b"


@pytest.mark.row("I30")
def test_all_writes_of_a_turn_carry_its_time() -> None:
    script = (
        "house h\nframer f be active\nframe a\n recur\n put 1 into .a\n native\n go b if elapsed >= 0.25\nframe b\n"
        " bid stop me\nframer g be active\nframe a\n recur\n put 1 into .b\n native\n go b if elapsed >= 0.5\nframe b\n"
        " bid stop me\n"
    )
    house = play(script).house
    assert (house.store.share(".a").stamp, house.store.share(".b").stamp) == (0.125, 0.375)
    assert house.store.share(".b").writer == "g"


def test_a_snapshot_has_what_is_set() -> None:
    made = store()
    made.share(".empty")
    made.share(".a.b").value = 1
    assert made.snapshot() == {".a.b": {"value": 1}}
