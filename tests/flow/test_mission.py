"""The mission of the manual: three framers steer a simulated vehicle around a square."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from atilite.flow.library import standard
from atilite.flow.logs import loggers
from atilite.flow.running import Running
from atilite.flow.syntax import parse
from tests.flow.playing import Played, play

PLAN = Path(__file__).parents[2] / "services" / "mission.flo"
# As told for the mission: seconds, headings and depths wanted and had, speed, metres north and east.
TOLD = """
0.000 0 0.0000 5 0.0000 0.0000 0.0000 0.0000
0.125 0 0.0000 5 0.0000 0.0000 0.0125 0.0000
0.250 0 0.0000 5 0.0000 2.2000 0.2876 0.0000
1.000 0 0.0000 5 0.0341 2.2000 1.9382 0.0000
5.000 0 0.0000 5 0.9651 2.2000 10.7891 0.0000
10.000 0 0.0000 5 2.3683 2.2000 21.8782 0.0000
20.000 90 0.0000 5 4.8172 2.2000 44.0221 0.0000
20.125 90 1.0000 5 4.8277 2.2000 44.2973 0.0024
21.000 90 8.0000 5 4.8851 2.2000 46.2161 0.1534
25.000 90 40.0000 5 4.9636 2.2000 54.1518 3.6865
30.000 90 80.0000 5 4.9759 2.2000 59.5408 13.0206
40.000 180 90.0000 5 4.9982 2.2000 59.8714 35.0051
41.000 180 98.0000 5 4.9990 2.2000 59.7180 37.1980
50.000 180 170.0000 5 5.0003 2.2000 46.8509 50.5223
60.000 270 180.0000 5 5.0001 2.2000 24.8665 50.8528
70.000 270 260.0000 5 4.9999 2.2000 9.3493 37.8324
80.000 270 270.0000 5 4.9997 2.2000 9.0188 15.8479
80.125 270 270.0000 5 4.9997 2.2000 9.0188 15.8479
"""
# The order of the shares in it.
SHARES = (".goal.heading", ".state.heading", ".goal.depth", ".state.depth", ".state.speed", ".state.position")


def newer(script: str) -> str:
    """The script in the newer dialect, where a goal is named by its path."""
    script = re.sub(r"set (heading|depth|speed) to", r"set goal.\1 with", script)
    return script.replace("set elapsed to", "set elapsed with")


@pytest.fixture(scope="module", params=["as it stands", "in the newer dialect"])
def mission(request: pytest.FixtureRequest) -> Played:
    script = PLAN.read_text()
    return play(script if request.param == "as it stands" else newer(script), standard())


@pytest.mark.row("I15", "I17", "I27", "I38")
def test_the_mission_sails_its_four_legs_and_stops(mission: Played) -> None:
    assert mission.moves("mission") == [
        (20.0, "eastleg"),
        (40.0, "southleg"),
        (60.0, "westleg"),
        (80.0, "mission_stop"),
    ]
    assert [(at, framer) for at, framer, _ in mission.of("stop")] == [
        (80.0, "autopilot"), (80.125, "vehiclesim"), (80.125, "mission"),
    ]  # fmt: skip
    assert len(mission.turns) == 642


@pytest.mark.row("I38", "I39")
@pytest.mark.parametrize("told", TOLD.strip().splitlines(), ids=lambda line: line.split()[0])
def test_the_vehicle_is_steered_as_the_original_steers_it(mission: Played, told: str) -> None:
    stamp, *values = (float(word) for word in told.split())
    shares = next(turn.shares for turn in mission.turns if turn.stamp == stamp)
    *plain, position = (shares[path] for path in SHARES)
    assert [*plain, position["north"], position["east"]] == pytest.approx(values, abs=1e-4)


LOGGER = """
logger trial keep 2 cycle 20.0 size 100 reuse
  log status on update
    loggee .state.position .state.heading .state.depth .state.speed
"""
# The first and last rows of its copies, as the original writes them in the newer dialect.
LOGGED = {
    "status02": (
        "40.125 59.86896864842195 35.28008101296661 90.99997405882732 4.998277589761133 2.2",
        "60.0 24.866490011368395 50.85280085225872 179.99997405871514 5.000132100451491 2.2",
    ),
    "status01": (
        "60.125 24.591500481426667 50.85040117950104 180.99997405871514 5.000129470542642 2.2",
        "80.0 9.018780910748495 15.847922590609125 269.99997405871517 4.999711310896263 2.2",
    ),
}


@pytest.mark.row("I38", "I40")
def test_the_log_of_the_mission_is_that_of_the_original_to_the_last_digits(tmp_path: Path) -> None:
    plan, problems = parse(PLAN.read_text().replace("bid stop me", "bid stop all") + LOGGER, "mission.flo")
    assert problems == []
    running = Running(plan, standard(), logger=loggers(tmp_path))
    running.run()
    files = {path.stem: path.read_text().splitlines() for path in tmp_path.glob("box1/trial/*.txt")}
    assert {name: len(lines) for name, lines in files.items()} == {"status": 2, "status01": 162, "status02": 162}
    for name, rows in LOGGED.items():
        assert files[name][1] == "_time\tposition.north\tposition.east\theading\tdepth\tspeed"
        for line, expected in zip((files[name][2], files[name][-1]), rows, strict=True):
            found = [float(cell) for cell in line.split("\t")]
            assert found == pytest.approx([float(cell) for cell in expected.split()], rel=1e-13)
