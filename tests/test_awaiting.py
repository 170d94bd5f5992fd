"""Handlers that return a task: its result is the answer, on atilite's own server and on any other."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from atilite import Atilite
from atilite.answer import Conversation
from atilite.awaiting import Later
from atilite.runtime.promise import Promise
from atilite.testing.client import Client
from tests.test_answer import Served

WHERE = ["own server", "any server"]


@pytest.fixture
def app() -> Atilite:
    return Atilite("awaiting")


@pytest.fixture
def serve(app: Atilite) -> Iterator[Any]:
    served: list[Served] = []

    def start() -> Served:
        served.append(Served(app))
        return served[0]

    yield start
    for one in served:
        one.server.stop(0.5).wait(5)


def got(app: Atilite, serve: Any, where: str, path: str) -> tuple[int, str]:
    if where == "any server":
        answer = Client(app).get(path)
        return answer.status_code, answer.text
    status, body, _ = serve().request("GET", path, Accept="application/json")
    return status, body.decode()


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.row("A167")
def test_the_result_of_a_returned_task_is_the_answer(app: Atilite, serve: Any, where: str) -> None:
    @app.route("/")
    def index(was: Any) -> Any:
        return was.Thread(lambda: "from a thread")

    assert got(app, serve, where, "/") == (200, "from a thread")


@pytest.mark.parametrize("where", WHERE)
def test_a_task_that_results_in_a_task_is_waited_for_to_the_end(app: Atilite, serve: Any, where: str) -> None:
    @app.route("/")
    def index(was: Any) -> Any:
        return was.Mask(was.Thread(lambda: Later(was.Mask(3), lambda task: {"found": task.fetch()})))

    assert got(app, serve, where, "/") == (200, '{"found":3}')


@pytest.mark.parametrize("where", WHERE)
def test_what_is_made_of_the_ended_task_is_the_answer(app: Atilite, serve: Any, where: str) -> None:
    @app.route("/")
    def index(was: Any) -> Any:
        return Later(was.Thread(lambda: 4), lambda task: was.API(twice=task.fetch() * 2))

    assert got(app, serve, where, "/") == (200, '{"twice":8}')


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.row("D19")
def test_a_failed_task_is_an_error_of_the_handler_and_the_hooks_hear_of_it_once(
    app: Atilite, serve: Any, where: str
) -> None:
    heard: list[str] = []
    ended = threading.Event()

    @app.failed_request
    def failed(was: Any, info: Any) -> None:
        heard.append(info[0].__name__)

    @app.teardown_request
    def teardown(was: Any) -> None:
        heard.append("teardown")
        ended.set()

    @app.route("/")
    def index(was: Any) -> Any:
        def refuse() -> None:
            raise was.Error("418 Teapot", "no coffee here")

        return was.Thread(refuse)

    status, text = got(app, serve, where, "/")

    assert status == 418
    assert "no coffee here" in text
    assert ended.wait(10)  # the true end comes after the answer
    assert heard == ["Error", "teardown"]


@pytest.mark.parametrize("where", WHERE)
def test_a_task_that_takes_longer_than_its_time_is_a_504(app: Atilite, serve: Any, where: str) -> None:
    gate = threading.Event()

    @app.route("/")
    def index(was: Any) -> Any:
        return was.Thread(gate.wait, 20, timeout=0.1)

    try:
        assert got(app, serve, where, "/")[0] == 504
    finally:
        gate.set()


def test_when_the_client_leaves_the_task_goes_on_and_the_request_ends_once(app: Atilite, serve: Any) -> None:
    begun, gate, ended = threading.Event(), threading.Event(), threading.Semaphore(0)
    finished: Promise[None] = Promise()

    def work() -> str:
        begun.set()
        gate.wait(20)
        finished.set(None)
        return "nobody reads this"

    @app.teardown_request
    def teardown(was: Any) -> None:
        ended.release()

    @app.route("/")
    def index(was: Any) -> Any:
        return was.Thread(work)

    served = serve()
    with socket.create_connection(served.address) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert begun.wait(10)
    assert ended.acquire(timeout=10)
    gate.set()
    finished.wait(10)
    assert served.request("GET", "/")[0] == 200
    assert ended.acquire(timeout=10)  # of the second request
    assert not ended.acquire(timeout=0.1)


def test_nothing_is_driven_while_a_returned_task_is_waited_for(
    app: Atilite, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    begin = Conversation.__init__
    monkeypatch.setattr(Conversation, "__init__", lambda self, *a, **k: (made.append(self), begin(self, *a, **k))[1])

    @app.route("/")
    def index(was: Any) -> Any:
        return was.Thread(lambda: "plain")

    assert serve().request("GET", "/")[1] == b"plain"
    assert not made


def test_the_thread_that_has_done_the_work_makes_the_answer_of_a_later(app: Atilite, serve: Any) -> None:
    makers: list[str] = []

    def made(task: Any) -> Any:
        makers.append(threading.current_thread().name)
        return {"got": task.fetch()}

    @app.route("/")
    def index(was: Any) -> Any:
        gate = threading.Event()
        app.runtime.loop.call_later(0.02, gate.set)
        return Later(was.Thread(lambda: gate.wait(10) and 5), made)

    served = serve()
    for _ in range(3):
        assert served.json("/") == {"got": 5}
    assert all(name.startswith("atilite-task") for name in makers)


@pytest.mark.parametrize("size", [10, 200_000])
def test_large_answers_and_what_a_hook_has_to_see_are_left_to_the_loop(app: Atilite, serve: Any, size: int) -> None:
    seen: list[str] = []

    @app.route("/")
    def index(was: Any) -> Any:
        return Later(was.Thread(lambda: "x" * size), lambda task: task.fetch())

    if size == 10:

        @app.finish_request
        def finish(was: Any, response: Any) -> None:
            seen.append(threading.current_thread().name)

    assert len(serve().request("GET", "/")[1]) == size
    assert all(name == "atilite-hub" for name in seen)
    assert len(seen) == (size == 10)


def test_what_fails_in_that_thread_is_an_error_of_the_handler(app: Atilite, serve: Any) -> None:
    @app.route("/")
    def index(was: Any) -> Any:
        return Later(was.Thread(lambda: 0), lambda task: 1 / task.fetch())

    assert serve().request("GET", "/")[0] == 500


@pytest.fixture
def noted() -> queue.SimpleQueue[object]:
    return queue.SimpleQueue()


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("fails", [False, True], ids=["answers", "fails"])
def test_what_nobody_has_to_wait_for_is_done_once_and_behind_the_answer(
    app: Atilite, serve: Any, where: str, fails: bool, noted: queue.SimpleQueue[object]
) -> None:
    ended: Promise[str] = Promise()

    def render(task: Any) -> str:
        if fails:
            raise ValueError("no answer")
        return str(task.wait())

    @app.route("/")
    def index(was: Any) -> Any:
        ended.set("made")
        return Later(ended, render, lambda task: noted.put(task.wait()))

    status, text = got(app, serve, where, "/")

    assert (status, text == "made") == ((500, False) if fails else (200, True))
    assert noted.get(timeout=10) == "made"
    assert noted.empty()


def test_what_nobody_has_to_wait_for_is_done_for_a_client_that_has_left(
    app: Atilite, serve: Any, noted: queue.SimpleQueue[object]
) -> None:
    begun: Promise[None] = Promise()
    ended: Promise[str] = Promise()

    @app.route("/")
    def index(was: Any) -> Any:
        begun.set(None)
        return Later(ended, lambda task: task.wait(), lambda task: noted.put(task.wait()))

    left: Promise[None] = Promise()
    app.teardown_request(lambda was: left.set(None))
    served = serve()
    with socket.create_connection(served.address, timeout=10) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        begun.wait(10)
    left.wait(10)
    assert noted.empty()
    ended.set("made all the same")

    assert noted.get(timeout=10) == "made all the same"
    assert noted.empty()
