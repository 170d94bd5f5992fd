"""What a house of a plan looks like between two turns, as values: for pages and the API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .flow.events import plain
from .flow.frames import Frame, Framer
from .flow.house import House
from .flow.model import Go, Place, PlanDecl
from .flow.shares import Written
from .flow.text import lines_of
from .quickly import dataclass


@dataclass(frozen=True, slots=True)
class ShareLook:
    """A share, with fields as JSON has them; `history` are its latest writes since somebody has looked at it first."""

    path: str
    fields: Mapping[str, Any]
    writer: str
    stamp: float | None
    writable: bool
    history: tuple[Written, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """A plan at one moment. Times are in seconds; `longest` is that of the longest turn."""

    turn: int
    stamp: float
    period: float
    longest: float
    overruns: int
    missed: int
    paused: bool
    alive: bool
    failure: str
    run: int | None


@dataclass(frozen=True, slots=True)
class Way:
    """How it goes on from an active frame, with its line: the text of a transition, or what a generator waits for."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class FrameLook:
    """A frame and those under it; `on` while it is active."""

    name: str
    on: bool
    line: int
    unders: tuple[FrameLook, ...]
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """A line of the script; `on` if it belongs to an active frame."""

    number: int
    text: str
    on: bool


# Below these paths the engine tells of itself.
BUILT_IN = (".framer.", ".meta.")


def shares_of(house: House, writable: frozenset[str], *, remembering: bool, built_in: bool) -> list[ShareLook]:
    """The shares that have a value; with `remembering` their writes are kept from now on."""
    found = []
    for share in house.store:
        if not built_in and share.path.startswith(BUILT_IN):
            continue
        fields = share.fields
        if fields:
            if remembering:
                share.remember()
            found.append(ShareLook(share.path, plain(dict(fields)), share.writer, share.stamp, share.path in writable,
                                   tuple(share.history or ())))  # fmt: skip
    return found


def tree_of(house: House, framer: str) -> tuple[FrameLook, ...]:
    """The frames of a framer, from the top ones down; none if there is no such framer."""
    found = house.framers.get(framer)
    if found is None:
        return ()
    return tuple(_frame(frame, found) for frame in found.frames.values() if frame.over is None)


def _frame(frame: Frame, framer: Framer) -> FrameLook:
    on = frame in framer.actives
    unders = tuple(_frame(under, framer) for under in framer.frames.values() if under.over is frame)
    ways = tuple(_ways(frame, framer)) if on else ()
    return FrameLook(frame.name, on, frame.place.line, unders, ways)


def _ways(frame: Frame, framer: Framer) -> Iterator[Way]:
    for part in framer.parts:
        if part.frame == frame.name and part.waits_for:
            yield Way(f"waits for {part.waits_for}", part.place.line)
    for line in framer.decl.frames[frame.name].lines:
        if isinstance(line.act, Go):
            yield Way(line.place.text, line.place.line)


def script_of(house: House, plan: PlanDecl) -> dict[str, list[ScriptLine]]:
    """The lines of all files of a plan, with those of active frames marked.

    What Python has declared is told as a script, with its lines in the Python file.
    """
    lit: set[Place] = set()
    for framer in house.framers.values():
        for frame in framer.actives:
            decl = framer.decl.frames[frame.name]
            lit |= {decl.place, *(line.place for line in decl.lines)}
    numbers = {(place.file, place.line) for place in lit}
    found = {
        file: [ScriptLine(number, text, (file, number) in numbers) for number, text in enumerate(lines, 1)]
        for file, lines in plan.files.items()
    }
    if any(tasker.place.file not in plan.files for tasker in house.decl.taskers.values()):
        said = [ScriptLine(place.line, text, place in lit and text != "") for text, place in lines_of(house.decl)]
        found[f"house {house.name}"] = said
    return found
