"""One call starts a function of any kind where it belongs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from typing import Any

import pytest

from atilite.context import current_journal
from atilite.errors import TaskCancelled
from atilite.runtime.engine import Runtime
from atilite.runtime.kinds import run_function
from atilite.runtime.promise import Promise
from atilite.runtime.task import Mask, Task

Coroutine = Generator[Any, Any, Any]


def thread() -> str:
    return threading.current_thread().name


def test_a_plain_function_runs_on_a_pool_thread_or_one_of_its_own(runtime: Runtime) -> None:
    assert run_function(thread, runtime=runtime).wait(10).startswith("atilite-task")
    assert run_function(thread, runtime=runtime, start="dedicated").wait(10).endswith("test_kinds.thread")
    assert run_function(int, ("11",), {"base": 2}, runtime=runtime).wait(10) == 3


@pytest.mark.row("A144", "A145")
def test_a_generator_begins_on_a_thread_and_goes_on_on_the_hub(runtime: Runtime) -> None:
    def coroutine(number: int) -> Coroutine:
        first = thread()
        task = yield runtime.Thread(lambda: number)
        return first, thread(), task.fetch()

    first, then, number = run_function(coroutine, (4,), runtime=runtime).wait(10)

    assert first.startswith("atilite-task")
    assert (then, number) == ("atilite-hub", 4)
    assert run_function(coroutine, (4,), runtime=runtime, start="hub").wait(10)[0] == "atilite-hub"
    assert run_function(coroutine, (4,), runtime=runtime, resume="thread").wait(10)[1].startswith("atilite-task")


def test_an_async_function_runs_on_the_asyncio_thread(runtime: Runtime) -> None:
    async def code() -> str:
        return thread()

    assert run_function(code, runtime=runtime).wait(10) == "atilite-aio"


def test_what_a_plain_function_returns_is_followed(runtime: Runtime) -> None:
    def coroutine() -> Coroutine:
        task = yield Mask(1)
        return task.fetch()

    assert run_function(lambda: coroutine(), runtime=runtime).wait(10) == 1
    assert run_function(lambda: asyncio.sleep(0, 2), runtime=runtime).wait(10) == 2
    assert run_function(lambda: Mask([3], filter=len), runtime=runtime).wait(10) == 1
    assert run_function(lambda: Promise.completed(4), runtime=runtime).wait(10) == 4


def test_errors_of_every_kind_are_the_promise_s(runtime: Runtime) -> None:
    def plain() -> None:
        raise KeyError("plain")

    def generator() -> Coroutine:
        yield Mask(1)
        raise KeyError("generator")

    async def coroutine() -> None:
        raise KeyError("async")

    for function in (plain, generator, coroutine):
        with pytest.raises(KeyError):
            run_function(function, runtime=runtime).wait(10)
    with pytest.raises(TypeError):
        run_function(coroutine, (1, 2), runtime=runtime).wait(10)


def test_every_kind_sees_the_caller_s_journal(runtime: Runtime) -> None:
    def plain() -> int | None:
        return current_journal.get()

    def generator() -> Coroutine:
        yield runtime.Sleep(0.001)
        return current_journal.get()

    async def coroutine() -> int | None:
        await asyncio.sleep(0)
        return current_journal.get()

    token = current_journal.set(6)
    try:
        promises = [run_function(function, runtime=runtime) for function in (plain, generator, coroutine)]
        promises.append(run_function(generator, runtime=runtime, start="hub"))
        promises.append(run_function(plain, runtime=runtime, start="dedicated"))
    finally:
        current_journal.reset(token)

    assert [promise.wait(10) for promise in promises] == [6] * 5


def test_chunks_of_a_generator_go_to_on_chunk(runtime: Runtime) -> None:
    chunks: list[Any] = []

    def coroutine() -> Coroutine:
        yield "a"
        yield "b"

    run_function(coroutine, runtime=runtime, on_chunk=chunks.append).wait(10)

    assert chunks == ["a", "b"]


def test_a_cancel_closes_a_generator(runtime: Runtime) -> None:
    began: Promise[None] = Promise()
    closed: list[bool] = []

    def coroutine() -> Coroutine:
        try:
            began.set(None)
            yield Task(Promise(), timeout=None)
        finally:
            closed.append(True)

    promise = run_function(coroutine, runtime=runtime)
    began.wait(10)

    assert promise.cancel()
    with pytest.raises(TaskCancelled):
        promise.wait(10)
    assert closed == [True]


def test_a_cancel_during_the_first_step_of_a_generator_closes_it_at_its_end(runtime: Runtime) -> None:
    entered, leave = Promise[None](), Promise[None]()

    def coroutine() -> Coroutine:
        entered.set(None)
        leave.wait(10)
        yield runtime.Sleep(3600)

    promise = run_function(coroutine, runtime=runtime)
    entered.wait(10)

    assert promise.cancel()
    leave.set(None)
    with pytest.raises(TaskCancelled):
        promise.wait(10)


def test_a_cancel_cancels_a_coroutine(runtime: Runtime) -> None:
    promise = run_function(asyncio.sleep, (3600,), runtime=runtime)

    assert promise.cancel()
    with pytest.raises(TaskCancelled):
        promise.wait(10)


def test_a_plain_function_that_runs_cannot_be_cancelled_and_its_promise_tells_the_truth(runtime: Runtime) -> None:
    entered, leave = Promise[None](), Promise[None]()

    def work() -> str:
        entered.set(None)
        leave.wait(10)
        return "done"

    promise = run_function(work, runtime=runtime)
    entered.wait(10)

    assert not promise.cancel()
    assert not promise.done
    leave.set(None)
    assert promise.wait(10) == "done"


def test_a_queued_function_is_called_off(runtime: Runtime) -> None:
    gate: Promise[None] = Promise()
    busy = [runtime.threads.submit(gate.wait, 10) for _ in range(runtime.threads.size)]
    ran: list[int] = []
    promise = run_function(ran.append, (1,), runtime=runtime)

    assert promise.cancel()
    with pytest.raises(TaskCancelled):
        promise.wait(10)
    gate.set(None)
    for other in busy:
        other.wait(10)
    runtime.threads.submit(int).wait(10)
    assert ran == []
