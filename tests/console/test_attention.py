"""What needs a person."""

from __future__ import annotations

from atilite.console import attention, vitals
from tests.console.samples import FACE, headline, service


def test_actions_whose_last_run_ended_badly_need_attention_newest_first() -> None:
    latest = {
        "a": headline(1, "failed"), "b": headline(2), "c": headline(3, "interrupted"), "d": headline(4, "cancelled"),
        "e": headline(5, "running"), "f": headline(6, "timed_out"),
    }  # fmt: skip

    assert [run.id for run in attention.failing(latest)] == [6, 3, 1]


def test_services_that_fall_need_attention_the_ones_that_stay_down_first() -> None:
    services = [service(name="a", status="restarting"), service(name="b"), service(name="c", status="failed")]

    assert [info.name for info in attention.unwell(services)] == ["c", "a"]
    assert attention.count({"a": headline(1, "failed")}, services) == 3


def test_a_row_of_bad_runs_is_counted_up_to_the_first_good_one() -> None:
    history = [
        headline(5, "running"),
        headline(4, "failed"),
        headline(3, "timed_out"),
        headline(2),
        headline(1, "failed"),
    ]

    assert attention.in_a_row(history) == 2
    assert attention.in_a_row([]) == 0


def test_an_action_that_fails_again_and_again_says_how_often() -> None:
    runs = [headline(n, "failed", error="ReadTimeout: no answer") for n in (4, 3, 2)]

    trouble = attention.of_action(runs[0], runs, FACE, again=True)

    assert trouble.what == "Water failed 3 times in a row"
    assert trouble.why == "ReadTimeout: no answer"
    assert trouble.act == "/runs/4/again"


def test_an_interrupted_run_says_that_the_program_ended_first() -> None:
    run = headline(4, "interrupted")

    trouble = attention.of_action(run, [run], FACE, again=False)

    assert trouble.what == "Water was interrupted"
    assert trouble.why == "The program ended before the run did."
    assert trouble.act == ""


def test_a_service_that_keeps_falling_can_be_stopped_and_one_that_is_down_started() -> None:
    falling = attention.of_service(service(status="restarting", restarts=5, error="OSError: gone"), FACE, True)
    down = attention.of_service(service(status="failed"), FACE, True)

    assert (falling.what, falling.why, falling.verb) == ("poll restarted 5 times", "OSError: gone", "Stop")
    assert (down.what, down.verb) == ("poll failed and stays down", "Start")
    assert attention.of_service(service(status="failed"), FACE, False).act == ""


def test_the_verdict_counts() -> None:
    assert attention.verdict(0) == "All is well"
    assert attention.verdict(1) == "1 thing needs attention"
    assert attention.verdict(2) == "2 things need attention"


def test_a_hot_board_is_a_trouble() -> None:
    hot = vitals.vitals(vitals.Reading(celsius=90.0))[0]

    assert attention.of_vital(hot).what == "Temperature is high"
