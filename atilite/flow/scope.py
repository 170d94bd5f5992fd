"""From where an act looks at shares: paths become shares, and fields that were not named are found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from atilite.errors import FlowError
from atilite.flow.frames import Act, Frame, Framer
from atilite.flow.house import House
from atilite.flow.lines import Problem
from atilite.flow.model import NOWHERE, Do, FramerDecl, Place, Source
from atilite.flow.paths import Standpoint, absolute
from atilite.flow.shares import Share


class Building(Protocol):
    """What acts and needs ask for while their house is built. What names something that is not there is a FlowError."""

    house: House
    problems: list[Problem]

    def make(self, decl: FramerDecl, name: str, tag: str, main: Frame | None) -> list[Framer]: ...
    def compile(self, framers: Iterable[Framer]) -> None: ...
    def tasker(self, name: str, scope: Scope, kind: str = "") -> Any: ...
    def framer(self, name: str, scope: Scope | None, *schedules: str) -> Framer: ...
    def moot(self, name: str) -> FramerDecl: ...
    def aux(self, name: str, owner: Framer) -> Framer: ...
    def frame(self, name: str, scope: Scope, owner: Framer | None = None) -> Frame: ...
    def target(self, far: str, scope: Scope) -> Frame: ...
    def state_path(self, path: str, scope: Scope) -> str: ...
    def knows(self, path: str) -> None: ...
    def mark_on_entry(self, frame: Frame, key: str, share: Share, mark: Act) -> None: ...
    def later(self, function: Callable[[], object]) -> None: ...
    def behave(self, act: Do, scope: Scope) -> Act: ...
    def guarded(self, function: Callable[[Any], Any], scope: Scope) -> Act: ...


@dataclass(frozen=True, slots=True)
class Scope:
    """The frame of an act; of a behaviour also its name and its inode."""

    building: Building
    frame: Frame
    place: Place = NOWHERE
    actor: str = ""
    inode: str | None = None

    @property
    def house(self) -> House:
        return self.building.house

    @property
    def framer(self) -> Framer:
        return self.frame.framer

    def path(self, path: str) -> str:
        """The absolute path that a path of the script means here."""
        return absolute(path, self._standpoint())

    def share(self, path: str) -> Share:
        """The share at a path of the script, made if there is none."""
        return self.house.store.share(self.path(path))

    def of_behavior(self, actor: str, inode: str | None) -> Scope:
        return replace(self, actor=actor, inode=inode)

    def _standpoint(self) -> Standpoint:
        framer = self.framer
        main = framer.main
        return Standpoint(
            framer=framer.name,
            frame=self.frame.name,
            frames=[frame.via for frame in reversed(self.frame.head)],
            framers=list(_inodes(framer)),
            main=(main.framer.name, main.name) if main is not None else None,
            actor=self.actor,
            inode=self.inode,
        )


def _inodes(framer: Framer) -> Iterable[list[str]]:
    """The inode of a framer; then of the frames that it runs in, lowest first, and of their framer; and so on."""
    yield [framer.via]
    main = framer.main
    while main is not None:
        yield [*(frame.via for frame in reversed(main.head)), main.framer.via]
        main = main.framer.main


def state_field(share: Share, source: Source) -> str:
    """The field that a need asks for. FlowError if it is not said and there are several."""
    if source.fields:
        return source.fields[0]
    if not share.fields or "value" in share.fields:
        return "value"
    known = ", ".join(share.fields)
    example = f"{next(iter(share.fields))} in {share.path}"
    raise FlowError(f"{share.path} has the fields {known}; say which one is meant, as in: {example}")


def dest_fields(share: Share, given: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The fields of a share that take what comes from the fields `given`; `wanted` are those that were named."""
    fields = wanted or (("value",) if "value" in share.fields else given)
    check_fields(share, fields)
    if len(fields) != len(given):
        raise FlowError(f"{len(given)} values for the fields {', '.join(fields)} of {share.path}")
    return fields


def source_fields(share: Share, wanted: tuple[str, ...], dest: tuple[str, ...]) -> tuple[str, ...]:
    """The fields of a share that are read; `dest` are the fields that were named where they go."""
    if wanted:
        return wanted
    if not share.fields or "value" in share.fields:
        return ("value",)
    return dest or tuple(share.fields)


def check_fields(share: Share, fields: Iterable[str]) -> None:
    """FlowError where the field `value` and others would be in one share."""
    together = {*share.fields, *fields}
    if "value" in together and len(together) > 1:
        others = ", ".join(sorted(together - {"value"}))
        raise FlowError(f"{share.path} would have the field value beside {others}; name the fields that are meant")
