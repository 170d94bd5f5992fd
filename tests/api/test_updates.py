"""Updates over a real server: sockets, parked requests, WebSockets."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, RejectConnection, Request, TextMessage

from tests.api.conftest import World

Address = tuple[str, int]


class Events:
    """A reader of server-sent events."""

    def __init__(self, address: Address, path: str, token: str, last: int | None = None) -> None:
        self._connection = http.client.HTTPConnection(*address, timeout=20)
        headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {token}"}
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        self._connection.request("GET", path, headers=headers)
        self.answer = self._connection.getresponse()

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *error: object) -> None:
        self.answer.close()
        self._connection.close()

    def __iter__(self) -> Iterator[tuple[int | None, dict[str, Any]]]:
        number: int | None = None
        for raw in self.answer:
            field, _, value = raw.decode().rstrip("\n").partition(": ")
            if field == "id":
                number = int(value)
            elif field == "data":
                yield number, json.loads(value)
                number = None

    def next(self) -> tuple[int | None, dict[str, Any]]:
        return next(iter(self))


class Socket:
    """A WebSocket client."""

    def __init__(self, address: Address, path: str, headers: dict[str, str]) -> None:
        self._connection = http.client.HTTPConnection(*address, timeout=20)
        self._connection.connect()
        self._wire = WSConnection(ConnectionType.CLIENT)
        extra = [(name.encode(), value.encode()) for name, value in headers.items()]
        request = Request(host="localhost", target=path, extra_headers=extra)
        self._connection.sock.sendall(self._wire.send(request))

    def __enter__(self) -> Socket:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def next(self) -> Any:
        while True:
            for event in self._wire.events():
                return event
            self._wire.receive_data(self._connection.sock.recv(65536) or None)

    def message(self) -> dict[str, Any]:
        event = self.next()
        assert isinstance(event, TextMessage), event
        found: dict[str, Any] = json.loads(event.data)
        return found


def bearer(world: World, role: str = "view") -> dict[str, str]:
    return {"Authorization": f"Bearer {world.tokens[role]}"}


@pytest.fixture
def run(world: World) -> int:
    """A running journal with two records."""
    journals = world.site.catalogue.journals
    number = int(journals.open("water"))
    for text in ("first", "second"):
        journals.record(number, text)
    world.site.database().writer.call(lambda connection: None)
    return number


@pytest.mark.row("B37")
def test_the_events_of_one_run_begin_with_what_is_stored_and_end_with_the_run(
    world: World, served: Address, run: int
) -> None:
    journals = world.site.catalogue.journals
    with Events(served, f"/internal/journal/{run}/updates", world.tokens["view"]) as events:
        assert events.answer.getheader("Content-Type", "").startswith("text/event-stream")
        found = [events.next() for _ in range(3)]
        assert [body.get("message", body["type"]) for _, body in found] == ["first", "second", "journal"]
        assert [number for number, _ in found] == [found[0][1]["id"], found[1][1]["id"], found[1][1]["id"]]
        third = journals.record(run, "third", {"n": 1})
        assert events.next()[1] == {**events_of(world, run)[-1], "type": "record"}
        journals.close(run, "succeeded", duration=1.0)
        number, last = events.next()
        assert (number, last["type"], last["status"]) == (third + 1, "journal", "succeeded")
        assert list(events) == []


def events_of(world: World, run: int) -> list[dict[str, Any]]:
    """The records of a run as the API lists them, oldest first."""
    found: list[dict[str, Any]] = world.client("view").get(f"/internal/journal/{run}").json()["records"]
    return found[::-1]


@pytest.mark.row("B37")
def test_events_go_on_after_the_last_one_that_was_seen(world: World, served: Address, run: int) -> None:
    first, second = (record["id"] for record in events_of(world, run))
    path = f"/internal/journal/{run}/updates"
    with Events(served, path, world.tokens["view"], last=first) as events:
        assert events.next()[0] == second
        assert events.next()[1]["type"] == "journal"
    with Events(served, path + f"?after={second}", world.tokens["view"]) as events:
        assert events.next()[1]["type"] == "journal"
        new = world.site.catalogue.journals.record(run, "new")
        assert events.next()[0] == new


def test_a_reader_of_an_ended_run_who_has_seen_all_is_told_not_to_come_back(
    world: World, served: Address, run: int
) -> None:
    world.site.catalogue.journals.close(run, "failed", duration=1.0)
    world.site.database().writer.call(lambda connection: None)
    path = f"/internal/journal/{run}/updates"
    with Events(served, path, world.tokens["view"]) as events:
        last, body = list(events)[-1]
    assert body["status"] == "failed"
    with Events(served, path, world.tokens["view"], last=last) as events:
        assert events.answer.status == 204


def test_a_reader_who_left_after_the_last_record_is_told_the_end_when_it_comes_back(
    world: World, served: Address, run: int
) -> None:
    path = f"/internal/journal/{run}/updates"
    newest = events_of(world, run)[-1]["id"]
    world.site.catalogue.journals.close(run, "failed", duration=1.0)
    world.site.database().writer.call(lambda connection: None)
    with Events(served, path, world.tokens["view"], last=newest) as events:
        assert events.answer.status == 200
        assert [(body["type"], body["status"]) for _, body in events] == [("journal", "failed")]


def test_a_reader_of_a_run_without_records_is_told_its_end_once(world: World, served: Address) -> None:
    journals = world.site.catalogue.journals
    number = int(journals.open("silent"))
    journals.close(number, "succeeded", duration=1.0)
    world.site.database().writer.call(lambda connection: None)
    path = f"/internal/journal/{number}/updates"
    with Events(served, path, world.tokens["view"]) as events:
        ((last, body),) = list(events)
    assert body["status"] == "succeeded"
    with Events(served, path, world.tokens["view"], last=last) as events:
        assert events.answer.status == 204


@pytest.mark.row("B37")
def test_the_events_of_all_runs_tell_each_change_once_and_resume(world: World, served: Address, run: int) -> None:
    journals, path = world.site.catalogue.journals, "/internal/journals/updates"
    with Events(served, path, world.tokens["view"]) as events:
        events.answer.readline()
        journals.close(run, "succeeded", duration=1.0)
        number, body = events.next()
        assert (body["type"], body["id"], body["status"], body["change"]) == ("journal", run, "succeeded", number)
    missed = [journals.open("rates"), journals.open("water")]
    world.site.database().writer.call(lambda connection: None)
    with Events(served, path, world.tokens["view"], last=number) as events:
        assert [events.next()[1]["id"] for _ in missed] == missed


@pytest.mark.row("B37")
def test_a_websocket_gets_the_same_messages(world: World, served: Address, run: int) -> None:
    journals = world.site.catalogue.journals
    with Socket(served, f"/internal/journal/{run}/updates", bearer(world)) as socket:
        assert isinstance(socket.next(), AcceptConnection)
        assert [socket.message().get("message") for _ in range(3)] == ["first", "second", None]
        journals.record(run, "third")
        assert socket.message()["message"] == "third"
        journals.close(run, "cancelled", duration=1.0)
        assert socket.message()["status"] == "cancelled"
        assert type(socket.next()).__name__ == "CloseConnection"


@pytest.mark.row("B37")
def test_services_and_runs_are_watched_through_a_websocket(world: World, served: Address) -> None:
    with Socket(served, "/internal/services/updates", bearer(world)) as services, Socket(
        served, "/internal/journals/updates", bearer(world)
    ) as journals:
        assert isinstance(services.next(), AcceptConnection)
        assert isinstance(journals.next(), AcceptConnection)
        name = world.site.catalogue.services[0].name
        world.site.catalogue.start_service(name)
        statuses = []
        while "running" not in statuses:
            body = services.message()
            assert (body["type"], body["name"]) == ("service", name)
            statuses.append(body["status"])
        run = world.site.catalogue.journals.open("water")
        found = journals.message()
        while found["operation"] != "water":
            found = journals.message()
        assert (found["type"], found["id"]) == ("journal", run)


@pytest.mark.row("reliability-20", "reliability-23", "reliability-24")
def test_a_websocket_of_a_stranger_or_of_another_site_is_refused(world: World, served: Address) -> None:
    for headers, status in (
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({**bearer(world), "Origin": "http://evil.example"}, 403),
        ({**bearer(world), "Sec-Fetch-Site": "cross-site"}, 403),
    ):
        with Socket(served, "/internal/journals/updates", headers) as socket:
            event = socket.next()
            assert isinstance(event, RejectConnection)
            assert event.status_code == status


@pytest.mark.parametrize("path", ["journals/updates", "services/updates"])
def test_a_client_that_asks_for_neither_kind_of_updates_is_told_how(world: World, path: str) -> None:
    answer = world.client("view").get(f"/internal/{path}")
    assert answer.status_code == 406
    assert "text/event-stream" in answer.json()["detail"]


def test_a_head_request_for_events_ends(world: World, served: Address) -> None:
    connection = http.client.HTTPConnection(*served, timeout=20)
    connection.request("HEAD", "/internal/journals/updates", headers={**bearer(world), "Accept": "text/event-stream"})
    assert connection.getresponse().status == 200
    connection.close()


def test_twenty_readers_and_waiting_actions_leave_the_workers_free(world: World, served: Address, run: int) -> None:
    path = f"/internal/journal/{run}/updates"
    readers = [Events(served, path, world.tokens["view"]) for _ in range(20)]
    name = next(one["name"] for one in world.client("view").get("/internal/actions/").json() if "waits" in one["name"])
    waiting = http.client.HTTPConnection(*served, timeout=20)
    waiting.request("POST", "/internal/action/" + quoted(name), headers=bearer(world, "run"))
    other = http.client.HTTPConnection(*served, timeout=20)
    for _ in range(10):
        other.request("GET", "/internal/actions/", headers=bearer(world))
        assert other.getresponse().read()
    world.site.catalogue.journals.record(run, "to all")
    for reader in readers:
        assert [reader.next()[1].get("message") for _ in range(4)] == ["first", "second", None, "to all"]
        reader.__exit__()
    world.gate.set()
    answer = waiting.getresponse()
    assert json.loads(answer.read())["result"] == "waited"
    waiting.close()
    other.close()


def quoted(name: str) -> str:
    return name.replace("<", "%3C").replace(">", "%3E")


@pytest.mark.row("B10")
def test_a_client_that_leaves_does_not_cancel_the_run_it_waits_for(world: World, served: Address) -> None:
    name = next(one["name"] for one in world.client("view").get("/internal/actions/").json() if "waits" in one["name"])
    ended, statuses = threading.Event(), []
    journals = world.site.catalogue.journals

    def changed(run: int) -> None:
        headline = journals.headline(run)
        if headline is not None:
            statuses.append(headline.status)
            opened.set()
            if not headline.pending:
                ended.set()

    opened = threading.Event()
    unlisten = journals.updated.listen(changed)
    waiting = http.client.HTTPConnection(*served, timeout=20)
    waiting.request("POST", "/internal/action/" + quoted(name), headers=bearer(world, "run"))
    assert opened.wait(10)
    (active,) = world.app.automation.runs.active.values()
    waiting.close()
    # The server has noticed the empty chair once it has answered somebody who came later.
    later = http.client.HTTPConnection(*served, timeout=20)
    later.request("GET", "/internal/actions/", headers=bearer(world))
    later.getresponse().read()
    later.close()
    world.gate.set()
    assert ended.wait(10)
    assert statuses[-1] == "succeeded"
    # Whoever else waits for the run gets its result.
    assert active.promise.wait(10) == "waited"
    unlisten()


def test_a_reader_whose_token_is_taken_back_is_cut_off_at_the_next_heartbeat(
    world: World, served: Address, run: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atilite.api.feeds.HEARTBEAT", 0.05)
    with Events(served, f"/internal/journal/{run}/updates", world.tokens["view"]) as events:
        assert events.next()[1]["message"] == "first"
        world.accounts.remove_token("view-program")
        assert all(body["type"] in ("record", "journal") for _, body in events)


@pytest.mark.row("M17")
def test_each_change_of_a_key_is_streamed(world: World, served: Address) -> None:
    with Events(served, "/internal/kv/updates?namespace=garden&prefix=v", world.tokens["view"]) as garden:
        garden.answer.readline()
        kv = world.site.catalogue.kv
        kv.set("garden", {"valve": [1], "water": 2})
        kv.set("house", {"valve": 3})
        kv.incr("garden", "visits")
        kv.remove("garden", "valve")

        assert [garden.next()[1] for _ in range(3)] == [
            {"type": "key", "namespace": "garden", "key": "valve", "removed": False, "value": [1]},
            {"type": "key", "namespace": "garden", "key": "visits", "removed": False, "value": 1},
            {"type": "key", "namespace": "garden", "key": "valve", "removed": True, "value": None},
        ]


def test_the_keys_of_the_platform_are_told_only_to_who_names_them(world: World, served: Address) -> None:
    with Events(served, "/internal/kv/updates", world.tokens["view"]) as everything:
        everything.answer.readline()
        kv = world.site.catalogue.kv
        kv.set("_schedules", {"noon": 1})
        kv.set("garden", {"valve": 2})

        assert everything.next()[1]["namespace"] == "garden"
