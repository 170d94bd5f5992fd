from __future__ import annotations

import threading

import pytest

from atilite.clock import Clock
from atilite.errors import Error
from atilite.web.throttle import Hashers, Throttle


class StepClock(Clock):
    def __init__(self) -> None:
        self.at = 1000.0

    def monotonic(self) -> float:
        return self.at


def test_the_sixth_try_within_a_minute_has_to_wait_for_the_first_to_be_a_minute_old() -> None:
    clock = StepClock()
    throttle = Throttle(clock)
    for _ in range(5):
        assert throttle.wait("ana|::1") == 0.0
        clock.at += 10
    assert throttle.wait("ana|::1") == 10.0


def test_a_refused_try_does_not_make_the_wait_longer() -> None:
    clock = StepClock()
    throttle = Throttle(clock)
    waits = [throttle.wait("ana") for _ in range(8)]
    assert waits == [0, 0, 0, 0, 0, 60, 60, 60]
    clock.at += 60
    assert throttle.wait("ana") == 0.0


def test_keys_are_counted_apart_and_a_right_password_begins_anew() -> None:
    throttle = Throttle(StepClock())
    for _ in range(5):
        throttle.wait("ana")
    assert throttle.wait("ben") == 0.0
    throttle.forget("ana")
    assert throttle.wait("ana") == 0.0


def test_the_refusal_is_429_with_whole_seconds_in_retry_after() -> None:
    clock = StepClock()
    throttle = Throttle(clock, tries=1)
    throttle.check("ana")
    clock.at += 0.5
    with pytest.raises(Error) as refused:
        throttle.check("ana")
    assert refused.value.status_code == 429
    assert ("Retry-After", "60") in refused.value.headers


def test_names_chosen_by_a_guesser_do_not_fill_the_memory() -> None:
    throttle = Throttle(StepClock(), keys=100)
    for number in range(1000):
        throttle.wait(f"name{number}")
    assert len(throttle._times) == 100


def test_no_more_hashes_go_on_at_once_than_there_are_hashers() -> None:
    hashers, inside, most = Hashers(2), [0], [0]
    lock, both, leave = threading.Lock(), threading.Event(), threading.Event()
    names: set[str] = set()

    def hash_something(number: int) -> int:
        with lock:
            names.add(threading.current_thread().name)
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            if inside[0] == 2:
                both.set()
        leave.wait(10)
        with lock:
            inside[0] -= 1
        return number

    results: list[int] = []
    threads = [threading.Thread(target=lambda n=n: results.append(hashers.call(hash_something, n))) for n in range(8)]
    for thread in threads:
        thread.start()
    assert both.wait(10)
    leave.set()
    for thread in threads:
        thread.join(10)
    assert most[0] == len(names) == 2
    assert sorted(results) == list(range(8))


def test_who_waits_too_long_for_a_hasher_is_told_to_come_back() -> None:
    hashers, begun, leave, called = Hashers(1, patience=0.01), threading.Event(), threading.Event(), [False]

    def hash_something() -> str:
        begun.set()
        leave.wait(10)
        return "done"

    results: list[str] = []
    first = threading.Thread(target=lambda: results.append(hashers.call(hash_something)))
    first.start()
    assert begun.wait(10)
    with pytest.raises(Error) as refused:
        hashers.call(called.__setitem__, 0, True)
    assert refused.value.status_code == 503
    assert dict(refused.value.headers)["Retry-After"]
    leave.set()
    first.join(10)
    # What had begun is waited for, and what was refused is never done.
    assert results == ["done"]
    assert hashers.call(lambda: called[0]) is False


def test_what_a_hash_raises_is_raised() -> None:
    with pytest.raises(KeyError):
        Hashers().call({}.__getitem__, "missing")


def test_who_counts_wrong_tries_only_is_refused_after_them_without_counting() -> None:
    clock = StepClock()
    throttle = Throttle(clock, tries=2)
    for _ in range(9):
        throttle.refuse("ana")
    throttle.wait("ana")
    throttle.refuse("ana")
    throttle.wait("ana")
    with pytest.raises(Error) as refused:
        throttle.refuse("ana")
    assert refused.value.status_code == 429
    clock.at += 60
    throttle.refuse("ana")
