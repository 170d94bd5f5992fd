from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from gevent import socket as cooperative

from atilite.errors import TaskTimeout
from atilite.runtime.loop import Loop
from atilite.runtime.promise import Promise
from atilite.runtime.wire import A_TURN, dial, rest, take_turn, time_limit, tls_context

pytestmark = pytest.mark.row("A134")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_a_connection_is_made_and_small_pieces_leave_at_once(loop: Loop, listener: socket.socket) -> None:
    def connect() -> tuple[int, bytes]:
        line = dial("localhost", listener.getsockname()[1], 5)
        other, _ = listener.accept()
        other.sendall(b"hello")
        with other:
            found = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), line.recv(10)
        line.close()
        return found

    nodelay, data = loop.spawn(connect).wait(10)
    assert (bool(nodelay), data) == (True, b"hello")


def test_nobody_listens(loop: Loop) -> None:
    with pytest.raises(ConnectionRefusedError):
        loop.spawn(dial, "127.0.0.1", 1, 5).wait(10)


def test_a_handshake_that_is_not_answered_ends_in_time(loop: Loop, listener: socket.socket) -> None:
    with pytest.raises(TimeoutError):
        loop.spawn(lambda: dial("127.0.0.1", listener.getsockname()[1], 0.1, tls=tls_context())).wait(10)


def test_a_file_without_certificates_is_refused() -> None:
    with pytest.raises(OSError):
        tls_context(__file__)


def test_a_time_limit_ends_whatever_waits(loop: Loop) -> None:
    def limited() -> None:
        with time_limit(0.02, "this"):
            rest(60)

    with pytest.raises(TaskTimeout, match=r"this did not end within 0\.02 s"):
        loop.spawn(limited).wait(10)


def test_an_outer_limit_is_not_taken_for_an_inner_one(loop: Loop) -> None:
    def limited() -> str:
        try:
            with time_limit(0.02, "the outer"), time_limit(60, "the inner"):
                rest(60)
        except TaskTimeout as error:
            return str(error)
        return "none"

    assert loop.spawn(limited).wait(10).startswith("the outer")


def test_without_a_limit_nothing_ends(loop: Loop) -> None:
    def unlimited() -> str:
        with time_limit(None):
            rest(0.001)
        return "ended"

    assert loop.spawn(unlimited).wait(10) == "ended"


def test_greenlets_that_take_turns_let_others_in_between(loop: Loop) -> None:
    order: list[str] = []

    def work() -> None:
        take_turn()
        end = time.perf_counter() + A_TURN
        while time.perf_counter() < end:
            continue
        order.append("work")

    working = [loop.spawn(work) for _ in range(6)]
    loop.call_later(0, order.append, "other")
    for promise in working:
        promise.wait(10)

    assert order.count("work") == 6
    assert order.index("other") < 5


def spin() -> None:
    end = time.perf_counter() + A_TURN
    while time.perf_counter() < end:
        continue


def most_between_timers(loop: Loop, start: Callable[[Callable[[], None]], list[Promise[Any]]]) -> int:
    """How many calls of what `start` gets, each as long as a turn, the hub makes between two looks at its timers."""
    most = count = 0

    def work() -> None:
        nonlocal most, count
        spin()
        count += 1
        most = max(most, count)

    def tick() -> None:
        nonlocal count
        count = 0
        if beating:
            loop.call_later(0, tick)

    beating = True
    loop.call_soon(tick)
    try:
        for promise in start(work):
            with suppress(OSError):
                promise.wait(10)
    finally:
        beating = False
    return most


def test_those_whose_sockets_become_ready_while_a_turn_is_due_wait_for_it(loop: Loop) -> None:
    pairs = [socket.socketpair() for _ in range(6)]

    def start(work: Callable[[], None]) -> list[Promise[Any]]:
        def one(mine: socket.socket) -> None:
            cooperative.wait_read(mine.fileno(), 10)
            take_turn()
            work()

        def first() -> None:
            take_turn()
            work()
            for _, other in pairs:
                other.send(b"x")

        return [*(loop.spawn(one, mine) for mine, _ in pairs), loop.spawn(first)]

    assert most_between_timers(loop, start) == 1
    for pair in pairs:
        for end in pair:
            end.close()


def test_many_that_are_connected_at_once_begin_to_encrypt_one_after_the_other(
    loop: Loop, listener: socket.socket
) -> None:
    class Context:
        def __init__(self, work: Callable[[], None]) -> None:
            self.work = work

        def wrap_socket(self, plain: Any, **options: Any) -> Any:
            self.work()
            raise OSError("enough")

    def start(work: Callable[[], None]) -> list[Promise[Any]]:
        port = listener.getsockname()[1]
        return [loop.spawn(dial, "127.0.0.1", port, 10, tls=Context(work)) for _ in range(6)]

    assert most_between_timers(loop, start) == 1


def test_one_who_is_cancelled_while_waiting_has_no_turn(loop: Loop) -> None:
    def busy() -> None:
        take_turn()
        end = time.perf_counter() + 2 * A_TURN
        while time.perf_counter() < end:
            continue

    done: list[int] = []

    def second() -> None:
        take_turn()
        done.append(2)

    def both() -> bool:
        first, waiting, third = loop.spawn(busy), loop.spawn(second), loop.spawn(done.append, 3)
        rest()  # now the second one waits for the first
        waiting.cancel()
        third.wait(5)
        first.wait(5)
        return True

    assert loop.spawn(both).wait(10)
    loop.spawn(take_turn).wait(10)
    assert done == [3]
