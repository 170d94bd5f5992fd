from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atilite.automation.localtime import LocalZone
from atilite.automation.rules import Cron, Every, Once, Rule, decide, next_times, once, words
from atilite.errors import SetupError

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Cron("5 * * * *"), "at 5 past every hour"),
        (Cron("*/5 * * * *"), "every 5 minutes"),
        (Cron("30 18 * * *"), "daily at 18:30"),
        (Cron("0 4 * * 0"), "Sundays at 04:00"),
        (Cron("0 4 * * 7"), "Sundays at 04:00"),
        (Cron("0 9,17 * * MON,WED"), "Mondays and Wednesdays at 09:00 and 17:00"),
        (Cron("0 9 * * 1-5"), "Mondays to Fridays at 09:00"),
        (Cron("0 0 1 * *"), "on day 1 of every month at 00:00"),
        (Cron("0 0 24 12 *"), "every 24 December at 00:00"),
        (Cron("15 */6 * * *"), "at 15 past every 6 hours"),
        (Cron("* * * * *"), "every minute"),
        (Cron("@hourly"), "every hour"),
        (Every(300), "every 5 minutes"),
        (Every(60), "every minute"),
        (Every(5400), "every 1 hour 30 minutes"),
        (Every(0.5), "every 0.5 seconds"),
    ],
)
def test_a_rule_says_in_words_when_it_is_due(rule: Rule, said: str):
    assert words(rule) == said


def test_a_rule_of_another_shape_has_words_too():
    assert words(Cron("0 12 13 * FRI"))
    assert words(Cron("*/10 * * * * *"))


@pytest.mark.parametrize("line", ["", "* * * *", "61 * * * *", "x * * * *", "0 0 30 2 *"])
def test_a_cron_line_that_cannot_be_is_refused_with_an_example(line: str):
    with pytest.raises(SetupError, match="write five fields"):
        Cron(line)


@pytest.mark.row("B32")
def test_a_cron_line_is_due_by_the_clock_of_its_zone():
    times = next_times(Cron("0 12 * * *", BERLIN), datetime(2024, 3, 30, tzinfo=UTC), 2)

    # Summer time began in between, so in UTC it is an hour earlier.
    assert times == [datetime(2024, 3, 30, 11, tzinfo=UTC), datetime(2024, 3, 31, 10, tzinfo=UTC)]


def test_a_time_that_the_clocks_skip_is_run_all_the_same_and_a_doubled_one_once():
    spring = next_times(Cron("30 2 * * *", BERLIN), datetime(2024, 3, 30, 12, tzinfo=UTC), 2)
    autumn = next_times(Cron("30 2 * * *", BERLIN), datetime(2024, 10, 26, 12, tzinfo=UTC), 2)

    assert spring == [datetime(2024, 3, 31, 1, tzinfo=UTC), datetime(2024, 4, 1, 0, 30, tzinfo=UTC)]
    assert autumn == [datetime(2024, 10, 27, 0, 30, tzinfo=UTC), datetime(2024, 10, 28, 1, 30, tzinfo=UTC)]


def test_an_interval_is_not_moved_by_a_restart():
    assert next_times(Every(300), NOON + minutes(2), 2) == next_times(Every(300), NOON + minutes(4), 2)


@given(
    st.sampled_from([Every(0.1), Every(7.3), Every(86400), Cron("*/7 * * * *"), Cron("30 2 * * *", BERLIN)]),
    st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
)
def test_due_times_are_later_than_asked_and_each_than_the_one_before(rule: Rule, after: datetime):
    times = [after, *next_times(rule, after, 4)]

    assert all(one < other for one, other in pairwise(times))


def test_what_is_due_runs_once_whenever_one_looks():
    rule, until, due = Cron("* * * * *"), NOON, []
    now = NOON
    for step in (10, 55, 1, 0, 61, 59, 120 - 90, 3):
        now += timedelta(seconds=step)
        decision = decide(rule, until, now, "skip", HOUR)
        due += [firing.due for firing in decision.firings]
        until = decision.until

    assert due == next_times(rule, NOON, len(due))
    assert due[-1] <= now < due[-1] + minutes(1)


@pytest.mark.parametrize(
    ("missed", "made_up"),
    [("skip", []), ("once", [NOON + minutes(60)]), ("all", [NOON + minutes(30), NOON + minutes(60)])],
)
def test_missed_times_are_made_up_for_as_the_schedule_says(missed: str, made_up: list[datetime]):
    decision = decide(Cron("0,30 * * * *"), NOON, NOON + minutes(80), missed, timedelta(hours=2))

    assert [firing.due for firing in decision.firings] == made_up
    assert all(firing.caught_up for firing in decision.firings)


def test_missed_times_beyond_the_window_are_given_up():
    decision = decide(Cron("0,30 * * * *"), NOON, NOON + minutes(80), "all", minutes(30))

    assert [firing.due for firing in decision.firings] == [NOON + minutes(60)]


@pytest.mark.row("M7")
@pytest.mark.parametrize(
    ("missed", "window", "lost"),
    [
        ("skip", 120, [30, 60]), ("skip", 45, [30, 60]), ("once", 120, []), ("all", 120, []), ("once", 45, []),
        ("all", 45, [30]), ("once", 10, [30, 60]), ("all", 10, [30, 60]),
    ],
)  # fmt: skip
def test_a_time_for_which_no_run_stands_is_lost(missed: str, window: int, lost: list[int]):
    decision = decide(Cron("0,30 * * * *"), NOON, NOON + minutes(80), missed, minutes(window))

    assert list(decision.missed) == [NOON + minutes(number) for number in lost]


@pytest.mark.parametrize("rule", [Every(60), Cron("* * * * *")])
def test_what_is_on_time_is_not_lost_and_a_year_is_not_counted_to_its_end(rule: Rule):
    on_time = decide(rule, NOON, NOON + timedelta(seconds=80), "skip", HOUR)
    long_ago = decide(rule, NOON, NOON + timedelta(days=365), "skip", HOUR)

    assert on_time.missed == ()
    assert 1000 <= len(long_ago.missed) <= 2000
    assert long_ago.missed[-1] == NOON + timedelta(days=365) - minutes(2)


def test_a_moment_that_has_passed_unheard_is_lost():
    assert decide(Once(NOON + minutes(1)), NOON, NOON + 3 * HOUR, "once", HOUR).missed == (NOON + minutes(1),)


def test_before_the_clock_was_set_nothing_was_missed():
    assert decide(Cron("* * * * *"), datetime(1970, 1, 1, tzinfo=UTC), NOON, "skip", HOUR).missed == ()


def test_one_run_on_time_makes_up_for_the_missed_ones():
    decision = decide(Cron("0 * * * *"), NOON, NOON + 3 * HOUR, "once", timedelta(hours=5))

    assert [(firing.due, firing.caught_up) for firing in decision.firings] == [(NOON + 3 * HOUR, False)]


def test_a_short_interval_after_a_pause_runs_once_and_not_in_a_burst():
    decision = decide(Every(1), NOON, NOON + timedelta(seconds=40), "once", HOUR)

    assert len(decision.firings) == 1


def test_a_clock_set_back_a_little_repeats_no_time_of_a_cron_line():
    decision = decide(Cron("0 12 * * *"), NOON + minutes(1), NOON - minutes(1), "once", HOUR)
    later = decide(Cron("0 12 * * *"), decision.until, NOON + timedelta(seconds=1), "once", HOUR)

    assert (decision.firings, later.firings) == ((), ())


def test_a_clock_that_was_far_ahead_does_not_stop_a_schedule_for_years():
    wrong = NOON + timedelta(days=3650)
    decision = decide(Cron("0 * * * *"), wrong, NOON + minutes(1), "once", HOUR)
    later = decide(Cron("0 * * * *"), decision.until, NOON + HOUR, "once", HOUR)

    assert [firing.due for firing in later.firings] == [NOON + HOUR]


def test_a_clock_that_jumps_ahead_catches_up_within_the_window_only():
    decision = decide(Cron("* * * * *"), datetime(1970, 1, 1, tzinfo=UTC), NOON, "all", minutes(5))

    assert [firing.due for firing in decision.firings] == [NOON - minutes(n) for n in (4, 3, 2, 1, 0)]


def test_the_local_zone_agrees_with_the_machine():
    moment = datetime(2024, 7, 1, 12, tzinfo=UTC)
    local = moment.astimezone(LocalZone())

    assert local.replace(tzinfo=None) == moment.astimezone().replace(tzinfo=None)
    assert local.astimezone(UTC) == moment
    assert str(LocalZone()) == "local"


# -- a single moment


def test_a_single_moment_is_due_once():
    rule = once("2024-05-01 18:30", ZoneInfo("Europe/Berlin"))

    assert next_times(rule, NOON) == [datetime(2024, 5, 1, 16, 30, tzinfo=UTC)]
    assert next_times(rule, datetime(2024, 5, 1, 16, 30, tzinfo=UTC)) == []
    assert words(rule) == "once, 2024-05-01 18:30"
    assert once(NOON, UTC).at == NOON


@pytest.mark.parametrize("at", ["tomorrow", 12, "2024-13-01", True])
def test_a_moment_that_is_none_is_refused(at: object):
    with pytest.raises(SetupError, match="write a moment such as"):
        once(at, UTC)  # type: ignore[arg-type]


def test_a_single_moment_that_was_missed_is_made_up_for_within_the_window():
    rule = Once(NOON)
    missed = decide(rule, NOON - HOUR, NOON + minutes(30), "once", HOUR)
    too_late = decide(rule, NOON - HOUR, NOON + 2 * HOUR, "once", HOUR)

    assert [(firing.due, firing.caught_up) for firing in missed.firings] == [(NOON, True)]
    assert too_late.firings == ()


# -- clocks that jump

BEFORE_TIME = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)


@pytest.mark.row("M7", "reliability-3")
@pytest.mark.parametrize("missed", ["once", "all", "skip"])
@pytest.mark.parametrize("rule", [Cron("0,30 * * * *"), Every(1800), Once(NOON)])
def test_a_board_without_a_clock_repeats_nothing_once_its_clock_is_set(rule: Rule, missed: str):
    """Switched off at five past, up again in 1970, set right by the network at ten past."""
    dealt_with = NOON + minutes(5)
    booted = decide(rule, dealt_with, BEFORE_TIME, missed, HOUR)
    waited = decide(rule, booted.until, BEFORE_TIME + minutes(1), missed, HOUR, booted.ahead)
    set_right = decide(rule, waited.until, NOON + minutes(10), missed, HOUR, waited.ahead)

    assert booted.firings == set_right.firings == ()
    assert set_right.until == NOON + minutes(10)
    assert set_right.ahead is None


@pytest.mark.row("M7", "reliability-3")
def test_what_a_board_without_a_clock_has_missed_is_made_up_for():
    booted = decide(Cron("0,30 * * * *"), NOON + minutes(5), BEFORE_TIME, "all", 2 * HOUR)
    set_right = decide(Cron("0,30 * * * *"), booted.until, NOON + minutes(70), "all", 2 * HOUR, booted.ahead)

    assert [(firing.due, firing.caught_up) for firing in set_right.firings] == [
        (NOON + minutes(30), True), (NOON + minutes(60), True),
    ]  # fmt: skip


def test_a_clock_that_was_ahead_leaves_out_no_time_that_is_reached_step_by_step():
    ahead = decide(Cron("0 * * * *"), NOON + 3 * HOUR, NOON - minutes(1), "once", HOUR)
    until, mark, fired = ahead.until, ahead.ahead, []
    for number in range(4 * 60 + 2):
        decision = decide(Cron("0 * * * *"), until, NOON + minutes(number), "once", HOUR, mark)
        until, mark = decision.until, decision.ahead
        fired += [firing.due for firing in decision.firings]

    assert fired == [NOON + number * HOUR for number in range(5)]
    assert mark is None


@pytest.mark.row("M7", "reliability-3")
@pytest.mark.parametrize(
    ("begin", "line", "fired"),
    [
        # The night in which 02:00 to 03:00 does not exist: the run of 02:30 is not lost.
        (datetime(2026, 3, 28, 23, tzinfo=UTC), "30 2 * * *", ["03:00"]),
        (datetime(2026, 3, 28, 23, tzinfo=UTC), "0 * * * *", ["00:00", "01:00", "03:00", "04:00", "05:00"]),
        # The night in which it comes twice: once only for a line that names the hour.
        (datetime(2026, 10, 24, 22, tzinfo=UTC), "30 2 * * *", ["02:30"]),
        (datetime(2026, 10, 24, 22, tzinfo=UTC), "0 * * * *", ["00:00", "01:00", "02:00", "02:00", "03:00"]),
    ],
)
def test_the_nights_in_which_clocks_change(begin: datetime, line: str, fired: list[str]):
    found, until = [], begin - minutes(1)
    for number in range(5 * 60):
        decision = decide(Cron(line, BERLIN), until, begin + minutes(number), "once", HOUR)
        until = decision.until
        found += [firing.due.astimezone(BERLIN).strftime("%H:%M") for firing in decision.firings]

    assert found == fired


@pytest.mark.row("M7", "reliability-3")
@pytest.mark.parametrize("rule", [Cron("* * * * *"), Every(60), Once(datetime(2038, 1, 19, 3, 15, tzinfo=UTC))])
def test_the_end_of_32_bits_is_a_moment_like_any_other(rule: Rule):
    last = datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC)
    decision = decide(rule, last, last + minutes(1), "once", HOUR)

    assert [firing.due for firing in decision.firings] == [datetime(2038, 1, 19, 3, 15, tzinfo=UTC)]
