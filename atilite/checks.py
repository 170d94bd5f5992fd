"""What an annotation demands of a value that was sent: one mechanism for routes, actions and inspections. Pure.

`check_of(annotation)` makes a check: it takes what was sent and returns the value that the function gets, or raises
ValueError with the reason. A `Faults` tells everything that is wrong inside a structure, each fault at its place.
Dataclasses, msgspec structs and pydantic models are known by what they have; neither package is imported.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import json
import operator
import re
import sys
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from atilite.errors import SetupError
from atilite.scalars import SCALARS, Check, text, words_of

LISTS = (list, tuple, collections.abc.Sequence)
MAPPINGS = (dict, collections.abc.Mapping)
_Test = Callable[[Any], None]


class Faults(ValueError):
    """Several faults inside one value: `fields` maps the place of each ("x", "0.y", "" for the whole) to its reason."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{place}: {reason}" if place else reason for place, reason in fields.items()))
        self.fields = dict(fields)


def note(faults: dict[str, str], name: str, error: ValueError) -> None:
    """Enter what is wrong with the value `name` into `faults`; a fault inside it gets a dotted name."""
    if isinstance(error, Faults):
        faults.update({f"{name}.{place}" if place else name: reason for place, reason in error.fields.items()})
    else:
        faults[name] = str(error)


def check_of(annotation: Any) -> Check | None:
    """Return the check for an annotation, None for one that says nothing (a class of one's own, Any)."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return _choice({words_of(one): one for one in reversed(arguments)}, arguments)
    if origin is Annotated:
        return _constrained(check_of(arguments[0]), arguments[1:])
    if origin is Union or origin is types.UnionType:
        return _union(arguments)
    if origin in LISTS or annotation in (list, tuple):
        return _sequence(origin or annotation, arguments)
    if origin in MAPPINGS or annotation is dict:
        return _mapping(arguments)
    return _of_class(annotation) if isinstance(annotation, type) else None


def _of_class(kind: type) -> Check | None:
    if kind in SCALARS:
        return SCALARS[kind]
    if issubclass(kind, Enum):
        by_text = {**kind.__members__, **{words_of(one.value): one for one in reversed(kind)}}
        return _choice(by_text, tuple(kind))
    if issubclass(kind, str):
        return lambda value: value if isinstance(value, kind) else kind(text(value))
    if hasattr(kind, "model_validate"):
        return _model(kind)
    if is_record(kind):
        return _record(kind)
    return next((SCALARS[base] for base in kind.__mro__ if base in SCALARS), None)


def is_record(kind: Any) -> bool:
    """Tell whether `kind` is a class of named members: a dataclass, a msgspec struct or a pydantic model."""
    has = dataclasses.is_dataclass(kind) or hasattr(kind, "__struct_fields__") or hasattr(kind, "model_validate")
    return isinstance(kind, type) and has


# -- one of several


def _choice(by_text: Mapping[str, Any], choices: tuple[Any, ...]) -> Check:
    exact = [(one.value if isinstance(one, Enum) else one, one) for one in choices]

    def check(value: Any) -> Any:
        for sent, one in exact:
            if value is one or (type(sent) is type(value) and sent == value):
                return one
        if isinstance(value, str) and value in by_text:
            return by_text[value]
        raise ValueError(f"must be one of {', '.join(words_of(sent) for sent, _ in exact)}")

    return check


def _union(arguments: tuple[Any, ...]) -> Check | None:
    """The first fitting member; a blank text is None where None is allowed."""
    optional = type(None) in arguments
    found = [check_of(argument) for argument in arguments if argument is not type(None)]
    checks = [check for check in found if check is not None]
    if len(checks) < len(found):
        return None

    def check(value: Any) -> Any:
        if optional and (value is None or value == ""):
            return None
        for one in checks[:-1]:
            try:
                return one(value)
            except ValueError:
                continue
        return checks[-1](value)

    return check


# -- structures


def as_json(value: Any) -> Any:
    """Return what a text says as JSON, and anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"must be JSON: {error}") from None


def as_object(value: Any) -> dict[str, Any]:
    """Return a JSON object, sent as such or as its text."""
    found = as_json(value)
    if not isinstance(found, dict):
        raise ValueError("must be a JSON object")
    return found


def as_list(value: Any) -> list[Any]:
    """Return a list; one value alone, as a query with one of them has it, is a list of it."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = as_json(value)
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, dict):
        raise ValueError("must be a JSON list")
    return [value]


def _sequence(kind: Any, arguments: tuple[Any, ...]) -> Check:
    fixed = kind is tuple and bool(arguments) and arguments[-1] is not ...
    checks = [check_of(argument) for argument in arguments if argument is not ...]
    make = tuple if kind is tuple else list

    def check(value: Any) -> Any:
        items = as_list(value)
        if fixed and len(items) != len(checks):
            raise ValueError(f"must have {len(checks)} values")
        if not checks:
            return make(items)
        each = checks if fixed else checks * len(items)
        return make(_all_of({str(place): (item, each[place]) for place, item in enumerate(items)}).values())

    return check


def _mapping(arguments: tuple[Any, ...]) -> Check:
    of_key, of_value = (check_of(argument) for argument in arguments) if arguments else (None, None)

    def check(value: Any) -> dict[Any, Any]:
        found = as_object(value)
        values = _all_of({key: (item, of_value) for key, item in found.items()})
        if of_key is None:
            return values
        keys = _all_of({key: (key, of_key) for key in found})
        return {keys[key]: item for key, item in values.items()}

    return check


def _all_of(sent: Mapping[str, tuple[Any, Check | None]]) -> dict[str, Any]:
    """Check all of these; raise Faults with everything that is wrong."""
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for place, (value, check) in sent.items():
        try:
            values[place] = check(value) if check is not None else value
        except ValueError as error:
            note(faults, place, error)
    if faults:
        raise Faults(faults)
    return values


def _model(kind: Any) -> Check:
    """A pydantic model checks itself; its errors are told in our form."""

    def check(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        try:
            return kind.model_validate(as_object(value))
        except ValueError as error:
            told = getattr(error, "errors", None)
            if told is None:
                raise
            raise Faults({".".join(map(str, one["loc"])): one["msg"] for one in told()}) from None

    return check


def _record(kind: Any) -> Check:
    def check(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        members, required = _members(kind)
        found = as_object(value)
        faults = dict.fromkeys((name for name in required if name not in found), "is missing")
        faults |= dict.fromkeys((name for name in found if name not in members), "is not needed")
        try:
            checked = _all_of({name: (found[name], check) for name, (_, check) in members.items() if name in found})
        except Faults as error:
            faults |= error.fields
        except RecursionError:
            raise ValueError("is nested too deeply") from None
        if faults:
            raise Faults(faults)
        try:
            return kind(**{members[name][0]: item for name, item in checked.items()})
        except (TypeError, ValueError) as error:
            raise ValueError(f"does not fit: {error}") from None

    return check


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """A named member of a record: the attribute, its annotation, and whether it has to be given."""

    attribute: str
    annotation: Any
    required: bool


@functools.lru_cache(maxsize=256)
def members_of(kind: Any) -> Mapping[str, Member]:
    """The members of a dataclass or a msgspec struct, by the name in which they are sent.

    Raises SetupError for an annotation that names what its module does not have.
    """
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except (NameError, TypeError, SyntaxError) as error:
        # Going on without would let everything pass.
        raise SetupError(f"an annotation of {kind.__qualname__} cannot be read from its module: {error}") from error
    if hasattr(kind, "__struct_fields__"):
        attributes, sent = kind.__struct_fields__, kind.__struct_encode_fields__
        none = getattr(sys.modules.get("msgspec"), "NODEFAULT", None)
        defaults = dict(zip(reversed(attributes), reversed(kind.__struct_defaults__), strict=False))
        required = {name for name in attributes if defaults.get(name, none) is none}
    else:
        fields = [field for field in dataclasses.fields(kind) if field.init]
        attributes = sent = tuple(field.name for field in fields)
        none = dataclasses.MISSING
        required = {field.name for field in fields if field.default is none and field.default_factory is none}
    names = zip(sent, attributes, strict=True)
    return {name: Member(attribute, hints.get(attribute), attribute in required) for name, attribute in names}


@functools.lru_cache(maxsize=256)
def _members(kind: Any) -> tuple[dict[str, tuple[str, Check | None]], tuple[str, ...]]:
    """The members by the name in which they are sent: (attribute, check); and the names of those without default.

    Found when a value is first checked and not before, so that a class may have members of its own kind.
    """
    found = members_of(kind)
    checks = {name: (member.attribute, check_of(member.annotation)) for name, member in found.items()}
    return checks, tuple(name for name, member in found.items() if member.required)


# -- constraints


def _constrained(inner: Check | None, constraints: tuple[Any, ...]) -> Check | None:
    tests = [test for constraint in constraints for test in _tests_of(constraint)]
    if not tests:
        return inner

    def check(value: Any) -> Any:
        converted = inner(value) if inner else value
        if converted is not None:
            for test in tests:
                test(converted)
        return converted

    return check


_LIMITS: tuple[tuple[tuple[str, ...], Callable[[Any, Any], bool], str], ...] = (
    (("minimum", "ge"), operator.ge, "must be at least"),
    (("maximum", "le"), operator.le, "must be at most"),
    (("gt",), operator.gt, "must be more than"),
    (("lt",), operator.lt, "must be less than"),
)


def _tests_of(constraint: Any) -> list[_Test]:
    """Known by what they have: `minimum` and `maximum` or `ge` and the like, `regex`, `min_length`, `max_length`."""
    if isinstance(constraint, (str, type)):
        return []
    tests = [
        _limit(getattr(constraint, name), holds, words)
        for names, holds, words in _LIMITS
        for name in names
        if getattr(constraint, name, None) is not None
    ]
    regex = getattr(constraint, "regex", None) or getattr(constraint, "pattern", None)
    if isinstance(regex, str):
        tests.append(_matches(regex, getattr(constraint, "message", ""), whole=hasattr(constraint, "regex")))
    for name, holds, words in (("min_length", operator.ge, "at least"), ("max_length", operator.le, "at most")):
        if isinstance(length := getattr(constraint, name, None), int):
            tests.append(_length(length, holds, words))
    return tests


def _limit(limit: Any, holds: Callable[[Any, Any], bool], words: str) -> _Test:
    def test(value: Any) -> None:
        try:
            kept = holds(value, limit)
        except TypeError:  # a moment with a time zone against bounds without one, or the other way round
            raise ValueError("must have a time zone exactly when its bounds have one") from None
        if not kept:
            raise ValueError(f"{words} {words_of(limit)}")

    return test


def _length(limit: int, holds: Callable[[Any, Any], bool], words: str) -> _Test:
    def test(value: Any) -> None:
        if not holds(len(value), limit):
            raise ValueError(f"must have {words} {limit} {'characters' if isinstance(value, str) else 'values'}")

    return test


def _matches(regex: str, message: str, whole: bool) -> _Test:
    compiled = re.compile(regex)
    found = compiled.fullmatch if whole else compiled.search

    def test(value: Any) -> None:
        if not found(str(value)):
            raise ValueError(message or f"must match {regex}")

    return test
