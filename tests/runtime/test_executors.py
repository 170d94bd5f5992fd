"""Plain functions on threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from atilite.context import current_journal
from atilite.errors import TaskCancelled, TaskError
from atilite.runtime.executors import FEW, Threads
from atilite.runtime.loop import Loop
from atilite.runtime.promise import Promise

place: ContextVar[str] = ContextVar("place", default="nowhere")


@pytest.fixture
def threads() -> Iterator[Threads]:
    threads = Threads(2)
    yield threads
    threads.stop(2)


@pytest.mark.row("A138")
def test_a_function_runs_on_a_daemon_thread_of_the_pool(threads: Threads) -> None:
    def work(a: int, *, b: int) -> tuple[int, str, bool]:
        thread = threading.current_thread()
        return a + b, thread.name, thread.daemon

    total, name, daemon = threads.submit(work, 1, b=2).wait(10)

    assert total == 3
    assert name.startswith("atilite-task")
    assert daemon


@pytest.mark.row("A138")
def test_threads_are_started_when_they_are_needed_and_never_more_than_the_size() -> None:
    threads = Threads(3)
    gate: Promise[None] = Promise()
    assert not threads._threads

    threads.submit(int).wait(10)
    first = [threads.submit(gate.wait, 10) for _ in range(10)]
    assert len(threads._threads) == 3
    assert threads.open >= 10

    gate.set(None)
    for promise in first:
        promise.wait(10)
    assert threads.stop(5) == 0


def test_something_may_be_done_once_before_there_are_many_threads() -> None:
    threads = Threads(FEW + 2)
    gate: Promise[None] = Promise()
    started: list[int] = []
    threads.before_many = lambda: started.append(threads.started)

    waiting = [threads.submit(gate.wait, 10) for _ in range(FEW)]
    assert started == []
    waiting += [threads.submit(gate.wait, 10) for _ in range(2)]
    assert started == [FEW]

    gate.set(None)
    for promise in waiting:
        promise.wait(10)
    assert threads.stop(5) == 0


@pytest.mark.row("A138")
def test_the_caller_s_context_is_carried(threads: Threads) -> None:
    place.set("here")
    journal = current_journal.set(17)
    try:
        assert threads.submit(lambda: (place.get(), current_journal.get())).wait(10) == ("here", 17)
        assert threads.dedicated(lambda: (place.get(), current_journal.get())).wait(10) == ("here", 17)
    finally:
        current_journal.reset(journal)
    assert threads.submit(current_journal.get).wait(10) is None


@pytest.mark.row("A146")
def test_an_error_is_the_promise_s_and_the_thread_goes_on(threads: Threads) -> None:
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 / 0).wait(10)
    with pytest.raises(TaskError, match="SystemExit"):
        threads.submit(exit, 3).wait(10)

    assert threads.submit(lambda: "alive").wait(10) == "alive"


def test_a_queued_call_can_be_cancelled_a_running_one_cannot(threads: Threads) -> None:
    gate: Promise[None] = Promise()
    began = [Promise[None]() for _ in range(2)]

    def work(begin: Promise[None]) -> str:
        begin.set(None)
        gate.wait(10)
        return "done"

    running = [threads.submit(work, begin) for begin in began]
    for begin in began:
        begin.wait(10)
    ran: list[int] = []
    queued = threads.submit(ran.append, 1)

    assert queued.cancel()
    assert not running[0].cancel()
    gate.set(None)

    assert running[0].wait(10) == "done"
    with pytest.raises(TaskCancelled):
        queued.wait(10)
    threads.submit(int).wait(10)
    assert ran == []


def test_a_dedicated_thread_takes_no_place_in_the_pool(threads: Threads) -> None:
    gate: Promise[str] = Promise()
    endless = [threads.dedicated(gate.wait, 10) for _ in range(5)]

    assert threads.submit(lambda: "free").wait(10) == "free"
    gate.set("end")
    assert [promise.wait(10) for promise in endless] == ["end"] * 5


def test_stop_cancels_what_is_queued_and_tells_what_goes_on() -> None:
    threads = Threads(1)
    gate: Promise[None] = Promise()
    began: Promise[None] = Promise()

    def work() -> None:
        began.set(None)
        gate.wait(10)

    running = threads.submit(work)
    queued = threads.submit(int)
    began.wait(10)

    assert threads.stop(0.01) == 1
    with pytest.raises(TaskCancelled):
        queued.wait(10)
    gate.set(None)
    running.wait(10)
    with pytest.raises(TaskError, match="stopped"):
        threads.submit(int).wait(10)


def test_a_waiting_thread_keeps_nothing_of_its_last_call(threads: Threads) -> None:
    import weakref

    class Big:
        pass

    gone = threading.Event()
    big = Big()
    weakref.finalize(big, gone.set)
    threads.submit(lambda thing: None, big).wait(10)
    del big

    assert gone.wait(10)


def test_threads_that_are_not_needed_any_more_end_and_the_others_go_on() -> None:
    threads = Threads(6)
    gate = threading.Barrier(7)
    held = [threads.submit(gate.wait, 10) for _ in range(6)]
    gate.wait(10)
    for one in held:
        one.wait(10)
    before = [thread for thread in threading.enumerate() if thread in threads._threads]
    threads.shrink(2)
    assert [threads.submit(lambda number=number: number).wait(10) for number in range(20)] == list(range(20))  # type: ignore[misc]
    for thread in before:
        if thread not in threads._threads:
            thread.join(10)
    assert threads.size == 2
    assert threads.stop(5) == 0


def test_on_the_loop_a_thread_begins_after_what_the_hub_does_just_then() -> None:
    loop = Loop()
    threads = Threads(2, loop=loop)
    order: list[str] = []
    both: Promise[None] = Promise()

    def work() -> None:
        order.append("thread")
        both.set(None)

    def turn() -> None:
        threads.submit(work)
        threads.submit(int)  # a second one, so that the first thread has every chance to run
        threading.Event().wait(0.05)
        order.append("hub")

    loop.call_soon(turn)
    both.wait(10)
    threads.stop(2)
    loop.stop()

    assert order == ["hub", "thread"]


def test_a_call_that_was_on_its_way_over_the_loop_is_called_off_when_the_threads_stop() -> None:
    loop = Loop()
    threads = Threads(2, loop=loop)
    submitted: Promise[Promise[int]] = Promise()

    def turn() -> None:
        call = threads.submit(int)
        threads.stop(0)
        submitted.set(call)

    loop.call_soon(turn)
    call = submitted.wait(10)
    with pytest.raises(TaskCancelled):
        call.wait(10)
    loop.stop()
