"""Units under the supervisor, stepped with a clock that moves only when told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from atilite.errors import DuplicateName, SetupError, TaskCancelled
from atilite.runtime.engine import Runtime
from atilite.runtime.kinds import run_function
from atilite.runtime.order import in_order
from atilite.runtime.promise import Promise
from atilite.runtime.restarts import RestartPolicy
from atilite.runtime.supervisor import Supervisor
from atilite.runtime.unit import Life, Plan, State
from tests.runtime.stage import Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.mark.row("B27")
def test_a_started_unit_runs_and_a_stopped_one_rests(stage: Stage) -> None:
    stage.add("poll")
    assert stage.state("poll") == "stopped"

    assert stage.supervisor.start("poll").wait(1) is State.RUNNING
    assert stage.supervisor.stop("poll").wait(1) is State.STOPPED

    assert stage.course("poll") == ["starting", "running", "stopping", "stopped"]
    assert stage.lives["poll"][0].cancelled
    assert stage.time.open == 0


@pytest.mark.row("B27")
@pytest.mark.parametrize("error", [None, ValueError("lost")])
def test_one_that_ends_is_started_again_after_its_delay(stage: Stage, error: Exception | None) -> None:
    stage.add("poll")
    stage.supervisor.start("poll")
    stage.end("poll", error)
    assert stage.state("poll") == "restarting"

    stage.time.advance(2.9)
    assert stage.state("poll") == "restarting"
    stage.time.advance(0.2)

    assert stage.state("poll") == "running"
    assert stage.course("poll") == ["starting", "running", "restarting", "starting", "running"]
    assert [life.number for life in stage.lives["poll"]] == [1, 2]
    assert stage.supervisor.status("poll").restarts == 1


@pytest.mark.row("B31")
def test_each_change_is_a_value_of_its_own_with_reason_time_and_traceback(stage: Stage) -> None:
    stage.add("poll")
    stage.supervisor.start("poll")
    stage.time.advance(5)
    try:
        raise ValueError("lost")
    except ValueError as error:
        stage.end("poll", error)

    last = stage.seen[-1]
    assert (last.old, last.new) == (State.RUNNING, State.RESTARTING)
    assert last.reason == "failed: ValueError: lost; starts again in 3 s"
    assert last.at == stage.time.now()
    assert last.error == "ValueError: lost"
    assert "Traceback" in (last.traceback or "")
    assert [told.new for told in stage.seen[:2]] == [State.STARTING, State.RUNNING]


@pytest.mark.row("B29")
def test_failures_in_a_row_wait_longer_each_time_and_a_long_life_forgets_them(stage: Stage) -> None:
    stage.add("poll")
    stage.supervisor.start("poll")
    for delay in (3, 6, 12):
        stage.end("poll", ValueError())
        stage.time.advance(delay - 0.1)
        assert stage.state("poll") == "restarting"
        stage.time.advance(0.2)
        assert stage.state("poll") == "running"

    stage.time.advance(61)
    stage.end("poll", ValueError())
    stage.time.advance(3.1)

    assert stage.state("poll") == "running"


@pytest.mark.row("B29")
def test_one_that_fails_too_often_is_given_up_visibly_and_can_be_started_by_a_person(stage: Stage) -> None:
    stage.add("poll", policy=RestartPolicy(delay=1, max_restarts=2, within=60))
    started = stage.supervisor.start("poll")
    for _ in range(3):
        stage.end("poll", ValueError("again"))
        stage.time.advance(10)

    status = stage.supervisor.status("poll")
    assert status.state is State.FAILED
    assert status.reason == "failed: ValueError: again (given up after 2 restarts)"
    assert status.error == "ValueError: again"
    assert len(stage.lives["poll"]) == 3
    assert started.wait(1) is State.RUNNING

    assert stage.supervisor.start("poll").wait(1) is State.RUNNING
    assert stage.supervisor.status("poll").error is None
    stage.end("poll", ValueError())
    assert stage.state("poll") == "restarting"


def test_never_means_failed_after_an_error_and_stopped_after_a_return(stage: Stage) -> None:
    stage.add("bad", policy=RestartPolicy(restart="never"))
    stage.add("good", policy=RestartPolicy(restart="never"))
    stage.supervisor.start_all()
    stage.end("bad", ValueError())
    stage.end("good")

    assert (stage.state("bad"), stage.state("good")) == ("failed", "stopped")
    assert stage.time.open == 0


def test_one_that_cannot_even_begin_is_a_failure(stage: Stage) -> None:
    def run(life: Life) -> Promise[Any]:
        raise OSError("no device")

    stage.supervisor.add(Plan("poll", run))
    stage.supervisor.start("poll")

    assert stage.state("poll") == "restarting"
    assert stage.supervisor.status("poll").error == "OSError: no device"


@pytest.mark.row("B29")
def test_a_start_while_it_waits_for_its_restart_starts_it_at_once(stage: Stage) -> None:
    stage.add("poll")
    stage.supervisor.start("poll")
    stage.end("poll", ValueError())

    assert stage.supervisor.start("poll").wait(1) is State.RUNNING
    stage.time.advance(10)
    assert len(stage.lives["poll"]) == 2


@pytest.mark.row("B29")
def test_a_stop_while_it_waits_for_its_restart_is_final(stage: Stage) -> None:
    stage.add("poll")
    stage.supervisor.start("poll")
    stage.end("poll", ValueError())

    assert stage.supervisor.stop("poll").wait(1) is State.STOPPED
    stage.time.advance(100)
    assert stage.state("poll") == "stopped"


@pytest.mark.row("B29")
def test_start_of_a_running_and_stop_of_a_stopped_one_do_nothing(stage: Stage) -> None:
    stage.add("poll")
    assert stage.supervisor.stop("poll").wait(1) is State.STOPPED
    assert stage.seen == []

    stage.supervisor.start("poll")
    assert stage.supervisor.start("poll").wait(1) is State.RUNNING
    assert stage.course("poll") == ["starting", "running"]
    assert len(stage.lives["poll"]) == 1


def test_restart_ends_one_life_and_begins_the_next_without_delay(stage: Stage) -> None:
    stage.add("poll")
    stage.supervisor.start("poll")

    assert stage.supervisor.restart("poll").wait(1) is State.RUNNING
    assert stage.course("poll") == ["starting", "running", "stopping", "starting", "running"]
    stage.supervisor.stop("poll")
    assert stage.supervisor.restart("poll").wait(1) is State.RUNNING


def test_a_stop_during_a_restart_wins(stage: Stage) -> None:
    stage.add("poll", stubborn=True)
    stage.supervisor.start("poll")
    stage.supervisor.restart("poll")
    stage.supervisor.stop("poll")
    stage.end("poll")

    assert stage.state("poll") == "stopped"


def test_one_that_does_not_end_is_left_behind_by_name_and_not_started_twice(stage: Stage) -> None:
    stage.add("poll", stubborn=True, stop_timeout=5)
    stage.supervisor.start("poll")
    stopped = stage.supervisor.stop("poll")
    stage.time.advance(4.9)
    assert not stopped.done

    stage.time.advance(0.2)
    assert stopped.wait(1) is State.FAILED
    assert stage.supervisor.status("poll").left_behind
    assert stage.supervisor.start("poll").wait(1) is State.FAILED
    assert len(stage.lives["poll"]) == 1

    stage.end("poll")
    assert stage.state("poll") == "stopped"
    assert not stage.supervisor.status("poll").left_behind
    assert stage.supervisor.start("poll").wait(1) is State.RUNNING


def test_it_is_asked_to_stop_exactly_once(stage: Stage) -> None:
    asked: list[int] = []

    def run(life: Life) -> Promise[Any]:
        return Promise(lambda: asked.append(1) or False)

    stage.supervisor.add(Plan("poll", run))
    stage.supervisor.start("poll")
    for _ in range(3):
        stage.supervisor.stop("poll")

    assert asked == [1]


def test_an_error_while_it_stops_is_kept_and_it_is_stopped_all_the_same(stage: Stage) -> None:
    stage.add("poll", stubborn=True)
    stage.supervisor.start("poll")
    stopped = stage.supervisor.stop("poll")
    stage.end("poll", OSError("port stays open"))

    assert stopped.wait(1) is State.STOPPED
    assert stage.supervisor.status("poll").error == "OSError: port stays open"


def test_a_cancellation_is_no_error_of_a_stop(stage: Stage) -> None:
    stage.add("poll", stubborn=True)
    stage.supervisor.start("poll")
    stage.supervisor.stop("poll")
    stage.end("poll", TaskCancelled())

    assert stage.supervisor.status("poll").error is None


def test_with_explicit_readiness_it_runs_when_it_says_so(stage: Stage) -> None:
    stage.add("poll", ready="explicit")
    started = stage.supervisor.start("poll")
    assert stage.state("poll") == "starting"

    stage.lives["poll"][0].ready()
    assert started.wait(1) is State.RUNNING
    stage.lives["poll"][0].ready()
    stage.time.advance(100)
    assert stage.course("poll") == ["starting", "running"]


def test_one_that_is_not_ready_in_time_has_failed_and_is_started_again_by_policy(stage: Stage) -> None:
    policy = RestartPolicy(delay=1, max_restarts=1)
    stage.add("poll", ready="explicit", start_timeout=5, policy=policy)
    stage.supervisor.start("poll")

    stage.time.advance(5)
    assert stage.state("poll") == "restarting"
    assert stage.supervisor.status("poll").error == "was not ready within 5 s"
    stage.time.advance(1)
    stage.time.advance(5)
    assert stage.state("poll") == "failed"


def test_the_word_ready_of_a_former_life_does_not_count(stage: Stage) -> None:
    stage.add("poll", ready="explicit")
    stage.supervisor.start("poll")
    stage.end("poll", ValueError())
    stage.time.advance(3)

    stage.lives["poll"][0].ready()
    assert stage.state("poll") == "starting"


def test_uptime_counts_from_running_and_only_while_it_runs(stage: Stage) -> None:
    stage.add("poll")
    assert stage.supervisor.status("poll").uptime is None
    stage.supervisor.start("poll")
    stage.time.advance(7)

    assert stage.supervisor.status("poll").uptime == 7
    assert stage.supervisor.status("poll").since.timestamp() == stage.time.time() - 7


# -- several units


def test_needs_are_started_before_and_everything_is_stopped_in_reverse(stage: Stage) -> None:
    stage.add("web", needs=("db",))
    stage.add("report", after=("web",))
    stage.add("db")
    stage.supervisor.start_all()
    assert stage.course() == [
        "db starting", "db running", "web starting", "web running", "report starting", "report running",
    ]  # fmt: skip
    stage.seen.clear()

    assert stage.supervisor.stop_all(20).wait(1) == []
    assert stage.course() == [
        "report stopping", "report stopped", "web stopping", "web stopped", "db stopping", "db stopped",
    ]  # fmt: skip


def test_a_start_starts_what_it_needs_and_waits_until_that_is_ready(stage: Stage) -> None:
    stage.add("web", needs=("db",))
    stage.add("db", ready="explicit")
    started = stage.supervisor.start("web")
    assert (stage.state("db"), stage.state("web")) == ("starting", "starting")
    assert stage.supervisor.status("web").reason == "waits for db"
    assert "web" not in stage.lives

    stage.lives["db"][0].ready()

    assert started.wait(1) is State.RUNNING
    assert len(stage.lives["web"]) == 1


def test_one_whose_need_fails_for_good_fails_with_its_name(stage: Stage) -> None:
    stage.add("web", needs=("db",))
    stage.add("db", ready="explicit", policy=RestartPolicy(restart="never"))
    started = stage.supervisor.start("web")
    stage.end("db", OSError())

    assert started.wait(1) is State.FAILED
    assert stage.supervisor.status("web").reason == "needs db, which is failed"


def test_one_whose_need_is_started_again_goes_on_waiting(stage: Stage) -> None:
    stage.add("web", needs=("db",))
    stage.add("db", ready="explicit")
    stage.supervisor.start("web")
    stage.end("db", OSError())
    assert stage.state("web") == "starting"

    stage.time.advance(3)
    stage.lives["db"][1].ready()
    assert stage.state("web") == "running"


def test_after_is_an_order_only_and_no_need(stage: Stage) -> None:
    stage.add("report", after=("web", "nowhere"))
    stage.add("web", ready="explicit", policy=RestartPolicy(restart="never"))
    stage.supervisor.start_all()
    assert stage.state("report") == "starting"

    stage.end("web", OSError())
    assert stage.state("report") == "running"


def test_one_that_waits_for_another_can_be_stopped(stage: Stage) -> None:
    stage.add("web", needs=("db",))
    stage.add("db", ready="explicit")
    stage.supervisor.start("web")

    assert stage.supervisor.stop("web").wait(1) is State.STOPPED
    stage.lives["db"][0].ready()
    assert "web" not in stage.lives


def test_without_autostart_it_is_left_alone_at_the_start_of_all(stage: Stage) -> None:
    stage.add("poll", autostart=False)
    stage.supervisor.start_all()

    assert stage.state("poll") == "stopped"


def test_a_cycle_is_refused_by_its_names(stage: Stage) -> None:
    stage.add("a", needs=("b",))
    stage.add("b", after=("c",))
    stage.add("c", needs=("a",))
    stage.add("free")

    with pytest.raises(SetupError, match="a -> b -> c -> a"):
        stage.supervisor.start_all()
    with pytest.raises(SetupError, match="b -> c -> a -> b"):
        stage.supervisor.start("b").wait(1)
    assert stage.supervisor.start("free").wait(1) is State.RUNNING
    assert stage.course() == ["free starting", "free running"]


def test_an_unknown_need_is_refused_by_its_name(stage: Stage) -> None:
    stage.add("a", needs=("nowhere",))

    with pytest.raises(SetupError, match="'a' needs 'nowhere'"):
        stage.supervisor.start_all()


@pytest.mark.parametrize(
    ("relations", "order"),
    [
        ({"a": ((), ()), "b": ((), ())}, ["a", "b"]),
        ({"a": (("b",), ()), "b": (("c",), ()), "c": ((), ())}, ["c", "b", "a"]),
        ({"a": ((), ("b", "x")), "b": ((), ())}, ["b", "a"]),
    ],
)
def test_names_are_ordered_by_what_they_need(relations: Any, order: list[str]) -> None:
    assert in_order(relations) == order


def test_stopping_everything_takes_no_longer_than_its_deadline_and_names_who_stayed(stage: Stage) -> None:
    stage.add("db", stubborn=True, stop_timeout=100)
    stage.add("web", needs=("db",), stubborn=True, stop_timeout=100)
    stage.add("good")
    stage.supervisor.start_all()
    stopped = stage.supervisor.stop_all(20)
    stage.time.advance(19.9)
    assert not stopped.done
    assert stage.state("good") == "stopped"
    assert stage.state("db") == "running"

    stage.time.advance(0.2)

    assert stopped.wait(1) == ["db", "web"]


def test_a_second_stop_shortens_the_deadline(stage: Stage) -> None:
    stage.add("poll", stubborn=True, stop_timeout=100)
    stage.supervisor.start_all()
    first = stage.supervisor.stop_all(20)
    second = stage.supervisor.stop_all(0)
    stage.time.advance(0)

    assert first.wait(1) == second.wait(1) == ["poll"]


def test_each_has_its_own_deadline_within_the_common_one(stage: Stage) -> None:
    stage.add("db")
    stage.add("web", needs=("db",), stubborn=True, stop_timeout=5)
    stage.supervisor.start_all()
    stopped = stage.supervisor.stop_all(20)
    stage.time.advance(5)

    assert stopped.wait(1) == ["web"]
    assert stage.state("db") == "stopped"


def test_while_everything_stops_nothing_is_started_and_afterwards_it_can_be(stage: Stage) -> None:
    stage.add("slow", stubborn=True)
    stage.add("poll")
    stage.supervisor.start("slow")
    stopped = stage.supervisor.stop_all(20)

    assert stage.supervisor.start("poll").wait(1) is State.STOPPED
    stage.end("slow")
    stopped.wait(1)
    assert stage.supervisor.start("poll").wait(1) is State.RUNNING
    assert stage.time.open == 0


def test_stopping_nothing_is_done_at_once(stage: Stage) -> None:
    stage.add("poll")

    assert stage.supervisor.stop_all().wait(1) == []


@pytest.mark.row("B30")
def test_a_second_one_of_the_same_name_is_refused_unless_it_replaces_the_first(stage: Stage) -> None:
    stage.add("poll")
    stage.supervisor.start("poll")
    with pytest.raises(DuplicateName):
        stage.add("poll")

    stage.add("poll", replace=True, critical=True)

    assert stage.lives["poll"][0].cancelled
    assert stage.state("poll") == "running"
    assert len(stage.lives["poll"]) == 2
    assert stage.supervisor.plan("poll").critical


def test_units_can_be_removed_while_the_others_run(stage: Stage) -> None:
    stage.add("poll")
    stage.add("other")
    stage.supervisor.start_all()
    stage.supervisor.remove("poll").wait(1)

    assert [status.name for status in stage.supervisor.statuses()] == ["other"]
    with pytest.raises(LookupError, match="known: other"):
        stage.supervisor.start("poll")


def test_faults_name_the_critical_ones_that_do_not_run_and_the_unwell_ones(stage: Stage) -> None:
    healthy = [True]

    def broken() -> bool:
        raise OSError("no answer")

    stage.add("vital", critical=True)
    stage.add("extra")
    stage.add("well", health=lambda: healthy[0])
    stage.add("broken", health=broken)
    stage.supervisor.start("well")
    assert set(stage.supervisor.faults()) == {"vital"}

    stage.supervisor.start_all()
    healthy[0] = False

    assert stage.supervisor.faults() == {
        "well": "its health() says no",
        "broken": "its health() failed: OSError: no answer",
    }


def test_a_listener_that_raises_harms_nobody(stage: Stage) -> None:
    stage.supervisor.changed.listen(lambda told: 1 / 0)
    stage.add("poll")

    assert stage.supervisor.start("poll").wait(1) is State.RUNNING


# -- with real functions


@pytest.fixture
def real(runtime: Runtime) -> Iterator[Supervisor]:
    supervisor = Supervisor(loop=runtime.loop)
    yield supervisor
    supervisor.stop_all(2).wait(10)


def test_a_plain_function_on_its_own_thread_is_started_stopped_and_restarted_from_any_thread(
    runtime: Runtime, real: Supervisor
) -> None:
    beaten: Promise[None] = Promise()

    def poll(life: Life) -> None:
        while not life.wait(0.001):
            beaten.set(None)

    real.add(Plan("poll", lambda life: run_function(poll, (life,), runtime=runtime, start="dedicated")))
    assert real.start("poll").wait(10) is State.RUNNING

    outcomes: list[State] = []
    threads = [threading.Thread(target=lambda: outcomes.append(real.restart("poll").wait(10))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(outcomes) == {State.RUNNING}

    beaten.wait(10)
    # From the hub as well, where nothing may block.
    assert runtime.loop.spawn(lambda: real.stop("poll").wait(10)).wait(10) is State.STOPPED


def test_a_generator_and_an_async_service_are_cancelled_by_a_stop(runtime: Runtime, real: Supervisor) -> None:
    closed: list[str] = []
    began = {"generator": Promise[bool](), "coroutine": Promise[bool]()}

    def generator(life: Life) -> Any:
        try:
            began["generator"].set(True)
            while True:
                yield runtime.Sleep(0.001)
        finally:
            closed.append("generator")

    async def coroutine(life: Life) -> None:
        try:
            began["coroutine"].set(True)
            while True:
                await runtime.Sleep(0.001)
        finally:
            closed.append("coroutine")

    for function in (generator, coroutine):
        name = function.__name__
        real.add(Plan(name, lambda life, function=function: run_function(function, (life,), runtime=runtime)))
        assert real.start(name).wait(10) is State.RUNNING
        assert began[name].wait(10)
        assert real.stop(name).wait(10) is State.STOPPED

    assert closed == ["generator", "coroutine"]


def test_a_crashing_function_is_started_again_by_the_hub_s_timer(runtime: Runtime, real: Supervisor) -> None:
    third: Promise[None] = Promise()

    def crash(life: Life) -> None:
        if life.number == 3:
            third.set(None)
        raise ValueError(life.number)

    policy = RestartPolicy(delay=0.001)
    real.add(Plan("crash", lambda life: run_function(crash, (life,), runtime=runtime), policy))
    real.start("crash")

    third.wait(10)

    status = real.status("crash")
    assert status.restarts >= 2
    assert status.error is not None
    assert status.error.startswith("ValueError: ")
