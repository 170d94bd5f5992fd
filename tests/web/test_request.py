"""A request, read lazily from its environ."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import bottle
import pytest

from atilite.errors import Error
from atilite.web.request import Request, sent_path


class Unreadable:
    """A body that fails the test when somebody reads it."""

    def read(self, size: int = -1) -> bytes:
        raise AssertionError("the body was read")


def environ(method: str = "GET", path: str = "/", query: str = "", body: bytes = b"", **more: Any) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        **({"CONTENT_LENGTH": str(len(body))} if body else {}),
        **more,
    }


def posted(body: bytes, kind: str, **more: Any) -> dict[str, Any]:
    return environ("POST", body=body, CONTENT_TYPE=kind, **more)


FORM = "application/x-www-form-urlencoded"
JSON = "application/json; charset=utf-8"


@pytest.mark.row("A82")
def test_the_request_line_is_told() -> None:
    request = Request(environ("post", "/a b", "x=1", SERVER_PROTOCOL="HTTP/1.0", **{"wsgi.url_scheme": "https"}))

    assert (request.method, request.uri, request.version, request.scheme) == ("POST", "/a%20b?x=1", "1.0", "https")


@pytest.mark.parametrize("decoded", [False, True])
def test_the_path_is_decoded_once_whether_or_not_bottle_has_done_it(decoded: bool) -> None:
    raw = "/größe".encode().decode("latin-1")
    env = environ(path="/größe" if decoded else raw, SCRIPT_NAME="/ä".encode().decode("latin-1"))
    if decoded:
        env["bottle.raw_path"] = raw

    assert Request(env).path == "/ä/größe"
    assert Request(env).uri == "/%C3%A4/gr%C3%B6%C3%9Fe"


@pytest.mark.row("A84")
@pytest.mark.parametrize(
    ("path", "query", "parts"),
    [
        ("/a", "", ("/a", None, None, None)),
        ("/a;v=1", "x=1", ("/a", ";v=1", "?x=1", None)),
        ("/a", "x=1&y=2", ("/a", None, "?x=1&y=2", None)),
    ],
)
def test_the_uri_is_split_in_four(path: str, query: str, parts: tuple[str | None, ...]) -> None:
    assert Request(environ(path=path, query=query)).split_uri() == parts


@pytest.mark.row("A85")
def test_headers_are_found_whatever_their_case() -> None:
    request = Request(posted(b"x", "Text/Plain; charset=x", HTTP_USER_AGENT="probe", HTTP_X_EMPTY=""))

    assert request.get_header("user-agent") == request.get_header("User-Agent") == request.get_user_agent() == "probe"
    assert request.get_header("Content-Type") == "Text/Plain; charset=x"
    assert request.get_header("content-length") == "1"
    assert request.get_header("x-none", "default") == "default"
    assert request.get_header("x-empty", "default") == ""
    assert sorted(request.get_headers()) == [
        ("Content-Length", "1"), ("Content-Type", "Text/Plain; charset=x"), ("User-Agent", "probe"), ("X-Empty", ""),
    ]  # fmt: skip
    assert request.get_remote_addr() == "127.0.0.1"
    assert (request.get_content_type(), request.get_main_type(), request.get_sub_type()) == (
        "text/plain",
        "text",
        "plain",
    )


def test_what_is_not_there_is_none() -> None:
    request = Request(environ())

    assert (
        request.get_content_type()
        is request.get_main_type()
        is request.get_sub_type()
        is request.get_user_agent()
        is None
    )
    assert request.get_header("content-type", "x") == "x"
    assert request.get_body() == b""
    assert request.JSON is None
    assert request.FORM == request.DATA == request.URL == request.args == {}


@pytest.mark.row("A86", "A87", "A88")
def test_route_environ_and_accept_are_at_hand() -> None:
    def handler() -> None: ...

    options = {"methods": ["GET"]}
    env = environ(HTTP_ACCEPT="text/html, */*")
    request = Request(env, routed=handler, routable=options)

    assert request.routed is handler
    assert request.routable is options
    assert request.env is env
    assert request.acceptable("text/html")
    assert not request.acceptable("text/xml")


@pytest.mark.row("A38")
def test_each_request_has_a_dictionary_of_its_own() -> None:
    one, other = Request(environ()), Request(environ())

    one.g["start"] = 1

    assert one.g == {"start": 1}
    assert other.g == {}


@pytest.mark.row("A83")
def test_args_are_path_query_body_and_the_handler_s_defaults() -> None:
    env = posted(b"b=2&c=3", FORM, QUERY_STRING="a=1&b=1&r=1&r=2")
    request = Request(env, {"id": 5}, defaults={"id": 0, "gender": None})

    assert request.PARAMS == {"id": 5}
    assert request.URL == {"a": "1", "b": "1", "r": ["1", "2"]}
    assert request.FORM == request.DATA == {"b": "2", "c": "3"}
    assert request.DEFAULT == {"id": 0, "gender": None}
    assert request.args == {"id": 5, "gender": None, "a": "1", "b": "2", "r": ["1", "2"], "c": "3"}
    assert request.ARGS is request.args
    assert "gender" not in request.given


@pytest.mark.row("A83", "A97")
def test_json_members_are_parameters() -> None:
    request = Request(posted(json.dumps({"a": [1], "b": None}).encode(), JSON, QUERY_STRING="a=9"))

    assert request.JSON == request.DATA == {"a": [1], "b": None}
    assert request.FORM == {}
    assert request.args == {"a": [1], "b": None}


def test_json_that_is_no_object_is_data_but_no_parameter() -> None:
    request = Request(posted(b"[1, 2]", JSON))

    assert request.DATA == [1, 2]
    assert request.args == {}


@pytest.mark.row("A98")
@pytest.mark.parametrize(
    "body", [b"{", b"", b"nonsense", b'{"a": NaN}', b'"\xff"', b"[" * 100_000, b"1" * 5000, b"{'a': 1}"]
)
def test_broken_json_is_400(body: bytes) -> None:
    request = Request(posted(body or b" ", JSON))

    with pytest.raises(Error) as error:
        _ = request.args
    assert error.value.status_code == 400


@pytest.mark.row("A98")
def test_json_is_read_only_from_a_body_that_says_so() -> None:
    request = Request(posted(b'{"a": 1}', "text/plain"))

    assert request.JSON is None
    assert request.args == {}


@pytest.mark.row("A98")
def test_a_post_that_announces_a_body_without_its_length_is_411() -> None:
    request = Request(environ("POST", CONTENT_TYPE=FORM))

    with pytest.raises(Error) as error:
        _ = request.args
    assert error.value.status_code == 411
    assert Request(environ("POST")).args == {}


@pytest.mark.row("A17")
@pytest.mark.parametrize("kind", [FORM, JSON, "multipart/form-data; boundary=b"])
def test_a_body_above_the_limit_is_413_before_it_is_read(kind: str) -> None:
    env = environ("POST", CONTENT_TYPE=kind, CONTENT_LENGTH="11", **{"wsgi.input": Unreadable()})

    with pytest.raises(Error) as error:
        _ = Request(env, max_body=10).args
    assert error.value.status_code == 413


def test_a_chunked_body_above_the_limit_is_413() -> None:
    env = environ(
        "POST", HTTP_TRANSFER_ENCODING="chunked", **{"wsgi.input": BytesIO(b"x" * 11), "wsgi.input_terminated": True}
    )

    with pytest.raises(Error) as error:
        Request(env, max_body=10).get_body()
    assert error.value.status_code == 413
    assert Request({**env, "wsgi.input": BytesIO(b"x" * 10)}, max_body=10).get_body() == b"x" * 10


@pytest.mark.parametrize("length", ["5x", "-1", "²"])
def test_a_length_that_is_no_number_is_400(length: str) -> None:
    with pytest.raises(Error) as error:
        Request(environ("POST", CONTENT_LENGTH=length)).get_body()
    assert error.value.status_code == 400


def test_a_body_that_ends_early_is_400() -> None:
    with pytest.raises(Error) as error:
        Request(environ("POST", body=b"abc", CONTENT_LENGTH="5")).get_body()
    assert "3 of 5" in error.value.explanation


def test_too_many_fields_are_400() -> None:
    with pytest.raises(Error) as error:
        _ = Request(posted(b"&".join([b"a=1"] * 2000), FORM)).args
    assert error.value.status_code == 400


def test_nothing_is_read_until_somebody_asks() -> None:
    env = environ("POST", CONTENT_TYPE=FORM, CONTENT_LENGTH="5", **{"wsgi.input": Unreadable()})
    request = Request(env)

    assert request.method == "POST"
    assert request.cookie_headers() == []
    with pytest.raises(AssertionError):
        _ = request.args


def test_a_route_that_streams_its_input_leaves_the_body_alone() -> None:
    env = environ("POST", query="a=1", CONTENT_TYPE=FORM, CONTENT_LENGTH="5", **{"wsgi.input": Unreadable()})

    assert Request(env, routable={"input_stream": True}).args == {"a": "1"}


def test_bottle_finds_the_body_again() -> None:
    env = posted(b"a=1", FORM)

    assert Request(env).args == {"a": "1"}
    assert bottle.BaseRequest(env).forms["a"] == "1"


def test_cookies_are_valid_at_the_mount_point() -> None:
    request = Request(environ(SCRIPT_NAME="/app", HTTP_COOKIE="a=1", **{"wsgi.url_scheme": "https"}))

    request.cookie["b"] = "2"

    assert request.cookie["a"] == "1"
    assert request.cookie_headers() == [("Set-Cookie", "b=2; Path=/app; Secure; HttpOnly; SameSite=Lax")]


@pytest.mark.parametrize(
    ("uri", "point", "path"),
    [
        ("/a%2Bb?x=1", "", "/a%2Bb"),
        ("/app/a", "/app", "/a"),
        ("http://host:1/app/a+b?x", "/app", "/a+b"),
        ("http://host", "", "/"),
        ("", "", ""),
    ],
)
def test_the_sent_path_is_told_below_the_mount_point(uri: str, point: str, path: str) -> None:
    assert sent_path({"REQUEST_URI": uri, "SCRIPT_NAME": point}) == path
