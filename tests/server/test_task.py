from __future__ import annotations

from typing import Any
from wsgiref.validate import validator

import pytest

from atilite.runtime.loop import Loop
from atilite.server.task import checked_name
from tests.server.apps import TEXT, Application
from tests.server.conftest import Serve
from tests.server.raw import Client


def test_the_environ_and_the_answer_are_as_the_standard_says(serve: Serve, loop: Loop) -> None:
    def strict(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)
        return [environ["wsgi.input"].read(1000)]

    with Client(serve(validator(strict)).addresses[0]) as client:
        client.ask("/a?b=c", "POST", "Content-Type: text/plain", body=b"valid")
        assert client.answer().body == b"valid"
        assert client.get("/").status == 200


def test_the_environ_tells_the_request_as_it_was(serve: Serve, loop: Loop) -> None:
    seen: list[dict[str, Any]] = []

    def look(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ)
        start_response("204 No Content", [])
        return []

    with Client(serve(look).addresses[0]) as client:
        client.ask("//a%20b/%e4?c=%20", "PUT", "Content-Type: x/y", "X-Own: 1", "X-Own: 2", "X_Own: 3", body=b"12345")
        client.answer()
    expected = {
        "REQUEST_METHOD": "PUT",
        "PATH_INFO": "/a b/\xe4",
        "QUERY_STRING": "c=%20",
        "REQUEST_URI": "//a%20b/%e4?c=%20",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "x/y",
        "CONTENT_LENGTH": "5",
        "HTTP_HOST": "test",
        "HTTP_X_OWN": "1, 2",
        "REMOTE_ADDR": "127.0.0.1",
    }
    assert {name: seen[0][name] for name in expected} == expected


def test_two_requests_do_not_share_an_environ(serve: Serve, loop: Loop) -> None:
    def mark(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)
        before = environ.get("marked", "clean")
        environ["marked"] = "dirty"
        return [before.encode()]

    with Client(serve(mark).addresses[0]) as client:
        assert [client.get("/").body for _ in range(3)] == [b"clean"] * 3


def test_the_write_callable_of_old_applications_works(serve: Serve, loop: Loop) -> None:
    def old(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)(b"written ")
        return [b"returned"]

    with Client(serve(Application(loop, old=old)).addresses[0]) as client:
        assert client.get("/old").body == b"written returned"


def test_an_answer_may_be_replaced_until_it_has_begun(serve: Serve, loop: Loop) -> None:
    import sys

    def changed(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "100")])
        try:
            raise KeyError("late")
        except KeyError:
            start_response("500 Oops", TEXT, sys.exc_info())
        return [b"replaced"]

    with Client(serve(Application(loop, changed=changed)).addresses[0]) as client:
        answer = client.get("/changed")
    assert (answer.status, answer.body) == (500, b"replaced")


@pytest.mark.parametrize("closes", [True, False])
def test_the_iterable_is_closed_however_it_ends(serve: Serve, loop: Loop, closes: bool) -> None:
    closed: list[bool] = []

    class Body:
        def __iter__(self) -> Any:
            yield b"one"
            if not closes:
                raise KeyError("within")

        def close(self) -> None:
            closed.append(True)

    def pieces(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", TEXT)
        return Body()

    with Client(serve(Application(loop, pieces=pieces)).addresses[0]) as client:
        client.ask("/pieces")
        client.head()
        assert client.chunk() == b"one"
        if closes:
            assert client.chunk() == b""
        else:
            assert client.ended()
    assert closed == [True]


@pytest.mark.parametrize("name", ["Connection", "Transfer-Encoding", "a b", "a:b", "", "a\nb", "\xe4"])
def test_names_that_an_application_may_not_set(name: str) -> None:
    with pytest.raises(ValueError, match=r"header|connection"):
        checked_name(name)
