"""A promise is settled once, whoever waits for it and wherever."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading

import pytest

from atilite.errors import HubBlocked, TaskCancelled, TaskError, TaskTimeout
from atilite.runtime.loop import Loop
from atilite.runtime.promise import Promise, Work


def test_the_first_one_to_settle_wins() -> None:
    promise: Promise[int] = Promise()

    assert promise.set(1)
    assert not promise.set(2)
    assert not promise.fail(ValueError())
    assert promise.wait() == 1
    assert (promise.done, promise.value, promise.error) == (True, 1, None)


def test_of_many_threads_that_settle_one_wins_and_the_callback_comes_once() -> None:
    for _ in range(50):
        promise: Promise[int] = Promise()
        told: list[int | None] = []
        promise.on_done(lambda ended, told=told: told.append(ended.value))
        barrier = threading.Barrier(4)
        won: list[int] = []

        def settle(number: int, promise: Promise[int] = promise, barrier=barrier, won: list[int] = won) -> None:
            barrier.wait()
            if promise.set(number):
                won.append(number)

        threads = [threading.Thread(target=settle, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert told == won
        assert len(won) == 1


def test_a_callback_added_while_another_thread_settles_is_called_exactly_once() -> None:
    for _ in range(200):
        promise: Promise[int] = Promise()
        told: list[int] = []
        barrier = threading.Barrier(2)

        def settle(promise: Promise[int] = promise, barrier=barrier) -> None:
            barrier.wait()
            promise.set(1)

        thread = threading.Thread(target=settle)
        thread.start()
        barrier.wait()
        promise.on_done(lambda _, told=told: told.append(1))
        thread.join()

        assert told == [1]


def test_a_thread_is_woken_by_a_value_and_by_an_error() -> None:
    good: Promise[str] = Promise()
    bad: Promise[str] = Promise()
    threading.Thread(target=lambda: (good.set("here"), bad.fail(KeyError("gone")))).start()

    assert good.wait(10) == "here"
    with pytest.raises(KeyError, match="gone"):
        bad.wait(10)


def test_a_wait_that_is_too_long_raises_and_the_promise_stays_open() -> None:
    promise: Promise[int] = Promise()

    with pytest.raises(TaskTimeout):
        promise.wait(0.01)
    with pytest.raises(TimeoutError):
        promise.wait(0)

    promise.set(5)
    assert promise.wait(0) == 5


def test_a_greenlet_waits_while_the_hub_goes_on(loop: Loop) -> None:
    promise: Promise[int] = Promise()
    waiting = loop.spawn(promise.wait, 10)
    meanwhile = loop.spawn(lambda: "served")

    assert meanwhile.wait(10) == "served"
    promise.set(7)
    assert waiting.wait(10) == 7


def test_a_greenlet_s_wait_ends_when_its_time_is_over(loop: Loop) -> None:
    waiting = loop.spawn(lambda: Promise().wait(0.01))

    with pytest.raises(TaskTimeout):
        waiting.wait(10)


@pytest.mark.row("A145")
def test_on_the_bare_hub_a_wait_is_refused_instead_of_stopping_everybody(loop: Loop) -> None:
    outcome: Promise[BaseException] = Promise()

    def step() -> None:
        try:
            Promise().wait()
        except HubBlocked as error:
            outcome.set(error)

    loop.call_soon(step)

    assert "yield" in str(outcome.wait(10))


def test_in_async_code_a_blocking_wait_is_refused_and_says_await() -> None:
    async def code() -> None:
        Promise().wait()

    with pytest.raises(HubBlocked, match="await"):
        asyncio.run(code())


def test_a_settled_promise_may_be_read_everywhere(loop: Loop) -> None:
    outcome: Promise[int] = Promise()
    loop.call_soon(lambda: outcome.set(Promise.completed(3).wait()))

    assert outcome.wait(10) == 3


def test_it_can_be_awaited() -> None:
    promise: Promise[int] = Promise()

    async def code() -> int:
        asyncio.get_running_loop().call_later(0.01, lambda: threading.Thread(target=promise.set, args=(4,)).start())
        return await promise

    assert asyncio.run(code()) == 4


def test_an_awaited_error_is_raised_and_a_closed_asyncio_loop_hurts_nobody() -> None:
    forgotten: Promise[int] = Promise()

    async def code() -> int:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_await(forgotten), 0.01)
        return await Promise.failed(ValueError("bad"))

    with pytest.raises(ValueError, match="bad"):
        asyncio.run(code())
    assert forgotten.set(1)


async def _await(promise: Promise[int]) -> int:
    return await promise


def test_a_callback_that_raises_is_logged_and_the_others_are_called(caplog: pytest.LogCaptureFixture) -> None:
    promise: Promise[int] = Promise()
    told: list[int] = []

    def leave(_: object) -> None:
        raise SystemExit

    promise.on_done(lambda _: 1 / 0)
    promise.on_done(leave)
    promise.on_done(lambda _: told.append(1))
    with caplog.at_level(logging.ERROR, "atilite.runtime"):
        promise.set(1)

    assert told == [1]
    assert "ZeroDivisionError" in caplog.text


def test_cancel_fails_it_when_nobody_has_to_be_asked() -> None:
    promise: Promise[int] = Promise()

    assert promise.cancel()
    with pytest.raises(TaskCancelled):
        promise.wait()
    assert not promise.cancel()


def test_cancel_asks_the_maker() -> None:
    stoppable: Promise[int] = Promise(lambda: True)
    unstoppable: Promise[int] = Promise(lambda: False)
    under_way: Promise[int] = Promise(lambda: None)

    assert stoppable.cancel()
    assert stoppable.done
    assert not unstoppable.cancel()
    assert not unstoppable.done
    assert under_way.cancel()
    assert not under_way.done


def test_what_would_end_the_waiter_as_well_is_turned_into_an_error() -> None:
    left: Promise[int] = Promise.failed(SystemExit(3))
    cancelled: Promise[int] = Promise.failed(asyncio.CancelledError())

    with pytest.raises(TaskError, match="SystemExit: 3"):
        left.wait()
    with pytest.raises(TaskCancelled):
        cancelled.wait()


def test_several_waiters_get_the_same_error_without_piling_up_its_traceback() -> None:
    promise: Promise[int] = Promise.failed(ValueError("x"))
    depths = []
    for _ in range(3):
        with pytest.raises(ValueError) as caught:
            promise.wait()
        depths.append(len(caught.traceback))

    assert depths[0] == depths[1] == depths[2]


def test_an_open_promise_has_no_result_and_says_so() -> None:
    promise: Promise[int] = Promise()

    with pytest.raises(AssertionError, match="not settled"):
        promise.result()
    assert repr(promise) == "<Promise pending>"
    assert "ValueError" in repr(Promise.failed(ValueError(1)))


def test_work_that_fails_without_anybody_asking_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def lost() -> None:
        Work.failed(KeyError("lost"))

    def asked() -> None:
        work: Promise[int] = Work.failed(KeyError("asked"))
        assert work.error

    def watched() -> None:
        work: Promise[int] = Work()
        work.on_done(lambda ended: None)
        work.fail(KeyError("watched"))

    def cancelled() -> None:
        Work().cancel()

    for make in (lost, asked, watched, cancelled):
        make()
    gc.collect()

    # Another test's work may be collected meanwhile, so only these are looked for.
    assert "KeyError: 'lost'" in caplog.text
    assert "KeyError: 'asked'" not in caplog.text
    assert "KeyError: 'watched'" not in caplog.text
    assert not any(record.exc_info and record.exc_info[0] is TaskCancelled for record in caplog.records)
