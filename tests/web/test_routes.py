"""Route rules: two spellings, matching, and the way back to a URL."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote

import bottle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atilite.errors import SetupError
from atilite.web.routes import MissingArgument, Rule, TooManyArguments, query


def through_bottle(text: str, path: str) -> dict[str, Any] | None:
    """What a handler would get if the rule were declared in a Bottle app."""
    rule = Rule.parse(text)
    router = bottle.Router()
    router.add(rule.bottle or "/", "GET", "it")
    try:
        _, texts = router.match({"REQUEST_METHOD": "GET", "PATH_INFO": path})
    except bottle.HTTPError:
        return None
    return rule.values(texts)


@pytest.mark.row("A93")
@pytest.mark.parametrize(
    ("rule", "path", "values"),
    [
        ("/a", "/a", {}),
        ("/a", "/a/", None),
        ("/s/<name>", "/s/a_b", {"name": "a_b"}),
        ("/s/<name>", "/s/a b", {"name": "a b"}),
        ("/s/<name>", "/s/a+b", {"name": "a b"}),
        ("/s/<name>", "/s/größe", {"name": "größe"}),
        ("/s/<name>", "/s/a/b", None),
        ("/s/<name>", "/s/", None),
        ("/p/<int:id>", "/p/12", {"id": 12}),
        ("/p/<int:id>", "/p/me", {"id": "me"}),
        ("/p/<int:id>", "/p/notme", {"id": "notme"}),
        ("/p/<int:id>", "/p/new", {"id": "new"}),
        ("/p/<int:id>", "/p/-1", None),
        ("/p/<int:id>", "/p/you", None),
        ("/p/<int:id>", "/p/1.5", None),
        ("/p/<int:id>", "/p/" + "9" * 5000, None),
        ("/f/<float:x>", "/f/1.5", {"x": 1.5}),
        ("/f/<float:x>", "/f/.5", {"x": 0.5}),
        ("/f/<float:x>", "/f/3", {"x": 3.0}),
        ("/f/<float:x>", "/f/new", {"x": "new"}),
        ("/f/<float:x>", "/f/...", None),
        ("/f/<float:x>", "/f/" + "9" * 400, None),
        ("/f/<float:x>", "/f/1.2.3", None),
        ("/<path:rest>", "/a/b c/d", {"rest": "a/b c/d"}),
        ("/<path:rest>", "/", None),
        ("/x/<path:rest>/edit", "/x/a/b/edit", {"rest": "a/b"}),
        # Bottle's own spelling keeps Bottle's meaning
        ("/p/<id:int>", "/p/-5", {"id": -5}),
        ("/p/<id:int>", "/p/me", None),
        ("/f/<x:float>", "/f/-1.5", {"x": -1.5}),
        ("/<rest:path>", "/a/b", {"rest": "a/b"}),
        ("/w/<w:re:[a-z]+>", "/w/abc", {"w": "abc"}),
        ("/w/<w:re:[a-z]+>", "/w/ABC", None),
        ("/t:now/<a>-<b>", "/t:now/1-2", {"a": "1", "b": "2"}),
    ],
)
def test_both_spellings_match_in_bottle_as_they_do_alone(rule: str, path: str, values: dict[str, Any] | None) -> None:
    assert through_bottle(rule, path) == values
    assert Rule.parse(rule).match(path) == values


def test_a_plus_sign_sent_as_percent_2b_stays_one() -> None:
    rule = Rule.parse("/s/<name>/<path:rest>")

    values = rule.values({"name": "a+b+c", "rest": "x+y"}, "/s/a%2Bb+c/x+y")

    assert values == {"name": "a+b c", "rest": "x+y"}


@pytest.mark.row("A94")
@pytest.mark.parametrize(
    ("rule", "short"),
    [
        ("/profiles/<int:id>", "/profiles"),
        ("/<path:path>", "/"),
        ("/a/<x>/<int:id>", "/a/<str:x>"),
        ("/a/<x>/edit", None),
        ("/a-<x>", None),
        ("/a", None),
    ],
)
def test_only_a_whole_last_segment_can_be_left_out(rule: str, short: str | None) -> None:
    found = Rule.parse(rule).short

    assert (found.text if found else None) == short


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("a", "start with"),
        ("/<int:>", "no name"),
        ("/<a b>", "no name"),
        ("/<a>/<a>", "twice"),
        ("/<a", "bracket"),
        ("/a>", "bracket"),
        ("/a\\b", "backslash"),
        ("/<a:re>", "pattern"),
        ("/<a:re:(>", "/<a:re:(>"),
    ],
)
def test_a_wrong_rule_is_refused_at_set_up_with_what_is_wrong(rule: str, words: str) -> None:
    with pytest.raises(SetupError) as error:
        Rule.parse(rule)
    assert words in str(error.value)


@pytest.mark.row("A89")
def test_a_rule_may_be_blank() -> None:
    assert Rule.parse("").match("") == {}
    assert Rule.parse("").static


def test_a_filter_of_the_apps_own_is_left_to_bottle() -> None:
    assert Rule.parse("/c/<color:hex>").bottle == "/c/<color:hex>"
    assert Rule.parse("/c/<n:digits:4>").bottle == "/c/<n:digits:4>"


@pytest.mark.row("A123")
@pytest.mark.parametrize(
    ("rule", "args", "params", "url"),
    [
        ("/p/<int:id>", (5,), {}, "/p/5"),
        ("/p/<int:id>", (), {"id": "me"}, "/p/me"),
        ("/p/<int:id>", (), {}, "/p"),
        ("/p/<int:id>", (), {"id": None, "detail": "no"}, "/p?detail=no"),
        ("/p/<int:id>", (5,), {"q": "a b&c", "none": None}, "/p/5?q=a+b%26c"),
        ("/p/<int:id>", (5,), {"many": [1, 2], "yes": True}, "/p/5?many=1&many=2&yes=true"),
        ("/a b/<x>", ("ö-ü",), {}, "/a%20b/%C3%B6-%C3%BC"),
        ("/<path:p>", ("a/b c",), {}, "/a/b%20c"),
        ("/f/<float:x>", (0.00001,), {}, "/f/0.000010"),
    ],
)
def test_a_url_is_built_from_values(rule: str, args: tuple[Any, ...], params: dict[str, Any], url: str) -> None:
    assert Rule.parse(rule).build(*args, **params) == url


@pytest.mark.row("A123")
def test_missing_and_too_many_values_are_told_apart() -> None:
    rule = Rule.parse("/a/<x>/<y>")

    with pytest.raises(MissingArgument, match="x"):
        rule.build(y=1)
    with pytest.raises(TooManyArguments):
        rule.build(1, 2, 3)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("/<x>", "a/b"),
        ("/<x>", ""),
        ("/<int:x>", -1),
        ("/<int:x>", "you"),
        ("/<x:int>", "me"),
        ("/<float:x>", float("nan")),
    ],
)
def test_a_value_that_would_not_match_is_refused_when_building(rule: str, value: Any) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Rule.parse(rule).build(value)


segments = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="/"), min_size=1)
paths = st.text(st.characters(exclude_categories=("Cs",)), min_size=1)


@pytest.mark.row("A123")
@given(name=segments, number=st.integers(0, 10**30), rest=paths)
def test_what_was_built_into_a_url_comes_back_from_it(name: str, number: int, rest: str) -> None:
    rule = Rule.parse("/n+m:<name>/<int:number>/<path:rest>")

    url = rule.build(name=name, number=number, rest=rest)

    assert url.isascii()
    assert "?" not in url
    matched = rule.match(unquote(url))
    assert matched is not None
    # A server decodes the path, the router matches it, and the sent path settles what a plus sign was.
    router = bottle.Router()
    router.add(rule.bottle, "GET", "it")
    _, texts = router.match({"REQUEST_METHOD": "GET", "PATH_INFO": unquote(url)})
    assert rule.values(texts, url) == {"name": name, "number": number, "rest": rest}


@given(st.dictionaries(segments, segments, max_size=4))
def test_a_query_comes_back_as_it_was(values: dict[str, str]) -> None:
    assert parse_qs(query(values), keep_blank_values=True) == {name: [value] for name, value in values.items()}
