"""The operators of an inspection, one row each: what holds and what does not."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atilite.errors import SetupError
from atilite.web.operators import OPERATORS, operation

HOLDS: list[tuple[str, Any, Any]] = [
    ("eq", 5, "5"),
    ("exact", "a", "a"),
    ("eq", True, "yes"),
    ("eq", "5", 5),
    ("eq", date(2030, 1, 1), "2030-01-01"),
    ("neq", 5, "6"),
    ("neq", 5, "six"),
    ("lt", 5, "4"),
    ("lte", 5, "5"),
    ("gt", 5, "6"),
    ("gt", 3, 3.5),
    ("gt", 1.5, "2"),
    ("gt", 1.5, Decimal("1.6")),
    ("gte", date(2030, 1, 1), "2030-01-02"),
    ("between", (1900, 2024), "1980"),
    ("between", [3, 64], 3),
    ("between", ("a", "c"), "b"),
    ("in", ["male", "female"], "male"),
    ("in", "male female", "female"),
    ("in", (1, 2), "2"),
    ("in", range(10), 9),
    ("in", {1, "x"}, "x"),
    ("notin", [1, 2], "3"),
    ("notin", [1, 2], "x"),
    ("contains", "bc", "abcd"),
    ("contains", 5, [1, "5"]),
    ("contains", 5, "15"),
    ("notcontain", "x", "abc"),
    ("startswith", "ab", "abc"),
    ("startswith", ["x", "a"], "abc"),
    ("notstartwith", "b", "abc"),
    ("endswith", "bc", "abc"),
    ("notendwith", "b", "abc"),
    ("regex", "^[a-c]+$", "abc"),
    ("regex", re.compile("ABC", re.IGNORECASE), "xabc"),
]

FAILS: list[tuple[str, Any, Any, str]] = [
    ("eq", 5, "6", "must be 5"),
    ("exact", 5, "x", "must be 5"),
    ("eq", 1, True, "must be 1"),
    ("neq", 5, "5", "must not be 5"),
    ("lt", 5, "5", "must be less than 5"),
    ("lte", 5, 6, "must be at most 5"),
    ("gt", 5, "5", "must be more than 5"),
    ("gt", 5, "five", "must be a whole number"),
    ("gt", 5, "5.5", "must be a whole number"),
    ("gt", 5, ["6"], "must be a whole number"),
    ("gt", 5, True, "must be a number"),
    ("gte", 5, "4", "must be at least 5"),
    ("gte", datetime(2030, 1, 1), "2031-01-01T00:00Z", "cannot be compared with 2030-01-01T00:00:00"),
    ("between", (1900, 2024), "2025", "must be between 1900 and 2024"),
    ("in", ["a", "b"], "c", "must be one of a, b"),
    ("in", ["a"], ["a"], "must be one of a"),
    ("notin", [1, 2], "2", "must be none of 1, 2"),
    ("contains", "x", "abc", "must contain x"),
    ("contains", "x", {"x": 1}, "must be a text"),
    ("notcontain", "b", "abc", "must not contain b"),
    ("startswith", "b", "abc", "must begin with b"),
    ("notstartwith", "a", "abc", "must not begin with a"),
    ("endswith", "b", "abc", "must end with b"),
    ("notendwith", "c", "abc", "must not end with c"),
    ("regex", "^[a-c]+$", "abd", "must match ^[a-c]+$"),
    ("regex", "x", ["x"], "must be a text"),
]


@pytest.mark.row("A107")
@pytest.mark.parametrize(("name", "operand", "value"), HOLDS)
def test_an_operator_reads_the_value_as_its_operand_and_passes_what_fits(name: str, operand: Any, value: Any) -> None:
    assert operation(name, operand)(value) is None


@pytest.mark.row("A107")
@pytest.mark.parametrize(("name", "operand", "value", "reason"), FAILS)
def test_an_operator_says_what_it_wanted(name: str, operand: Any, value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        operation(name, operand)(value)


@pytest.mark.row("A107")
@pytest.mark.parametrize(
    ("name", "operand", "good", "bad", "reason"),
    [
        ("lte", 3, "abc", "abcd", "its length must be at most 3"),
        ("eq", 2, ["a", "b"], [], "its length must be 2"),
        ("between", (1, 2), {"a": 1}, {}, "its length must be between 1 and 2"),
        ("in", [1, 3], "abc", "ab", "its length must be one of 1, 3"),
        ("gt", 0, "a", 5, "must be a text or a list"),
    ],
)
def test_every_operator_can_look_at_the_length(name: str, operand: Any, good: Any, bad: Any, reason: str) -> None:
    test = operation(name, operand, length=True)

    test(good)
    with pytest.raises(ValueError, match=f"^{reason}$"):
        test(bad)


@pytest.mark.parametrize(
    ("name", "operand"),
    [("like", "a"), ("between", 5), ("between", (1, 2, 3)), ("in", 5), ("regex", "("), ("startswith", 5)],
)
def test_an_operator_that_cannot_work_is_refused_at_set_up(name: str, operand: Any) -> None:
    with pytest.raises(SetupError, match=name):
        operation(name, operand)


OPERANDS: dict[str, Any] = {"between": (1, 9), "in": [1, "a"], "notin": [1, "a"], "regex": "a", "startswith": "a"}
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(OPERATORS)), st.booleans(), st.sampled_from([5, 1.5, "a", date(2030, 1, 1)]), values)
def test_no_value_does_more_than_fail(name: str, length: bool, operand: Any, value: Any) -> None:
    operand = OPERANDS.get(name, str(operand) if "with" in name else operand)
    test = operation(name, operand, length=length)
    reason = "holds"

    try:
        test(value)
    except ValueError as error:
        reason = str(error)

    assert reason
