from __future__ import annotations

import threading
from collections.abc import Callable

from atilite.server.workers import Workers
from tests.server.apps import until


class Work:
    def __init__(self, function: Callable[[], object]) -> None:
        self.serve = function
        self.closed = threading.Event()

    def handle_close(self) -> None:
        self.closed.set()


def test_every_request_is_served_once_however_many_come_at_a_time() -> None:
    workers, served, lock = Workers(4), [0] * 4000, threading.Lock()
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
    workers, done = Workers(1), threading.Event()

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
    workers, go = Workers(2), threading.Event()
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
