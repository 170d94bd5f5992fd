"""The page of tasks: what is at work, what waits, how long the loop was kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from atilite.automation.atwork import Doing
from atilite.console import tasks
from atilite.console.words import Clockface
from atilite.errors import TaskCancelled
from atilite.runtime.engine import Runtime, Use
from atilite.runtime.loop import BOUNDS, Lag, Loop
from atilite.runtime.promise import Promise
from atilite.site import Site
from atilite.store.audit import Audit, Wanted
from atilite.store.runs import Progress
from atilite.testing.clock import FakeClock
from tests.console.conftest import Garden, Person


@pytest.mark.row("A138", "A139", "A140")
def test_a_runtime_tells_what_is_at_work_and_what_waits() -> None:
    loop = Loop()
    runtime = Runtime(loop=loop, threads=2)
    gate, begun = threading.Event(), threading.Semaphore(0)

    def wait() -> None:
        begun.release()
        gate.wait(30)

    made = [runtime.Thread(wait) for _ in range(5)]
    sleeping = runtime.Sleep(600)
    program = runtime.Subprocess(["sleep", "600"], timeout=None)
    for _ in range(2):
        assert begun.acquire(timeout=30)
    loop.spawn(lambda: None).wait(30)  # the timer has been set
    found = {use.kind: use for use in runtime.uses()}
    assert found["Thread"] == Use("Thread", 2, 3, 2, 2, 0, 0, 0)
    assert found["Sleep and limits"].waiting == 1
    assert found["Subprocess"].running + found["Subprocess"].waiting == 1
    assert "Process" not in found  # nothing is started for being looked at
    sleeping.cancel()
    program.cancel()
    made[-1].cancel()
    made.append(runtime.Thread(int, "x"))
    gate.set()
    for task in made:
        task.wait(30)
    runtime.stop()
    ended = {use.kind: (use.worked, use.failed, use.cancelled) for use in runtime.uses()}
    assert (ended["Thread"], ended["Subprocess"]) == ((4, 1, 1), (0, 0, 1))
    assert ended["Sleep and limits"] == (None, None, None)
    loop.stop()


def test_the_loop_counts_its_steps_by_how_long_they_took() -> None:
    now = [0.0]
    loop = Loop(timer=lambda: now[0])
    ended: Promise[None] = Promise()

    def step(seconds: float) -> None:
        now[0] += seconds

    def nested() -> None:
        loop.watched(step, 0.06)
        step(0.06)
        ended.set(None)

    for seconds in (0.0005, 0.002, 0.002, 0.02, 0.2, 5.0):
        loop.call_soon(step, seconds)
    loop.call_soon(nested)
    ended.wait(30)
    loop.spawn(lambda: None).wait(30)
    # What was slow inside of a step counts for itself; the whole is told since it kept the loop for 120 ms.
    assert loop.lag.counts == [2, 0, 1, 1, 2, 0, 1]
    assert loop.lag.slow_steps == 3
    loop.stop()


def test_a_pool_without_a_free_thread_is_the_verdict() -> None:
    found = tasks.kinds([Use("Thread", 2, 3, 2, 2), Use("Queue", 1, 0, 1, 1), Use("async def", 4)])
    assert [(kind.name, kind.full, kind.percent) for kind in found] == [
        ("Thread", True, 100),
        ("Queue", False, 100),
        ("async def", False, 0),
    ]
    assert tasks.verdict(found) == ("No thread is free for Thread", "7 at work, 3 waiting.")
    assert tasks.verdict(found[1:])[0] == "Every task has room"


def test_the_server_tells_of_its_requests() -> None:
    stats, workers = SimpleNamespace(busy=1, queued=2, parked=300), SimpleNamespace(size=4)
    requests, parked = tasks.kinds(tasks.served(SimpleNamespace(stats=stats, workers=workers)))
    assert (requests.running, requests.waiting, requests.size) == (1, 2, 4)
    assert (parked.running, parked.waiting, parked.size) == (0, 300, None)
    assert tasks.served(None) == []


def test_steps_are_bars_that_are_said_in_words() -> None:
    figure = tasks.histogram([12, 0, 3, 0, 1, 0, 0])
    assert figure.title == "Steps of the loop: 16 of 1 ms or more, 1 of 100 ms or more"
    assert [(bar.look, bar.height) for bar in figure.bars] == [("", 68), ("", 34), ("bad", 34)]
    assert tasks.histogram([0] * len(BOUNDS)).bars == ()
    assert [fact.name for fact in tasks.lag_facts(Lag())] == ["Over 100 ms"]
    facts = tasks.lag_facts(Lag(1, 0.5, "garden.water", 0.5))
    assert [fact.value for fact in facts] == ["1", "500 ms", "garden.water, 500 ms"]


def test_the_page_and_its_twin_tell_the_same(person: Callable[[str], Person]) -> None:
    viewer = person("view")
    page = viewer.get("/tasks")
    assert page.status_code == 200
    assert "Steps that kept the loop" in page.text
    twin = viewer.get("/tasks.json").json()
    assert "Thread" in [kind["name"] for kind in twin["kinds"]]
    assert [one["least"] for one in twin["steps"]] == list(BOUNDS)
    assert '/tasks">Tasks</a>' in viewer.get("/settings").text


class Busy:
    """A function that a run starts on a thread, and that goes on until the gate is opened."""

    def __init__(self) -> None:
        self.begun, self.open = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        self.open.wait(30)


@pytest.fixture
def busy(garden: Garden) -> Iterator[Busy]:
    made = Busy()
    yield made
    made.open.set()


def rows_of(who: Person) -> dict[str, dict[str, Any]]:
    return {row["name"].rpartition(".")[2]: row for row in who.get("/tasks.json").json()["tasks"]}


@pytest.mark.row("A138")
def test_a_run_and_the_task_within_it_are_shown_with_progress_and_the_way_to_the_run(
    site: Site, garden: Garden, person: Callable[[str], Person]
) -> None:
    number, task = site.catalogue.start_action("Hold", {}, "call")
    told = Promise[None]()
    stop = site.catalogue.journals.progressed.listen(lambda id: id == number and told.set(None))
    if site.catalogue.journals.progress(number) is None:
        told.wait(20)
    stop()
    viewer = person("view")
    row = rows_of(viewer)["Hold"]
    assert (row["kind"], row["run"], row["percent"], row["progress"]) == ("Run", number, 50, "50 %, half way")
    page = viewer.get("/tasks").text
    assert f'/runs/{number}">Hold</a>' in page
    assert "/cancel" not in page  # somebody who only looks has no such button
    garden.go.set()
    task.wait(20)


@pytest.mark.row("A138")
def test_a_task_is_cancelled_by_its_button_and_the_page_says_what_came_of_it(
    site: Site, garden: Garden, busy: Busy, person: Callable[[str], Person]
) -> None:
    task = garden.app.Subprocess(["sleep", "600"], timeout=None)
    held = garden.app.Thread(busy)
    assert busy.begun.wait(30)
    runner = person("run")
    rows = rows_of(runner)
    page = runner.get("/tasks").text
    assert f"/tasks/{rows['sleep']['id']}/cancel" in page
    assert f"/tasks/{rows['Busy']['id']}/cancel" not in page  # nobody can stop a thread
    assert "name go" not in page  # a link as large as its row would lie over the button
    answer = runner.post(f"/tasks/{rows['sleep']['id']}/cancel")
    assert answer.status_code == 303
    assert "sleep was asked to end." in runner.get("/tasks").text
    with pytest.raises(TaskCancelled):
        task.fetch(30)
    runner.post(f"/tasks/{rows['Busy']['id']}/cancel")
    assert "cannot be stopped: it goes on" in runner.get("/tasks").text
    runner.post(f"/tasks/{rows['sleep']['id']}/cancel")
    assert "It had ended already." in runner.get("/tasks").text
    trail = [(one.what, one.target) for one in site.database().part(Audit).search(Wanted(what="cancel task"))]
    assert ("cancel task", "sleep") in trail
    busy.open.set()
    held.wait(30)


def test_a_row_tells_the_share_that_is_done_and_offers_what_the_person_may_and_the_task_can() -> None:
    face = Clockface(FakeClock().now())
    shown = tasks.row(Doing("run-7", "Run", "Water", 90.0, True, 7, Progress(3, 4, "zone"), True), face, False)
    assert (shown.percent, shown.progress, shown.lasts.words) == (75, "75 %, zone", "1 min 30 s")
    assert not shown.may_cancel
    assert not tasks.row(Doing("thread-1", "Thread", "f", 0.1, True, None, None, False), face, True).may_cancel
