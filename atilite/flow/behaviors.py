"""Behaviours: what `do` calls. They know names of inputs, outputs and parameters; where these lie, the plan says."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload

from atilite.errors import FlowError
from atilite.flow.cursor import NAME, nearest
from atilite.flow.frames import Act
from atilite.flow.house import View
from atilite.flow.model import Do
from atilite.flow.parts import Part
from atilite.flow.paths import camel_case, split_name
from atilite.flow.routines import Routine
from atilite.flow.scope import Scope, source_fields
from atilite.flow.shares import Share

C = TypeVar("C", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Io:
    """Where an input or output lies: a path, relative ones below the behaviour's inode; and what is there at first.

    With `own` the value replaces one that the plan has set before.
    """

    path: str = ""
    value: Mapping[str, Any] = field(default_factory=dict)
    own: bool = False


@dataclass(frozen=True, slots=True)
class Behavior:
    """A behaviour: a function or a class with `action(**parms)`, its inputs and outputs, and defaults.

    A class may have a `restart()`, too, which is called when the frame is entered, before anything else there. With
    `parametric` shares are handed over as parameters, else they are attributes of `self`.
    """

    name: str
    make: Callable[..., Any]
    ios: Mapping[str, Io] = field(default_factory=dict)
    parms: Mapping[str, Any] = field(default_factory=dict)
    inits: Mapping[str, Any] = field(default_factory=dict)
    inode: str = ""
    parametric: bool = False
    sequence: bool = False

    def __post_init__(self) -> None:
        both = self.ios.keys() & self.parms.keys()
        if both:
            raise FlowError(f"behaviour {self.name}: {', '.join(sorted(both))} is both a share and a parameter")


class Itself:
    """What a behaviour that is a function gets as `self`: its shares, and whatever it keeps from turn to turn.

    `self[path]` reads and writes any other share of the house.
    """

    def __init__(self, name: str, scope: Scope) -> None:
        self.name = name
        self.frame = scope.frame
        self.framer = scope.framer
        self.store = scope.house.store
        self._shares = View(scope.house, scope.framer.name)

    def __getitem__(self, path: str) -> Any:
        return self._shares[path]

    def __setitem__(self, path: str, value: Any) -> None:
        self._shares[path] = value

    def journal(self, text: str, **fields: Any) -> None:
        """Say something: a record with these fields in the journal of a mounted plan, else it is printed."""
        self._shares.journal(text, **fields)

    def __repr__(self) -> str:
        return f"<behaviour {self.name}>"


class Behaviors(Mapping[str, Behavior]):
    """The behaviours that a plan may name, by their names in CamelCase."""

    def __init__(self, *more: Mapping[str, Behavior]) -> None:
        self._known: dict[str, Behavior] = {name: one for known in more for name, one in known.items()}

    def __getitem__(self, name: str) -> Behavior:
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def add(self, behavior: Behavior, *, replace: bool = False) -> None:
        """Make a behaviour known. FlowError if there is another of that name."""
        other = self._known.get(behavior.name)
        if other is not None and other.make is not behavior.make and not replace:
            raise FlowError(f"there is a behaviour {behavior.name} already; give this one another name")
        self._known[behavior.name] = behavior

    def bind(self, act: Do, scope: Scope) -> Act:
        """The act of a `do`: the behaviour with its shares. FlowError for what it does not have."""
        behavior = act.kind if isinstance(act.kind, Behavior) else self._find(act.kind)
        return _Binding(behavior, act, scope).act()

    def _find(self, kind: Any) -> Behavior:
        if callable(kind):
            return described(kind)
        found = self._known.get(kind)
        if found is None:
            words = {name: " ".join(split_name(name)) for name in self._known}
            asked = " ".join(split_name(kind))
            raise FlowError(f"there is no behaviour {asked}{nearest(asked, words.values())}")
        return found


class _Binding:
    """One `do` of a plan on its way to become an act."""

    def __init__(self, behavior: Behavior, act: Do, scope: Scope) -> None:
        self._behavior, self._act = behavior, act
        self._name = act.name or behavior.name
        given = dict(act.ios)
        inode = act.via if act.via is not None else str(given.pop("inode", "") or behavior.inode)
        self._plain = scope
        self._scope = scope.of_behavior(self._name, inode)
        self._given = given
        self._routine: Routine | None = None

    def act(self) -> Act:
        behavior = self._behavior
        shares = {name: self._share(name, io) for name, io in self._places().items()}
        parms = {**behavior.parms, **self._fetched(self._act.sources), **dict(self._act.data)}
        inits = {**behavior.inits, **self._fetched(self._act.init_sources), **dict(self._act.inits)}
        clash = shares.keys() & parms.keys()
        if clash:
            raise FlowError(f"{', '.join(sorted(clash))} is both a share and a parameter of {behavior.name}")
        of_class = inspect.isclass(behavior.make)
        act = self._of_class(shares, parms, inits) if of_class else self._of_function(shares, parms)
        frame, place = self._scope.frame, self._scope.place
        paths = {name: share.path for name, share in shares.items() if isinstance(share, Share)}
        frame.framer.parts.append(Part(self._name, behavior.make, frame.name, place, paths, self._routine))
        return act

    def _of_function(self, shares: dict[str, Any], parms: dict[str, Any]) -> Act:
        behavior = self._behavior
        itself = Itself(self._name, self._plain)
        if not behavior.parametric:
            vars(itself).update(shares)
        given = {**shares, **parms} if behavior.parametric else parms
        return self._called(behavior.make, itself, given)

    def _of_class(self, shares: dict[str, Any], parms: dict[str, Any], inits: dict[str, Any]) -> Act:
        try:
            made = self._behavior.make(**inits)
        except TypeError as error:
            raise FlowError(f"behaviour {self._behavior.name} cannot be made: {error}") from error
        for name, share in shares.items():
            setattr(made, name, share)
        made.name = self._name
        restart = getattr(made, "restart", None)
        if restart is not None:  # behaviours are bound before other acts are compiled: this is the first of its enters
            scope = self._plain
            scope.frame.acts["enter"].append(scope.house.contained(restart, scope.frame, scope.place))
        return self._called(made.action, None, parms)

    def _called(self, function: Callable[..., Any], itself: Itself | None, given: dict[str, Any]) -> Act:
        """The call, with what the function takes of what there is."""
        takes = inspect.signature(function).parameters
        wants_self = itself is not None and next(iter(takes), "") == "self"
        first: tuple[Any, ...] = (itself,) if wants_self else ()
        takes_all = any(one.kind is one.VAR_KEYWORD for one in takes.values())
        kept = given if takes_all else {name: value for name, value in given.items() if name in takes}
        unknown = {name for name, _ in self._act.data} - kept.keys()
        if unknown:
            hint = nearest(next(iter(unknown)), set(takes) - {"self"})
            raise FlowError(f"behaviour {self._behavior.name} has no parameter {', '.join(sorted(unknown))}{hint}")
        missing = [name for name, one in list(takes.items())[wants_self:] if _is_needed(one) and name not in kept]
        if missing:
            names = ", ".join(missing)
            raise FlowError(f"behaviour {self._behavior.name} needs {names}; say it, as in: with {missing[0]} 1")
        if inspect.isgeneratorfunction(function):
            routine = Routine(lambda: function(*first, **kept), self._scope, self._behavior.sequence)
            self._routine = routine
            scope = self._scope
            close = scope.house.contained(routine.close, scope.frame, scope.place)
            scope.building.later(lambda: scope.frame.acts["exit"].append(close))
            return routine.turn
        return lambda: function(*first, **kept)

    # -- where its shares lie -----------------------------------------------------------------------------------------

    def _places(self) -> dict[str, Io]:
        """The inputs and outputs: those of the behaviour, in the places that the plan gives them."""
        found = dict(self._behavior.ios)
        named = {**self._fetched(self._act.io_sources), **self._given}
        for name, path in named.items():
            if name != "inode":
                known = found.get(name, Io())
                found[name] = Io(str(path), known.value, known.own)
        return found

    def _share(self, name: str, io: Io) -> Any:
        path = io.path or name
        if path.endswith("."):
            return self._scope.house.store.branch(self._scope.path(path))
        share = self._scope.share(path)
        fields = copy.deepcopy(dict(io.value))
        if io.own:
            share.change(fields)
        else:
            share.create(fields)
        self._scope.building.knows(share.path)
        return share

    def _fetched(self, sources: tuple[Any, ...]) -> dict[str, Any]:
        """What the plan has set in shares before it starts."""
        found: dict[str, Any] = {}
        for source in sources:
            share = self._plain.share(source.path)
            for name in source_fields(share, source.fields, ()):
                if name in share:
                    found[name] = share[name]
        return found


# -- declaring them ---------------------------------------------------------------------------------------------------


def described(
    function: Callable[..., Any],
    *,
    name: str = "",
    ioinits: Mapping[str, Any] | None = None,
    parms: Mapping[str, Any] | None = None,
    inits: Mapping[str, Any] | None = None,
    parametric: bool | None = None,
    **given: Any,
) -> Behavior:
    """The behaviour of a function or a class. Keywords whose value is a path are inputs and outputs, others parameters.

    FlowError for a name that is none.
    """
    found = getattr(function, "__behavior__", None)
    if isinstance(found, Behavior) and not (name or ioinits or parms or inits or given):
        return found
    if not callable(function):
        raise FlowError(f"{function!r} is neither a function nor a class, so it is no behaviour")
    name = name or camel_case(function.__name__)
    called = getattr(function, "action", function)
    if inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called):
        raise FlowError(f"{name} is async, and a turn waits for nothing; make it a generator that yields tasks")
    if not NAME.match(name):
        raise FlowError(f"{name} cannot be the name of a behaviour; write it in CamelCase, as in ControllerPidDepth")
    ios, values = dict(ioinits or {}), dict(parms or {})
    for key, value in given.items():
        (ios if isinstance(value, str) and value.startswith(".") else values)[key] = value
    takes = next(iter(inspect.signature(function).parameters), "")
    return Behavior(
        name, function, {key: _io(value) for key, value in ios.items() if key != "inode"}, values, dict(inits or {}),
        str(ios.get("inode", "")), (takes != "self") if parametric is None else parametric,
    )  # fmt: skip


def _is_needed(parameter: inspect.Parameter) -> bool:
    """Whether a function cannot be called without it."""
    return parameter.default is parameter.empty and parameter.kind not in (
        parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD,
    )  # fmt: skip


def _io(given: Any) -> Io:
    """A path, or a mapping with ipath, ival and iown."""
    if given is None or isinstance(given, str):
        return Io(given or "")
    fields: dict[str, Any] = {}
    if "ival" in given:
        value = given["ival"]
        fields = dict(value) if isinstance(value, Mapping) and value else {"value": value}
    return Io(str(given.get("ipath", "")), fields, bool(given.get("iown")))


class Gathered(dict[str, Behavior]):
    """Behaviours as they are declared, by name; `gathered.behavior` is the decorator."""

    @overload
    def behavior(self, function: C, /) -> C: ...
    @overload
    def behavior(self, name: str | None = None, /, **options: Any) -> Callable[[C], C]: ...
    def behavior(self, function: Any = None, /, **options: Any) -> Any:
        """Declare a behaviour: bare, or with name=, ioinits=, parms=, inits=, parametric=, or paths and parameters."""

        def declare(decorated: C) -> C:
            found = described(decorated, **options)
            self[found.name] = found
            decorated.__behavior__ = found  # type: ignore[attr-defined]
            return decorated

        if isinstance(function, str):
            options["name"] = function
            return declare
        return declare if function is None else declare(function)
