from __future__ import annotations

import logging
import os
import socket
import struct
import threading
from typing import Any

import pytest

from atilite.runtime.loop import Loop
from atilite.server.exchange import STREAM_WATER
from atilite.server.limits import Limits
from atilite.web.exchange import CAN_PARK, Park, RequestPolicy
from tests.server.apps import TEXT, Application, reply, sized, until
from tests.server.conftest import Serve
from tests.server.raw import Client


@pytest.mark.row("A144", "I45")
def test_three_parked_requests_follow_each_other_on_one_connection(serve: Serve, loop: Loop) -> None:
    with Client(serve(Application(loop)).addresses[0]) as client:
        bodies = [client.get(f"/later/0.01/{number}").body for number in range(3)]
    assert bodies == [b"0", b"1", b"2"]


def test_pipelined_slow_and_fast_requests_are_answered_in_their_order(serve: Serve, loop: Loop) -> None:
    paths = ["/later/0.1/a", "/b", "/later/0.05/c", "/d", "/later/0/e"]
    with Client(serve(Application(loop)).addresses[0]) as client:
        client.send("".join(f"GET {path} HTTP/1.1\nHost: test\n\n" for path in paths))
        bodies = [client.answer().body for _ in paths]
    assert bodies == [b"a", b"GET /b", b"c", b"GET /d", b"e"]


def test_many_pipelined_parked_requests_never_get_each_others_answer(serve: Serve, loop: Loop) -> None:
    """The next request may start on another worker before `service` of the one before has returned."""
    server = serve(Application(loop))
    for _ in range(20):
        with Client(server.addresses[0]) as client:
            client.send("".join(f"GET /later/0/{n} HTTP/1.1\nHost: test\n\n" for n in range(50)))
            assert [client.answer().body for _ in range(50)] == [str(n).encode() for n in range(50)]


def test_a_request_that_ends_before_its_worker_has_let_go_of_it_is_answered_once(serve: Serve, loop: Loop) -> None:
    def at_once(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(lambda exchange: reply(exchange, b"at once"))

    with Client(serve(Application(loop, now=at_once)).addresses[0]) as client:
        for _ in range(300):
            assert client.get("/now").body == b"at once"


def test_head_of_a_parked_request_has_the_length_but_no_body(serve: Serve, loop: Loop) -> None:
    with Client(serve(Application(loop)).addresses[0]) as client:
        client.ask("/later/0/text", "HEAD")
        answer = client.answer("HEAD")
        assert answer.headers["content-length"] == "4"
        assert client.get("/next").body == b"GET /next"


def test_a_stream_to_http_1_0_ends_with_the_connection(serve: Serve, loop: Loop) -> None:
    def stream(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(begin)

    def begin(exchange: Any) -> None:
        exchange.start("200 OK", TEXT)
        exchange.write(b"one ")
        exchange.write(b"two")
        exchange.finish()

    with Client(serve(Application(loop, stream=stream)).addresses[0]) as client:
        client.send("GET /stream HTTP/1.0\n\n")
        answer = client.answer()
    assert "transfer-encoding" not in answer.headers
    assert answer.headers["connection"] == "close"
    assert answer.body == b"one two"


@pytest.mark.row("A161", "A172")
def test_a_stream_of_unknown_length_is_chunked_and_the_connection_stays(serve: Serve, loop: Loop) -> None:
    exchanges: list[Any] = []

    def stream(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(exchanges.append)

    with Client(serve(Application(loop, stream=stream)).addresses[0]) as client:
        client.ask("/stream")
        until(lambda: exchanges)
        loop.call_soon(exchanges[0].start, "200 OK", TEXT)
        assert client.head()[2]["transfer-encoding"] == "chunked", "the header does not wait for the first piece"
        for piece in (b"one", b"two"):
            loop.call_soon(exchanges[0].write, piece)
            assert client.chunk() == piece
        loop.call_soon(exchanges[0].finish)
        assert client.chunk() == b""
        assert client.get("/next").status == 200


def test_a_failure_before_the_answer_is_a_500_and_after_its_start_a_broken_connection(
    serve: Serve, loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    def early(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(lambda exchange: exchange.fail(LookupError("early")))

    def late(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(begin)

    def begin(exchange: Any) -> None:
        exchange.start("200 OK", TEXT)
        exchange.write(b"half")
        exchange.fail(LookupError("late"))

    server = serve(Application(loop, early=early, late=late))
    with caplog.at_level(logging.ERROR), Client(server.addresses[0]) as client:
        answer = client.get("/early")
        assert answer.status == 500
        assert b"early" not in answer.body, "what went wrong is for the log, not for strangers"
        assert client.ended()
    with Client(server.addresses[0]) as client:
        client.ask("/late")
        client.head()
        assert client.chunk() == b"half"
        assert client.ended(), "no end mark: the client must see that something is missing"
    assert "LookupError: early" in caplog.text
    assert "LookupError: late" in caplog.text


def test_an_error_in_begin_and_an_exit_inside_a_task_are_answered_with_500(serve: Serve, loop: Loop) -> None:
    def broken(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(lambda exchange: exchange.start("200 OK", [("Upgrade", "belongs to the server")]))

    def leaving(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(lambda exchange: exchange.fail(SystemExit(3)))

    server = serve(Application(loop, broken=broken, leaving=leaving))
    for path in ("/broken", "/leaving"):
        with Client(server.addresses[0]) as client:
            assert client.get(path).status == 500
    assert server.stats.parked == 0


def test_a_client_that_leaves_is_told_to_the_parked_request(serve: Serve, loop: Loop) -> None:
    parked, left = threading.Event(), threading.Event()

    def begin(exchange: Any) -> None:
        exchange.on_close(left.set)
        parked.set()

    def waiting(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(begin)

    server = serve(Application(loop, waiting=waiting))
    with Client(server.addresses[0]) as client:
        client.ask("/waiting")
        assert parked.wait(20)
        assert server.stats.parked == 1
    assert left.wait(20)
    until(lambda: server.stats.connections == 0)
    assert server.stats.parked == 0


def test_a_client_that_left_before_the_request_was_parked_is_told_too(serve: Serve, loop: Loop) -> None:
    gone, seen = threading.Event(), threading.Event()
    server_of: list[Any] = []

    def begin(exchange: Any) -> None:
        exchange.on_close(seen.set)
        reply(exchange, b"nobody reads this")

    def slow(environ: dict[str, Any], _: Any) -> list[bytes]:
        assert gone.wait(20)
        until(lambda: server_of[0].stats.connections == 0)
        raise Park(begin)

    server_of.append(serve(Application(loop, slow=slow)))
    with Client(server_of[0].addresses[0]) as client:
        client.ask("/slow")
        until(lambda: server_of[0].stats.busy == 1)
    gone.set()
    assert seen.wait(20)


def test_whoever_writes_to_a_client_that_has_left_is_told_with_that_write(serve: Serve, loop: Loop) -> None:
    begun, gone, told = threading.Event(), threading.Event(), threading.Event()
    after: list[bool] = []

    def begin(exchange: Any) -> None:
        exchange.on_close(told.set)
        exchange.start("200 OK", TEXT)
        begun.set()
        assert gone.wait(20)  # the loop has not had a chance to see it
        exchange.write(b"one")
        after.append(exchange.closed)

    def hold(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(begin)

    server = serve(Application(loop, hold=hold))
    with Client(server.addresses[0]) as client:
        client.ask("/hold")
        assert begun.wait(20)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
    gone.set()
    assert told.wait(20)
    until(lambda: after)
    assert after == [True]


def test_leaving_and_finishing_at_the_same_moment_never_confuses_the_server(serve: Serve, loop: Loop) -> None:
    """Closing and completion race on two threads unless every change of state happens on the loop."""
    server = serve(Application(loop))
    for number in range(200):
        with Client(server.addresses[0]) as client:
            client.send("GET /later/0.001/x HTTP/1.1\nHost: test\n\nGET /y HTTP/1.1\nHost: test\n\n")
            if number % 2:
                client.answer()
    until(lambda: server.stats.connections == 0)
    until(lambda: (server.stats.parked, server.stats.busy, server.stats.queued) == (0, 0, 0))
    with Client(server.addresses[0]) as client:
        assert client.get("/still").status == 200


@pytest.mark.row("A144", "A145")
def test_forty_waiting_requests_on_four_threads_leave_room_for_a_plain_one(serve: Serve, loop: Loop) -> None:
    server = serve(Application(loop), threads=4)
    release: list[Any] = []

    def hold(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(release.append)

    server.application.routes["hold"] = hold  # type: ignore[attr-defined]
    clients = [Client(server.addresses[0]) for _ in range(40)]
    for client in clients:
        client.ask("/hold")
    until(lambda: server.stats.parked == 40)
    assert server.stats.busy == 0
    with Client(server.addresses[0]) as client:
        assert client.get("/plain").body == b"GET /plain"
    for exchange in release:
        loop.call_soon(reply, exchange, b"held")
    for client in clients:
        assert client.answer().body == b"held"
        client.sock.close()


class Pump:
    """Writes pieces as fast as the exchange lets it."""

    def __init__(self, pieces: int, piece: bytes) -> None:
        self.left, self.piece = pieces, piece
        self.waits = 0
        self.closed = threading.Event()

    def begin(self, exchange: Any) -> None:
        exchange.on_close(self.closed.set)
        exchange.start("200 OK", [("Content-Length", str(self.left * len(self.piece)))])
        self.go_on(exchange)

    def go_on(self, exchange: Any) -> None:
        while self.left and not exchange.closed:
            self.left -= 1
            wait = exchange.write(self.piece)
            if wait is not None:
                self.waits += 1
                wait.on_done(lambda _: self.go_on(exchange))
                return
        exchange.finish()


def resident() -> int:
    """Bytes of memory that this process occupies."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_long_stream_to_a_client_that_does_not_read_takes_no_memory(serve: Serve, loop: Loop) -> None:
    pump = Pump(200, bytes(1024 * 1024))

    def big(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(pump.begin)

    server = serve(Application(loop, big=big))
    with Client(server.addresses[0]) as reader, Client(server.addresses[0]) as other:
        other.get("/warm")
        before = resident()
        reader.ask("/big")
        until(lambda: pump.waits)
        assert other.get("/plain").status == 200
        assert pump.left > 150
        assert resident() - before < 20 * 1024 * 1024
        total = int(reader.head()[2]["content-length"])
        got = len(reader.waiting)
        while got < total:
            got += len(reader.sock.recv(1024 * 1024))
        assert got == total == 200 * 1024 * 1024
        assert resident() - before < 30 * 1024 * 1024


def test_a_client_that_leaves_inside_a_stalled_stream_ends_it(serve: Serve, loop: Loop) -> None:
    pump = Pump(200, bytes(1024 * 1024))

    def big(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(pump.begin)

    server = serve(Application(loop, big=big))
    with Client(server.addresses[0]) as client:
        client.ask("/big")
        until(lambda: pump.waits)
    assert pump.closed.wait(20)
    until(lambda: server.stats.connections == 0)


def test_one_large_piece_is_accepted_and_finish_does_not_wait(serve: Serve, loop: Loop) -> None:
    """A write on the loop that waited for the loop would stop the server for ever."""
    piece = bytes(40 * 1024 * 1024)
    finished = threading.Event()

    def begin(exchange: Any) -> None:
        exchange.start("200 OK", sized(piece))
        assert exchange.write(piece) is not None
        exchange.finish()
        finished.set()

    def big(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(begin)

    with Client(serve(Application(loop, big=big)).addresses[0]) as client:
        client.send("GET /big HTTP/1.1\nHost: test\n\nGET /next HTTP/1.1\nHost: test\n\n")
        assert finished.wait(20)
        assert len(client.answer().body) == len(piece)
        assert client.answer().body == b"GET /next"


def test_a_writer_waits_only_beyond_the_water_mark(serve: Serve, loop: Loop) -> None:
    answers: list[object] = []

    def begin(exchange: Any) -> None:
        exchange.start("200 OK", TEXT)
        answers.append(exchange.write(b"x" * 100))
        answers.append(exchange.write(bytes(160 * STREAM_WATER)))
        exchange.finish()
        answers.append(exchange.write(b"after the end"))

    def stream(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(begin)

    with Client(serve(Application(loop, stream=stream)).addresses[0]) as client:
        client.ask("/stream")
        until(lambda: len(answers) == 3)
        body = client.answer().body
    assert answers[0] is None
    assert answers[1] is not None
    assert answers[2] is None
    assert len(body) == 100 + 160 * STREAM_WATER


def test_a_connection_that_was_taken_over_echoes_from_the_loop(serve: Serve, loop: Loop) -> None:
    delays: list[int] = []

    def talk(sock: Any) -> None:
        delays.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        while data := sock.recv(100):
            sock.sendall(data.upper())
        sock.close()

    def upgrade(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(lambda exchange: exchange.hijack().on_done(lambda taken: loop.spawn(talk, taken.value)))

    server = serve(Application(loop, upgrade=upgrade))
    with Client(server.addresses[0]) as client:
        client.ask("/upgrade", "GET", "Connection: Upgrade", "Upgrade: echo")
        assert client.head()[0] == 101
        for word in (b"one", b"two"):
            client.send(word)
            assert client.exactly(3) == word.upper()
        assert server.stats.hijacked == 1
        assert server.stats.parked == 0
    assert delays == [1]


def test_a_connection_with_bytes_behind_the_request_is_not_taken_over(serve: Serve, loop: Loop) -> None:
    faults: list[BaseException] = []
    ask = threading.Event()

    def taken(promise: Any, exchange: Any) -> None:
        faults.append(promise.error)
        reply(exchange, b"no", "400 Bad Request")

    def begin(exchange: Any) -> None:
        if not ask.is_set():
            loop.call_later(0.001, begin, exchange)
            return
        exchange.hijack().on_done(lambda promise: taken(promise, exchange))

    def upgrade(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(begin)

    server = serve(Application(loop, upgrade=upgrade))
    with Client(server.addresses[0]) as client:
        client.ask("/upgrade")
        client.ask("/eager")
        until(lambda: server.stats.requests == 2)
        ask.set()
        assert client.answer().status == 400
    assert isinstance(faults[0], ConnectionError)


@pytest.mark.row("A113")
@pytest.mark.parametrize("chunked", [True, False])
def test_a_parked_request_reads_its_body_while_it_arrives(serve: Serve, loop: Loop, chunked: bool) -> None:
    seen: list[bytes] = []

    def got(exchange: Any, promise: Any) -> None:
        seen.append(promise.value)
        if promise.value:
            exchange.read(100).on_done(lambda done: got(exchange, done))
        else:
            reply(exchange, b"+".join(seen[:-1]))

    def upload(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(lambda exchange: exchange.read(100).on_done(lambda done: got(exchange, done)))

    server = serve(Application(loop, upload=upload), policy=lambda *_: RequestPolicy(stream_input=True))
    with Client(server.addresses[0]) as client:
        framing = "Transfer-Encoding: chunked" if chunked else "Content-Length: 6"
        client.send(f"POST /upload HTTP/1.1\nHost: test\n{framing}\n\n")
        for number, piece in enumerate((b"abc", b"def")):
            client.send(b"3\r\n" + piece + b"\r\n" if chunked else piece)
            until(lambda number=number: len(seen) > number)
        if chunked:
            client.send("0\n\n")
        assert client.answer().body == b"abc+def"
        assert client.get("/next").status == 200


def test_a_parked_request_reads_a_body_that_had_arrived_before(serve: Serve, loop: Loop) -> None:
    def upload(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(lambda exchange: exchange.read(100).on_done(lambda done: reply(exchange, done.value)))

    with Client(serve(Application(loop, upload=upload)).addresses[0]) as client:
        client.ask("/upload", "POST", body=b"here")
        assert client.answer().body == b"here"


def test_a_client_that_leaves_within_its_body_fails_the_read(serve: Serve, loop: Loop) -> None:
    errors: list[BaseException] = []
    reading = threading.Event()

    def begin(exchange: Any) -> None:
        exchange.read(100).on_done(lambda done: errors.append(done.error))
        reading.set()

    def upload(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(begin)

    server = serve(Application(loop, upload=upload), policy=lambda *_: RequestPolicy(stream_input=True))
    with Client(server.addresses[0]) as client:
        client.send("POST /upload HTTP/1.1\nHost: test\nContent-Length: 6\n\n")
        assert reading.wait(20)
    until(lambda: errors)
    assert isinstance(errors[0], ConnectionError)


@pytest.mark.row("I45")
def test_an_idle_connection_is_closed_while_a_parked_one_lives_on(serve: Serve, loop: Loop) -> None:
    limits = Limits(idle_seconds=0.2, sweep_seconds=0.05)
    exchanges: list[Any] = []

    def hold(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(exchanges.append)

    server = serve(Application(loop, hold=hold), limits=limits)
    with Client(server.addresses[0]) as idle, Client(server.addresses[0]) as parked:
        parked.ask("/hold")
        until(lambda: exchanges)
        assert idle.get("/x").status == 200
        assert idle.ended()
        loop.call_soon(reply, exchanges[0], b"alive")
        assert parked.answer().body == b"alive"


def test_the_environ_says_that_a_request_can_be_parked(serve: Serve, loop: Loop) -> None:
    seen: list[object] = []

    def look(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ[CAN_PARK])
        start_response("204 No Content", [])
        return []

    with Client(serve(Application(loop, look=look)).addresses[0]) as client:
        client.get("/look")
    assert seen == [True]
