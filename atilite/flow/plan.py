"""Plans in Python: framers as classes or generators, behaviours, shares and scripts, all in one declaration."""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, overload

from atilite.clock import Clock
from atilite.errors import FlowError
from atilite.flow.behaviors import Behavior, Behaviors, Gathered, described
from atilite.flow.bookkeeping import Bookkeeping
from atilite.flow.checking import check
from atilite.flow.classes import Reader
from atilite.flow.cursor import INODE, NAME, PATH, nearest
from atilite.flow.library import standard
from atilite.flow.lines import RESERVED, Problem
from atilite.flow.loading import read_plan
from atilite.flow.model import (
    ORDERS,
    SCHEDULES,
    Do,
    FrameDecl,
    FramerDecl,
    HouseDecl,
    Init,
    Line,
    LoggerDecl,
    Order,
    Place,
    PlanDecl,
    Schedule,
    Source,
)
from atilite.flow.network import Network, Wiring, network
from atilite.flow.origins import Origin, caller
from atilite.flow.running import Running, built
from atilite.flow.text import to_floscript
from atilite.flow.wording import data, sentence

T = TypeVar("T")


class Plan:
    """A plan that is declared in Python; what it declares is `decl`, and `behaviors` is all that it may name.

    Declare it in one thread, before it runs. `period` is the time between two turns in seconds. What Python declares
    belongs to the house `house`, which has the name of the plan unless another is given. FlowError tells what is wrong
    with its class, attribute, file and line, as soon as that is known: names of other frames and framers with `check`.
    """

    def __init__(self, name: str, *, period: float = 0.125, house: str = "") -> None:
        if not period > 0:
            raise FlowError(f"the period of a plan is a number of seconds above 0, not {period}")
        self.name, self.period = name, period
        self.decl = PlanDecl()
        self._house_name = _name(house or name, "a house")
        self._own = Gathered()
        self._wiring = Wiring(self.decl, lambda: self.behaviors)
        self.behavior = self._own.behavior  # the decorator of behaviours that this plan may name

    # -- what is declared ---------------------------------------------------------------------------------------------

    def use(self, *sources: Any) -> None:
        """Let the plan name behaviours: functions, classes, or all that modules have declared."""
        for source in sources:
            found = list(vars(source).values()) if inspect.ismodule(source) else [source]
            for one in found:
                if not inspect.ismodule(source) or isinstance(getattr(one, "__behavior__", None), Behavior):
                    self._known(one)

    @overload
    def framer(self, declared: T, /) -> T: ...
    @overload
    def framer(
        self, declared: None = None, /, *, name: str = "", active: bool = False, be: Schedule | None = None,
        at: float = 0.0, first: str = "", order: Order = "mid", via: str = "",
        on_fault: str = "stop",
    ) -> Callable[[T], T]: ...  # fmt: skip
    def framer(
        self,
        declared: Any = None,
        /,
        *,
        name: str = "",
        active: bool = False,
        be: Schedule | None = None,
        at: float = 0.0,
        first: str = "",
        order: Order = "mid",
        via: str = "",
        on_fault: str = "stop",
    ) -> Any:
        """Declare a framer: a class whose nested classes are frames, or a generator whose yields are turns.

        `be` says how it is scheduled (active, inactive, aux, slave, moot), `at` its period in seconds. A behaviour
        that fails stops it, unless `on_fault` is `ignore` or the name of a frame to go to.
        """
        schedule = be or ("active" if active else "inactive")
        if schedule not in SCHEDULES or order not in ORDERS or at < 0:
            raise FlowError(f"framer: be= is one of {', '.join(SCHEDULES)}, order= of {', '.join(ORDERS)}, at= seconds")
        if via and not INODE.match(via):
            raise FlowError(f"framer: via={via} is no path of a branch; such a path is like .a.b. or a.b")

        def declare(given: T, above: int = 0) -> T:
            origin = caller(above)
            named = _name(name or getattr(given, "__name__", ""), "a framer")
            made = self._read(given, FramerDecl(named, schedule, at, first, order, via, on_fault=on_fault), origin)
            self._put(self._house(origin), made)
            self._wiring.apply()
            return given

        return declare if declared is None else declare(declared, 1)

    def init(self, path: str, value: Any = None, /, **fields: Any) -> None:
        """Give a share its value, or its fields, before the first turn."""
        origin = caller()
        if not PATH.match(path) or path in RESERVED:
            raise FlowError(f"init: {path} is no path of a share; a path is like .a.b or a.b")
        given = tuple(fields.items()) or (("value", value),)
        place = Place(*origin, f"init {path} with {data(given)}", self.name)
        self._house(origin).inits.append(Init(Source(path), given, place=place))

    def logger(
        self, name: str, *, at: float = 0.0, to: str = "", active: bool = True, flush: float = 30.0, keep: int = 0,
        cycle: float = 0.0, size: int = 0, reuse: bool = False,
    ) -> Bookkeeping:  # fmt: skip
        """Declare a logger that takes turns each `at` seconds; what it logs, `.log(...)` of what is returned says.

        `to` is the name of its folder. Files are flushed each `flush` seconds; with `keep` so many older ones are kept,
        changed each `cycle` seconds if they have `size` bytes.
        """
        origin = caller()
        if min(at, flush, keep, cycle, size) < 0:
            raise FlowError(f"logger {name}: at, flush, keep, cycle and size are not below 0")
        place = Place(*origin, f"logger {name}", self.name)
        made = LoggerDecl(_name(name, "a logger"), "active" if active else "inactive", at, "mid", to, flush, keep,
                          cycle, size, reuse, place=place)  # fmt: skip
        self._put(self._house(origin), made)
        return Bookkeeping(made, lambda text: Place(*origin, text, self.name))

    def house(self, name: str) -> Plan:
        """The same plan once more; what is declared by this one belongs to the house `name`."""
        made = copy.copy(self)
        made._house_name = _name(name, "a house")
        return made

    def load(self, path: str | os.PathLike[str]) -> None:
        """Add what a script declares; a relative path is looked for beside the Python file that calls.

        Its houses stand beside the plan's own; one of the same name is the same house. FlowError with all that is
        wrong in it, one a line. Blocks for the files.
        """
        beside = Path(caller().file).parent
        found, problems = read_plan(beside / path if beside.is_dir() else path)
        _refuse(problems)
        self.decl.files |= found.files
        for house in found.houses.values():
            own = self.decl.houses.setdefault(house.name, HouseDecl(house.name, place=house.place))
            own.inits += house.inits
            for tasker in house.taskers.values():
                self._put(own, tasker)
        self._wiring.apply()

    def connect(self, source: str, target: str) -> str:
        """Give the output of one behaviour and the input of another the same path, and tell it.

        Both are said as `behaviour.name`; a behaviour that `do` gives a name has that one. FlowError for an end that is
        not there.
        """
        return self._wiring.connect(source, target)

    # -- what comes of it ---------------------------------------------------------------------------------------------

    @property
    def behaviors(self) -> Behaviors:
        """The plan's own behaviours, and those of the library."""
        return Behaviors(standard(), self._own)

    def check(self) -> list[Problem]:
        """All that is wrong with the plan, in the order of its lines; an empty list if nothing is."""
        return check(self.decl, self.behaviors).errors

    def network(self) -> Network:
        """All behaviours of the plan, and how their inputs and outputs are connected. FlowError as from `check`."""
        houses, problems = built(self.decl, self.behaviors)
        _refuse(problems)
        return network(houses)

    def running(self, *, clock: Clock | None = None, **options: Any) -> Running:
        """The plan, ready to run: `run()` on a simulated clock, `start()` in real time. FlowError as from `check`."""
        return Running(self.decl, self.behaviors, name=self.name, period=self.period, clock=clock, **options)

    def to_floscript(self) -> str:
        """The plan as a script. FlowError for what a script cannot say."""
        return to_floscript(self.decl)

    def __repr__(self) -> str:
        return f"<Plan {self.name}>"

    # -- inside -------------------------------------------------------------------------------------------------------

    def _house(self, origin: Origin) -> HouseDecl:
        name = self._house_name
        if name not in self.decl.houses:
            self.decl.houses[name] = HouseDecl(name, place=Place(*origin, f"house {name}", self.name))
        return self.decl.houses[name]

    def _read(self, given: Any, decl: FramerDecl, origin: Origin) -> FramerDecl:
        reader = Reader(getattr(given, "__name__", decl.name), origin, self._known)
        if inspect.isclass(given):
            reader.read(given, decl)
        elif inspect.isgeneratorfunction(given):
            self._sequence(given, decl, origin)
        else:
            raise FlowError(f"framer: {given!r} is neither a class with frames nor a generator function")
        _refuse(reader.problems)
        return decl

    def _sequence(self, function: Callable[..., Any], decl: FramerDecl, origin: Origin) -> None:
        """One frame that does the generator, and ends its framer with it."""
        behavior = replace(described(function), sequence=True)
        self._keep(behavior)
        self._own[behavior.name] = behavior
        owner = function.__name__
        decl.place = decl.first_place = Place(*origin, f"framer {decl.name}", owner)
        act = Do(behavior.name)
        line = Line("recur", act, Place(*origin, sentence(act), owner))
        decl.frames[owner] = FrameDecl(owner, lines=[line], place=Place(*origin, f"frame {owner}", owner))
        decl.first = decl.first or owner

    def _put(self, house: HouseDecl, tasker: Any) -> None:
        other = house.taskers.get(tasker.name)
        if other is not None:
            where = f"{other.place.file}:{other.place.line}"
            _refuse([Problem(tasker.place, f"there is a {tasker.name} already, in {where}")])
        house.taskers[tasker.name] = tasker

    def _known(self, thing: Any) -> Behavior:
        """The behaviour that something is or names; it belongs to the plan from now on."""
        if isinstance(thing, str):
            found = {_key(name): one for name, one in self.behaviors.items()}
            if _key(thing) not in found:
                raise FlowError(f"there is no behaviour {thing}{nearest(thing, self.behaviors)}")
            return found[_key(thing)]
        return self._keep(thing if isinstance(thing, Behavior) else described(thing))

    def _keep(self, behavior: Behavior) -> Behavior:
        other = self._own.setdefault(behavior.name, behavior)
        if other.make is not behavior.make:
            raise FlowError(f"there is a behaviour {behavior.name} already; give this one another name")
        return other


def _key(name: str) -> str:
    """A behaviour's name for comparison: `FanControl`, `fan_control` and `fan control` are one."""
    return name.replace("_", "").replace(" ", "").lower()


def _name(name: str, what: str) -> str:
    if not NAME.match(name) or name in RESERVED:
        raise FlowError(f"{name or 'nothing'} cannot be the name of {what}; a name has letters, digits and underscores")
    return name


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise FlowError("\n".join(str(problem) for problem in problems))
