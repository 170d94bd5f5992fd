"""Plans in a site: they turn beside the services, handlers see their shares, and their journals what happened."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite import Atilite
from atilite.automation.plans import SWITCHES
from atilite.config import Settings
from atilite.errors import DuplicateName, FlowError, SetupError
from atilite.flow import Plan, frame, until
from atilite.flow.behaviors import Gathered
from atilite.mountedplan import MountedPlan
from atilite.runtime.promise import Promise
from atilite.site import Site
from atilite.store.runs import Filter
from atilite.testing.client import Client

WAIT = 20.0  # seconds; only to tell what hangs from what is slow

FAN = """
house box
init temp to 20.0
init fan.duty to 0
framer cooling be active first idle
frame idle
  set fan.duty with 0
  go blow if temp > 60
frame blow
  set fan.duty with 100
  print too hot
  go idle if temp < 50
framer other be inactive first rest
frame rest
"""


class Board:
    """A site with one app: `app` is set up first, then `start` serves it."""

    def __init__(self, folder: Path) -> None:
        self.site, self.app = Site(folder), Atilite("garden")
        self.site.mount("/", self.app, name="garden")
        self.client = Client(self.site)

    def start(self) -> Board:
        self.site.open(Settings(devel=True, db=f"sqlite:///{self.site.root}/data.db"))
        self.site.start()
        return self

    def runs(self, kind: str = "flow") -> list[Any]:
        self.site.database().writer.flush()
        return list(self.site.catalogue.journals.search(Filter(kind=kind)))

    def records(self, run: int) -> list[Any]:
        self.site.database().writer.flush()
        return list(self.site.catalogue.journals.records(run))


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    made = Board(tmp_path)
    yield made
    made.site.stop(5.0)
    made.site.close()


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
    return None if share is None else share.shown


def steps(plan: MountedPlan) -> list[str]:
    (house,) = plan.houses.values()
    return [step.text for step in house.steps]


@pytest.mark.row("I49")
def test_a_plan_turns_with_the_app_and_handlers_read_and_write_its_shares(board: Board) -> None:
    plan = board.app.mount_plan(FAN, name="fan", period=0.01)

    @board.app.get("/heat/<degrees:float>")
    def heat(was: Any, degrees: float) -> Any:
        was.store[".temp"] = degrees
        return was.API(was=was.store["temp"], known="temp" in was.store, other=was.store.get(".nothing", 7))

    board.start()
    turned(plan, lambda: steps(plan) != [])
    assert board.client.get("/heat/70.0").json() == {"was": 20.0, "known": True, "other": 7}
    turned(plan, lambda: value(plan, ".fan.duty") == 100)
    board.app.automation.shares("box")["temp"] = 40.0
    turned(plan, lambda: value(plan, ".fan.duty") == 0)

    assert steps(plan) == [
        "cooling: start in idle", "cooling: idle \u2192 blow", "too hot", "cooling: blow \u2192 idle"
    ]  # fmt: skip


@pytest.mark.row("I48")
def test_transitions_are_records_of_one_journal_with_cause_line_and_time(board: Board) -> None:
    plan = board.app.mount_plan(FAN, name="fan", period=0.01)
    board.start()
    board.app.automation.shares[".temp"] = 70
    turned(plan, lambda: value(plan, ".fan.duty") == 100)
    (run,) = board.runs()
    assert (run.operation, run.status, run.trigger) == ("fan", "running", "start")

    assert plan.stop(WAIT)

    (run,) = board.runs()
    assert run.status == "succeeded"
    found = board.records(run.id)
    moved = next(one for one in found if one.params.get("event") == "transition")
    assert moved.message == "cooling: idle \u2192 blow"
    told = moved.params
    assert (told["from"], told["to"], told["line"], told["cause"]) == (["idle"], ["blow"], 8, "go blow if temp > 60")
    assert told["after"] >= 0
    assert [one.source for one in found if one.message == "too hot"] == ["print"]
    assert found[-1].message == "cooling: stop"


def test_a_plan_with_errors_refuses_the_start_with_all_of_them(board: Board) -> None:
    wrong = Atilite("wrong")
    wrong.mount_plan("house a\nframer b be activ\nframer d be active\nframe c\ngo nowhere\n", name="bad")
    wrong.mount_plan("nowhere.flo")
    with pytest.raises(SetupError) as refused:
        wrong.freeze()
    assert "plan:2" in str(refused.value)
    assert "plan:5" in str(refused.value)

    other = Atilite("other")
    other.mount_plan("house a\nframer b be active\nframe c\ngo nowhere\ndo sing aloud\n")
    with pytest.raises(SetupError) as both:
        other.freeze()
    assert "plan:4" in str(both.value)
    assert "plan:5" in str(both.value)


def test_two_houses_of_one_name_and_plans_that_cannot_be_are_refused(board: Board) -> None:
    board.app.mount_plan(FAN)
    with pytest.raises(DuplicateName):
        board.app.mount_plan(FAN, name="again")
    with pytest.raises(SetupError, match="no plan"):
        board.app.mount_plan(12)
    board.app.mount_plan("nowhere.flo")
    with pytest.raises(SetupError, match="cannot be read"):
        board.start()


def test_a_share_that_cannot_be_written_is_no_writable_one(board: Board) -> None:
    board.app.mount_plan(FAN, writable=".nothing")
    with pytest.raises(SetupError, match=r"no share \.nothing"):
        board.start()


def test_when_all_framers_have_stopped_the_run_ends_and_a_bid_begins_another(board: Board) -> None:
    plan = board.app.mount_plan(FAN, name="fan", period=0.01)
    board.start()
    house = plan.houses["box"]
    turned(plan, lambda: (house.steps and True) or False)
    left = plan._left
    assert left is not None
    house.stop()
    left.wait(WAIT)
    assert [run.status for run in board.runs()] == ["succeeded"]
    assert not house.alive

    house.bid("other", "start", trigger="console", who="ana")
    turned(plan, lambda: "other: start in rest" in steps(plan))

    run = board.runs()[0]
    assert (run.status, run.trigger, run.who) == ("running", "console", "ana")


def test_a_site_that_stops_lets_all_frames_exit_before_the_data_close(board: Board) -> None:
    plan = board.app.mount_plan(
        "house a\nframer f be active\nframe g\nexit\nprint valve closed\n", name="valve", period=0.01
    )
    board.start()
    turned(plan, lambda: steps(plan) != [])
    board.site.stop(WAIT)
    (run,) = board.runs()
    assert run.status == "succeeded"
    assert [one.message for one in board.records(run.id)][-2:] == ["f: stop", "valve closed"]


def test_a_plan_whose_run_is_cancelled_exits_its_frames(board: Board) -> None:
    plan = board.app.mount_plan(FAN, name="fan", period=0.01)
    board.start()
    turned(plan, lambda: steps(plan) != [])
    run, left = plan.facts.run, plan._left
    assert run is not None
    assert left is not None
    assert board.site.catalogue.cancel(run)
    left.wait(WAIT)
    assert board.runs()[0].status == "cancelled"
    assert steps(plan)[-1] == "cooling: stop"


def test_of_several_houses_one_is_named(board: Board) -> None:
    plan = board.app.mount_plan("house a\ninit n to 1\nframer f be active\nframe g\nhouse b\ninit n to 2\n"
                                "framer f be active\nframe g\n", period=0.01)  # fmt: skip
    board.start()
    shares = board.app.automation.shares
    with pytest.raises(FlowError, match=r'was\.store\("a"\)'):
        shares[".n"]
    with pytest.raises(FlowError, match="there is no house c"):
        shares("c")
    assert (shares("a")[".n"], shares("b")["n"], ".m" in shares("b")) == (1, 2, False)
    with pytest.raises(FlowError, match="there is no share"):
        shares("a")[".m"] = 3
    turned(plan, lambda: plan.running.turns.count > 2)
    assert board.site.catalogue.plans.house("b").name == "b"
    with pytest.raises(LookupError, match="known: a, b"):
        board.site.catalogue.plans.house("c")
    plan.stop(WAIT)
    told = [one.params["house"] for one in board.records(board.runs()[0].id)]
    assert set(told) == {"a", "b"}


def test_a_bid_that_comes_with_the_last_turn_is_not_lost(board: Board) -> None:
    script = (
        "house box\nframer f be active\nframe g\nbid stop me\nframer other be inactive first rest\nframe rest\n"
    )
    plan = board.app.mount_plan(script, period=0.01, start=False)
    board.start()
    bids = ["other"]

    def last() -> None:
        if "f: stop" in steps(plan) and bids:
            plan.houses["box"].bid(bids.pop(), "start")

    plan.running.after_turn(last)
    plan.start()
    turned(plan, lambda: "other: start in rest" in steps(plan))
    assert len(board.runs()) == 1


def test_a_paused_plan_makes_one_turn_at_a_time(board: Board) -> None:
    plan = board.app.mount_plan(FAN, period=0.01, start=False)
    board.start()
    assert not plan.alive
    plan.running.pause()
    plan.start()
    plan.running.step(3)
    turned(plan, lambda: plan.running.turns.count == 3)
    assert plan.facts.turn == 3
    assert plan.facts.paused
    plan.running.resume()
    turned(plan, lambda: plan.running.turns.count > 5)


def test_a_house_does_each_of_its_switches_and_refuses_what_cannot_be_now(board: Board) -> None:
    plan = board.app.mount_plan(FAN, period=0.01, start=False)
    board.start()
    house = plan.houses["box"]
    with pytest.raises(FlowError, match="does not run; start it before you step"):
        house.switch("step", trigger="api")
    for verb in ("renew", "pause", "step"):
        house.switch(verb, trigger="api", who="ana")
    with pytest.raises(FlowError, match="stop it before it begins anew"):
        house.switch("renew", trigger="api")
    house.switch("resume", trigger="api")
    left = plan._left
    assert left is not None
    house.switch("stop", trigger="api")
    left.wait(WAIT)
    house.switch("start", trigger="api", who="eve")
    turned(plan, lambda: house.alive)
    with pytest.raises(FlowError, match="pause its clock before you step"):
        house.switch("step", trigger="api")
    assert [(run.trigger, run.who) for run in board.runs()] == [("api", "eve"), ("api", "ana")]
    assert set(SWITCHES) == {"step", "pause", "renew", "resume", "stop", "start"}


def test_functions_of_the_app_are_told_of_a_share(board: Board) -> None:
    told: Promise[Any] = Promise()
    plan = board.app.mount_plan(FAN, period=0.01)

    @board.app.on("box.fan.duty")
    def changed(duty: int) -> None:
        told.set(duty)

    board.start()
    plan.write("box", ".temp", {"value": 90})
    assert told.wait(WAIT) == 100


def test_functions_of_the_app_are_told_of_a_share_that_a_behaviour_makes_while_the_plan_runs(board: Board) -> None:
    told: Promise[Any] = Promise()
    made = Plan("late")

    @made.framer(active=True)
    def mission(self: Any) -> Iterator[Any]:
        yield until(turns=3)
        self[".found"] = "wreck"
        yield until(".never")

    made.init(".never", False)
    board.app.mount_plan(made, period=0.01)
    board.app.on("late.found")(told.set)
    board.start()
    assert told.wait(WAIT) == "wreck"


PRESS = """
house yard
framer day be active first begin
frame begin
  do action water with zone "north" litres 3
  go check if ended in .action.water
frame check
  do service start poll
  go over if ended in .service.poll
frame over
  do action fail
  go end if ended in .action.fail
frame end
  print "all pressed"
"""


@pytest.mark.row("I49")
def test_a_script_presses_actions_and_switches_services_without_holding_the_turn(board: Board) -> None:
    begun, go, stop = threading.Event(), threading.Event(), threading.Event()

    @board.app.action(name="Water")
    def water(zone: str, litres: int) -> str:
        begun.set()
        go.wait(WAIT)
        return f"{litres} to {zone}"

    @board.app.action(name="Fail")
    def fail() -> None:
        raise OSError("dry")

    @board.app.service(name="poll", autostart=False)
    def poll(was: Any) -> None:
        while not was.cancelled:
            stop.wait(0.01)

    plan = board.app.mount_plan(PRESS, name="day", period=0.01)
    board.start()
    assert begun.wait(WAIT)
    now = plan.running.turns.count
    turned(plan, lambda: plan.running.turns.count > now + 3)  # the action still waits
    assert value(plan, ".action.water")["status"] == "running"
    go.set()
    turned(plan, lambda: "all pressed" in steps(plan))

    assert value(plan, ".action.water")["result"] == "3 to north"
    assert value(plan, ".action.fail")["status"] == "failed"
    assert board.app.service.get("poll").status == "running"
    water_run = next(run for run in board.runs("action") if run.operation == "Water")
    (plan_run,) = board.runs()
    assert (water_run.trigger, water_run.parent) == ("flow", plan_run.id)


@pytest.mark.row("I39")
def test_what_became_of_a_button_is_its_output_in_the_network(board: Board) -> None:
    board.app.service(name="poll", autostart=False)(lambda was: None)
    board.app.action(name="Water")(lambda: None)
    plan = board.app.mount_plan(
        "house yard\nframer day be active\nframe begin\ndo action water\ndo service stop poll per result .how\n",
        start=False,
    )
    board.start()
    found = [(dict(node.inputs), dict(node.outputs)) for node in plan.houses["yard"].network().nodes]

    assert found == [({}, {"result": ".action.water"}), ({}, {"result": ".how"})]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("do action watr", "did you mean"),
        ("do action water with zoe 3", "no parameter zoe"),
        ("do action water with litres 3", "action Water"),
        ("do service stop nothing", "no service"),
        ("do service paint poll", "start, stop or restart"),
    ],
)
def test_a_button_that_is_not_there_is_told_at_the_start(line: str, why: str) -> None:
    app = Atilite("garden")

    @app.action(name="Water")
    def water(zone: str, litres: int = 1) -> None: ...

    app.mount_plan(f"house a\nframer b be active\nframe c\n{line}\n")
    with pytest.raises(SetupError, match=why):
        app.freeze()


def test_a_behaviour_that_fails_is_told_and_ends_the_run_as_failed(board: Board) -> None:
    made = Gathered()

    @made.behavior
    def burst() -> None:
        raise ValueError("pipe")

    plan = board.app.mount_plan("house a\nframer b be active\nframe c\ndo burst\n", name="pipes", behaviors=made,
                                period=0.01)  # fmt: skip
    board.start()
    left = plan._left
    assert left is not None
    left.wait(WAIT)
    (run,) = board.runs()
    assert run.status == "failed"
    assert "pipe" in run.error
    assert any(one.level == "error" and one.params["line"] == 4 for one in board.records(run.id))


@pytest.mark.parametrize(("rescue", "status"), [("bid stop me", "succeeded"), ("do burst", "failed")])
def test_the_run_of_a_plan_has_failed_where_nothing_in_the_plan_settles_a_fault(
    board: Board, rescue: str, status: str
) -> None:
    made = Gathered()

    @made.behavior
    def burst() -> None:
        raise ValueError("pipe")

    script = f"house a\nframer b be active on fault safe\nframe c\ndo burst\nframe safe\n{rescue}\n"
    plan = board.app.mount_plan(script, behaviors=made, period=0.01)
    board.start()
    left = plan._left
    assert left is not None
    left.wait(WAIT)
    (look,) = plan.houses["a"].framers()
    assert [run.status for run in board.runs()] == [status]
    assert (look.fault, look.fallen) == ("ValueError: pipe", status == "failed")
    assert (plan.facts.failure != "") is (status == "failed")


def test_a_plan_serves_its_state_where_it_is_mounted(board: Board) -> None:
    plan = board.app.mount_plan(FAN, "/flow", period=0.01)
    board.start()
    turned(plan, lambda: bool(steps(plan)) and plan.facts.turn > 6)
    plan.pause()
    found = board.client.get("/flow").json()["houses"]["box"]
    assert found["shares"][".temp"] == {"value": 20.0}
    assert found["framers"][0]["outline"] == ["idle"]
    times = [found["t"], *(one["elapsed"] for one in found["framers"])]
    assert times == [round(seconds, 6) for seconds in times]


def test_without_a_plan_the_store_says_so() -> None:
    app = Atilite("bare")
    with pytest.raises(FlowError, match="no plan is mounted"):
        app.automation.shares[".x"]


def test_a_plan_in_python_brings_its_behaviours_and_its_period(board: Board) -> None:
    declared = Plan("box", period=0.01)

    @declared.behavior(out=".count")
    def counted(out: Any) -> None:
        out.value = (out.value or 0) + 1

    @declared.framer(active=True)
    class counting:
        class always(frame):
            recur = [counted]

    plan = board.app.mount_plan(declared)
    board.start()
    turned(plan, lambda: (value(plan, ".count") or 0) > 2)
    assert (plan.name, plan.running.turns.period) == ("box", 0.01)
    (lines,) = plan.houses["box"].script().values()
    source = Path(__file__).read_text(encoding="utf-8").splitlines()
    shown = {line.text.strip(): (line.on, source[line.number - 1].strip()) for line in lines if line.text}
    assert shown["do counted"] == (True, "recur = [counted]")
    assert shown["framer counting be active"] == (False, "class counting:")


def test_what_a_generator_waits_for_is_told_with_its_frame(board: Board) -> None:
    declared = Plan("box", period=0.01)

    @declared.framer(active=True)
    def mission(self: Any) -> Iterator[Any]:
        yield until(".reached")

    declared.init(".reached", False)
    plan = board.app.mount_plan(declared)
    board.start()
    turned(plan, lambda: True)
    (frame_look,) = plan.houses["box"].tree("mission")
    assert [way.text for way in frame_look.ways] == ["waits for .reached"]
