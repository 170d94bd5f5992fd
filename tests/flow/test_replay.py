"""A run is recorded, and made once more from its recording."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from atilite.errors import FlowError
from atilite.flow.behaviors import Behaviors
from atilite.flow.events import Telling
from atilite.flow.replay import Recorder, Recording, read_recording, replay
from atilite.flow.running import Running, Wish
from atilite.flow.syntax import parse

SCRIPT = """
house h
init .heat with 20
framer m be active first cold
  frame cold
    go hot if .heat > 50
  frame hot
    print "hot"
    go cold if .heat < 40
    exit
      print "left hot"
framer helper be inactive first help
  frame help
    timeout 0.5
  frame helped
    print "helped"
"""


def running(script: str = SCRIPT, recording: Recording | None = None) -> Running:
    plan, problems = parse(script, "plan.flo")
    assert problems == []
    if recording is None:
        return Running(plan, Behaviors())
    return Running(plan, Behaviors(), period=recording.period, wishes=recording.wishes)


def history(plan: Running) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    plan.after_turn(Telling(list(plan.houses.values()), told.append, watch=[".heat"]).turned)
    return told


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[Path, list[dict[str, Any]]]:
    """A run that was asked for this and that, its file and what happened."""
    plan = running()
    told = history(plan)
    recorder = Recorder(tmp_path / "run.jsonl", plan, seed=7)
    for turn in range(12):
        if turn == 3:
            plan.write("h", ".heat", {"value": 60.5})
            plan.bid("h", "helper", "start")
        if turn == 5:
            plan._skip(8)  # what real time does when a turn was long
        if turn == 9:
            plan.write("h", ".heat", {"value": 30})
        plan.turn()
    plan.write("h", ".heat", {"value": 70})
    plan.turn()
    plan.stop()
    plan.end()
    recorder.close()
    return tmp_path / "run.jsonl", told


@pytest.mark.row("I49")
def test_the_same_plan_with_the_same_inputs_makes_the_same_history(
    recorded: tuple[Path, list[dict[str, Any]]],
) -> None:
    file, told = recorded
    recording = read_recording(file)
    again = running(recording=recording)
    retold = history(again)

    assert replay(again, recording) == ""

    assert retold == told
    assert {"t": 2.5, "event": "print", "framer": "m", "text": "left hot"} in told  # the end is replayed, too


@pytest.mark.row("I49")
def test_two_runs_on_the_simulated_clock_are_the_same() -> None:
    histories = []
    for _ in range(2):
        plan = running()
        histories.append(history(plan))
        plan.run(until=3.0)

    assert histories[0] == histories[1]
    assert len(histories[0]) > 20


@pytest.mark.row("I49")
@pytest.mark.parametrize("ending", ["by a bid", "from outside"])
def test_a_run_that_ended_and_began_again_is_replayed_to_its_last_end(tmp_path: Path, ending: str) -> None:
    plan = running()
    told = history(plan)
    recorder = Recorder(tmp_path / "run.jsonl", plan, seed=7)
    if ending == "by a bid":
        plan.bid("h", "m", "stop")
    plan.run(until=0.5)
    plan.end()
    plan.bid("h", "m", "start")
    plan.write("h", ".heat", {"value": 60.5})
    plan.run(until=1.5)
    recorder.close()

    recording = read_recording(tmp_path / "run.jsonl")
    again = running(recording=recording)
    retold = history(again)
    assert replay(again, recording) == ""
    assert [one for one in told if one["event"] == "print"] == [one for one in retold if one["event"] == "print"] != []
    assert again.snapshot("h") == plan.snapshot("h")


def test_a_recording_says_what_it_is_of(recorded: tuple[Path, list[dict[str, Any]]]) -> None:
    recording = read_recording(recorded[0])

    assert (recording.period, recording.seed, recording.turns, recording.stopped) == (0.125, 7, 13, True)
    assert recording.wishes[:3] == [
        Wish(3, "write", "h", ".heat", {"value": 60.5}), Wish(3, "bid", "h", "helper", "start"),
        Wish(5, "skip", "", "", 8),
    ]  # fmt: skip
    assert recording.changes(parse(SCRIPT, "elsewhere/plan.flo")[0]) == []
    assert recording.changes(parse(SCRIPT + "\n# more", "plan.flo")[0]) == ["plan.flo"]


def test_the_first_difference_of_a_changed_plan_is_told(recorded: tuple[Path, list[dict[str, Any]]]) -> None:
    recording = read_recording(recorded[0])
    later = running(SCRIPT.replace("timeout 0.5", "timeout 1.5"), recording)

    assert replay(later, recording) == (
        "the history differs in turn 5: it was helper help -> helped (timeout 0.5), "
        "and is helper help -> helped (timeout 1.5) in turn 7"
    )


def test_a_plan_that_makes_fewer_transitions_differs(recorded: tuple[Path, list[dict[str, Any]]]) -> None:
    recording = read_recording(recorded[0])
    never = running(SCRIPT.replace("go hot if .heat > 50", "go hot if .heat > 65"), recording)

    assert "differs in turn 3" in replay(never, recording)


def test_a_run_that_was_cut_off_is_replayed_up_to_there(recorded: tuple[Path, list[dict[str, Any]]]) -> None:
    lines = recorded[0].read_text().splitlines()
    recorded[0].write_text("\n".join([*lines[:-1], lines[-1][:9]]))

    recording = read_recording(recorded[0])

    assert recording.turns == 13
    assert replay(running(recording=recording), recording) == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("[]\n{}", ":1: this is no line of a recording"),
        ('{"format": 2}\n{}', ":1: .*format is 2, and 1 was expected"),
        (json.dumps({"format": 1, "period": 0.1, "seed": 1, "files": {}}) + '\n{"wish": {}}\n{"end": 1}', ":2: "),
    ],
)
def test_what_is_no_recording_is_refused_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "bad.jsonl").write_text(text)

    with pytest.raises(FlowError, match=told):
        read_recording(tmp_path / "bad.jsonl")


def test_a_recording_that_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match=r"cannot be read: No such file"):
        read_recording(tmp_path / "none.jsonl")
    with pytest.raises(FlowError, match=r"cannot be written: No such file"):
        Recorder(tmp_path / "nowhere" / "run.jsonl", running())


def test_a_full_disk_ends_the_recording_and_not_the_plan(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no full disk here")
    plan = running()
    with pytest.raises(FlowError, match="cannot be written: No space left"):
        Recorder(full, plan)
    recorder = Recorder(tmp_path / "run.jsonl", plan)
    recorder._out.close()
    recorder._out = full.open("wb", buffering=0)

    plan.write("h", ".heat", {"value": 60})
    plan.run(until=1.0)

    assert plan.turns.count == 9
    with pytest.raises(FlowError, match="not complete: No space left"):
        recorder.close()
