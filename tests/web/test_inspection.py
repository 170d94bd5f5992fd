"""Inspections: lists, types, values, groups, places inside JSON; everything that is wrong is told at once."""

from __future__ import annotations

import re
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atilite.errors import SetupError
from atilite.web.inspection import LISTS, Inspection

UUID = "123e4567-e89b-12d3-a456-426614174000"

CONVERTED: list[tuple[str, Any, Any]] = [
    ("ints", "5", 5),
    ("ints", 5, 5),
    ("ints", "-5", -5),
    ("floats", "1.5", 1.5),
    ("floats", 2, 2.0),
    *(("booleans", word, True) for word in ("True", "yes", "true", "y", "t", True)),
    *(("booleans", word, False) for word in ("False", "no", "false", "n", "f", False)),
    ("strings", "a", "a"),
    ("lists", "a|b", ["a", "b"]),
    ("lists", "a,b", ["a", "b"]),
    ("lists", "a,b|c", ["a,b", "c"]),
    ("lists", "a", ["a"]),
    ("lists", "", []),
    ("lists", ["a", 1], ["a", 1]),
    ("dicts", {"a": 1}, {"a": 1}),
    ("dicts", '{"a": 1}', {"a": 1}),
    ("emails", "hans.roh+x@example.co.kr", "hans.roh+x@example.co.kr"),
    ("uuids", UUID, UUID),
    ("uuids", UUID.upper(), UUID.upper()),
    ("safes", "one = 1 & <b>bold</b>, a script: none", "one = 1 & <b>bold</b>, a script: none"),
    ("notags", "1 < 2 > 0", "1 &lt; 2 &gt; 0"),
    ("ranges", "1~100", (1, 100)),
    ("ranges", " -5 ~ 5 ", (-5, 5)),
    ("ranges", [1, 2], (1, 2)),
]

REFUSED: list[tuple[str, Any]] = [
    ("ints", "5.5"),
    ("ints", "five"),
    ("ints", ""),
    ("ints", ["5"]),
    ("floats", "x"),
    ("floats", "nan"),
    *(("booleans", word) for word in ("1", "0", "on", "off", "maybe", "", 1, [])),
    ("strings", 5),
    ("strings", ["a"]),
    ("lists", 5),
    ("lists", {"a": 1}),
    ("dicts", "[1]"),
    ("dicts", "{"),
    ("dicts", 5),
    *(("emails", text) for text in ("a", "a@b", "@b.c", "a b@c.d", "a@b..c", "a@b.c\n", "<a@b.c>", "x" * 300 + "@b.c")),
    *(("uuids", text) for text in ("1", UUID[:-1], UUID + "0", UUID + "\n", "g" + UUID[1:])),
    *(
        ("safes", text)
        for text in (
            "<script>alert(1)</script>",
            "< SCRIPT src=x>",
            "</script>",
            "JavaScript:alert(1)",
            "java\tscript:alert(1)",
            "<img src=x onerror=alert(1)>",
            'x" onclick = "alert(1)',
            "onload=x",
            "&#x3C;b",
            "&#60;b",
            "\\x3cb",
            "data:text/html,x",
        )
    ),
    ("notags", 5),
    ("ranges", "1-100"),
    ("ranges", "1~"),
    ("ranges", "a~b"),
    ("ranges", [1]),
    ("ranges", 5),
]


def faults(inspection: Inspection, **values: Any) -> dict[str, str]:
    return inspection.check(values)[1]


@pytest.mark.row("A100", "A101", "A102")
@pytest.mark.parametrize(("name", "value", "converted"), CONVERTED)
def test_a_list_passes_and_converts_what_fits(name: str, value: Any, converted: Any) -> None:
    changes, wrong = Inspection.of(**{name: ["it"]}).check({"it": value})

    assert wrong == {}
    result = changes.get("it", value)
    assert (result, type(result)) == (converted, type(converted))


@pytest.mark.row("A100", "A101", "A102")
@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_a_list_refuses_everything_else_and_names_the_parameter(name: str, value: Any) -> None:
    changes, wrong = Inspection.of(**{name: ["it"]}).check({"it": value, "other": value})

    assert changes == {}
    assert wrong.keys() == {"it"}
    assert re.match("must ", wrong["it"])


@pytest.mark.row("A100")
def test_lists_are_lists_or_texts_with_blanks() -> None:
    one, other = Inspection.of(ints="a b", required="a"), Inspection.of(ints=["a", "b"], required=("a",))

    assert one == other
    assert one.check({"a": "1", "b": "2"}) == ({"a": 1, "b": 2}, {})


@pytest.mark.parametrize("name", sorted(LISTS))
def test_what_was_not_given_or_is_null_is_not_looked_at(name: str) -> None:
    assert Inspection.of(**{name: ["it"]}).check({"it": None}) == ({}, {})
    assert Inspection.of(**{name: ["it"]}).check({}) == ({}, {})


@pytest.mark.row("A103")
@pytest.mark.parametrize(
    ("value", "becomes"),
    [("", None), ("  ", None), ("0", None), (0, None), (0.0, None), ("a", "a"), (5, 5), (False, False), ([], [])],
)
def test_nones_makes_blank_and_zero_none(value: Any, becomes: Any) -> None:
    changes, wrong = Inspection.of(nones=["it"]).check({"it": value})

    assert (changes.get("it", value), wrong) == (becomes, {})


@pytest.mark.row("A103")
def test_what_nones_made_none_is_no_number_that_is_missing() -> None:
    assert Inspection.of(nones="age", ints="age", age__gt=3).check({"age": ""}) == ({"age": None}, {})


@pytest.mark.row("A104", "D13")
@pytest.mark.parametrize(
    ("values", "one", "many"),
    [
        ({}, False, False),
        ({"email": "", "mobile": None}, False, False),
        ({"email": "a@b.c"}, True, True),
        ({"email": "a@b.c", "mobile": " "}, True, True),
        ({"email": "a@b.c", "mobile": "1"}, False, True),
    ],
)
def test_oneof_wants_exactly_one_and_manyof_at_least_one(values: dict[str, Any], one: bool, many: bool) -> None:
    assert (faults(Inspection.of(oneof=["email", "mobile"]), **values) == {}) is one
    assert (faults(Inspection.of(manyof="email mobile"), **values) == {}) is many


@pytest.mark.row("A105")
@pytest.mark.parametrize(
    ("path", "values", "there"),
    [
        ("a", {"a": 0}, True),
        ("a", {"a": False}, True),
        ("a", {"a": []}, True),
        ("a", {"a": ""}, False),
        ("a", {"a": " "}, False),
        ("a", {"a": None}, False),
        ("a", {}, False),
        ("a.b", {"a": {"b": 1}}, True),
        ("a.b", {"a": {"b": ""}}, False),
        ("a.b", {"a": {}}, False),
        ("a.b", {"a": 5}, False),
        ("a.b", {}, False),
        ("a.b", {"a.b": "form"}, True),
        ("a.1.b", {"a": [{}, {"b": 1}]}, True),
        ("a.2.b", {"a": [{}, {"b": 1}]}, False),
    ],
)
def test_required_looks_into_json_and_takes_blank_for_missing(path: str, values: dict[str, Any], there: bool) -> None:
    assert faults(Inspection.of(required=[path]), **values) == ({} if there else {path: "is missing"})


@pytest.mark.row("A106")
@pytest.mark.parametrize(
    ("operand", "good", "becomes", "bad"),
    [
        (int, "5", 5, "x"),
        (float, "1.5", 1.5, "x"),
        (bool, "yes", True, "x"),
        (str, "a", "a", 5),
        (list, ["a"], ["a"], {}),
        (dict, {"a": 1}, {"a": 1}, 5),
        ((int, str), "x", "x", []),
        (Literal["a", "b"], "a", "a", "c"),
        (list[int], ["1"], [1], ["x"]),
        (re.compile("[0-9]{3}-[0-9]{4}"), "tel 010-1234", "tel 010-1234", "0101234"),
        (re.compile("x"), "x", "x", 5),
        ("yes", "yes", "yes", "no"),
        (5, "5", "5", "6"),
        (["a", "b"], ["a", "b"], ["a", "b"], ["b"]),
    ],
)
def test_a_name_wants_a_type_an_expression_or_a_value(operand: Any, good: Any, becomes: Any, bad: Any) -> None:
    inspection = Inspection.of(it=operand)

    changes, wrong = inspection.check({"it": good})
    assert (changes.get("it", good), wrong) == (becomes, {})
    assert {name.partition(".")[0] for name in faults(inspection, it=bad)} == {"it"}


@pytest.mark.row("A107")
def test_operators_stand_behind_two_lines_and_do_not_convert() -> None:
    inspection = Inspection.of(
        birth_year__between=(1900, 2024), gender__in=["male", "female"], name__len__lte=4, name__len__gt=1, tags__len=2
    )

    assert inspection.check({"birth_year": "1980", "gender": "male", "name": "Hans", "tags": ["a", "b"]}) == ({}, {})
    assert faults(inspection, birth_year="1800", gender="x", name="H", tags=[]) == {
        "birth_year": "must be between 1900 and 2024",
        "gender": "must be one of male, female",
        "name": "its length must be more than 1",
        "tags": "its length must be 2",
    }


@pytest.mark.row("A108")
def test_three_lines_lead_to_a_member_and_a_number_to_an_item() -> None:
    inspection = Inspection.of("JSON", a___b__0___c__gt=3, a___name__len__lte=3, a___at=int)

    assert inspection.check({"a": {"b": [{"c": 4}], "name": "abc", "at": "7"}}) == (
        {"a": {"b": [{"c": 4}], "name": "abc", "at": 7}},
        {},
    )
    assert faults(inspection, a={"b": [{"c": 3}], "name": "abcd"}) == {
        "a.b.0.c": "must be more than 3",
        "a.name": "its length must be at most 3",
    }
    assert faults(inspection, a={"b": []}) == {}
    assert faults(inspection, a="text") == {}


@pytest.mark.row("A108")
def test_what_is_converted_inside_leaves_the_sent_value_alone() -> None:
    sent = {"a": {"b": [{"c": "4"}, 5]}}

    changes, _ = Inspection.of(ints=["a.b.0.c"]).check(sent)

    assert changes == {"a": {"b": [{"c": 4}, 5]}}
    assert sent == {"a": {"b": [{"c": "4"}, 5]}}


@pytest.mark.row("A99")
def test_everything_that_is_wrong_is_told_at_once_and_each_parameter_once() -> None:
    inspection = Inspection.of(
        required="name mail", ints="age", emails="mail", age__gt=3, manyof="x y", note__len__lte=2
    )

    assert faults(inspection, mail="", age="old", note="long") == {
        "name": "is missing",
        "mail": "is missing",
        "x": "is wrong: at least one of x, y has to be given",
        "y": "is wrong: at least one of x, y has to be given",
        "age": "must be a whole number",
        "note": "its length must be at most 2",
    }


def test_exempt_parameters_are_not_looked_at() -> None:
    assert Inspection.of(ints="id", required="id").check({"id": "me"}, {"id"}) == ({}, {})


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"scope": "ALL"}, "scope"),
        ({"a__like": 1}, "operator 'like'"),
        ({"a__len__gt__lt": 1}, "more than one operator"),
        ({"a__gt___b": 1}, "cannot be read"),
        ({"__gt": 1}, "cannot be read"),
        ({"a": print}, "function"),
        ({"a": object}, "says nothing"),
    ],
)
def test_what_an_inspection_cannot_mean_is_refused_at_set_up(wanted: dict[str, Any], words: str) -> None:
    with pytest.raises(SetupError, match=re.escape(words)):
        Inspection.of(**wanted)


names = st.sampled_from(["a", "b", "a.b", "0"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["1~2", "a|b", "me", "0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
whole = Inspection.of(
    required="a.b",
    oneof="a b",
    manyof="b a.0",
    nones="a a.b b.0",
    a___b__0__gt=3,
    b=int,
    a__len__between=(1, 2),
    b__regex="x",
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(LISTS)), st.dictionaries(names, anything, max_size=4))
def test_whatever_was_sent_an_inspection_ends_with_changes_and_faults(name: str, values: dict[str, Any]) -> None:
    for inspection in (whole, Inspection.of(**{name: ["a", "b", "a.b", "b.0"]})):
        before = repr(values)
        changes, wrong = inspection.check(values)

        assert repr(values) == before
        assert changes.keys() <= values.keys()
        assert all(wrong.values())
