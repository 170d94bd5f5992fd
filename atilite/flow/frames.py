"""The engine: framers with nested frames, of which one outline is active, and how they enter, recur, go and exit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from atilite.flow.controls import ABORT, ABORTED, ALIVE, RUN, RUNNING, START, STARTED, STOP, Status
from atilite.flow.crossing import Crossing, crossing, reached
from atilite.flow.model import NOWHERE, Context, FramerDecl, Line, Place
from atilite.flow.parts import Part
from atilite.flow.shares import LiveShare, Store

# A compiled act; what it returns matters in the context precur only, where a true answer ends the search.
Act = Callable[[], Any]
Outline = tuple["Frame", ...]
# What a turn calls while an outline is active, in its order (segues, precurs, recurs), and the names of its frames.
Layout = tuple[tuple[Act, ...], tuple[Act, ...], tuple[Act, ...], tuple[str, ...]]


class World(Protocol):
    """What a framer needs of its house."""

    store: Store
    detailed: bool

    def tell(self, event: str, framer: str, **facts: Any) -> None: ...
    def moved(self, framer: Framer, near: Frame, far: Frame, line: Line) -> None: ...


class Fault(Exception):  # it unwinds a framer's turn, and is told as an event there
    """A behaviour has failed, and its framer does not go on, unless it is `settled` by what the plan says for that."""

    def __init__(self, framer: Framer, frame: Frame, place: Place, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.framer, self.frame, self.place, self.error = framer, frame, place, error
        self.settled = False


class Frame:
    """A frame: its acts by context, the auxiliaries that run with it, and the frames over and under it."""

    __slots__ = (
        "acts", "auxes", "crossings", "framer", "guards", "head", "name", "next", "outline", "over", "place", "unders",
        "via",
    )  # fmt: skip

    def __init__(self, name: str, framer: Framer, via: str = "", place: Place = NOWHERE) -> None:
        self.name, self.framer, self.via, self.place = name, framer, via, place
        self.over: Frame | None = None
        self.next: Frame | None = None
        self.unders: list[Frame] = []
        self.auxes: list[Framer] = []
        self.acts: dict[Context, list[Act]] = {
            "enter": [], "recur": [], "precur": [], "exit": [], "renter": [], "rexit": [],
        }  # fmt: skip
        self.guards: list[Callable[[], bool]] = []
        # The frames over it and itself; and with them those that are entered by default under it.
        self.head: Outline = ()
        self.outline: Outline = ()
        # The ways to it, by the outlines that were left for it.
        self.crossings: dict[Outline, Crossing[Frame]] = {}

    def trace_outline(self) -> None:
        """Find the outline, once all frames are linked."""
        head: list[Frame] = []
        frame: Frame | None = self
        while frame is not None:
            head.insert(0, frame)
            frame = frame.over
        self.head = tuple(head)
        below = self
        while below.unders:
            below = below.unders[0]
            head.append(below)
        self.outline = tuple(head)

    def crossing_from(self, near: Outline) -> Crossing[Frame]:
        """What a transition to it leaves, keeps and enters."""
        found = self.crossings[near] = crossing(near, self, self.outline)
        return found

    def lets_in(self, leaving: Sequence[Frame]) -> bool:
        """Whether its guards and its auxiliaries let it be entered when the frames `leaving` are left."""
        self.framer.tell_frame("benter", self)
        for guard in self.guards:
            if not guard():
                return False
        for aux in self.auxes:
            if aux.main is not None and aux.main is not self and aux.main not in leaving:
                return False
            if not aux.may_start():
                return False
        return True

    def enter(self) -> None:
        self.framer.tell_frame("enter", self)
        for act in self.acts["enter"]:
            act()
        for aux in self.auxes:
            aux.main = self
            aux.enter_all()

    def exit(self) -> None:
        self.framer.tell_frame("exit", self)
        for aux in self.auxes:  # entered last, exited first
            aux.leave_all()
        for act in self.acts["exit"]:
            act()

    def renter(self) -> None:
        self.framer.tell_frame("renter", self)
        for act in self.acts["renter"]:
            act()

    def rexit(self) -> None:
        self.framer.tell_frame("rexit", self)
        for act in self.acts["rexit"]:
            act()

    def __repr__(self) -> str:
        return f"<Frame {self.framer.name}.{self.name}>"


class Framer:
    """A machine of frames. Its active outline is its state. Used by the turn only, but for reading."""

    __slots__ = (
        "_layouts", "_precurs", "_recurs", "_segues", "active", "actives", "auxes", "cloned", "decl", "desire", "done",
        "due", "elapsed", "fault", "first", "frames", "house", "main", "name", "names", "parts", "period", "razeable",
        "recurred", "since", "status", "store", "tag", "turns", "via",
    )  # fmt: skip

    def __init__(self, decl: FramerDecl, house: World, name: str = "", tag: str = "") -> None:
        self.decl, self.house, self.store = decl, house, house.store
        self.name = name or decl.name
        self.tag = tag or self.name
        self.via = decl.via
        self.cloned, self.razeable = bool(tag), False
        self.period, self.due = decl.period, 0.0
        self.status, self.desire = Status.STOPPED, START if decl.schedule == "active" else STOP
        self.done = True
        self.main: Frame | None = None  # of an auxiliary: the frame that runs it
        self.auxes: dict[str, Framer] = {}  # by their tags
        self.frames: dict[str, Frame] = {}
        self.first: Frame
        self.active: Frame | None = None
        self.actives: Outline = ()
        self.since, self.elapsed, self.recurred, self.turns = 0.0, 0.0, 0, 0
        self.fault: Fault | None = None
        self.parts: list[Part] = []  # its behaviours
        self.names: tuple[str, ...] = ()  # of the active frames
        self._layouts: dict[Outline, Layout] = {}
        self._segues: tuple[Act, ...] = ()
        self._precurs: tuple[Act, ...] = ()
        self._recurs: tuple[Act, ...] = ()
        self._share_state()

    def _share_state(self) -> None:
        for field, read in (
            ("elapsed", lambda: self.elapsed),
            ("recurred", lambda: self.recurred),
            ("active", lambda: self.active.name if self.active is not None else ""),
            ("human", lambda: self.human),
        ):
            self.store.adopt(LiveShare(self.store, f".framer.{self.name}.state.{field}", read))

    @property
    def alive(self) -> bool:
        return self.status in ALIVE

    @property
    def outline(self) -> list[str]:
        """The names of the active frames, top to bottom."""
        return list(self.names)

    @property
    def human(self) -> str:
        """The active outline in one text: `<` behind each frame above, `>` before those under it by default."""
        if self.active is None:
            return ""
        names, down = [frame.name for frame in self.active.head], self.actives[len(self.active.head) :]
        return "<" + "<".join(names) + ">" + ">".join(frame.name for frame in down)

    # -- being told what to do ----------------------------------------------------------------------------------------

    def obey(self, control: str) -> Status:
        """Do what is desired of it in this turn."""
        status = self.status
        if control == RUN and (status is RUNNING or status is STARTED):
            self.segue()
            self.recur()
            self.status = RUNNING
        elif status is ABORTED or control == ABORT:
            self._abort()
        elif control == RUN:
            self.desire = START
        elif control == START:
            self._start()
        elif control == STOP:
            self._stop()
        elif status not in ALIVE:
            self._ready()
        return self.status

    def _start(self) -> None:
        if self.alive:
            self.desire = RUN
            return
        if not self.may_start():
            self.desire, self.status = STOP, Status.STOPPED
            return
        self.house.tell("start", self.name)
        self.desire, self.fault = RUN, None
        self.enter_all()
        self.recur()
        self.status = Status.STARTED

    def _ready(self) -> None:
        if self.may_start():
            if self.status is not Status.READIED:
                self.house.tell("ready", self.name)
            self.status = Status.READIED
        else:
            self.desire, self.status = STOP, Status.STOPPED

    def _stop(self) -> None:
        if self.alive:
            self.desire = STOP
            self.house.tell("stop", self.name)
            self.exit_all()
            self.status = Status.STOPPED

    def _abort(self) -> None:
        if self.alive:
            self.house.tell("abort", self.name)
            self.exit_all()
            self.done = True
        self.desire, self.status = ABORT, Status.ABORTED

    def may_start(self) -> bool:
        """Whether the guards of its first outline let it start."""
        return self._lets_in(self.first.outline, ())

    def _lets_in(self, entering: Outline, leaving: Outline) -> bool:
        for frame in entering:
            if not frame.lets_in(leaving):
                return False
        return bool(entering)

    # -- turns --------------------------------------------------------------------------------------------------------

    def segue(self) -> None:
        """Move its clocks on; then the transitions of its auxiliaries, and the first of its own that is granted."""
        self.elapsed = self.store.stamp - self.since  # type: ignore[operator]  # a turn has a stamp
        self.recurred += 1
        self.turns += 1
        for aux in self._segues:
            aux()
        for act in self._precurs:
            if act():
                return

    def recur(self) -> None:
        """The acts of its active frames, top to bottom, those of auxiliaries behind their frame's own."""
        for act in self._recurs:
            act()

    def enter_all(self) -> None:
        self.done = False
        self._activate(self.first)
        self._cross((), (), self.actives, self.first)

    def exit_all(self) -> None:
        """Exit all active frames, the lowest first, whatever fails meanwhile; the first that did is raised then."""
        failed: Exception | None = None
        for frame in reversed(self.actives):
            try:
                frame.exit()
            except Exception as error:  # here the exit of a frame ends, and those over it shall be left, too
                failed = failed or error
        self.active = None
        self.show(())
        if failed is not None:
            raise failed

    def leave_all(self) -> None:
        """End as an auxiliary: all frames are exited, it is done, and free for another frame."""
        try:
            self.exit_all()
        finally:
            self.done = True
            if not self.cloned:
                self.main = None

    def go(self, near: Frame, far: Frame, line: Line, granted: tuple[Act, ...]) -> bool:
        """Make a transition if the guards of what it enters let it; `granted` is called before anything is left."""
        leaving, kept, entering = far.crossings.get(self.actives) or far.crossing_from(self.actives)
        if not self._lets_in(entering, leaving):
            return False
        self.house.moved(self, near, far, line)
        for act in granted:
            act()
        self._cross(leaving, kept, entering, far)
        return True

    def force(self, far: Frame) -> None:
        """Go to a frame whatever its guards say."""
        leaving, kept, entering = far.crossing_from(self.actives)
        if not entering:
            leaving, kept, entering = self.actives, (), far.outline
        self._cross(leaving, kept, entering, far)

    def _cross(self, leaving: Outline, kept: Outline, entering: Outline, far: Frame) -> None:
        frame = far
        try:
            for frame in reversed(leaving):
                frame.exit()
            leaving = ()
            for frame in reversed(kept):
                frame.rexit()
            for frame in kept:
                frame.renter()
            if entering:
                self.since = self.store.stamp or 0.0
                self.elapsed, self.recurred = 0.0, 0
            for frame in entering:
                frame.enter()
        except BaseException:  # it ends, or goes elsewhere, from where it has come to
            self.show(reached(frame, leaving, kept, entering))
            raise
        self._activate(far)

    def _activate(self, frame: Frame) -> None:
        self.active = frame
        self.show(frame.outline)

    def suspend(self, main: Frame) -> None:
        """Only `main` and what is over it are active, while a conditional auxiliary runs."""
        self.show(main.head)

    def resume(self) -> None:
        """The whole outline is active again."""
        if self.active is not None:
            self.show(self.active.outline)

    def show(self, outline: Outline) -> None:
        """Make an outline the active one."""
        layout = self._layouts.get(outline) or self._lay_out(outline)
        self.actives = outline
        self._segues, self._precurs, self._recurs, self.names = layout

    def show_anew(self) -> None:
        """Show what is active once more, because auxiliaries have come or gone, or more is told from now on."""
        self._layouts.clear()
        self.show(self.actives)

    def _lay_out(self, outline: Outline) -> Layout:
        recurs: list[Act] = []
        for frame in outline:
            if self.house.detailed:
                recurs.append(partial(self.tell_frame, "recur", frame))
            recurs += frame.acts["recur"]
            recurs += [aux.recur for aux in frame.auxes]
        segues = tuple([aux.segue for frame in outline for aux in frame.auxes])
        precurs = tuple([act for frame in outline for act in frame.acts["precur"]])
        found = self._layouts[outline] = segues, precurs, tuple(recurs), tuple([frame.name for frame in outline])
        return found

    def tell_frame(self, event: str, frame: Frame) -> None:
        if self.house.detailed:
            self.house.tell(event, self.name, frame=frame.name)

    def __repr__(self) -> str:
        return f"<Framer {self.name} {self.status}>"
