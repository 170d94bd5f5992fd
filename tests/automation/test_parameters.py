from __future__ import annotations

import dataclasses
import enum
import io
from datetime import date, datetime
from typing import Annotated, Any, Literal, Optional

import pydantic
import pytest

from atilite.automation.parameters import MASK, Pattern, Range, Schema, Secret
from atilite.errors import ParameterError, SetupError
from atilite.uploads import Upload


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Model(pydantic.BaseModel):
    count: int


def water(
    was: Any,
    zone: Literal["north", "south"],
    seconds: Annotated[int, Range(1, 600)] = 30,
    note: str = "",
    at: date | None = None,
    password: Secret = None,
    dry_run: bool = False,
):
    return None


def faults(function: Any, **raw: Any) -> dict[str, str]:
    with pytest.raises(ParameterError) as caught:
        Schema.of(function).check(raw)
    return caught.value.fields


def test_the_signature_is_the_schema_and_was_is_no_part_of_it():
    fields = Schema.of(water).fields

    assert [(field.name, field.kind, field.required) for field in fields] == [
        ("zone", "choice", True), ("seconds", "integer", False), ("note", "text", False), ("at", "date", False),
        ("password", "secret", False), ("dry_run", "boolean", False),
    ]  # fmt: skip
    assert fields[0].options == ("north", "south")
    assert (fields[1].minimum, fields[1].maximum, fields[1].default) == (1, 600, 30)
    assert fields[3].optional


def test_texts_of_a_form_and_json_values_give_the_same():
    form = {"zone": "north", "seconds": "5", "at": "2024-02-29", "dry_run": "on", "note": " two\r\nlines "}
    sent = {"zone": "north", "seconds": 5, "at": "2024-02-29", "dry_run": True, "note": " two\nlines "}

    values = Schema.of(water).check(form)
    assert values == Schema.of(water).check(sent)
    assert values == {
        "zone": "north", "seconds": 5, "note": " two\nlines ", "at": date(2024, 2, 29), "password": None,
        "dry_run": True,
    }  # fmt: skip


def test_all_faults_are_told_at_once():
    found = faults(water, zone="west", seconds="0", at="soon", dry_run="maybe", other=1)

    assert found == {
        "zone": "must be one of north, south", "seconds": "must be at least 1",
        "at": "must be a date such as 2024-12-31", "dry_run": "must be true or false",
        "other": "is no parameter of this function",
    }  # fmt: skip


def test_a_missing_parameter_is_a_fault_and_a_default_is_none():
    assert faults(water) == {"zone": "is required"}


@pytest.mark.parametrize("raw", ["5.5", "", "five", True, None, [5], "1_000", 5.5, "9" * 5000])
def test_what_is_no_whole_number_is_refused(raw: Any):
    def function(number: int):
        return None

    assert set(faults(function, number=raw)) == {"number"}


@pytest.mark.parametrize("raw", ["nan", "inf", float("nan"), "1e999", "x", False, 10**400])
def test_a_number_is_finite(raw: Any):
    def function(number: float):
        return None

    assert set(faults(function, number=raw)) == {"number"}
    assert Schema.of(function).check({"number": "2.5"}) == {"number": 2.5}


def test_a_pattern_must_match_the_whole_text_and_says_so_in_its_own_words():
    def function(
        host: Annotated[str, Pattern(r"[a-z]+", "must be lower-case letters")], code: Annotated[str, Pattern("x")]
    ):
        return None

    assert Schema.of(function).check({"host": "abc", "code": "x"}) == {"host": "abc", "code": "x"}
    assert faults(function, host="abc1", code="xx") == {"host": "must be lower-case letters", "code": "must match x"}


def test_enums_are_found_by_value_and_by_name():
    def function(colour: Colour, level: Level = Level.LOW):
        return None

    check = Schema.of(function).check
    assert check({"colour": "red"}) == {"colour": Colour.RED, "level": Level.LOW}
    assert check({"colour": "GREEN", "level": "2"}) == {"colour": Colour.GREEN, "level": Level.HIGH}
    assert check({"colour": "red", "level": 2})["level"] is Level.HIGH
    assert Schema.of(function).fields[1].options == ("1", "2")


def test_a_literal_keeps_the_types_of_its_members():
    def function(size: Literal[1, "1", 2]):
        return None

    check = Schema.of(function).check
    assert [check({"size": raw})["size"] for raw in (1, "1", "2")] == [1, "1", 2]


def test_optional_takes_null_and_a_blank_field_as_none():
    def function(a: Optional[int], b: float | None, c: str | None = "x"):  # noqa: UP045
        return None

    assert Schema.of(function).check({"a": "", "b": None, "c": ""}) == {"a": None, "b": None, "c": "x"}


def test_a_blank_field_with_a_default_has_the_default():
    assert Schema.of(water).check({"zone": "south", "seconds": ""})["seconds"] == 30


def test_an_annotation_that_is_missing_follows_from_the_default():
    def function(name, count=3, ratio=0.5, on=True):
        return None

    assert [field.kind for field in Schema.of(function).fields] == ["text", "integer", "number", "boolean"]


def test_moments_are_read_with_and_without_zone():
    def function(when: datetime):
        return None

    check = Schema.of(function).check
    assert check({"when": "2024-05-01T12:30"})["when"] == datetime(2024, 5, 1, 12, 30)
    assert check({"when": "2024-05-01T12:30:00Z"})["when"].utcoffset() is not None
    assert faults(function, when="noon")


def test_a_range_holds_for_dates_too():
    def function(day: Annotated[date, Range(date(2024, 1, 1))]):
        return None

    assert faults(function, day="2023-12-31") == {"day": "must be at least 2024-01-01"}


def test_structures_come_as_json_or_as_its_text():
    def function(data: dict[str, int], items: list, point: Point, model: Model | None = None, what: Any = None):
        return None

    check = Schema.of(function).check
    values = check({"data": '{"a": 1}', "items": [1], "point": {"x": 1}, "model": '{"count": 2}', "what": "[1]"})
    assert values == {"data": {"a": 1}, "items": [1], "point": Point(1), "model": Model(count=2), "what": [1]}
    assert set(faults(function, data="[", items={}, point={"z": 1}, model={"count": "many"})) == {
        "data", "items", "point", "model",
    }  # fmt: skip


def test_a_secret_is_a_text_that_is_never_shown():
    values = Schema.of(water).check({"zone": "north", "password": "hunter2"})

    assert values["password"] == "hunter2"
    assert "hunter2" not in repr(values["password"])
    assert Schema.of(water).public(values)["password"] == MASK == "••••"
    assert Schema.of(water).secrets(values) == ("hunter2",)


def test_public_values_are_json():
    def function(colour: Colour, day: date, photo: Upload, point: Point):
        return None

    schema = Schema.of(function)
    photo = io.BytesIO(b"jpeg")
    photo.name = "../cat.jpg"
    values = schema.check({"colour": "red", "day": "2024-01-02", "photo": photo, "point": {"x": 1}})
    assert schema.public(values) == {
        "colour": "red", "day": "2024-01-02",
        "photo": {"name": "cat.jpg", "size": 4, "mimetype": "application/octet-stream"}, "point": {"x": 1, "y": 0},
    }  # fmt: skip


def test_an_upload_outlives_the_file_that_it_came_in(tmp_path):
    def function(photo: Upload | None = None):
        return None

    sent = io.BytesIO(b"jpeg")
    sent.filename = "cat.jpg"
    photo = Schema.of(function).check({"photo": sent})["photo"]
    sent.close()

    assert photo.read() == b"jpeg"
    assert photo.save(tmp_path) == str(tmp_path / "cat.jpg")
    assert Schema.of(function).check({"photo": ""}) == {"photo": None}
    assert faults(function, photo="cat.jpg") == {"photo": "must be a file, sent as multipart/form-data"}


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_a_text_that_cannot_be_stored_is_refused(text: str):
    assert "note" in faults(water, zone="north", note=text)


def test_a_signature_without_schema_is_refused_with_the_name_of_the_parameter():
    def rest(**options):
        return None

    def several(*names):
        return None

    def strange(what: complex):
        return None

    def either(what: int | str):
        return None

    for function, name in ((rest, "options"), (several, "names"), (strange, "what"), (either, "what")):
        with pytest.raises(SetupError, match=f"parameter '{name}'"):
            Schema.of(function)
    with pytest.raises(SetupError, match="allowed are str, int"):
        Schema.of(strange)


def test_a_constraint_of_another_kind_is_refused():
    def number(what: Annotated[int, Pattern("x")]):
        return None

    def text(what: Annotated[str, Range(1)]):
        return None

    for function in (number, text):
        with pytest.raises(SetupError, match="parameter 'what'"):
            Schema.of(function)


def test_the_json_schema_is_one_of_an_object_that_knows_its_parameters():
    schema = Schema.of(water).json_schema()

    assert schema["required"] == ["zone"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["zone"] == {"enum": ["north", "south"]}
    assert schema["properties"]["seconds"] == {"type": "integer", "minimum": 1, "maximum": 600, "default": 30}
    assert schema["properties"]["password"]["writeOnly"] is True


@pytest.mark.parametrize(
    ("kind", "bounds", "told"),
    [(int, Range("a"), "Range.* such bounds are not for a field of the kind integer"), (date, Range(1, 5), "date")],
)
def test_bounds_of_another_kind_are_refused_at_set_up(kind: type, bounds: Range, told: str) -> None:
    def function(value): ...

    function.__annotations__["value"] = Annotated[kind, bounds]
    with pytest.raises(SetupError, match=told):
        Schema.of(function)


def test_bounds_between_which_there_is_nothing_are_refused() -> None:
    assert Range(1, 1).minimum == 1
    with pytest.raises(SetupError, match="nothing is at least 600 and at most 1"):
        Range(600, 1)
