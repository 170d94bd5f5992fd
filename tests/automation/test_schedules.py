from __future__ import annotations

import queue
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from atilite.automation.engine import Automation
from atilite.automation.schedule import Missed
from atilite.errors import Frozen, SetupError
from atilite.testing.clock import FakeClock

PATIENCE = 20.0
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = 3600.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON.timestamp())


class Garden:
    """An app with a clock of its own whose runs are told in the order of their ends."""

    def __init__(self, make: Callable[..., Automation], clock: FakeClock) -> None:
        self.automation = make("garden", clock=clock, zone=UTC)
        self.clock = clock
        self.ends: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.automation.runs.ended.listen(self.ends.put)

    def water(self, *rule: Any, **options: Any) -> None:
        @self.automation.schedule(*rule, **options)
        @self.automation.action(name="water")
        def water():
            return None

    def go_on(self, seconds: float) -> list[str]:
        """Let time pass, look at the clock, and return the triggers of the runs that this started."""
        before = self.automation.storage.database.journal_ids
        last = before.next()
        self.clock.advance(seconds)
        self.automation.schedule.tick()
        return [self.ends.get(timeout=PATIENCE).trigger for _ in range(before.next() - last - 1)]


@pytest.fixture
def garden(make: Callable[..., Automation], clock: FakeClock) -> Garden:
    return Garden(make, clock)


@pytest.mark.row("B3", "B32")
def test_a_cron_line_above_an_action_runs_it_when_it_is_due(garden: Garden):
    garden.water("30 * * * *")
    garden.automation.start()

    assert garden.go_on(29 * 60) == []
    assert garden.go_on(60) == ["schedule"]
    assert garden.go_on(0) == []
    assert garden.go_on(59 * 60) == []
    assert garden.go_on(60) == ["schedule"]
    (info,) = garden.automation.schedule.schedules
    assert info.last == NOON + timedelta(minutes=90)
    assert info.next == NOON + timedelta(minutes=150)


@pytest.mark.row("B32")
@pytest.mark.parametrize("order", ["schedule action journal", "action schedule journal", "journal action schedule",
                                   "action journal schedule"])  # fmt: skip
def test_the_decorators_may_stand_in_any_order(garden: Garden, order: str):
    def water():
        return garden.automation.journal.current

    decorators: dict[str, Callable[[Any], Any]] = {
        "schedule": garden.automation.schedule("0 * * * *"),
        "action": garden.automation.action(name="water"),
        "journal": garden.automation.journal,
    }
    function: Any = water
    for name in reversed(order.split()):
        function = decorators[name](function)
    garden.automation.start()

    assert garden.go_on(HOUR) == ["schedule"]
    assert [headline.kind for headline in garden.automation.journal.history().fetch()] == ["action"]
    assert garden.automation.schedule.schedules[0].action == "water"


def test_a_function_that_is_no_action_runs_with_a_journal_of_kind_schedule(garden: Garden):
    @garden.automation.schedule("0 * * * *")
    @garden.automation.journal(operation="Poll")
    def poll(was):
        garden.automation.journal.record("polled", run=was.run.id)

    garden.automation.start()
    assert garden.go_on(HOUR) == ["schedule"]
    (headline,) = garden.automation.journal.history().fetch()
    assert (headline.operation, headline.kind, headline.trigger) == ("Poll", "schedule", "schedule")
    assert garden.automation.journal.get(headline.id).fetch().records[0].params == {"run": headline.id}


def test_an_interval_runs_again_and_again(garden: Garden):
    garden.water(every="5m")
    garden.automation.start()

    assert [garden.go_on(150) for _ in range(4)] == [[], ["schedule"], [], ["schedule"]]
    assert garden.automation.schedule.schedules[0].words == "every 5 minutes"


@pytest.mark.row("M7")
def test_a_schedule_may_run_at_the_start_only_or_as_well(garden: Garden):
    garden.water(at_start=True)
    garden.automation.start()

    assert garden.ends.get(timeout=PATIENCE).trigger == "start"
    assert garden.go_on(HOUR) == []
    (info,) = garden.automation.schedule.schedules
    assert (info.words, info.next, info.times) == ("at start", None, ())


def test_several_schedules_of_one_function_have_ids_of_their_own(garden: Garden):
    garden.automation.schedule("0 18 * * *")(garden.automation.schedule("0 6 * * *")(garden.water))

    assert [(info.id, info.rule) for info in garden.automation.schedule.schedules] == [
        ("Garden.water", "0 6 * * *"), ("Garden.water~2", "0 18 * * *"),
    ]  # fmt: skip


def test_parameters_of_the_run_can_be_given(garden: Garden):
    @garden.automation.schedule("0 * * * *", params={"seconds": "5"})
    @garden.automation.action(name="water")
    def water(seconds: int):
        return seconds

    garden.automation.start()
    assert garden.go_on(HOUR) == ["schedule"]
    assert garden.automation.journal.history().fetch()[0].result == 5


def test_a_function_that_needs_more_parameters_is_refused_at_set_up(garden: Garden):
    @garden.automation.schedule("0 * * * *")
    @garden.automation.action(name="water")
    def water(seconds: int):
        return seconds

    with pytest.raises(SetupError, match="seconds: is required"):
        garden.automation.freeze()


# -- what was missed


@pytest.mark.parametrize(
    ("missed", "triggers"), [("once", ["catch-up"]), ("skip", []), ("all", ["catch-up", "catch-up"])]
)
@pytest.mark.row("M7")
def test_times_missed_while_the_app_was_down_are_made_up_for(
    make: Callable[..., Automation], clock: FakeClock, missed: str, triggers: list[str]
):
    before = Garden(make, clock)
    before.water("0 * * * *", missed=missed, window="5h")
    before.automation.start()
    before.automation.stop()
    clock.advance(2.5 * HOUR)
    after = Garden(make, clock)
    after.water("0 * * * *", missed=missed, window="5h")
    after.automation.start()

    assert [after.ends.get(timeout=PATIENCE).trigger for _ in triggers] == triggers
    assert after.go_on(0) == []
    assert after.go_on(HOUR / 2) == ["schedule"]


@pytest.mark.row("M7", "M11")
def test_times_that_were_missed_for_good_are_counted_and_told(make: Callable[..., Automation], clock: FakeClock):
    before = Garden(make, clock)
    before.water("0 * * * *", missed="skip")
    before.automation.start()
    assert before.go_on(HOUR) == ["schedule"]
    before.automation.stop()
    clock.advance(2.5 * HOUR)
    after = Garden(make, clock)
    after.water("0 * * * *", missed="skip")
    told: list[Missed] = []
    after.automation.schedule.missed.listen(told.append)
    after.automation.start()
    (info,) = after.automation.schedule.schedules

    assert told == [Missed("water", 2, NOON + timedelta(hours=3))]
    assert (info.missed_times, info.last_missed) == (2, NOON + timedelta(hours=3))
    assert after.go_on(0) == []
    after.automation.stop()
    again = Garden(make, clock)
    again.water("0 * * * *", missed="skip")
    assert [one.missed_times for one in again.automation.schedule.schedules] == [2]


def test_what_is_paused_misses_nothing(garden: Garden):
    garden.water("0 * * * *", missed="skip")
    garden.automation.start()
    (id,) = garden.automation.schedule.ids
    garden.automation.schedule.pause(id).fetch(PATIENCE)
    garden.go_on(5.5 * HOUR)

    assert garden.automation.schedule.get(id).missed_times == 0


@pytest.mark.row("M7", "reliability-7")
def test_a_short_interval_repeats_no_time_after_the_process_was_killed(
    make: Callable[..., Automation], clock: FakeClock
):
    before = Garden(make, clock)
    before.water(every=20)
    before.automation.start()
    assert [before.go_on(20), before.go_on(20), before.go_on(3)] == [["schedule"], ["schedule"], []]
    before.automation.storage.database.writer.flush()
    after = Garden(make, clock)  # nobody has stopped the first one, so it has noted nothing at its end
    after.water(every=20)
    after.automation.start()

    assert after.go_on(0) == []
    assert after.go_on(17) == ["schedule"]


def test_a_schedule_with_another_rule_than_before_makes_up_for_nothing(
    make: Callable[..., Automation], clock: FakeClock
):
    before = Garden(make, clock)
    before.water("0 18 * * *", window="9h")
    before.automation.start()
    before.automation.stop()
    clock.advance(2.5 * HOUR)
    after = Garden(make, clock)
    after.water("0 * * * *", window="9h")
    after.automation.start()

    assert after.go_on(0) == []


@pytest.mark.row("M7", "reliability-3")
def test_a_board_that_boots_without_a_clock_repeats_nothing_after_it_is_set(
    make: Callable[..., Automation], clock: FakeClock
):
    before = Garden(make, clock)
    before.water("0 * * * *", missed="all", window="5h")
    before.automation.start()
    assert before.go_on(HOUR) == ["schedule"]
    before.automation.stop()
    clock.set(60.0)
    after = Garden(make, clock)
    after.water("0 * * * *", missed="all", window="5h")
    after.automation.start()
    after.automation.stop()  # switched off again before the network has told the time
    again = Garden(make, clock)
    again.water("0 * * * *", missed="all", window="5h")
    again.automation.start()
    clock.set(NOON.timestamp() + 2.5 * HOUR)

    assert again.go_on(0) == ["catch-up"]
    assert again.go_on(HOUR / 2) == ["schedule"]


@pytest.mark.row("M7", "reliability-3")
def test_a_single_moment_runs_once_and_never_again(make: Callable[..., Automation], clock: FakeClock):
    before = Garden(make, clock)
    before.water(at="2024-05-01 12:30")
    before.automation.start()
    (planned,) = before.automation.schedule.schedules

    assert before.go_on(HOUR) == ["catch-up"]
    before.automation.stop()
    after = Garden(make, clock)
    after.water(at="2024-05-01 12:30")
    after.automation.start()
    (done,) = after.automation.schedule.schedules
    assert after.go_on(HOUR) == []
    assert (planned.at, planned.times) == (NOON + timedelta(minutes=30), (NOON + timedelta(minutes=30),))
    assert (done.next, done.last) == (None, NOON + timedelta(minutes=30))


def test_a_due_time_that_waits_is_told_as_late(garden: Garden):
    garden.water("0 * * * *")
    garden.automation.start()
    garden.clock.advance(HOUR + 200)
    (waiting,) = garden.automation.schedule.schedules
    garden.automation.schedule.tick()
    (dealt_with,) = garden.automation.schedule.schedules

    assert (waiting.late, dealt_with.late) == (200.0, 0.0)


def test_a_clock_that_jumps_ahead_catches_up_and_one_set_back_repeats_nothing(garden: Garden):
    garden.water("0 * * * *")
    garden.automation.start()

    assert garden.go_on(HOUR) == ["schedule"]
    garden.clock.set(garden.clock.time() - 600)
    assert garden.go_on(0) == []
    assert garden.go_on(700) == []
    garden.clock.set(garden.clock.time() + HOUR)
    assert garden.go_on(60) == ["catch-up"]


# -- pausing


def test_a_paused_schedule_lets_its_times_pass_and_goes_on_when_resumed(garden: Garden):
    garden.water("0 * * * *")
    garden.automation.start()
    garden.automation.schedule.pause("Garden.water.<locals>.water").fetch(PATIENCE)

    assert garden.go_on(2.5 * HOUR) == []
    assert garden.automation.schedule.schedules[0].paused
    garden.automation.schedule.resume("Garden.water.<locals>.water").fetch(PATIENCE)
    assert garden.go_on(0) == []
    assert garden.go_on(HOUR / 2) == ["schedule"]


@pytest.mark.row("M7")
def test_a_pause_outlives_the_process(make: Callable[..., Automation], clock: FakeClock):
    before = Garden(make, clock)
    before.water("0 * * * *")
    before.automation.schedule.pause(before.automation.schedule.ids[0]).fetch(PATIENCE)
    after = Garden(make, clock)
    after.water("0 * * * *")
    after.automation.start()

    assert after.automation.schedule.schedules[0].paused
    assert after.go_on(HOUR) == []


def test_an_unknown_schedule_is_a_lookup_error(garden: Garden):
    with pytest.raises(LookupError, match="known: none"):
        garden.automation.schedule.pause("x")


# -- the rest


def test_a_run_that_is_skipped_is_no_error(garden: Garden, caplog):
    import threading

    release = threading.Event()

    @garden.automation.schedule("* * * * *")
    @garden.automation.action(name="slow", overlap="skip")
    def slow():
        release.wait(PATIENCE)

    garden.automation.start()
    garden.clock.advance(60)
    garden.automation.schedule.tick()
    garden.clock.advance(60)
    with caplog.at_level("INFO"):
        garden.automation.schedule.tick()
    release.set()

    assert "already running" in caplog.text
    assert garden.ends.get(timeout=PATIENCE).status == "succeeded"


def test_the_timer_runs_what_is_due_by_itself(make: Callable[..., Automation]):
    automation = make()
    ends: queue.SimpleQueue[Any] = queue.SimpleQueue()
    automation.runs.ended.listen(ends.put)
    automation.schedule(every=0.05)(automation.action(name="tick")(lambda: None))
    automation.start()

    assert [ends.get(timeout=PATIENCE).trigger for _ in range(3)] == ["schedule"] * 3
    automation.schedule.stop()


@pytest.mark.row("M7")
def test_jitter_delays_a_run(garden: Garden):
    garden.automation.schedule._chance = lambda below: below / 100
    garden.water("0 * * * *", jitter=1)
    garden.automation.start()
    garden.clock.advance(HOUR)
    garden.automation.schedule.tick()

    assert garden.ends.get(timeout=PATIENCE).trigger == "schedule"


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        ((), {}), (("* * *",), {}), (("* * * * *",), {"every": 5}), ((), {"every": 0}), ((), {"every": "often"}),
        (("* * * * *",), {"missed": "never"}), (("* * * * *",), {"timezone": "Mars/Olympus"}),
        (("* * * * *",), {"timezone": UTC}), ((30,), {}),
    ],
)  # fmt: skip
def test_a_schedule_that_cannot_be_is_refused_at_set_up(garden: Garden, rule: tuple, options: dict):
    with pytest.raises(SetupError):
        garden.water(*rule, **options)


def test_a_decorator_without_rule_says_what_is_missing(garden: Garden):
    with pytest.raises(SetupError, match="needs one of"):

        @garden.automation.schedule
        def water():
            return None


def test_a_registration_after_the_start_is_refused(garden: Garden):
    garden.automation.freeze()

    with pytest.raises(Frozen):
        garden.automation.schedule(every=5)(lambda: None)


@pytest.mark.row("M7")
def test_the_list_shows_the_zone_and_the_next_times(garden: Garden):
    garden.water("0 12 * * *", timezone="Europe/Berlin")

    (info,) = garden.automation.schedule.schedules
    assert info.timezone == "Europe/Berlin"
    assert info.times[:2] == (NOON + timedelta(hours=22), NOON + timedelta(hours=46))
    assert (info.missed, info.window, info.words) == ("once", HOUR, "daily at 12:00")
