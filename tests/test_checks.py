"""From texts to types."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from io import BytesIO
from typing import Annotated, Any, Literal, Optional
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atilite.automation.parameters import Schema
from atilite.checks import Faults, check_of
from atilite.errors import ParameterError, SetupError
from atilite.scalars import Pattern, Range, Secret
from atilite.uploads import Upload


class Color(Enum):
    RED = "red"
    BLUE = 2


class Word(str):
    __slots__ = ()


class Bounds:
    def __init__(self, minimum: Any, maximum: Any) -> None:
        self.minimum, self.maximum = minimum, maximum


class Shape:
    def __init__(self, regex: str, message: str = "") -> None:
        re.compile(regex)
        self.regex, self.message = regex, message


@dataclasses.dataclass
class Point:
    x: int
    y: Annotated[int, Range(0, 9)] = 0
    made: int = dataclasses.field(default=7, init=False)


@dataclasses.dataclass
class Tree:
    name: str
    children: list[Tree] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Strict:
    word: str

    def __post_init__(self) -> None:
        if self.word != "open":
            raise ValueError("the word is wrong")


class Valve(msgspec.Struct, kw_only=True, rename="camel"):
    open_for: Annotated[int, msgspec.Meta(ge=1, le=600)]
    note: Annotated[str, msgspec.Meta(max_length=5, pattern="^[a-z]*$")] = ""
    points: list[Point] = msgspec.field(default_factory=list)


class Model(pydantic.BaseModel):
    count: int
    inner: dict[str, int] = {}


ONE = "00000000-0000-0000-0000-000000000001"

GOOD = [
    (int, "5", 5),
    (int, " -5 ", -5),
    (int, 5.0, 5),
    (float, "1e3", 1000.0),
    (float, 2, 2.0),
    (bool, "Yes", True),
    (bool, "f", False),
    (bool, True, True),
    (str, "", ""),
    (date, "2030-01-31", date(2030, 1, 31)),
    (date, date(2030, 1, 31), date(2030, 1, 31)),
    (datetime, "2030-01-31T12:00", datetime(2030, 1, 31, 12)),
    (time, "12:30", time(12, 30)),
    (Decimal, "1.10", Decimal("1.10")),
    (UUID, ONE, UUID(ONE)),
    (Color, "red", Color.RED),
    (Color, "2", Color.BLUE),
    (Color, "RED", Color.RED),
    (Literal[1, "a"], "1", 1),
    (Literal[1, "a"], "a", "a"),
    (Optional[int], "", None),  # noqa: UP045
    (int | None, None, None),
    (int | str, "x", "x"),
    (int | str, "7", 7),
    (list[int], ["1", "2"], [1, 2]),
    (list[int], "1", [1]),
    (list, "1", ["1"]),
    (Word, "x", Word("x")),
    (Annotated[int, Bounds(1, 3)], "3", 3),
    (Annotated[int | None, Bounds(1, 3)], "", None),
    (Annotated[str, Shape("[a-z]+")], "abc", "abc"),
    (Annotated[int, "a note"], "3", 3),
    (dict, '{"a": 1}', {"a": 1}),
    (dict[str, int], {"a": "1"}, {"a": 1}),
    (dict[int, bool], {"1": "yes"}, {1: True}),
    (list[int], "[1, 2]", [1, 2]),
    (tuple[int, ...], ["1"], (1,)),
    (tuple[int, str], ["1", "a"], (1, "a")),
    (Point, {"x": "1"}, Point(1)),
    (Point, Point(1), Point(1)),
    (list[Point], [{"x": 1, "y": 2}], [Point(1, 2)]),
    (Tree, {"name": "a", "children": [{"name": "b"}]}, Tree("a", [Tree("b")])),
    (Valve, {"openFor": 5, "points": [{"x": 1}]}, Valve(open_for=5, points=[Point(1)])),
    (Model, '{"count": "2"}', Model(count=2)),
    (Model | None, "", None),
]

BAD = [
    (int, "5.5"),
    (int, "1_000"),
    (int, True),
    (int, ["1"]),
    (int, "9" * 5000),
    (float, "nan"),
    (float, "inf"),
    (float, "1e999"),
    (float, True),
    (float, None),
    (bool, "maybe"),
    (bool, 2),
    (bool, None),
    (str, 5),
    (str, ["a"]),
    (date, "31.01.2030"),
    (datetime, "soon"),
    (time, "25:00"),
    (Decimal, "one"),
    (UUID, "1"),
    (Color, "green"),
    (Literal[1, "a"], "b"),
    (int | None, "x"),
    (list[int], ["1", "x"]),
    (Annotated[int, Bounds(1, 3)], "4"),
    (Annotated[int, Bounds(1, None)], "0"),
    (Annotated[str, Shape("[a-z]+", "letters only")], "abc1"),
    (str, "a\0b"),
    (str, "\ud800"),
    (date, datetime(2030, 1, 1)),
    (Decimal, "NaN"),
    (dict, "[]"),
    (dict, "{"),
    (list, {"a": 1}),
    (list, "[1"),
    (tuple[int, str], ["1"]),
    (Point, "5"),
]

# What is wrong inside a structure is told at its place.
INSIDE: list[tuple[Any, Any, dict[str, str]]] = [
    (list[int], ["1", "x", None], {"1": "must be a whole number", "2": "must be a whole number"}),
    (dict[str, int], {"a": "x"}, {"a": "must be a whole number"}),
    (Point, {"y": 10, "z": 1}, {"x": "is missing", "z": "is not needed", "y": "must be at most 9"}),
    (Point, {"x": 1, "made": 2}, {"made": "is not needed"}),
    (list[Point], [{"x": 1}, {"x": "a"}], {"1.x": "must be a whole number"}),
    (
        Tree,
        {"name": "a", "children": [{}, {"name": 1}]},
        {"children.0.name": "is missing", "children.1.name": "must be a text"},
    ),
    (Valve, {"open_for": 5}, {"openFor": "is missing", "open_for": "is not needed"}),
    (
        Valve,
        {"openFor": 0, "note": "LONGER"},
        {"openFor": "must be at least 1", "note": "must match ^[a-z]*$"},
    ),
    (Valve, {"openFor": 1, "note": "longer"}, {"note": "must have at most 5 characters"}),
]


@pytest.mark.parametrize(("annotation", "value", "converted"), GOOD)
def test_a_fitting_value_is_converted(annotation: Any, value: Any, converted: Any) -> None:
    check = check_of(annotation)

    assert check is not None
    result = check(value)
    assert result == converted
    assert type(result) is type(converted)


@pytest.mark.parametrize(("annotation", "value"), BAD)
def test_another_value_is_refused_with_a_reason(annotation: Any, value: Any) -> None:
    check = check_of(annotation)

    assert check is not None
    with pytest.raises(ValueError, match=r"must|letters only"):
        check(value)


@pytest.mark.parametrize("annotation", [Any, object, Bounds, "int", None, int | Bounds])
def test_what_says_nothing_about_texts_has_no_check(annotation: Any) -> None:
    assert check_of(annotation) is None


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        (Annotated[int, Range(1, 600)], "600", "601"),
        (Annotated[float, Range(None, 1.5)], "-2", "1.6"),
        (Annotated[date, Range(date(2030, 1, 1))], "2030-01-01", "2029-12-31"),
        (Annotated[datetime, Range(datetime(2030, 1, 1))], "2031-01-01T00:00", "2031-01-01T00:00Z"),
        (Annotated[str, Pattern("[a-z]+", "letters only")], "abc", "abc\n"),
        (Annotated[str, Pattern("[a-z]+")], "abc", "1"),
        (Annotated[int | None, Range(1, 5)], "5", "6"),
        (Secret, "hunter2", 5),
        (Upload, Upload("a.txt", BytesIO(b"1"), 1), "a.txt"),
    ],
)
def test_routes_and_actions_take_and_refuse_the_same_with_the_same_words(annotation: Any, good: Any, bad: Any) -> None:
    def action(it: Any) -> None: ...

    action.__annotations__["it"] = annotation
    schema, check = Schema.of(action), check_of(annotation)

    assert check is not None
    assert check(good) == schema.check({"it": good})["it"]
    assert type(check(good)) is type(schema.check({"it": good})["it"])
    with pytest.raises(ParameterError) as fault:
        schema.check({"it": bad})
    with pytest.raises(ValueError, match=re.escape(fault.value.fields["it"])):
        check(bad)


def test_a_secret_of_a_route_is_not_shown_by_its_repr() -> None:
    check = check_of(Secret)

    assert check is not None
    assert "hunter2" not in repr(check("hunter2"))


@pytest.mark.parametrize(("annotation", "value", "faults"), INSIDE)
def test_every_fault_inside_a_structure_is_told_at_its_place(
    annotation: Any, value: Any, faults: dict[str, str]
) -> None:
    check = check_of(annotation)

    assert check is not None
    with pytest.raises(Faults) as error:
        check(value)
    assert error.value.fields == faults


def test_the_faults_of_a_pydantic_model_are_told_at_their_places() -> None:
    check = check_of(Model)

    assert check is not None
    with pytest.raises(Faults) as error:
        check({"count": "many", "inner": {"a": []}})
    assert error.value.fields.keys() == {"count", "inner.a"}


def test_what_a_class_itself_refuses_is_the_reason() -> None:
    check = check_of(Strict)

    assert check is not None
    with pytest.raises(ValueError, match="does not fit: the word is wrong"):
        check({"word": "shut"})


def test_a_class_whose_annotations_cannot_be_read_is_no_class_without_demands() -> None:
    class Local: ...

    @dataclasses.dataclass
    class Holder:
        it: Local

    check = check_of(Holder)

    assert check is not None
    with pytest.raises(SetupError, match="Holder cannot be read"):
        check({"it": 1})


def test_an_endless_structure_is_refused_and_not_followed() -> None:
    deep: Any = {"name": "leaf"}
    for _ in range(5000):
        deep = {"name": "a", "children": [deep]}
    check = check_of(Tree)

    assert check is not None
    with pytest.raises(ValueError, match="nested"):
        check(deep)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["x", "y", "name"]) | st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(GOOD), anything | anything.map(json.dumps))
def test_whatever_was_sent_is_taken_or_refused_with_a_reason(row: tuple[Any, Any, Any], value: Any) -> None:
    check = check_of(row[0])

    assert check is not None
    reason = "taken"
    try:
        check(value)
    except ValueError as error:
        reason = str(error)
    assert reason
