"""The frames of a framer: as values, and drawn from the top down with the path that is active."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from atilite.console import words
from atilite.quickly import dataclass

# As wide as the card of a phone, in px; a character of the font for code is WIDE.
WIDTH, WIDE = 312, 7.2
ROW, INDENT, DEEPEST = 30, 20, 8


@dataclass(frozen=True, slots=True)
class Node:
    """A frame of the tree; `note` says for how long it is active, or was."""

    name: str
    on: bool
    note: str
    line: int
    unders: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Twig:
    """A frame in its row of the drawing: its dot, the line from the frame over it, its words as far as there is room.

    `label` says all of it to who cannot see where it stands.
    """

    name: str
    note: str
    on: bool
    x: int
    y: int
    stem: str
    label: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """The rows in a view box of this height."""

    width: int
    height: int
    twigs: tuple[Twig, ...]


def nodes(frames: Iterable[Any], notes: dict[str, str]) -> tuple[Node, ...]:
    """Frames as the page has them, with what `notes_of` says."""
    found = []
    for frame in frames:
        lowest = frame.on and not any(under.on for under in frame.unders)
        note = notes.get("" if lowest else frame.name, "") if lowest or not frame.on else ""
        found.append(Node(frame.name, frame.on, note, frame.line, nodes(frame.unders, notes)))
    return tuple(found)


def notes_of(framer: str, framers: Sequence[Any], steps: Iterable[Any]) -> dict[str, str]:
    """For how long the framer was in each frame when it left it last; by "" for how long it is in the present one."""
    found: dict[str, str] = {}
    for look in framers:
        if look.name == framer:
            found[""] = words.duration(look.elapsed)
    for step in steps:
        if step.event == "transition" and step.old:
            found.setdefault(step.old[-1], f"left after {words.duration(step.after)}")
    return found


def ways(frames: Iterable[Any]) -> Iterator[str]:
    """How it goes on from the active frames, the way that is tried first being first."""
    for frame in frames:
        if frame.on:
            yield from (f"{way.text} (line {way.line})" if way.line else way.text for way in frame.ways)
            yield from ways(frame.unders)


def drawn(frames: Iterable[Node]) -> Drawing:
    """The frames, one in each row, those under a frame below it and further right."""
    twigs = tuple(_twigs(frames, 0, 0, "", iter(range(ROW // 2, 10**9, ROW))))
    return Drawing(WIDTH, ROW * len(twigs), twigs)


def _twigs(frames: Iterable[Node], depth: int, above: int, over: str, rows: Iterator[int]) -> Iterator[Twig]:
    x = 8 + INDENT * min(depth, DEEPEST)
    for frame in frames:
        y = next(rows)
        note = f"active {frame.note}".rstrip() if frame.on else frame.note
        room = int((WIDTH - x - 16) / WIDE)
        name = words.cut(frame.name, room)
        label = ", ".join(filter(None, (frame.name, f"in {over}" if over else "", note)))
        stem = f"M{x - INDENT} {above}V{y}H{x}" if depth else ""
        yield Twig(name, note if len(name) + len(note) < room else "", frame.on, x, y, stem, label)
        yield from _twigs(frame.unders, depth + 1, y, frame.name, rows)
