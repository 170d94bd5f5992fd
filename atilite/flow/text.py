"""A declared plan as a script, which declares the same again. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from atilite.errors import FlowError
from atilite.flow import wording
from atilite.flow.model import (
    Act,
    Call,
    Context,
    Do,
    FrameDecl,
    FramerDecl,
    HouseDecl,
    Init,
    LogDecl,
    LoggerDecl,
    Place,
    PlanDecl,
    Test,
)
from atilite.flow.syntax import parse

INDENT = "  "


def to_floscript(plan: PlanDecl) -> str:
    """The script of a plan, in the newer dialect. FlowError for what no script can say, with where it was declared.

    Behaviours are told by their names. Scripts that were loaded are in it, too.
    """
    _sayable(plan)
    text = "\n".join(line for house in plan.houses.values() for line in (*(line for line, _ in lines_of(house)), ""))
    again, _ = parse(text, "")
    said, meant = PlanDecl(again.houses), PlanDecl(plan.houses)
    if values_of(said) != values_of(meant):
        raise FlowError(_lost(said, meant))
    return text


def values_of(declared: Any) -> Any:
    """What was declared, without places: two plans that say the same have the same."""
    if isinstance(declared, Place):
        return None
    if isinstance(declared, Do) and not isinstance(declared.kind, str):
        declared = replace(declared, kind=wording.kind_of(declared))
    if is_dataclass(declared):
        kept = [one.name for one in fields(declared) if one.name not in ("links", "files")]
        return [type(declared).__name__, *((name, values_of(getattr(declared, name))) for name in kept)]
    if isinstance(declared, dict):
        return [(name, values_of(value)) for name, value in declared.items()]
    if isinstance(declared, list | tuple):
        return [values_of(one) for one in declared]
    return repr(declared)  # 1, 1.0 and true are different things to say


# -- lines ------------------------------------------------------------------------------------------------------------


def lines_of(house: HouseDecl) -> Iterator[tuple[str, Place]]:
    """The lines of the script of a house, and where each was declared; functions are there with their names."""
    yield f"house {house.name}", house.place
    for init in house.inits:
        yield _init(init), init.place
    for tasker in house.taskers.values():
        yield "", tasker.place
        yield from _framer(tasker) if isinstance(tasker, FramerDecl) else _logger(tasker)


def _init(init: Init) -> str:
    if init.source is not None:
        return f"init {init.dest} from {init.source}"
    return f"init {init.dest} with {wording.data(init.data)}"


def _framer(framer: FramerDecl) -> Iterator[tuple[str, Place]]:
    parts = [f"framer {framer.name}"]
    if framer.schedule != "inactive":
        parts.append(f"be {framer.schedule}")
    if framer.period:
        parts.append(f"at {wording.number(framer.period)}")
    if framer.first and framer.first != next(iter(framer.frames), ""):
        parts.append(f"first {framer.first}")
    if framer.order != "mid":
        parts.append(f"in {framer.order}")
    if framer.via:
        parts.append(f"via {framer.via}")
    if framer.on_fault != "stop":
        parts.append(f"on fault {framer.on_fault}")
    yield " ".join(parts), framer.place
    depths: dict[str, int] = {}
    for frame in framer.frames.values():
        depths[frame.name] = depths.get(frame.over, 0) + 1
    frames = list(framer.frames.values())
    for at, frame in enumerate(frames):
        follower = frames[at + 1].name if at + 1 < len(frames) else ""
        for line, place in _frame(frame, follower):
            yield INDENT * depths[frame.name] + line, place


def _frame(frame: FrameDecl, follower: str) -> Iterator[tuple[str, Place]]:
    over = f" in {frame.over}" if frame.over else ""
    yield f"frame {frame.name}{over}" + (f" via {frame.via}" if frame.via else ""), frame.place
    if frame.under:
        yield f"{INDENT}under {frame.under}", frame.place
    if frame.next and frame.next != follower:
        yield f"{INDENT}next {frame.next}", frame.place
    current: Context | None = None
    for line in frame.lines:
        native = wording.native_context(line.act)
        # Acts whose context cannot be said stand in any; the others return to their native one.
        wanted = current if wording.is_fixed(line.act) else None if native == line.context else line.context
        if wanted != current:
            yield f"{INDENT}{wanted or 'native'}", line.place
        current = wanted
        indent = INDENT * (2 if current and not wording.is_fixed(line.act) else 1)
        yield indent + wording.sentence(line.act), line.place


def _sayable(plan: PlanDecl) -> None:
    """FlowError for a function: it has no words in a script."""
    framers = [framer for house in plan.houses.values() for framer in house.framers.values()]
    for line in (line for framer in framers for frame in framer.frames.values() for line in frame.lines):
        found = [line.act.function] if isinstance(line.act, Call) else []
        found += [need.function for need in getattr(line.act, "needs", ()) if isinstance(need, Test)]
        for function in found:
            reason = f"the function {wording.name_of(function)} has no words in a script"
            raise FlowError(f"{_where(line.place)}{reason}; make it a behaviour, or say the need in FloScript")


def _where(place: Place) -> str:
    owner = f"{place.owner}: " if place.owner else ""
    return f"{place.file}:{place.line}: {owner}" if place.file else owner


def _logger(logger: LoggerDecl) -> Iterator[tuple[str, Place]]:
    parts = [f"logger {logger.name}"]
    if logger.folder:
        parts.append(f"to {wording.quoted(logger.folder)}")
    if logger.schedule != "active":
        parts.append(f"be {logger.schedule}")
    if logger.order != "mid":
        parts.append(f"in {logger.order}")
    said = (("at", logger.period, 0.0), ("flush", logger.flush, 30.0), ("keep", logger.keep, 0),
            ("cycle", logger.cycle, 0.0), ("size", logger.size, 0))  # fmt: skip
    parts += [f"{word} {wording.number(value)}" for word, value, usual in said if value != usual]
    yield " ".join(parts) + (" reuse" if logger.reuse else ""), logger.place
    for log in logger.logs:
        yield from _log(log)


def _log(log: LogDecl) -> Iterator[tuple[str, Place]]:
    file = f" to {wording.quoted(log.file)}" if log.file else ""
    yield f"{INDENT}log {log.name}{file}" + (f" on {log.rule}" if log.rule != "never" else ""), log.place
    for tag, source in log.columns:
        name = f" as {tag}" if tag != source.path.rpartition(".")[2] else ""
        yield f"{INDENT * 2}loggee {source}{name}", log.place


# -- what was lost ----------------------------------------------------------------------------------------------------


def _lost(said: Any, meant: Any, where: str = "") -> str:
    """What of the plan its script does not say: the smallest part with a place that differs."""
    if type(said) is type(meant) and is_dataclass(meant):
        place = getattr(meant, "place", None)
        where = _where(place) or where if isinstance(place, Place) else where
        for one in fields(meant):
            left, right = getattr(said, one.name), getattr(meant, one.name)
            if one.name not in ("links", "files") and values_of(left) != values_of(right):
                return _lost(left, right, where)
    if isinstance(said, dict) and isinstance(meant, dict):
        for name, value in meant.items():
            if values_of(said.get(name)) != values_of(value):
                return _lost(said.get(name), value, where)
    if isinstance(said, list) and isinstance(meant, list):
        for at, value in enumerate(meant):
            if values_of(said[at : at + 1]) != values_of([value]):
                return _lost(said[at] if at < len(said) else None, value, where)
    if is_dataclass(meant):
        place = getattr(meant, "place", None)
        where = _where(place) or where if isinstance(place, Place) else where
    return f"{where}no script can say {wording.sentence(meant) if isinstance(meant, Act) else repr(meant)}"
