"""From the texts of a request to the types that a handler names: the one place where they are checked. Pure.

A check takes a value and returns the converted one, or raises ValueError with the reason for the client.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from atilite.uploads import Upload

Check = Callable[[Any], Any]

TRUE = frozenset(("true", "yes", "y", "t", "1", "on"))
FALSE = frozenset(("false", "no", "n", "f", "0", "off"))


def integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and len(value) < 400 and "_" not in value:
        try:
            return int(value)
        except ValueError:
            raise ValueError("must be a whole number") from None
    raise ValueError("must be a whole number")


def real(value: Any) -> float:
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            raise ValueError("must be a number") from None
        if number - number == 0:  # neither infinite nor NaN
            return number
    raise ValueError("must be a number")


def boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, (str, int)) else ""
    if word in TRUE or word in FALSE:
        return word in TRUE
    raise ValueError("must be yes or no")


def text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("must be a text")


def file(value: Any) -> Upload:
    if isinstance(value, Upload):
        return value
    raise ValueError("must be a file, sent as multipart/form-data")


def _parsed(kind: type, parse: Callable[[str], Any], reason: str) -> Check:
    def check(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        try:
            return parse(value if isinstance(value, str) else str(value))
        except (ValueError, InvalidOperation):
            raise ValueError(reason) from None

    return check


_CHECKS: Mapping[Any, Check] = {
    int: integer,
    float: real,
    bool: boolean,
    str: text,
    datetime: _parsed(datetime, datetime.fromisoformat, "must be a date and time such as 2030-01-31T12:00"),
    date: _parsed(date, date.fromisoformat, "must be a date such as 2030-01-31"),
    time: _parsed(time, time.fromisoformat, "must be a time such as 12:00"),
    Decimal: _parsed(Decimal, Decimal, "must be a number"),
    UUID: _parsed(UUID, UUID, "must be a UUID"),
    Upload: file,
}


def check_of(annotation: Any) -> Check | None:
    """Return the check for an annotation, None for one that says nothing about texts (a class of one's own, Any)."""
    if annotation in _CHECKS if isinstance(annotation, type) else False:
        return _CHECKS[annotation]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _member(annotation)
    if isinstance(annotation, type) and issubclass(annotation, str):
        return lambda value: annotation(text(value))
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return _choice(arguments)
    if origin is Annotated:
        return _constrained(check_of(arguments[0]), arguments[1:])
    if origin is Union or origin is types.UnionType:
        return _union(arguments)
    if annotation is list or origin is list:
        return _list(check_of(arguments[0]) if arguments else None)
    return None


def _choice(choices: tuple[Any, ...]) -> Check:
    by_text = {str(choice): choice for choice in choices}

    def check(value: Any) -> Any:
        if str(value) in by_text:
            return by_text[str(value)]
        raise ValueError(f"must be one of {', '.join(by_text)}")

    return check


def _member(kind: type[Enum]) -> Check:
    by_text = {**{str(member.value): member for member in kind}, **kind.__members__}

    def check(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        if str(value) in by_text:
            return by_text[str(value)]
        raise ValueError(f"must be one of {', '.join(kind.__members__)}")

    return check


def _union(arguments: tuple[Any, ...]) -> Check | None:
    """The first fitting member; a blank text is None where None is allowed."""
    optional = type(None) in arguments
    checks = [check_of(argument) for argument in arguments if argument is not type(None)]
    if any(check is None for check in checks):
        return None
    known = [check for check in checks if check is not None]

    def check(value: Any) -> Any:
        if optional and (value is None or value == ""):
            return None
        for number, one in enumerate(known, 1):
            try:
                return one(value)
            except ValueError:
                if number == len(known):
                    raise
        raise ValueError("must be blank")

    return check


def _list(each: Check | None) -> Check:
    def check(value: Any) -> Any:
        values = value if isinstance(value, list) else [value]
        return [each(item) for item in values] if each else values

    return check


def _constrained(inner: Check | None, constraints: tuple[Any, ...]) -> Check | None:
    tests = [test for test in map(_test_of, constraints) if test]
    if not tests:
        return inner

    def check(value: Any) -> Any:
        converted = inner(value) if inner else value
        if converted is not None:
            for test in tests:
                test(converted)
        return converted

    return check


def _test_of(constraint: Any) -> Callable[[Any], None] | None:
    """Known by what they have: bounds have `minimum` and `maximum`, patterns `regex` and perhaps `message`."""
    if hasattr(constraint, "minimum") and hasattr(constraint, "maximum"):
        return _bounds(constraint.minimum, constraint.maximum)
    if hasattr(constraint, "regex"):
        return _matches(constraint.regex, getattr(constraint, "message", ""))
    return None


def _bounds(minimum: Any, maximum: Any) -> Callable[[Any], None]:
    def test(value: Any) -> None:
        try:
            too_small = minimum is not None and value < minimum
            too_big = maximum is not None and value > maximum
        except TypeError:  # a moment with a time zone against bounds without one, or the other way round
            raise ValueError("must have a time zone exactly when its bounds have one") from None
        if too_small:
            raise ValueError(f"must be at least {minimum}")
        if too_big:
            raise ValueError(f"must be at most {maximum}")

    return test


def _matches(regex: str, message: str) -> Callable[[Any], None]:
    compiled = re.compile(regex)

    def test(value: Any) -> None:
        if not compiled.fullmatch(str(value)):
            raise ValueError(message or f"must match {regex}")

    return test
