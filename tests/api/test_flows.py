"""The houses of plans through the API: how they are, and what may be asked of them by whom."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from atilite import Atilite
from atilite.mountedplan import MountedPlan
from atilite.runtime.promise import Promise
from tests.api.conftest import World

WAIT = 20.0  # seconds; only to tell what hangs from what is slow
SCRIPT = """house box1
init temp to 20.0
framer cooling be active first idle
frame idle
  go blow if temp > 60
frame blow
  set fan.duty with 100
framer spare be inactive first rest
frame rest
"""


class Garden:
    """A board with a plan whose clock is paused."""

    def __init__(self, folder: Path) -> None:
        app = Atilite("garden")
        self.plan: MountedPlan = app.mount_plan(SCRIPT, name="fans", period=0.01, start=False, writable=".temp")
        self.world = World(folder, app, threading.Event())
        self.plan.pause()
        self.plan.start()

    def turn(self, turns: int = 1) -> None:
        wanted, reached = self.plan.running.turns.count + turns, Promise[None]()

        def look() -> None:
            if self.plan.running.turns.count >= wanted:
                reached.set(None)

        self.plan.running.after_turn(look)
        self.plan.step(turns)
        reached.wait(WAIT)


@pytest.fixture
def garden(tmp_path: Path) -> Iterator[Garden]:
    made = Garden(tmp_path)
    yield made
    made.world.close()


@pytest.mark.row("I49")
def test_houses_are_listed_and_one_is_told_with_shares_and_steps(garden: Garden) -> None:
    viewer = garden.world.client("view")
    garden.turn(2)
    (found,) = viewer.get("/internal/flows/").json()
    assert (found["name"], found["plan"], found["turn"], found["paused"], found["alive"]) == (
        "box1", "fans", 2, True, True,
    )  # fmt: skip
    assert [(one["name"], one["status"], one["outline"]) for one in found["framers"]] == [
        ("cooling", "running", ["idle"]), ("spare", "stopped", []),
    ]  # fmt: skip
    house = viewer.get("/internal/flow/box1").json()
    assert house["shares"][".temp"] == {"fields": {"value": 20.0}, "writer": "", "t": None, "writable": True}
    assert [step["event"] for step in house["steps"]] == ["start"]
    assert viewer.get("/internal/flow/box1?limit=0").json()["steps"] == []
    assert viewer.get("/internal/flow/nothing").status_code == 404


def test_a_bid_and_a_write_are_done_with_the_next_turn(garden: Garden) -> None:
    runner = garden.world.client("run")
    assert runner.post("/internal/flow/box1/bid", json={"framer": "spare", "control": "start"}).status_code == 200
    assert runner.put("/internal/flow/box1/share/temp", json=70).status_code == 200
    garden.turn(2)
    house = runner.get("/internal/flow/box1").json()
    assert [one["outline"] for one in house["framers"]] == [["blow"], ["rest"]]
    moved = next(step for step in house["steps"] if step["event"] == "transition")
    assert (moved["from"], moved["to"], moved["line"]) == (["idle"], ["blow"], 5)
    assert moved["cause"] == "go blow if temp > 60"
    garden.world.site.database().writer.flush()
    trail = garden.world.client("admin").get("/internal/audit/").json()
    told = {(one["what"], one["target"]) for one in trail}
    assert {("start framer", "box1/spare"), ("write share", "box1/temp")} <= told


def test_times_are_told_in_microseconds(garden: Garden) -> None:
    garden.turn(6)
    runner = garden.world.client("run")
    runner.put("/internal/flow/box1/share/temp", json=30)
    garden.turn()
    house = runner.get("/internal/flow/box1").json()
    assert (house["t"], house["shares"][".temp"]["t"], house["framers"][0]["elapsed"]) == (0.06, 0.06, 0.06)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "box1/bid", {"framer": "nobody", "control": "start"}, 404),
        ("POST", "box1/bid", {"framer": "spare", "control": "dance"}, 400),
        ("POST", "box1/bid", {}, 400),
        ("POST", "box2/bid", {"framer": "spare", "control": "start"}, 404),
        ("PUT", "box1/share/.fan.duty", 3, 403),
        ("PUT", "box1/share/.temp", {"colour": 3}, 400),
        ("POST", "box1/renew", None, 409),
    ],
)
def test_what_cannot_be_is_refused(garden: Garden, method: str, path: str, body: object, status: int) -> None:
    answer = garden.world.client("run").request(method, f"/internal/flow/{path}", json=body)
    assert answer.status_code == status, answer.text


def test_a_plan_is_stepped_resumed_and_stopped(garden: Garden) -> None:
    runner = garden.world.client("run")
    left = garden.plan._left
    assert left is not None
    assert runner.post("/internal/flow/box1/step").json() is None
    garden.turn()
    assert garden.plan.facts.turn == 2
    runner.post("/internal/flow/box1/stop")
    runner.post("/internal/flow/box1/resume")
    left.wait(WAIT)
    assert runner.post("/internal/flow/box1/step").status_code == 409
    assert runner.post("/internal/flow/box1/renew").status_code == 200
    assert garden.plan.alive
    assert garden.world.client("view").post("/internal/flow/box1/stop").status_code == 403
