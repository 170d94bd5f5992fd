"""Units that end together, come back together, and say themselves how they are."""

from __future__ import annotations

from typing import Any

import pytest

from atilite.errors import TaskCancelled, Vetoed
from atilite.runtime.promise import Promise
from atilite.runtime.restarts import RestartPolicy
from atilite.runtime.supervisor import Supervisor
from atilite.runtime.unit import Life, Plan, State
from tests.runtime.stage import Stage

NEVER = RestartPolicy("never")


@pytest.fixture
def stage() -> Stage:
    return Stage()


def chain(stage: Stage, **options: Any) -> None:
    """c needs b needs a, and all of them run."""
    stage.add("a", policy=options.pop("policy", None))
    stage.add("b", needs=("a",), bound=True, **options)
    stage.add("c", needs=("b",), bound=True, **options)
    stage.supervisor.start_all()
    assert [stage.state(name) for name in "abc"] == ["running"] * 3
    stage.seen.clear()


@pytest.mark.row("pod-promise-7")
def test_those_that_are_bound_to_a_unit_end_in_reverse_and_come_back_with_it(stage: Stage) -> None:
    stage.add("apart")
    chain(stage)

    stage.end("a", ValueError("lost"))
    assert [stage.state(name) for name in ("a", "b", "c", "apart")] == ["restarting", "starting", "starting", "running"]
    assert stage.course()[:5] == ["a restarting", "c stopping", "c stopped", "b stopping", "b stopped"]
    assert stage.reason("b") == "waits for a"
    stage.time.advance(3.1)

    assert [stage.state(name) for name in "abc"] == ["running"] * 3
    assert [len(stage.lives[name]) for name in ("a", "b", "c", "apart")] == [2, 2, 2, 1]


@pytest.mark.row("pod-promise-7")
def test_a_bound_unit_is_not_asked_to_end_before_those_that_need_it_have(stage: Stage) -> None:
    chain(stage, stubborn=True)

    stage.end("a", ValueError("lost"))
    assert (stage.lives["c"][0].cancelled, stage.lives["b"][0].cancelled) == (True, False)
    stage.end("c")
    assert stage.lives["b"][0].cancelled


@pytest.mark.row("pod-promise-7")
def test_when_one_has_failed_for_good_those_that_are_bound_to_it_fail_with_its_name(stage: Stage) -> None:
    chain(stage, policy=NEVER)

    stage.end("a", ValueError("lost"))

    assert [stage.state(name) for name in "abc"] == ["failed"] * 3
    assert stage.reason("b") == "failed: needs a, which is failed"
    stage.time.advance(100)
    assert len(stage.lives["b"]) == 1


@pytest.mark.row("pod-promise-7")
def test_a_restart_by_a_person_takes_the_group_along_and_an_end_without_failure_does_not(stage: Stage) -> None:
    chain(stage, policy=NEVER)

    stage.supervisor.restart("a")
    assert [stage.state(name) for name in "abc"] == ["running"] * 3
    assert [len(stage.lives[name]) for name in "abc"] == [2, 2, 2]

    stage.end("a")
    assert [stage.state(name) for name in "abc"] == ["stopped", "running", "running"]


def test_one_that_a_person_stops_on_its_way_back_stays_stopped(stage: Stage) -> None:
    chain(stage, stubborn=True)
    stage.end("a", ValueError("lost"))

    stage.supervisor.stop("c")
    stage.end("c")
    stage.end("b")
    stage.time.advance(4)

    assert [stage.state(name) for name in "abc"] == ["running", "running", "stopped"]


def test_a_bound_one_that_waits_for_its_restart_waits_for_its_need_as_well(stage: Stage) -> None:
    chain(stage)
    stage.end("b", ValueError("first"))
    assert stage.state("b") == "restarting"

    stage.end("a", ValueError("second"))
    assert stage.reason("b") == "waits for a"
    stage.time.advance(3.1)

    assert [stage.state(name) for name in "abc"] == ["running"] * 3


def test_a_unit_that_is_not_bound_goes_on_without_what_it_needs(stage: Stage) -> None:
    stage.add("a")
    stage.add("b", needs=("a",))
    stage.supervisor.start_all()

    stage.end("a", ValueError("lost"))

    assert stage.state("b") == "running"


# -- winding down


@pytest.mark.row("pod-promise-1", "P12")
def test_winding_down_asks_in_reverse_cancels_nothing_and_starts_nothing_again(stage: Stage) -> None:
    chain(stage)
    wound = stage.supervisor.wind_down()

    assert [stage.lives[name][0].cancelled for name in "abc"] == [False, False, True]
    assert [stage.state(name) for name in "abc"] == ["running"] * 3
    stage.end("c")
    assert [stage.lives[name][0].cancelled for name in "abc"] == [False, True, True]
    stage.end("b", ValueError("on its way out"))
    assert stage.state("b") == "failed"
    stage.end("a", TaskCancelled("by its own hand"))

    assert [stage.state(name) for name in "abc"] == ["stopped", "failed", "stopped"]
    assert wound.wait(1) == []
    assert stage.time.open == 0


def test_winding_down_ends_what_waits_for_a_restart_or_for_another(stage: Stage) -> None:
    stage.add("a")
    stage.add("late", ready="explicit")
    stage.add("b", needs=("late",))
    stage.supervisor.start_all()
    stage.end("a", ValueError())

    wound = stage.supervisor.wind_down()

    assert (stage.state("a"), stage.state("b"), stage.state("late")) == ("stopped", "stopped", "starting")
    stage.end("late")
    assert wound.wait(1) == []


def test_a_group_on_its_way_down_does_not_come_back_from_a_winding_down(stage: Stage) -> None:
    chain(stage, stubborn=True)
    stage.end("a", ValueError("lost"))
    assert stage.state("c") == "stopping"

    wound = stage.supervisor.wind_down()
    stage.end("c")
    stage.end("b")

    assert [stage.state(name) for name in "abc"] == ["stopped"] * 3
    assert wound.wait(1) == []
    assert len(stage.lives["b"]) == 1


def test_an_end_before_a_winding_down_is_not_taken_for_one_of_it(stage: Stage) -> None:
    stage.add("a", policy=NEVER)
    stage.supervisor.start("a")
    wound: list[Promise[Any]] = []

    def in_one_turn() -> None:
        stage.end("a")
        stage.supervisor.start("a")
        wound.append(stage.supervisor.wind_down())

    stage.supervisor.post(in_one_turn)
    assert (stage.state("a"), stage.lives["a"][1].cancelled, wound[0].done) == ("running", True, False)
    stage.end("a")

    assert wound[0].wait(1) == []


def test_a_restart_of_one_on_its_way_back_changes_nothing(stage: Stage) -> None:
    chain(stage, stubborn=True)
    stage.end("a", ValueError("lost"))

    stage.supervisor.restart("c")
    stage.end("c")
    stage.end("b")
    stage.time.advance(4)

    assert [stage.state(name) for name in "abc"] == ["running"] * 3
    assert [len(stage.lives[name]) for name in "abc"] == [2, 2, 2]


def test_a_restart_of_one_that_waits_for_another_does_not_begin_it_before_that(stage: Stage) -> None:
    stage.add("a", ready="explicit")
    stage.add("b", needs=("a",))
    stage.supervisor.start_all()

    stage.supervisor.restart("b")
    assert "b" not in stage.lives
    stage.lives["a"][0].ready()

    assert (stage.state("b"), len(stage.lives["b"])) == ("running", 1)


def test_one_that_is_started_again_by_a_person_on_its_way_down_does_not_keep_the_others_waiting(stage: Stage) -> None:
    chain(stage, stubborn=True)
    stage.end("a", ValueError("lost"))
    stage.supervisor.stop("c")
    stage.supervisor.start("c")

    stage.end("c")  # it begins again at once, and never rests
    assert stage.lives["b"][0].cancelled
    stage.end("b")
    stage.time.advance(4)

    assert stage.state("b") == "running"


def test_what_was_wound_down_is_not_started_any_more(stage: Stage) -> None:
    stage.add("a")
    stage.supervisor.start("a")
    stage.supervisor.wind_down()
    stage.end("a")

    assert stage.supervisor.start("a").wait(1) is State.STOPPED
    assert stage.supervisor.restart("a").wait(1) is State.STOPPED

    assert len(stage.lives["a"]) == 1


@pytest.mark.row("pod-promise-6")
def test_a_stop_shortens_the_winding_down_and_keeps_its_order(stage: Stage) -> None:
    chain(stage, stubborn=True)
    wound = stage.supervisor.wind_down()

    stopped = stage.supervisor.stop_all(None)
    assert [stage.state(name) for name in "abc"] == ["running", "running", "stopping"]
    stage.time.advance(10.1)
    assert [stage.state(name) for name in "abc"] == ["running", "stopping", "failed"]
    stage.end("b")

    assert (wound.wait(1), stopped.wait(1)) == (["c"], ["c"])
    assert stage.state("a") == "stopped"


@pytest.mark.row("pod-promise-1")
def test_a_thousand_units_in_a_row_end_in_reverse() -> None:
    supervisor = Supervisor()
    for number in range(1000):
        supervisor.add(
            Plan(f"u{number}", lambda life: Promise(), NEVER, needs=(f"u{number - 1}",) if number % 10 else ())
        )
    supervisor.start_all()
    ended: list[str] = []
    supervisor.changed.listen(lambda told: ended.append(told.name) if told.new is State.STOPPED else None)

    assert supervisor.stop_all(60).wait(30) == []

    assert len(ended) == 1000
    assert [name for name in ended if name in ("u0", "u1", "u8", "u9")] == ["u9", "u8", "u1", "u0"]


# -- what a life says


def test_a_life_may_have_time_before_it_is_cancelled_which_a_second_stop_takes_away(stage: Stage) -> None:
    stage.add("poll")
    stage.supervisor.start("poll")
    life = stage.lives["poll"][0]
    life.stopping.on_done(lambda _: setattr(life, "grace", 5.0))

    stage.supervisor.stop("poll")
    assert (stage.state("poll"), life.cancelled) == ("stopping", True)
    stage.supervisor.stop("poll")
    assert stage.state("poll") == "stopped"


def test_after_its_grace_a_life_is_cancelled_and_one_that_ends_before_is_not(stage: Stage) -> None:
    stage.add("poll")
    stage.supervisor.start("poll")
    stage.lives["poll"][-1].grace = 5.0
    stage.supervisor.stop("poll")
    stage.time.advance(4.9)
    assert stage.state("poll") == "stopping"
    stage.time.advance(0.2)
    assert stage.state("poll") == "stopped"
    assert stage.time.open == 0


@pytest.mark.row("pod-promise-9")
def test_a_vetoed_life_is_not_started_again_whatever_its_policy(stage: Stage) -> None:
    stage.add("poll")
    stage.supervisor.start("poll")

    stage.end("poll", Vetoed("before_start said no"))

    assert (stage.state("poll"), stage.reason("poll")) == ("failed", "failed: before_start said no")
    assert stage.time.open == 0


@pytest.mark.row("pod-promise-10")
def test_a_life_that_says_it_cannot_go_on_is_stopped_and_started_again(stage: Stage) -> None:
    stage.add("poll")
    stage.supervisor.start("poll")

    stage.lives["poll"][0].fail(ValueError("deaf"))

    assert stage.state("poll") == "restarting"
    assert stage.supervisor.status("poll").error == "ValueError: deaf"
    assert stage.lives["poll"][0].cancelled
    stage.time.advance(3.1)
    stage.lives["poll"][0].fail(ValueError("a life that is over says nothing"))
    assert stage.state("poll") == "running"


@pytest.mark.row("pod-promise-8")
def test_one_that_is_not_well_is_degraded_until_it_is(stage: Stage) -> None:
    stage.add("poll", critical=True)
    stage.supervisor.start("poll")
    life = stage.lives["poll"][0]

    life.feel("does not answer")
    assert (stage.state("poll"), stage.reason("poll")) == ("degraded", "does not answer")
    assert stage.supervisor.status("poll").uptime == 0.0
    assert stage.supervisor.faults() == {"poll": "degraded: does not answer"}
    life.feel(None)

    assert stage.course("poll") == ["starting", "running", "degraded", "running"]
    assert stage.supervisor.faults() == {}


def test_what_needs_a_degraded_unit_starts(stage: Stage) -> None:
    stage.add("a")
    stage.add("b", needs=("a",))
    stage.supervisor.start("a")
    stage.lives["a"][0].feel("slow")

    assert stage.supervisor.start("b").wait(1) is State.RUNNING


def test_readiness_is_told_by_the_life_itself(stage: Stage) -> None:
    stage.add("poll", ready="explicit")
    stage.supervisor.start("poll")
    life: Life = stage.lives["poll"][0]
    life.feel("too early to say")
    assert stage.state("poll") == "starting"

    life.ready()

    assert stage.state("poll") == "running"
