"""What a plan declares, as values: houses, framers, frames, acts and needs. Scripts and Python code make them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

Schedule = Literal["active", "inactive", "aux", "slave", "moot"]
Order = Literal["front", "mid", "back"]
Control = Literal["stop", "start", "run", "abort", "ready"]
Context = Literal["benter", "enter", "recur", "precur", "exit", "renter", "rexit"]

SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)
ORDERS: tuple[Order, ...] = get_args(Order)
CONTEXTS: tuple[Context, ...] = get_args(Context)


class Place(NamedTuple):
    """Where something was declared: file, number of its first line, and its text in one line.

    `owner` is the class and the attribute, where Python declares it.
    """

    file: str
    line: int
    text: str
    owner: str = ""


NOWHERE = Place("", 0, "")


@dataclass(frozen=True, slots=True)
class Source:
    """Fields of a share. Without fields it is `value`, or all that there are.

    `path` is absolute with a leading dot; or relative to the inodes of frame and framer; or it begins with `framer.`
    (and there `me` and `main` stand for names), or with `me.` for the framer's inode.
    """

    path: str
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{' '.join(self.fields)} in {self.path}" if self.fields else self.path


# Fields and what they are given; the field of a single value is `value`.
Data = tuple[tuple[str, Any], ...]


# -- needs ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Compare:
    """Whether a field of a share compares to a literal or to another field. An unset one never does."""

    state: Source
    comparison: str
    goal: Any  # a literal, or a Source
    tolerance: float = 0.0
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Truth:
    """Whether a field of a share is true."""

    state: Source
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Marked:
    """Whether a share was written since the mark, or differs from then.

    The mark is set whenever the act of this need has been granted; with `frame` also when that frame is entered.
    """

    share: Source
    kind: Literal["updated", "changed"]
    frame: str = ""
    marker: str = ""
    negated: bool = False


@dataclass(frozen=True, slots=True)
class HasStatus:
    """Whether a framer is readied, started, running, stopped or aborted."""

    framer: str
    status: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class IsDone:
    """Whether a framer is done; with `aux` an auxiliary of a framer, or any or all of those of a frame."""

    framer: str
    aux: bool = False
    in_frame: str = ""
    in_framer: str = ""
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Test:
    """Whether a Python function says so; it is called with the house's view of its shares."""

    function: Callable[[Any], object]
    negated: bool = False


Need = Compare | Truth | Marked | HasStatus | IsDone | Test


# -- acts -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Put:
    """Write data, or what is in another share, into fields of a share; `goal` was said by `set`."""

    dest: Source
    data: Data = ()
    source: Source | None = None
    goal: bool = False


@dataclass(frozen=True, slots=True)
class Inc:
    """Add data, or what is in another share, to fields of a share."""

    dest: Source
    data: Data = ()
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Print:
    """Tell a text."""

    text: str


@dataclass(frozen=True, slots=True)
class Go:
    """Go to another frame, to `next` or `me`, when all needs hold and the guards of what is entered let it."""

    far: str
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True, slots=True)
class Let:
    """Be entered only when all needs hold."""

    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class Aux:
    """Run an auxiliary framer, or a clone of a moot one, with this frame; with `needs` only while they ask for it."""

    framer: str
    clone: str = ""
    via: str = ""
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True, slots=True)
class Rear:
    """Make a clone of a moot framer and give it to a frame, while the plan runs."""

    framer: str
    frame: str


@dataclass(frozen=True, slots=True)
class Raze:
    """Destroy clones that were reared: all, the first or the last of a frame."""

    which: Literal["all", "first", "last"]
    frame: str = "me"


@dataclass(frozen=True, slots=True)
class Do:
    """Call a behaviour. `kind` is its name in CamelCase, or the behaviour itself.

    Parameters come from `data` and `sources` (with, from), places of its inputs and outputs from `ios` and
    `io_sources` (per, for), what it is made with from `inits` and `init_sources` (cum, qua).
    """

    kind: Any
    name: str = ""
    via: str | None = None
    data: Data = ()
    sources: tuple[Source, ...] = ()
    ios: Data = ()
    io_sources: tuple[Source, ...] = ()
    inits: Data = ()
    init_sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Bid:
    """Ask framers to stop, start, run, abort or be ready when they are next scheduled; `all` and `me` are names too."""

    control: Control
    names: tuple[str, ...]
    period: float | Source | None = None


@dataclass(frozen=True, slots=True)
class Fiat:
    """Move a slave framer now."""

    control: Control
    name: str


@dataclass(frozen=True, slots=True)
class Done:
    """Say that this framer, or others, are done."""

    names: tuple[str, ...] = ("me",)


@dataclass(frozen=True, slots=True)
class Call:
    """Call a Python function with the house's view of its shares."""

    function: Callable[[Any], object]


Act = Put | Inc | Print | Go | Let | Aux | Rear | Raze | Do | Bid | Fiat | Done | Call


@dataclass(frozen=True, slots=True)
class Line:
    """An act in its context, and where it was declared; its text is what the history gives as the cause."""

    context: Context
    act: Act
    place: Place = NOWHERE


# -- what they belong to ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class FrameDecl:
    """A frame. `next` is the one that is declared behind it, unless another is named."""

    name: str
    over: str = ""
    under: str = ""
    next: str = ""
    via: str = ""
    lines: list[Line] = field(default_factory=list)
    place: Place = NOWHERE
    links: dict[str, Place] = field(default_factory=dict)  # where over, under and next were named


@dataclass(slots=True)
class FramerDecl:
    """A framer and its frames, in the order of their declaration. `period` is in seconds, 0 for each turn."""

    name: str
    schedule: Schedule = "inactive"
    period: float = 0.0
    first: str = ""
    order: Order = "mid"
    via: str = ""
    frames: dict[str, FrameDecl] = field(default_factory=dict)
    place: Place = NOWHERE
    first_place: Place = NOWHERE
    # What is done about a behaviour that fails: stop the framer, go on, or go to a frame of it.
    on_fault: str = "stop"


@dataclass(frozen=True, slots=True)
class Init:
    """A share's fields before the first turn."""

    dest: Source
    data: Data = ()
    source: Source | None = None
    place: Place = NOWHERE


@dataclass(slots=True)
class LogDecl:
    """One file of a logger: what is written into it, and when."""

    name: str
    file: str = ""
    rule: Literal["never", "once", "always", "update", "change"] = "never"
    columns: list[tuple[str, Source]] = field(default_factory=list)
    place: Place = NOWHERE


@dataclass(slots=True)
class LoggerDecl:
    """A scheduled writer of logs. Times are in seconds."""

    name: str
    schedule: Schedule = "active"
    period: float = 0.0
    order: Order = "mid"
    folder: str = ""
    flush: float = 30.0
    keep: int = 0
    cycle: float = 0.0
    size: int = 0
    reuse: bool = False
    logs: list[LogDecl] = field(default_factory=list)
    place: Place = NOWHERE


@dataclass(slots=True)
class HouseDecl:
    """A world of its own: shares, and taskers (framers and loggers) by their names in the order of declaration."""

    name: str
    inits: list[Init] = field(default_factory=list)
    taskers: dict[str, FramerDecl | LoggerDecl] = field(default_factory=dict)
    place: Place = NOWHERE

    @property
    def framers(self) -> dict[str, FramerDecl]:
        return {name: one for name, one in self.taskers.items() if isinstance(one, FramerDecl)}

    @property
    def loggers(self) -> dict[str, LoggerDecl]:
        return {name: one for name, one in self.taskers.items() if isinstance(one, LoggerDecl)}

    @property
    def scheduled(self) -> list[str]:
        """The names of those that take turns: in front, in the middle, at the back."""
        turning = [one for one in self.taskers.values() if one.schedule in ("active", "inactive")]
        return [one.name for order in ("front", "mid", "back") for one in turning if one.order == order]


@dataclass(slots=True)
class PlanDecl:
    """All houses of a plan, and the lines that it was read from."""

    houses: dict[str, HouseDecl] = field(default_factory=dict)
    files: dict[str, list[str]] = field(default_factory=dict)
