"""Answers of parked requests that another thread sends whole."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from atilite.runtime.loop import Loop
from atilite.web.exchange import Park
from tests.server.apps import Application, sized, until
from tests.server.conftest import Serve
from tests.server.raw import Client


def elsewhere(work: Callable[[Any], object]) -> Callable[..., list[bytes]]:
    """An application that parks each request and leaves it to a thread of its own."""

    def application(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(lambda exchange: threading.Thread(target=work, args=(exchange,), daemon=True).start())

    return application


def test_a_thread_sends_the_answer_and_the_connection_goes_on(serve: Serve, loop: Loop) -> None:
    sent: list[bool] = []
    application = elsewhere(lambda exchange: sent.append(exchange.send("200 OK", sized(b"sent"), b"sent")))
    server = serve(Application(loop, now=application))
    with Client(server.addresses[0]) as client:
        assert [client.get("/now").body for _ in range(200)] == [b"sent"] * 200
        client.ask("/now", "HEAD")
        assert client.answer("HEAD").headers["content-length"] == "4"
        assert client.get("/still").body == b"GET /still"
    assert all(sent)
    until(lambda: server.stats.connections == 0)
    assert server.stats.parked == 0


def test_pipelined_requests_are_answered_in_their_order_whoever_sends(serve: Serve, loop: Loop) -> None:
    application = elsewhere(lambda exchange: exchange.send("200 OK", sized(b"sent"), b"sent"))
    with Client(serve(Application(loop, now=application)).addresses[0]) as client:
        client.send("GET /now HTTP/1.1\nHost: test\n\nGET /b HTTP/1.1\nHost: test\n\n" * 50)
        assert [client.answer().body for _ in range(100)] == [b"sent", b"GET /b"] * 50


def test_nothing_is_sent_when_the_client_has_left(serve: Serve, loop: Loop) -> None:
    left, told = threading.Event(), threading.Event()
    sent: list[bool] = []

    def begin(exchange: Any) -> None:
        exchange.on_close(left.set)

        def send() -> None:
            assert left.wait(20)
            sent.append(exchange.send("200 OK", sized(b"late"), b"late"))
            told.set()

        threading.Thread(target=send, daemon=True).start()

    def application(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(begin)

    server = serve(Application(loop, now=application))
    with Client(server.addresses[0]) as client:
        client.ask("/now")
        until(lambda: server.stats.parked == 1)
    assert told.wait(20)
    assert sent == [False]
    until(lambda: server.stats.connections == 0)
    assert server.stats.parked == 0


def test_a_header_that_cannot_be_sent_is_a_500(serve: Serve, loop: Loop) -> None:
    application = elsewhere(lambda exchange: exchange.send("200 OK", [("X", "a\r\nb")], b"sent"))
    with Client(serve(Application(loop, now=application)).addresses[0]) as client:
        assert client.get("/now").status == 500


def test_sending_and_leaving_at_the_same_moment_never_confuses_the_server(serve: Serve, loop: Loop) -> None:
    application = elsewhere(lambda exchange: exchange.send("200 OK", sized(b"sent"), b"sent"))
    server = serve(Application(loop, now=application))
    for number in range(200):
        with Client(server.addresses[0]) as client:
            client.send("GET /now HTTP/1.1\nHost: test\n\nGET /y HTTP/1.1\nHost: test\n\n")
            if number % 2:
                client.answer()
    until(lambda: server.stats.connections == 0)
    until(lambda: (server.stats.parked, server.stats.busy, server.stats.queued) == (0, 0, 0))
    with Client(server.addresses[0]) as client:
        assert client.get("/still").status == 200


@pytest.mark.row("A144")
def test_a_server_that_stops_answers_whom_no_thread_answers_any_more(serve: Serve, loop: Loop) -> None:
    go, sent = threading.Event(), threading.Semaphore(0)
    answers: list[bool] = []

    def work(exchange: Any) -> None:
        go.wait(20)
        answers.append(exchange.send("200 OK", sized(b"late"), b"late"))
        sent.release()

    server = serve(Application(loop, now=elsewhere(work)))
    with Client(server.addresses[0]) as client:
        client.ask("/now")
        until(lambda: server.stats.parked == 1)
        server.stop(0).wait(20)
        go.set()
        assert client.answer().status == 503
    assert sent.acquire(timeout=20)
    assert answers == [False]
