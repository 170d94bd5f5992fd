"""Waiting until one should end."""

from __future__ import annotations

import threading

from atilite.runtime.stopping import Stopping


def test_it_is_not_cancelled_until_somebody_asks_for_its_end() -> None:
    life = Stopping()
    assert not life.cancelled
    assert not life.wait(0.001)

    life.stopping.set(None)

    assert life.cancelled


def test_it_wakes_from_its_wait_when_it_shall_end() -> None:
    life = Stopping()
    assert not life.wait(0.001)
    threading.Thread(target=life.stopping.set, args=(None,)).start()

    assert life.wait(10)
    assert life.wait()
