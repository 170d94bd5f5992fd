"""The operators of an inspection: `name__len__lte=64`, `gender__in=[...]`. Pure.

The value is first read as the operand's type, so that "7" from a query is compared with 5 as a number; the handler
gets it as it was. Each test raises ValueError with the reason for the client.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any

from atilite.errors import SetupError
from atilite.quickly import dataclass
from atilite.scalars import SCALARS, boolean, text, words_of

Test = Callable[[Any], None]


def like(value: Any, example: Any) -> Any:
    """Read `value` as what `example` is. Raises ValueError if it cannot be that."""
    if isinstance(example, bool):
        return boolean(value)
    if isinstance(example, str):
        return words_of(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else text(value)
    if isinstance(value, (int, float, Decimal)) and isinstance(example, (int, float, Decimal)):
        if isinstance(value, bool):
            raise ValueError("must be a number")
        return value
    check = SCALARS.get(type(example))
    return check(value) if check is not None else value


def same(value: Any, operand: Any) -> bool:
    """Tell whether they are equal, `value` read as the operand's type."""
    try:
        return bool(like(value, operand) == operand)
    except ValueError:
        return False


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def holds(value: Any, operand: Any) -> bool:
        try:
            return compare(like(value, operand), operand)
        except TypeError:  # such as a moment with a time zone and one without
            raise ValueError(f"cannot be compared with {words_of(operand)}") from None

    return holds


def _between(value: Any, operand: Any) -> bool:
    return _ordered(operator.ge)(value, operand[0]) and _ordered(operator.le)(value, operand[1])


def _among(value: Any, operand: Any) -> bool:
    return any(same(value, one) for one in operand)


def _contains(value: Any, operand: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(same(item, operand) for item in value)
    return words_of(operand) in like(value, "")


def _not(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, operand: not holds(value, operand)


def _begins(value: Any, operand: Any) -> bool:
    return bool(like(value, "").startswith(operand))


def _ends(value: Any, operand: Any) -> bool:
    return bool(like(value, "").endswith(operand))


def _matches(value: Any, operand: Any) -> bool:
    return operand.search(like(value, "")) is not None


def _as_is(operand: Any) -> Any:
    return operand


def _pair(operand: Any) -> tuple[Any, Any]:
    low, high = operand
    return low, high


def _words(operand: Any) -> Collection[Any]:
    if isinstance(operand, str):
        return operand.split()
    return operand if isinstance(operand, (set, frozenset, range)) else list(operand)


def _texts(operand: Any) -> Any:
    found = tuple(operand) if isinstance(operand, (list, tuple)) else operand
    if not isinstance(found, (str, tuple)):
        raise TypeError("give a text")
    return found


@dataclass(frozen=True, slots=True)
class Operator:
    """`holds` decides, `words` are the reason (`{}` is the operand), `prepare` makes the operand ready at set-up."""

    holds: Callable[[Any, Any], bool]
    words: str
    prepare: Callable[[Any], Any] = _as_is


OPERATORS = {
    "eq": Operator(same, "must be {}"),
    "neq": Operator(_not(same), "must not be {}"),
    "lt": Operator(_ordered(operator.lt), "must be less than {}"),
    "lte": Operator(_ordered(operator.le), "must be at most {}"),
    "gt": Operator(_ordered(operator.gt), "must be more than {}"),
    "gte": Operator(_ordered(operator.ge), "must be at least {}"),
    "between": Operator(_between, "must be between {}", _pair),
    "in": Operator(_among, "must be one of {}", _words),
    "notin": Operator(_not(_among), "must be none of {}", _words),
    "contains": Operator(_contains, "must contain {}"),
    "notcontain": Operator(_not(_contains), "must not contain {}"),
    "startswith": Operator(_begins, "must begin with {}", _texts),
    "notstartwith": Operator(_not(_begins), "must not begin with {}", _texts),
    "endswith": Operator(_ends, "must end with {}", _texts),
    "notendwith": Operator(_not(_ends), "must not end with {}", _texts),
    "regex": Operator(_matches, "must match {}", re.compile),
}
# Other names of the same operators.
ALIASES = {"exact": "eq"}


def operation(name: str, operand: Any, *, length: bool = False) -> Test:
    """Return the test for an operator and its operand, of the value itself or of its length.

    Raises SetupError for an unknown operator and for an operand that it cannot use.
    """
    found, ready = _prepared(name, operand)
    reason, holds = told(name, operand, length=length), found.holds

    def test(value: Any) -> None:
        if not holds(_length(value) if length else value, ready):
            raise ValueError(reason)

    return test


def told(name: str, operand: Any, *, length: bool = False) -> str:
    """What an operator demands, in words: "must be at most 64". Raises SetupError as `operation` does."""
    found, ready = _prepared(name, operand)
    return ("its length " if length else "") + found.words.format(_shown(ready, name))


def _prepared(name: str, operand: Any) -> tuple[Operator, Any]:
    """The operator, and its operand made ready."""
    found = OPERATORS.get(ALIASES.get(name, name))
    if found is None:
        raise SetupError(f"there is no operator {name!r}; there are {', '.join((*OPERATORS, *ALIASES))}")
    try:
        return found, found.prepare(operand)
    except (TypeError, ValueError, re.error) as error:
        raise SetupError(f"{operand!r} is no operand for {name!r}: {error}") from None


def _length(value: Any) -> int:
    if isinstance(value, (str, list, tuple, dict)):
        return len(value)
    raise ValueError("must be a text or a list")


def _shown(operand: Any, name: str) -> str:
    if isinstance(operand, re.Pattern):
        return str(operand.pattern)
    many = operand if isinstance(operand, (list, tuple, set, frozenset, range)) else [operand]
    return (" and " if name == "between" else ", ").join(map(words_of, many))
