from __future__ import annotations

import pytest

from atilite.errors import ResourceError
from atilite.resources.received import Answer, Headers, HttpError


def answer(content: bytes, kind: str, status: int = 200) -> Answer:
    return Answer("http://h/x", status, "OK", Headers([("Content-Type", kind)]), content)


@pytest.mark.parametrize(
    ("content", "kind", "data"),
    [
        (b'{"a": 1}', "application/json; charset=utf-8", {"a": 1}),
        (b"[1]", "application/problem+json", [1]),
        (b"", "application/json", None),
        (b"\xe4", "text/plain; charset=iso-8859-1", "ä"),
        (b"\xe4", "text/plain; charset=klingon", "�"),
        (b"\x00", "application/zip", b"\x00"),
        (b"x", "", b"x"),
    ],
)
@pytest.mark.row("A134")
def test_data_goes_by_the_type_of_the_body(content: bytes, kind: str, data: object) -> None:
    assert answer(content, kind).data == data


@pytest.mark.parametrize("content", [b"{broken", b"[" * 100_000])
def test_json_that_is_none_is_an_error_of_the_other_server(content: bytes) -> None:
    with pytest.raises(ResourceError, match="not JSON"):
        _ = answer(content, "application/json").data


def test_json_and_text_can_be_asked_for_whatever_the_type() -> None:
    found = answer(b"[1]", "application/octet-stream")

    assert (found.json(), found.text, found.data) == ([1], "[1]", b"[1]")


def test_headers_have_no_case_and_may_come_twice() -> None:
    headers = Headers([("X-A", "1"), ("x-a", "2"), ("B", "3")])

    assert (headers["x-A"], headers.all("X-a"), headers.get("c")) == ("1, 2", ["1", "2"], None)
    assert list(headers) == ["x-a", "b"]


def test_a_refusal_says_its_status() -> None:
    error = HttpError("http://h/x", Answer("http://h/x", 404, "Not Found", Headers([])))

    assert str(error) == "http://h/x: answered 404 Not Found"
    assert not error.response.ok


@pytest.mark.parametrize(
    ("said", "number"),
    [("0", 0), ("120", 120), ("", None), ("-1", None), ("1, 2", None), ("²", None), ("9" * 5000, None)],
)
def test_a_header_that_is_no_number_counts_as_none(said: str, number: int | None) -> None:
    headers = Headers([("Retry-After", said)])

    assert (headers.number("retry-after"), headers.number("Content-Length")) == (number, None)
