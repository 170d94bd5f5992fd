from __future__ import annotations

from typing import Any

import pytest

from atilite.errors import Error, SetupError
from atilite.web.cors import Cors

SHOP = "https://shop.example.org"
METHODS = ["POST", "GET", "HEAD", "OPTIONS"]


def rule(*origins: str, max_age: int | None = None) -> Cors:
    made = Cors.of(origins, max_age)
    assert made is not None
    return made


def request(origin: str | None = None, **more: str) -> dict[str, Any]:
    environ = {"HTTP_HOST": "api.example.org", **more}
    return environ if origin is None else {**environ, "HTTP_ORIGIN": origin}


def refusal(cors: Cors, environ: dict[str, Any]) -> Error:
    with pytest.raises(Error) as refused:
        cors.preflight(environ, METHODS)
    return refused.value


@pytest.mark.parametrize("nothing", [None, [], ""])
def test_without_origins_there_is_no_rule(nothing: Any) -> None:
    assert Cors.of(nothing) is None


@pytest.mark.parametrize("wrong", ["shop.example.org", SHOP + "/path", "https://*.example.org,x", "null"])
def test_what_is_no_origin_is_refused_at_set_up(wrong: str) -> None:
    with pytest.raises(SetupError, match="is no origin"):
        Cors.of([wrong])


@pytest.mark.row("A53", "A55", "A56")
@pytest.mark.parametrize(
    ("origins", "origin", "expected"),
    [
        (["*"], SHOP, {"Vary": "Origin", "Access-Control-Allow-Origin": SHOP}),
        (["*"], "null", {"Vary": "Origin", "Access-Control-Allow-Origin": "null"}),
        (
            [SHOP + "/"], SHOP,
            {"Vary": "Origin", "Access-Control-Allow-Origin": SHOP, "Access-Control-Allow-Credentials": "true"},
        ),
        (
            ["HTTPS://Shop.example.org"], SHOP,
            {"Vary": "Origin", "Access-Control-Allow-Origin": SHOP, "Access-Control-Allow-Credentials": "true"},
        ),
        ([SHOP], None, {"Vary": "Origin"}),
        ([SHOP], "https://api.example.org", {"Vary": "Origin"}),  # our own page
    ],
)  # fmt: skip
def test_an_answer_names_the_origin_that_asked_and_allows_cookies_to_listed_ones_only(
    origins: list[str], origin: str | None, expected: dict[str, str]
) -> None:
    assert dict(rule(*origins).headers(request(origin))) == expected


@pytest.mark.row("A56")
@pytest.mark.parametrize(
    "origin",
    ["https://evil.example.org", "http://shop.example.org", SHOP + ":8443", SHOP + ".evil.example", "null", ""],
)
def test_a_page_of_another_origin_is_403(origin: str) -> None:
    with pytest.raises(Error) as refused:
        rule(SHOP).headers(request(origin))

    assert refused.value.status_code == 403


@pytest.mark.row("A55")
def test_a_preflight_is_told_methods_age_and_headers() -> None:
    asked = request(
        SHOP, HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST", HTTP_ACCESS_CONTROL_REQUEST_HEADERS="X-Token, content-type"
    )

    told = dict(rule(SHOP, max_age=3600).preflight(asked, METHODS))

    assert told["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS, POST"
    assert told["Access-Control-Max-Age"] == "3600"
    assert told["Access-Control-Allow-Headers"] == "X-Token, content-type"
    assert told["Access-Control-Allow-Origin"] == SHOP


@pytest.mark.row("A55")
def test_without_an_age_and_without_headers_none_are_told() -> None:
    told = dict(rule("*").preflight(request(SHOP, HTTP_ACCESS_CONTROL_REQUEST_METHOD="HEAD"), METHODS))

    assert not {"Access-Control-Max-Age", "Access-Control-Allow-Headers"} & told.keys()


def test_headers_that_are_no_names_are_not_echoed() -> None:
    told = dict(rule("*").preflight(request(SHOP, HTTP_ACCESS_CONTROL_REQUEST_HEADERS="x: y\nz"), METHODS))

    assert "Access-Control-Allow-Headers" not in told


@pytest.mark.row("A55", "A56")
def test_a_method_that_is_not_answered_is_405_and_a_foreign_origin_403() -> None:
    asked = {"HTTP_ACCESS_CONTROL_REQUEST_METHOD": "DELETE"}

    assert refusal(rule("*"), request(SHOP, **asked)).status_code == 405
    assert refusal(rule("https://other.example.org"), request(SHOP, **asked)).status_code == 403
