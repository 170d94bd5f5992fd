"""Coroutines that answer requests: errors at every stage, where they run, clients that leave, streams both ways."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite import Atilite
from atilite.testing.client import Client
from tests.test_answer import Served

PLACES: dict[str, dict[str, Any]] = {
    "on the hub": {"coroutine": True},
    "from its first line": {"coroutine": True, "start": "hub"},
    "on threads": {"coroutine": "thread"},
}
PATIENCE = 30.0


@pytest.fixture
def app() -> Atilite:
    return Atilite("coroutines")


@pytest.fixture
def serve(app: Atilite) -> Iterator[Callable[[], Served]]:
    served: list[Served] = []

    def start() -> Served:
        served.append(Served(app))
        return served[0]

    yield start
    for one in served:
        one.server.stop(0.5).wait(5)


# -- errors

WAITS: dict[str, Callable[[Any], Any]] = {
    "finished": lambda was: was.Mask(1),
    "timer": lambda was: was.Sleep(0.001),
    "thread": lambda was: was.Thread(lambda: None),
    "none": lambda was: None,
}


@pytest.mark.row("D19", "A144", "A146")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("first", WAITS)
def test_an_error_is_the_same_answer_at_every_stage(
    app: Atilite, serve: Callable[[], Served], place: str, first: str
) -> None:
    """Before the first wait, between waits, after the last one, in the clean-up: one error path."""

    @app.route("/<stage>/<kind>", **PLACES[place])
    def staged(was: Any, stage: str, kind: str) -> Any:
        def here(name: str) -> None:
            if stage == name:
                raise was.Error("409 Conflict", "here", 40917) if kind == "http" else ValueError("a bug")

        try:
            here("before")
            if first != "none":
                yield WAITS[first](was)
            here("between")
            yield was.Mask(1)
            here("after")
        finally:
            here("finally")
        return "fine"

    served = serve()
    expected = {"code": 40917, "message": "conflict", "more_info": "here"}
    for stage in ("before", "between", "after", "finally"):
        status, body, headers = served.request("GET", f"/{stage}/http")
        assert (status, json.loads(body)) == (409, expected), stage
        assert headers["Content-Type"].startswith("application/json")
        assert served.request("GET", f"/{stage}/bug")[0] == 500, stage
        assert Client(app).get(f"/{stage}/http").json() == expected, stage
        assert Client(app).get(f"/{stage}/bug").status_code == 500, stage
    assert served.request("GET", "/nowhere/http")[1] == b"fine"


@pytest.mark.row("D19", "A146", "A172")
def test_an_error_before_the_first_piece_of_a_stream_still_has_its_status(
    app: Atilite, serve: Callable[[], Served]
) -> None:
    @app.route("/early", coroutine=True)
    def early(was: Any) -> Any:
        yield was.Sleep(0.001)
        raise was.Error("403 Forbidden")

    @app.route("/wrong", coroutine=True)
    def wrong(was: Any) -> Any:
        yield was.Sleep(0.001)
        yield {"no": "text"}

    served = serve()
    assert served.request("GET", "/early")[0] == 403
    assert served.request("GET", "/wrong")[0] == 500
    assert Client(app).get("/early").status_code == 403


@pytest.mark.row("A146", "A172")
def test_an_error_may_be_caught_and_the_stream_goes_on(app: Atilite, serve: Callable[[], Served]) -> None:
    @app.route("/stream", coroutine=True)
    def stream(was: Any) -> Any:
        for number in range(4):
            task = yield was.Thread(lambda number=number: 6 // (number - 2))
            try:
                yield f"{task.fetch()} "
            except ZeroDivisionError:
                yield "none "

    assert serve().request("GET", "/stream")[1] == b"-3 -6 none 6 "
    assert Client(app).get("/stream").text == "-3 -6 none 6 "


# -- timeouts


@pytest.mark.row("A132", "A144", "D24")
@pytest.mark.parametrize("place", PLACES)
def test_a_wait_that_takes_too_long_is_a_504(app: Atilite, serve: Callable[[], Served], place: str) -> None:
    gate = threading.Event()

    @app.route("/late", **PLACES[place])
    def late(was: Any) -> Any:
        task = yield was.Thread(gate.wait, timeout=0.05)
        return task.fetch()

    @app.route("/handled", **PLACES[place])
    def handled(was: Any) -> Any:
        tasks = yield was.Tasks(a=was.Thread(gate.wait), b=was.Mask(1), timeout=0.05)
        return {"ended": tasks.done, "b": tasks["b"].fetch()}

    served = serve()
    assert served.request("GET", "/late")[0] == 504
    assert served.json("/handled") == {"ended": False, "b": 1}
    gate.set()


@pytest.mark.row("A140", "D24")
def test_a_program_that_takes_too_long_is_ended_with_its_children(
    app: Atilite, serve: Callable[[], Served], tmp_path: Path
) -> None:
    """Its own timeout counts, not that of whoever fetches."""
    mark = tmp_path / "alive"
    command = f"(sleep 20; touch {mark}) & sleep 20; touch {mark}"

    @app.route("/yielded", coroutine=True)
    def yielded(was: Any) -> Any:
        task = yield was.Subprocess(command, timeout=0.2)
        return task.fetch()

    app.route("/fetched")(lambda was: was.Subprocess(command, timeout=0.2).fetch())
    app.route("/mapped")(lambda was: was.Map(x=was.Subprocess(command, timeout=0.2)))
    app.route("/quick")(lambda was: was.Subprocess("echo done", timeout=20).fetch())
    served = serve()
    begun = time.monotonic()
    for path in ("/yielded", "/fetched", "/mapped"):
        assert served.request("GET", path)[0] == 504, path
    assert time.monotonic() - begun < 15
    assert served.request("GET", "/quick")[1] == b"done\n"
    assert not mark.exists()


# -- leaving


@pytest.mark.row("A144", "A172")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("streams", [False, True])
def test_the_clean_up_runs_when_the_client_leaves(
    app: Atilite, serve: Callable[[], Served], place: str, streams: bool
) -> None:
    waiting, cleaned, ended = threading.Event(), threading.Event(), threading.Event()
    app.teardown_request(lambda was: ended.set())

    @app.route("/wait", **PLACES[place])
    def wait(was: Any) -> Any:
        try:
            yield was.Sleep(0.001)
            if streams:
                yield "a piece"
            waiting.set()
            yield was.Sleep(600)
        finally:
            cleaned.set()

    with socket.create_connection(serve().address) as client:
        client.sendall(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert waiting.wait(PATIENCE)
        assert not cleaned.is_set()
    assert cleaned.wait(PATIENCE)
    assert ended.wait(PATIENCE)


@pytest.mark.row("A172")
def test_a_reader_that_stops_reading_stops_the_coroutine_and_one_that_leaves_ends_it(
    app: Atilite, serve: Callable[[], Served]
) -> None:
    sent, cleaned = itertools.count(), threading.Event()
    at = [0]

    @app.route("/endless", coroutine=True)
    def endless(was: Any) -> Any:
        try:
            while True:
                at[0] = next(sent)
                yield b"x" * 65536
        finally:
            cleaned.set()

    with socket.create_connection(serve().address) as client:
        client.sendall(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(10)
        stopped = still(lambda: at[0])
        assert stopped < 1000  # a buffer's worth, not all that it could make meanwhile
        assert not cleaned.is_set()
    assert cleaned.wait(PATIENCE)


def still(read: Callable[[], int]) -> int:
    """The value once it has not changed for a while."""
    deadline, before = time.monotonic() + PATIENCE, -1
    while (now := read()) != before:
        assert time.monotonic() < deadline, "it goes on"
        before = now
        threading.Event().wait(0.5)
    return before


# -- bodies that come while the answer goes

FRAMINGS = ("Content-Length", "chunked")


def framed(framing: str, size: int) -> bytes:
    how = f"Content-Length: {size}" if framing == "Content-Length" else "Transfer-Encoding: chunked"
    return f"POST /echo HTTP/1.1\r\nHost: localhost\r\n{how}\r\n\r\n".encode()


def piece(framing: str, data: bytes) -> bytes:
    return data if framing == "Content-Length" else b"%x\r\n%s\r\n" % (len(data), data)


@pytest.mark.row("A113", "A172", "D15")
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("place", ["on the hub", "on threads"])
def test_each_piece_is_answered_before_the_next_one_is_sent(
    app: Atilite, serve: Callable[[], Served], framing: str, place: str
) -> None:
    @app.route("/echo", methods=["POST"], input_stream=True, **PLACES[place])
    def echo(was: Any) -> Any:
        while True:
            data = yield was.Input(16184)
            if not data:
                break
            yield b":" + data

    pieces = [b"one", b"two", b"three"]
    with socket.create_connection(serve().address, timeout=PATIENCE) as client:
        client.sendall(framed(framing, sum(map(len, pieces))))
        reader = client.makefile("rb")
        for number, data in enumerate(pieces):
            client.sendall(piece(framing, data))
            if not number:
                assert next(iter(reader.readline, b"\r\n")).startswith(b"HTTP/1.1 200")
                list(iter(reader.readline, b"\r\n"))
            length = int(reader.readline(), 16)
            assert reader.read(length + 2) == b":" + data + b"\r\n"
        if framing == "chunked":
            client.sendall(b"0\r\n\r\n")
        assert reader.readline() == b"0\r\n"


@pytest.mark.row("A113", "D15")
@pytest.mark.parametrize("framing", FRAMINGS)
def test_back_pressure_holds_a_sender_that_reads_no_answer(
    app: Atilite, serve: Callable[[], Served], framing: str
) -> None:
    """What the client does not read, the coroutine does not write; what it does not write, it does not read."""
    size, taken = 64 << 20, [0]

    @app.route("/echo", methods=["POST"], input_stream=True, coroutine=True, max_body=1 << 30)
    def echo(was: Any) -> Any:
        while True:
            data = yield was.Input(65536)
            if not data:
                break
            taken[0] += len(data)
            yield data

    with socket.create_connection(serve().address, timeout=PATIENCE) as client:
        client.sendall(framed(framing, size))
        block = piece(framing, b"x" * 65536)

        def send() -> None:
            for _ in range(size // 65536):
                client.sendall(block)
            if framing == "chunked":
                client.sendall(b"0\r\n\r\n")

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        assert 0 < still(lambda: taken[0]) < size // 2
        answer = http.client.HTTPResponse(client)
        answer.begin()
        received = 0
        while data := answer.read(1 << 20):
            received += len(data)
        sender.join(PATIENCE)
    assert received == taken[0] == size


@pytest.mark.row("A113", "D15")
@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_coroutine_that_does_not_read_is_not_sent_more(
    app: Atilite, serve: Callable[[], Served], framing: str
) -> None:
    gate, size = threading.Event(), 64 << 20

    @app.route("/echo", methods=["POST"], input_stream=True, coroutine=True, max_body=1 << 30)
    def slow(was: Any) -> Any:
        yield was.Thread(gate.wait, timeout=None)
        total = 0
        while data := (yield was.Input(1 << 20)):
            total += len(data)
        return str(total)

    went = [0]
    with socket.create_connection(serve().address, timeout=PATIENCE) as client:
        client.sendall(framed(framing, size))
        block = piece(framing, b"x" * 65536)

        def send() -> None:
            for _ in range(size // 65536):
                client.sendall(block)
                went[0] += 65536
            if framing == "chunked":
                client.sendall(b"0\r\n\r\n")

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        assert still(lambda: went[0]) < size // 2
        gate.set()
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert answer.read() == str(size).encode()
        sender.join(PATIENCE)


@pytest.mark.row("A113", "D15")
@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_sender_that_leaves_in_the_middle_ends_the_coroutine(
    app: Atilite, serve: Callable[[], Served], framing: str
) -> None:
    begun, cleaned = threading.Event(), threading.Event()
    ends: list[bytes] = []

    @app.route("/echo", methods=["POST"], input_stream=True, coroutine=True)
    def read(was: Any) -> Any:
        try:
            while True:
                data = yield was.Input(100)
                begun.set()
                if not data:
                    ends.append(data)
                    break
        finally:
            cleaned.set()
        return "complete"

    with socket.create_connection(serve().address) as client:
        client.sendall(framed(framing, 1000) + piece(framing, b"some"))
        assert begun.wait(PATIENCE)
    assert cleaned.wait(PATIENCE)
    assert ends == []  # half a body does not look like a whole one
