from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import pytest

from atilite.testing.answers import Answer, Headers
from atilite.testing.caller import Caller
from atilite.testing.watch import Exchange, process_exchanges


class Mirror(Caller):
    """Answers what it was sent, and sets the cookies that it was told to set."""

    def __init__(self, *cookies: str, **options: Any) -> None:
        super().__init__(**options)
        self.set = cookies

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        seen = {"method": method, "path": path, "headers": dict(headers), "body": body.decode("latin-1")}
        more = [("Set-Cookie", text) for text in self.set]
        return Answer("200 OK", Headers([("Content-Type", "application/json"), *more]), json.dumps(seen).encode())


VERBS = ["get", "post", "put", "patch", "delete", "options", "head"]


@pytest.mark.row("A191")
@pytest.mark.parametrize("verb", VERBS)
def test_each_method_is_a_verb(verb: str):
    assert getattr(Mirror(), verb)("/a?b=1").json()["method"] == verb.upper()


@pytest.mark.row("A191")
def test_params_are_added_to_the_query():
    client = Mirror()

    assert client.get("/a", {"q": "ä b", "n": [1, 2]}).json()["path"] == "/a?q=%C3%A4+b&n=1&n=2"
    assert client.get("/a?x=1", params={"y": 2}).json()["path"] == "/a?x=1&y=2"
    assert client.get("a").json()["path"] == "/a"
    assert client.get("http://127.0.0.1:5000/a?b=1").json()["path"] == "/a?b=1"


@pytest.mark.row("A191")
def test_data_is_a_form_json_or_the_body_itself():
    client = Mirror()
    form = client.post("/", {"a": 1, "b": ["x", "y"]}).json()
    assert parse_qs(form["body"]) == {"a": ["1"], "b": ["x", "y"]}
    assert form["headers"]["Content-Type"] == "application/x-www-form-urlencoded"

    said = {"content-type": "application/json"}
    for sent in (client.post("/", json={"a": 1}), client.put("/", {"a": 1}, headers=said)):
        assert json.loads(sent.json()["body"]) == {"a": 1}
    assert client.patch("/", [1, 2]).json()["body"] == "[1, 2]"
    assert client.post("/", "text").json()["body"] == "text"
    assert client.post("/", b"bytes").json()["headers"] == {}


@pytest.mark.row("A191")
def test_an_upload_is_a_form_with_files():
    sent = Mirror().upload("/", {"file": ("a.txt", "content")}, headers={"X-A": "1"}).json()

    assert sent["headers"]["Content-Type"].startswith("multipart/form-data; boundary=")
    assert sent["headers"]["X-A"] == "1"
    assert 'filename="a.txt"' in sent["body"]
    assert "multipart/form-data" in Mirror().post("/", {"file": ("a.txt", "x")}).json()["headers"]["Content-Type"]


@pytest.mark.row("A191")
def test_cookies_are_kept_until_they_expire():
    client = Mirror("a=1; Path=/", "b=2; Max-Age=60")
    client.get("/")
    assert client.get("/").json()["headers"]["Cookie"] == "a=1; b=2"

    client.set = ("a=; Max-Age=0", "b=; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
    client.get("/")
    assert client.cookies == {}


def test_headers_of_the_client_go_with_each_request():
    client = Mirror(headers={"Authorization": "Bearer x"})

    assert client.get("/", headers={"X-A": "1"}).json()["headers"] == {"Authorization": "Bearer x", "X-A": "1"}


@pytest.mark.row("A191")
@pytest.mark.parametrize("verb", ["post", "put", "patch"])
def test_axios_speaks_json(verb: str):
    client = Mirror("a=1")
    sent = getattr(client.axios, verb)("/a", {"b": 1}).json()

    assert (sent["method"], sent["body"]) == (verb.upper(), '{"b": 1}')
    assert sent["headers"]["Content-Type"] == sent["headers"]["Accept"] == "application/json"
    assert client.axios.get("/", {"q": 1}).json()["path"] == "/?q=1"
    assert client.axios.delete("/").json()["headers"]["Cookie"] == "a=1"


@pytest.mark.row("A191")
def test_api_writes_paths_as_attributes():
    api = Mirror().api

    assert api.pets(7, "a/b").toys.get(limit=3).json()["path"] == "/pets/7/a%2Fb/toys?limit=3"
    assert api("/v1/pets").post({"name": "Rex"}).json()["body"] == '{"name": "Rex"}'
    for verb in ("put", "patch", "delete"):
        assert getattr(api.a, verb)().json()["method"] == verb.upper()
    assert api.get().json()["path"] == "/"


def test_whoever_looks_on_is_told_of_every_exchange():
    seen: list[Exchange] = []
    stop = process_exchanges().listen(seen.append)
    try:
        client = Mirror()
        client.post("/a", {"b": 1})
    finally:
        stop()
    Mirror().get("/c")

    (exchange,) = seen
    assert (exchange.method, exchange.path, exchange.body, exchange.client) == ("POST", "/a", b"b=1", client)
    assert exchange.answer.status_code == 200
