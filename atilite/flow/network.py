"""Behaviours as a network: they know only their inputs and outputs, and what lies at the same path is connected."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from atilite.errors import FlowError
from atilite.flow.behaviors import Behavior
from atilite.flow.cursor import nearest
from atilite.flow.house import House
from atilite.flow.model import Do, FrameDecl, PlanDecl
from atilite.flow.parts import Part
from atilite.flow.paths import split_name
from atilite.flow.wording import kind_of

# What writes a share, of its methods and attributes.
WRITING = ("update", "change", "create", "push")


@dataclass(frozen=True, slots=True)
class Node:
    """A behaviour in its place, and the absolute paths of its inputs and outputs by their names."""

    house: str
    framer: str
    frame: str
    name: str
    line: int
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Connection:
    """What one node writes and another reads: numbers of the nodes, names of output and input, and the path."""

    source: int
    output: str
    target: int
    input: str
    path: str


@dataclass(frozen=True, slots=True)
class Network:
    """All nodes of a plan, in the order in which they were declared, and how they are connected."""

    nodes: tuple[Node, ...]
    connections: tuple[Connection, ...]


def network(houses: Iterable[House]) -> Network:
    """The network of houses that were built."""
    return network_of(
        (house.name, framer.name, part)
        for house in houses
        for framer in house.framers.values()
        for part in framer.parts
    )


def network_of(parts: Iterable[tuple[str, str, Part]]) -> Network:
    """The network of behaviours, each with the names of its house and its framer.

    A share that a behaviour both reads and writes is an output of it.
    """
    nodes = [
        Node(
            house, framer, part.frame, part.name, part.place.line,
            {name: path for name, path in part.ios.items() if name not in written(part.make)},
            {name: path for name, path in part.ios.items() if name in written(part.make)},
        )
        for house, framer, part in parts
    ]  # fmt: skip
    readers: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for to, target in enumerate(nodes):
        for input, path in target.inputs.items():
            readers.setdefault((target.house, path), []).append((to, input))
    found = [
        Connection(at, output, to, input, path)
        for at, source in enumerate(nodes)
        for output, path in source.outputs.items()
        for to, input in readers.get((source.house, path), ())
    ]
    return Network(tuple(nodes), tuple(found))


@functools.cache
def written(function: Callable[..., Any]) -> frozenset[str]:
    """The names of what a function or a class writes to, as its code says it; `out.value = 1`, `self.out.update(...)`.

    A class also writes to what those that it is derived from write to. Without its source nothing is known, and
    nothing is an output.
    """
    if inspect.isclass(function):
        return frozenset().union(*(_written_in(one) for one in function.__mro__ if one is not object))
    return _written_in(function)


def _written_in(function: Callable[..., Any]) -> frozenset[str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return frozenset()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            found.add(_name(node.value))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITING:
            found.add(_name(node.func.value))
    return frozenset(found - {""})


def _name(node: ast.expr) -> str:
    """`x` for `x` and for `self.x`."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return node.attr
    return node.id if isinstance(node, ast.Name) and node.id != "self" else ""


# -- connecting -------------------------------------------------------------------------------------------------------


class Wiring:
    """The connections that a plan declares, and the places that they give to inputs and outputs."""

    def __init__(self, decl: PlanDecl, behaviors: Callable[[], Mapping[str, Behavior]]) -> None:
        self._decl, self._behaviors = decl, behaviors
        self._places: dict[tuple[str, str], str] = {}

    def connect(self, source: str, target: str) -> str:
        """Give an output and an input, each as `node.name`, the same path, and tell it.

        FlowError for an end that is not there, and for two that have been connected apart.
        """
        ends = [self._end(source), self._end(target)]
        known = list(dict.fromkeys(self._places[end] for end in ends if end in self._places))
        if len(known) > 1:
            raise FlowError(f"connect: {source} is at {known[0]} already, and {target} at {known[1]}")
        path = known[0] if known else next(filter(None, map(self._place, ends)), f".{'.'.join(ends[0])}")
        self._places |= dict.fromkeys(ends, path)
        self.apply()
        return path

    def apply(self) -> None:
        """Give the places to all behaviours that the plan has by now."""
        if self._places:
            for frame, at, act in self._does():
                given = {io: path for (node, io), path in self._places.items() if node == _node(act)}
                if given:
                    ios = {**dict(act.ios), **given}
                    frame.lines[at] = replace(frame.lines[at], act=replace(act, ios=tuple(ios.items())))

    def _does(self) -> Iterator[tuple[FrameDecl, int, Do]]:
        for house in self._decl.houses.values():
            for framer in house.framers.values():
                for frame in framer.frames.values():
                    for at, line in enumerate(list(frame.lines)):
                        if isinstance(line.act, Do):
                            yield frame, at, line.act

    def _end(self, said: str) -> tuple[str, str]:
        """The node and the name of what it connects."""
        node, _, io = said.rpartition(".")
        node = _snake(node)
        names = self._ios().get(node)
        if names is None:
            known = [f"{one}.{io}" for one, names in self._ios().items() if io in names]
            raise FlowError(f"connect: there is no behaviour {node or said}{nearest(said, known or self._ios())}")
        if io not in names:
            raise FlowError(f"connect: {node} has no input or output {io}{nearest(io, names)}")
        return node, io

    def _ios(self) -> dict[str, dict[str, str]]:
        """The inputs and outputs of all nodes, with their places: behaviours, and those that a `do` names apart."""
        known = self._behaviors()
        found = {_snake(name): {io: place.path for io, place in one.ios.items()} for name, one in known.items()}
        for _, _, act in self._does():
            own = known.get(act.kind) if isinstance(act.kind, str) else None
            ios = {io: place.path for io, place in own.ios.items()} if own is not None else {}
            found[_node(act)] = {**ios, **{io: str(path) for io, path in act.ios}}
        return found

    def _place(self, end: tuple[str, str]) -> str:
        """The absolute path that an end has without any connection."""
        path = self._ios()[end[0]][end[1]]
        return path if path.startswith(".") and not path.endswith(".") else ""


def _node(act: Do) -> str:
    return _snake(act.name or kind_of(act))


def _snake(name: str) -> str:
    return "_".join(split_name(name)) if "_" not in name and " " not in name else name.replace(" ", "_").lower()
