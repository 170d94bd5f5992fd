"""What acts do to shares."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flow.playing import play, problems_of

SET = "house h\ninit .n with 2\ninit .m with 5\ninit .two with a 1 b 2\ninit .other with a 10 b 20\n"


def after(act: str, *, init: str = "") -> dict[str, Any]:
    """The shares behind one turn with an act."""
    return play(f"{SET}{init}framer f be active\nframe x\n {act}\n bid stop me\n").turns[0].shares


@pytest.mark.row("I31")
@pytest.mark.parametrize(
    ("act", "path", "expected"),
    [
        ("put 3 into .n", ".n", 3), ("put value 3 into .n", ".n", 3), ("put 3 into .new", ".new", 3),
        ("put a 7 into .two", ".two", {"a": 7, "b": 2}), ("put a 7 b 8 into .two", ".two", {"a": 7, "b": 8}),
        ("put 7 into b in .two", ".two", {"a": 1, "b": 7}), ("put x 7 y 8 into b a in .two", ".two", {"a": 8, "b": 7}),
        ("put c 9 into .two", ".two", {"a": 1, "b": 2, "c": 9}), ("put lat 1.5 lon 2 into .at", ".at",
                                                                  {"lat": 1.5, "lon": 2}),
        ("inc .n with 3", ".n", 5), ("inc .n with -3", ".n", -1), ("inc .n from .m", ".n", 7),
        ("inc .n by .m", ".n", 7), ("inc .n to 3", ".n", 5), ("inc a in .two with 4", ".two", {"a": 5, "b": 2}),
        ("inc .two with a 1 b 1", ".two", {"a": 2, "b": 3}), ("inc .two from .other", ".two", {"a": 11, "b": 22}),
        ("inc a in .two from b in .other", ".two", {"a": 21, "b": 2}),
        ("copy .m into .n", ".n", 5), ("copy .two into .other", ".other", {"a": 1, "b": 2}),
        ("copy a in .two into .n", ".n", 1), ("copy .n into b in .two", ".two", {"a": 1, "b": 2}),
        ("copy a b in .two into b a in .other", ".other", {"a": 2, "b": 1}), ("copy .two into .new", ".new",
                                                                            {"a": 1, "b": 2}),
        ("set .n with 9", ".n", 9), ("set .n from .m", ".n", 5), ("set a in .two with 9", ".two", {"a": 9, "b": 2}),
        ("set goal.n with 9", ".goal.n", 9), ("set n with 9", ".n", 9), ("set n to 9", ".goal.n", 9),
        ("set n by .m", ".goal.n", 5), ("set elapsed with 3", ".framer.f.goal.elapsed", 3),
    ],
)  # fmt: skip
def test_an_act_gives_shares_values(act: str, path: str, expected: Any) -> None:
    assert after(act)[path] == expected


@pytest.mark.row("I31", "I28")
def test_a_share_is_declared_before_it_runs_without_having_been_written() -> None:
    played = play("house h\ninit .n with 2\ninit .k from .n\ninit .k with 3\nframer f be active\nframe x\n bid stop me")
    share = played.house.store.share(".k")
    assert (share.value, share.writes, share.stamp) == (3, 0, None)


@pytest.mark.row("I31")
def test_a_count_from_a_share_that_was_never_set_begins_at_zero() -> None:
    assert after("inc .never with 2")[".never"] == 2
    assert after("inc .n from .never")[".n"] == 2


@pytest.mark.row("I31", "I43")
@pytest.mark.parametrize(
    ("act", "said"),
    [
        ("put a 1 b into .x", "put: fields and values take turns, but b has no value"),
        ("put into .x", "put: a value is missing before into"),
        ("put 3", "put: expected into, found nothing"),
        ("put 3 into", "put: the path of a share is missing at the end"),
        ("put 3 into ..x", "put: ..x is no path of a share; a path is like .a.b or a.b"),
        ("put 3 into .x.", "put: .x. is no path of a share; a path is like .a.b or a.b"),
        ("put 3 into .x .y", "put: .y is more than it takes"),
        ("put 3 into a b in .x", "put: 1 values for the fields a, b"),
        ("put value 3 a 4 into .x", "put: the field value stands alone, not beside a"),
        ("put 3x into .x", "put: 3x is no value; put quotes around a text"),
        ('put "abc into .x', "put: a quote is not closed"),
        ('print "abc', "print: a quote is not closed"),
        ("inc .n", "inc: expected with or to or from or by, found nothing"),
        ('inc .n with "abc"', "inc: value is a number, not 'abc'"),
        ("copy .n .m", "copy: expected into, found .m"),
        ("copy value a in .n into .m", "copy: the field value stands alone, not beside others"),
        ("set with 3", "set: with is no path of a goal"),
        ("set .n", "set: expected with or to or from or by, found nothing"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_told_with_its_line(act: str, said: str) -> None:
    problems = problems_of(f"{SET}framer f be active\nframe x\n {act}\n bid stop me\n")
    assert len(problems) == 1
    assert problems[0].startswith("plan.flo:8: ")
    assert said in problems[0]
    assert problems[0].replace('" ', '"').endswith(act)


@pytest.mark.row("I41")
def test_print_tells_its_words_without_their_quotes() -> None:
    played = play('house h\nframer f be active\nframe x\n print "hello, you" and  me # not this\n bid stop me\n')
    assert [facts["text"] for _, _, facts in played.of("print")] == ["hello, you and me"]


def test_an_apostrophe_within_a_word_belongs_to_it() -> None:
    played = play("house h\nframer f be active\nframe x\n print it's the dog's, 'not mine'\n bid stop me\n")
    assert [facts["text"] for _, _, facts in played.of("print")] == ["it's the dog's, not mine"]
