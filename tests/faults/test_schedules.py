"""Two hundred schedules over simulated hours, with everything that happens to clocks: each time fires exactly once."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from atilite.automation.engine import Automation
from atilite.automation.schedules import Schedule
from atilite.store.database import Database
from atilite.testing.clock import FakeClock
from tests.faults.program import Program, until
from tests.require import require

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)
HOUR = 3600.0

# (minutes, hours, zone): hours are all, or some at which no clock is ever set.
Line = tuple[tuple[int, ...], tuple[int, ...] | None, str]


def lines() -> list[Line]:
    """Two hundred of them, no two alike."""
    made: list[Line] = [((minute,), None, zone) for minute in range(60) for zone in ("Europe/Berlin", "UTC")]
    made += [(tuple(range(start, 60, step)), None, "Europe/Berlin") for step in (5, 7, 11) for start in range(5)]
    made += [((7 * number % 60,), (number % 24,), "UTC") for number in range(40)]
    made += [((minute,), (hour,), "Europe/Berlin") for minute in (0, 13, 30, 45, 59) for hour in (0, 1, 4, 5, 23)]
    return made


LINES = lines()


def cron(line: Line) -> str:
    minutes, hours, _ = line
    return f"{','.join(map(str, minutes))} {'*' if hours is None else ','.join(map(str, hours))} * * *"


def due(line: Line, start: datetime, end: datetime) -> set[datetime]:
    """When a line is due after `start` and up to `end`, by looking at every minute's wall clock."""
    minutes, hours, zone = line
    found, moment = set(), start.replace(second=0, microsecond=0) + MINUTE
    while moment <= end:
        wall = moment.astimezone(ZoneInfo(zone))
        if wall.minute in minutes and (hours is None or wall.hour in hours):
            found.add(moment)
        moment += MINUTE
    return found


class Garden:
    """All these schedules on a clock of the test's. Instead of running they count."""

    def __init__(self, folder: Path, start: datetime) -> None:
        self.clock = FakeClock(start.timestamp())
        self.start = self.latest = start
        self.fired: collections.Counter[str] = collections.Counter()
        self.database = Database.open(f"sqlite:///{folder}/data.db", clock=self.clock)
        self.automation = Automation("garden", lambda: self.database, clock=self.clock, zone=BERLIN)
        for line in LINES:
            self._add(line)
        self.ids = self.automation.schedule.ids
        self.automation.schedule._run = self._count  # type: ignore[method-assign]
        self.automation.schedule.tick()

    def _add(self, line: Line) -> None:
        @self.automation.schedule(cron(line), timezone=line[2], missed="all", window="24h")
        def water() -> None: ...

    def _count(self, schedule: Schedule, trigger: str) -> None:
        self.fired[schedule.id] += 1

    def tick(self) -> None:
        self.latest = max(self.latest, self.clock.now())
        self.automation.schedule.tick()

    def live(self, hours: float, step: float = 60.0) -> None:
        """Let time pass, looking at the clock as often as the timer does at least."""
        for _ in range(int(hours * HOUR / step)):
            self.clock.advance(step)
            self.tick()

    def wrong(self) -> dict[str, tuple[str, int, int]]:
        """The schedules that did not fire exactly as often as they were due."""
        found = {}
        for id, line in zip(self.ids, LINES, strict=True):
            expected = len(due(line, self.start, self.latest))
            if self.fired[id] != expected:
                found[id] = (cron(line), self.fired[id], expected)
        return found

    def close(self) -> None:
        self.automation.stop(1)
        self.database.close()


@pytest.fixture
def garden(tmp_path: Path) -> Iterator[Callable[[str], Garden]]:
    made: list[Garden] = []

    def plant(start: str) -> Garden:
        made.append(Garden(tmp_path, datetime.fromisoformat(start).replace(tzinfo=UTC)))
        return made[0]

    yield plant
    for one in made:
        one.close()


@pytest.mark.row("reliability-3", "B32")
@pytest.mark.parametrize(
    "start",
    ["2024-03-31T00:00:30", "2024-10-27T00:00:30", "2024-02-29T22:30:00", "2038-01-19T02:30:00", "2027-12-31T22:45:00"],
    ids=["summer time", "winter time", "leap day", "2038", "new year"],
)
def test_each_time_fires_exactly_once_and_none_early(garden: Callable[[str], Garden], start: str) -> None:
    planted = garden(start)
    planted.live(0.8)
    assert planted.wrong() == {}
    planted.live(0.7)
    assert planted.wrong() == {}
    assert sum(planted.fired.values()) > 200


@pytest.mark.row("reliability-3")
def test_a_clock_that_is_set_makes_no_time_fire_twice_and_loses_none(garden: Callable[[str], Garden]) -> None:
    planted = garden("2024-05-01T09:10:20")
    planted.live(0.5)
    planted.clock.set(planted.clock.time() + HOUR)  # an hour ahead
    planted.tick()
    assert planted.wrong() == {}
    planted.live(0.3)
    planted.clock.set(planted.clock.time() - HOUR)  # and back: the hour is lived again
    before = planted.fired.copy()
    planted.live(0.9)
    assert planted.fired == before
    planted.live(0.5)
    assert planted.wrong() == {}
    for jump in (-1, +1, -30, +45, -0.5, +300):
        planted.clock.set(planted.clock.time() + jump)
        planted.live(0.05, step=20)
    planted.live(0.2)
    assert planted.wrong() == {}


@pytest.mark.row("reliability-3")
def test_a_machine_that_slept_and_a_tick_that_came_late_lose_nothing(garden: Callable[[str], Garden]) -> None:
    planted = garden("2024-10-27T00:30:00")
    for pause in (10, 300, 0.2, 3 * HOUR, 59.9, 61, 1, 1, HOUR):
        planted.clock.advance(pause)
        planted.tick()
        planted.tick()
        assert planted.wrong() == {}


@pytest.mark.row("reliability-3")
def test_a_clock_that_was_years_ahead_does_not_silence_anything(garden: Callable[[str], Garden]) -> None:
    planted = garden("2024-05-01T09:10:20")
    right = planted.clock.time()
    planted.clock.set(right + 10 * 365 * 86400)  # a board without a battery, before NTP has been heard
    planted.tick()
    planted.fired.clear()
    planted.clock.set(right)
    planted.tick()
    planted.start = planted.latest = planted.clock.now()
    planted.live(0.6)
    assert planted.wrong() == {}


SCRIPT = """
    import atilite
    from atilite import Atilite

    app = Atilite(__name__)

    @app.schedule("*/5 * 3 19 1 *", timezone="UTC")
    @app.action(name="fifth second")
    def fifth_second():
        pass

    @app.schedule(every=1)
    @app.action(name="second")
    def second():
        pass

    @app.action(name="sleepy")
    def sleepy(was):
        yield was.Sleep(2.5)

    atilite.mount("/", app)
    atilite.run(name="later")
"""


@pytest.mark.row("reliability-3")
def test_a_real_program_lives_through_the_end_of_thirty_two_bits(serve: Callable[..., Program]) -> None:
    library = next((str(path) for path in Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), "")
    require(library, "faketime is not installed")
    # 2^31 seconds after 1970 are over at 03:14:08.
    program = serve(SCRIPT).start(LD_PRELOAD=library, FAKETIME="@2038-01-19 03:14:05", TZ="UTC")
    ended = program.ended(program.begin("sleepy"))
    assert ended["started_at"].startswith("2038-01-19")
    assert 2 < ended["duration"] < 60

    def after(operation: str) -> list[str]:
        runs = program.json(f"/internal/journals/?operation={quote(operation)}&limit=100&status=succeeded")
        return [run["started_at"] for run in runs if run["started_at"] > "2038-01-19T03:14:08"]

    until(lambda: after("fifth second") and len(after("second")) >= 3)
    assert program.ask("GET", "/console/", Accept="text/html")[0] == 200
    assert program.ask("GET", "/console/schedules", Accept="text/html")[0] == 200
