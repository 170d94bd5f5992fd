"""The pages of plans: what a house shows, and what its buttons do, for each role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atilite.config import Settings
from atilite.console import figures, flow, flowdeeds
from atilite.flow import Plan, frame
from atilite.flow.frames import Fault
from atilite.flow.house import House
from atilite.mountedplan import MountedHouse, MountedPlan
from atilite.runtime.promise import Promise
from atilite.site import Site
from atilite.store.accounts import Accounts
from tests.console.conftest import PASSWORD, Garden, Person
from tests.console.test_markup import mistakes
from tests.console.test_streams import Opened

People = Callable[[str], Person]
WAIT = 20.0  # seconds; only to tell what hangs from what is slow
SCRIPT = """house box1
init temp to 20.0
init fan.mode to "slow"
framer cooling be active first watch
frame watch
  frame idle in watch
    set fan.duty with 0
    go blow if temp > 60
  frame blow in watch
    set fan.duty with 100
    go idle if temp < 50
framer spare be inactive first rest
frame rest
"""


@pytest.fixture
def plan(garden: Garden) -> MountedPlan:
    made: MountedPlan = garden.app.mount_plan(
        SCRIPT, name="fans", period=0.01, start=False, writable=[".temp", ".fan.mode"]
    )
    return made


@pytest.fixture
def net(garden: Garden) -> None:
    """A house of two behaviours that are connected."""
    made = Plan("net")

    @made.behavior(out=".warmth")
    def probe(out: Any) -> None:
        out.value = 21

    @made.behavior(inp=".warmth", out=".duty")
    def fan(inp: Any, out: Any) -> None:
        out.value = inp.value * 2

    @made.framer(active=True)
    class main:
        class flowing(frame):
            recur = [probe, fan]

    garden.app.mount_plan(made, start=False)


@pytest.fixture
def site(plan: MountedPlan, garden: Garden, tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    site.mount("/", garden.app, name="garden")
    site.open(Settings(name="board", db=f"sqlite:///{tmp_path / 'data.db'}"))
    accounts = Accounts(site.database())
    for role in ("view", "run", "admin"):
        accounts.add(f"{role}er", PASSWORD, role)
    garden.app.freeze()
    yield site
    garden.go.set()
    site.stop(5.0)


@pytest.fixture
def house(site: Site, plan: MountedPlan) -> MountedHouse:
    """The house, paused behind its third turn."""
    turn(plan, 3, start=True)
    return plan.houses["box1"]


def turn(plan: MountedPlan, turns: int, *, start: bool = False) -> None:
    """Make so many turns of a paused plan and wait for them."""
    wanted, reached = plan.running.turns.count + turns, Promise[None]()

    def look() -> None:
        if plan.running.turns.count >= wanted:
            reached.set(None)

    plan.running.after_turn(look)
    plan.pause()
    if start:
        plan.start()
    plan.step(turns)
    reached.wait(WAIT)


def trail(admin: Person) -> list[tuple[str, str]]:
    return [(row["what"], row["target"]) for row in admin.get("/audit.json").json()["rows"]]


@pytest.mark.row("I48")
def test_the_page_of_a_house_shows_framers_frames_shares_and_transitions(
    house: MountedHouse, plan: MountedPlan, person: People
) -> None:
    viewer = person("view")
    house.write(".temp", {"value": 70.0})
    turn(plan, 2)

    found = viewer.get("/flow/box1.json?script=1").json()

    cooling = found["framers"][0]
    assert (cooling["name"], cooling["state"], cooling["over"], cooling["frame"]) == (
        "cooling", "running", ["watch"], "blow",
    )  # fmt: skip
    (watch,) = found["tree"]
    assert [(node["name"], node["on"]) for node in watch["unders"]] == [("idle", False), ("blow", True)]
    assert watch["unders"][0]["note"].startswith("left after")
    assert found["ways"] == ["go idle if temp < 50 (line 11)"]
    moved = found["steps"][0]
    assert (moved["old"], moved["new"], moved["cause"], moved["line"]) == (
        ["watch", "idle"], ["watch", "blow"], "go blow if temp > 60", 8,
    )  # fmt: skip
    shares = {share["path"]: share for share in found["shares"]}
    assert (shares[".temp"]["fields"], shares[".temp"]["writer"]) == ({"value": 70.0}, "outside")
    (_, lines) = found["script"][0]
    assert [line["number"] for line in lines if line["on"]] == [5, 9, 10, 11]
    assert found["state"] == "paused"


def test_the_page_as_html_says_the_same(house: MountedHouse, person: People) -> None:
    text = person("view").get("/flow/box1?script=1&shares=all&history=all").text
    runner = person("run")
    refused = runner.post("/flow/box1/share", **{"share": ".temp", "field-value": "hot"}).text
    for page in (text, refused, runner.get("/flow/box1").text, runner.get("/flow").text):
        assert mistakes(page) == []

    assert "watch \u203a <b>idle</b>" in text
    assert "<b>\u2192   frame idle in watch</b>" in text
    assert ".framer.cooling.state.active" in text
    assert "line 4" in text


def test_the_frames_are_drawn_with_the_active_path(house: MountedHouse, person: People) -> None:
    text = person("view").get("/flow/box1").text
    assert '<g role="listitem" aria-label="idle, in watch, active 20 ms">' in text
    active, _, rest = text.partition('class="live" stroke="currentColor" stroke-width="3">')[2].partition("</g>")
    assert active.count("<path") == 1
    assert rest.count("<circle") == 3


@pytest.mark.row("I39")
def test_the_network_of_behaviours_is_drawn_and_told(net: None, site: Site, person: People) -> None:
    page = person("view").get("/flow/box1?network=1")
    assert mistakes(page.text) == []
    assert "No frame of this house calls a behaviour" in page.text
    assert person("view").get("/flow/box1.json").json()["network"] is None

    told = person("view").get("/flow/net.json?network=1").json()["network"]
    assert [(one["name"], one["inputs"], one["outputs"]) for one in told["behaviors"]] == [
        ("Probe", {}, {"out": ".warmth"}), ("Fan", {"inp": ".warmth"}, {"out": ".duty"}),
    ]  # fmt: skip
    assert told["wires"] == [{"source": 0, "output": "out", "target": 1, "input": "inp", "path": ".warmth"}]
    text = person("view").get("/flow/net?network=1").text
    assert mistakes(text) == []
    assert 'aria-label="Fan in main › flowing, reads .warmth, writes .duty"' in text
    assert '<section class="card" id="network"' in text


def test_all_houses_are_listed_and_an_unknown_one_is_not_found(house: MountedHouse, person: People) -> None:
    viewer = person("view")
    (row,) = viewer.get("/flow.json").json()["houses"]
    assert (row["name"], row["plan"], row["outlines"]) == ("box1", "fans", ["cooling: watch \u203a idle"])
    assert '<a class="name go" href="/console/flow/box1">' in viewer.get("/flow").text
    missing = viewer.get("/flow/nowhere")
    assert missing.status_code == 404
    assert "box1" in missing.text


def test_who_may_only_look_sees_no_buttons_and_is_refused(house: MountedHouse, person: People) -> None:
    viewer = person("view")
    text = viewer.get("/flow/box1").text
    assert "<button" not in text.partition("<main")[2]
    sent: dict[str, dict[str, Any]] = {"bid": {"framer": "cooling", "control": "stop"}, "share": {"share": ".temp"}}
    for where in ("bid", "share", "stop", "renew", "pause"):
        assert viewer.post(f"/flow/box1/{where}", **sent.get(where, {})).status_code == 403
    assert house.read(".temp") == 20.0


def test_a_bid_is_done_with_the_next_turn_and_is_in_the_audit_trail(
    house: MountedHouse, plan: MountedPlan, person: People
) -> None:
    runner = person("run")
    answer = runner.post("/flow/box1/bid", page="/flow/box1", framer="spare", control="start")
    assert answer.header("Location") == "/console/flow/box1?framer=spare"
    assert "asked to start" in runner.get("/flow/box1").text
    turn(plan, 1)
    status = {look.name: look.status for look in house.framers()}
    assert status["spare"] in ("started", "running")
    assert runner.post("/flow/box1/bid", framer="nobody", control="start").status_code == 404
    assert runner.post("/flow/box1/bid", framer="spare", control="dance").status_code == 400
    assert ("start framer", "box1/spare") in trail(person("admin"))


def test_a_share_is_written_before_the_next_turn_if_the_program_allows_it(
    house: MountedHouse, plan: MountedPlan, person: People
) -> None:
    runner = person("run")
    answer = runner.post("/flow/box1/share", **{"share": ".temp", "field-value": "61.5"})
    assert answer.status_code == 303
    assert house.read(".temp") == 20.0  # the turn has not come
    turn(plan, 1)
    assert house.read(".temp") == 61.5
    wrong = runner.post("/flow/box1/share", **{"share": ".temp", "field-value": "hot"})
    assert wrong.status_code == 400
    assert "a number is needed here" in wrong.text
    assert 'value="hot"' in wrong.text
    assert "<title>Error: " in wrong.text
    assert runner.post("/flow/box1/share", **{"share": ".fan.duty", "field-value": "1"}).status_code == 403
    assert ("write share", "box1.temp") in trail(person("admin"))


def test_the_clock_is_paused_stepped_and_resumed(house: MountedHouse, plan: MountedPlan, person: People) -> None:
    runner = person("run")
    assert "Run one turn" in runner.get("/flow/box1").text
    turns = plan.running.turns.count
    runner.post("/flow/box1/step")
    turn(plan, 1)
    assert plan.facts.turn == turns + 2
    runner.post("/flow/box1/resume")
    assert not plan.running.paused
    assert runner.post("/flow/box1/step").status_code == 409
    runner.post("/flow/box1/pause")
    assert runner.get("/flow/box1.json").json()["state"] == "paused"
    assert ("pause house", "box1") in trail(person("admin"))


def test_a_house_is_stopped_behind_a_question_and_begins_anew(
    house: MountedHouse, plan: MountedPlan, person: People
) -> None:
    runner = person("run")
    text = runner.get("/flow/box1").text
    assert "Stop box1?" in text
    left = plan._left
    assert left is not None
    runner.post("/flow/box1/stop")
    runner.post("/flow/box1/resume")
    left.wait(WAIT)
    text = runner.get("/flow/box1").text
    assert "Begin anew" in text
    assert "its log" in text
    runner.post("/flow/box1/renew")
    assert plan.alive
    assert runner.post("/flow/box1/renew").status_code == 409


def test_of_many_framers_some_are_shown_until_all_are_asked_for(
    house: MountedHouse, person: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "FEW_FRAMERS", 1)
    viewer = person("view")
    assert len(viewer.get("/flow/box1.json").json()["framers"]) == 1
    assert 'href="/console/flow/box1?framers=all">All framers' in viewer.get("/flow/box1").text
    assert len(viewer.get("/flow/box1.json?framers=all").json()["framers"]) == 2


def test_a_page_that_stays_open_gets_each_turn_and_ends_with_the_plan(
    house: MountedHouse, plan: MountedPlan, site: Site, person: People
) -> None:
    page = Opened(site, person("run"), "/flow/box1?live=1")
    so_far = page.until("<b>idle</b>")
    assert "</html>" not in so_far
    assert "<form" not in so_far.partition("<main")[2]
    house.write(".temp", {"value": 70.0})
    turn(plan, 1)
    page.until("<b>blow</b>")
    assert plan.stop(WAIT)
    whole = page.end()
    assert "See the house" in whole
    assert mistakes(whole) == []
    assert site.catalogue.plans.house("box1") is house


def test_where_too_many_pages_are_open_one_loads_again(
    house: MountedHouse, site: Site, person: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atilite.console.feeds.Feeds.open", lambda feeds, run: None)
    answer = person("view").get("/flow/box1?live=1")
    assert answer.header("Refresh") == "3"
    assert "<b>idle</b>" in answer.text
    assert "watch live" in person("view").get("/flow/box1").text


@pytest.mark.parametrize(
    ("text", "now", "value"),
    [
        ("3", 1, 3), ("2.5", 1, 2.5), (" 4 ", 1.0, 4.0), ("true", False, True), ("FALSE", True, False),
        ("slow", "fast", "slow"), ("", None, None), ("[1]", None, [1]), ("half", None, "half"),
        ("[3, 4]", [1], [3, 4]), ('{"a": 1}', {}, {"a": 1}),
    ],
)  # fmt: skip
def test_what_is_typed_has_the_kind_of_what_is_there(text: str, now: Any, value: Any) -> None:
    assert flowdeeds.value_of(text, now) == value


@pytest.mark.parametrize(
    ("text", "now"),
    [("x", 1), ("nan", 1.0), ("1e999", 2.0), ("yes", True), ("[3, 4", [1]), ("", [1]), ("3", [1]), ("[1]", {"a": 1})],
)
def test_what_is_of_another_kind_is_refused(text: str, now: Any) -> None:
    with pytest.raises(ValueError, match=r"number|true|a list of JSON is|an object of JSON is"):
        flowdeeds.value_of(text, now)


def test_values_are_drawn_from_the_least_to_the_greatest() -> None:
    assert figures.values([1.0]) is None
    drawn = figures.values([-1.0, 0.0, 1.0])
    assert drawn is not None
    assert [bar.height for bar in drawn.bars] == [2, 13, 24]
    assert drawn.raw == "Last 3 values, from -1 to 1"
    level = figures.values([5.0, 5.0])
    assert level is not None
    assert {bar.height for bar in level.bars} == {13}


def test_a_long_cause_is_told_where_lines_may_break(house: MountedHouse, plan: MountedPlan, person: People) -> None:
    step = house.steps[-1]
    house.steps.append(replace(step, event="fault", new=(), cause="the pipe has burst near bed number four " * 3))
    text = person("view").get("/flow/box1").text
    assert '<small class="err">the pipe has burst' in text
    assert '<td class="c-soft">the pipe' not in text


def test_a_stop_is_said_once(house: MountedHouse, plan: MountedPlan, person: People) -> None:
    step = house.steps[-1]
    house.steps.append(replace(step, event="stop", new=(), cause="stop", framer="spare"))
    row = person("view").get("/flow/box1").text.partition("<code>spare</code> <small>stop</small>")[2]
    assert row.partition("</tr>")[0].count("stop") == 0
    assert '<td class="c-soft"></td>' in row.partition("</tr>")[0]


def test_a_share_of_several_fields_is_shown_on_one_line() -> None:
    assert flow.shown({"value": 4.99712345}) == "4.99712"
    assert flow.shown({"north": 1.0, "east": 2.5}) == "north 1, east 2.5"
    assert flow.shown({"north": -0.0, "east": -2.5}) == "north 0, east -2.5"


@pytest.mark.parametrize("settled", [True, False])
def test_a_framer_that_has_ended_is_shown_as_failed_where_nothing_has_settled_its_fault(
    house: MountedHouse, person: People, settled: bool
) -> None:
    def fail(built: House) -> None:
        framer = built.framers["spare"]
        framer.fault = Fault(framer, framer.first, framer.first.place, ValueError("no such pump"))
        framer.fault.settled = settled

    house.look(fail)
    page = person("view").get("/flow/box1.json").json()
    (spare,) = [row for row in page["framers"] if row["name"] == "spare"]
    assert (spare["state"], spare["fault"]) == ("stopped" if settled else "failed", "ValueError: no such pump")
