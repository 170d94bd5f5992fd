"""`app.inspect`: what a route demands of its parameters, told by lists and operators. Pure.

An `Inspection` is made once, when the route is declared; `check` says what is wrong with the values of a request,
everything at once, and which of them become something else.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from atilite.checks import as_object, check_of, note
from atilite.errors import SetupError
from atilite.lazily import LazyModule
from atilite.quickly import dataclass
from atilite.scalars import Check, integer, real, text
from atilite.web.operators import Test, operation

if TYPE_CHECKING:
    import difflib
else:
    # For a misspelt name.
    difflib = LazyModule("difflib")

SCOPES = ("ARGS", "URL", "FORM", "JSON", "DATA", "GET", "POST", "PUT", "PATCH", "DELETE")

_EMAIL = re.compile(r"[^@\s<>\"',;:()\[\]\\]{1,64}@[\w-]+(?:\.[\w-]+)+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SPAN = re.compile(r"\s*(-?[0-9]{1,300})\s*~\s*(-?[0-9]{1,300})\s*")
_BLANKS = re.compile(r"[\x00-\x20]+")
_UNSAFE = re.compile(
    r"</?script|(?:java|vb)script:|data:text/html|&#x?[0-9a-f]+|\\x[0-9a-f]{2}|(?:^|[\s\"'/>])on[a-z]{3,}\s*=",
    re.IGNORECASE,
)
_TRUTHS = {
    **dict.fromkeys(("true", "yes", "y", "t"), True),
    **dict.fromkeys(("false", "no", "n", "f"), False),
}


def truth(value: Any) -> bool:
    found = value if isinstance(value, bool) else _TRUTHS.get(value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be one of true, yes, y, t, false, no, n, f")
    return found


def listed(value: Any) -> list[Any]:
    """A list; a text is split at bars, or at commas if it has none."""
    if isinstance(value, str):
        return value.split("|" if "|" in value else ",") if value else []
    if isinstance(value, (list, tuple)):
        return list(value)
    raise ValueError("must be a list, or a text with bars between its items")


def email(value: Any) -> str:
    if len(text(value)) > 254 or not _EMAIL.fullmatch(value):
        raise ValueError("must be an e-mail address")
    return str(value)


def uuid(value: Any) -> str:
    if not _UUID.fullmatch(text(value)):
        raise ValueError("must be a UUID")
    return str(value)


def safe(value: Any) -> str:
    if _UNSAFE.search(text(value)) or _UNSAFE.search(_BLANKS.sub("", value)):
        raise ValueError("must not contain scripts")
    return str(value)


def without_tags(value: Any) -> str:
    return text(value).replace("<", "&lt;").replace(">", "&gt;")


def span(value: Any) -> tuple[int, int]:
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    pair = found.groups() if found else value if isinstance(value, (list, tuple)) else ()
    if len(pair) != 2:
        raise ValueError("must be two whole numbers such as 1~100")
    return integer(pair[0]), integer(pair[1])


LISTS: Mapping[str, Check] = {
    "ints": integer,
    "floats": real,
    "booleans": truth,
    "strings": text,
    "lists": listed,
    "dicts": as_object,
    "emails": email,
    "uuids": uuid,
    "safes": safe,
    "notags": without_tags,
    "ranges": span,
}
_GROUPS = ("required", "oneof", "manyof", "nones")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: a parameter by its name, or a member of it by a dotted path such as `a.b.0.c`."""

    name: str

    @property
    def steps(self) -> list[str]:
        return self.name.split(".")

    def find(self, values: Mapping[str, Any]) -> Any:
        """The value there, None if there is none."""
        if self.name in values:
            return values[self.name]
        found: Any = values
        for step in self.steps:
            if isinstance(found, Mapping):
                found = found.get(step)
            elif isinstance(found, (list, tuple)) and step.isdecimal() and int(step) < len(found):
                found = found[int(step)]
            else:
                return None
        return found

    def missing(self, values: Mapping[str, Any]) -> bool:
        """Whether nothing was given there; a blank text is nothing."""
        found = self.find(values)
        return found is None or (isinstance(found, str) and not found.strip())

    def put(self, values: dict[str, Any], value: Any) -> str:
        """Put `value` there, in copies of what it is in; return the name of the parameter that has changed."""
        steps = [self.name] if self.name in values else self.steps
        values[steps[0]] = _placed(values.get(steps[0]), steps[1:], value)
        return steps[0]


def _placed(container: Any, steps: list[str], value: Any) -> Any:
    if not steps:
        return value
    if isinstance(container, Mapping):
        return {**container, steps[0]: _placed(container.get(steps[0]), steps[1:], value)}
    copy = list(container)
    copy[int(steps[0])] = _placed(copy[int(steps[0])], steps[1:], value)
    return copy


@dataclass(frozen=True, slots=True)
class Wish:
    """A demand as it was written: `name` is a list ("ints"), "type" or an operator, perhaps of the `length`."""

    name: str
    operand: Any = None
    length: bool = False


@dataclass(frozen=True, slots=True)
class Demand:
    """One demand on the value at a place. What `check` returns takes the value's place if the demand `converts`."""

    place: Place
    check: Check
    converts: bool
    wish: Wish


@dataclass(frozen=True, slots=True)
class Inspection:
    """The demands of one `@app.inspect`."""

    scope: str
    required: tuple[Place, ...] = ()
    oneof: tuple[Place, ...] = ()
    manyof: tuple[Place, ...] = ()
    nones: tuple[Place, ...] = ()
    demands: tuple[Demand, ...] = ()

    @classmethod
    def of(cls, scope: str = "ARGS", **wanted: Any) -> Inspection:
        """Read the arguments of `app.inspect`. Raises SetupError for what it does not know."""
        if scope not in SCOPES:
            raise SetupError(f"inspect: there is no scope {scope!r}; there are {', '.join(SCOPES)}")
        groups: dict[str, Any] = {name: _places(wanted.pop(name, None)) for name in _GROUPS}
        demands = [
            Demand(place, check, True, Wish(name))
            for name, check in LISTS.items()
            for place in _places(wanted.pop(name, None))
        ]
        demands += [_demand(key, operand) for key, operand in wanted.items()]
        return cls(scope, demands=tuple(demands), **groups)

    def check(self, values: Mapping[str, Any], exempt: Collection[str] = ()) -> tuple[dict[str, Any], dict[str, str]]:
        """Return (the parameters that become something else, what is wrong by place). Changes nothing.

        Parameters in `exempt` have to be there, if they are required, and are not looked at otherwise.
        """
        working = dict(values)
        changes: dict[str, Any] = {}
        faults = {place.name: "is missing" for place in self.required if place.missing(values)}
        faults |= self._groups(values)
        for place in self.nones:
            if place.steps[0] not in exempt and _is_nothing(place.find(working)):
                name = place.put(working, None)
                changes[name] = working[name]
        wrong = set(faults)
        for demand in self.demands:
            place = demand.place
            value = place.find(working)
            if value is None or place.name in wrong or place.steps[0] in exempt:
                continue
            try:
                converted = demand.check(value)
            except ValueError as error:
                note(faults, place.name, error)
                wrong.add(place.name)
                continue
            if demand.converts and converted is not value:
                name = place.put(working, converted)
                changes[name] = working[name]
        return changes, faults

    def _groups(self, values: Mapping[str, Any]) -> dict[str, str]:
        one, many = _given(self.oneof, values), _given(self.manyof, values)
        faults: dict[str, str] = {}
        if self.oneof and len(one) != 1:
            faults |= _told(one or self.oneof, "exactly one of", self.oneof)
        if self.manyof and not many:
            faults |= _told(self.manyof, "at least one of", self.manyof)
        return faults


def check_names(handler: str, signature: Any, rule: Any) -> None:
    """Raise SetupError for a keyword of `app.inspect` that names neither a list nor what `handler` can be given."""
    names = [*signature.names, *(param.name for param in rule.params)]
    if signature.rest is not None:
        return
    for inspection in signature.inspections:
        for demand in inspection.demands:
            name = demand.place.steps[0]
            if demand.wish.name not in LISTS and name not in names:
                near = difflib.get_close_matches(name, [*LISTS, *_GROUPS, *names], n=1)
                known = ", ".join(dict.fromkeys(names)) or "none"
                hint = f"did you mean {near[0]}?" if near else f"its parameters: {known}"
                raise SetupError(f"inspect: {handler} takes no parameter {name!r}, and there is no such list ({hint})")


def _given(places: tuple[Place, ...], values: Mapping[str, Any]) -> tuple[Place, ...]:
    return tuple(place for place in places if not place.missing(values))


def _told(places: tuple[Place, ...], words: str, group: tuple[Place, ...]) -> dict[str, str]:
    reason = f"is wrong: {words} {', '.join(place.name for place in group)} has to be given"
    return dict.fromkeys((place.name for place in places), reason)


def _is_nothing(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip() in ("", "0")
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == 0


def _places(names: str | Iterable[str] | None) -> tuple[Place, ...]:
    """Names as a list or as one text with blanks between them."""
    return tuple(Place(name) for name in (names.split() if isinstance(names, str) else names or ()))


def _demand(key: str, operand: Any) -> Demand:
    """Read `birth_year`, `name__len__lte` or `a___b__0___c__gt`: members after three lines, the rest after two."""
    steps: list[str] = []
    segments = key.split("___")
    rest: list[str] = []
    for number, segment in enumerate(segments, 1):
        member, *rest = segment.split("__")
        steps.append(member)
        while rest and rest[0].isdecimal():
            steps.append(rest.pop(0))
        if not member or (rest and number < len(segments)):
            raise SetupError(f"inspect: {key!r} cannot be read; write a___b__0___c__gt for member c of a.b.0")
    place = Place(".".join(steps))
    if not rest:
        return _plain(place, key, operand)
    length = rest[0] == "len"
    words = rest[length:] or ["eq"]
    if len(words) > 1:
        raise SetupError(f"inspect: {key!r} has more than one operator")
    wish = Wish(words[0], operand, length)
    return Demand(place, _tested(operation(words[0], operand, length=length)), False, wish)


def _plain(place: Place, key: str, operand: Any) -> Demand:
    """A type converts, a regular expression is searched for, any other value has to be this one."""
    types = operand if isinstance(operand, (list, tuple)) else (operand,)
    if types and all(isinstance(one, type) or typing.get_origin(one) for one in types):
        check = check_of(typing.Union[tuple(types)])  # noqa: UP007 (made of what was given)
        if check is None:
            raise SetupError(f"inspect: {key}={operand!r} says nothing about what a client sends")
        return Demand(place, check, True, Wish("type", typing.Union[tuple(types)]))  # noqa: UP007 (as above)
    if hasattr(operand, "search"):
        return Demand(place, _tested(_searched(operand)), False, Wish("regex", getattr(operand, "pattern", operand)))
    if callable(operand):
        raise SetupError(f"inspect: {key}={operand!r} is a function; give a type, a regular expression or a value")
    return Demand(place, _tested(operation("eq", operand)), False, Wish("eq", operand))


def _searched(regex: Any) -> Test:
    def test(value: Any) -> None:
        if not regex.search(text(value)):
            raise ValueError(f"must match {getattr(regex, 'pattern', regex)}")

    return test


def _tested(test: Test) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        test(value)
        return value

    return check
