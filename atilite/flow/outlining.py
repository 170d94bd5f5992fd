"""A plan as an outline for people: houses, framers, frames below the frames over them, and where these go."""

from __future__ import annotations

from collections.abc import Iterator

from atilite.flow.model import Aux, FrameDecl, FramerDecl, Go, HouseDecl, PlanDecl


def outline(plan: PlanDecl) -> Iterator[str]:
    """The lines of the outline. A first frame has a star; behind an arrow stands where a frame goes, and when."""
    for house in plan.houses.values():
        yield from _house(house)


def _house(house: HouseDecl) -> Iterator[str]:
    yield f"house {house.name}"
    for tasker in house.taskers.values():
        at = f" at {tasker.period:g}" if tasker.period else ""
        if isinstance(tasker, FramerDecl):
            yield f"  framer {tasker.name}, {tasker.schedule}{at}"
            yield from _below(tasker, "", "    ")
        else:
            yield f"  logger {tasker.name}, {tasker.schedule}{at}"


def _below(framer: FramerDecl, over: str, indent: str) -> Iterator[str]:
    for frame in framer.frames.values():
        if frame.over == over or (not over and frame.over not in framer.frames):
            first = framer.first or next(iter(framer.frames))
            yield f"{indent}{frame.name}{' *' if frame.name == first else ''}"
            yield from (f"{indent}  -> {text}" for text in _ways(frame))
            yield from _below(framer, frame.name, indent + "  ")


def _ways(frame: FrameDecl) -> Iterator[str]:
    for line in frame.lines:
        act = line.act
        if isinstance(act, Go):
            far = frame.next or "next" if act.far == "next" else frame.name if act.far == "me" else act.far
            text = line.place.text
            yield f"{far}: {text}" if text else far
        elif isinstance(act, Aux):
            yield f"({line.place.text or 'aux ' + act.framer})"
