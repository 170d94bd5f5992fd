"""A plan beside a server: what is slow elsewhere never holds its turns, and its turns hold nobody."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from atilite import Atilite
from atilite.config import Settings
from atilite.flow import Plan, frame
from atilite.flow.behaviors import Behaviors, Gathered
from atilite.flow.library import standard
from atilite.flow.loading import read_plan
from atilite.flow.replay import read_recording, replay
from atilite.flow.running import Running
from atilite.mountedplan import MountedPlan
from atilite.runtime.promise import Promise
from atilite.site import Site
from atilite.store.runs import Filter
from atilite.testing.client import Client

WAIT = 20.0  # seconds; only to tell what hangs from what is slow


class Peer(ThreadingHTTPServer):
    """Another server, which answers when it is let."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked, self.go = threading.Event(), threading.Event()
        super().__init__(("127.0.0.1", 0), _Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answer(BaseHTTPRequestHandler):
    server: Peer

    def do_GET(self) -> None:
        self.server.asked.set()
        self.server.go.wait(WAIT)
        body = b'{"degrees": 21.5}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.go.set()
    made.shutdown()
    made.server_close()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[Atilite], Site]]:
    sites: list[Site] = []

    def open_site(app: Atilite) -> Site:
        site = Site(tmp_path)
        sites.append(site)
        site.mount("/", app, name="garden")
        site.open(Settings(devel=True, db=f"sqlite:///{tmp_path}/data.db"))
        site.start()
        return site

    yield open_site
    for site in sites:
        site.stop(5.0)
        site.close()


def turned(plan: MountedPlan, until: Callable[[], bool]) -> None:
    """Wait until something holds behind a turn."""
    reached: Promise[None] = Promise()

    def look() -> None:
        if until():
            reached.set(None)

    plan.running.after_turn(look)
    reached.wait(WAIT)


def value(plan: MountedPlan, path: str) -> Any:
    """What a share holds, for a look within a turn."""
    (house,) = plan.running.houses.values()
    share = house.store.find(path)
    return None if share is None or not share.fields else share.shown


@pytest.mark.row("I46")
def test_a_behaviour_asks_a_slow_server_and_the_turns_go_on(peer: Peer, opened: Callable[[Atilite], Site]) -> None:
    app, made = Atilite("garden"), Gathered()

    @made.behavior(outside=".outside")
    def forecast(outside: Any) -> Any:
        answered = yield app.stub(peer.address).get("/now")
        outside.value = answered.fetch()["degrees"]

    script = (
        "house a\nframer asks be active\nframe ask\ndo forecast\ngo got if outside > 20\nframe got\nprint got it\n"
        "framer counts be active\nframe count\ninit n to 0\ninc n with 1\nprecur\nrecur\ninc n with 1\n"
    )
    plan = app.mount_plan(script, period=0.01, behaviors=made)
    opened(app)
    assert peer.asked.wait(WAIT)
    before = plan.running.turns.count
    turned(plan, lambda: plan.running.turns.count > before + 5)
    assert plan.houses["a"].framers()[0].waits_for == ("a task",)
    assert value(plan, ".outside") is None
    assert plan.running.houses["a"].framers["asks"].outline == ["ask"]
    peer.go.set()
    turned(plan, lambda: plan.running.houses["a"].framers["asks"].outline == ["got"])
    assert value(plan, ".outside") == 21.5


@pytest.mark.row("I45")
def test_requests_are_served_beside_the_turns_and_neither_waits_for_the_other(
    opened: Callable[[Atilite], Site],
) -> None:
    app = Atilite("garden")
    entered, go = threading.Event(), threading.Event()

    @app.get("/slow")
    def slow(was: Any) -> Any:
        entered.set()
        go.wait(WAIT)
        return {"n": was.store[".n"]}

    @app.get("/quick")
    def quick(was: Any) -> Any:
        was.store[".goal"] = 5
        return {"n": was.store[".n"]}

    plan = app.mount_plan("house a\ninit n to 0\ninit goal to 0\nframer f be active\nframe g\nrecur\ninc n with 1\n",
                          period=0.01)  # fmt: skip
    client = Client(opened(app))
    answers: list[Any] = []
    waiting = threading.Thread(target=lambda: answers.append(client.get("/slow").json()))
    waiting.start()
    assert entered.wait(WAIT)
    first = client.get("/quick").json()["n"]
    turned(plan, lambda: value(plan, ".n") > first + 5)
    assert value(plan, ".goal") == 5
    assert answers == []
    go.set()
    waiting.join(WAIT)
    assert answers[0]["n"] > first


@pytest.mark.row("I40")
def test_the_rows_of_loggers_are_in_the_journal_and_with_a_folder_in_files(
    opened: Callable[[Atilite], Site], tmp_path: Path
) -> None:
    app = Atilite("garden")
    script = (
        "house a\ninit n to 0\nframer f be active\nframe g\nput 7 into n\n"
        "logger book\nlog counts on change\nloggee n as number\n"
    )
    plan = app.mount_plan(script, name="counting", period=0.01, logs=tmp_path / "logs")
    site = opened(app)
    turned(plan, lambda: plan.running.turns.count > 5)
    assert plan.stop(WAIT)
    site.database().writer.flush()
    (run,) = site.catalogue.journals.search(Filter(kind="flow"))
    rows = [one for one in site.catalogue.journals.records(run.id) if one.message == "book counts"]
    assert rows[0].params["number"] == 7
    (file,) = (tmp_path / "logs").rglob("counts.txt")
    assert "7" in file.read_text(encoding="utf-8")


@pytest.mark.row("I49")
def test_what_happened_in_an_app_is_recorded_and_replayed(opened: Callable[[Atilite], Site], tmp_path: Path) -> None:
    app, script = Atilite("garden"), tmp_path / "fan.flo"
    script.write_text("house a\ninit t to 0\nframer f be active\nframe g\ngo h if t > 5\nframe h\nprint warm\n")
    plan = app.mount_plan(script, period=0.01, record=tmp_path / "flight.jsonl")
    opened(app)
    turned(plan, lambda: plan.running.turns.count > 3)
    plan.write("a", ".t", {"value": 7})
    turned(plan, lambda: plan.running.houses["a"].framers["f"].outline == ["h"])
    assert plan.stop(WAIT)

    recording = read_recording(tmp_path / "flight.jsonl")
    decl, problems = read_plan(script)
    assert problems == []
    assert [wish.value for wish in recording.wishes if wish.kind == "write"] == [{"value": 7}]
    again = Running(decl, Behaviors(standard()), period=recording.period, wishes=recording.wishes)
    assert replay(again, recording) == ""


def test_what_shares_say_in_a_mounted_plan_is_a_record_with_its_fields(opened: Callable[[Atilite], Site]) -> None:
    made = Plan("box")
    made.init(".heat", 81)

    @made.framer(active=True)
    class main:
        class hot(frame):
            enter = [lambda shares: shares.journal("too hot", degrees=shares[".heat"]), lambda s: s.journal("so hot")]

    app = Atilite("garden")
    plan = app.mount_plan(made, period=0.01)
    site = opened(app)
    turned(plan, lambda: plan.running.turns.count > 2)
    assert plan.stop(WAIT)

    site.database().writer.flush()
    (run,) = site.catalogue.journals.search(Filter(kind="flow"))
    records = {one.message: one for one in site.catalogue.journals.records(run.id)}
    assert (records["too hot"].params, records["too hot"].source) == ({"degrees": 81}, "record")
    assert records["so hot"].source == "record"


@pytest.mark.row("I49")
def test_what_behaviours_drew_in_an_app_is_drawn_again_by_the_replay(
    opened: Callable[[Atilite], Site], tmp_path: Path
) -> None:
    known = Gathered()

    @known.behavior(out=".throw")
    def dice(out: Any) -> None:
        out.value = random.random()

    app, script = Atilite("garden"), tmp_path / "dice.flo"
    script.write_text(
        "house a\nframer f be active\nframe low\ndo dice\ngo high if throw > 0.5\nframe high\ndo dice\n"
        "go low if throw <= 0.5\n"
    )
    plan = app.mount_plan(script, period=0.005, behaviors=known, record=tmp_path / "flight.jsonl")
    opened(app)
    turned(plan, lambda: random.random() >= 0 and plan.running.turns.count > 40)  # others draw meanwhile
    assert plan.stop(WAIT)

    recording = read_recording(tmp_path / "flight.jsonl")
    assert len(recording.steps) > 3
    behaviors = Behaviors(standard(), known)
    again = Running(read_plan(script)[0], behaviors, period=recording.period, wishes=recording.wishes)
    assert replay(again, recording) == ""


@pytest.mark.row("I49")
def test_the_recording_of_a_plan_that_did_not_end_in_time_is_ended_with_it(
    opened: Callable[[Atilite], Site], tmp_path: Path
) -> None:
    known, goes_on, holds = Gathered(), threading.Event(), Promise[None]()

    @known.behavior
    def hold() -> None:
        holds.set(None)
        goes_on.wait(WAIT)

    app = Atilite("garden")
    plan = app.mount_plan(
        "house a\nframer f be active\nframe g\ndo hold\n", name="held", period=0.01, behaviors=known,
        record=tmp_path / "flight.jsonl",
    )  # fmt: skip
    opened(app)
    holds.wait(WAIT)
    assert not plan.stop(0.0)
    goes_on.set()
    assert plan.stop(WAIT)

    recording = read_recording(tmp_path / "flight.jsonl")
    assert (recording.turns > 0, recording.stopped) == (True, True)


def test_a_journal_takes_many_steps_at_once_and_then_says_that_there_are_more() -> None:
    from atilite.plansteps import RECORDED, Budget
    from atilite.testing.clock import FakeClock

    clock = FakeClock()
    budget = Budget(clock)
    assert sum(budget.spend() for _ in range(RECORDED + 10)) == RECORDED
    assert [budget.tell_once(), budget.tell_once()] == [True, False]
    clock.advance(3.5)
    assert [budget.spend() for _ in range(5)] == [True, True, True, False, False]
    assert budget.tell_once()
