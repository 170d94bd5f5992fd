from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from atilite.store import outbox
from atilite.store.database import Database
from atilite.store.outbox import Outbox
from atilite.testing.clock import FakeClock


def test_what_waits_is_there_after_a_restart_and_in_order(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/data.db"
    with Database.open(url) as database:
        box = database.part(Outbox)
        for number in range(3):
            box.put("@ops", {"number": number})
        box.put("@mail", {"number": 9})
    with Database.open(url) as database:
        box = database.part(Outbox)
        assert sorted(box.channels()) == ["@mail", "@ops"]
        assert [one.content["number"] for one in box.waiting("@ops", 10)] == [0, 1, 2]
        assert [one.content["number"] for one in box.waiting("@ops", 2)] == [0, 1]


def test_each_end_of_a_notification_is_kept_with_its_reason(tmp_path: Path):
    clock = FakeClock()
    with Database.open(f"sqlite:///{tmp_path}/data.db", clock=clock) as database:
        box = database.part(Outbox)
        for _ in range(3):
            box.put("@ops", {})
        database.writer.flush()
        first, second, third = (one.id for one in box.waiting("@ops", 9))
        box.sent([first])
        box.give_up([second], "no such host")
        later = clock.now() + timedelta(seconds=10)
        box.again([third], later, "refused")
        states = {one.id: (one.state, one.attempts, one.error) for one in box.recent()}
        assert states == {
            first: ("sent", 1, None), second: ("given up", 1, "no such host"), third: ("waiting", 1, "refused"),
        }  # fmt: skip
        assert [one.due for one in box.waiting("@ops", 9)] == [later]
        assert box.counts() == {"@ops": {"sent": 1, "given up": 1, "waiting": 1}}
        assert [one.id for one in box.recent(1, before=third)] == [second]
        assert box.last_sent() == {"@ops": clock.now()}
        assert box.refused() == {"@ops": ("refused", later)}


def test_what_was_told_is_forgotten_in_time_and_what_waits_never(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outbox, "MOST", 50)
    clock = FakeClock()
    with Database.open(f"sqlite:///{tmp_path}/data.db", clock=clock) as database:
        box = database.part(Outbox)
        for _ in range(40):
            box.put("@ops", {})
        database.writer.flush()
        box.sent([one.id for one in box.waiting("@ops", 39)])
        clock.advance(31 * 86_400)
        for _ in range(60):
            box.put("@ops", {})
        database.writer.flush()
        assert box.counts() == {"@ops": {"waiting": 61}}
