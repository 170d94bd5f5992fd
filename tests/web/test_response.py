"""What a handler sets and returns, and what goes on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import bottle
import pytest

from atilite.clock import Clock
from atilite.errors import Error
from atilite.web.answers import API, Chunks, File, attachment
from atilite.web.request import Request
from atilite.web.response import Response, Style, Unanswerable, redirect, serialize


def env(**more: Any) -> dict[str, Any]:
    return {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_PROTOCOL": "HTTP/1.1", **more}


def sent(value: Any, response: Response | None = None, **more: Any) -> tuple[str, dict[str, str], bytes]:
    status, headers, body = serialize(value, response, Request(env(**more)))
    content = body if isinstance(body, bytes) else b"".join(body)
    assert len({name.lower() for name, _ in headers}) == len(headers)
    return status, dict(headers), content


class Frozen(Clock):
    def time(self) -> float:
        return 1_000_000_000.0


@pytest.mark.row("A155")
@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize(
    ("value", "kind", "body"),
    [
        ("hällo", "text/html; charset=utf-8", "hällo".encode()),
        ("", "text/html; charset=utf-8", b""),
        (b"raw", "text/html; charset=utf-8", b"raw"),
        (bytearray(b"raw"), "text/html; charset=utf-8", b"raw"),
        ({"a": 1}, "application/json; charset=utf-8", b'{"a":1}'),
        ([1, None], "application/json; charset=utf-8", b"[1,null]"),
        ("\ud800", "text/html; charset=utf-8", b"?"),
    ],
)
def test_simple_values_are_answers(value: Any, kind: str, body: bytes, fresh: bool) -> None:
    status, headers, content = sent(value, None if fresh else Response(env()))

    assert (status, content) == ("200 OK", body)
    assert headers == {"Content-Type": kind, "Content-Length": str(len(body))}


@pytest.mark.row("A155")
@pytest.mark.parametrize("value", [None, 5, 1.5, True, object(), (1, 2), {1}])
def test_other_objects_are_an_error_that_names_handler_and_value(value: Any) -> None:
    def my_handler() -> None: ...

    request = Request(env(), routed=my_handler)

    with pytest.raises(Unanswerable) as error:
        serialize(value, Response(), request)
    assert "my_handler returned" in str(error.value)
    assert type(value).__name__.removeprefix("NoneType") in str(error.value)


@pytest.mark.row("A150")
def test_headers_are_added_set_got_and_deleted() -> None:
    response = Response(env())

    response.add_header("X-A", 1)
    response.add_header("x-a", "2")
    assert response.headers == [("X-A", "1"), ("x-a", "2")]
    response.set_header("X-a", "3")
    assert response.headers == [("X-a", "3")]
    assert response.get_header("x-A") == response["x-A"] == "3"
    assert response.get_header("X-B", "none") == "none"
    response.del_header("X-A")
    response.del_header("X-A")
    assert "X-A" not in response
    with pytest.raises(KeyError):
        _ = response["X-A"]
    response["Content-Type"] = "text/plain"
    del response["content-type"]
    assert response.headers == []


@pytest.mark.row("A150")
@pytest.mark.parametrize(
    ("status", "line"), [("201 Created", "201 Created"), (404, "404 Not Found"), ("299 Mine", "299 Mine")]
)
def test_the_status_is_a_line_or_a_number(status: Any, line: str) -> None:
    response = Response(env())

    response.set_status(status)

    assert response.status == line
    assert response.status_code == int(line[:3])
    assert response.reason == line[4:]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "a\r\nSet-Cookie: x=1"),
        ("X-A", "a\nb"),
        ("X A", "1"),
        ("X-A:", "1"),
        ("", "1"),
        ("X\r\n", "1"),
        ("X-A", "\0"),
    ],
)
def test_a_header_cannot_begin_another_one(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="header"):
        Response().add_header(name, value)
    with pytest.raises(ValueError, match="header"):
        Response()(200, "", [(name, value)])


@pytest.mark.row("A150")
def test_what_was_set_before_holds_for_whatever_is_returned() -> None:
    response = Response(env())
    response.set_status("201 Created")
    response["Content-Type"] = "text/plain"
    response["X-A"] = "1"

    status, headers, _ = sent("ä", response)

    assert status == "201 Created"
    assert headers == {"Content-Type": "text/plain; charset=utf-8", "X-A": "1", "Content-Length": "2"}


@pytest.mark.row("A150")
def test_a_response_made_to_be_returned_has_its_own_status_and_headers_first() -> None:
    response = Response(env())
    response["X-A"] = response["X-B"] = "old"

    status, headers, body = sent(response("202 Accepted", "body", [("X-A", "new")]), response)

    assert (status, body) == ("202 Accepted", b"body")
    assert (headers["X-A"], headers["X-B"]) == ("new", "old")


@pytest.mark.row("A161")
def test_a_generator_is_a_stream_without_length_that_is_closed() -> None:
    closed: list[bool] = []

    def pieces() -> Iterator[Any]:
        try:
            yield "a"
            yield b""
            yield None
            yield b"b"
        finally:
            closed.append(True)

    response = Response(env())
    _, headers, body = serialize(response("200 OK", pieces(), [("Content-Type", "text/csv")]), response, Request(env()))

    assert headers == [("Content-Type", "text/csv")]
    assert next(iter(body)) == b"a"
    body.close()  # type: ignore[union-attr]
    assert closed == [True]
    assert list(Chunks(["ä", memoryview(b"x")])) == ["ä".encode(), b"x"]


def test_a_piece_that_is_no_text_is_an_error() -> None:
    with pytest.raises(TypeError, match="dict"):
        list(Chunks([{}]))


@pytest.mark.row("A156")
@pytest.mark.parametrize(
    ("api", "status", "body"),
    [
        (API({"a": 1}), "200 OK", b'{"a":1}'),
        (API(a=1), "200 OK", b'{"a":1}'),
        (API({"a": 1}, b=2), "200 OK", b'{"a":1,"b":2}'),
        (API("201 Created", {"a": 1}, b=2), "201 Created", b'{"a":1,"b":2}'),
        (API(202), "202 Accepted", b"{}"),
        (API([1]), "200 OK", b"[1]"),
        (API(at=datetime(2030, 1, 31, 12, tzinfo=UTC)), "200 OK", b'{"at":"2030-01-31 12:00:00+00"}'),
    ],
)
def test_api_is_json_with_a_status(api: API, status: str, body: bytes) -> None:
    found = sent(api)

    assert (found[0], found[2]) == (status, body)
    assert found[1]["Content-Type"] == "application/json; charset=utf-8"
    assert found[1]["Vary"] == "Accept"


@pytest.mark.row("A156")
def test_api_is_xml_for_a_client_that_asks_for_it() -> None:
    _, headers, body = sent(API(a=1), HTTP_ACCEPT="text/xml")

    assert headers["Content-Type"] == "text/xml; charset=utf-8"
    assert b"<name>a</name><value><int>1</int></value>" in body


def test_api_refuses_what_it_cannot_put_together() -> None:
    with pytest.raises(TypeError, match="list"):
        API([1], a=1)
    with pytest.raises(TypeError, match="one value"):
        API({}, {})
    with pytest.raises(ValueError, match="status"):
        API("hello")


def test_a_style_decides_how_moments_are_written() -> None:
    _, _, body = serialize({"at": datetime(2030, 1, 31, tzinfo=UTC)}, None, Request(env()), Style("unixepoch"))

    assert body == b'{"at":1896048000.0}'


@pytest.mark.row("A159")
def test_a_file_has_length_type_and_name(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"data")

    status, headers, body = sent(File(path, "text/csv", 'b"ö.csv'))

    assert (status, body) == ("200 OK", b"data")
    assert headers == {
        "Content-Type": "text/csv",
        "Content-Length": "4",
        "Content-Disposition": "attachment; filename=\"b__.csv\"; filename*=UTF-8''b%22%C3%B6.csv",
    }


@pytest.mark.row("A159")
def test_an_open_file_is_sent_and_closed() -> None:
    source = BytesIO(b"data")
    source.read(1)

    _, headers, body = serialize(File(source), None, Request(env()))

    assert ("Content-Length", "3") in headers
    assert ("Content-Type", "application/octet-stream") in headers
    assert b"".join(body) == b"ata"
    body.close()  # type: ignore[union-attr]
    assert source.closed


def test_a_file_that_is_not_there_is_404(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(Error) as error:
            serialize(File(path), None, Request(env()))
        assert error.value.status_code == 404


def test_a_plain_name_needs_no_second_form() -> None:
    assert attachment("a b.txt") == 'attachment; filename="a b.txt"'


@pytest.mark.row("A162")
def test_a_redirect_has_a_location_and_is_not_kept() -> None:
    status, headers, body = sent(redirect("/a b?x=ä&y=%20"))

    assert status == "302 Object Moved"
    assert headers["Location"] == "/a%20b?x=%C3%A4&y=%20"
    assert "no-cache" in headers["Cache-Control"]
    assert b'href="/a%20b?x=%C3%A4&amp;y=%20"' in body


def test_a_redirect_cannot_split_headers_or_link_a_script() -> None:
    assert "\n" not in redirect("/a\r\nSet-Cookie: x=1")["Location"]
    assert "<a" not in redirect("javascript:alert(1)").body
    assert "<script" not in redirect("/<script>").body


@pytest.mark.row("A151")
@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, "200 OK"),
        ("GET", {"HTTP_IF_NONE_MATCH": "{etag}"}, "304 Not Modified"),
        ("HEAD", {"HTTP_IF_NONE_MATCH": 'W/"x", W/{etag}'}, "304 Not Modified"),
        ("GET", {"HTTP_IF_NONE_MATCH": "*"}, "304 Not Modified"),
        ("GET", {"HTTP_IF_NONE_MATCH": '"other"'}, "200 OK"),
        ("PUT", {"HTTP_IF_MATCH": "{etag}"}, "200 OK"),
        ("PUT", {"HTTP_IF_MATCH": '"other"'}, 412),
        ("PUT", {"HTTP_IF_NONE_MATCH": "*"}, 412),
    ],
)
def test_an_etag_saves_the_body_or_refuses_the_change(method: str, headers: dict[str, str], status: str | int) -> None:
    probe = Response(env())
    probe.set_etag("v1")
    environ = env(REQUEST_METHOD=method, **{name: text.format(etag=probe.etag) for name, text in headers.items()})
    response = Response(environ)
    if status == 412:
        with pytest.raises(Error) as error:
            response.set_etag("v1")
        assert error.value.status_code == 412
        return

    response.set_etag("v1", max_age=60)
    line, found, body = serialize("text", response, Request(environ))

    assert line == status
    assert ("ETag", probe.etag) in found
    assert ("Cache-Control", "max-age=60") in found
    assert body == (b"" if status == "304 Not Modified" else b"text")
    assert ("Content-Length", "4") in found or status == "304 Not Modified"


@pytest.mark.row("A151")
def test_a_modification_time_saves_the_body() -> None:
    since = "Sun, 09 Sep 2001 01:46:40 GMT"
    response = Response(env())
    response.set_mtime(1_000_000_000.5, max_age=60)

    status, headers, body = sent("text", response, HTTP_IF_MODIFIED_SINCE=since)

    assert (status, body) == ("304 Not Modified", b"")
    assert headers["Last-Modified"] == since
    assert headers["Expires"] == "Sun, 09 Sep 2001 01:47:40 GMT"
    assert sent("text", response, HTTP_IF_MODIFIED_SINCE="Sun, 09 Sep 2001 01:46:39 GMT")[0] == "200 OK"
    assert sent("text", response, HTTP_IF_MODIFIED_SINCE="yesterday")[0] == "200 OK"
    with pytest.raises(Error):
        Response(env(HTTP_IF_UNMODIFIED_SINCE="Sun, 09 Sep 2001 01:46:39 GMT")).set_mtime(1_000_000_000)


@pytest.mark.row("A151")
def test_max_age_follows_the_version_of_http() -> None:
    new, old = Response(env()), Response(env(SERVER_PROTOCOL="HTTP/1.0"), clock=Frozen())

    new.set_max_age(60)
    old.set_max_age(60)

    assert new.headers == [("Cache-Control", "max-age=60")]
    assert old.headers == [("Expires", "Sun, 09 Sep 2001 01:47:40 GMT")]


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_body_has_none(status: int) -> None:
    response = Response(env())
    response.set_status(status)

    _, headers, body = sent("text", response)

    assert body == b""
    assert "Content-Length" not in headers


def test_a_returned_error_is_raised() -> None:
    with pytest.raises(Error):
        serialize(Error(404), None, Request(env()))


@pytest.mark.parametrize("body", ["text", b"text", BytesIO(b"text"), ["te", "xt"]])
def test_bottles_own_responses_are_welcome(body: Any) -> None:
    status, headers, content = sent(bottle.HTTPResponse(body, 201, {"X-A": "1"}))

    assert (status, content, headers["X-A"]) == ("201 Created", b"text", "1")


def test_another_response_can_be_taken_over() -> None:
    response = Response(env())
    response["X-A"] = "old"

    response.adopt("201 Created", [("X-A", "new"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])

    assert response.status == "201 Created"
    assert response.headers == [("X-A", "new"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
