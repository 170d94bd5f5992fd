"""The newest events, kept for those who read them later."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from atilite.automation import eventlog
from atilite.automation.eventlog import EventLog, payload, told
from atilite.clock import Clock
from atilite.events import Bus, Emitted
from atilite.testing.clock import FakeClock


def emitted(bus: Bus, name: str, *args: Any, **kwargs: Any) -> None:
    bus.emitted.emit(Emitted(name, args, kwargs))


def log_of(bus: Bus, clock: Clock | None = None, secrets: tuple[str, ...] = ()) -> EventLog:
    log = EventLog(clock or FakeClock())
    log.follow([("garden", bus)], lambda: secrets)
    return log


@pytest.mark.row("M19")
def test_events_are_kept_from_the_first_reader_on_and_numbered_in_order() -> None:
    bus = Bus()
    log = log_of(bus)
    emitted(bus, "before", 1)
    start = log.begin()
    emitted(bus, "dry", 1)
    emitted(bus, "wet", bed="north")

    found, missed = log.since(start, 10)

    assert not missed
    assert [(one.number - start, one.name, one.app, json.loads(one.text)) for one in found] == [
        (1, "dry", "garden", 1),
        (2, "wet", "garden", {"bed": "north"}),
    ]
    assert log.since(found[0].number, 10) == ([found[1]], False)
    assert log.since(start, 1) == ([found[0]], False)


def test_a_second_reader_begins_with_the_newest_and_no_event_is_kept_twice() -> None:
    bus = Bus()
    log = log_of(bus)
    log.begin()
    emitted(bus, "dry")
    start = log.begin()
    emitted(bus, "wet")
    assert [one.name for one in log.since(start, 10)[0]] == ["wet"]


def test_whoever_listens_is_told_behind_each_event() -> None:
    bus = Bus()
    log = log_of(bus)
    start = log.begin()
    seen: list[int] = []
    end = log.listen(lambda _: seen.append(len(log.since(start, 10)[0])))
    emitted(bus, "dry")
    emitted(bus, "dry")
    end()
    emitted(bus, "dry")
    assert seen == [1, 2]


def test_a_log_that_follows_other_apps_goes_on_with_its_numbers_and_leaves_those_before() -> None:
    before, after = Bus(), Bus()
    log = log_of(before)
    start = log.begin()
    emitted(before, "dry", 1)

    log.follow([("garden", after)], tuple)
    emitted(before, "dry", 2)
    emitted(after, "dry", 3)

    assert [json.loads(one.text) for one in log.since(start, 10)[0]] == [1, 3]
    assert before.emitted._listeners == ()


@pytest.mark.row("M19")
def test_a_reader_who_is_too_slow_is_told_that_events_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventlog, "KEPT", 3)
    bus = Bus()
    log = log_of(bus)
    start = log.begin()
    for number in range(5):
        emitted(bus, "tick", number)
    found, missed = log.since(start, 10)
    assert missed
    assert [json.loads(one.text) for one in found] == [2, 3, 4]
    assert not log.since(found[0].number - 1, 10)[1]


def test_large_payloads_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventlog, "KEPT_TEXT", 100)
    bus = Bus()
    log = log_of(bus)
    start = log.begin()
    for _ in range(10):
        emitted(bus, "tick", "x" * 40)
    assert len(log.since(start, 10)[0]) == 2
    assert len(told("x" * 100_000)) < 1100


def test_numbers_of_another_life_are_missed_events() -> None:
    bus, clock = Bus(), FakeClock()
    earlier = log_of(bus, clock).begin()
    clock.advance(60)
    log = log_of(Bus(), clock)
    now = log.begin()
    assert now > earlier
    assert log.since(earlier, 10) == ([], True)
    assert log.since(now + 1_000_000, 10) == ([], True)


@pytest.mark.parametrize(
    ("args", "kwargs", "said"),
    [
        ((), {}, None),
        ((1,), {}, 1),
        ((1, 2), {}, [1, 2]),
        ((), {"who": "ana"}, {"who": "ana"}),
        ((1,), {"who": "ana"}, {"args": [1], "who": "ana"}),
    ],
)
def test_the_payload_is_what_was_passed_on(args: tuple[Any, ...], kwargs: dict[str, Any], said: Any) -> None:
    assert payload(Emitted("x", args, kwargs)) == said


class Odd:
    def __repr__(self) -> str:
        return "<odd>"


@pytest.mark.row("M19")
def test_what_is_no_json_is_shown_by_its_repr() -> None:
    assert json.loads(told({"a": Odd(), "day": date(2026, 1, 2), "set": {1}})) == {
        "a": "<odd>", "day": "2026-01-02", "set": [1],
    }  # fmt: skip
    assert json.loads(told(float("nan"))) == "nan"
    assert json.loads(told({(1, 2): 3})) == "{(1, 2): 3}"


@pytest.mark.row("M18")
def test_secrets_are_dots() -> None:
    assert json.loads(told({"said": "it is hunter22"}, ("hunter22",))) == {"said": "it is ••••"}
