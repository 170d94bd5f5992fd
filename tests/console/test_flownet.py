"""The drawing of a network: a box for each behaviour, and a line from each output to the inputs that read it."""

from __future__ import annotations

import re

from atilite.console import flownet
from atilite.console.flownet import BOX, MOST, WIDTH
from atilite.flow.network import Connection, Network, Node


def chain(length: int) -> tuple[tuple[Node, ...], tuple[Connection, ...]]:
    """Behaviours that each read what the one before has written."""
    behaviors = tuple(
        Node("box", "main", "flowing", f"Part{at}", at, {"inp": f".p{at - 1}"}, {"out": f".p{at}", "log": ".log"})
        for at in range(length)
    )
    return behaviors, tuple(Connection(at, "out", at + 1, "inp", f".p{at}") for at in range(length - 1))


def test_a_line_goes_from_the_row_of_an_output_to_that_of_the_input() -> None:
    drawing = flownet.drawn(*chain(2))

    first, second = drawing.boxes
    assert [(port.text, port.into, port.on) for port in first.ports] == [
        ("inp .p-1", True, False), ("out .p0", False, True), ("log .log", False, False),
    ]  # fmt: skip
    assert first.label == "Part0 in main › flowing, reads .p-1, writes .p0, writes .log"
    (wire,) = drawing.wires
    assert wire.startswith(f"M{BOX} {first.ports[1].y}H")
    assert f"V{second.ports[0].y}H" in wire
    assert second.y > first.y + first.height


def test_lines_that_pass_each_other_have_lanes_of_their_own_within_the_drawing() -> None:
    behaviors, _ = chain(16)
    drawing = flownet.drawn(behaviors, [Connection(0, "out", at, "inp", ".p0") for at in range(1, 16)])

    lanes = [int(lane) for wire in drawing.wires for lane in re.findall(r"^M\d+ \d+H(\d+)", wire)]
    assert len(set(lanes)) == flownet.LANES
    assert max(lanes) < WIDTH


def test_of_many_behaviours_the_first_are_drawn_and_of_long_paths_the_ends() -> None:
    behaviors, wires = chain(MOST + 5)
    long = Node("box", "main", "flowing", "N" * 60, 1, {"inp": ".a" * 40 + ".z"}, {"out": ".p0"})
    drawing = flownet.drawn((long, *behaviors[1:]), wires)

    assert (len(drawing.boxes), len(drawing.wires)) == (MOST, MOST - 1)
    assert drawing.boxes[0].name.endswith("…")
    port = drawing.boxes[0].ports[0]
    assert port.text.startswith("inp …")
    assert port.text.endswith(".a.z")
    assert port.whole == "inp " + ".a" * 40 + ".z"


def test_a_net_says_how_many_are_not_drawn() -> None:
    assert flownet.net(Network(*chain(MOST + 5))).more == 5
