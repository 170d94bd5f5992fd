"""Events over the API: emitted by programs, and streamed to them."""

from __future__ import annotations

import queue
from typing import Any

import pytest

from atilite.api.feeds import PORTION, AppEvents
from atilite.automation import eventlog
from atilite.automation.eventboard import EventBoard
from tests.api.conftest import World
from tests.api.test_trail import trail
from tests.api.test_updates import Address, Events, Socket, bearer

PATIENCE = 20.0


def heard(world: World, *names: str) -> queue.SimpleQueue[Any]:
    """What subscribers of these names were told."""
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for name in names:
        world.app.on(name)(lambda *args: told.put(args))
    return told


@pytest.mark.row("M19")
def test_a_program_emits_an_event_and_learns_how_many_listen(world: World) -> None:
    told = heard(world, "door/opened")
    client = world.client("run")
    answer = client.post("/internal/event/door/opened", json={"who": "ana"})
    assert (answer.status_code, answer.json()) == (202, {"subscribers": 1})
    assert told.get(timeout=PATIENCE) == ({"who": "ana"},)
    answer = client.post("/internal/event/nobody")
    assert (answer.status_code, answer.json()) == (202, {"subscribers": 0})


def test_without_a_body_subscribers_get_nothing_and_with_null_they_get_that(world: World) -> None:
    told = heard(world, "tick")
    world.client("run").post("/internal/event/tick")
    world.client("run").post("/internal/event/tick", data=b"null", headers={"Content-Type": "application/json"})
    assert [told.get(timeout=PATIENCE) for _ in range(2)] == [(), (None,)]


def test_an_event_of_the_platform_is_not_for_programs(world: World) -> None:
    answer = world.client("admin").post("/internal/event/finish_request", json=1)
    assert answer.status_code == 400


def test_a_body_that_is_no_json_is_refused(world: World) -> None:
    for body, kind, status in ((b"{", "application/json", 400), (b"a=1", "text/plain", 415)):
        answer = world.client("run").post("/internal/event/tick", data=body, headers={"Content-Type": kind})
        assert answer.status_code == status


@pytest.mark.row("M3", "M19")
def test_nobody_emits_what_starts_an_action_for_a_greater_role(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EventBoard, "roles", lambda self, name: {"admin"} if name == "frost" else set())
    assert world.client("run").post("/internal/event/frost").status_code == 403
    assert world.client("admin").post("/internal/event/frost").status_code == 202
    assert world.client("view").post("/internal/event/thaw").status_code == 403


@pytest.mark.row("M20")
def test_an_emitted_event_is_in_the_audit_trail(world: World) -> None:
    world.client("run").post("/internal/event/frost", json={"degrees": -3, "password": "hunter22"})
    (entry,) = trail(world)
    assert (entry["who"], entry["via"], entry["what"], entry["target"]) == ("run-program", "api", "emit event", "frost")
    assert entry["parameters"]["degrees"] == -3
    assert "hunter22" not in str(entry)


@pytest.mark.row("M19")
def test_events_are_streamed_as_they_are_emitted_and_resumed(world: World, served: Address) -> None:
    with Events(served, "/internal/events", world.tokens["view"]) as events:
        assert events.next()[1]["type"] == "listening"
        world.app.emit("dry", bed="north")
        number, told = events.next()
        assert {name: told[name] for name in ("type", "id", "name", "payload", "app")} == {
            "type": "event", "id": number, "name": "dry", "payload": {"bed": "north"}, "app": "sample",
        }  # fmt: skip
        assert told["at"]
    world.app.broadcast("wet", 1)
    world.client("run").post("/internal/event/wet", json=2)
    with Events(served, "/internal/events?name=wet", world.tokens["view"], last=number) as events:
        assert events.next()[1]["type"] == "listening"
        _, told = events.next()
        assert (told["name"], told["payload"], told["app"]) == ("wet", 2, None)
    with Events(served, "/internal/events", world.tokens["view"], last=1) as events:
        assert events.next()[1]["type"] == "missed"


@pytest.mark.row("M19")
def test_events_come_over_a_websocket_as_well(world: World, served: Address) -> None:
    with Socket(served, "/internal/events?name=dry", bearer(world)) as socket:
        socket.next()
        assert socket.message()["type"] == "listening"
        world.app.emit("wet")
        world.app.emit("dry", 1, 2)
        assert socket.message()["payload"] == [1, 2]


def source(world: World, *names: str) -> AppEvents:
    made = AppEvents(world.site.catalogue.events.log, frozenset(names), None)
    assert [body["type"] for _, body in made.fetch()] == ["listening"]
    return made


def test_a_reader_of_one_name_gets_past_any_number_of_others(world: World) -> None:
    one = source(world, "dry")
    for _ in range(2 * PORTION + 1):
        world.app.emit("wet")
    world.app.emit("dry")
    assert [body["name"] for _, body in one.fetch()] == ["dry"]
    assert one.fetch() == []


@pytest.mark.row("M19")
def test_a_reader_is_told_what_it_misses_while_it_looks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = source(world, "dry")
    log = world.site.catalogue.events.log
    for _ in range(PORTION + 1):
        world.app.emit("wet")
    since = log.since

    def late(number: int, limit: int) -> Any:
        found = since(number, limit)
        if len(found[0]) == PORTION:  # what comes next is gone before it is looked at
            monkeypatch.setattr(eventlog, "KEPT", 2)
            for name in ("dry", "wet", "wet"):
                world.app.emit(name)
        return found

    monkeypatch.setattr(log, "since", late)
    assert [body["type"] for _, body in one.fetch()] == ["missed"]


@pytest.mark.row("M19")
def test_a_slow_reader_is_told_what_it_misses_and_nobody_waits_for_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eventlog, "KEPT", 2)
    one = source(world)
    for number in range(5):
        world.app.emit("tick", number)
    assert [body.get("payload", body["type"]) for _, body in one.fetch()] == ["missed", 3, 4]


def test_a_stream_goes_on_when_the_apps_have_been_put_together_anew(world: World) -> None:
    one = source(world)
    world.site.arrange()
    world.app.emit("dry")
    assert [body["name"] for _, body in one.fetch()] == ["dry"]
