"""Loggers: which rows are written when, into which files; and what is refused."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from atilite.clock import Clock
from atilite.flow.building import build
from atilite.flow.house import House
from atilite.flow.library import standard
from atilite.flow.logfiles import LogFile, make_folder
from atilite.flow.logs import Row, loggers
from atilite.flow.running import Running
from atilite.flow.syntax import parse
from atilite.flow.turns import Turns

SCRIPT = """
house logged
init .n with 0
init .place with north 1.0 east 2.5
init .name with "buoy"
init .flag with true
framer m be active first a
frame a
 recur
 inc .n with 1
 go b if elapsed >= 0.5
frame b
 put north 7.0 east 8.5 into .place
 put false into .flag
 go c if elapsed >= 0.25
frame c
 put "new buoy" into .name
 put false into .flag
 go d if elapsed >= 0.25
frame d
 bid stop all
"""
RULES = """
logger all
log always on always
loggee .n .place .name as label
log update on update
loggee .place .flag
log change on change
loggee .flag .name
log once on once
loggee .place
log never on never
loggee .place
log fields on always
loggee north in .place as north
"""
# What the original writes for it.
WRITTEN = {
    "always": """text Always always
_time n place.north place.east label
0.0 1 1.0 2.5 buoy
0.125 2 1.0 2.5 buoy
0.25 3 1.0 2.5 buoy
0.375 4 1.0 2.5 buoy
0.5 4 7.0 8.5 buoy
0.625 4 7.0 8.5 buoy
0.75 4 7.0 8.5 new_buoy
0.875 4 7.0 8.5 new_buoy
1.0 4 7.0 8.5 new_buoy""",
    "update": """text Update update
_time place.north place.east flag
0.0 1.0 2.5 True
0.5 7.0 8.5 False
0.75 7.0 8.5 False""",
    "change": """text Change change
_time flag name
0.0 True buoy
0.5 False buoy
0.75 False new_buoy""",
    "once": """text Once once
_time place.north place.east
0.0 1.0 2.5""",
    "never": """text Never never
_time place.north place.east""",
    "fields": """text Always fields
_time north
0.0 1.0
0.125 1.0
0.25 1.0
0.375 1.0
0.5 7.0
0.625 7.0
0.75 7.0
0.875 7.0
1.0 7.0""",
}


class StillClock(Clock):
    """A clock that stands."""

    def now(self) -> datetime:
        return datetime(2026, 3, 4, 5, 6, 7, 89_000, tzinfo=UTC)


class Played:
    """A plan with loggers that has been played to its end."""

    def __init__(self, script: str, folder: Path | None, rows: Any = None, *, turns: int = 400) -> None:
        plan, problems = parse(script, "plan.flo")
        assert problems == []
        house, problems = build(
            next(iter(plan.houses.values())), standard(), logger=loggers(folder, rows, StillClock())
        )
        assert [str(problem) for problem in problems] == []
        self.house: House = house
        self.told: list[tuple[str, str, dict[str, Any]]] = []
        house.listen(lambda event, framer, facts: self.told.append((event, framer, facts)))
        self.turns = Turns([house])
        self.go_on(turns)

    def go_on(self, turns: int = 400) -> None:
        for _ in range(turns):
            if not self.turns.turn():
                return

    @property
    def faults(self) -> list[tuple[str, dict[str, Any]]]:
        return [(framer, facts) for event, framer, facts in self.told if event == "fault"]


def lines(folder: Path, name: str) -> list[str]:
    (path,) = folder.glob(f"**/{name}.txt")
    return path.read_text().splitlines()


def problems_of(script: str) -> list[str]:
    plan, problems = parse(script, "plan.flo")
    for decl in plan.houses.values():
        problems += build(decl, standard())[1]
    return [str(problem) for problem in problems]


@pytest.mark.row("I40")
@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_each_rule_writes_the_rows_of_the_original(name: str, tmp_path: Path) -> None:
    Played(SCRIPT + RULES, tmp_path)
    expected = [line.replace(" ", "\t").replace("_buoy", " buoy") for line in WRITTEN[name].splitlines()]
    assert lines(tmp_path, name) == expected


@pytest.mark.row("I40")
def test_a_logger_has_a_folder_of_the_moment_below_its_house(tmp_path: Path) -> None:
    Played(f"{SCRIPT}logger fast to states/quick\nlog n on always\nloggee .n\n", tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("**/*.txt")] == [
        "states/quick/logged/fast_20260304_050607_089/n.txt"
    ]


def test_two_loggers_of_one_moment_have_folders_of_their_own(tmp_path: Path) -> None:
    now = StillClock().now()
    assert len({make_folder(tmp_path, "fast", now, reuse=False) for _ in range(3)}) == 3
    assert len({make_folder(tmp_path, "fast", now, reuse=True) for _ in range(3)}) == 1


@pytest.mark.row("I40")
def test_a_logger_with_a_period_writes_when_it_is_due(tmp_path: Path) -> None:
    Played(f"{SCRIPT}logger slow at 0.5\nlog n to counted on always\nloggee .n\n", tmp_path)
    assert lines(tmp_path, "counted") == ["text\tAlways\tcounted", "_time\tn", "0.0\t1", "0.5\t4", "1.0\t4"]


@pytest.mark.row("I27", "I40")
def test_a_logger_is_started_and_stopped_by_bids(tmp_path: Path) -> None:
    script = (
        "house h\ninit .n with 0\nframer m be active\nframe a\n go b if elapsed >= 0.25\nframe b\n bid start lg\n"
        " go c if elapsed >= 0.25\nframe c\n bid stop lg\n go d if elapsed >= 0.25\nframe d\n bid start lg\n"
        " go e if elapsed >= 0.25\nframe e\n bid stop all\nlogger lg be inactive\nlog n on always\nloggee .n\n"
    )
    Played(script, tmp_path)
    stamps = [line.split("\t")[0] for line in lines(tmp_path, "n")[2:]]
    assert stamps == ["0.25", "0.375", "0.5", "0.75", "0.875", "1.0"]


@pytest.mark.row("I40")
def test_with_reuse_a_second_run_goes_on_below_one_header(tmp_path: Path) -> None:
    script = f"{SCRIPT}logger lg reuse\nlog n on once\nloggee .n\n"
    Played(script, tmp_path)
    Played(script, tmp_path)
    assert lines(tmp_path, "n") == ["text\tOnce\tn", "_time\tn", "0.0\t1", "0.0\t1"]
    Played(script.replace("loggee .n", "loggee .n .flag"), tmp_path)
    assert lines(tmp_path, "n")[4:] == ["text\tOnce\tn", "_time\tn\tflag", "0.0\t1\tTrue"]


@pytest.mark.row("I40")
def test_old_files_are_kept_in_so_many_copies(tmp_path: Path) -> None:
    Played(f"{SCRIPT}logger lg keep 2 cycle 0.25 flush 1\nlog n on always\nloggee .n\n", tmp_path)
    stamps = {
        path.stem: [line.split("\t")[0] for line in path.read_text().splitlines()] for path in tmp_path.glob("**/*.txt")
    }
    assert stamps == {
        "n": ["text", "_time"],
        "n01": ["text", "_time", "0.875", "1.0"],
        "n02": ["text", "_time", "0.625", "0.75"],
    }


@pytest.mark.row("I40")
def test_a_small_file_is_not_cycled_yet(tmp_path: Path) -> None:
    Played(f"{SCRIPT}logger lg keep 2 cycle 0.25 size 60\nlog n on always\nloggee .n\n", tmp_path)
    assert [len(lines(tmp_path, name)) for name in ("n", "n01")] == [4, 9]


def test_what_was_written_is_flushed_after_a_while(tmp_path: Path) -> None:
    played = Played(
        f"{SCRIPT}logger lg flush 1\nlog n on always\nloggee .n\n".replace("bid stop all", ""), tmp_path, turns=8
    )
    assert lines(tmp_path, "n") == []
    played.go_on(1)
    assert len(lines(tmp_path, "n")) == 11


@pytest.mark.row("I40")
def test_rows_are_handed_on_with_or_without_a_file(tmp_path: Path) -> None:
    rows: list[Row] = []
    Played(SCRIPT + RULES, None, rows.append)
    assert [row for row in rows if row.log == "change"] == [
        Row("logged", "all", "change", 0.0, {"flag": True, "name": "buoy"}),
        Row("logged", "all", "change", 0.5, {"flag": False, "name": "buoy"}),
        Row("logged", "all", "change", 0.75, {"flag": False, "name": "new buoy"}),
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.row("I35", "I40")
def test_what_a_framer_does_can_be_logged(tmp_path: Path) -> None:
    Played(f"{SCRIPT}logger lg\nlog m on update\nloggee framer.m.state.active framer.m.state.human\n", tmp_path)
    assert [line.split("\t")[:2] for line in lines(tmp_path, "m")[2:]] == [
        ["0.0", "a"], ["0.5", "b"], ["0.75", "c"], ["1.0", "d"],
    ]  # fmt: skip


def test_a_text_stays_in_its_cell(tmp_path: Path) -> None:
    rows: list[Row] = []
    script = (
        'house h\ninit .text with "a\tb"\nframer m be active\nframe a\n timeout 0.125\nframe b\n bid stop all\n'
        "logger l\nlog x on once\nloggee .text\n"
    )
    Played(script, tmp_path, rows.append)
    assert lines(tmp_path, "x")[2:] == ["0.0\ta\\tb"]
    assert rows[0].values == {"text": "a\tb"}


@pytest.mark.row("I40", "I43")
@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("logger l to /etc/../up\nlog x on once\nloggee .n", "2: logger: the folder /etc/../up leads out of the"),
        ("logger l to ../up\nlog x on once\nloggee .n", "2: logger: the folder ../up leads out"),
        ("logger l\nlog x to ../../passwd on once\nloggee .n", "3: log: the file ../../passwd leads out"),
        ("logger l\nlog x on once\nloggee .n.a", "3: .n is a share, so nothing can be below it"),
        ("logger l\nlog x on once\nloggee framer.me.state.active", "3: log: framer.me.state.active says me"),
        ("logger l\nlog x on once\nloggee .n\nlog y to x on once\nloggee .n", "5: log: y would write into the file"),
        ("logger l keep 1 cycle 1\nlog x on once\nloggee .n\nlog x01 on once\nloggee .n", "5: log: x01 would"),
    ],
)  # fmt: skip
def test_what_a_logger_cannot_do_is_told_before_it_runs(said: str, reason: str) -> None:
    (problem,) = problems_of(f"house h\n{said}\ninit .n with 0\nframer m be active\nframe a\n bid stop all\n")
    assert problem.startswith(f"plan.flo:{reason}")


@pytest.mark.row("I40", "I43")
@pytest.mark.parametrize("rule", ["streak", "deck", "sometimes"])
def test_a_rule_that_is_not_offered_is_told_with_those_that_are(rule: str) -> None:
    _, problems = parse(f"house h\nlogger l\nlog x on {rule}\nloggee .n\n", "plan.flo")
    assert [str(problem) for problem in problems] == [
        "plan.flo:3: log: the rule of a log is one of never, once, always, update, change, not "
        f"{rule}: log x on {rule}"
    ]


@pytest.mark.row("I40")
@pytest.mark.parametrize("said", ["/tmp/log/ioflo/", "~/tmp/log/ioflo", '"//tmp/log/ioflo"'])
def test_a_folder_from_the_root_or_at_home_is_taken_below_the_folder_of_the_logs(tmp_path: Path, said: str) -> None:
    Played(SCRIPT + f"logger l to {said} reuse\nlog x on once\nloggee .n\n", tmp_path)
    assert (tmp_path / "tmp" / "log" / "ioflo" / "logged" / "l" / "x.txt").exists()


@pytest.mark.row("I40")
def test_a_share_that_nothing_in_the_plan_has_is_an_empty_column_until_somebody_sets_it(tmp_path: Path) -> None:
    script = SCRIPT + "logger l\nlog x on change\nloggee .n .outside\n"
    Played(script, tmp_path)
    assert lines(tmp_path, "x")[1:3] == ["_time\tn\toutside", "0.0\t1\t"]


@pytest.mark.row("I40", "I43")
def test_a_folder_that_cannot_be_made_is_the_fault_of_the_logger_and_the_framers_go_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    played = Played(SCRIPT + RULES, tmp_path / "file")
    ((who, facts),) = played.faults
    assert (who, facts["frame"], facts["line"]) == ("all", "", 23)
    assert "NotADirectoryError" in facts["error"] or "FileExistsError" in facts["error"]
    assert [move.new[-1] for move in played.house.history] == ["b", "c", "d"]
    logger: Any = played.house.loggers["all"]
    assert (logger.status, logger.fault) == ("stopped", facts["error"])


@pytest.mark.row("I40", "I43")
def test_a_disk_that_fails_on_the_way_stops_the_logger_until_it_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = Played(f"{SCRIPT}logger lg\nlog n on always\nloggee .n\n", tmp_path, turns=2)

    def full(self: LogFile, text: str) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(LogFile, "write", full)
        played.go_on(2)
    assert [facts["error"] for _, facts in played.faults] == ["OSError: [Errno 28] No space left on device"]
    played.house.loggers["lg"].desire = "start"
    played.go_on()
    assert [line.split("\t")[0] for line in lines(tmp_path, "n")[2:]] == [
        "0.0", "0.125", "0.5", "0.625", "0.75", "0.875", "1.0",
    ]  # fmt: skip


@pytest.mark.row("I40")
def test_files_are_closed_when_the_plan_is_ended(tmp_path: Path) -> None:
    plan, _ = parse(f"{SCRIPT}logger lg\nlog n on always\nloggee .n\n".replace("bid stop all", ""), "plan.flo")
    running = Running(plan, standard(), logger=loggers(tmp_path))
    running.run(until=0.25)
    running.end()
    assert len(lines(tmp_path, "n")) == 6
    shutil.rmtree(tmp_path / "logged")


def test_an_aborted_logger_stays_so(tmp_path: Path) -> None:
    script = f"{SCRIPT}logger lg\nlog n on always\nloggee .n\n".replace(
        "put false into .flag\n go c", "bid abort lg\n go c"
    )
    script = script.replace('put "new buoy" into .name', "bid start lg")
    played = Played(script, tmp_path)
    assert [line.split("\t")[0] for line in lines(tmp_path, "n")[2:]] == ["0.0", "0.125", "0.25", "0.375"]
    assert played.house.loggers["lg"].status == "aborted"
