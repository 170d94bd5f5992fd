"""Parameters: merged from their sources, bound to a handler's signature."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atilite.errors import Error, SetupError
from atilite.web.params import Signature, merge
from atilite.web.routes import Rule


class Bounds:
    minimum, maximum = 1, 10


Size = Literal["s", "m"]


def plain(was: Any) -> None: ...
def one(was: Any, a: Any, b: Any = 2) -> None: ...
def rest(was: Any, a: Any, **DATA: Any) -> None: ...
def bare(a: Any = None) -> None: ...
def typed(was: Any, n: int, on: bool = False, size: Size = "s", x: Annotated[int, Bounds()] = 1) -> None: ...
def tokened(was: Any, csrf: str) -> None: ...
def stars(was: Any, *args: Any) -> None: ...
def only(was: Any, a: Any, /, b: Any) -> None: ...
def unknown(was: Any, a: "Nowhere", b: "int" = 1) -> None: ...  # type: ignore[name-defined]  # noqa: F821, UP037
def blank(was: Any, n: int | None = None, m: int = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013


@pytest.mark.row("A97", "A83")
@pytest.mark.parametrize(
    ("path", "query", "data", "merged"),
    [
        ({}, {}, {}, {}),
        ({"id": 5}, {"id": "7"}, {}, {"id": [5, "7"]}),
        ({"id": 5}, {"id": ["7", "8"]}, {}, {"id": [5, "7", "8"]}),
        ({}, {"a": "1"}, {"a": "2"}, {"a": "2"}),
        ({}, {"a": ["1", "2"]}, {}, {"a": ["1", "2"]}),
        ({"id": 5}, {"a": "1"}, {"b": "2"}, {"id": 5, "a": "1", "b": "2"}),
    ],
)
def test_the_body_wins_and_path_and_query_of_one_name_are_both_kept(
    path: dict[str, Any], query: dict[str, Any], data: dict[str, Any], merged: dict[str, Any]
) -> None:
    assert merge(path, query, data) == merged


names = st.sampled_from("abc")


@given(st.dictionaries(names, st.text()), st.dictionaries(names, st.text()), st.dictionaries(names, st.text()))
def test_merging_loses_no_name_and_changes_no_source(path: Any, query: Any, data: Any) -> None:
    before = (dict(path), dict(query), dict(data))

    merged = merge(path, query, data)

    assert merged.keys() == path.keys() | query.keys() | data.keys()
    assert all(merged[name] == value for name, value in data.items())
    assert before == (path, query, data)


@pytest.mark.row("A95", "A96")
@pytest.mark.parametrize(
    ("function", "given", "bound"),
    [
        (plain, {}, {}),
        (one, {"a": 1}, {"a": 1}),
        (one, {"a": 1, "b": 3}, {"a": 1, "b": 3}),
        (rest, {"a": 1, "c": 3}, {"a": 1, "c": 3}),
        (bare, {}, {}),
    ],
)
def test_parameters_are_passed_by_name(
    function: Callable[..., Any], given: dict[str, Any], bound: dict[str, Any]
) -> None:
    assert Signature.of(function).bind(given) == bound


@pytest.mark.row("A96")
@pytest.mark.parametrize(
    ("function", "given", "text"),
    [
        (one, {}, "parameter `a` is missing"),
        (one, {"b": 1}, "parameter `a` is missing"),
        (one, {"a": 1, "c": 1}, "parameter `c` needn't"),
        (plain, {"a": 1}, "too many parameter(s)"),
    ],
)
def test_missing_and_unneeded_parameters_are_400(
    function: Callable[..., Any], given: dict[str, Any], text: str
) -> None:
    with pytest.raises(Error) as error:
        Signature.of(function).bind(given)
    assert (error.value.status_code, error.value.explanation) == (400, text)
    assert error.value.fields


@pytest.mark.parametrize("token", ["csrf", "XSRF_TOKEN"])
def test_the_token_of_a_form_is_no_parameter(token: str) -> None:
    assert Signature.of(plain).bind({token: "x"}) == {}
    assert Signature.of(rest).bind({"a": 1, token: "x"}) == {"a": 1}
    assert Signature.of(tokened).bind({"csrf": "x"}) == {"csrf": "x"}


def test_unneeded_parameters_are_left_out_if_the_app_is_not_strict() -> None:
    assert Signature.of(one).bind({"a": 1, "c": 1}, strict=False) == {"a": 1}
    assert Signature.of(plain).bind({"a": 1}, strict=False) == {}


def test_binding_leaves_the_request_s_own_dictionary_alone() -> None:
    given = {"n": "5"}

    assert Signature.of(typed).bind(given) == {"n": 5}
    assert given == {"n": "5"}


@pytest.mark.row("A96")
def test_a_variable_of_the_route_that_the_handler_does_not_take_is_530() -> None:
    signature = Signature.of(plain, Rule.parse("/x/<id>"))

    with pytest.raises(Error) as error:
        signature.bind({"id": "1"})

    assert error.value.status == "530 Parameter Mismatch"
    assert Signature.of(rest, Rule.parse("/x/<id>")).astray == ()


@pytest.mark.row("A95")
@pytest.mark.parametrize("function", [stars, only])
def test_parameters_without_a_name_are_refused_at_set_up(function: Callable[..., Any]) -> None:
    with pytest.raises(SetupError, match=function.__name__):
        Signature.of(function)


@pytest.mark.parametrize(
    ("given", "bound"),
    [
        ({"n": "5", "on": "yes"}, {"n": 5, "on": True}),
        ({"n": 5, "on": False, "size": "m", "x": "10"}, {"n": 5, "on": False, "size": "m", "x": 10}),
    ],
)
def test_annotations_convert(given: dict[str, Any], bound: dict[str, Any]) -> None:
    assert Signature.of(typed).bind(given) == bound


def test_every_wrong_parameter_is_told_at_once() -> None:
    with pytest.raises(Error) as error:
        Signature.of(typed).bind({"n": "x", "on": "perhaps", "size": "l", "x": "11"})

    assert error.value.status_code == 400
    assert error.value.fields == {
        "n": "must be a whole number",
        "on": "must be true or false",
        "size": "must be one of s, m",
        "x": "must be at most 10",
    }


def test_the_words_of_a_number_in_the_path_pass_its_annotation() -> None:
    signature = Signature.of(typed, Rule.parse("/p/<int:n>"))

    assert signature.bind({"n": "me"}) == {"n": "me"}
    with pytest.raises(Error):
        signature.bind({"n": "you"})
    with pytest.raises(Error):
        Signature.of(typed, Rule.parse("/p/<n>")).bind({"n": "me"})


def test_an_annotation_out_of_reach_says_nothing() -> None:
    assert Signature.of(unknown).bind({"a": "x", "b": "5"}) == {"a": "x", "b": 5}


def test_blank_and_null_are_nothing_where_nothing_is_allowed() -> None:
    assert Signature.of(blank).bind({"n": "", "m": None}) == {"n": None, "m": None}


class Handler:
    def method(self, was: Any, **DATA: Any) -> None: ...
    def __call__(self, was: Any, **DATA: Any) -> None: ...


@pytest.mark.row("A95", "A96")
@pytest.mark.parametrize(
    ("function", "name"),
    [
        (rest, "was"),
        (Handler().method, "was"),
        (Handler().method, "self"),
        (Handler(), "self"),
        (partial(rest, None), "was"),
        (partial(rest, None, 5), "a"),
    ],
)
def test_nobody_sends_what_the_program_itself_passes(function: Callable[..., Any], name: str) -> None:
    signature = Signature.of(function)
    given = {**dict.fromkeys(signature.required, 1), "other": 1}

    with pytest.raises(Error) as error:
        signature.bind({**given, name: "x"})
    assert (error.value.status_code, error.value.fields) == (400, {name: "is not needed"})
    assert signature.bind({**given, name: "x"}, strict=False) == given


def test_was_is_seen_by_its_name_also_through_a_partial() -> None:
    assert Signature.of(one).takes_was
    assert not Signature.of(bare).takes_was
    assert Signature.of(partial(typed, on=True)).bind({"n": "5"}) == {"n": 5}
