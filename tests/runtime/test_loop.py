"""The hub serves one step after the other, whoever asked for it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import weakref
from contextvars import ContextVar
from pathlib import Path

import pytest

from atilite.errors import TaskCancelled
from atilite.runtime.loop import Loop, describe, process_loop
from atilite.runtime.promise import Promise

ROOT = Path(__file__).parents[2]
place: ContextVar[str] = ContextVar("place", default="nowhere")


def test_it_starts_by_itself_on_a_daemon_thread(loop: Loop) -> None:
    thread = loop.spawn(threading.current_thread).wait(10)

    assert thread is not threading.current_thread()
    assert thread.daemon
    assert not loop.inside()
    assert loop.spawn(loop.inside).wait(10)


def test_it_can_be_adopted_and_run_by_a_thread_and_stopped_by_another() -> None:
    loop = Loop()
    served: list[object] = []

    def main() -> None:
        loop.adopt()
        loop.call_soon(lambda: served.append(loop.inside()))
        loop.call_soon(lambda: threading.Thread(target=loop.stop).start())
        loop.run()

    thread = threading.Thread(target=main)
    thread.start()
    thread.join(10)

    assert not thread.is_alive()
    assert served == [True]


def test_a_loop_that_was_stopped_may_be_run_again_by_its_thread() -> None:
    loop = Loop()
    turns: list[int] = []

    def main() -> None:
        for number in range(2):
            loop.adopt()
            loop.call_soon(turns.append, number)
            loop.call_soon(loop.stop)
            loop.run()

    thread = threading.Thread(target=main)
    thread.start()
    thread.join(10)

    assert turns == [0, 1]


def test_it_cannot_be_adopted_by_a_second_thread(loop: Loop) -> None:
    loop.spawn(int).wait(10)

    with pytest.raises(RuntimeError, match="another thread"):
        loop.adopt()


def test_before_it_runs_its_own_thread_may_wait_and_turns_the_hub_by_that() -> None:
    loop = Loop()
    result: list[int] = []

    def main() -> None:
        loop.adopt()
        result.append(loop.spawn(lambda: 6).wait(10))

    thread = threading.Thread(target=main)
    thread.start()
    thread.join(10)

    assert result == [6]


def test_calls_come_in_order_from_inside_and_outside(loop: Loop) -> None:
    calls: list[int] = []
    done: Promise[None] = Promise()

    def first() -> None:
        calls.append(1)
        loop.call_soon(calls.append, 3)
        loop.call_soon(done.set, None)

    loop.call_soon(first)
    done.wait(10)

    assert calls == [1, 3]


def test_keywords_reach_the_called_function(loop: Loop) -> None:
    done: Promise[object] = Promise()
    loop.call_soon(lambda *, value: done.set(value), value=8)

    assert done.wait(10) == 8


def test_a_callback_that_raises_is_logged_and_the_hub_lives(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "atilite.runtime"):
        loop.call_soon(lambda: 1 / 0)
        loop.step(lambda: [][1])

        assert loop.spawn(lambda: "alive").wait(10) == "alive"

    assert "ZeroDivisionError" in caplog.text
    assert "IndexError" in caplog.text


def test_a_later_call_comes_unless_it_is_cancelled(loop: Loop) -> None:
    came: Promise[str] = Promise()
    calls: list[str] = []
    cancelled = loop.call_later(0.01, calls.append, "cancelled")
    cancelled.cancel()
    loop.call_later(0.02, came.set, "came")

    assert came.wait(10) == "came"
    assert calls == []


def test_a_spawned_function_runs_in_a_greenlet_with_the_caller_s_context(loop: Loop) -> None:
    place.set("here")

    assert loop.spawn(lambda: (loop.in_greenlet(), place.get())).wait(10) == (True, "here")


def test_a_context_set_in_one_greenlet_is_not_seen_in_the_next_that_uses_it_again(loop: Loop) -> None:
    loop.spawn(place.set, "left over").wait(10)

    assert loop.spawn(place.get).wait(10) != "left over"


def test_an_error_of_a_spawned_function_is_its_promise_s(loop: Loop) -> None:
    with pytest.raises(KeyError):
        loop.spawn({}.__getitem__, 1).wait(10)


def test_cancelling_a_greenlet_runs_its_finally_before_the_promise_fails(loop: Loop) -> None:
    began: Promise[None] = Promise()
    ended: list[str] = []

    def work() -> None:
        try:
            began.set(None)
            Promise().wait()
        finally:
            ended.append("finally")

    promise = loop.spawn(work)
    began.wait(10)

    assert promise.cancel()
    with pytest.raises(TaskCancelled):
        promise.wait(10)
    assert ended == ["finally"]
    assert loop.spawn(lambda: "the greenlet can be used again").wait(10)


def test_a_greenlet_that_is_cancelled_before_it_begins_never_does(loop: Loop) -> None:
    ran: list[int] = []
    holder: Promise[Promise[None]] = Promise()

    def step() -> None:
        promise = loop.spawn(ran.append, 1)
        promise.cancel()
        holder.set(promise)

    # Both from one step of the hub: the greenlet cannot have begun between them.
    loop.call_soon(step)

    with pytest.raises(TaskCancelled):
        holder.wait(10).wait(10)
    assert ran == []


def test_many_greenlets_wait_at_the_same_time(loop: Loop) -> None:
    gate: Promise[int] = Promise()
    waiting = [loop.spawn(gate.wait, 10) for _ in range(200)]
    gate.set(1)

    assert sum(promise.wait(10) for promise in waiting) == 200


def test_a_slow_step_is_named_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    moments = iter([0.0, 0.25, 0.25])
    loop = Loop(timer=lambda: next(moments, 0.25))
    done: Promise[None] = Promise()

    def heavy() -> None:
        done.set(None)

    with caplog.at_level(logging.WARNING, "atilite.runtime"):
        loop.call_soon(heavy)
        done.wait(10)
        loop.spawn(int).wait(10)
    loop.stop()

    assert (loop.lag.slow_steps, loop.lag.worst, loop.lag.last_seconds) == (1, 0.25, 0.25)
    assert "heavy" in loop.lag.last
    assert "heavy kept the hub for 250 ms" in caplog.text


def test_a_slow_greenlet_and_a_slow_watched_callback_are_named_too() -> None:
    now = [0.0]
    loop = Loop(timer=lambda: now[0])

    def greenlet_work() -> None:
        now[0] += 0.2

    def socket_work() -> None:
        now[0] += 0.3

    loop.spawn(greenlet_work).wait(10)
    loop.spawn(int).wait(10)
    assert "greenlet_work" in loop.lag.last

    assert loop.spawn(loop.watched, socket_work).wait(10) is None
    loop.spawn(int).wait(10)
    loop.stop()
    assert "socket_work" in loop.lag.last
    assert loop.lag.slow_steps == 2


def test_a_slow_step_inside_of_another_is_told_once_and_by_its_own_name() -> None:
    now = [0.0]
    loop = Loop(timer=lambda: now[0])

    def inner_work() -> None:
        now[0] += 0.3

    def outer_work() -> None:
        loop.watched(inner_work)
        now[0] += 0.05

    loop.call_soon(outer_work)
    loop.spawn(int).wait(10)
    loop.stop()

    assert loop.lag.slow_steps == 1
    assert "inner_work" in loop.lag.last


def test_a_quick_step_is_not_counted(loop: Loop) -> None:
    loop.spawn(int).wait(10)

    assert loop.lag.slow_steps == 0


def test_a_stopped_loop_gives_its_descriptors_back_and_starts_anew_when_it_is_used() -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    loop = Loop()
    first = loop.spawn(threading.current_thread).wait(10)
    loop.stop()
    first.join(10)
    before = open_files()
    for _ in range(3):
        thread = loop.spawn(threading.current_thread).wait(10)
        loop.stop()
        thread.join(10)

    assert open_files() == before
    assert loop.spawn(lambda: "again").wait(10) == "again"
    loop.stop()


MAIN = """
import os, signal
from atilite.runtime.loop import process_loop
loop = process_loop()
loop.adopt()
signal.signal(signal.SIGTERM, lambda number, frame: loop.stop())
loop.call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
loop.run()
print("stopped")
loop.call_later(0.05, os.kill, os.getpid(), signal.SIGINT)
try:
    loop.run()
except KeyboardInterrupt:
    print("interrupted")
"""


def test_on_the_main_thread_signals_reach_it_while_the_hub_turns() -> None:
    ran = subprocess.run([sys.executable, "-c", MAIN], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)

    assert ran.stdout == "stopped\ninterrupted\n"


def test_the_process_has_one_loop() -> None:
    assert process_loop() is process_loop()


def test_a_function_is_described_by_module_and_name() -> None:
    assert describe(describe) == "atilite.runtime.loop.describe"


def test_what_a_greenlet_has_done_is_not_kept(loop: Loop) -> None:
    class Result:
        pass

    promise = loop.spawn(Result)
    kept = weakref.ref(promise.wait(5))
    del promise
    loop.spawn(str).wait(5)  # the hub has left the first one behind

    assert kept() is None
