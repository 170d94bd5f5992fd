"""A house that runs: its shares and framers, and what is told of them."""

from __future__ import annotations

import os.path
from collections import deque
from typing import Any, NamedTuple, Protocol

from atilite.clock import Clock
from atilite.flow import standing
from atilite.flow.cursor import nearest
from atilite.flow.frames import Act, Fault, Frame, Framer
from atilite.flow.model import HouseDecl, Line, Place
from atilite.flow.shares import Share, Store

# Transitions that a house remembers for whoever looks at it.
REMEMBERED = 1000


class Transition(NamedTuple):
    """One transition: at `stamp` seconds, from and to outlines, whose act it was and where that stands."""

    stamp: float
    framer: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    by: str
    place: Place
    after: float


class Tasker(Protocol):
    """What takes turns: framers and loggers."""

    name: str
    desire: str
    status: Any
    done: bool
    period: float
    due: float

    def obey(self, control: str) -> Any: ...


class Listener(Protocol):
    """Is told what happens, in its order: the event's name, the framer, and its facts."""

    def __call__(self, event: str, framer: str, facts: dict[str, Any], /) -> None: ...


class House:
    """One house of a plan. `building.build` fills it. Every method is for the thread that turns it."""

    def __init__(self, decl: HouseDecl) -> None:
        self.decl, self.name = decl, decl.name
        self.store = Store()
        self.clock = Clock()
        self.meta: dict[str, Any] = {
            "name": decl.name, "plan": os.path.basename(decl.place.file), "filepath": decl.place.file, "period": 0.0,
            "real": False, "failure": "",
        }  # fmt: skip
        standing.offer(self.store, self.meta, lambda: self.clock.time())
        self.framers: dict[str, Framer] = {}
        self.loggers: dict[str, Tasker] = {}
        self.scheduled: list[Any] = []  # what takes turns, in its order
        self.history: deque[Transition] = deque(maxlen=REMEMBERED)
        self.listeners: tuple[Listener, ...] = ()
        self.moving: set[Framer] = set()  # slaves that an act moves right now
        self.detailed = False  # whether the events of single frames are told, too

    # -- being looked at ----------------------------------------------------------------------------------------------

    def tell(self, event: str, framer: str, **facts: Any) -> None:
        """Tell whoever listens."""
        for listener in self.listeners:
            listener(event, framer, facts)

    def listen(self, listener: Listener, *, detailed: bool = False) -> None:
        """Have somebody be told what happens; with `detailed` all are told how each frame enters, recurs and exits."""
        self.listeners = (*self.listeners, listener)
        self.detailed = self.detailed or detailed
        for framer in self.framers.values():
            framer.show_anew()

    def moved(self, framer: Framer, near: Frame, far: Frame, line: Line) -> None:
        """Remember a transition that is granted, and tell it."""
        old, new = framer.names, tuple([frame.name for frame in far.outline])
        self.history.append(
            Transition(self.store.stamp or 0.0, framer.name, old, new, near.name, line.place, framer.elapsed)
        )
        if self.listeners:
            facts = {"from": list(old), "to": list(new), "by": near.name, "cause": line.place.text,
                     "after": framer.elapsed}  # fmt: skip
            self.tell("transition", framer.name, **facts)

    # -- what users wrote ---------------------------------------------------------------------------------------------

    def contained(self, function: Act, frame: Frame, place: Place) -> Act:
        """A call whose error is told, and ends the framer's turn unless its policy is to go on.

        What it writes is known to be written by that framer.
        """
        store, writer = self.store, frame.framer.name

        def call() -> Any:
            store.writer = writer
            try:
                return function()
            except Fault:
                raise
            except SystemExit as error:  # the plan is not its own to end: framers would be left without their exits
                return self.failed(RuntimeError(f"sys.exit({error.code!r}) in a turn"), frame, place)
            except Exception as error:  # here a behaviour ends
                return self.failed(error, frame, place)

        return call

    def failed(self, error: Exception, frame: Frame, place: Place) -> None:
        """An act has failed: that is told here if its framer ignores faults, else whoever turns the framer does."""
        fault = Fault(frame.framer, frame, place, error)
        if frame.framer.decl.on_fault != "ignore":
            raise fault from error
        fault.settled = True
        self.tell_fault(fault)

    def tell_fault(self, fault: Fault) -> None:
        """Tell that a behaviour has failed."""
        fault.framer.fault = fault
        self.meta["failure"] = f"{fault.framer.name} in {fault.frame.name}: {fault}"
        self.tell(
            "fault", fault.framer.name, frame=fault.frame.name, line=fault.place.line, error=str(fault),
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<House {self.name}>"


class View:
    """The shares of a house as a mapping of paths to values, for functions of a user."""

    __slots__ = ("_framer", "_house")

    def __init__(self, house: House, framer: str = "") -> None:
        self._house, self._framer = house, framer

    def __getitem__(self, path: str) -> Any:
        share = self._house.store.find(path)
        if share is None:
            known = (other.path for other in self._house.store)
            raise KeyError(f"there is no share {path}{nearest(path, known)}")
        return share.shown

    def __setitem__(self, path: str, value: Any) -> None:
        self._house.store.share(path).update({"value": value})

    def get(self, path: str, default: Any = None) -> Any:
        share = self._house.store.find(path)
        return default if share is None or not share.fields else share.shown

    def journal(self, text: str, **fields: Any) -> None:
        """Say something: a record with these fields in the journal of a mounted plan, else it is printed."""
        self._house.tell("print", self._framer, text=text, fields=fields)

    def share(self, path: str) -> Share:
        """The share itself, made if there is none."""
        return self._house.store.share(path)
