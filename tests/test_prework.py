"""Work around single handlers: tests, changed files, updated values, chains."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from atilite import Atilite, register_g
from atilite.prework import Watch
from atilite.testing.client import Client
from atilite.testing.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def app(clock: FakeClock) -> Atilite:
    made = Atilite("tested")
    made.clock = clock
    return made


@pytest.fixture
def client(app: Atilite) -> Client:
    return Client(app)


@pytest.mark.row("A127")
@pytest.mark.parametrize(
    ("result", "status", "text"),
    [(True, 200, "in"), (None, 200, "in"), (False, 403, None), ("instead", 200, "instead")],
)
def test_a_test_lets_in_refuses_or_answers(
    app: Atilite, client: Client, result: Any, status: int, text: str | None
) -> None:
    app.route("/")(app.testpass_required(lambda was: result)(lambda was: "in"))

    answer = client.get("/")
    assert answer.status_code == status
    assert text in (None, answer.text)


@pytest.mark.row("A127")
def test_a_test_may_answer_with_a_status_or_raise(app: Atilite, client: Client) -> None:
    def is_superuser(was: Any) -> Any:
        if was.request.get_header("x-who") is None:
            raise was.Error("403 Unauthorized")
        return was.response("403 Permission Denied") if was.request.get_header("x-who") != "root" else None

    app.route("/")(app.testpass_required(is_superuser)(lambda was: "in"))

    found = [client.get("/", headers=headers).status for headers in ({}, {"X-Who": "ana"}, {"X-Who": "root"})]
    assert found == ["403 Unauthorized", "403 Permission Denied", "200 OK"]


@pytest.mark.row("A128")
def test_a_file_is_reloaded_when_it_was_written_and_looked_at_at_most_each_interval(
    app: Atilite, client: Client, clock: FakeClock, tmp_path: Path
) -> None:
    path, seen = tmp_path / "config", []
    path.write_text("one")
    os.utime(path, (1000, 1000))

    def reload_config(was: Any, file: Any) -> None:
        assert was.app is app
        seen.append(Path(file).read_text())

    @app.route("/")
    @app.if_file_modified(path, reload_config, interval=1)
    def index() -> str:
        return f"{seen}"

    assert client.get("/").text == "[]"
    path.write_text("two")
    os.utime(path, (2000, 2000))
    assert client.get("/").text == "[]"  # it is not yet time to look
    clock.advance(1)
    assert [client.get("/").text for _ in range(2)] == ["['two']"] * 2
    clock.advance(1)
    assert client.get("/").text == "['two']"


@pytest.mark.row("A128")
def test_a_file_that_comes_later_is_new_and_what_the_work_returns_is_the_answer(
    app: Atilite, client: Client, clock: FakeClock, tmp_path: Path
) -> None:
    path = tmp_path / "later"
    app.route("/")(app.if_file_modified(path, lambda was, file: "reloaded", interval=0)(lambda was: "index"))

    assert client.get("/").text == "index"
    path.write_text("here")
    assert [client.get("/").text for _ in range(2)] == ["reloaded", "index"]


@pytest.mark.row("A128")
def test_work_that_fails_is_tried_again(app: Atilite, client: Client, tmp_path: Path) -> None:
    path, tries = tmp_path / "config", []

    def work(was: Any, file: Any) -> None:
        tries.append(file)
        if len(tries) == 1:
            raise ValueError("broken")

    app.route("/")(app.if_file_modified(path, work, interval=0)(lambda was: "index"))
    path.write_text("x")

    assert [client.get("/").status_code for _ in range(3)] == [500, 200, 200]
    assert len(tries) == 2


@pytest.mark.row("A129", "A39", "A40", "D18")
@pytest.mark.parametrize("names", [["prework.users", "prework.photos"], "prework.users"])
def test_updated_names_are_told_one_by_one_and_taken_as_a_list_or_alone(
    app: Atilite, client: Client, clock: FakeClock, names: Any
) -> None:
    register_g("prework.users", "prework.photos")
    cleared: list[str] = []

    @app.route("/query")
    @app.if_cache_updated(names, lambda was, name: cleared.append(name), interval=1)
    def query(was: Any, q: str = "") -> str:
        return " ".join(cleared)

    @app.route("/update/<name>")
    def update(was: Any, name: str) -> str:
        was.setlu(f"prework.{name}")
        return "updated"

    assert client.get("/query").text == ""
    client.get("/update/users")
    client.get("/update/photos")
    clock.advance(1)
    expected = "prework.users" if isinstance(names, str) else "prework.users prework.photos"
    assert [client.get("/query?q=x").text for _ in range(2)] == [expected] * 2


def test_of_many_threads_only_one_does_the_work() -> None:
    numbers = [0.0]
    watch = Watch(lambda: numbers[0], 0.0, FakeClock())
    numbers[0] = 1.0
    found: list[float | None] = []
    threads = [threading.Thread(target=lambda: found.append(watch.changed())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(found, key=str) == [0.0, *[None] * 7]


@pytest.mark.row("A130")
def test_a_chain_runs_before_and_after_in_order(app: Atilite, client: Client) -> None:
    order: list[str] = []

    @app.route("/")
    @app.run_before(lambda was: order.append("pre1"), lambda was: order.append("pre2"))
    @app.run_after(lambda was: order.append("post1"), lambda was: was.response.set_header("X-Post", "2"))
    def index(was: Any) -> str:
        order.append("index")
        return "index"

    answer = client.get("/")
    assert (answer.text, order, answer.header("X-Post")) == ("index", ["pre1", "pre2", "index", "post1"], "2")


@pytest.mark.row("A130")
def test_a_prework_that_answers_ends_the_chain(app: Atilite, client: Client) -> None:
    order: list[str] = []

    @app.route("/")
    @app.run_after(lambda was: order.append("post"))
    @app.run_before(lambda was: "instead", lambda was: order.append("pre2"))
    def index() -> str:
        order.append("index")
        return "index"

    assert (client.get("/").text, order) == ("instead", ["post"])


@pytest.mark.row("A130")
def test_postwork_waits_for_the_true_end(app: Atilite, client: Client) -> None:
    order: list[str] = []
    after = app.run_after(lambda was: order.append("post") or "ignored")

    @app.route("/coroutine")
    @after
    def coroutine(was: Any) -> Any:
        yield was.Mask(1)
        order.append("coroutine")
        return "x"

    @app.route("/stream")
    @after
    def stream(was: Any) -> Any:
        yield "a"
        order.append("stream")

    @app.route("/async")
    @after
    async def asynchronous() -> str:
        order.append("async")
        return "x"

    @app.route("/task")
    @after
    def task(was: Any) -> Any:
        return was.Thread(lambda: order.append("task") or "x")

    for path in ("/coroutine", "/stream", "/async", "/task"):
        client.get(path)
    assert order == [word for kind in ("coroutine", "stream", "async", "task") for word in (kind, "post")]


@pytest.mark.row("A130")
def test_after_an_error_there_is_no_postwork(app: Atilite, client: Client) -> None:
    order: list[str] = []
    app.route("/")(app.run_after(lambda was: order.append("post"))(lambda was: 1 / 0))

    assert (client.get("/").status_code, order) == (500, [])
