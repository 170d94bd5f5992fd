"""One program drives another: every part of the client against a real server."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from atilite import Client
from atilite.errors import RemoteError, RunFailed, RunSkipped, TaskTimeout
from tests.remote.conftest import Board


def test_an_action_is_run_with_its_parameters_and_its_result_comes_back(client: Client) -> None:
    assert client.actions.run("water/the beds", seconds=5) == {"seconds": 5, "timeout": 0}
    assert client.actions.run("water/the beds", {"timeout": 3}, timeout=20) == {"seconds": 30, "timeout": 3}


def test_the_actions_are_listed_with_their_parameters(client: Client) -> None:
    water = next(one for one in client.actions.list() if one["name"] == "water/the beds")
    assert water["parameters"]["properties"]["seconds"]["maximum"] == 600
    assert client.actions.choices("water/the beds") == {}


def test_a_failed_action_is_told_with_its_run(client: Client) -> None:
    with pytest.raises(RunFailed, match="the pump is dry") as failed:
        client.actions.run("broken")
    assert failed.value.run is not None
    assert failed.value.status == "failed"
    assert "OSError" in client.runs[failed.value.run].get()["traceback"]


def test_faulty_parameters_are_named(client: Client) -> None:
    with pytest.raises(RemoteError, match="seconds") as refused:
        client.actions.run("water/the beds", seconds=1000)
    assert refused.value.status_code == 400
    assert list(refused.value.fields) == ["seconds"]


def test_an_unknown_action_and_a_small_role_are_refused(board: Board) -> None:
    for role, status in (("admin", 404), ("view", 403), (None, 401)):
        with pytest.raises(RemoteError) as refused:
            board.client(role).actions.run("water/the beds" if role != "admin" else "no such")
        assert refused.value.status_code == status


def test_a_started_run_is_waited_for_and_gives_its_result(board: Board, client: Client) -> None:
    run = client.actions.start("waits")
    assert run.status in ("queued", "running")
    with pytest.raises(RunSkipped) as skipped:
        client.actions.run("waits")
    assert skipped.value.running == run.id
    with pytest.raises(TaskTimeout, match=f"run {run.id} .* it goes on"):
        run.wait(0.2)
    threading.Timer(0.1, board.gate.set).start()
    assert run.wait() == "waited"
    assert run.wait(5) == "waited"


def test_a_run_is_cancelled_once(client: Client) -> None:
    run = client.actions.start("asleep")
    assert run.cancel()
    with pytest.raises(RunFailed) as ended:
        run.wait(20)
    assert ended.value.status == "cancelled"
    assert not run.cancel()


def test_a_run_is_repeated_with_other_parameters(client: Client) -> None:
    run = client.actions.start("water/the beds", seconds=5)
    run.wait(20)
    assert run.again({"timeout": 9}).wait(20) == {"seconds": 5, "timeout": 9}


def test_runs_are_searched_newest_first_however_many_there_are(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atilite.remote.parts.PAGE", 2)
    ids = [client.actions.start("water/the beds", seconds=number).id for number in range(1, 6)]
    client.runs[ids[-1]].wait(20)
    with pytest.raises(RunFailed):
        client.actions.run("broken")
    found = [run["id"] for run in client.runs.search(operation="water/the beds", limit=None)]
    assert found == sorted(ids, reverse=True)
    assert [run["id"] for run in client.runs.search(failed=False, limit=3, before=ids[-1])] == found[1:4]
    assert [run["status"] for run in client.runs.search(status=["failed", "timed_out"])] == ["failed"]
    (record,) = client.runs[ids[0]].get()["records"]
    assert record["params"] == {"seconds": 1}


def test_a_run_that_never_was_is_an_error(client: Client) -> None:
    with pytest.raises(RemoteError, match="there is no run 999"):
        client.runs[999].get()


def test_values_are_kept_and_forgotten(client: Client) -> None:
    client.kv.set("a/b ä", {"x": [1, None]})
    client.kv.set("nothing", None)
    client.kv.set("soon", 1, ttl=1000)
    assert client.kv.get("a/b ä") == {"x": [1, None]}
    assert client.kv.get("nothing", "default") is None
    assert client.kv.get("missing", "default") == "default"
    assert client.kv.items("a/") == {"a/b ä": {"x": [1, None]}}
    client.kv.remove("a/b ä")
    client.kv.remove("a/b ä")
    assert sorted(client.kv.items()) == ["nothing", "soon"]


def test_all_values_come_even_when_they_are_many(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    many = client.kv.select("many")
    stored = {f"{number:02}": number for number in range(5)}
    for name, number in stored.items():
        many.set(name, number)
    client.kv.set("other", 1)
    monkeypatch.setattr("atilite.api.kv.PAGE", 2)
    assert many.items() == stored
    assert {"default", "many"} <= set(client.kv.namespaces())


def test_numbers_are_added_to_and_values_swapped_only_if_they_are_as_expected(client: Client) -> None:
    assert client.kv.incr("count") == 1
    assert client.kv.incr("count", -2.5) == -1.5
    assert client.kv.swap("owner", None, "me")
    assert not client.kv.swap("owner", None, "you")
    assert not client.kv.swap("owner", "you", "me")
    assert client.kv.swap("owner", "me", "you")
    assert client.kv.get("owner") == "you"


def test_of_many_who_swap_one_succeeds(board: Board) -> None:
    won: list[int] = []

    def swap(number: int) -> None:
        if board.client().kv.swap("owner", None, number):
            won.append(number)

    threads = [threading.Thread(target=swap, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert won == [board.client().kv.get("owner")]


def test_writing_takes_the_role_admin(board: Board) -> None:
    with pytest.raises(RemoteError, match="403"):
        board.client("run").kv.set("x", 1)


def test_services_are_started_and_stopped(client: Client) -> None:
    with closing(client.services.updates()) as changes:
        client.services.start("poll")
        assert next(change["status"] for change in changes if change["status"] == "running")
        client.services.stop("poll")
        assert next(change["status"] for change in changes if change["status"] == "stopped")
    assert client.services.list()[0]["name"] == "poll"


@pytest.mark.row("B29")
def test_a_service_is_started_anew(client: Client) -> None:
    with closing(client.services.updates()) as changes:
        client.services.restart("poll")
        assert next(change["status"] for change in changes if change["status"] == "running")
        client.services.restart("poll")
        assert next(change["status"] for change in changes if change["status"] != "running")
        assert next(change["status"] for change in changes if change["status"] == "running")


def test_schedules_are_paused_and_resumed(client: Client) -> None:
    (noon,) = client.schedules.list()
    assert client.schedules.pause(noon["id"])["paused"]
    assert not client.schedules.resume(noon["id"])["paused"]


def test_health_never_raises(board: Board) -> None:
    assert board.client(None).health() == {"status": "ok", "reasons": []}
    (reason,) = Client("http://127.0.0.1:9", retries=0).health()["reasons"]
    assert "cannot be reached" in reason
