"""The drawing of a framer's frames: each in its row below the frame over it, and the active path."""

from __future__ import annotations

from atilite.console import flowtree
from atilite.console.flowtree import WIDE, WIDTH, Node


def test_each_frame_has_a_row_and_a_line_from_the_frame_over_it() -> None:
    idle, blow = Node("idle", False, "left after 3 s", 3, ()), Node("blow", True, "2 s", 4, ())
    drawing = flowtree.drawn([Node("watch", True, "", 2, (idle, blow)), Node("alarm", False, "", 5, ())])

    assert drawing.height == 4 * flowtree.ROW
    assert [(twig.name, twig.note, twig.on, twig.stem) for twig in drawing.twigs] == [
        ("watch", "active", True, ""),
        ("idle", "left after 3 s", False, "M8 15V45H28"),
        ("blow", "active 2 s", True, "M8 15V75H28"),
        ("alarm", "", False, ""),
    ]
    assert drawing.twigs[2].label == "blow, in watch, active 2 s"


def test_frames_that_lie_deep_or_have_long_names_stay_within_the_drawing() -> None:
    node = Node("n" * 80, True, "2 s", 1, ())
    for depth in range(20):
        node = Node(f"frame{depth}", True, "", 1, (node,))

    drawing = flowtree.drawn([node])

    for twig in drawing.twigs:
        assert twig.x + 14 + WIDE * (len(twig.name) + len(twig.note)) <= WIDTH
    assert drawing.twigs[-1].label == "n" * 80 + ", in frame0, active 2 s"
