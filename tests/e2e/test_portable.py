"""The same app under three servers: whatever does not need ours works, a waiting request then holds a thread."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.require import require

PATIENCE = 30.0
SERVERS = {
    "atilite": ["portable.py", "atilite", "--port", "0"],
    "gunicorn": ["-m", "gunicorn", "portable:app", "--bind", "127.0.0.1:0", "--threads", "4"],
    "wsgiref": ["portable.py", "wsgiref"],
}


class Place:
    """A server that runs."""

    def __init__(self, kind: str, folder: Path, port: int) -> None:
        self.kind, self.folder, self.port = kind, folder, port

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes, Any]:
        """Status, body and headers of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named, encode_chunked=hasattr(body, "__next__"))
        answer = connection.getresponse()
        found = answer.status, answer.read(), answer.headers
        connection.close()
        return found

    def get(self, path: str) -> tuple[int, Any]:
        """Status and what was answered, JSON as its value."""
        status, body, headers = self.ask("GET", path, Accept="application/json")
        return status, json.loads(body) if "json" in headers.get("Content-Type", "") else body.decode()


@pytest.fixture(scope="module", params=SERVERS)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Each of the servers, one at a time, started once."""
    kind: str = request.param
    require(kind != "gunicorn" or importlib.util.find_spec("gunicorn"), "gunicorn is not installed")
    folder = tmp_path_factory.mktemp(kind)
    shutil.copy(Path(__file__).with_name("portable.py"), folder)
    log = folder / "log.txt"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ATILITE_")}
    with log.open("wb") as out:
        words = [sys.executable, *SERVERS[kind]]
        process = subprocess.Popen(words, cwd=folder, stdout=out, stderr=out, env=environ)
    try:
        end = time.monotonic() + PATIENCE
        while not (found := re.search(r"at:? http://127\.0\.0\.1:(\d+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        yield Place(kind, folder, int(found[1]))
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


ANSWERS: dict[str, tuple[int, Any]] = {
    "/text": (200, "text"),
    "/async": (200, {"got": 6}),
    "/tasks": (200, [5, 6, "seven", {"a": 8, "b": None}, 9]),
    "/coroutine": (200, {"got": [5, 6, None]}),
    "/coroutine-hub": (200, {"got": [5, 6, None]}),
    "/coroutine-thread": (200, {"got": [5, 6, None]}),
    "/own": (200, {"got": "text"}),
    "/stream": (200, "ab"),
    "/stream-coroutine": (200, "aTrue"),
    "/queue": (200, "ab"),
    "/then": (200, {"result": 5, "a": 1}),
    "/map": (201, {"x": 1, "y": 2, "z": "3", "c": 4}),
    "/mapped": (200, {"a": 1, "b": None}),
    "/pass": (200, {"path": "/pass", "number": 7}),
    "/rows": (200, {"name": "greenhouse"}),
    "/run": (200, {"got": 8, "runs": [["double", "succeeded"]]}),
}
ERRORS = {
    "/missing": 404, "/delete": 405, "/late": 504, "/then-late": 504, "/map-none": 410,
    "/failed": 500, "/failed-map": 500, "/failed-pass": 500,
    **{f"/stage/{stage}/http": 409 for stage in ("before", "between", "after")},
    **{f"/stage/{stage}/bug": 500 for stage in ("before", "between", "after")},
}  # fmt: skip


@pytest.mark.row("A132", "A136", "A144", "A161", "A165", "A166", "A167", "A168", "A171", "A172")
def test_handlers_of_every_kind_answer_the_same(place: Place) -> None:
    assert {path: place.get(path) for path in ANSWERS} == ANSWERS
    assert (place.folder / "lite.db").exists()


@pytest.mark.row("A146", "D19")
def test_errors_at_every_stage_are_the_same(place: Place) -> None:
    assert {path: place.get(path)[0] for path in ERRORS} == ERRORS


def test_what_is_sent_arrives(place: Place) -> None:
    as_form = {"Content_Type": "application/x-www-form-urlencoded"}
    assert json.loads(place.ask("POST", "/form", "name=Ana", **as_form)[1]) == {"name": "Ana", "size": None}
    assert (
        json.loads(place.ask("POST", "/form", '{"name": "Ana"}', Content_Type="application/json")[1])["name"] == "Ana"
    )
    parts = '--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nAna\r\n'
    parts += (
        '--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + "x" * 100_000 + "\r\n--b--\r\n"
    )
    answer = place.ask("POST", "/form", parts, Content_Type="multipart/form-data; boundary=b")
    assert json.loads(answer[1]) == {"name": "Ana", "size": 100_000}
    assert place.ask("POST", "/form", "name=Ana", Content_Type="application/x-www-form-urlencoded")[0] == 200
    assert place.ask("DELETE", "/delete")[0] == 200
    assert place.ask("HEAD", "/text")[:2] == (200, b"")
    assert (place.ask("GET", "/away")[0], place.ask("GET", "/away")[2]["Location"]) == (302, "/text")


@pytest.mark.row("A113", "A172")
def test_a_body_is_read_piece_by_piece(place: Place) -> None:
    status, body, _ = place.ask("POST", "/echo", b"0123456789", Content_Type="application/octet-stream")
    assert (status, body.replace(b":", b"")) == (200, b"0123456789")
    assert body.startswith(b":")
    assert body.count(b":") >= 2
    if place.kind != "wsgiref":  # it does not take bodies in chunks
        status, body, _ = place.ask("POST", "/echo", iter([b"01234", b"56789"]), Transfer_Encoding="chunked")
        assert (status, body.replace(b":", b"")) == (200, b"0123456789")


def test_a_session_is_kept(place: Place) -> None:
    first = place.ask("GET", "/session")
    cookie = first[2]["Set-Cookie"].partition(";")[0]
    second = place.ask("GET", "/session", Cookie=cookie)
    assert (json.loads(first[1]), json.loads(second[1])) == ({"count": 1}, {"count": 2})


@pytest.mark.row("A144", "A166")
def test_the_clean_up_runs_when_the_client_leaves(place: Place) -> None:
    for path in ("/endless", "/endless-queue"):
        with socket.create_connection(("127.0.0.1", place.port), timeout=PATIENCE) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert client.recv(100)
    end = time.monotonic() + PATIENCE
    while sorted(place.get("/cleaned")[1]) != ["coroutine", "queue"]:
        assert time.monotonic() < end, place.get("/cleaned")
        time.sleep(0.05)


@pytest.mark.row("A163")
def test_routes_are_called_as_procedures(place: Place) -> None:
    with xmlrpc.client.ServerProxy(f"http://127.0.0.1:{place.port}/rpc") as server:
        assert (server.math.add(2, 3), server.math.slow(2)) == (5, -2)
    calls = [{"jsonrpc": "2.0", "id": n, "method": "math.slow", "params": [n]} for n in (1, 2)]
    for asked, expected in ((calls[0], -1), (calls, [-1, -2])):
        said = json.loads(place.ask("POST", "/rpc", json.dumps(asked), Content_Type="application/json-rpc")[1])
        assert ([one["result"] for one in said] if isinstance(said, list) else said["result"]) == expected


@pytest.mark.row("A183")
def test_a_websocket_is_taken_or_answered_with_what_to_do(place: Place) -> None:
    key = {"Sec_WebSocket_Version": "13", "Sec_WebSocket_Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    status, body, _ = place.ask("GET", "/talk", Connection="Upgrade", Upgrade="websocket", **key)
    if place.kind == "atilite":
        assert status == 101
    else:
        assert (status, b"start the program with atilite's own server" in body) == (501, True)
