"""Posted calls are made one after the other, by whoever is there."""

from __future__ import annotations

import threading

import pytest

from atilite.runtime.mailbox import Mailbox


def test_a_call_is_made_before_post_returns_if_nobody_is_at_it() -> None:
    calls: list[int] = []
    Mailbox().post(calls.append, 1)

    assert calls == [1]


def test_a_call_posted_from_a_call_comes_after_it() -> None:
    mailbox = Mailbox()
    order: list[str] = []

    def first() -> None:
        mailbox.post(order.append, "second")
        order.append("first")

    mailbox.post(first)

    assert order == ["first", "second"]


def test_calls_of_many_threads_never_overlap_and_none_is_lost() -> None:
    mailbox = Mailbox()
    inside = [0]
    most: list[int] = []

    def call() -> None:
        inside[0] += 1
        most.append(inside[0])
        inside[0] -= 1

    def post() -> None:
        for _ in range(500):
            mailbox.post(call)

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(most) == 4000
    assert set(most) == {1}


def test_an_error_is_logged_and_the_next_call_made(caplog: pytest.LogCaptureFixture) -> None:
    mailbox = Mailbox()
    calls: list[int] = []
    mailbox.post(lambda: 1 / 0)
    mailbox.post(calls.append, 1)

    assert calls == [1]
    assert "ZeroDivisionError" in caplog.text
