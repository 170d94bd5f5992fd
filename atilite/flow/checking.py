"""Whether a plan is right, without running it: its errors, and what it would do that nobody may have meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from atilite.errors import FlowError
from atilite.flow import clones
from atilite.flow.building import Behaves, Building
from atilite.flow.cursor import nearest
from atilite.flow.frames import Frame, Framer
from atilite.flow.lines import Problem
from atilite.flow.logs import loggers, notes
from atilite.flow.model import (
    Aux,
    Bid,
    Call,
    Compare,
    Fiat,
    Go,
    HouseDecl,
    Inc,
    Line,
    PlanDecl,
    Rear,
    Source,
    Truth,
)
from atilite.flow.scope import Scope
from atilite.flow.shares import LiveShare

# The verbs that give shares a value; the words of bids and fiats that start and end a framer.
SETTING = ("init", "put", "set", "copy", "do", "load")
STARTING, ENDING = ("start", "run", "ready"), ("stop", "abort")


@dataclass
class Verdict:
    """What was found out about a plan, in the order of its lines; `size` is how much there was to look at."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    size: str = ""


def check(plan: PlanDecl, behaviors: Behaves, problems: Iterable[Problem] = ()) -> Verdict:
    """Build all houses of a plan, and look at what is in them; `problems` are those that reading it has found."""
    verdict = Verdict(list(problems))
    counts = [0, 0, 0]
    for decl in plan.houses.values():
        building = _Looked(decl, behaviors)
        building.build(loggers(None))
        _rear_all(building)
        verdict.errors += building.problems
        # What sets shares may be in lines that are wrong, and then nobody knows which are set.
        if not any(problem.place.text.partition(" ")[0] in SETTING for problem in verdict.errors):
            verdict.errors += _uncounted(building)
        if not verdict.errors:
            verdict.warnings += [*_Ways(building).warnings(), *_unset(building), *building.doubts, *_noted(decl)]
        frames = sum(len(framer.frames) for framer in decl.framers.values())
        counts = [counts[0] + 1, counts[1] + len(decl.framers), counts[2] + frames]
    files = list(plan.files)

    def place(problem: Problem) -> tuple[int, int]:
        known = problem.place.file in files
        return files.index(problem.place.file) if known else -1, problem.place.line

    verdict.errors.sort(key=place)
    verdict.warnings.sort(key=place)
    words = ("house", "framer", "frame")
    verdict.size = ", ".join(f"{n} {word}{'' if n == 1 else 's'}" for n, word in zip(counts, words, strict=True))
    return verdict


class _Looked(Building):
    """Remembers which shares something sets, and which are only counted up."""

    def __init__(self, decl: HouseDecl, behaviors: Behaves) -> None:
        super().__init__(decl, behaviors)
        self.set: set[str] = set()
        self.counted: list[tuple[str, Line]] = []

    def knows(self, path: str) -> None:
        self.set.add("." + path.strip("."))
        super().knows(path)

    def _declare(self, line: Line, scope: Scope) -> None:
        if isinstance(line.act, Inc):
            path = scope.path(line.act.dest.path)
            self.counted.append((path, line))
            super().knows(path)
        else:
            super()._declare(line, scope)


def _rear_all(building: _Looked) -> None:
    """Make each clone that would be made while the plan runs, so that what is wrong in it is found."""
    seen: set[str] = set()
    todo = list(building.house.framers.values())
    for framer in todo:  # it grows meanwhile, by clones that rear others
        for frame, line in _lines([framer]):
            if isinstance(line.act, Rear) and line.act.framer not in seen:
                seen.add(line.act.framer)
                scope, known = Scope(building, frame, line.place), set(building.house.framers)
                with suppress(FlowError):  # it is among the problems now, or was told of the line that rears
                    clones.rear(building, building.moot(line.act.framer), building.frame(line.act.frame, scope))
                todo += [one for name, one in building.house.framers.items() if name not in known]


def _uncounted(building: _Looked) -> Iterator[Problem]:
    """Shares that are counted up from nothing."""
    if any(isinstance(line.act, Call) for _, line in _lines(building.house.framers.values())):
        return  # functions of Python may set any share
    for path, line in building.counted:
        if path not in building.set:
            remedy = f"give it a first value, as in: init {path} with 0"
            yield Problem(line.place, f"inc: nothing ever sets {path}; {remedy}: {line.place.text}")


def _unset(building: _Looked) -> list[Problem]:
    """Needs that ask for shares which nothing in the plan sets: they are mistyped, or wait for somebody outside."""
    lines = list(_lines(building.house.framers.values()))
    if any(isinstance(line.act, Call) for _, line in lines):
        return []
    found: list[Problem] = []
    for frame, line in lines:
        scope = Scope(building, frame, line.place)
        for source in _asked(line):
            path = scope.path(building.state_path(source.path, scope))
            if path not in building.set and not isinstance(building.house.store.find(path), LiveShare):
                found.append(Problem(line.place, f"nothing in the plan sets {path}{nearest(path, building.set)}"))
    return list(dict.fromkeys(found))


def _noted(decl: HouseDecl) -> Iterator[Problem]:
    return (Problem(place, note) for logger in decl.loggers.values() for place, note in notes(logger))


def _asked(line: Line) -> Iterator[Source]:
    """The shares that the needs of an act ask for."""
    for need in getattr(line.act, "needs", ()):
        if isinstance(need, Compare | Truth):
            yield need.state
        if isinstance(need, Compare) and isinstance(need.goal, Source):
            bare = need.goal.path == "goal"
            yield Source(f".goal.{need.state.path.rpartition('.')[2]}") if bare else need.goal


class _Ways:
    """Where the framers of a house can get to."""

    def __init__(self, building: Building) -> None:
        self._building, self._house = building, building.house
        self._all = list(_lines(self._house.framers.values()))

    def warnings(self) -> list[Problem]:
        """Frames that are never entered or never left, and framers that never run."""
        found: list[Problem] = []
        for framer in self._house.framers.values():
            if not self._is_moved(framer, STARTING):
                reason = f"framer {framer.name} is {framer.decl.schedule}, and nothing in the plan starts it"
                found.append(Problem(framer.decl.place, reason))
            else:
                found += self._frames(framer)
        return list(dict.fromkeys(found))  # clones have the same lines

    def _frames(self, framer: Framer) -> Iterator[Problem]:
        targets = self._targets(framer)
        entered = {frame for target in targets for frame in target.outline}
        ends_itself = any(part.routine is not None and part.routine.sequence for part in framer.parts)
        ended = ends_itself or framer.cloned or framer.decl.schedule == "aux" or self._is_moved(framer, ENDING)
        for frame in framer.frames.values():
            if frame not in entered:
                yield Problem(frame.place, f"frame {frame.name} is never entered: no transition leads to it")
            elif frame in targets and not ended and not any(self._far(frame.outline)):
                reason = f"no transition leads out of it, and nothing stops framer {framer.name}"
                yield Problem(frame.place, f"frame {frame.name} is never left: {reason}")

    def _targets(self, framer: Framer) -> list[Frame]:
        """The frames that it starts with or goes to."""
        found = [framer.first]
        on_fault = framer.frames.get(framer.decl.on_fault)
        if on_fault is not None:
            found.append(on_fault)
        for frame in found:  # it grows meanwhile
            found += [far for far in dict.fromkeys(self._far(frame.outline)) if far not in found]
        return found

    def _far(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        for frame in frames:
            for line in frame.framer.decl.frames[frame.name].lines:
                if isinstance(line.act, Go):
                    try:
                        yield self._building.target(line.act.far, Scope(self._building, frame, line.place))
                    except FlowError:
                        continue

    def _is_moved(self, framer: Framer, controls: tuple[str, ...]) -> bool:
        """Whether anything starts it, or ends it."""
        schedule = framer.decl.schedule
        if controls is STARTING and (schedule == "active" or framer.cloned):
            return True
        return any(_moves(frame, line, framer, controls) for frame, line in self._all)


def _moves(frame: Frame, line: Line, framer: Framer, controls: tuple[str, ...]) -> bool:
    act = line.act
    if isinstance(act, Bid) and act.control in controls:
        return framer.name in act.names or "all" in act.names or ("me" in act.names and frame.framer is framer)
    if isinstance(act, Fiat):
        return act.control in controls and act.name == framer.name
    if isinstance(act, Aux):
        return act.framer == framer.name
    return isinstance(act, Rear) and act.framer == framer.decl.name


def _lines(framers: Iterable[Framer]) -> Iterator[tuple[Frame, Line]]:
    for framer in framers:
        for decl in framer.decl.frames.values():
            for line in decl.lines:
                yield framer.frames[decl.name], line
