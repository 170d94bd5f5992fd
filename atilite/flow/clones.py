"""Clones of moot framers: those that a script declares, and those that are reared and razed while it runs."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator
from typing import Literal

from atilite.errors import FlowError
from atilite.flow.frames import Frame, Framer
from atilite.flow.house import House
from atilite.flow.model import Aux, FramerDecl, Line
from atilite.flow.scope import Building


def auxes(framer: Framer) -> Iterator[tuple[Frame, Line, str]]:
    """The lines that give a frame an auxiliary without a condition, with the tag of the clone if it is one."""
    found = [
        (framer.frames[decl.name], line, line.act)
        for decl in framer.decl.frames.values()
        for line in decl.lines
        if isinstance(line.act, Aux) and not line.act.needs
    ]
    taken = {act.clone or act.framer for _, _, act in found}
    for frame, line, act in found:
        tag = _free_tag(act.framer, taken) if act.clone == "mine" else act.clone
        taken.add(tag)
        yield frame, line, tag


def _free_tag(name: str, taken: Container[str]) -> str:
    """The tag of a clone that has none of its own: the name of its moot framer, with the first number that is free."""
    return next(tag for tag in (f"{name}{number}" for number in itertools.count(1)) if tag not in taken)


def wanted(framer: Framer) -> Iterator[tuple[Frame, Line, str]]:
    """Those of them that are clones."""
    return (found for found in auxes(framer) if found[2])


def clone(building: Building, act: Aux, frame: Frame, tag: str) -> list[Framer]:
    """Make the clone that a frame declares. Without `via` it has no inode; `via mine` keeps that of the moot one."""
    decl = building.moot(act.framer)
    return _make(building, decl, frame, tag, decl.via if act.via == "mine" else act.via)


def _make(building: Building, decl: FramerDecl, frame: Frame, tag: str, via: str) -> list[Framer]:
    owner, house = frame.framer, building.house
    if tag in owner.auxes or tag in house.framers:
        raise FlowError(f"framer {owner.name} has an auxiliary {tag} already")
    above: Framer | None = owner
    while above is not None:
        if above.decl is decl:
            raise FlowError(f"moot framer {decl.name} would be cloned in its own clone, without an end")
        above = above.main.framer if above.main is not None else None
    name = f"{_surname(owner)}_{tag}"
    if name in house.framers:
        raise FlowError(f"there is a framer {name} already")
    made = building.make(decl, name, tag, frame)
    made[0].via = via
    owner.auxes[tag] = made[0]
    return made


def _surname(framer: Framer) -> str:
    """What the names of its clones begin with."""
    parts: list[str] = []
    while framer.cloned and framer.main is not None:
        parts.insert(0, framer.tag)
        framer = framer.main.framer
    return "_".join((framer.name, *parts))


def rear(building: Building, decl: FramerDecl, frame: Frame) -> None:
    """Make a clone of a moot framer that runs with a frame from its next entry on. In a turn.

    FlowError for what is wrong in that framer: a check of the plan, which makes all clones, would have told it.
    """
    framer = frame.framer
    made = _make(building, decl, frame, _free_tag(decl.name, framer.auxes), decl.via)
    made[0].razeable = True
    before = len(building.problems)
    building.compile(made)
    if building.problems[before:]:
        raise FlowError(str(building.problems[before]))
    frame.auxes.append(made[0])
    frame.framer.show_anew()


def raze(house: House, frame: Frame, which: Literal["all", "first", "last"]) -> None:
    """Destroy clones that were reared for a frame. In a turn."""
    found = [aux for aux in frame.auxes if aux.razeable]
    for aux in {"all": found, "first": found[:1], "last": found[-1:]}[which]:
        _prune(house, aux)
        frame.auxes.remove(aux)
        frame.framer.auxes.pop(aux.tag, None)
    frame.framer.show_anew()


def _prune(house: House, framer: Framer) -> None:
    if not framer.done:
        framer.exit_all()
        framer.done = True
    for frame in framer.frames.values():
        for aux in [aux for aux in frame.auxes if aux.cloned]:
            _prune(house, aux)
            frame.auxes.remove(aux)
    house.framers.pop(framer.name, None)
