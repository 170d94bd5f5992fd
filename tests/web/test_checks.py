"""From texts to types."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from io import BytesIO
from typing import Annotated, Any, Literal, Optional
from uuid import UUID

import pytest

from atilite.automation.parameters import Pattern, Range, Schema, Secret
from atilite.errors import ParameterError
from atilite.uploads import Upload
from atilite.web.checks import check_of


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


@pytest.mark.parametrize("annotation", [Any, object, Bounds, "int", None, dict[str, int], int | Bounds])
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
