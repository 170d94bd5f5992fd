"""The time between two turns of a behaviour."""

from __future__ import annotations

from atilite.flow.lapses import Lapsing
from atilite.flow.shares import Store


def lapsing() -> tuple[Lapsing, Store]:
    store = Store()
    found = Lapsing()
    found.elapsed = store.share(".elapsed")
    return found, store


def test_the_first_lapse_is_nothing_and_each_later_one_is_told() -> None:
    found, store = lapsing()
    lapses = []
    for store.stamp in (1.0, 1.5, 1.5, 3.0):
        lapses.append(found.lapse())
    assert lapses == [0.0, 0.5, 0.0, 1.5]
    assert store.share(".elapsed").value == 1.5


def test_after_a_restart_the_time_before_does_not_count() -> None:
    found, store = lapsing()
    store.stamp = 1.0
    found.lapse()
    store.stamp = 9.0
    found.restart()
    store.stamp = 9.25
    assert found.lapse() == 0.25


def test_before_the_first_turn_there_is_no_time() -> None:
    found, _ = lapsing()
    assert found.lapse() == 0.0
