"""What the pools and the asyncio loop tell of the tasks that they are at."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from atilite.context import current_run
from atilite.errors import TaskCancelled
from atilite.runtime.engine import Runtime
from atilite.runtime.loop import Loop
from atilite.runtime.subprocesses import program_name
from atilite.runtime.task import Task


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    loop = Loop()
    runtime = Runtime(loop=loop, threads=1, processes=1)
    yield runtime
    runtime.stop()
    loop.stop()


class Gate:
    """Holds the one thread of a runtime until it is opened."""

    def __init__(self) -> None:
        self.begun, self.open = threading.Event(), threading.Event()

    def hold(self) -> None:
        self.begun.set()
        self.open.wait(30)


def never() -> None:
    """Is called off before it begins."""


@pytest.mark.row("A138", "A139")
def test_what_runs_on_a_thread_comes_before_what_waits_and_only_the_latter_can_be_stopped(runtime: Runtime) -> None:
    gate = Gate()
    held = runtime.Thread(gate.hold)
    assert gate.begun.wait(30)
    waiting = [runtime.Thread(never) for _ in range(3)]
    found, total = runtime.at_work(3)
    assert total == 4
    assert [(one.name.rpartition(".")[2], one.running, one.stoppable) for one in found] == [
        ("hold", True, False), ("never", False, True), ("never", False, True)
    ]  # fmt: skip
    assert found[1].since <= found[2].since <= time.monotonic()
    assert len({one.id for one in found}) == 3
    assert found[0].cancel() is False
    named = runtime.working(found[1].id)
    assert named is not None
    assert named.cancel() is True
    with pytest.raises(TaskCancelled):
        waiting[0].fetch(30)
    assert runtime.working(found[1].id) is None
    assert [one.id for one in runtime.at_work(9)[0]][:2] == [found[0].id, found[2].id]  # an id is kept
    gate.open.set()
    for task in (held, *waiting[1:]):
        task.wait(30)
    assert runtime.Thread(int).fetch(30) == 0
    assert runtime.working(found[0].id) is None


@pytest.mark.row("A140")
def test_a_program_and_a_process_are_named_without_what_they_were_given_and_can_be_stopped(runtime: Runtime) -> None:
    tasks = [runtime.Subprocess(["sleep", "600"], timeout=None), runtime.Process(time.sleep, 600, timeout=None)]
    found = {one.kind: one for one in runtime.at_work(9)[0] if one.kind != "Thread"}
    assert {kind: one.name for kind, one in found.items()} == {"Subprocess": "sleep", "Process": "time.sleep"}
    for one in found.values():
        assert one.stoppable
        assert one.cancel()
    for task in tasks:
        with pytest.raises(TaskCancelled):
            task.fetch(30)


@pytest.mark.parametrize(
    ("command", "name"),
    [(["curl", "-H", "secret"], "curl"), ("curl -H secret", "curl"), ("KEY=secret curl x", "curl"), ("", "a program")],
)
def test_a_command_is_told_of_by_its_program_alone(command: str | list[str], name: str) -> None:
    assert program_name(command) == name


@pytest.mark.row("A138")
def test_a_coroutine_belongs_to_the_run_that_began_it_and_ends_when_it_is_told_to(runtime: Runtime) -> None:
    begun, run = threading.Event(), object()

    async def listen() -> None:
        begun.set()
        await asyncio.sleep(600)

    token = current_run.set(run)
    task = Task(runtime.run(listen), timeout=None)
    current_run.reset(token)
    assert begun.wait(30)
    (found,), total = runtime.at_work(9)
    assert (found.kind, found.running, found.run, total) == ("async def", True, run, 1)
    assert found.name.endswith("listen")
    assert found.name.startswith(__name__)
    named = runtime.working(found.id)
    assert named is not None
    named.cancel()
    with pytest.raises(TaskCancelled):
        task.fetch(30)
    assert runtime.at_work(9) == ([], 0)


@pytest.mark.parametrize("id", ["", "thread", "thread-", "thread-0", "thread-99", "thread-x", "other-1", "async-1"])
def test_an_id_that_names_nothing_finds_nothing(runtime: Runtime, id: str) -> None:
    assert runtime.working(id) is None
