"""A pod from its start to its exit code, with a clock that moves only when told."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable

import pytest

from atilite.errors import SetupError
from atilite.pod.pod import Pod
from tests.pod.stage import Stage, idle


@pytest.fixture
def stage() -> Stage:
    return Stage()


def chain(stage: Stage, **keys: object) -> None:
    """web needs api needs db, beside one that needs nobody; they were added the other way round."""
    stage.add("web", needs="api", **keys)
    stage.add("api", needs="db", **keys)
    stage.add("db", **keys)
    stage.add("apart", **keys)
    stage.pod.start()


# -- beans, ids, labels


@pytest.mark.row("P1", "P6")
def test_ids_count_from_one_in_the_order_of_adding_and_are_never_used_again(stage: Stage) -> None:
    first, second = stage.add("a"), stage.add("b")
    stage.pod.remove_bean(second)
    third = stage.add("c")

    assert [first.id, second.id, third.id] == [1, 2, 3]
    assert [bean.id for bean in stage.pod.beans] == [1, 3]
    assert [str(bean) for bean in stage.pod.beans] == ["bean 1 (a)", "bean 3 (c)"]


@pytest.mark.row("P6", "pod-defect-2")
def test_a_bean_that_cannot_be_loaded_is_refused_and_takes_no_id(stage: Stage) -> None:
    with pytest.raises(SetupError, match="no module nowhere"):
        stage.pod.add_bean("nowhere.at_all")

    assert stage.add("a").id == 1


@pytest.mark.row("P6", "pod-defect-2")
def test_an_optional_one_that_cannot_be_loaded_is_told_and_left_out(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    assert stage.pod.add_bean("nowhere.at_all", label="extra", optional=True) is None

    assert "extra cannot be loaded; the pod goes on without it" in caplog.text
    assert "there is no module nowhere" in caplog.text
    assert "Traceback" not in caplog.text
    assert stage.add("a").id == 1


class Choosy:
    """A bean whose class says no more than a number."""

    def __init__(self, context: object) -> None:
        raise KeyError(3)

    async def __call__(self) -> None:
        raise AssertionError


@pytest.mark.row("P6", "pod-defect-2")
def test_of_one_whose_class_raises_the_kind_of_the_error_is_told(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    assert stage.pod.add_bean(Choosy, optional=True) is None

    assert "Choosy cannot be loaded; the pod goes on without it: KeyError: 3" in caplog.text


@pytest.mark.row("P7", "P8")
def test_a_label_leads_to_all_that_have_it_and_an_unknown_one_to_an_error(stage: Stage) -> None:
    first, _, third = stage.add("w"), stage.add("x"), stage.add("w")

    assert stage.pod.get_beans("w") == [first, third]
    assert stage.pod.get_beans(3) == [third]
    for unknown in ("y", 4):
        with pytest.raises(KeyError):
            stage.pod.get_beans(unknown)


@pytest.mark.row("P1", "pod-defect-10")
def test_a_bean_that_is_added_while_the_pod_runs_is_started(stage: Stage) -> None:
    stage.add("a")
    stage.pod.start()

    late = stage.add("b", needs="a")

    assert (late.id, late.state) == (2, "running")
    stage.end("a")
    stage.end("b")
    assert stage.pod.done.result() == 0
    with pytest.raises(SetupError, match="takes no further beans"):
        stage.add("c")


@pytest.mark.row("P8")
def test_the_end_of_beans_can_be_waited_for(stage: Stage) -> None:
    stage.add("w"), stage.add("w2"), stage.add("w")
    waited = stage.pod.wait_beans_done("w")
    with pytest.raises(KeyError):
        stage.pod.wait_beans_done("none")
    stage.pod.start()

    stage.works["w"].set(None)  # the second one of that label; the first goes on
    assert not waited.done
    stage.pod.stop(), stage.pod.stop()

    assert waited.done
    assert stage.pod.wait_beans_done("w").done


def test_beans_that_end_while_one_begins_to_wait_for_them_leave_nobody_listening(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stage.add("a"), stage.add("b")
    stage.pod.start()
    fewer = stage.pod._fewer
    before, listen = fewer._listeners, fewer.listen

    def listen_late(callback: Callable[[None], object]) -> Callable[[], None]:
        unlisten = listen(callback)
        stage.end("a")  # in another thread, say
        return unlisten

    monkeypatch.setattr(fewer, "listen", listen_late)

    assert stage.pod.wait_beans_done("a").promise.done
    assert fewer._listeners == before
    assert "failed" not in caplog.text


@pytest.mark.parametrize("ending", ["removed", "stopped"])
def test_who_waits_for_a_bean_is_told_when_it_goes_before_it_was_ever_started(stage: Stage, ending: str) -> None:
    bean = stage.add("a")
    waited = stage.pod.wait_beans_done("a")

    if ending == "removed":
        stage.pod.remove_bean(bean)
    else:
        stage.pod.stop()

    assert waited.done
    assert stage.pod._fewer._listeners == ()


def test_a_coroutine_that_is_removed_before_it_began_is_closed(stage: Stage) -> None:
    async def never() -> None:
        raise AssertionError

    core = never()
    bean = stage.pod.add_bean(core)
    assert bean is not None

    stage.pod.remove_bean(bean)

    assert inspect.getcoroutinestate(core) == inspect.CORO_CLOSED


# -- the natural end


@pytest.mark.row("P13")
def test_an_empty_pod_ends_at_once(stage: Stage) -> None:
    stage.pod.start()

    assert stage.pod.done.result() == 0


@pytest.mark.row("P13")
def test_a_pod_ends_when_its_last_bean_has(stage: Stage) -> None:
    stage.add("a"), stage.add("b")
    stage.pod.start()

    stage.end("a")
    assert not stage.pod.done.done
    stage.end("b")

    assert stage.pod.done.result() == 0
    assert stage.time.open == 0


def test_a_pod_that_is_kept_does_not_end_for_want_of_beans(stage: Stage) -> None:
    only = stage.add("a")
    stage.pod.start()

    with stage.pod.kept():
        stage.pod.remove_bean(only)
        stage.add("b")
    assert not stage.pod.done.done
    stage.end("b")

    assert stage.pod.done.result() == 0


@pytest.mark.row("pod-defect-1")
def test_one_that_raises_is_told_at_once_and_the_exit_code_says_so(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.add("a"), stage.add("b")
    stage.pod.start()

    stage.end("a", ValueError("no water"))

    assert "bean 1 (a) failed: ValueError: no water" in caplog.text
    assert stage.states() == {"a": "failed", "b": "running"}
    assert stage.pod.bean(1).error == "ValueError: no water"
    stage.end("b")
    assert stage.pod.done.result() == 1


@pytest.mark.row("pod-defect-1")
def test_when_a_critical_one_has_failed_the_pod_ends(stage: Stage) -> None:
    stage.add("a", critical=True), stage.add("b")
    stage.pod.start()

    stage.end("a", ValueError("no water"))

    assert stage.pod.stopping.result() == "bean 1 (a) has failed, which is critical"
    assert stage.life("b").cancelled
    stage.end("b")
    assert stage.pod.done.result() == 1


# -- order


@pytest.mark.row("pod-promise-1", "pod-defect-10")
def test_beans_start_behind_what_they_need_however_they_are_listed(stage: Stage) -> None:
    chain(stage)

    running = [change.bean.name for change in stage.seen if change.new == "running"]
    assert [name for name in running if name != "apart"] == ["db", "api", "web"]


@pytest.mark.row("pod-promise-1", "pod-promise-5")
def test_what_needs_one_that_is_not_ready_yet_waits_for_it(stage: Stage) -> None:
    stage.add("db", ready="explicit")
    stage.add("api", needs="db")
    begun = stage.pod.start()
    assert (stage.states(), begun.done) == ({"db": "starting", "api": "starting"}, False)

    stage.life("db").ready()

    assert stage.states() == {"db": "running", "api": "running"}
    assert begun.done


@pytest.mark.row("pod-promise-5")
def test_one_that_does_not_get_ready_in_time_has_failed(stage: Stage) -> None:
    stage.add("db", ready="explicit", start_timeout=5)
    stage.add("api", needs="db")
    stage.pod.start()

    stage.time.advance(5.1)

    assert stage.pod.bean(1).status().reason == "failed: was not ready within 5 s"
    assert stage.pod.bean(2).status().reason == "needs bean 1 (db), which is failed"
    assert stage.pod.done.result() == 1


@pytest.mark.row("pod-promise-1")
@pytest.mark.parametrize("key", ["needs", "after"])
def test_a_circle_is_refused_with_its_names_before_anything_runs(stage: Stage, key: str) -> None:
    stage.add("apart"), stage.add("a", **{key: "b"}), stage.add("b", **{key: ["a"]})

    with pytest.raises(SetupError, match=r"bean 2 \(a\) -> bean 3 \(b\) -> bean 2 \(a\)"):
        stage.pod.start()

    assert stage.lives == {}


@pytest.mark.row("pod-promise-1")
def test_a_need_that_does_not_exist_is_refused_and_an_unknown_after_is_not(stage: Stage) -> None:
    stage.add("a", after="nobody")
    stage.add("b", needs="db")

    with pytest.raises(SetupError, match=r"'bean 2 \(b\)' needs 'db', which does not exist"):
        stage.pod.start()


@pytest.mark.row("pod-promise-7")
def test_those_that_need_a_bean_are_started_again_with_it(stage: Stage) -> None:
    chain(stage, restart="on_failure")

    stage.end("db", ValueError("lost"))
    assert stage.states() == {"web": "starting", "api": "starting", "db": "restarting", "apart": "running"}
    stage.time.advance(1.1)

    assert set(stage.states().values()) == {"running"}
    assert {name: len(lives) for name, lives in stage.lives.items()} == {"web": 2, "api": 2, "db": 2, "apart": 1}


# -- restarts


@pytest.mark.parametrize(
    ("restart", "error", "then"),
    [
        ("never", None, "stopped"),
        ("never", ValueError(), "failed"),
        ("on_failure", None, "stopped"),
        ("on_failure", ValueError(), "restarting"),
        ("always", None, "restarting"),
        ("always", ValueError(), "restarting"),
    ],
)
@pytest.mark.row("pod-promise-2", "pod-defect-10")
def test_the_policy_says_what_follows_from_an_end(
    stage: Stage, restart: str, error: Exception | None, then: str
) -> None:
    stage.add("a", restart=restart), stage.add("b")
    stage.pod.start()

    stage.end("a", error)

    assert stage.state("a") == then


@pytest.mark.row("pod-promise-3", "pod-promise-4")
def test_restarts_come_later_and_later_and_end_visibly(stage: Stage) -> None:
    stage.add("a", restart="on_failure", max_restarts=3), stage.add("b")
    stage.pod.start()

    for delay in (1, 2, 4):
        stage.end("a", ValueError("again"))
        stage.time.advance(delay - 0.1)
        assert stage.state("a") == "restarting"
        stage.time.advance(0.2)
        assert stage.state("a") == "running"
    stage.end("a", ValueError("again"))

    assert stage.pod.bean(1).status().reason == "failed: ValueError: again (given up after 3 restarts)"
    assert (stage.pod.bean(1).status().restarts, len(stage.lives["a"])) == (3, 4)


@pytest.mark.row("pod-promise-4")
def test_no_delay_is_longer_than_half_a_minute(stage: Stage) -> None:
    stage.add("a", restart="on_failure", max_restarts=None)
    stage.pod.start()
    for _ in range(12):
        stage.end("a", ValueError())
        stage.time.advance(30.1)
        assert stage.state("a") == "running"


# -- the end


@pytest.mark.row("P11", "P12", "pod-promise-1")
def test_beans_are_asked_in_reverse_each_when_those_that_need_it_have_ended(stage: Stage) -> None:
    chain(stage, restart="always")
    done = stage.pod.stop("enough")

    asked = {name: stage.life(name).cancelled for name in ("web", "api", "db", "apart")}
    assert asked == {"web": True, "api": False, "db": False, "apart": True}
    for name in ("web", "api", "db"):
        assert stage.life(name).cancelled
        stage.end(name)
    assert not done.done
    stage.end("apart")

    assert (done.result(), stage.pod.enforced) == (0, ())
    assert stage.time.open == 0


@pytest.mark.row("P12", "pod-defect-3")
def test_after_the_default_of_twenty_seconds_the_rest_is_cancelled_and_named(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.add("a"), stage.add("b")
    stage.pod.start()
    done = stage.pod.stop()
    stage.end("a")

    stage.time.advance(19.9)
    assert not done.done
    stage.time.advance(0.2)

    assert (done.result(), stage.pod.enforced) == (1, ("bean 2 (b)",))
    assert "the time to end is over for bean 2 (b)" in caplog.text


@pytest.mark.row("P12")
def test_the_time_counts_from_the_arrival_of_the_signal() -> None:
    stage = Stage(stop_wait_time=5.0)
    chain(stage)
    done = stage.pod.stop()
    stage.time.advance(4)
    stage.end("web"), stage.end("apart")

    stage.time.advance(1.1)

    assert (done.result(), stage.pod.enforced) == (1, ("bean 2 (api)", "bean 3 (db)"))


@pytest.mark.row("P12")
def test_a_time_of_nothing_cancels_at_once() -> None:
    stage = Stage(stop_wait_time=0.0)
    stage.add("a")
    stage.pod.start()

    done = stage.pod.stop()
    stage.time.advance(0)

    assert (done.result(), stage.pod.enforced) == (1, ("bean 1 (a)",))


@pytest.mark.row("pod-promise-6", "pod-defect-5")
def test_one_that_swallows_its_cancellation_is_given_up_in_its_own_time_and_named(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.stubborn = {"deaf"}
    stage.add("db"), stage.add("deaf", needs="db", stop_timeout=3)
    stage.pod.start()
    done = stage.pod.stop()
    stage.time.advance(20.1)
    assert stage.states() == {"db": "running", "deaf": "stopping"}

    stage.time.advance(3)

    assert done.result() == 1
    assert stage.states() == {"db": "stopped", "deaf": "failed"}
    assert "bean 2 (deaf) did not end when it was stopped; it is left behind" in caplog.text
    assert stage.pod.enforced == ("bean 1 (db)", "bean 2 (deaf)")


@pytest.mark.row("pod-promise-6", "P12")
def test_a_second_call_makes_the_deadline_now_and_a_third_waits_for_nobody(stage: Stage) -> None:
    stage.stubborn = {"deaf"}
    stage.add("polite"), stage.add("deaf")
    stage.pod.start()
    done = stage.pod.stop()

    stage.pod.stop()
    assert stage.states() == {"polite": "stopped", "deaf": "stopping"}
    stage.pod.stop()
    stage.time.advance(0)

    assert (stage.state("deaf"), done.result()) == ("failed", 1)


@pytest.mark.row("pod-promise-2", "P12")
def test_what_ends_when_it_was_asked_to_is_not_started_again_and_a_failure_then_counts(stage: Stage) -> None:
    stage.add("a", restart="always"), stage.add("b", restart="always")
    stage.pod.start()
    done = stage.pod.stop()

    stage.end("a")
    stage.end("b", ValueError("on its way out"))

    assert stage.states() == {"a": "stopped", "b": "failed"}
    assert (done.result(), stage.pod.enforced) == (1, ())


@pytest.mark.row("pod-promise-10")
def test_a_signal_during_the_start_ends_what_waits_without_beginning_it(stage: Stage) -> None:
    stage.add("db", ready="explicit"), stage.add("api", needs="db")
    stage.pod.start()

    done = stage.pod.stop()
    assert stage.states() == {"db": "starting", "api": "stopped"}
    stage.end("db")

    assert (done.result(), "api" in stage.lives) == (0, False)


@pytest.mark.row("pod-promise-10")
def test_a_pod_that_is_stopped_before_its_start_begins_nothing(stage: Stage) -> None:
    stage.add("a")

    done = stage.pod.stop()
    stage.pod.start()

    assert (done.result(), stage.lives) == (0, {})


# -- states


@pytest.mark.row("pod-promise-8", "pod-defect-10")
def test_every_change_is_told_with_times_and_reasons(stage: Stage) -> None:
    bean = stage.add("a", restart="on_failure")
    assert bean.state == "new"
    stage.pod.start()
    stage.time.advance(2)
    stage.end("a", ValueError("lost"))

    assert [(told.old, told.new, told.reason) for told in stage.seen] == [
        ("stopped", "starting", "started"),
        ("starting", "running", "ready"),
        ("running", "restarting", "failed: ValueError: lost; starts again in 1 s"),
    ]
    last = stage.seen[-1]
    assert (last.bean, last.at, last.error) == (bean, stage.time.now(), "ValueError: lost")
    assert "ValueError" in (last.traceback or "")
    status = bean.status()
    assert (status.id, status.state, status.since, status.error) == (1, "restarting", last.at, "ValueError: lost")


@pytest.mark.row("pod-promise-8")
def test_a_person_stops_and_starts_one_bean(stage: Stage) -> None:
    bean = stage.add("a")
    stage.add("b")
    stage.pod.start()

    assert bean.stop().result() == "stopped"
    assert bean.done
    assert bean.start().result() == "running"
    assert bean.restart().result() == "running"

    assert len(stage.lives["a"]) == 3
    assert stage.state("b") == "running"


def test_one_bean_cannot_be_started_before_its_pod(stage: Stage) -> None:
    bean = stage.add("a")

    with pytest.raises(LookupError, match=r"no bean named 'bean 1 \(a\)'; known: none"):
        bean.stop()


def test_a_removed_bean_has_ended_and_is_known_no_more(stage: Stage) -> None:
    bean = stage.add("a")
    stage.add("b")
    stage.pod.start()

    assert stage.pod.remove_bean(bean).result() == "stopped"

    with pytest.raises(KeyError):
        stage.pod.get_beans("a")
    assert (bean.state, bean.done) == ("stopped", True)


def test_nothing_is_logged_of_a_pod_that_does_its_work(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stage.add("a")
    stage.pod.start()
    stage.end("a")

    assert caplog.records == []


def test_a_pod_alone_uses_the_clock_of_the_machine() -> None:
    pod = Pod()
    bean = pod.add_bean(idle)
    assert bean is not None

    pod.start()

    assert pod.done.wait(20) == 0
    assert bean.state == "stopped"
