"""Framers as Python classes: nested classes are frames, their attributes say what is done in them."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from atilite.errors import FlowError
from atilite.flow import clauses
from atilite.flow.behaviors import Behavior
from atilite.flow.cursor import INODE, NAME, Cursor, Wrong, nearest
from atilite.flow.lines import RESERVED, Problem, sentences, words_of
from atilite.flow.model import (
    CONTEXTS,
    Act,
    Call,
    Compare,
    Context,
    Do,
    FrameDecl,
    FramerDecl,
    Go,
    HasStatus,
    IsDone,
    Line,
    Marked,
    Need,
    Place,
    Source,
    Test,
    Truth,
)
from atilite.flow.origins import ClassLines, Origin
from atilite.flow.sentences import FIXED, VERBS
from atilite.flow.wording import is_fixed, native_context, sentence

# What a need may be said with: text of FloScript, a function of the shares, a need, or several that all must hold.
When = Any
# Makes a behaviour known to the plan.
Known = Callable[[Any], Behavior]
ATTRIBUTES = (*CONTEXTS, "native", "transitions", "aux", "auxes")


@dataclass(frozen=True, slots=True)
class _Said:
    """What the head of a frame's class says."""

    name: str
    first: bool
    via: str
    under: str
    next: str


class frame:
    """A frame; the frames in its body are under it.

    Its attributes are `enter`, `recur`, `exit`, `renter`, `rexit`, `precur` and `benter` for acts, `native` for lines
    of a script in the contexts that they have there, `transitions`, and `aux` or `auxes` for auxiliary framers. Each is
    one item or a list: lines of FloScript, behaviours, and functions that are called with the shares.
    """

    enter: Any
    recur: Any
    exit: Any
    renter: Any
    rexit: Any
    precur: Any
    benter: Any
    native: Any
    transitions: Any
    aux: Any
    auxes: Any
    _said: ClassVar[_Said]

    def __init_subclass__(
        cls, *, name: str = "", first: bool = False, via: str = "", under: str = "", next: str = ""
    ) -> None:
        cls._said = _Said(name or cls.__name__, first, via, under, next)


@dataclass(frozen=True, slots=True)
class Going:
    """A transition as `go` has it, before its needs are read."""

    far: str
    when: When = ()


@dataclass(frozen=True, slots=True)
class Doing:
    """A behaviour with what it is given in one place of a plan."""

    behavior: Any
    name: str
    via: str | None
    given: Mapping[str, Any]


def go(far: str | type[frame], when: When = ()) -> Going:
    """Go to a frame, to `next` or `me`, when all needs hold."""
    return Going(far if isinstance(far, str) else far._said.name, when)


def after(seconds: float | None = None, *, turns: int | None = None) -> Compare:
    """The need that so many seconds, or turns, have gone by since the framer's last entry."""
    if (seconds is None) is (turns is None):
        raise FlowError("after: say the seconds, or turns=")
    kind, goal = ("elapsed", seconds) if turns is None else ("recurred", turns)
    return Compare(Source(f"framer.me.state.{kind}", ("value",)), ">=", goal)


def do(behavior: Any, *, name: str = "", via: str | None = None, **given: Any) -> Doing:
    """A behaviour with parameters, and with other places for its inputs and outputs; `behavior` may be its name."""
    return Doing(behavior, name, via, given)


class Reader:
    """Reads one class as a framer, or what else a framer is declared by; `problems` are all that was found wrong."""

    def __init__(self, name: str, origin: Origin, known: Known) -> None:
        self._known, self._origin = known, origin
        self._lines = ClassLines(name, origin)
        self._name = name
        self.problems: list[Problem] = []

    def read(self, cls: type, decl: FramerDecl) -> None:
        """Add the frames of a class to a framer."""
        decl.place = Place(self._origin.file, self._lines.line(), f"framer {decl.name}", self._name)
        decl.first_place = decl.place
        said_first = decl.first
        self._members(cls, decl, ())
        if not decl.frames and not self.problems:
            self._wrong(decl.place, "it has no frame; begin one with a line such as: class idle(frame):")
        frames = list(decl.frames.values())
        for before, behind in itertools.pairwise(frames):
            before.next = before.next or behind.name
        decl.first = said_first or decl.first or next(iter(decl.frames), "")

    def _members(self, cls: type, decl: FramerDecl, path: tuple[str, ...], within: FrameDecl | None = None) -> None:
        for name, value in _members(cls, inherited=within is not None):
            if inspect.isclass(value) and issubclass(value, frame):
                self._frame(value, decl, (*path, name), within)
            elif within is None or name not in ATTRIBUTES:
                self._refuse(name, value, path)
            else:
                self._attribute(name, value, decl, path, within)

    def _refuse(self, name: str, value: Any, path: tuple[str, ...]) -> None:
        place = self._place(path, name)
        if inspect.isclass(value):
            self._wrong(place, f"a frame is declared as: class {name}(frame):")
        elif path:
            self._wrong(place, f"a frame has no {name}{nearest(name, ATTRIBUTES)}")
        else:
            self._wrong(place, f"a framer has frames only; {name} belongs into one of them, or into its decorator")

    def _frame(self, cls: type[frame], decl: FramerDecl, path: tuple[str, ...], within: FrameDecl | None) -> None:
        said, place = cls._said, self._place(path)
        other = decl.frames.get(said.name)
        if other is not None:
            self._wrong(place, f"there is a frame {said.name} already, in line {other.place.line}")
        if said.name in ("next", "prev", "me"):
            self._wrong(place, f"{said.name} has a meaning of its own as a target; choose another name")
        elif said.name in RESERVED:
            self._wrong(place, f"{said.name} is a connective of the language; choose another name, or say name=")
        elif not NAME.match(said.name):
            self._wrong(place, f"{said.name} cannot be the name of a frame; a name has letters, digits and underscores")
        if said.via and not INODE.match(said.via):
            self._wrong(place, f"via: {said.via} is no path of a branch; such a path is like .a.b. or a.b")
        over = within.name if within is not None else ""
        made = decl.frames[said.name] = FrameDecl(said.name, over, said.under, said.next, said.via, place=place)
        made.links = {kind: place for kind in ("over", "under", "next") if getattr(made, kind)}
        if said.first:
            if decl.first:
                self._wrong(place, f"{decl.first} is the first frame already")
            decl.first = said.name
        self._members(cls, decl, path, made)

    def _attribute(
        self, name: str, value: Any, decl: FramerDecl, path: tuple[str, ...], within: FrameDecl
    ) -> None:  # fmt: skip
        for at, item in enumerate(value if isinstance(value, list | tuple) else [value]):
            place = self._place(path, name, at)
            try:
                within.lines += self._item(item, name, decl.name, place, self._lines.text(path, name, at))
            except (Wrong, FlowError) as error:
                self._wrong(place, str(error))

    def _place(self, path: Sequence[str], attribute: str = "", at: int = 0) -> Place:
        owner = ".".join((self._name, *path, *((attribute,) if attribute else ())))
        return Place(self._origin.file, self._lines.line(path, attribute, at), "", owner)

    def _wrong(self, place: Place, message: str) -> None:
        self.problems.append(Problem(place, message))

    # -- one item of an attribute -------------------------------------------------------------------------------------

    def _item(self, item: Any, attribute: str, framer: str, place: Place, code: str) -> Iterator[Line]:
        if isinstance(item, str):
            yield from self._text(item, attribute, framer, place)
            return
        act = self._act(item, framer)
        context = native_context(act)
        if attribute in CONTEXTS and not is_fixed(act):
            context = _context(attribute)
        elif attribute not in CONTEXTS and not is_fixed(act) and (attribute != "native" or isinstance(act, Call)):
            raise FlowError(f"{sentence(act)} belongs into a context: {', '.join(CONTEXTS)}")
        text = sentence(act)
        yield Line(context, act, place._replace(text=code if "<lambda>" in text and code else text))

    def _text(self, text: str, attribute: str, framer: str, place: Place) -> Iterator[Line]:
        for found in sentences(text, place.file):
            words = ("aux", *found.words) if attribute in ("aux", "auxes") else found.words
            verb = words[0]
            if verb not in VERBS:
                raise Wrong(f"{verb} is no verb{nearest(verb, VERBS)}: {found.place.text}")
            if attribute == "transitions" and verb not in FIXED:
                raise Wrong(f"{verb} is no transition; put it under the context that it belongs to: {found.place.text}")
            try:
                context, act = VERBS[verb](Cursor(verb, words[1:]), framer)
            except Wrong as error:
                raise Wrong(f"{error}: {found.place.text}") from None
            if attribute in CONTEXTS and verb not in FIXED and not (verb == "do" and "at" in words):
                context = _context(attribute)
            line = place.line + found.place.line - 1
            yield Line(context, act, place._replace(line=line, text=" ".join(words)))

    def _act(self, item: Any, framer: str) -> Act:
        if isinstance(item, Going):
            return Go(item.far, tuple(needs_of(item.when, framer)))
        if isinstance(item, Doing):
            return self._doing(item)
        if isinstance(item, Act):
            return item
        if is_behavior(item):
            return Do(self._known(item).name)
        if callable(item):
            return Call(item)
        raise FlowError(f"{item!r} is no line of FloScript, no behaviour and no function")

    def _doing(self, item: Doing) -> Do:
        behavior = self._known(item.behavior)
        ios = tuple((name, path) for name, path in item.given.items() if name in behavior.ios)
        data = tuple((name, value) for name, value in item.given.items() if name not in behavior.ios)
        return Do(behavior.name, item.name, item.via, data, ios=ios)


def is_behavior(thing: Any) -> bool:
    """Whether `do` calls it, and not the plan with its shares: what was declared so, classes and generators."""
    declared = isinstance(thing, Behavior) or hasattr(thing, "__behavior__")
    return declared or inspect.isclass(thing) or inspect.isgeneratorfunction(thing)


def needs_of(when: When, framer: str) -> Iterator[Need]:
    """The needs that `when=` says. Raises Wrong for a text that is none."""
    if isinstance(when, str):
        yield from clauses.needs(Cursor("go", tuple(words_of(when))), framer)
    elif isinstance(when, Compare | Truth | Marked | HasStatus | IsDone | Test):
        yield when
    elif isinstance(when, list | tuple):
        for one in when:
            yield from needs_of(one, framer)
    elif callable(when):
        yield Test(when)
    else:
        raise FlowError(f"when={when!r} is no need: a text, a function, after(...), or a list of them")


def _members(cls: type, inherited: bool) -> Iterator[tuple[str, Any]]:
    """What the body of a class has, in its order; of a frame also what the frames have that it is derived from."""
    names: dict[str, None] = {}
    for one in reversed(cls.__mro__) if inherited else (cls,):
        if one not in (frame, object):
            names |= {name: None for name in vars(one) if not name.startswith("_")}
    for name in names:
        yield name, getattr(cls, name)


def _context(attribute: str) -> Context:
    return next(context for context in CONTEXTS if context == attribute)
