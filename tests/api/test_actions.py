from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from atilite.store.database import Database
from atilite.store.history import History
from atilite.testing.client import Client
from tests.api.conftest import World

VALVE = "/internal/action/Open%2Fthe%20valve%20%C3%A4"


def started(world: World, name: str) -> int:
    answer = world.client("run").post(f"/internal/action/{name}?wait=0")
    assert answer.status_code == 202
    return int(answer.json()["run"])


@pytest.mark.row("B37", "B9")
def test_actions_are_listed_in_order_with_their_parameters(admin: Client) -> None:
    found = admin.get("/internal/actions/").json()
    assert [one["name"].rpartition(".")[2] for one in found][:3] == ["hello", "Open/the valve ä", "broken"]
    assert found[0]["description"] == "Say hello."
    assert found[1]["parameters"]["properties"]["zone"]["enum"] == ["north", "south"]
    assert found[1]["confirm"] == "Open it?"


def full(admin: Client, name: str) -> str:
    """The whole name of an action of the sample app, percent-encoded."""
    names = [one["name"] for one in admin.get("/internal/actions/").json()]
    return next(one for one in names if one == name or one.endswith("." + name)).replace("<", "%3C").replace(">", "%3E")


@pytest.mark.row("B37", "B10")
def test_an_invocation_waits_and_tells_how_the_run_went(admin: Client) -> None:
    answer = admin.post(f"/internal/action/{full(admin, 'hello')}", json={"who": "ana"})
    assert answer.status_code == 200
    facts = answer.json()
    assert facts["result"] == {"said": "ana"}
    assert facts["status"] == "succeeded"
    assert facts["duration"] >= 0
    stored = admin.get(f"/internal/journal/{facts['run']}").json()
    assert (stored["operation"], stored["trigger"], stored["who"]) == (facts["name"], "api", "admin-program")
    assert stored["parameters"] == {"who": "ana"}
    assert [record["message"] for record in stored["records"]] == ["hello ana"]


def test_an_invocation_without_a_body_uses_the_defaults(admin: Client) -> None:
    for headers in ({}, {"Content-Type": "application/json", "Content-Length": "0"}):
        answer = admin.post(f"/internal/action/{full(admin, 'hello')}", headers=headers)
        assert answer.json()["result"] == {"said": "world"}


def test_a_form_is_as_good_as_json(admin: Client) -> None:
    answer = admin.post(VALVE, form={"zone": "north", "seconds": "5"})
    assert answer.json()["result"] == ["north", 5, "none"]


@pytest.mark.row("B37")
@pytest.mark.parametrize(
    "path",
    [VALVE, "/internal/action/Open/the%20valve%20%C3%A4", "/internal/action/Open%2fthe%20valve%20%c3%a4"],
)
def test_names_with_slashes_spaces_and_other_letters_work(admin: Client, path: str) -> None:
    assert admin.post(path, json={"zone": "south"}).json()["name"] == "Open/the valve ä"


def test_a_parameter_called_name_is_not_the_name_of_the_action(admin: Client) -> None:
    assert admin.post(VALVE, json={"zone": "south", "name": "broken"}).json()["result"] == ["south", 30, "broken"]


def test_bad_parameters_are_all_named(admin: Client) -> None:
    answer = admin.post(VALVE, json={"zone": "west", "seconds": 0, "depth": 3})
    facts = answer.json()
    assert answer.status_code == 400
    assert set(facts["fields"]) == {"zone", "seconds", "depth"}
    assert {"code", "message", "more_info", "detail"} <= set(facts)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"[1]", "application/json", 400),
        (b'"text"', "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"who": NaN}', "application/json", 400),
        (b'{"who": "\\ud800"}', "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 50_000, "application/json", 400),
        (b"<a/>", "text/xml", 415),
    ],
)
def test_what_is_no_object_of_parameters_is_refused(admin: Client, body: bytes, kind: str, status: int) -> None:
    answer = admin.post(VALVE, body=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert answer.json()["detail"]


@pytest.mark.row("B37")
def test_an_unknown_action_is_404_with_a_detail(admin: Client) -> None:
    answer = admin.post("/internal/action/nothing")
    assert answer.status_code == 404
    assert "nothing" in answer.json()["detail"]


@pytest.mark.row("B37")
def test_a_failed_action_is_500_with_its_error_and_its_run(admin: Client) -> None:
    answer = admin.post(f"/internal/action/{full(admin, 'broken')}")
    facts = answer.json()
    assert answer.status_code == 500
    assert "the pump is dry" in facts["detail"]
    assert facts["status"] == "failed"
    stored = admin.get(f"/internal/journal/{facts['run']}").json()
    assert "ValueError" in stored["traceback"]
    assert "Traceback" not in answer.text


def test_an_action_that_takes_too_long_is_500_and_timed_out(admin: Client) -> None:
    facts = admin.post(f"/internal/action/{full(admin, 'slow')}").json()
    assert facts["status"] == "timed_out"
    assert admin.get(f"/internal/journal/{facts['run']}").json()["status"] == "timed_out"


def test_an_action_that_is_cancelled_is_500_and_says_so(world: World, admin: Client) -> None:
    name = full(admin, "waits")
    with world.site.catalogue.journals.updated.subscribe() as begun, ThreadPoolExecutor(1) as caller:
        answered = caller.submit(world.client("run").post, f"/internal/action/{name}")
        run = begun.get(timeout=20)
        assert admin.post(f"/internal/journal/{run}/cancel").status_code == 202
        world.gate.set()
        answer = answered.result(20)
    assert answer.status_code == 500
    facts = answer.json()
    assert (facts["run"], facts["status"]) == (run, "cancelled")
    assert "was cancelled" in facts["detail"]


def test_without_waiting_the_run_is_told_at_once_and_a_second_one_is_skipped(world: World, admin: Client) -> None:
    name = full(admin, "waits")
    run = started(world, name)
    assert admin.get(f"/internal/journal/{run}").json()["status"] == "running"
    skipped = admin.post(f"/internal/action/{name}")
    assert skipped.status_code == 409
    assert skipped.json()["run"] == run
    world.gate.set()


def test_an_action_without_a_journal_has_no_run_to_show(admin: Client) -> None:
    facts = admin.post(f"/internal/action/{full(admin, 'silent')}").json()
    assert (facts["run"], facts["result"], facts["status"]) == (None, "nothing written", "succeeded")


def test_a_result_that_json_cannot_say_is_told_as_text(admin: Client) -> None:
    answer = admin.post(f"/internal/action/{full(admin, 'odd')}")
    assert answer.status_code == 200
    assert "(1+2j)" in str(answer.json()["result"])


def test_whoever_only_views_runs_what_says_so_and_nothing_else(world: World, admin: Client) -> None:
    viewer = world.client("view")
    assert viewer.post(f"/internal/action/{full(admin, 'peek')}").json()["result"] == "seen"
    for name in (full(admin, "hello"), "nothing"):
        assert viewer.post(f"/internal/action/{name}").status_code == 403


def test_an_action_may_ask_for_a_higher_role(world: World, admin: Client) -> None:
    path = f"/internal/action/{full(admin, 'dangerous')}"
    assert world.client("run").post(path).status_code == 403
    assert admin.post(path).json()["result"] == "done"


def test_a_secret_is_nowhere_in_what_is_told_of_the_run(admin: Client) -> None:
    answer = admin.post(f"/internal/action/{full(admin, 'login')}", json={"user": "ana", "password": "hunter2"})
    assert answer.status_code == 200
    assert "hunter2" not in admin.get(f"/internal/journal/{answer.json()['run']}").text
    assert "hunter2" not in admin.get("/internal/journals/").text


@pytest.mark.parametrize("wait", ["maybe", "2"])
def test_a_wait_that_is_no_truth_value_is_refused(admin: Client, wait: str) -> None:
    answer = admin.post(f"/internal/action/{full(admin, 'hello')}?wait={wait}")
    assert answer.json()["fields"] == {"wait": "must be true or false"}


def upload(fields: dict[str, str]) -> tuple[bytes, str]:
    lines = "".join(f'--edge\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items())
    return (lines + "--edge--\r\n").encode(), "multipart/form-data; boundary=edge"


def test_a_multipart_form_is_read_too(admin: Client) -> None:
    body, kind = upload({"zone": "north", "seconds": "7", "csrf": "anything"})
    answer = admin.post(VALVE, body=body, headers={"Content-Type": kind})
    assert answer.json()["result"] == ["north", 7, "none"]


def test_a_large_body_is_read_in_a_worker(admin: Client) -> None:
    facts: Any = admin.post(f"/internal/action/{full(admin, 'hello')}", json={"who": "x" * 100_000}).json()
    assert len(facts["result"]["said"]) == 100_000


@pytest.mark.row("B4", "reliability-10")
def test_the_number_of_a_run_is_told_when_it_is_on_the_disk(world: World) -> None:
    name = full(world.client("admin"), "hello")
    writer, held, go = world.site.database().writer, threading.Event(), threading.Event()

    def hold(connection: object) -> None:
        held.set()
        go.wait(10)

    writer.submit(hold)
    held.wait(10)
    asking = threading.Thread(target=lambda: told.append(world.client("run").post(f"/internal/action/{name}?wait=0")))
    told: list[Any] = []
    asking.start()
    asking.join(0.3)
    assert told == []

    go.set()
    asking.join(10)
    assert told[0].status_code == 202
    with Database.open(f"sqlite:///{world.site.database().path}", readonly=True) as reader:
        found = History(reader).headline(told[0].json()["run"])
    assert found is not None
    assert found.operation.endswith("hello")
