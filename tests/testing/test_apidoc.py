from __future__ import annotations

import pytest

from atilite.testing.apidoc import page
from atilite.testing.examples import Body, Example, Shown

TICKERS = Shown(
    {
        "path": "/tickers/<int:code>",
        "template": "/tickers/{code}",
        "methods": ["GET", "POST"],
        "name": "product.tickers",
        "doc": "What a *share* costs.",
        "parameters": [
            {"name": "code", "place": "path", "kind": "a whole number", "required": True, "rules": []},
            {"name": "limit", "place": "query", "kind": "a whole number", "required": False, "default": 10,
             "rules": ["must be at most 100"]},
            {"name": "a|b", "place": "any", "kind": "", "required": True, "rules": []},
        ],
        "rules": ["one of a, b"],
        "content_types": ["application/json"],
        "access": {"words": "role view; permission staff"},
    },
    (
        Example("GET", "/tickers/123?limit=5", None, "200 OK", Body("application/json", '{\n  "instock": 2\n}')),
        Example("GET", "/tickers/x", None, "404 Not Found", Body("text/html", "<p>```no```")),
        Example("POST", "/tickers/1", Body("application/json", "{}"), "204 No Content", None),
    ),
)  # fmt: skip


@pytest.mark.row("A193")
def test_a_page_has_contents_parameters_requirements_authorisation_and_examples():
    text = page([TICKERS])

    assert text.startswith("## Table of Content\n\n1. [/tickers/\\<int:code\\>](#")
    for line in (
        "## product.tickers",
        "What a *share* costs.",
        "**URL Parameters**: `code`",
        "**Common Parameters**:",
        "| `limit` | query | a whole number | `10` |",
        "- `limit` must be at most 100",
        "- one of a, b",
        "- the body is application/json",
        "**Authorization Required**: YES (role view; permission staff)",
        "#### `GET` `/tickers/<int:code>`",
        "#### `POST` `/tickers/<int:code>`",
        "**Success Response Example**",
        "**Error Response Example**",
        "> **_URL_**: `/tickers/123?limit=5`",
        "> **_Response_**: `200 OK`",
        "> **_Response_**: `404 Not Found`",
        "> **_Response Data_** (application/json)",
        '  "instock": 2',
        "> **_Request Data_** (application/json)",
    ):
        assert line in text.splitlines(), line


@pytest.mark.row("A193")
def test_every_link_of_the_contents_leads_to_its_place():
    text = page([TICKERS])
    links = [part.partition(")")[0] for part in text.split("](#")[1:]]

    assert len(links) == 3
    assert all(f'<a id="{link}"></a>' in text for link in links)


def test_a_fence_is_longer_than_what_is_inside():
    assert "````html\n<p>```no```\n````" in page([TICKERS])


def test_a_route_that_asks_for_nothing_says_so():
    bare = Shown({"path": "/", "template": "/", "methods": ["GET"], "access": {"words": "everybody"}}, TICKERS.examples)
    text = page([bare])

    assert "**Authorization Required**: NO" in text
    assert "Parameters" not in text
    assert "Requirements" not in text


def test_a_bar_in_a_name_does_not_break_the_table():
    assert "| `a|b` |" not in page([TICKERS])
