"""A declared house is built: framers are made and linked, acts compiled, and all errors found in one go."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from atilite.errors import FlowError
from atilite.flow import clones, logs
from atilite.flow.acts import compile_act, writes_of
from atilite.flow.cursor import nearest
from atilite.flow.frames import Act, Frame, Framer
from atilite.flow.house import House, Tasker, View
from atilite.flow.lines import Problem
from atilite.flow.model import Aux, Do, FrameDecl, FramerDecl, HouseDecl, Init, Line, LoggerDecl, Place
from atilite.flow.scope import Scope, check_fields, dest_fields, source_fields
from atilite.flow.shares import Share


class Behaves(Protocol):
    """Finds behaviours and makes acts of them."""

    def bind(self, act: Do, scope: Scope) -> Act: ...


def build(
    decl: HouseDecl, behaviors: Behaves, *, logger: Callable[[LoggerDecl, House], Tasker] | None = None
) -> tuple[House, list[Problem]]:
    """Build a house, and tell what is wrong with it: it cannot be turned if anything is. `logger` makes its loggers."""
    building = Building(decl, behaviors)
    building.build(logger)
    return building.house, building.problems


class Building:
    """A house under construction; the acts that make clones keep it for later."""

    def __init__(self, decl: HouseDecl, behaviors: Behaves) -> None:
        self.house = House(decl)
        self.problems: list[Problem] = []
        self.doubts: list[Problem] = []  # what is odd, but may be meant
        self._decl, self._behaviors = decl, behaviors
        self._known: set[str] = set()
        self._later: list[Callable[[], object]] = []
        self._entry_marks: set[tuple[Frame, str, Share]] = set()

    # -- names, for the acts ------------------------------------------------------------------------------------------

    def tasker(self, name: str, scope: Scope, kind: str = "") -> Any:
        """A framer or a logger by its name; FlowError if there is none, or it is not of that kind."""
        if name == "me":
            return scope.framer
        if name in self.house.loggers and kind in ("", "scheduled"):
            return self.house.loggers[name]
        kinds = {"scheduled": ("active", "inactive"), "": ()}.get(kind, (kind,))
        return self.framer(name, scope, *kinds)

    def framer(self, name: str, scope: Scope | None, *schedules: str) -> Framer:
        """A framer by its name, or the clone of that tag of the framer that asks."""
        found = self.house.framers.get(name)
        if found is None and scope is not None:
            found = scope.framer.auxes.get(name)
        if found is None:
            moot = self._decl.framers.get(name)
            if moot is not None:
                wanted = " or ".join(schedules) or "a framer that runs"
                raise FlowError(f"framer {name} is {moot.schedule}; here it has to be {wanted}")
            raise FlowError(f"there is no framer {name}{nearest(name, self._decl.taskers)}")
        if schedules and not (found.decl.schedule in schedules or (found.cloned and "aux" in schedules)):
            raise FlowError(f"framer {name} is {found.decl.schedule}; here it has to be {' or '.join(schedules)}")
        return found

    def aux(self, name: str, owner: Framer) -> Framer:
        """An auxiliary of a framer, by its name or the tag of the clone."""
        found = owner.auxes.get(name)
        if found is None:
            raise FlowError(f"framer {owner.name} has no auxiliary {name}{nearest(name, owner.auxes)}")
        return found

    def frame(self, name: str, scope: Scope, owner: Framer | None = None) -> Frame:
        """A frame of the framer that asks, or of another; an empty name is the frame of the act itself."""
        framer = owner or scope.framer
        if not name:
            return scope.frame
        found = framer.frames.get(name)
        if found is None:
            raise FlowError(f"framer {framer.name} has no frame {name}{nearest(name, framer.frames)}")
        return found

    def moot(self, name: str) -> FramerDecl:
        """A moot framer by its name; FlowError if it is not there, or not moot."""
        found = self._decl.framers.get(name)
        if found is None:
            raise FlowError(f"there is no framer {name}{nearest(name, self._decl.taskers)}")
        if found.schedule != "moot":
            raise FlowError(f"only a moot framer can be cloned, and {name} is {found.schedule}")
        return found

    def target(self, far: str, scope: Scope) -> Frame:
        """The frame that a transition goes to."""
        if far == "me":
            return scope.frame
        if far == "next":
            if scope.frame.next is None:
                raise FlowError(f"there is no frame behind {scope.frame.name} to go to; name one")
            return scope.frame.next
        return self.frame(far, scope)

    def state_path(self, path: str, scope: Scope) -> str:
        """The path that a need means: a bare name that nothing writes stands for the share of that name in `.state`."""
        if "." in path:
            return path
        here = scope.path(path)
        return f".state.{path}" if here not in self._known and f".state.{path}" in self._known else path

    def knows(self, path: str) -> None:
        """Count a share as declared or written somewhere."""
        self._known.add("." + path.strip("."))

    def is_known(self, path: str) -> bool:
        return "." + path.strip(".") in self._known

    def mark_on_entry(self, frame: Frame, key: str, share: Share, mark: Act) -> None:
        """Set a mark before the other enter acts of a frame, once for all needs that share it."""
        if (frame, key, share) not in self._entry_marks:
            self._entry_marks.add((frame, key, share))
            self._later.append(lambda: frame.acts["enter"].insert(0, mark))

    def later(self, function: Callable[[], object]) -> None:
        """Do something when all acts of the house are in their places."""
        self._later.append(function)

    # -- what users wrote---------------------------------------------------------------------------------------------

    def behave(self, act: Do, scope: Scope) -> Act:
        """The act of a behaviour."""
        return self.house.contained(self._behaviors.bind(act, scope), scope.frame, scope.place)

    def guarded(self, function: Callable[[Any], Any], scope: Scope) -> Act:
        """A function of a user that is called with the shares."""
        view = View(self.house, scope.frame.framer.name)
        return self.house.contained(lambda: function(view), scope.frame, scope.place)

    # -- building -----------------------------------------------------------------------------------------------------

    def build(self, logger: Callable[[LoggerDecl, House], Tasker] | None) -> None:
        """Build all of it."""
        for init in self._decl.inits:
            self._trying(init.place, functools.partial(self._init, init))
        made: list[Framer] = []
        for decl in self._decl.framers.values():
            if decl.schedule != "moot":
                made += self._trying(decl.place, functools.partial(self.make, decl)) or []
        for tasker in self._decl.loggers.values():
            for place, reason in logs.faults(tasker):
                self._problem(place, reason)
            if logger is not None:
                self.house.loggers[tasker.name] = logger(tasker, self.house)
        for name in self._decl.scheduled:
            if name in self.house.framers or name in self.house.loggers:
                self.house.scheduled.append(self.house.framers.get(name) or self.house.loggers[name])
        self.compile(made)
        if not self.problems:
            self._find_logged()

    def _find_logged(self) -> None:
        """Find the shares that loggers log, once all acts have those that they write.

        One that is not there may still be set by somebody outside: until then its column is empty.
        """
        for decl in self._decl.loggers.values():
            for log, path in logs.logged(decl):
                if self.house.store.find(path) is None:
                    hint = nearest(path, (share.path for share in self.house.store))
                    self.doubts.append(Problem(log.place, f"log {log.name}: nothing in the plan has {path}{hint}"))
                    self._trying(log.place, functools.partial(self.house.store.share, path))

    def _init(self, init: Init) -> None:
        share = self.house.store.share(init.dest.path)
        if init.source is None:
            check_fields(share, (name for name, _ in init.data))
            share.change(dict(init.data))
        else:
            source = self.house.store.find(init.source.path)
            if source is None:
                known = (other.path for other in self.house.store)
                raise FlowError(f"init: nothing has set {init.source.path} before{nearest(init.source.path, known)}")
            names = source_fields(source, init.source.fields, init.dest.fields)
            fields = dest_fields(share, names, init.dest.fields)
            share.change({to: source.fields.get(name) for to, name in zip(fields, names, strict=True)})
        self.knows(share.path)

    def make(self, decl: FramerDecl, name: str = "", tag: str = "", main: Frame | None = None) -> list[Framer]:
        """Make a framer with its frames, and the clones that run in them; nothing is compiled yet."""
        framer = Framer(decl, self.house, name, tag)
        framer.main = main
        self.house.framers[framer.name] = framer
        for frame_decl in decl.frames.values():
            framer.frames[frame_decl.name] = Frame(frame_decl.name, framer, frame_decl.via, frame_decl.place)
        self._link(framer)
        made = [framer]
        for frame, line, tag in clones.wanted(framer):
            self._trying(line.place, lambda line=line, frame=frame, tag=tag: made.extend(  # type: ignore[misc]
                clones.clone(self, line.act, frame, tag)))  # fmt: skip
        return made

    def _link(self, framer: Framer) -> None:
        decl, frames = framer.decl, framer.frames
        for frame_decl in decl.frames.values():
            frame = frames[frame_decl.name]
            for kind in ("over", "under", "next"):
                name = getattr(frame_decl, kind)
                if name and name not in frames:
                    place = frame_decl.links.get(kind, frame_decl.place)
                    self._problem(place, f"framer {framer.name} has no frame {name}{nearest(name, frames)}")
            if frame_decl.under in frames:
                frame.unders.append(frames[frame_decl.under])
            frame.next = frames.get(frame_decl.next)
        for frame_decl in decl.frames.values():
            self._put_under(frames[frame_decl.name], frame_decl, frames)
        if not frames:
            self._problem(decl.place, f"framer {framer.name} has no frame")
            frames["none"] = Frame("none", framer)
        for frame in frames.values():
            frame.trace_outline()
        first = decl.first or next(iter(frames))
        if first not in frames and decl.frames:
            self._problem(decl.first_place, f"framer {framer.name} has no frame {first}{nearest(first, frames)}")
        if decl.schedule in ("aux", "moot") and decl.on_fault in frames:
            remedy = "name a frame of that one for a fault; here it is stop or ignore"
            self._problem(decl.place, f"framer {decl.name} is {decl.schedule} and fails with who runs it: {remedy}")
        if decl.on_fault not in ("stop", "ignore", *frames):
            hint = nearest(decl.on_fault, ("stop", "ignore", *frames))
            self._problem(decl.place, f"framer {framer.name} has no frame {decl.on_fault} to go to after a fault{hint}")
        framer.first = frames.get(first) or next(iter(frames.values()))

    def _put_under(self, frame: Frame, decl: FrameDecl, frames: dict[str, Frame]) -> None:
        over = frames.get(decl.over)
        above = over
        while above is not None:
            if above is frame:
                place = decl.links.get("over", decl.place)
                self._problem(place, f"frame {frame.name} would be over itself; its over frames go round in a circle")
                return
            above = above.over
        if over is not None:
            frame.over = over
            if frame not in over.unders:
                over.unders.append(frame)

    def compile(self, framers: Iterable[Framer]) -> None:
        """Compile all acts: first what makes or writes shares, so that needs know which there are."""
        found: list[tuple[Line, Scope]] = []
        for framer in framers:
            for frame_decl in framer.decl.frames.values():
                frame = framer.frames[frame_decl.name]
                found += [(line, Scope(self, frame, line.place)) for line in frame_decl.lines if not _plain_aux(line)]
            for frame, line, tag in clones.auxes(framer):
                self._trying(line.place, functools.partial(self._attach, line, frame, tag))
        for line, scope in found:
            self._trying(line.place, functools.partial(self._declare, line, scope))
        compiled: dict[int, Act] = {}
        for first in (True, False):
            for at, (line, scope) in enumerate(found):
                if isinstance(line.act, Do) is first:
                    act = self._trying(line.place, functools.partial(compile_act, line, scope))
                    if act is not None:
                        compiled[at] = act
        for at, (line, scope) in enumerate(found):
            if at in compiled:
                acts = scope.frame.guards if line.context == "benter" else scope.frame.acts[line.context]
                acts.append(compiled[at])
        later, self._later = self._later, []
        for function in later:
            function()

    def _declare(self, line: Line, scope: Scope) -> None:
        for path in writes_of(line):
            self.knows(scope.path(path))

    def _attach(self, line: Line, frame: Frame, tag: str) -> None:
        owner = frame.framer
        if tag and tag not in owner.auxes:
            return  # why it could not be cloned was told
        name = line.act.framer if isinstance(line.act, Aux) else ""
        aux = self.aux(tag, owner) if tag else self.framer(name, None, "aux")
        owner.auxes.setdefault(aux.tag, aux)
        frame.auxes.append(aux)

    def _trying(self, place: Place, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except FlowError as error:
            self._problem(place, str(error))
            return None

    def _problem(self, place: Place, message: str) -> None:
        problem = Problem(place, f"{message}: {place.text}" if place.text else message)
        if problem not in self.problems:
            self.problems.append(problem)


def _plain_aux(line: Line) -> bool:
    return isinstance(line.act, Aux) and not line.act.needs
