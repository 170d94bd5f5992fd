"""The behaviours of a house as a network: what one writes and another reads, as values and drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from atilite.console import words
from atilite.console.flowtree import WIDE, WIDTH
from atilite.console.lines import HTML_ONLY
from atilite.quickly import dataclass

if TYPE_CHECKING:  # a page without plans does without their engine
    from atilite.flow.network import Connection, Network, Node

HEAD, PORT, GAP, PAD = 27, 20, 14, 8
# The boxes, and right of them the lanes of the lines, in px.
BOX, LANE, LANES = 236, 6, 11
# Boxes that one drawing has.
MOST = 60


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output in its box, with as much of the path as there is room for; `on` if a line goes to it."""

    text: str
    whole: str
    into: bool
    on: bool
    y: int


@dataclass(frozen=True, slots=True)
class Box:
    """A behaviour in the drawing; `label` says all of it to who cannot see where the lines go."""

    name: str
    where: str
    y: int
    height: int
    ports: tuple[Port, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes one below the other, and lines on their right side from outputs to inputs."""

    width: int
    box: int
    height: int
    boxes: tuple[Box, ...]
    wires: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Net:
    """The network of a house: its behaviours, and from where to where its wires go, by their places in that list."""

    behaviors: tuple[Node, ...]
    wires: tuple[Connection, ...]
    drawing: Drawing = field(metadata=HTML_ONLY)

    @property
    def more(self) -> int:
        """How many behaviours are not drawn."""
        return len(self.behaviors) - len(self.drawing.boxes)


def net(network: Network) -> Net:
    """A network as the page has it."""
    return Net(network.nodes, network.connections, drawn(network.nodes, network.connections))


def drawn(behaviors: Sequence[Node], wires: Iterable[Connection]) -> Drawing:
    """The first behaviours as boxes with a row for each input and output, and the lines between these."""
    ends = [((wire.source, wire.output), (wire.target, wire.input)) for wire in wires]
    wired = {end for both in ends for end in both}
    boxes: list[Box] = []
    rows: dict[tuple[int, str], int] = {}
    y = 1
    for at, behaving in enumerate(behaviors[:MOST]):
        names = (*behaving.inputs, *behaving.outputs)
        box = _box(behaving, y, [(at, name) in wired for name in names])
        rows |= {(at, name): port.y for name, port in zip(names, box.ports, strict=True)}
        boxes.append(box)
        y += box.height + GAP
    spans = {(rows[start], rows[end]) for start, end in ends if start in rows and end in rows}
    return Drawing(WIDTH, BOX, max(1, y - GAP + 1), tuple(boxes), tuple(_lines(spans)))


def _box(behaving: Node, y: int, on: Sequence[bool]) -> Box:
    given = [(name, path, True) for name, path in behaving.inputs.items()]
    given += [(name, path, False) for name, path in behaving.outputs.items()]
    ports = tuple(
        Port(_short(name, path), f"{name} {path}", into, on[place], y + HEAD + PORT * place + PORT // 2 - 3)
        for place, (name, path, into) in enumerate(given)
    )
    room = int((BOX - 2 * PAD) / WIDE)
    name, where = words.cut(behaving.name, room), f"{behaving.framer} › {behaving.frame}"
    told = [f"{'reads' if into else 'writes'} {path}" for _, path, into in given]
    label = ", ".join([f"{behaving.name} in {where}", *told])
    left = room - len(name) - 1
    return Box(name, words.cut(where, left) if left > 6 else "", y, HEAD + PORT * len(ports), ports, label)


def _short(name: str, path: str) -> str:
    """The name and the path; of a long path its end, which tells more than its beginning."""
    room = int((BOX - 2 * PAD - 14) / WIDE) - len(name) - 1
    return f"{name} {path if len(path) <= room else '…' + path[1 - max(room, 9) :]}"


def _lines(spans: Iterable[tuple[int, int]]) -> Iterator[str]:
    """For each start and end a line in the first lane that is free there, with an arrow at its end."""
    busy: list[list[tuple[int, int]]] = [[] for _ in range(LANES)]
    for start, end in sorted(spans, key=lambda span: (abs(span[0] - span[1]), span)):
        low, high = min(start, end), max(start, end)
        free = (at for at, lane in enumerate(busy) if all(high < one or low > other for one, other in lane))
        lane = next(free, LANES - 1)
        busy[lane].append((low, high))
        yield f"M{BOX} {start}H{BOX + 11 + LANE * lane}V{end}H{BOX + 2}m5 -4l-5 4l5 4"
