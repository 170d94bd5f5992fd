"""Values as JSON and XML."""

from __future__ import annotations

import json
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID
from xml.etree.ElementTree import fromstring
from xmlrpc.client import loads

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atilite.web.encoding import DATES, encode_json, encode_xml


class Color(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


@dataclass
class Reading:
    at: date
    value: Any


class Model:
    def model_dump(self) -> dict[str, int]:
        return {"a": 1}


Pair = namedtuple("Pair", "a b")
MOMENT = datetime(2030, 1, 31, 12, 30, 15, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.row("A156")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (MOMENT, '"2030-01-31 10:30:15+00"'),
        (datetime(2030, 1, 31), '"2030-01-31 00:00:00+00"'),
        (date(2030, 1, 31), '"2030-01-31"'),
        (time(12, 30), '"12:30:00"'),
        (timedelta(minutes=1), "60.0"),
        (Decimal("1.10"), '"1.10"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (Path("a") / "b", '"a/b"'),
        (Color.RED, '"red"'),
        (Level.HIGH, "3"),
        (Reading(date(2030, 1, 1), Decimal(2)), '{"at":"2030-01-01","value":"2"}'),
        (Model(), '{"a":1}'),
        (MappingProxyType({"a": 1}), '{"a":1}'),
        (OrderedDict(a=1), '{"a":1}'),
        ({"a": {1}}, '{"a":[1]}'),
        ((n for n in (1, 2)), "[1,2]"),
        ((1, 2), "[1,2]"),
        (float("nan"), "null"),
        ([float("inf"), {"a": float("-inf")}], '[null,{"a":null}]'),
        ({2: "a", None: "b", True: "c"}, '{"2":"a","null":"b","true":"c"}'),
        ({date(2030, 1, 1): 1}, '{"2030-01-01":1}'),
        ("größe", '"größe"'),
        ("\ud800", '"?"'),
    ],
)
def test_values_have_a_json_form(value: Any, text: str) -> None:
    assert encode_json(value) == text.encode()


def test_an_iterator_is_read_once_also_beside_what_json_has_no_word_for() -> None:
    assert encode_json([(n for n in (1, 2)), float("nan")]) == b"[[1,2],null]"


@pytest.mark.parametrize("value", [object(), b"x", int, {(1, 2): 3}, Exception("x")])
def test_a_value_without_json_form_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError, match="JSON"):
        encode_json(value)
    with pytest.raises(TypeError, match="JSON"):
        encode_xml(value)


@pytest.mark.row("A19")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("utcoffset", '"2030-01-31 10:30:15+00"'),
        ("str", '"2030-01-31 12:30:15+02:00"'),
        ("iso", '"2030-01-31T12:30:15+02:00"'),
        ("unixepoch", "1896085815.0"),
        ("digit", '"20300131103015"'),
    ],
)
def test_moments_are_written_as_the_app_wants(name: str, text: str) -> None:
    assert encode_json([MOMENT], DATES[name]) == f"[{text}]".encode()


@pytest.mark.row("A19")
def test_json_may_be_pretty() -> None:
    assert encode_json({"a": 1}, pretty=True) == b'{\n  "a": 1\n}'


data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(data)
def test_json_comes_back_as_it_was(value: Any) -> None:
    text = encode_json(value)

    expected = json.loads(json.dumps(value).encode("utf-8", "replace"))
    assert json.loads(text) == _without_halves(expected)


def _without_halves(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_without_halves(item) for item in value]
    if isinstance(value, dict):
        return {_without_halves(key): _without_halves(item) for key, item in value.items()}
    return value


@pytest.mark.row("A157")
@given(data)
def test_xml_is_well_formed_for_every_value(value: Any) -> None:
    root = fromstring(encode_xml(value))

    assert root.tag == "params"
    assert root[0][0].tag == "value"


@pytest.mark.row("A156")
def test_xml_is_read_by_an_rpc_client() -> None:
    value = {"a": [1, 2.5, True, None], "b": {"c": "x & <y>\r\n"}, "d": 2**40, "e": MOMENT}

    (found,), _ = loads(encode_xml(value))

    assert found == {**value, "e": "2030-01-31 10:30:15+00"}


@pytest.mark.row("A157")
def test_what_xml_cannot_contain_becomes_a_replacement_sign() -> None:
    (found,), _ = loads(encode_xml("a\0b\x0b\ud800\uffff\t\r\n"))

    assert found == "a\ufffdb\ufffd\ufffd\ufffd\t\r\n"


def test_a_value_that_contains_itself_is_refused_and_not_written_for_ever() -> None:
    circle: list[object] = [1]
    circle.append(circle)

    with pytest.raises(RecursionError):
        encode_json({"circle": circle})
