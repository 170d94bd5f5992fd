from __future__ import annotations

import threading
from collections.abc import Callable

from atilite.runtime.loop import Loop
from atilite.server.workers import PATIENCE, Workers
from tests.server.apps import until


class Work:
    def __init__(self, function: Callable[[], object]) -> None:
        self.serve = function
        self.closed = threading.Event()

    def handle_close(self) -> None:
        self.closed.set()


def test_every_request_is_served_once_however_many_come_at_a_time() -> None:
    workers, served, lock = Workers(4, Loop()), [0] * 4000, threading.Lock()
    done = threading.Event()

    def serve(number: int) -> None:
        with lock:
            served[number] += 1
            if sum(served) == 4000:
                done.set()

    workers.start()
    senders = [
        threading.Thread(
            target=lambda first=first: [
                workers.add(Work(lambda n=n: serve(n)))
                for n in range(first, first + 1000)  # type: ignore[misc]
            ]
        )
        for first in range(0, 4000, 1000)
    ]
    for sender in senders:
        sender.start()
    assert done.wait(20), "a request was left in the queue"
    assert served == [1] * 4000
    workers.stop()


def test_a_thread_survives_what_comes_out_of_its_work_and_the_connection_ends() -> None:
    workers, done = Workers(1, Loop()), threading.Event()

    def leave() -> None:
        raise SystemExit(1)

    broken = Work(leave)
    workers.start()
    workers.add(broken)
    workers.add(Work(done.set))
    assert broken.closed.wait(20)
    assert done.wait(20)
    workers.stop()


def test_it_tells_how_many_work_and_how_many_wait_and_its_threads_end() -> None:
    workers, go = Workers(2, Loop()), threading.Event()
    workers.start()
    threads = list(workers._threads)
    for _ in range(5):
        workers.add(Work(lambda: go.wait(20)))
    until(lambda: workers.busy == 2)
    assert workers.waiting == 3
    go.set()
    workers.stop()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert (workers.busy, workers.waiting) == (0, 0)


def order_of(requests: int) -> list[str]:
    """What happens first when the hub adds so many requests in one turn: a thread begins, or the hub ends its turn."""
    loop, served = Loop(), threading.Semaphore(0)
    order: list[str] = []
    workers = Workers(2, loop)
    workers.start()
    until(lambda: len(workers._idle) == 2)

    def serve() -> None:
        order.append("thread")
        served.release()

    def turn() -> None:
        for _ in range(requests):
            workers.add(Work(serve))
        threading.Event().wait(0.05)
        order.append("hub")

    loop.call_soon(turn)
    for _ in range(requests):
        assert served.acquire(timeout=20)
    workers.stop()
    loop.stop()
    return order


def test_the_hub_wakes_a_thread_at_the_end_of_its_turn() -> None:
    assert order_of(3)[0] == "hub"


def test_a_long_turn_of_the_hub_does_not_keep_the_requests_waiting() -> None:
    assert order_of(PATIENCE + 1)[0] == "thread"


def test_a_slow_request_does_not_keep_those_that_came_with_it_waiting() -> None:
    loop, go, quick = Loop(), threading.Event(), threading.Event()
    workers = Workers(2, loop)
    workers.start()
    until(lambda: len(workers._idle) == 2)

    def turn() -> None:
        workers.add(Work(lambda: go.wait(20)))
        workers.add(Work(quick.set))

    loop.call_soon(turn)
    assert quick.wait(20)
    go.set()
    workers.stop()
    loop.stop()
