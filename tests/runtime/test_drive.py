"""A generator driven to its end: where its steps run, what it is sent, how it is cancelled."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextvars import ContextVar
from typing import Any

import pytest

from atilite.context import current_journal
from atilite.errors import HubBlocked, TaskCancelled, TaskTimeout
from atilite.runtime.coroutine import advance
from atilite.runtime.drive import BURST, Drive
from atilite.runtime.engine import Runtime
from atilite.runtime.loop import Loop
from atilite.runtime.promise import Promise
from atilite.runtime.task import Mask, Task, Tasks

Coroutine = Generator[Any, Any, Any]
place: ContextVar[str] = ContextVar("place", default="nowhere")


def run(loop: Loop, generator: Coroutine, **options: Any) -> Any:
    drive = Drive(generator, loop=loop, **options)
    drive.start()
    return drive.promise.wait(10)


@pytest.mark.row("A144")
def test_a_finished_task_is_sent_back_and_the_return_value_is_the_result(runtime: Runtime) -> None:
    def coroutine() -> Coroutine:
        task = yield runtime.Thread(lambda: 20)
        tasks = yield Tasks(a=Mask(1), b=runtime.Sleep(0.001))
        return task.fetch(), tasks.fetch()

    assert run(runtime.loop, coroutine()) == (20, {"a": 1, "b": None})


@pytest.mark.row("A144")
def test_a_generator_that_returns_at_once_is_a_plain_result(loop: Loop) -> None:
    def coroutine() -> Coroutine:
        return "at once"
        yield

    assert run(loop, coroutine()) == "at once"


@pytest.mark.row("A145")
def test_the_first_step_runs_in_the_caller_s_thread_and_the_others_on_the_hub(runtime: Runtime) -> None:
    places: list[tuple[str, bool]] = []

    def look() -> None:
        places.append((threading.current_thread().name, runtime.loop.in_greenlet()))

    def coroutine() -> Coroutine:
        look()
        yield runtime.Thread(int)
        look()
        yield Mask(1)
        look()

    drive = Drive(coroutine(), loop=runtime.loop)
    drive.start_here()
    drive.promise.wait(10)

    assert places == [(threading.current_thread().name, False), ("atilite-hub", True), ("atilite-hub", True)]


@pytest.mark.row("A145")
def test_with_resume_thread_it_goes_on_where_blocking_is_allowed(runtime: Runtime) -> None:
    def coroutine() -> Coroutine:
        yield runtime.Sleep(0.001)
        # Fetching what has not ended blocks this thread, and only this one.
        return threading.current_thread().name, runtime.Thread(lambda: 3).fetch()

    name, value = run(runtime.loop, coroutine(), resume="thread", threads=runtime.threads)

    assert name.startswith("atilite-task")
    assert value == 3


@pytest.mark.row("A145")
def test_on_the_hub_fetch_of_an_unfinished_task_lets_the_others_go_on(runtime: Runtime) -> None:
    gate: Promise[int] = Promise()

    def coroutine() -> Coroutine:
        yield Mask(0)
        return Task(gate).fetch()

    first = Drive(coroutine(), loop=runtime.loop)
    first.start()

    assert run(runtime.loop, iter_once()) == "served"
    gate.set(11)
    assert first.promise.wait(10) == 11


def iter_once() -> Coroutine:
    yield Mask(1)
    return "served"


@pytest.mark.row("A146")
def test_the_error_of_a_yielded_task_surfaces_at_fetch(runtime: Runtime) -> None:
    def careful() -> Coroutine:
        task = yield runtime.Thread(lambda: 1 / 0)
        try:
            task.fetch()
        except ZeroDivisionError:
            return "seen"

    def careless() -> Coroutine:
        task = yield runtime.Thread(lambda: 1 / 0)
        return task.fetch()

    assert run(runtime.loop, careful()) == "seen"
    with pytest.raises(ZeroDivisionError):
        run(runtime.loop, careless())


@pytest.mark.row("A146")
@pytest.mark.parametrize("finished", [True, False])
def test_an_error_after_a_yield_is_the_drive_s_whether_the_task_was_finished_or_not(
    runtime: Runtime, finished: bool
) -> None:
    def coroutine() -> Coroutine:
        yield Mask(1) if finished else runtime.Sleep(0.001)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run(runtime.loop, coroutine())


@pytest.mark.row("A133", "A144")
def test_a_task_whose_time_is_over_is_sent_back_and_raises_at_once(loop: Loop) -> None:
    def coroutine() -> Coroutine:
        task = yield Task(Promise(), timeout=0.01)
        try:
            task.fetch()
        except TaskTimeout as error:
            return str(error)

    assert "0.01 s" in run(loop, coroutine())


def test_an_end_just_after_the_time_was_over_does_not_resume_it_twice(loop: Loop) -> None:
    late: Promise[int] = Promise()
    resumed: list[bool] = []

    def coroutine() -> Coroutine:
        task = yield Task(late, timeout=0.01)
        resumed.append(task.expired)
        late.set(1)
        yield Task(Promise(), timeout=0.01)
        resumed.append(True)

    run(loop, coroutine())

    assert resumed == [True, True]


@pytest.mark.row("A144")
def test_all_steps_share_one_context_made_from_the_caller_s(runtime: Runtime) -> None:
    seen: list[Any] = []

    def coroutine() -> Coroutine:
        seen.append((place.get(), current_journal.get()))
        place.set("changed in a step")
        yield runtime.Thread(int)
        seen.append((place.get(), current_journal.get()))
        inner = yield runtime.Thread(lambda: (place.get(), current_journal.get()))
        seen.append(inner.fetch())

    place.set("caller")
    token = current_journal.set(5)
    try:
        drive = Drive(coroutine(), loop=runtime.loop)
    finally:
        current_journal.reset(token)
    drive.start()
    drive.promise.wait(10)

    assert seen == [("caller", 5), ("changed in a step", 5), ("changed in a step", 5)]
    assert place.get() == "caller"


def test_two_drives_do_not_see_each_other_s_context(runtime: Runtime) -> None:
    def coroutine(name: str) -> Coroutine:
        place.set(name)
        yield runtime.Sleep(0.005)
        return place.get()

    drives = [Drive(coroutine(name), loop=runtime.loop) for name in "abc"]
    for drive in drives:
        drive.start()

    assert [drive.promise.wait(10) for drive in drives] == ["a", "b", "c"]


def test_chunks_are_given_to_on_chunk_on_the_hub_in_order(runtime: Runtime) -> None:
    chunks: list[Any] = []

    def accept(data: Any) -> None:
        chunks.append((data, runtime.loop.inside()))

    def coroutine() -> Coroutine:
        yield "first"
        yield runtime.Sleep(0.001)
        yield b"second"

    drive = Drive(coroutine(), loop=runtime.loop, on_chunk=accept)
    drive.start_here()
    drive.promise.wait(10)

    assert chunks == [("first", True), (b"second", True)]


def test_a_chunk_that_is_not_taken_yet_holds_the_generator_back(loop: Loop) -> None:
    drained: Promise[None] = Promise()
    offered: Promise[None] = Promise()
    went_on: list[bool] = []

    def accept(data: Any) -> Promise[None]:
        offered.set(None)
        return drained

    def coroutine() -> Coroutine:
        yield "much"
        went_on.append(drained.done)

    drive = Drive(coroutine(), loop=loop, on_chunk=accept)
    drive.start()
    offered.wait(10)
    loop.spawn(int).wait(10)
    assert went_on == []

    drained.set(None)
    drive.promise.wait(10)
    assert went_on == [True]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_chunk_that_cannot_be_taken_raises_in_the_generator(loop: Loop, at_once: bool) -> None:
    def accept(data: Any) -> Promise[Any]:
        if at_once:
            raise BrokenPipeError
        return Promise.failed(BrokenPipeError())

    def coroutine() -> Coroutine:
        try:
            yield "into the void"
        except BrokenPipeError:
            return "noticed"

    assert run(loop, coroutine(), on_chunk=accept) == "noticed"


def test_without_on_chunk_a_chunk_is_a_mistake_that_is_named(loop: Loop) -> None:
    def coroutine() -> Coroutine:
        yield 5

    with pytest.raises(TypeError, match="yields tasks here, not int"):
        run(loop, coroutine())


def test_a_cancel_while_it_waits_closes_the_generator_before_the_promise_fails(runtime: Runtime) -> None:
    began: Promise[None] = Promise()
    closed: list[bool] = []

    def coroutine() -> Coroutine:
        try:
            began.set(None)
            yield Task(Promise(), timeout=None)
        finally:
            closed.append(True)

    drive = Drive(coroutine(), loop=runtime.loop)
    drive.start()
    began.wait(10)

    assert drive.promise.cancel()
    with pytest.raises(TaskCancelled):
        drive.promise.wait(10)
    assert closed == [True]


def test_a_cancel_closes_it_on_a_thread_if_it_runs_on_threads(runtime: Runtime) -> None:
    names: list[str] = []
    waiting: Promise[Any] = Promise()

    def coroutine() -> Coroutine:
        try:
            yield Task(waiting, timeout=None)
        finally:
            names.append(threading.current_thread().name)

    drive = Drive(coroutine(), loop=runtime.loop, resume="thread", threads=runtime.threads)
    drive.start_here()
    runtime.loop.spawn(int).wait(10)
    drive.promise.cancel()

    with pytest.raises(TaskCancelled):
        drive.promise.wait(10)
    assert names[0].startswith("atilite-task")


def test_a_cancel_during_a_step_takes_effect_at_its_end(runtime: Runtime) -> None:
    entered, leave = Promise[None](), Promise[None]()
    steps: list[str] = []

    def coroutine() -> Coroutine:
        try:
            entered.set(None)
            leave.wait(10)
            steps.append("step ended")
            yield Mask(1)
            steps.append("next step")
        finally:
            steps.append("closed")

    drive = Drive(coroutine(), loop=runtime.loop)
    runtime.threads.submit(drive.start_here)
    entered.wait(10)
    drive.cancel()
    runtime.loop.spawn(int).wait(10)
    leave.set(None)

    with pytest.raises(TaskCancelled):
        drive.promise.wait(10)
    assert steps == ["step ended", "closed"]


def test_one_that_is_cancelled_before_it_begins_never_does(loop: Loop) -> None:
    ran: list[int] = []

    def coroutine() -> Coroutine:
        ran.append(1)
        yield Mask(1)

    drive = Drive(coroutine(), loop=loop)
    drive.promise.cancel()
    loop.spawn(int).wait(10)
    drive.start()

    with pytest.raises(TaskCancelled):
        drive.promise.wait(10)
    assert ran == []


def test_the_task_that_was_waited_for_goes_on_after_a_cancel(runtime: Runtime) -> None:
    shared: Promise[int] = Promise()

    def coroutine() -> Coroutine:
        yield Task(shared)

    drive = Drive(coroutine(), loop=runtime.loop)
    drive.start()
    drive.promise.cancel()
    with pytest.raises(TaskCancelled):
        drive.promise.wait(10)

    assert not shared.done


def test_an_error_in_finally_is_how_a_cancelled_one_ended(loop: Loop) -> None:
    began: Promise[None] = Promise()

    def coroutine() -> Coroutine:
        try:
            began.set(None)
            yield Task(Promise())
        finally:
            raise OSError("cannot clean up")

    drive = Drive(coroutine(), loop=loop)
    drive.start()
    began.wait(10)
    drive.cancel()

    with pytest.raises(OSError, match="cannot clean up"):
        drive.promise.wait(10)


def test_a_started_generator_can_be_taken_over(loop: Loop) -> None:
    def coroutine() -> Coroutine:
        task = yield Mask(4)
        return task.fetch()

    generator = coroutine()
    drive = Drive(generator, loop=loop)
    drive.follow(advance(generator))
    assert drive.promise.wait(10) == 4

    ended = Drive(iter_once(), loop=loop)
    generator = iter_nothing()
    ended.follow(advance(generator))
    assert ended.promise.wait(10) == "nothing"


def iter_nothing() -> Coroutine:
    return "nothing"
    yield


def test_one_with_thousands_of_finished_tasks_lets_the_others_have_their_turn(loop: Loop) -> None:
    turns: list[int] = []
    steps: list[int] = []

    def greedy() -> Coroutine:
        loop.call_soon(lambda: turns.append(len(steps)))
        for number in range(BURST * 10):
            steps.append(number)
            yield Mask(number)

    run(loop, greedy())

    assert turns[0] <= BURST
    assert len(steps) == BURST * 10


def test_thousands_wait_without_a_thread(runtime: Runtime) -> None:
    gate: Promise[int] = Promise()

    def coroutine() -> Coroutine:
        task = yield Task(gate)
        return task.fetch()

    threads = threading.active_count()
    drives = [Drive(coroutine(), loop=runtime.loop) for _ in range(2000)]
    for drive in drives:
        drive.start()
    runtime.loop.spawn(int).wait(10)
    assert threading.active_count() <= threads + 1

    gate.set(1)
    assert sum(drive.promise.wait(10) for drive in drives) == 2000


def test_a_slow_step_is_named_after_the_generator() -> None:
    now = [0.0]
    loop = Loop(timer=lambda: now[0])

    def heavy_coroutine() -> Coroutine:
        yield Mask(1)
        now[0] += 0.5

    run(loop, heavy_coroutine())
    loop.spawn(int).wait(10)
    loop.stop()

    assert "heavy_coroutine" in loop.lag.last


def test_resuming_on_threads_needs_threads(loop: Loop) -> None:
    with pytest.raises(ValueError, match="threads"):
        Drive(iter_once(), loop=loop, resume="thread")


def test_a_bare_hub_wait_is_refused_but_its_promise_can_be_watched(loop: Loop) -> None:
    drive = Drive(iter_once(), loop=loop)
    found: Promise[object] = Promise()

    def step() -> None:
        try:
            drive.promise.wait()
        except HubBlocked:
            drive.promise.on_done(lambda ended: found.set(ended.value))
            drive.start()

    loop.call_soon(step)

    assert found.wait(10) == "served"
