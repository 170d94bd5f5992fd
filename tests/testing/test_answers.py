from __future__ import annotations

import pytest

from atilite.testing.answers import Answer, Headers

HEADERS = Headers([("Content-Type", "text/plain; charset=latin-1"), ("Set-Cookie", "a=1"), ("set-cookie", "b=2")])


@pytest.mark.row("A191")
def test_headers_are_found_by_name_in_any_case_and_keep_their_order():
    assert HEADERS["content-type"] == "text/plain; charset=latin-1"
    assert HEADERS.get_all("SET-COOKIE") == ["a=1", "b=2"]
    assert "Set-Cookie" in HEADERS
    assert "ETag" not in HEADERS
    assert HEADERS.get("ETag", "none") == "none"
    assert HEADERS[0] == ("Content-Type", "text/plain; charset=latin-1")
    assert dict(HEADERS)["Set-Cookie"] == "a=1"
    with pytest.raises(KeyError):
        _ = HEADERS["ETag"]


@pytest.mark.row("A191")
def test_an_answer_tells_its_status_text_and_json():
    answer = Answer("200 OK", HEADERS, "grün".encode("latin-1"))

    assert (answer.status_code, answer.text, answer.content_type) == (200, "grün", "text/plain")
    assert Answer("200 OK", Headers(), b'[1, "a"]').json() == [1, "a"]
    assert Answer("200 OK", Headers(), "ü".encode()).text == "ü"


def test_a_charset_that_nobody_knows_is_read_as_utf_8():
    assert Answer("200 OK", Headers([("Content-Type", "text/plain; charset=klingon")]), "ü".encode()).text == "ü"


@pytest.mark.row("A193")
def test_what_a_server_tells_about_its_route_is_no_part_of_the_json():
    answer = Answer("200 OK", Headers(), b'{"a": 1, "__spec__": {"path": "/a"}}')

    assert answer.json() == {"a": 1}
    assert answer.spec == {"path": "/a"}
    assert b"__spec__" in answer.data


@pytest.mark.parametrize("data", [b"", b"<p>__spec__</p>", b'["__spec__"]', b'{"__spec__": 1}', b'{"a": 1}'])
def test_other_bodies_tell_nothing_about_a_route(data: bytes):
    assert Answer("200 OK", Headers(), data).spec is None
