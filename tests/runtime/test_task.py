"""What can be done with a task."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from typing import Any

import pytest

from atilite.errors import Error, HubBlocked, ResourceError, SetupError, TaskCancelled, TaskTimeout
from atilite.runtime.engine import Runtime
from atilite.runtime.loop import Loop
from atilite.runtime.outcome import STA_NETERR, STA_NORMAL, STA_REQFAIL, STA_TIMEOUT
from atilite.runtime.promise import Promise
from atilite.runtime.task import Mask, Sleep, Task, Tasks

place: ContextVar[str] = ContextVar("place", default="nowhere")


def failed(error: Exception) -> Task:
    return Task(Promise.failed(error))


@pytest.mark.row("A132")
def test_fetch_gives_the_data_and_raises_the_task_s_error() -> None:
    assert Task(Promise.completed([1, 2])).fetch() == [1, 2]
    with pytest.raises(KeyError, match="lost"):
        failed(KeyError("lost")).fetch()


@pytest.mark.row("A132")
@pytest.mark.parametrize("data", [[7], (7,), range(7, 8)])
def test_one_gives_the_only_element(data: Any) -> None:
    assert Mask(data).one() == 7


@pytest.mark.row("A132")
@pytest.mark.parametrize("data", [5, "text", b"bytes", {"a": 1, "b": 2}, None, ""])
def test_one_gives_what_is_no_sequence_itself(data: Any) -> None:
    assert Mask(data).one() == data


@pytest.mark.row("A132")
@pytest.mark.parametrize(("data", "status"), [([], "410 Partial Not Found"), ([1, 2], "409 Conflict")])
def test_one_refuses_none_and_several(data: Any, status: str) -> None:
    with pytest.raises(Error) as caught:
        Mask(data).one()

    assert caught.value.status == status


@pytest.mark.row("A132")
def test_commit_waits_without_data_and_raises_the_error() -> None:
    assert Mask([1]).commit() is None  # type: ignore[func-returns-value]
    with pytest.raises(KeyError):
        failed(KeyError()).commit()


@pytest.mark.row("A132")
def test_wait_does_not_raise_and_tells_whether_it_ended() -> None:
    assert failed(KeyError()).wait()
    assert not Task(Promise()).wait(0.01)


@pytest.mark.row("A132")
@pytest.mark.parametrize(
    ("task", "status", "code"),
    [
        (Mask(3), STA_NORMAL, 200),
        (failed(Error(404)), STA_REQFAIL, 404),
        (failed(ValueError()), STA_REQFAIL, 500),
        (failed(ConnectionRefusedError()), STA_NETERR, 502),
        (failed(ResourceError("@db", "away")), STA_NETERR, 502),
        (failed(TaskTimeout("late")), STA_TIMEOUT, 504),
        (Task(Promise(), timeout=0.01), STA_TIMEOUT, 504),
    ],
)
def test_dispatch_tells_how_it_went(task: Task, status: int, code: int) -> None:
    outcome = task.dispatch()

    assert (outcome.status, outcome.status_code) == (status, code)
    assert (outcome.expt is None) == (status == STA_NORMAL)
    assert outcome.data == (3 if status == STA_NORMAL else None)


@pytest.mark.row("A132")
def test_a_wait_in_the_wrong_place_is_an_error_and_no_outcome(loop: Loop) -> None:
    found: Promise[list[str]] = Promise()

    def step() -> None:
        names = []
        for look in (Task(Promise()).wait, Task(Promise()).dispatch):
            try:
                look()
            except HubBlocked:
                names.append(look.__name__)
        found.set(names)

    loop.call_soon(step)

    assert found.wait(10) == ["wait", "dispatch"]


@pytest.mark.row("A132", "A133")
def test_fetch_waits_as_long_as_the_task_says_unless_told_otherwise() -> None:
    task = Task(Promise(), timeout=0.01)
    with pytest.raises(TaskTimeout, match=r"0\.01 s"):
        task.fetch()

    task.set_timeout(0.02)
    with pytest.raises(TaskTimeout, match=r"0\.02 s"):
        task.fetch()
    with pytest.raises(TaskTimeout, match=r"0\.03 s"):
        task.fetch(0.03)
    assert Task(Promise()).timeout == 10.0


@pytest.mark.row("A132", "A133")
def test_meta_is_kept() -> None:
    assert Mask(1, meta={"a": 1}).meta == {"a": 1}
    assert Mask(1).meta == {}
    assert Mask(1, meta={"a": 2}).then(lambda task: task.meta["a"]).fetch() == 2


@pytest.mark.row("A133")
def test_a_filter_is_applied_once_before_fetch_and_one() -> None:
    calls: list[Any] = []

    def half(data: list[int]) -> list[int]:
        calls.append(data)
        return data[:1]

    task = Mask([1, 2], filter=half)

    assert (task.fetch(), task.one(), task.fetch()) == ([1], 1, [1])
    assert calls == [[1, 2]]


@pytest.mark.row("A133")
def test_commit_does_not_need_the_filter_and_fetch_raises_its_error() -> None:
    task = Mask(0, filter=lambda data: 1 / data)

    task.commit()
    with pytest.raises(ZeroDivisionError):
        task.fetch()


@pytest.mark.row("A133")
def test_the_callback_gets_the_ended_task() -> None:
    ended: list[Task] = []
    promise: Promise[int] = Promise()
    task = Task(promise, callback=ended.append)
    assert ended == []

    promise.set(1)

    assert ended == [task]
    assert ended[0].fetch() == 1


@pytest.mark.row("A132")
def test_then_gives_the_task_of_what_the_function_makes_of_it() -> None:
    promise: Promise[int] = Promise()
    following = Task(promise).then(lambda task: task.fetch() + 1)
    assert not following.done

    promise.set(1)

    assert following.fetch() == 2


@pytest.mark.row("A132")
def test_then_hands_over_was_when_the_function_wants_it() -> None:
    def respond(was: object, task: Task) -> tuple[object, int]:
        return was, task.fetch()

    assert Mask(3, owner="this was").then(respond).fetch() == ("this was", 3)


def test_then_of_a_failed_task_raises_where_it_fetches() -> None:
    with pytest.raises(KeyError):
        failed(KeyError()).then(lambda task: task.fetch()).fetch()


def test_then_follows_a_task_that_the_function_returns(runtime: Runtime) -> None:
    assert Mask(1).then(lambda _: runtime.Thread(lambda: [5], filter=lambda data: data[0])).fetch() == 5


def test_then_keeps_the_context_of_its_caller(runtime: Runtime) -> None:
    promise: Promise[int] = Promise()
    place.set("in the test")
    following = runtime.task(promise).then(lambda _: (place.get(), threading.current_thread().name))
    threading.Thread(target=promise.set, args=(1,)).start()

    where, thread = following.fetch()

    assert where == "in the test"
    assert thread.startswith("atilite-task")


def test_cancel_reaches_the_work_and_fetch_says_so() -> None:
    task = Task(Promise())

    assert task.cancel()
    assert task.done
    with pytest.raises(TaskCancelled):
        task.fetch()


@pytest.mark.row("A132", "A133")
def test_an_awaited_task_gives_its_filtered_data_or_times_out() -> None:
    async def code() -> Any:
        with pytest.raises(TaskTimeout):
            await Task(Promise(), timeout=0.01)
        with pytest.raises(KeyError):
            await failed(KeyError())
        return await Mask([4], filter=len)

    assert asyncio.run(code()) == 1


@pytest.mark.row("A141")
def test_a_mask_is_a_finished_task_around_data() -> None:
    mask = Mask([1, 2])

    assert mask.done
    assert mask.fetch() == [1, 2]
    assert not mask.cancel()
    assert Task.completed(5).fetch() == 5


def test_a_sleep_ends_by_itself_and_can_be_cancelled(loop: Loop) -> None:
    assert Sleep(0.01, loop=loop).fetch(10) is None
    long = Sleep(3600, loop=loop)

    assert long.timeout is None
    assert long.cancel()
    with pytest.raises(TaskCancelled):
        long.fetch()


@pytest.mark.row("A142")
def test_tasks_fetch_a_list_in_their_order() -> None:
    assert Tasks([Mask(1), Mask(2)]).fetch() == [1, 2]
    assert Tasks(Mask(1), Mask(2)).fetch() == [1, 2]
    assert Tasks([]).fetch() == []


@pytest.mark.row("A142")
def test_nested_tasks_fetch_nested_lists() -> None:
    assert Tasks(Mask(1), Tasks(Mask(2), Tasks([Mask(3)])), Tasks(a=Mask(4))).fetch() == [1, [2, [3]], {"a": 4}]


@pytest.mark.row("A142")
def test_tasks_are_made_of_tasks_only() -> None:
    with pytest.raises(TypeError, match="not of 1; Mask"):
        Tasks([Mask(0), 1])
    with pytest.raises(TypeError, match="not of 'b'"):
        Tasks(a=Mask(0), b="b")


def test_named_tasks_fetch_a_dict_and_the_others_are_only_completed() -> None:
    silent: Promise[int] = Promise()
    tasks = Tasks(Task(silent), a=Mask(1), b=Mask(2))
    assert not tasks.done
    silent.set(9)

    assert tasks.fetch() == {"a": 1, "b": 2}
    assert dict(**tasks.fetch()) == {"a": 1, "b": 2}


@pytest.mark.row("A142")
def test_an_error_of_an_unnamed_one_is_not_swallowed() -> None:
    with pytest.raises(KeyError):
        Tasks(failed(KeyError()), a=Mask(1)).fetch()


@pytest.mark.row("A142")
def test_the_first_error_in_order_is_raised_when_all_have_ended() -> None:
    late: Promise[int] = Promise()
    tasks = Tasks(Task(late), failed(KeyError("second")))
    assert not tasks.done

    late.fail(ValueError("first"))

    with pytest.raises(ValueError, match="first"):
        tasks.fetch()
    with pytest.raises(ValueError, match="first"):
        tasks.commit()


@pytest.mark.row("A142")
def test_one_and_dispatch_of_tasks_ask_each() -> None:
    assert Tasks(Mask([1]), Mask([2])).one() == [1, 2]
    assert Tasks(a=Mask([1])).one() == {"a": 1}
    assert [outcome.status for outcome in Tasks(Mask(1), failed(KeyError())).dispatch()] == [STA_NORMAL, STA_REQFAIL]
    assert Tasks(a=Mask(1)).dispatch()["a"].data == 1
    assert [outcome.status for outcome in Tasks(Task(Promise()), timeout=0.01).dispatch()] == [STA_TIMEOUT]


@pytest.mark.row("A143")
def test_tasks_can_be_added_and_merged_before_they_are_waited_for() -> None:
    tasks = Tasks(Mask(1))
    tasks.add(Mask(2))
    tasks.merge(Tasks(Mask(3), Mask(4)))
    tasks.merge([Mask(5)])

    assert len(tasks) == 5
    assert tasks.fetch() == [1, 2, 3, 4, 5]
    with pytest.raises(SetupError, match="already waited for"):
        tasks.add(Mask(6))


@pytest.mark.row("A143")
def test_merged_tasks_keep_their_names() -> None:
    tasks = Tasks(a=Mask(1))
    tasks.merge(Tasks(Mask(2), b=Mask(3)))
    tasks.add(Mask(4), "c")

    assert tasks.fetch() == {"a": 1, "b": 3, "c": 4}


@pytest.mark.row("A143")
def test_tasks_can_be_iterated_indexed_and_sliced() -> None:
    first, second, third = Mask(1), Mask(2), Mask(3)
    tasks = Tasks(first, second, x=third)

    assert list(tasks) == [first, second, third]
    assert tasks[1] is second
    assert tasks["x"] is third
    assert tasks[:2].fetch() == [1, 2]
    assert bool(Tasks())


@pytest.mark.row("A143")
def test_tasks_have_a_timeout_and_meta_of_their_own() -> None:
    assert Tasks().timeout == 10.0
    assert Tasks(Mask(1), meta={"a": 1}).meta == {"a": 1}
    assert Tasks(Mask(1), timeout=3).timeout == 3
    with pytest.raises(TaskTimeout):
        Tasks(Task(Promise()), timeout=0.01).fetch()


@pytest.mark.row("A143")
def test_without_a_timeout_tasks_wait_as_long_as_the_most_patient_one() -> None:
    assert Tasks(Mask(1, timeout=30), Mask(2)).timeout == 30
    assert Tasks(Mask(1, timeout=None), Mask(2)).timeout is None


@pytest.mark.row("A133", "A142")
def test_tasks_take_a_filter_and_a_callback() -> None:
    told: list[Any] = []
    tasks = Tasks(Mask(1), Mask(2), filter=sum, callback=lambda task: told.append(task.done))

    assert tasks.fetch() == 3
    assert told == [True]


def test_tasks_can_be_awaited_and_cancelled() -> None:
    async def code() -> Any:
        return await Tasks(Mask(1), Mask(2))

    assert asyncio.run(code()) == [1, 2]
    running = Tasks(Task(Promise()), Task(Promise()))
    assert running.cancel()
    assert all(task.done for task in running)
