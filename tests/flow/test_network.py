"""Behaviours as a network: ends that are connected lie at one path, and the network can be drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from atilite.errors import FlowError
from atilite.flow import Behavior, Plan, do, frame
from atilite.flow.building import build
from atilite.flow.library import standard
from atilite.flow.loading import read_plan
from atilite.flow.network import Connection, network, written

ROOT = Path(__file__).parent.parent.parent


def parts(plan: Plan) -> None:
    """A probe, a filter and a display that know only their own names of inputs and outputs."""

    @plan.behavior(ioinits={"out": None})
    def probe(out: Any) -> None:
        out.value = 7

    @plan.behavior(ioinits={"inp": None, "out": ".filtered"}, factor=2)
    def smooth_filter(inp: Any, out: Any, factor: int) -> None:
        out.update({"value": inp.value * factor})

    @plan.behavior(ioinits={"shown": None})
    def display(self: Any) -> None:
        self.last = self.shown.value
        self.store.share(".display").value = self.last


def framer(plan: Plan, *acts: Any) -> None:
    @plan.framer(active=True)
    class main:
        class a(frame):
            recur = list(acts)


def read(plan: Plan, path: str) -> Any:
    running = plan.running()
    running.run(until=0.25)
    return running.read("box", path)


@pytest.mark.row("I39")
def test_connected_ends_lie_at_the_same_path_whether_before_or_behind_their_framer() -> None:
    plan = Plan("box")
    parts(plan)
    assert plan.connect("probe.out", "smooth_filter.inp") == ".probe.out"
    framer(plan, "do probe", "do smooth filter", "do display")
    assert plan.connect("SmoothFilter.out", "display.shown") == ".filtered"

    assert read(plan, ".display") == 14
    text = plan.to_floscript()
    assert "do smooth filter per inp .probe.out out .filtered" in text


@pytest.mark.row("I39")
def test_one_behaviour_stands_twice_under_names_of_its_own() -> None:
    plan = Plan("box")
    parts(plan)
    framer(
        plan, "do probe", do("smooth_filter", name="First"), do("smooth_filter", name="Second", factor=10), "do display"
    )
    plan.connect("probe.out", "first.inp")
    plan.connect("first.out", "second.inp")
    plan.init(".filtered", 0)
    plan.connect("display.shown", "probe.out")
    assert read(plan, ".display") == 7
    assert read(plan, ".filtered") == 140


@pytest.mark.row("I39")
def test_an_output_feeds_several_inputs_and_an_input_is_fed_by_several_outputs() -> None:
    plan = Plan("box")
    parts(plan)
    framer(
        plan, "do probe", do("probe", name="Other"), do("smooth_filter", name="One"), do("smooth_filter", name="Two")
    )
    paths = {
        plan.connect(*ends) for ends in (("probe.out", "one.inp"), ("probe.out", "two.inp"), ("other.out", "one.inp"))
    }
    assert paths == {".probe.out"}
    drawn = plan.network()
    assert [(one.source, one.target) for one in drawn.connections] == [(0, 2), (0, 3), (1, 2), (1, 3)]


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        (("prob.out", "display.shown"), "there is no behaviour prob; did you mean probe.out?"),
        (("probe.output", "display.shown"), "probe has no input or output output; did you mean out?"),
        (("probe.out", "shown"), "there is no behaviour shown"),
        (("probe.out", "other.out"), "probe.out is at .probe.out already, and other.out at .other.out"),
    ],
)
def test_an_end_that_is_not_there_is_refused_with_the_nearest(ends: tuple[str, str], said: str) -> None:
    plan = Plan("box")
    parts(plan)
    framer(
        plan, "do probe", do("probe", name="Other"), do("smooth_filter", name="One"), do("smooth_filter", name="Two")
    )
    plan.connect("probe.out", "one.inp")
    plan.connect("other.out", "two.inp")
    with pytest.raises(FlowError) as caught:
        plan.connect(*ends)
    assert said in str(caught.value)


@pytest.mark.row("I39")
def test_a_network_has_nodes_with_their_paths_and_connections() -> None:
    plan = Plan("box")
    parts(plan)
    framer(plan, "do probe", "do smooth filter", "do display")
    plan.connect("probe.out", "smooth_filter.inp")
    plan.connect("smooth_filter.out", "display.shown")
    drawn = plan.network()
    assert [(node.name, dict(node.inputs), dict(node.outputs)) for node in drawn.nodes] == [
        ("Probe", {}, {"out": ".probe.out"}),
        ("SmoothFilter", {"inp": ".probe.out"}, {"out": ".filtered"}),
        ("Display", {"shown": ".filtered"}, {}),
    ]
    assert {(node.house, node.framer, node.frame) for node in drawn.nodes} == {("box", "main", "a")}
    assert drawn.connections == (
        Connection(0, "out", 1, "inp", ".probe.out"),
        Connection(1, "out", 2, "shown", ".filtered"),
    )


def test_a_network_of_a_plan_with_errors_is_refused() -> None:
    plan = Plan("box")
    framer(plan, "do nothing known")
    with pytest.raises(FlowError, match="there is no behaviour nothing known"):
        plan.network()


@pytest.mark.row("I38", "I39")
def test_the_mission_s_simulator_and_controllers_are_a_network() -> None:
    plan, _ = read_plan(ROOT / "services" / "mission.flo")
    house, problems = build(next(iter(plan.houses.values())), standard())
    assert problems == []
    drawn = network([house])
    names = [node.name for node in drawn.nodes]
    pairs = {(names[one.source], one.output, names[one.target], one.input) for one in drawn.connections}
    assert ("ControllerPidDepth", "output", "ControllerPidPitch", "rsp") in pairs


def test_what_is_written_is_seen_in_the_code() -> None:
    class Ends:
        one: Any
        two: Any
        three: Any
        four: int

        def action(self) -> None:
            self.one.value, self.two["x"] = 1, 2
            self.three.push(3)
            self.four += 1

    assert written(Ends) == {"one", "two", "three"}
    assert written(len) == frozenset()
    assert Behavior("Len", len).make is len


def test_what_a_class_writes_is_also_what_those_write_that_it_is_derived_from() -> None:
    simulator = standard()["SimulatorMotionUuv"].make

    assert {"speed", "heading", "depth"} <= written(simulator)
    assert "rpm" not in written(simulator)
