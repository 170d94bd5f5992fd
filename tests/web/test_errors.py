"""Error bodies, and what a client accepts."""

from __future__ import annotations

import json
from typing import Any
from xmlrpc.client import loads

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atilite.errors import Error, ParameterError
from atilite.web.errors import as_error, error_answer, error_body
from atilite.web.negotiate import best, qualities, wants_html, wants_json, wants_xml

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.row("A153")
@pytest.mark.parametrize("accept", ["", "*/*", "application/json", "image/*", "text/html;q=0"])
def test_an_error_is_json_unless_the_client_names_html(accept: str) -> None:
    kind, body = error_body(Error(404, "no such photo"), accept)

    assert kind.startswith("application/json")
    assert json.loads(body) == {"code": 40400, "message": "not found", "more_info": "no such photo"}


@pytest.mark.row("A152", "A153")
def test_errno_replaces_the_code_and_fields_are_told() -> None:
    _, body = error_body(Error("400 Bad Request", "x", 40011, fields={"a": "is missing"}), "")

    assert json.loads(body) == {
        "code": 40011,
        "message": "bad request",
        "more_info": "x",
        "field": "a",
        "fields": {"a": "is missing"},
    }


@pytest.mark.row("A153")
def test_a_browser_gets_a_page_with_everything_escaped() -> None:
    error = Error(404, "<script>", 40401, fields={"<b>": "<i>"})

    kind, body = error_body(error, BROWSER)

    text = body.decode()
    assert kind == "text/html; charset=utf-8"
    assert "<h1>404 Not Found</h1>" in text
    assert "&lt;script&gt;" in text
    assert "40401" in text
    assert not {"<script", "<b>", "<i>", "style="} & {tag for tag in ("<script", "<b>", "<i>", "style=") if tag in text}


@pytest.mark.row("A153")
@given(st.text())
def test_an_error_is_well_formed_xml_for_every_text(text: str) -> None:
    kind, body = error_body(Error(500, text), "text/xml")

    assert kind.startswith("text/xml")
    (facts,), _ = loads(body)
    assert isinstance(facts, dict)
    assert facts["code"] == 50000


@pytest.mark.row("A153")
def test_a_traceback_is_there_only_if_it_was_given() -> None:
    error = Error(500)

    assert "traceback" not in json.loads(error_body(error, "")[1])
    assert json.loads(error_body(error, "", ["line 1", "line 2"])[1])["traceback"] == ["line 1", "line 2"]
    assert b"<pre>line &lt;1&gt;\n</pre>" in error_body(error, BROWSER, ["line <1>"])[1]


@pytest.mark.row("A154")
def test_a_bug_is_a_500_that_tells_nothing() -> None:
    error = as_error(KeyError("secret"))

    assert error.status == "500 Internal Server Error"
    assert "secret" not in error_body(error, "")[1].decode()


def test_bad_parameters_are_a_400() -> None:
    error = as_error(ParameterError({"a": "is missing"}))

    assert error.status_code == 400
    assert error.fields == {"a": "is missing"}
    assert as_error(error) is error


def test_the_answer_carries_the_error_s_own_headers() -> None:
    status, headers, body = error_answer(Error(405, headers=[("Allow", "GET")]), "")

    assert status == "405 Method Not Allowed"
    assert dict(headers) == {
        "Content-Type": "application/json; charset=utf-8",
        "Content-Length": str(len(body)),
        "Allow": "GET",
    }
    assert error_answer(Error(304), "") == ("304 Not Modified", [], b"")


@pytest.mark.parametrize(
    ("accept", "found"),
    [
        ("", []),
        ("text/html", [("text/html", 1.0)]),
        ("Text/HTML ; q=0.5 , */*;q=x", [("text/html", 0.5), ("*/*", 0.0)]),
        ("a/b;v=1;q=0.3,,", [("a/b", 0.3)]),
        ("a/b;q=7", [("a/b", 0.0)]),
        ("a/b;q=nan", [("a/b", 0.0)]),
    ],
)
def test_qualities_are_read(accept: str, found: list[tuple[str, float]]) -> None:
    assert qualities(accept) == found


@pytest.mark.parametrize(
    ("accept", "html", "json_", "xml"),
    [
        (BROWSER, True, False, False),
        ("TEXT/HTML", True, False, False),
        ("application/json, text/xml;q=0", False, True, False),
        ("text/xml", False, False, True),
        ("text/html-sandboxed", False, False, False),
        ("*/*", False, False, False),
    ],
)
def test_only_what_is_named_is_wanted(accept: str, html: bool, json_: bool, xml: bool) -> None:
    assert (wants_html(accept), wants_json(accept), wants_xml(accept)) == (html, json_, xml)


@pytest.mark.parametrize(
    ("accept", "offers", "liked"),
    [
        ("", ["a/b", "c/d"], "a/b"),
        ("*/*", ["a/b", "c/d"], "a/b"),
        ("c/d, a/b;q=0.9", ["a/b", "c/d"], "c/d"),
        ("a/*;q=0.5, */*;q=0.1", ["c/d", "a/b"], "a/b"),
        ("a/b;q=0, */*", ["a/b", "c/d"], "c/d"),
        ("x/y", ["a/b"], None),
        ("", [], None),
    ],
)
def test_the_offer_that_the_client_likes_best_is_taken(accept: str, offers: list[str], liked: Any) -> None:
    assert best(accept, offers) == liked
