from __future__ import annotations

import threading

import pytest

from atilite import subscribers
from atilite.events import Bus, Emitter

ROW = pytest.mark.row


@ROW("M19", "B35")
def test_a_subscriber_that_raises_is_counted_with_its_last_error():
    changed = Emitter[int]()
    done = threading.Event()

    @changed
    def divide(payload: int) -> None:
        if payload < 0:
            done.set()
        else:
            1 // payload

    for payload in (0, 1, 0, -1):
        changed.emit(payload)
    assert done.wait(10)
    (info,) = changed.subscribers
    assert info.name.endswith("divide")
    assert (info.failures, info.error) == (2, "ZeroDivisionError: integer division or modulo by zero")
    assert not info.well


@ROW("M19")
def test_a_subscriber_that_lags_shows_what_waits_and_says_so_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(subscribers, "MANY", 10)
    bus, gate, entered, seen = Bus(), threading.Event(), threading.Event(), []
    full = threading.Event()

    @bus.on("read", "written")
    def slow(number: int) -> None:
        entered.set()
        gate.wait(10)
        seen.append(number)
        if len(seen) == 31:
            full.set()

    bus.emit("read", 0)
    assert entered.wait(10)
    for number in range(1, 31):
        bus.emit("written", number)
    (info,) = bus.subscribers
    assert (info.events, info.waiting, info.well) == (("read", "written"), 30, False)
    assert info.since is not None
    # At 10 and at 20 of them, not at each.
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    gate.set()
    assert full.wait(10)
    assert seen == list(range(31))


def test_a_call_that_takes_long_is_told(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(subscribers, "SLOW", -1.0)
    changed = Emitter[int]()

    @changed
    def lingering(payload: int) -> None: ...

    changed.emit(1)
    threads = [thread for thread in threading.enumerate() if thread.name == "event-lingering"]
    changed.close()
    for thread in threads:
        thread.join(10)
    assert "took" in caplog.text
