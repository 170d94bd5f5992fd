from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

from atilite.automation.engine import Automation
from atilite.automation.runs import Job
from atilite.errors import RunFailed, StoreError
from atilite.testing.clock import FakeClock

PATIENCE = 20.0


def ended(automation: Automation, name: str, **params: Any) -> Any:
    """Run an action to its end, well or not, and return what is stored."""
    run, task = automation.action.start(name, params)
    assert task.wait(PATIENCE)
    return automation.journal.get(run).fetch()


def messages(journal: Any, source: str) -> list[str]:
    return [record.message for record in reversed(journal.records) if record.source == source]


def test_what_a_run_prints_and_logs_is_in_its_journal_in_order(automation: Automation):
    @automation.action(name="talk")
    def talk():
        print("one")
        logging.getLogger("pump").info("two %d", 2)
        print("oops", file=sys.stderr)
        print("no end", end="")

    journal = ended(automation, "talk")
    assert [(record.message, record.source) for record in reversed(journal.records)] == [
        ("one", "print"), ("two 2", "log"), ("oops", "print"), ("no end", "print"),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["generator", "async"])
def test_output_stays_with_its_run_across_waits(automation: Automation, kind: str):
    def generator(n: int):
        print("before", n)
        yield automation.kv.get("x")
        print("after", n)

    async def coroutine(n: int):
        print("before", n)
        await asyncio.sleep(0.001)
        print("after", n)

    automation.action(name="talk")({"generator": generator, "async": coroutine}[kind])
    started = [automation.action.start("talk", {"n": n}) for n in range(10)]
    for n, (run, task) in enumerate(started):
        task.fetch(PATIENCE)
        assert messages(automation.journal.get(run).fetch(), "print") == [f"before {n}", f"after {n}"]


@pytest.mark.row("B12")
def test_a_failed_run_keeps_error_traceback_and_no_result(automation: Automation):
    @automation.action(name="fail")
    def fail():
        raise AssertionError

    journal = ended(automation, "fail")
    assert (journal.status, journal.error, journal.result) == ("failed", "AssertionError", None)
    assert journal.traceback.splitlines()[1].startswith(f'  File "{__file__}"')
    assert journal.duration is not None


@pytest.mark.parametrize("kind", ["plain", "generator", "async"])
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), MemoryError(), RecursionError("deep")])
def test_whatever_an_action_raises_ends_the_run_and_not_the_server(automation: Automation, kind: str, error: Any):
    def plain():
        raise error

    def generator():
        yield automation.kv.get("x")
        raise error

    async def coroutine():
        await asyncio.sleep(0)
        raise error

    automation.action(name="fail")({"plain": plain, "generator": generator, "async": coroutine}[kind])
    automation.action(name="fine")(lambda: "fine")

    journal = ended(automation, "fail")
    assert journal.status == "failed"
    assert type(error).__name__ in journal.error
    assert automation.action.invoke("fine").fetch(PATIENCE) == "fine"


def test_real_recursion_without_end_is_a_failure_like_any_other(automation: Automation):
    @automation.action(name="fall")
    def fall():
        def deeper():
            return deeper()

        return deeper()

    journal = ended(automation, "fall")
    assert journal.status == "failed"
    assert journal.error.startswith("RecursionError")


def test_who_waits_for_a_run_that_called_exit_gets_an_ordinary_error(automation: Automation):
    automation.action(name="leave")(lambda: sys.exit("bye"))

    with pytest.raises(RunFailed, match="SystemExit: bye") as caught:
        automation.action.invoke("leave").fetch(PATIENCE)
    assert caught.value.status == "failed"


def test_a_result_that_is_no_json_is_kept_as_its_repr_and_returned_as_it_is(automation: Automation):
    automation.action(name="set")(lambda: {1})
    run, task = automation.action.start("set")

    assert task.fetch(PATIENCE) == {1}
    assert automation.journal.headline(run).fetch().result == "{1}"


# -- ends that somebody else decides


def test_a_coroutine_that_takes_too_long_is_cancelled_and_timed_out(automation: Automation):
    cleaned = threading.Event()

    @automation.action(name="slow", timeout=0.05)
    async def slow():
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.set()

    journal = ended(automation, "slow")
    assert (journal.status, journal.error) == ("timed_out", "'slow' took longer than its timeout of 0.05 s")
    assert cleaned.wait(PATIENCE)


@pytest.mark.row("M9")
def test_a_generator_that_takes_too_long_is_closed_and_timed_out(automation: Automation):
    cleaned = threading.Event()

    @automation.action(name="slow", timeout=0.05)
    def slow():
        try:
            yield automation.storage.runtime.Sleep(60)
        finally:
            cleaned.set()

    assert ended(automation, "slow").status == "timed_out"
    assert cleaned.wait(PATIENCE)


def test_a_plain_function_that_does_not_listen_is_timed_out_all_the_same(automation: Automation):
    release = threading.Event()

    @automation.action(name="slow", timeout=0.05, overlap="skip")
    def slow():
        release.wait(PATIENCE)

    assert ended(automation, "slow").status == "timed_out"
    # It still has the pump: nobody else may.
    with pytest.raises(Exception, match="already running"):
        automation.action.invoke("slow")
    release.set()


@pytest.mark.row("M9")
def test_a_plain_function_sees_that_it_should_end(automation: Automation):
    begun, seen = threading.Event(), threading.Event()

    @automation.action(name="slow")
    def slow(was):
        begun.set()
        if was.run.wait(PATIENCE) and was.cancelled:
            seen.set()

    run, task = automation.action.start("slow")
    assert begun.wait(PATIENCE)
    assert automation.action.cancel(run)
    with pytest.raises(RunFailed) as caught:
        task.fetch(PATIENCE)
    assert (caught.value.run, caught.value.status) == (run, "cancelled")
    assert seen.is_set()
    assert automation.journal.headline(run).fetch().status == "cancelled"
    assert not automation.action.cancel(run)


def test_a_coroutine_that_ignores_its_cancellation_is_closed_after_a_moment(automation: Automation):
    begun = threading.Event()
    release: list[asyncio.Event] = []

    @automation.action(name="stubborn")
    async def stubborn():
        release.append(asyncio.Event())
        begun.set()
        while not release[0].is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release[0].wait()

    run, task = automation.action.start("stubborn")
    assert begun.wait(PATIENCE)
    automation.action.cancel(run)
    with pytest.raises(RunFailed, match="cancelled"):
        task.fetch(PATIENCE)
    assert automation.journal.headline(run).fetch().status == "cancelled"
    automation.storage.runtime.aio.loop.call_soon_threadsafe(release[0].set)


def test_a_cancel_of_an_unknown_run_says_so(automation: Automation):
    assert not automation.action.cancel(99)


def test_a_client_that_gives_up_waiting_does_not_stop_the_run(automation: Automation):
    release = threading.Event()
    automation.action(name="slow")(lambda: release.wait(PATIENCE))
    run, task = automation.action.start("slow")

    with pytest.raises(TimeoutError):
        task.fetch(0.01)
    release.set()
    assert task.fetch(PATIENCE) is True
    assert automation.journal.headline(run).fetch().status == "succeeded"


# -- retries


@pytest.mark.row("M9")
def test_a_failed_run_is_tried_again_within_the_same_journal(automation: Automation):
    tries = []

    @automation.action(name="flaky", retries=2, retry_delay=0.001)
    def flaky():
        tries.append(1)
        if len(tries) < 3:
            raise ValueError(f"try {len(tries)}")
        return "done"

    journal = ended(automation, "flaky")
    assert (journal.status, journal.result, len(tries)) == ("succeeded", "done", 3)
    assert messages(journal, "log") == ["attempt 1 of 3 failed", "attempt 2 of 3 failed"]
    assert journal.records[-1].params["error"] == "ValueError: try 1"


def test_the_last_failure_is_the_result(automation: Automation):
    @automation.action(name="flaky", retries=1, retry_delay=0)
    async def flaky():
        raise ValueError("dry")

    journal = ended(automation, "flaky")
    assert (journal.status, journal.error) == ("failed", "ValueError: dry")
    assert messages(journal, "log") == ["attempt 1 of 2 failed"]


def test_a_run_that_waits_for_its_next_attempt_can_be_cancelled(automation: Automation):
    @automation.action(name="flaky", retries=1, retry_delay=3600, overlap="skip")
    def flaky():
        raise ValueError("dry")

    with automation.journal.record_added.subscribe() as added:
        run, task = automation.action.start("flaky")
        assert added.get(PATIENCE) == run
        while not automation.action.cancel(run):
            pass
    with pytest.raises(RunFailed, match="cancelled"):
        task.fetch(PATIENCE)
    assert automation.action.active(run) is None
    again, _ = automation.action.start("flaky")
    automation.action.cancel(again)


@pytest.mark.row("M9")
def test_the_pause_before_each_retry_is_twice_the_one_before():
    job = Job(print, "print", retries=20, retry_delay=5)

    assert [job.retry_after(attempt) for attempt in (1, 2, 3, 12, 20, 21)] == [5, 10, 20, 3600, 3600, None]


# -- the rest


def test_the_duration_is_that_of_the_run_and_not_of_its_waiting(make: Callable[..., Automation]):
    clock = FakeClock()
    automation = make(clock=clock)
    begun, release = threading.Event(), threading.Event()

    @automation.action(name="slow", overlap="queue")
    def slow():
        begun.set()
        release.wait(PATIENCE)
        clock.advance(2)

    automation.action.start("slow")
    run, task = automation.action.start("slow")
    assert begun.wait(PATIENCE)
    clock.advance(100)
    release.set()
    task.fetch(PATIENCE)
    assert automation.journal.headline(run).fetch().duration == 2


def test_a_run_started_within_a_run_knows_it_as_its_parent(automation: Automation):
    automation.action(name="inner")(lambda: automation.journal.current)
    automation.action(name="outer")(lambda: automation.action.invoke("inner").fetch(PATIENCE))

    outer, task = automation.action.start("outer")
    assert automation.journal.headline(task.fetch(PATIENCE)).fetch().parent == outer


def test_progress_is_known_while_the_run_goes_on(automation: Automation):
    begun, release = threading.Event(), threading.Event()

    @automation.action(name="copy")
    def copy(was):
        was.run.progress(31, 500, "copying")
        begun.set()
        release.wait(PATIENCE)

    run, task = automation.action.start("copy")
    assert begun.wait(PATIENCE)
    progress = automation.storage.journals.progress(run)
    assert (progress.done, progress.total, progress.text) == (31, 500, "copying")
    release.set()
    task.fetch(PATIENCE)


def test_observers_are_told_of_each_end_after_it_is_stored(automation: Automation):
    automation.action(name="fail")(lambda: 1 // 0)
    automation.action(name="fine")(lambda: 1)

    with automation.runs.ended.subscribe() as ends:
        for name in ("fail", "fine"):
            automation.action.invoke(name).wait(PATIENCE)
        told = [ends.get(PATIENCE) for _ in range(2)]
    assert [(end.operation, end.status) for end in told] == [("fail", "failed"), ("fine", "succeeded")]
    assert told[0].error.startswith("ZeroDivisionError")


def test_runs_that_do_not_end_in_time_are_interrupted_when_the_app_stops(automation: Automation):
    begun, release = threading.Event(), threading.Event()

    @automation.action(name="slow")
    def slow():
        begun.set()
        release.wait(PATIENCE)

    run, task = automation.action.start("slow")
    assert begun.wait(PATIENCE)

    assert automation.stop(0.05) == [f"run {run}"]
    with pytest.raises(RunFailed, match="interrupted"):
        task.fetch(PATIENCE)
    assert automation.journal.headline(run).fetch().status == "interrupted"
    release.set()


def test_a_stop_waits_for_runs_that_end_in_time(automation: Automation):
    begun, release = threading.Event(), threading.Event()

    @automation.action(name="quick")
    def quick():
        begun.set()
        release.wait(PATIENCE)

    run, _ = automation.action.start("quick")
    assert begun.wait(PATIENCE)
    threading.Timer(0.02, release.set).start()

    assert automation.stop(PATIENCE) == []
    assert automation.journal.headline(run).fetch().status == "succeeded"


def test_a_queued_run_is_no_part_of_the_one_that_made_room_for_it(automation: Automation):
    begun, release = threading.Event(), threading.Event()

    @automation.action(name="pump", overlap="queue")
    def pump():
        begun.set()
        release.wait(PATIENCE)
        return context.get()

    context: ContextVar[str] = ContextVar("context", default="nobody's")
    context.set("mine")
    automation.action.start("pump")
    assert begun.wait(PATIENCE)
    context.set("ours")
    run, task = automation.action.start("pump")
    release.set()

    assert task.fetch(PATIENCE) == "ours"
    assert automation.journal.headline(run).fetch().parent is None


def test_who_waits_for_a_run_is_told_when_the_database_was_closed_under_it(automation: Automation):
    begun, release = threading.Event(), threading.Event()

    @automation.action(name="slow")
    def slow():
        begun.set()
        release.wait(PATIENCE)

    _, task = automation.action.start("slow")
    assert begun.wait(PATIENCE)
    automation.storage.database.close()
    release.set()
    with pytest.raises(StoreError, match="closed"):
        task.fetch(PATIENCE)


def test_each_attempt_is_counted_and_the_count_stays_when_all_have_failed(automation: Automation):
    seen: list[int] = []

    @automation.action(name="flaky", retries=2, retry_delay=0)
    def flaky():
        seen.append(automation.journal.headline(automation.journal.current).fetch().attempt)
        raise ValueError("dry")

    told: list[int] = []
    automation.runs.ended.listen(lambda end: told.append(end.attempts))
    journal = ended(automation, "flaky")

    assert (journal.status, journal.attempt, seen, told) == ("failed", 3, [1, 2, 3], [3])


@pytest.mark.row("M9")
def test_jitter_comes_on_top_of_the_pause_and_is_a_number_of_seconds():
    job = Job(print, "print", retries=2, retry_delay=5, retry_jitter=2)

    assert [job.retry_after(1, chance) for chance in (0.0, 0.5, 1.0)] == [5, 6, 7]
    assert job.retry_after(2, 0.5) == 11
