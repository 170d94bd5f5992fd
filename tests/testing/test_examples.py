from __future__ import annotations

import json
from typing import Any

import pytest

from atilite.testing.answers import Answer, Headers
from atilite.testing.examples import LONGEST, MASK, Examples, Told, example_of, find
from atilite.testing.watch import Exchange

PASSWORD = {"name": "password", "schema": {"type": "string", "format": "password"}}


def route(path: str = "/pets/{id}", *methods: str, **facts: Any) -> Told:
    return {"path": path, "template": path, "methods": methods or ("GET",), "name": "pets", **facts}


def exchange(
    method: str = "GET",
    path: str = "/pets/7",
    status: str = "200 OK",
    data: bytes = b'{"id": 7}',
    kind: str = "application/json",
    body: bytes = b"",
    sent: str = "",
) -> Exchange:
    answer = Answer(status, Headers([("Content-Type", kind)]), data)
    return Exchange(method, path, {"content-type": sent} if sent else {}, body, answer, None)


@pytest.mark.row("A193")
def test_there_is_one_example_for_each_method_and_status():
    examples = Examples()
    for one in (
        exchange(),
        exchange(path="/pets/8"),
        exchange(path="/pets/9", status="404 Not Found"),
        exchange("POST", data=b"", body=b"a=1"),
        exchange("HEAD"),
        exchange("OPTIONS"),
    ):
        examples.add(route(), one)
    (shown,) = examples.shown

    assert [(one.method, one.url, one.status_code) for one in shown.examples] == [
        ("GET", "/pets/7", 200), ("GET", "/pets/9", 404), ("POST", "/pets/7", 200),
    ]  # fmt: skip
    assert shown.methods == ["GET", "POST"]
    assert [one.status for one in shown.of("GET")] == ["200 OK", "404 Not Found"]


def test_handlers_of_one_path_are_routes_of_their_own_in_the_order_of_paths():
    examples = Examples()
    examples.add(route("/z", name="last"), exchange())
    examples.add(route("/a", "POST", name="make"), exchange("POST"))
    examples.add(route("/a", name="list"), exchange())

    assert [shown.route["name"] for shown in examples.shown] == ["list", "make", "last"]


@pytest.mark.row("A193")
def test_what_the_program_says_itself_wins_over_its_document():
    examples = Examples()
    examples.add(route(name="get_pets", doc="short"), exchange())
    examples.add(route(doc="long", source="pets.py:7"), exchange(status="404 Not Found"))
    examples.add(route(name="get_pets", doc="short"), exchange(status="500 Internal Server Error"))
    (shown,) = examples.shown

    assert (shown.route["doc"], len(shown.examples)) == ("long", 3)


@pytest.mark.parametrize(
    ("path", "found"),
    [("/pets/7?a=1", "/pets/{id}"), ("/pets/me", "/pets/me"), ("/files/a/b", "/files/{path}"), ("/pets", None),
     ("/pets.x/7", None)],
)  # fmt: skip
def test_a_route_is_found_by_the_path_of_a_request(path: str, found: str | None):
    routes = [route("/pets/{id}"), route("/pets/me"), route("/files/{path}"), route("/pets", "POST")]

    told = find(routes, "GET", path)
    assert (told and told["path"]) == found


@pytest.mark.row("A193")
def test_secrets_are_not_shown():
    told = route(parameters=[PASSWORD, {"name": "name", "schema": {}}])
    as_json = example_of(
        told, exchange(body=b'{"name": "ana", "password": "s3cret"}', sent="application/json; charset=utf-8")
    )
    form = "application/x-www-form-urlencoded"
    as_form = example_of(told, exchange(path="/x?password=s3cret", body=b"name=ana&password=s3cret", sent=form))

    assert as_json.sent is not None
    assert as_json.sent.value == {"name": "ana", "password": MASK}
    assert as_form.sent is not None
    assert (as_form.url, as_form.sent.text) == ("/x?password=***", "name=ana&password=***")
    assert "s3cret" not in repr((as_json, as_form))


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        ("application/json", b'{"a": 1, "__spec__": {"path": "/"}}', '{\n  "a": 1\n}'),
        ("application/json", b"broken", "broken"),
        ("text/html; charset=utf-8", "<p>ä".encode(), "<p>ä"),
        ("image/png", b"\x89PNG", "4 bytes"),
        ("", b"\0\1", "2 bytes"),
    ],
)
def test_bodies_are_shown_by_their_type(kind: str, data: bytes, text: str):
    got = example_of(route(), exchange(kind=kind, data=data)).got

    assert got is not None
    assert got.text == text


def test_what_was_sent_is_shown_by_its_type():
    def sent(body: bytes, kind: str) -> str:
        found = example_of(route(), exchange("POST", body=body, sent=kind)).sent
        assert found is not None
        return found.text

    assert sent(b"--x\r\n", "multipart/form-data; boundary=x") == "a form with files, 5 bytes"
    assert sent(b"a=1", "application/x-www-form-urlencoded") == "a=1"
    assert sent(b"{", "application/json") == "{"
    assert sent(b"plain", "") == "plain"
    assert example_of(route(), exchange(data=b"")).got is None


def test_long_bodies_are_cut():
    got = example_of(route(), exchange(data=json.dumps(["x" * 50] * 100).encode())).got

    assert got is not None
    assert len(got.text) == LONGEST + 2
    assert got.text.endswith("\n…")
