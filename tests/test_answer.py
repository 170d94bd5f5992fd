"""Handlers that are not done at once, on atilite's own server and on any other."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from atilite import Atilite
from atilite.runtime.loop import process_loop
from atilite.server.server import Server
from atilite.testing.client import Client


class Served:
    """An app on a real server at a free port."""

    def __init__(self, app: Atilite) -> None:
        app.freeze()
        self.server = Server(app, loop=process_loop(), listeners=["127.0.0.1:0"], policy=app.pipeline.policy)
        self.server.bind()
        self.server.start()
        host, _, port = self.server.addresses[0].rpartition(":")
        self.address = host, int(port)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes, dict[str, str]]:
        connection = http.client.HTTPConnection(*self.address, timeout=10)
        connection.request(method, path, body, headers, encode_chunked=hasattr(body, "__next__"))
        answer = connection.getresponse()
        found = answer.status, answer.read(), dict(answer.getheaders())
        connection.close()
        return found

    def json(self, path: str) -> Any:
        return json.loads(self.request("GET", path)[1])


@pytest.fixture
def app() -> Atilite:
    return Atilite("answering")


@pytest.fixture
def serve(app: Atilite) -> Iterator[Any]:
    served: list[Served] = []

    def start() -> Served:
        served.append(Served(app))
        return served[0]

    yield start
    for one in served:
        one.server.stop(0.5).wait(5)


class Signal:
    """Something that happened, waited for without sleeping."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def clear(self) -> None:
        self._event.clear()

    def wait(self) -> bool:
        return self._event.wait(5)


def kinds_of_handlers(app: Atilite) -> None:
    @app.route("/coroutine", coroutine=True)
    def coroutine(was: Any) -> Any:
        tasks = yield was.Tasks(a=was.Mask("masked"), b=was.Thread(lambda: "threaded"))
        task = yield was.Subprocess("echo echoed")
        return was.API(c=task.fetch().strip(), **tasks.fetch())

    @app.route("/plain-coroutine")
    def plain_coroutine(was: Any) -> Any:
        task = yield was.Thread(lambda: 5)
        return {"got": task.fetch()}

    @app.route("/returned-task")
    def returned_task(was: Any) -> Any:
        return was.Thread(lambda: {"x": 1})

    @app.route("/then")
    def then(was: Any) -> Any:
        task = was.Thread(lambda: 2, meta={"a": 1})
        return task.then(lambda was, task: was.API(result=task.fetch(), a=task.meta["a"]))

    @app.route("/coroutine-returns-task")
    def coroutine_returns_task(was: Any) -> Any:
        yield was.Sleep(0)
        return was.Thread(lambda: {"x": 2})

    @app.route("/async")
    async def asynchronous(was: Any) -> Any:
        return {"x": await was.Thread(lambda: 3)}

    @app.route("/early", coroutine=True)
    def early(was: Any) -> Any:
        if was.request.method == "GET":
            return {"early": True}
        yield was.Sleep(0)
        return {"early": False}

    @app.route("/on-hub", start="hub", coroutine=True)
    def on_hub(was: Any) -> Any:
        task = yield was.Thread(threading.current_thread)
        return {"inside": process_loop().inside(), "thread": task.fetch().name}

    @app.route("/on-threads", coroutine="thread")
    def on_threads(was: Any) -> Any:
        yield was.Sleep(0)
        here = threading.current_thread().name
        yield was.Sleep(0)
        was.Thread(time.sleep, 0).fetch()
        return {"inside": process_loop().inside(), "thread": here}


EXPECTED = {
    "/coroutine": {"a": "masked", "b": "threaded", "c": "echoed"},
    "/plain-coroutine": {"got": 5},
    "/returned-task": {"x": 1},
    "/then": {"result": 2, "a": 1},
    "/coroutine-returns-task": {"x": 2},
    "/async": {"x": 3},
    "/early": {"early": True},
}


@pytest.mark.row("A142", "A144", "A167")
@pytest.mark.parametrize("path", EXPECTED)
def test_every_kind_of_handler_answers_the_same_on_both_servers(app: Atilite, serve: Any, path: str) -> None:
    kinds_of_handlers(app)
    assert serve().json(path) == EXPECTED[path]
    assert Client(app).get(path).json() == EXPECTED[path]


@pytest.mark.row("A145")
def test_where_a_coroutine_runs_is_what_its_route_says(app: Atilite, serve: Any) -> None:
    kinds_of_handlers(app)
    served = serve()
    assert served.json("/on-hub")["inside"] is True
    on_threads = served.json("/on-threads")
    assert on_threads["inside"] is False
    assert on_threads["thread"].startswith("atilite-task")


@pytest.mark.row("A132", "A146")
def test_a_tasks_error_surfaces_at_fetch_and_ends_as_an_error_of_the_right_kind(app: Atilite, serve: Any) -> None:
    def broken() -> None:
        raise ValueError("inside")

    @app.route("/caught")
    def caught(was: Any) -> Any:
        task = yield was.Thread(broken)
        try:
            task.fetch()
        except ValueError as error:
            return {"caught": str(error)}

    @app.route("/uncaught")
    def uncaught(was: Any) -> Any:
        task = yield was.Thread(broken)
        return task.fetch()

    @app.route("/own")
    def own(was: Any) -> Any:
        yield was.Mask(1)
        raise was.Error("409 Conflict", "after a finished task")

    @app.route("/late")
    def late(was: Any) -> Any:
        task = yield was.Thread(threading.Event().wait, 1, timeout=0.05)
        return task.fetch()

    served = serve()
    for client_json, status in (
        (lambda path: served.request("GET", path), lambda found: found[0]),
        (lambda path: Client(app).get(path), lambda found: found.status_code),
    ):
        assert status(client_json("/caught")) == 200
        assert status(client_json("/uncaught")) == 500
        assert status(client_json("/own")) == 409
        assert status(client_json("/late")) == 504


@pytest.mark.row("A161", "A172")
def test_text_between_tasks_is_streamed_as_it_comes(app: Atilite, serve: Any) -> None:
    go = [Signal(), Signal()]

    @app.route("/live", coroutine=True)
    def live(was: Any) -> Any:
        was.response.set_header("Content-Type", "text/plain")
        yield "first\n"
        yield was.Thread(go[0].wait)
        yield b"second\n"
        yield was.Thread(go[1].wait)
        return "third\n"

    connection = http.client.HTTPConnection(*serve().address, timeout=10)
    connection.request("GET", "/live")
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Content-Type")) == (200, "text/plain; charset=utf-8")
    assert answer.readline() == b"first\n"
    go[0].set()
    assert answer.readline() == b"second\n"
    go[1].set()
    assert answer.read() == b"third\n"
    connection.close()


def test_an_error_in_the_middle_of_a_stream_breaks_the_connection(app: Atilite, serve: Any) -> None:
    @app.route("/live", coroutine=True)
    def live(was: Any) -> Any:
        yield "first\n"
        yield was.Sleep(0)
        raise ValueError("too late for a 500")

    connection = http.client.HTTPConnection(*serve().address, timeout=10)
    connection.request("GET", "/live")
    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()
    connection.close()


def test_the_finally_blocks_of_a_coroutine_run_when_its_client_leaves(app: Atilite, serve: Any) -> None:
    waiting, cleaned, ended = Signal(), Signal(), Signal()

    @app.teardown_request
    def teardown(was: Any) -> None:
        ended.set()

    @app.route("/wait", coroutine=True)
    def wait(was: Any) -> Any:
        try:
            waiting.set()
            yield was.Sleep(60)
        finally:
            cleaned.set()

    with socket.create_connection(serve().address) as client:
        client.sendall(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert waiting.wait()
    assert cleaned.wait()
    assert ended.wait()


def test_a_stream_that_begins_with_text_stays_on_its_thread_and_may_block(app: Atilite, serve: Any) -> None:
    @app.route("/csv")
    def csv(was: Any) -> Any:
        yield f"{process_loop().inside()}\n"
        was.Thread(time.sleep, 0).fetch()
        yield f"{process_loop().inside()}\n"

    assert serve().request("GET", "/csv")[1] == b"False\nFalse\n"


@pytest.mark.row("A113")
@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_is_read_piece_by_piece_as_it_comes(app: Atilite, serve: Any, chunked: bool) -> None:
    @app.route("/in", methods=["POST"], coroutine=True, input_stream=True)
    def read(was: Any) -> Any:
        pieces = []
        while True:
            data = yield was.Input(1000)
            if not data:
                break
            pieces.append(data)
        return was.API(size=sum(map(len, pieces)), several=len(pieces) > 1)

    body = iter([b"x" * 700] * 5) if chunked else b"x" * 3500
    assert json.loads(serve().request("POST", "/in", body)[1]) == {"size": 3500, "several": True}
    assert Client(app).post("/in", body=b"x" * 3500).json() == {"size": 3500, "several": True}


def test_a_file_is_sent_whole_from_a_coroutine(app: Atilite, serve: Any, tmp_path: Any) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(range(256)) * 4000)

    @app.route("/file", coroutine=True)
    def send(was: Any) -> Any:
        yield was.Sleep(0)
        return was.File(str(path), "application/x-large")

    status, body, headers = serve().request("GET", "/file")
    assert (status, headers["Content-Type"], body) == (200, "application/x-large", path.read_bytes())


def test_a_head_request_for_a_coroutine_gets_no_body(app: Atilite, serve: Any) -> None:
    kinds_of_handlers(app)
    status, body, headers = serve().request("HEAD", "/coroutine-returns-task")
    assert (status, body, headers["Content-Length"]) == (200, b"", "7")


def test_the_context_of_a_coroutine_is_its_own_at_every_step(app: Atilite, serve: Any) -> None:
    from atilite.context import current_journal

    @app.route("/context/<int:number>")
    def context(was: Any, number: int) -> Any:
        current_journal.set(number)
        yield was.Sleep(0.01)
        seen = [current_journal.get()]
        task = yield was.Thread(current_journal.get)
        return {"seen": [*seen, task.fetch()]}

    served = serve()
    found: dict[int, Any] = {}
    threads = [threading.Thread(target=lambda n=n: found.update({n: served.json(f"/context/{n}")})) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == {number: {"seen": [number, number]} for number in range(10)}


@pytest.mark.row("A76", "A77", "A78", "A81", "D8")
def test_the_hooks_of_a_parked_request_run_at_its_true_end(app: Atilite, serve: Any) -> None:
    order: list[str] = []
    ended = Signal()

    @app.finish_request
    def finish(was: Any, response: Any) -> Any:
        order.append("finish")
        if response is was.response:  # of a stream
            response.set_header("X-Finished", "yes")
            return "instead" if was.request.uri == "/instead" else None
        return {**response, "finished": True}

    app.failed_request(lambda was, expt: order.append(expt[0].__name__))

    @app.teardown_request
    def teardown(was: Any) -> None:
        order.append("teardown")
        ended.set()

    @app.route("/value")
    def value(was: Any) -> Any:
        yield was.Sleep(0.01)
        order.append("handler")
        return {"late": True}

    @app.route("/stream")
    def stream(was: Any) -> Any:
        try:
            yield was.Sleep(0.01)
            yield "a"
            yield was.Sleep(0.01)
            yield "b"
        finally:
            order.append("handler")

    app.route("/instead", name="instead")(stream)

    @app.route("/broken")
    def broken(was: Any) -> Any:
        yield was.Sleep(0.01)
        yield "a"
        yield was.Sleep(0.01)
        raise ValueError("broken")

    server = serve()

    def ask(path: str) -> tuple[tuple[int, bytes, dict[str, str]], list[str]]:
        order.clear()
        ended.clear()
        answer = server.request("GET", path)
        assert ended.wait()
        return answer, list(order)

    answer, seen = ask("/value")
    assert (json.loads(answer[1]), seen) == ({"late": True, "finished": True}, ["handler", "finish", "teardown"])
    answer, seen = ask("/stream")
    assert (answer[1], answer[2]["X-Finished"], seen) == (b"ab", "yes", ["finish", "handler", "teardown"])
    answer, seen = ask("/instead")
    assert (answer[:2], answer[2]["Content-Length"]) == ((200, b"instead"), "7")
    assert seen == ["finish", "handler", "teardown"]
    order.clear()
    ended.clear()
    with pytest.raises(http.client.IncompleteRead):
        server.request("GET", "/broken")
    assert ended.wait()
    assert order == ["finish", "ValueError", "teardown"]
