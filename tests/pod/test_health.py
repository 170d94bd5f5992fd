"""Whether a running bean is well, asked with a clock that moves only when told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from atilite.pod.health import Health
from atilite.runtime.promise import Promise
from atilite.runtime.restarts import RestartPolicy
from atilite.runtime.unit import Life
from tests.pod.living import PATIENCE
from tests.runtime.stage import Stage


class Patient:
    """A unit whose health is asked every 10 s; `answers` are taken one after the other, None stays away."""

    def __init__(self, answers: list[Any], policy: RestartPolicy | None = None) -> None:
        self.stage = Stage()
        self.asked = 0
        self.answers = answers
        self.stage.add("poll", policy=policy or RestartPolicy("on_failure", delay=1))
        self.stage.supervisor.start("poll")
        self.life: Life = self.stage.lives["poll"][0]
        self.health = Health(self.life, self._ask, self.stage.time.later)
        self.health.begin()

    def _ask(self) -> Promise[Any]:
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, Exception):
            return Promise.failed(answer)
        return Promise() if answer is None else Promise.completed(answer)

    def later(self, times: int) -> str:
        self.stage.time.advance(10.05 * times)
        return self.stage.state("poll")


@pytest.mark.row("pod-promise-10", "pod-defect-10")
def test_one_that_is_well_is_asked_at_intervals_and_left_alone() -> None:
    patient = Patient([])

    assert patient.later(3) == "running"
    assert patient.asked == 3
    assert patient.stage.course() == ["poll starting", "poll running"]


@pytest.mark.row("pod-promise-10", "pod-promise-8")
@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (False, "health() says no (1 of 3)"),
        (0, "health() says no (1 of 3)"),
        (ValueError("deaf"), "health() failed: ValueError: deaf (1 of 3)"),
    ],
)
def test_after_a_bad_answer_it_is_degraded_and_after_a_good_one_well_again(bad: Any, words: str) -> None:
    patient = Patient([bad, True])

    assert patient.later(1) == "degraded"
    assert patient.stage.reason("poll") == words
    assert patient.later(1) == "running"
    assert patient.stage.reason("poll") == "well again"


@pytest.mark.row("pod-promise-10")
def test_three_bad_answers_in_a_row_end_the_life_and_the_policy_says_what_follows() -> None:
    patient = Patient([False, False, True, False, False, False])

    assert patient.later(5) == "degraded"
    assert patient.later(1) == "restarting"
    assert patient.life.cancelled
    assert patient.later(1) == "running"
    assert patient.stage.supervisor.status("poll").error == "is not well: health() says no, for the 3. time in a row"
    assert len(patient.stage.lives["poll"]) == 2
    patient.later(3)
    assert patient.asked == 6


@pytest.mark.row("pod-promise-10")
def test_no_answer_until_the_next_question_is_a_bad_one() -> None:
    patient = Patient([None, None, None], RestartPolicy("never"))

    assert patient.later(1) == "running"
    assert patient.later(1) == "degraded"
    assert patient.stage.reason("poll") == "health() has not answered within 10 s (1 of 3)"
    assert patient.later(2) == "failed"


def test_after_its_end_nothing_is_asked() -> None:
    patient = Patient([])
    patient.health.end()

    patient.later(3)

    assert patient.asked == 0
    assert patient.stage.time.open == 0


@pytest.mark.row("pod-promise-10")
def test_a_bean_that_is_not_well_is_started_again(alive: Callable[..., Any]) -> None:
    import asyncio

    from atilite.pod import Pod

    answers = [True, False, False, False]
    pod = Pod(health_every=0.1)

    def health(context: Any) -> bool:
        assert context.label == "b"
        return answers.pop(0) if answers else True

    bean = pod.add_bean(asyncio.sleep, label="b", delay=1000, restart="on_failure", restart_delay=0, health=health)
    assert bean is not None
    states: list[str] = []
    with pod.changed.subscribe() as changes:
        pod.start()
        while states[-1:] != ["running"] or "restarting" not in states:
            states.append(changes.get(timeout=PATIENCE).new)
    pod.stop(), pod.stop()

    assert pod.done.wait(PATIENCE) == 1
    # An answer that a busy machine brings too late is a bad one as well, and may be followed by a good one.
    assert states[:2] == ["starting", "running"]
    assert states[-6:] == ["degraded", "degraded", "stopping", "restarting", "starting", "running"]
