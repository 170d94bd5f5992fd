"""Answers that come later: `then`, Map, Mapped, ThreadPass and Queue, parked and with a thread."""

from __future__ import annotations

import http.client
import json
import math
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite import Atilite
from atilite.errors import TaskCancelled
from atilite.runtime.conveyor import Conveyor
from atilite.testing.client import Client
from tests.test_answer import Served

Ask = Callable[..., tuple[int, Any, dict[str, str]]]


@pytest.fixture
def app() -> Atilite:
    return Atilite("later")


@pytest.fixture
def serve(app: Atilite) -> Iterator[Callable[[], Served]]:
    served: list[Served] = []

    def start() -> Served:
        served.append(Served(app))
        return served[0]

    yield start
    for one in served:
        one.server.stop(0.5).wait(5)


@pytest.fixture(params=["parked", "with a thread"])
def ask(request: pytest.FixtureRequest, app: Atilite, serve: Callable[[], Served]) -> Ask:
    """Ask for a path: (status, JSON or text, headers), from our own server and from one that cannot park."""
    made: list[Any] = []

    def asked(path: str, **headers: str) -> tuple[int, Any, dict[str, str]]:
        if not made:
            made.append(serve() if request.param == "parked" else Client(app))
        if request.param == "parked":
            status, body, found = made[0].request("GET", path, **headers)
        else:
            answer = made[0].get(path, headers=headers)
            status, body, found = answer.status_code, answer.data, dict(answer.headers)
        text = body.decode()
        return status, json.loads(text) if "json" in found.get("Content-Type", "") else text, found

    return asked


# -- then


@pytest.mark.row("A167")
def test_what_follows_a_task_makes_the_answer(app: Atilite, ask: Ask) -> None:
    def respond(was: Any, task: Any) -> Any:
        was.response.set_header("X-Later", "yes")
        return was.API(result=task.fetch(), a=task.meta.get("a"))

    app.get("/thread")(lambda was: was.Thread(math.sqrt, args=(4.0,), meta={"a": 1}).then(respond))
    app.get("/tasks")(lambda was: was.Tasks(x=was.Mask(1), y=was.Sleep(0.01)).then(respond))
    app.get("/mask")(lambda was: was.Mask([1]).then(respond))
    app.get("/sleep")(lambda was: was.Sleep(0.01).then(respond))
    app.get("/alone")(lambda was: was.Thread(lambda: "data").then(lambda task: task.fetch() + "!"))
    app.get("/bare")(lambda was: was.Thread(lambda: {"is": "the answer"}).then())

    status, found, headers = ask("/thread")
    assert (status, found, headers["X-Later"]) == (200, {"result": 2.0, "a": 1}, "yes")
    assert ask("/tasks")[1] == {"result": {"x": 1, "y": None}, "a": None}
    assert ask("/mask")[1] == {"result": [1], "a": None}
    assert ask("/sleep")[1] == {"result": None, "a": None}
    assert ask("/alone")[1] == "data!"
    assert ask("/bare")[1] == {"is": "the answer"}


@pytest.mark.row("A167")
def test_what_follows_may_return_another_task_and_be_a_coroutine(app: Atilite, ask: Ask) -> None:
    def again(was: Any, task: Any) -> Any:
        return was.Thread(lambda: task.fetch() * 2).then(lambda was, task: was.Map(value=was.Mask(task.fetch())))

    def steps(was: Any, task: Any) -> Any:
        slept = yield was.Sleep(0.01)
        return {"slept": slept.done, "value": task.fetch()}

    app.get("/again")(lambda was: was.Thread(lambda: 21).then(again))
    app.get("/steps")(lambda was: was.Thread(lambda: 21).then(steps))
    assert ask("/again")[1] == {"value": 42}
    assert ask("/steps")[1] == {"slept": True, "value": 21}


@pytest.mark.row("A167")
def test_errors_of_the_task_and_of_what_follows_become_the_error_of_the_answer(app: Atilite, ask: Ask) -> None:
    def refuse(was: Any, task: Any) -> Any:
        raise was.Error("418 I'm a teapot")

    app.get("/refused")(lambda was: was.Mask(1).then(refuse))
    app.get("/failed")(lambda was: was.Thread(int, "x").then(lambda was, task: task.fetch()))
    app.get("/dispatched")(lambda was: was.Thread(int, "x").then(lambda was, task: str(task.dispatch().expt)))
    assert ask("/refused")[0] == 418
    assert ask("/failed")[0] == 500
    assert "invalid literal" in ask("/dispatched")[1]


@pytest.mark.row("A167")
def test_a_task_that_takes_too_long_is_a_504_in_what_follows(app: Atilite, ask: Ask) -> None:
    ended = threading.Event()
    app.get("/late")(lambda was: was.Thread(ended.wait, timeout=0.05).then(lambda was, task: task.fetch()))
    app.get("/mapped")(lambda was: was.Map(x=was.Thread(ended.wait), __timeout=0.05))
    app.get("/page")(lambda was: was.render_or_Map("none.j2", x=was.Thread(ended.wait), __timeout=0.05))
    assert ask("/late")[0] == 504
    assert ask("/mapped")[0] == 504
    assert ask("/page")[0] == 504
    ended.set()


@pytest.mark.row("A167")
def test_a_waiting_answer_holds_no_thread(app: Atilite, serve: Callable[[], Served]) -> None:
    gate, begun = threading.Event(), threading.Semaphore(0)

    @app.get("/late")
    def late(was: Any) -> Any:
        begun.release()
        return was.Subprocess(["cat"], input="x", timeout=30).then(lambda was, task: was.Thread(gate.wait))

    @app.get("/now")
    def now(was: Any) -> str:
        gate.set()
        return "now"

    served = serve()
    connections = []
    for _ in range(8):  # twice as many as there are workers
        connection = http.client.HTTPConnection(*served.address, timeout=30)
        connection.request("GET", "/late")
        connections.append(connection)
    for _ in connections:
        assert begun.acquire(timeout=30)
    assert served.request("GET", "/now")[1] == b"now"
    for connection in connections:
        assert connection.getresponse().status == 500  # True is no answer, but it came
        connection.close()


def test_what_follows_a_task_of_nobody_cannot_have_was(app: Atilite) -> None:
    with pytest.raises(Exception, match="made by no `was`"):
        app.Mask(1).then(lambda was, task: None)
    assert app.Mask(1).then(lambda task: task.fetch() + 1).fetch() == 2


# -- Map and Mapped


class Row:
    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def to_dict(self) -> dict[str, Any]:
        return dict(self.__dict__)


@pytest.mark.row("A168", "A169")
def test_a_map_reports_results_by_all_names(app: Atilite, ask: Ask) -> None:
    ran: list[int] = []
    rows = [Row(id=1, name="a"), Row(id=2, name="b")]

    @app.get("/map")
    def mapped(was: Any) -> Any:
        return was.Map(
            "201 Created",
            was.Thread(ran.append, 1),
            files=was.Thread(lambda: "a b", filter=lambda text: text.replace(" ", "_")),
            rows=was.Mask(rows),
            count__one=was.Mask([{"cnt": 123}]),
            all__fetch=was.Mask([1, 2]),
            row__dict=was.Mask(rows[0]),
            table__dict=was.Mask(rows),
            name__name=was.Mask({"name": "Ana"}),
            second__fetch__1=was.Mask(["x", "y"]),
            deep__one__tags__0=was.Mask([{"tags": ["t"]}]),
            attribute__0__id=was.Mask(rows),
            both=was.Tasks(a=was.Mask(1), b=was.Mask(2)),
            constant=7,
            constant__text="plain",
        )

    status, found, _ = ask("/map")
    table = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    assert status == 201
    assert ran == [1]
    assert found == {
        "files": "a_b",
        "rows": table,
        "count": {"cnt": 123},
        "all": [1, 2],
        "row": table[0],
        "table": table,
        "name": "Ana",
        "second": "y",
        "deep": "t",
        "attribute": 1,
        "both": {"a": 1, "b": 2},
        "constant": 7,
        "constant__text": "plain",
    }
    assert list(found)[:3] == ["files", "rows", "count"]


@pytest.mark.row("A169")
def test_one_that_is_not_there_is_the_answer_of_the_whole_map(app: Atilite, ask: Ask) -> None:
    app.get("/none")(lambda was: was.Map(a=was.Mask(1), x__one=was.Mask([])))
    app.get("/two")(lambda was: was.Map(a=was.Mask(1), x__one=was.Mask([1, 2])))
    app.get("/unnamed")(lambda was: was.Map(was.Thread(int, "x"), a=was.Mask(1)))
    app.get("/member")(lambda was: was.Map(a__b=was.Mask({"c": 1})))
    assert ask("/none")[0] == 410
    assert ask("/two")[0] == 409
    assert ask("/unnamed")[0] == 500
    assert ask("/member")[0] == 500


@pytest.mark.row("A170")
def test_a_map_says_how_old_it_may_become(app: Atilite, ask: Ask) -> None:
    @app.get("/map")
    def mapped(was: Any) -> Any:
        row = {"version": "7", "changed": 1_700_000_000}
        return was.Map(row=was.Mask(row), __maxage=60, __etag="row.version", __mtime="row.changed", __timeout=5)

    app.get("/empty")(lambda was: was.Map(rows=was.Mask([]), __mtime="rows.0.changed"))
    _, _, headers = ask("/map")
    assert headers["Cache-Control"] == "max-age=60"
    assert headers["Last-Modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert ask("/map", **{"If-None-Match": headers["ETag"]})[0] == 304
    assert ask("/map", **{"If-Match": '"other"'})[0] == 412
    status, found, headers = ask("/empty")
    assert (status, found, "Last-Modified" in headers) == (200, {"rows": []}, False)


@pytest.mark.row("A168", "A169", "A170")
@pytest.mark.parametrize(
    "wrong",
    [
        lambda was: was.Map(a__one=was.Mask(1), a=was.Mask(2)),
        lambda was: was.Map(__one=was.Mask(1)),
        lambda was: was.Map(a__=was.Mask(1)),
        lambda was: was.Map(a=was.Mask(1), __etag="b.version"),
        lambda was: was.Map(7),
        lambda was: was.render_or_Mapped("x.j2", was.Tasks([was.Mask(1)])).fetch(),
    ],
)
def test_a_map_that_cannot_be_is_told_where_it_is_made(app: Atilite, wrong: Callable[[Any], Any]) -> None:
    raised: list[Exception] = []

    @app.get("/")
    def index(was: Any) -> str:
        try:
            wrong(was)
        except (ValueError, TypeError) as error:
            raised.append(error)
        return ""

    Client(app).get("/")
    assert len(raised) == 1


@pytest.mark.row("A171")
def test_tasks_that_one_has_are_mapped(app: Atilite, ask: Ask) -> None:
    app.get("/named")(lambda was: was.Mapped(was.Tasks(was.Mask(0), a=was.Mask(1), b__one=was.Mask([2]))))
    app.get("/list")(lambda was: was.Mapped("202 Accepted", was.Tasks([was.Mask(1), was.Sleep(0.01)])))
    app.get("/single")(lambda was: was.Mapped(was.Thread(lambda: {"x": 1})))
    app.get("/filter")(lambda was: was.Mapped(was.Tasks(a=was.Mask(1), filter=lambda found: {**found, "more": 2})))
    app.get("/late")(lambda was: was.Mapped(was.Tasks(a=was.Sleep(20), timeout=0.05)))
    assert ask("/named")[1] == {"a": 1, "b": 2}
    assert ask("/filter")[1] == {"a": 1, "more": 2}
    assert ask("/late")[0] == 504
    assert ask("/list")[:2] == (202, [1, None])
    assert ask("/single")[1] == {"x": 1}


@pytest.mark.row("A171")
def test_the_page_and_the_json_have_the_same_values(tmp_path: Path) -> None:
    page = "{{ context.rows|join('-') }} {{ count }} {{ context.constant }}"
    (tmp_path / "page.j2").write_text(page)
    app = Atilite("pages")
    app.use_templates([tmp_path], reload=True)

    @app.get("/map")
    def mapped(was: Any) -> Any:
        return was.render_or_Map("page.j2", rows=was.Thread(lambda: [1, 2]), count__one=was.Mask([3]), constant="c")

    @app.get("/mapped")
    def given(was: Any) -> Any:
        return was.render_or_Mapped("page.j2", was.Tasks(rows=was.Thread(lambda: [1, 2]), count__one=was.Mask([3])))

    client = Client(app)
    as_json = {"Accept": "application/json"}
    assert client.get("/map").text == "1-2 3 c"
    assert client.get("/map").header("Vary") == "Accept"
    assert client.get("/map", headers=as_json).json() == {"rows": [1, 2], "count": 3, "constant": "c"}
    assert client.get("/mapped").text == "1-2 3 "
    assert client.get("/mapped", headers=as_json).json() == {"rows": [1, 2], "count": 3}


@pytest.mark.row("A167", "A168", "A171", "A172")
def test_a_coroutine_and_an_async_function_may_return_what_comes_later(app: Atilite, ask: Ask) -> None:
    @app.get("/generator")
    def generator(was: Any) -> Any:
        task = yield was.Sleep(0.01)
        return was.Map(done=task.done, x=was.Thread(lambda: 1))

    @app.get("/queue")
    def streamed(was: Any) -> Any:
        yield was.Sleep(0.01)
        return was.Queue(lambda queue: [queue.put(item) for item in ("a", "b", None)])

    @app.get("/async")
    async def awaited(was: Any) -> Any:
        await was.Sleep(0.01)
        return was.Map(x=was.Thread(lambda: 1))

    assert ask("/generator")[1] == {"done": True, "x": 1}
    assert ask("/queue")[1] == "ab"
    assert ask("/async")[1] == {"x": 1}


# -- ThreadPass


@pytest.mark.row("A165")
def test_a_function_in_a_task_thread_makes_the_answer(app: Atilite, ask: Ask) -> None:
    def respond(was: Any, a: float) -> Any:
        was.Thread(lambda: None).commit()  # it may block
        was.response.set_header("X-Thread", threading.current_thread().name)
        return was.API(result=math.sqrt(a), path=was.request.path)

    app.get("/passed")(lambda was: was.ThreadPass(respond, args=(4.0,)))
    app.get("/plain")(lambda was: was.ThreadPass(str, 7))
    app.get("/failed")(lambda was: was.ThreadPass(int, "x"))
    app.get("/task")(lambda was: was.ThreadPass(lambda was: was.Map(x=was.Mask(1))))
    status, found, headers = ask("/passed")
    assert (status, found) == (200, {"result": 2.0, "path": "/passed"})
    assert headers["X-Thread"].startswith("atilite-task")
    assert ask("/plain")[1] == "7"
    assert ask("/failed")[0] == 500
    assert ask("/task")[1] == {"x": 1}


# -- Queue


@pytest.mark.row("A166")
def test_what_a_thread_puts_into_a_queue_is_streamed(app: Atilite, ask: Ask) -> None:
    def produce(queue: Any) -> None:
        for number in range(100):
            queue.put(f"{number},")
        queue.put(b"end")
        queue.put(None)

    @app.get("/stream")
    def stream(was: Any) -> Any:
        was.response["Content-Type"] = "text/csv"
        return was.Queue(produce, max_size=3)

    app.get("/returned")(lambda was: was.Queue(lambda queue: queue.put("no end is put")))
    app.get("/nothing")(lambda was: was.Queue(lambda queue: None))
    status, text, headers = ask("/stream")
    assert (status, headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert text == "".join(f"{number}," for number in range(100)) + "end"
    assert ask("/returned")[1] == "no end is put"
    assert ask("/nothing")[:2] == (200, "")


@pytest.mark.row("A166")
def test_an_error_before_the_first_item_is_an_error_page_and_a_later_one_breaks_the_stream(
    app: Atilite, serve: Callable[[], Served]
) -> None:
    def broken(queue: Any) -> None:
        queue.put("first")
        raise ValueError("no more")

    app.get("/early")(lambda was: was.Queue(lambda queue: int("x")))
    app.get("/late")(lambda was: was.Queue(broken))
    served = serve()
    assert served.request("GET", "/early")[0] == 500
    with pytest.raises(http.client.IncompleteRead):
        served.request("GET", "/late")


@pytest.mark.row("A166")
def test_a_client_that_leaves_ends_the_producer(app: Atilite, serve: Callable[[], Served]) -> None:
    ended: list[BaseException] = []
    over = threading.Event()

    def endless(queue: Any) -> None:
        try:
            while True:
                queue.put("x" * 100_000)
        except TaskCancelled as error:
            ended.append(error)
            assert queue.closed
        finally:
            over.set()

    app.get("/endless")(lambda was: was.Queue(endless, wait_timeout=None))
    connection = http.client.HTTPConnection(*serve().address, timeout=30)
    connection.request("GET", "/endless")
    answer = connection.getresponse()
    assert answer.read(10) == b"x" * 10
    assert not over.wait(0.2)  # back-pressure: it waits for the reader
    answer.close()
    connection.close()
    assert over.wait(30)
    assert len(ended) == 1


def test_a_full_queue_holds_the_producer_until_its_patience_ends() -> None:
    belt = Conveyor(2, 0.05)
    belt.put(1)
    belt.put_nowait(2)
    with pytest.raises(queue.Full):
        belt.put_nowait(3)
    with pytest.raises(queue.Full, match=r"0\.05 s"):
        belt.put(3)
    assert belt.take() == 1
    belt.put(3)
    assert [belt.take(), belt.take(), bool(belt)] == [2, 3, False]
    more = belt.more()
    assert (more.done, belt.more() is more) == (False, True)
    belt.put(4)
    assert more.done
    belt.close()
    with pytest.raises(TaskCancelled):
        belt.put(5)
    with pytest.raises(ValueError, match="room for one"):
        Conveyor(0)


# -- Task


@pytest.mark.row("A203")
def test_task_is_the_class_of_all_tasks(app: Atilite) -> None:
    @app.get("/")
    def index(was: Any) -> Any:
        made = (was.Thread(abs, -1), was.Sleep(0), was.Mask(1), was.Tasks(was.Mask(1)), was.Map(), was.ThreadPass(dict))
        return {"all": all(isinstance(task, was.Task) for task in made), "known": was.Task.completed(3).fetch()}

    assert Client(app).get("/").json() == {"all": True, "known": 3}
