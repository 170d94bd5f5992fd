"""The page of schedules."""

from __future__ import annotations

from datetime import timedelta

from atilite.console import schedules
from tests.console.samples import FACE, NOW, headline, plan


def test_what_fires_next_comes_first_and_paused_ones_last() -> None:
    plans = [
        plan(action="c", paused=True), plan(action="b", next=NOW + timedelta(hours=2)), plan(action="d", next=None),
        plan(action="a", next=NOW + timedelta(minutes=1)),
    ]  # fmt: skip

    page = schedules.present(plans, {"a": headline()}, FACE, True)

    assert [row.action for row in page.rows] == ["a", "b", "d", "c"]
    assert page.first is not None
    assert page.first.next is not None
    assert page.first.next.words == "in 1 min"
    assert page.zone == "CET"
    assert page.pause_all == "Pause all 4 schedules?"


def test_a_schedule_shows_its_next_five_times_and_its_last_run() -> None:
    row = schedules.row(plan(), headline(status="failed"), FACE, True, "n-water")

    assert [time.words for time in row.times] == ["18:32", "Sun 18:32", "Mon 18:32", "Tue 18:32", "Wed 18:32"]
    assert row.state.word == "Failed"
    assert (row.verb, row.deed) == ("Pause", "/schedules/s1/pause")


def test_a_paused_schedule_can_be_resumed_and_who_may_not_run_sees_no_button() -> None:
    assert schedules.row(plan(paused=True), None, FACE, True, "n-water").deed == "/schedules/s1/resume"
    assert schedules.row(plan(), None, FACE, False, "n-water").deed == ""


def test_a_schedule_of_every_few_seconds_shows_its_times_with_seconds() -> None:
    times = tuple(NOW + timedelta(seconds=9 * count) for count in range(5))

    row = schedules.row(plan(every=9.0, rule=None, times=times), None, FACE, False, "n-water")

    assert [time.words for time in row.times] == ["14:32:07", "14:32:16", "14:32:25", "14:32:34", "14:32:43"]


def test_a_schedule_says_how_often_it_was_missed_for_good() -> None:
    missed = schedules.row(plan(missed_times=2, last_missed=NOW - timedelta(hours=3)), None, FACE, True, "n-water")

    assert missed.lost_last is not None
    assert (missed.lost, missed.lost_last.words) == ("2 missed", "3 h ago")
    assert schedules.row(plan(), None, FACE, True, "n-water").lost_last is None


def test_two_schedules_of_an_action_have_places_of_their_own_on_the_page() -> None:
    plans = [plan(id="water"), plan(id="water~2"), plan(id="other", action="Other")]

    rows = schedules.present(plans, {}, FACE, False).rows

    assert {row.schedule: row.id for row in rows} == schedules.anchors(plans)
    assert schedules.anchors(plans)["water"] == "n-water"
    assert len({row.id for row in rows}) == 3


def test_policies_are_sentences() -> None:
    assert schedules.missed_words("skip", 3600) == "skip it"
    assert schedules.missed_words("once", 3600) == "run once, up to 1 h late"
    assert schedules.missed_words("all", None) == "run all, any time later"
