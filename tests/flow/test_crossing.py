"""What a transition leaves, keeps and enters. The frames are letters here."""

from __future__ import annotations

import pytest

from atilite.flow.crossing import crossing, reached


@pytest.mark.row("I12")
@pytest.mark.parametrize(
    ("near", "far", "outline", "way"),
    [
        ("tab", "c", "tc", ("ab", "t", "c")),
        ("tab", "b", "tab", ("b", "ta", "b")),
        ("tab", "t", "tab", ("tab", "", "tab")),
        ("ta", "x", "xy", ("ta", "", "xy")),
    ],
    ids=["to a sibling", "to itself", "to the top", "to another tree"],
)
def test_a_transition_keeps_what_is_over_both_ends_unless_it_is_the_target(
    near: str, far: str, outline: str, way: tuple[str, str, str]
) -> None:
    assert tuple("".join(part) for part in crossing(tuple(near), far[0], tuple(outline))) == way


def test_nothing_is_entered_that_waits_below_a_suspended_frame() -> None:
    assert crossing(("t",), "a", ("t", "a")) == ((), ("t",), ())


@pytest.mark.parametrize(
    ("failing", "active"),
    [("b", "ta"), ("a", "t"), ("t", "t"), ("x", "tx"), ("y", "txy")],
    ids=["leaving the lowest", "leaving the next", "staying", "entering", "entering the lowest"],
)
def test_where_something_fails_on_the_way_it_has_come_so_far(failing: str, active: str) -> None:
    assert "".join(reached(failing, ("a", "b"), ("t",), ("x", "y"))) == active
