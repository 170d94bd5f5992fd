"""The timers of the hub share one watcher."""

from __future__ import annotations

from atilite.runtime.loop import Loop
from atilite.runtime.promise import Promise
from atilite.runtime.timers import Timer


def test_timers_fire_in_the_order_of_their_time(loop: Loop) -> None:
    order: list[int] = []
    done: Promise[None] = Promise()
    loop.call_later(0.03, order.append, 3)
    loop.call_later(0.01, order.append, 1)
    loop.call_later(0.02, order.append, 2)
    loop.call_later(0.04, done.set, None)
    done.wait(10)

    assert order == [1, 2, 3]


def test_a_timer_may_start_another_one_and_a_time_in_the_past_is_now(loop: Loop) -> None:
    done: Promise[str] = Promise()
    loop.call_later(0, lambda: loop.call_later(-5, done.set, "both"))

    assert done.wait(10) == "both"


def test_a_timer_that_raises_does_not_stop_the_next(loop: Loop) -> None:
    done: Promise[str] = Promise()
    loop.call_later(0.0, lambda: 1 / 0)
    loop.call_later(0.0, done.set, "next")

    assert done.wait(10) == "next"


def test_cancelled_timers_do_not_pile_up(loop: Loop) -> None:
    def start_and_cancel() -> int:
        for _ in range(5000):
            loop.call_later(3600, int).cancel()
        return len(loop._timers)

    assert loop.spawn(start_and_cancel).wait(10) < 1000


def test_a_timer_is_called_once_and_then_holds_nothing() -> None:
    class Counter:
        cancelled = 0

    timer = Timer(Counter(), print, ("x",))  # type: ignore[arg-type]

    assert timer.take() == (print, ("x",))
    assert timer.take() is None
    assert not timer.wanted
