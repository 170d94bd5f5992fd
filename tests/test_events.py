from __future__ import annotations

import asyncio
import logging
import queue
import threading

import pytest

from atilite.events import Bus, Emitter

ROW = pytest.mark.row


def collector(count: int):
    """A list, a subscriber that fills it, an event set once `count` payloads have come."""
    seen: list[object] = []
    full = threading.Event()

    def collect(payload: object) -> None:
        seen.append(payload)
        if len(seen) == count:
            full.set()

    return seen, collect, full


@ROW("B33")
def test_a_subscriber_gets_every_event_in_order_however_slow_it_is():
    changed: Emitter[int] = Emitter()
    with changed.subscribe() as events:
        for number in range(1000):
            changed.emit(number)
        assert [events.get() for _ in range(1000)] == list(range(1000))


@ROW("B33")
def test_all_subscribers_see_the_same_order_when_threads_emit_at_once():
    changed = Emitter[int]()
    with changed.subscribe() as one, changed.subscribe() as two:
        threads = [
            threading.Thread(target=lambda start=start: [changed.emit(n) for n in range(start, start + 200)])
            for start in range(0, 800, 200)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [one.get() for _ in range(800)] == [two.get() for _ in range(800)]


@ROW("B34")
def test_nothing_arrives_after_the_subscription_has_ended():
    changed = Emitter[str]()
    with changed.subscribe() as events:
        changed.emit("in")
    changed.emit("out")
    assert events.get_nowait() == "in"
    with pytest.raises(queue.Empty):
        events.get_nowait()


@ROW("B34")
def test_one_own_queue_serves_several_emitters():
    left, right = Emitter[str](), Emitter[str]()
    own: queue.Queue[str] = queue.Queue()
    with left.subscribe(own) as one, right.subscribe(own) as two:
        left.emit("a")
        right.emit("b")
    assert one is own
    assert two is own
    assert [own.get_nowait(), own.get_nowait()] == ["a", "b"]


@ROW("B34")
def test_an_asyncio_queue_of_ones_own_is_filled_from_another_thread():
    changed = Emitter[str]()

    async def main() -> str:
        own: asyncio.Queue[str] = asyncio.Queue()
        with changed.subscribe(own):
            threading.Thread(target=changed.emit, args=("hello",)).start()
            return await asyncio.wait_for(own.get(), 10)

    assert asyncio.run(main()) == "hello"


@ROW("B33", "B34")
def test_the_queue_can_be_awaited_in_async_code():
    changed = Emitter[int]()

    async def main() -> list[int]:
        with changed.subscribe() as events:
            thread = threading.Thread(target=lambda: [changed.emit(n) for n in range(100)])
            thread.start()
            return [await events.get() for _ in range(100)]

    assert asyncio.run(main()) == list(range(100))


@ROW("B33")
def test_a_cancelled_getter_takes_no_event_with_it():
    changed = Emitter[str]()

    async def main() -> str:
        with changed.subscribe() as events:
            with pytest.raises(TimeoutError):
                await events.get(timeout=0.01)
            changed.emit("kept")
            return await events.get()

    assert asyncio.run(main()) == "kept"


@ROW("B35")
def test_a_decorated_function_handles_every_event_and_not_just_the_first():
    changed = Emitter[int]()
    seen, collect, full = collector(3)
    assert changed(collect) is collect
    for number in range(3):
        changed.emit(number)
    assert full.wait(10)
    assert seen == [0, 1, 2]


@ROW("B35")
def test_a_decorated_async_function_handles_every_event_on_one_loop():
    changed = Emitter[str]()
    seen, collect, full = collector(3)
    loops = set()

    @changed
    async def subscriber(payload: str) -> None:
        await asyncio.sleep(0)
        loops.add(id(asyncio.get_running_loop()))
        collect(payload)

    for word in ("one", "two", "three"):
        changed.emit(word)
    assert full.wait(10)
    assert seen == ["one", "two", "three"]
    assert len(loops) == 1


@ROW("B35")
def test_a_decorated_generator_is_sent_each_task_that_it_yields():
    changed = Emitter[str]()
    seen, collect, full = collector(1)

    class Ready:
        def wait(self) -> None:
            collect("waited")

    @changed
    def subscriber(payload: str):
        task = Ready()
        assert (yield task) is task

    changed.emit("go")
    assert full.wait(10)
    assert seen == ["waited"]


@ROW("B35")
def test_a_raising_subscriber_is_logged_and_stays_subscribed(caplog):
    changed = Emitter[int]()
    seen, collect, full = collector(2)

    @changed
    def subscriber(payload: int) -> None:
        collect(payload)
        raise ValueError("no good")

    with caplog.at_level(logging.ERROR, "atilite.events"):
        changed.emit(1)
        changed.emit(2)
        assert full.wait(10)
    assert seen == [1, 2]
    assert "no good" in caplog.text


def test_a_listener_is_called_in_the_emitting_thread_until_it_unsubscribes():
    changed = Emitter[int]()
    threads = []
    unsubscribe = changed.listen(lambda payload: threads.append(threading.get_ident()))
    changed.emit(1)
    unsubscribe()
    changed.emit(2)
    assert threads == [threading.get_ident()]


def test_a_raising_listener_does_not_reach_the_emitter_or_the_next_listener(caplog):
    changed = Emitter[int]()
    seen = []
    changed.listen(lambda payload: 1 // 0)
    changed.listen(seen.append)
    changed.emit(5)
    assert seen == [5]
    assert "ZeroDivisionError" in caplog.text


def test_closing_an_emitter_delivers_what_was_emitted_and_nothing_more():
    changed = Emitter[int]()
    seen, collect, full = collector(2)
    changed(collect)
    changed.emit(1)
    changed.emit(2)
    changed.close()
    changed.emit(3)
    assert full.wait(10)
    assert seen == [1, 2]


def test_the_bus_calls_the_subscribers_of_a_name_with_all_arguments():
    bus = Bus()
    seen, collect, full = collector(2)

    @bus.on("door opened", "door closed")
    def door(where: str, *, who: str) -> None:
        collect((where, who))

    assert bus.emit("door opened", "garage", who="someone") == 1
    assert bus.emit("door closed", "garage", who="someone") == 1
    assert bus.emit("window opened") == 0
    assert full.wait(10)
    assert seen == [("garage", "someone")] * 2


def test_two_buses_do_not_see_each_other():
    one, other = Bus(), Bus()
    one.on("x")(lambda: None)
    assert other.emit("x") == 0


@ROW("B34")
def test_a_queue_with_a_bound_loses_what_it_has_no_room_for_and_nobody_else_does(caplog: pytest.LogCaptureFixture):
    changed = Emitter[int]()
    small: queue.Queue[int] = queue.Queue(maxsize=2)
    with changed.subscribe(small), changed.subscribe() as whole:
        for number in range(5):
            changed.emit(number)
        assert [small.get(timeout=1) for _ in range(2)] == [0, 1]
        assert [whole.get(timeout=1) for _ in range(5)] == [0, 1, 2, 3, 4]
        assert changed.lost == 3
    assert "lost so far" in caplog.text
    assert changed.lost == 0
