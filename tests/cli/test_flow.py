"""`flow check`, `run`, `test` and `show` as somebody types them: processes of their own, and what they print."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from atilite.cli.main import main

WAIT = 30.0  # seconds; only to tell what hangs from what is slow

MISSION = """\
house box1
init .n with 0
framer mission be active first northleg
  frame northleg
    print "to the north"
    recur
      inc .n with 1
    go next if elapsed >= 0.5
  frame mission_stop
    bid stop me
    exit
      print "the end"
"""
ENDLESS = """\
house box1
framer mission be active first low
  frame high
    exit
      print "left high"
    frame low in high
      exit
        print "left low"
"""
BAD = """\
house box1
framer mission be active first nothleg
  frame northleg
    inc .n with 1
    go soutleg
    prnt "x"
    go next if elapsed >
"""
BEHAVIORS = """\
from atilite.flow.behaviors import Gathered

gathered = Gathered()


@gathered.behavior(out=".fan.duty", gain=2.0)
def fan_control(out, gain):
    out.value = 21 * gain


@gathered.behavior
def broken(self):
    raise ValueError("no such fan")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"mission": MISSION, "endless": ENDLESS, "bad": BAD}.items():
        (tmp_path / f"{name}.flo").write_text(text)
    (tmp_path / "fans.py").write_text(BEHAVIORS)
    return tmp_path


def flow(folder: Path, *words: str, program: tuple[str, ...] = ("-m", "atilite")) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *program, "flow", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=WAIT, check=False)


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


# -- check ------------------------------------------------------------------------------------------------------------


@pytest.mark.row("I43", "I44")
def test_check_tells_every_error_with_its_file_and_line_and_exits_with_1(folder: Path) -> None:
    done = flow(folder, "check", "mission.flo", "bad.flo", "none.flo")

    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert lines[0] == "mission.flo: 1 house, 1 framer, 2 frames, no errors"
    assert [line.rpartition(":")[0].split(": ")[0] for line in lines[1:6]] == [f"bad.flo:{n}" for n in (2, 4, 5, 6, 7)]
    assert "did you mean northleg?" in lines[1]
    assert lines[6] == "none.flo:0: the script cannot be read: No such file or directory"
    assert done.stderr == ""


def test_check_of_a_plan_that_is_right_exits_with_0_even_if_something_is_odd(folder: Path) -> None:
    done = flow(folder, "check", "endless.flo")

    assert done.returncode == 0
    assert done.stdout == "endless.flo: 1 house, 1 framer, 2 frames, no errors\n"
    assert done.stderr.startswith("endless.flo:6: warning: frame low is never left")


# -- run --------------------------------------------------------------------------------------------------------------


@pytest.mark.row("I44", "I48")
def test_run_as_json_tells_each_event_and_the_end_last(folder: Path) -> None:
    done = flow(folder, "run", "mission.flo", "--json", "--watch", ".n")

    told = objects(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert told[:6] == [
        {"t": 0.0, "event": "benter", "framer": "mission", "frame": "northleg"},
        {"t": 0.0, "event": "start", "framer": "mission"},
        {"t": 0.0, "event": "enter", "framer": "mission", "frame": "northleg"},
        {"t": 0.0, "event": "print", "framer": "mission", "text": "to the north"},
        {"t": 0.0, "event": "recur", "framer": "mission", "frame": "northleg"},
        {"t": 0.0, "event": "share", "path": ".n", "value": 1},
    ]
    assert {
        "t": 0.5, "event": "transition", "framer": "mission", "from": ["northleg"], "to": ["mission_stop"],
        "by": "northleg", "cause": "go next if elapsed >= 0.5", "after": 0.5,
    } in told  # fmt: skip
    assert told[-1] == {"event": "end", "turns": 6, "t": 0.625, "failure": ""}


def test_run_tells_people_texts_and_transitions_and_with_trace_everything(folder: Path) -> None:
    plain, traced = (flow(folder, "run", "mission.flo", *more).stdout for more in ((), ("--trace",)))

    assert plain == (
        "     0.000  start       mission\n"
        "     0.000  print       mission  to the north\n"
        "     0.500  transition  mission  northleg -> mission_stop  (go next if elapsed >= 0.5, after 0.5 s)\n"
        "     0.625  stop        mission\n"
        "     0.625  print       mission  the end\n"
        "     0.625  end           6 turns\n"
    )
    assert "     0.125  recur       mission  northleg\n" in traced
    assert set(plain.splitlines()) < set(traced.splitlines())


def test_run_ends_with_the_last_turn_at_or_before_until(folder: Path) -> None:
    told = objects(flow(folder, "run", "endless.flo", "--json", "--until", "1", "--period", "0.3").stdout)

    assert told[-1] == {"event": "end", "turns": 4, "t": 0.9, "failure": ""}
    assert [one for one in told if one["event"] in ("stop", "exit")] == []


@pytest.mark.row("I30")
def test_run_in_real_time_makes_each_turn_at_its_time(folder: Path) -> None:
    begun = time.monotonic()
    told = objects(flow(folder, "run", "endless.flo", "--json", "--realtime", "--until", "1").stdout)

    assert time.monotonic() - begun >= 1.0
    # On a busy machine the turn at 1 s may be among those that are left out, and so may the one behind it.
    assert told[-1]["t"] >= 1.0
    assert 0.0 < max(one["t"] for one in told if one["event"] == "recur") <= 1.0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("period", ["0.02", "1000"])
def test_a_signal_ends_a_plan_in_real_time_with_all_exits(folder: Path, number: signal.Signals, period: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "atilite", "flow", "run", "endless.flo", "--json", "--realtime", "--period", period],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    while "recur" not in process.stdout.readline():  # each line is flushed, so that this is seen at once
        assert process.poll() is None

    process.send_signal(number)
    out, err = process.communicate(timeout=WAIT)

    told = objects(out)
    assert (process.returncode, err) == (0, "")
    assert [one["text"] for one in told if one["event"] == "print"] == ["left low", "left high"]
    assert told[-1]["event"] == "end"


def test_a_signal_ends_a_plan_on_the_simulated_clock_too(folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "atilite", "flow", "run", "endless.flo", "--trace"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()

    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=WAIT)

    assert (process.returncode, err) == (0, "")
    assert "left high" in out
    assert out.splitlines()[-1].split()[1] == "end"


@pytest.mark.parametrize("more", [(), ("--realtime", "--period", "0.001")])
def test_a_reader_who_has_had_enough_ends_a_plan_quietly(folder: Path, more: tuple[str, ...]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "atilite", "flow", "run", "endless.flo", "--json", *more],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()

    process.stdout.close()

    assert process.wait(WAIT) == 1
    assert process.stderr.read() == ""
    process.stderr.close()


def test_output_that_cannot_be_written_ends_a_plan_and_is_told(folder: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no full disk here")
    command = [sys.executable, "-m", "atilite", "flow", "run", "endless.flo", "--json"]

    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, timeout=WAIT, check=False
        )

    told = "atilite: the output cannot be written: No space left on device (make room, or send the output elsewhere)\n"
    assert (done.returncode, done.stderr) == (1, told)


def test_what_is_wrong_with_a_plan_is_told_before_anything_runs(folder: Path) -> None:
    done = flow(folder, "run", "bad.flo", "--json")

    assert (done.returncode, done.stdout) == (1, "")
    assert [line.split(": ")[0] for line in done.stderr.splitlines()] == [f"bad.flo:{n}" for n in (2, 4, 5, 6, 7)]


def test_a_share_that_nobody_has_cannot_be_watched(folder: Path) -> None:
    done = flow(folder, "run", "mission.flo", "--watch", ".m")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("atilite: there is no share .m to watch")
    assert done.stderr.count("\n") == 1


@pytest.mark.row("I1")
def test_a_plan_of_two_houses_tells_which_it_was(folder: Path) -> None:
    house = "house {0}\nframer m be active first a\n  frame a\n    bid stop all\n"
    (folder / "two.flo").write_text(house.format("one") + house.format("two"))

    told = objects(flow(folder, "run", "two.flo", "--json").stdout)

    assert [one.get("house") for one in told if one["event"] == "start"] == ["one", "two"]
    assert told[-1] == {"event": "end", "turns": 2, "t": 0.125, "failure": ""}


def test_the_behaviours_of_a_module_may_be_named(folder: Path) -> None:
    plan = "house h\nframer m be active first a\n  frame a\n    do fan control\n    bid stop me\n"
    (folder / "fans.flo").write_text(plan)

    done = flow(folder, "run", "fans.flo", "--json", "--behaviors", "fans", "--watch", ".fan.duty")
    alone = flow(folder, "run", "fans.flo")

    assert {"t": 0.0, "event": "share", "path": ".fan.duty", "value": 42.0} in objects(done.stdout)
    assert alone.returncode == 1
    assert alone.stderr.startswith("fans.flo:4: there is no behaviour fan control")


def test_what_behaviours_print_does_not_stand_between_the_events(folder: Path) -> None:
    (folder / "loud.py").write_text(
        "import atilite\nprint('loaded')\n@atilite.flow.behavior\ndef shout():\n    print('acts')\n"
    )
    (folder / "loud.flo").write_text("house h\nframer m be active\n  frame a\n    do shout\n    bid stop me\n")

    done = flow(folder, "run", "loud.flo", "--json", "--behaviors", "loud")
    plain = flow(folder, "run", "loud.flo", "--behaviors", "loud")

    assert objects(done.stdout)[-1]["event"] == "end"
    assert done.stderr.splitlines() == ["loaded", "acts"]
    assert (plain.stdout.splitlines()[0], plain.stderr) == ("loaded", "")
    assert "acts" in plain.stdout.splitlines()


def test_a_behaviour_that_fails_is_told_and_makes_the_exit_code_1(folder: Path) -> None:
    plan = "house h\nframer m be active first a\n  frame a\n    do broken\n"
    (folder / "broken.flo").write_text(plan)

    done = flow(folder, "run", "broken.flo", "--json", "--behaviors", "fans")

    told = objects(done.stdout)
    failure = "framer m in frame a, line 4: ValueError: no such fan"
    assert done.returncode == 1
    assert {
        "t": 0.0, "event": "fault", "framer": "m", "frame": "a", "line": 4, "error": "ValueError: no such fan",
    } in told  # fmt: skip
    assert told[-1] == {"event": "end", "turns": 1, "t": 0.0, "failure": failure}


def test_texts_that_the_output_cannot_have_are_written_with_escapes(folder: Path) -> None:
    (folder / "odd.py").write_text(
        "from atilite.flow import behavior\n@behavior(out='.odd')\ndef odd(out):\n    out.value = '\\ud800'\n"
    )
    (folder / "odd.flo").write_text("house h\nframer m be active\n  frame a\n    do odd\n    bid stop me\n")
    words = ("run", "odd.flo", "--behaviors", "odd", "--watch", ".odd")

    told = objects(flow(folder, *words, "--json").stdout)

    assert [one["value"] for one in told if one["event"] == "share"] == ["\ud800"]
    assert ".odd = '\\ud800'" in flow(folder, *words).stdout


@pytest.mark.parametrize("words", [("wrong.py",), ("mission.flo", "--behaviors", "wrong")])
def test_python_that_raises_while_it_is_loaded_is_told_in_one_line(folder: Path, words: tuple[str, ...]) -> None:
    (folder / "wrong.py").write_text("found = {}\nfound['fan']\n")

    done = flow(folder, "check", *words)

    assert done.returncode == 2
    assert done.stderr.startswith(f"atilite: {' '.join(words[-2:])}: KeyError: 'fan' (correct ")
    assert done.stderr.endswith("wrong.py, line 2)\n")
    assert done.stderr.count("\n") == 1


def test_a_module_whose_behaviours_are_wrong_is_named(folder: Path) -> None:
    (folder / "later.py").write_text("from atilite.flow import behavior\n\n@behavior\nasync def later(): ...\n")

    done = flow(folder, "check", "mission.flo", "--behaviors", "later")

    assert done.returncode == 1
    assert done.stderr.startswith("atilite: --behaviors later: Later is async")


# -- record and replay ------------------------------------------------------------------------------------------------


@pytest.mark.row("I49")
def test_a_recorded_run_is_replayed_and_a_changed_plan_is_told(folder: Path) -> None:
    options = ("--json", "--period", "0.0625", "--realtime", "--until", "0.7")
    first = flow(folder, "run", "mission.flo", *options, "--record", "run.jsonl")
    again = flow(folder, "run", "mission.flo", "--json", "--replay", "run.jsonl")
    (folder / "mission.flo").write_text(MISSION.replace("0.5", "0.25"))
    other = flow(folder, "run", "mission.flo", "--json", "--replay", "run.jsonl")

    assert (first.returncode, again.returncode, again.stderr) == (0, 0, "")
    assert again.stdout == first.stdout
    assert other.returncode == 1
    changed, differs = other.stderr.splitlines()
    assert changed == "changed since this was recorded: mission.flo"
    assert differs.startswith("the history differs in turn ")


def test_a_replay_has_the_time_of_its_recording(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flow", "run", str(folder / "mission.flo"), "--replay", "x", "--realtime"]) == 2
    assert "--realtime and --until mean nothing there" in capsys.readouterr().err


# -- test and show ----------------------------------------------------------------------------------------------------


def test_plans_are_compared_with_what_the_files_beside_them_expect(folder: Path) -> None:
    (folder / "mission.flo.expect").write_text("at 0.25 mission in northleg\nends at 0.625\n")
    (folder / "endless.flo.expect").write_text("until 1\nends\n")

    one, both = flow(folder, "test", "mission.flo"), flow(folder, "test", "mission.flo", "endless.flo")

    assert (one.returncode, one.stdout) == (0, "mission.flo: 2 expectations met\n")
    assert (both.returncode, both.stdout) == (
        1, "mission.flo: 2 expectations met\nendless.flo.expect:2: expected ends, but it still runs at 1\n",
    )  # fmt: skip


def test_a_plan_is_shown_as_an_outline(folder: Path) -> None:
    done = flow(folder, "show", "mission.flo")

    assert (done.returncode, done.stdout) == (
        0,
        "house box1\n  framer mission, active\n    northleg *\n      -> mission_stop: go next if elapsed >= 0.5\n"
        "    mission_stop\n",
    )
    assert flow(folder, "show", "bad.flo").returncode == 1


# -- plans of Python --------------------------------------------------------------------------------------------------

TWO = """\
from atilite.flow import Plan, after, frame, go

one = Plan("one", period=0.25)
two = Plan("two")


@one.framer(active=True)
@two.framer(active=True)
class Tank:
    class filling(frame):
        transitions = [go("full", when=after(1))]

    class full(frame):
        enter = ["bid stop me"]
"""


def test_a_plan_of_python_is_named_by_its_file(folder: Path) -> None:
    (folder / "garden.py").write_text(TWO)
    (folder / "garden.py:one.expect").write_text("transitions Tank: filling full\nends at 1.25\n")

    checked, shown = flow(folder, "check", "garden.py:one"), flow(folder, "show", "garden.py:two", "--script")
    ran, tested = flow(folder, "run", "garden.py:one", "--json"), flow(folder, "test", "garden.py:one")

    assert (checked.returncode, checked.stdout) == (0, "garden.py:one: 1 house, 1 framer, 2 frames, no errors\n")
    assert shown.stdout.startswith("house two\n")
    assert objects(ran.stdout)[-1] == {"event": "end", "turns": 6, "t": 1.25, "failure": ""}
    assert tested.stdout == "garden.py:one: 2 expectations met\n"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("garden.py", 2, "there are one, two; say which one, as in "),
        ("garden.py:three", 2, "declares no plan three"),
        ("garden.txt.py", 2, "there is no file "),
        ("broken.py", 1, "broken.py:4"),
    ],
)
def test_a_file_without_the_plan_is_told(folder: Path, words: str, code: int, told: str) -> None:
    (folder / "garden.py").write_text(TWO)
    (folder / "broken.py").write_text("from atilite.flow import Plan\n\nplan = Plan('x')\nplan.init('no path', 1)\n")

    for command in ("check", "run"):
        done = flow(folder, command, words)
        assert done.returncode == code
        assert told in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_a_plan_that_has_a_name_for_each_of_its_houses_is_one_plan(folder: Path) -> None:
    (folder / "garden.py").write_text(TWO.replace('two = Plan("two")', 'two = one.house("two")\nagain = one'))

    checked = flow(folder, "check", "garden.py")

    assert (checked.returncode, checked.stdout) == (0, "garden.py: 2 houses, 2 framers, 4 frames, no errors\n")


# -- the command line -------------------------------------------------------------------------------------------------


@pytest.mark.row("I44")
def test_a_program_of_a_user_has_the_command_too_and_needs_no_database_for_it(folder: Path) -> None:
    (folder / "serve.py").write_text("import atilite\n\natilite.run()\n")

    assert flow(folder, "check", "mission.flo", program=("serve.py",)).returncode == 0
    assert flow(folder, "check", "mission.flo").returncode == 0
    assert sorted(path.name for path in folder.iterdir() if "data" in path.name) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--period", "0"), "argument --period: it is a number of seconds above 0, not 0"),
        (("--period", "soon"), "argument --period: it is a number of seconds, not soon"),
        (("--until", "nan"), "argument --until: it is a number of seconds, not nan"),
        (("--speed",), "unrecognized arguments: --speed (see atilite flow --help)"),
        (("--record", "a", "--replay", "b"), "argument --replay: not allowed with argument --record"),
        (("--behaviors", "none_such"), "--behaviors none_such: No module named 'none_such'"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_line_with_exit_code_2(
    folder: Path, words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(["flow", "run", str(folder / "mission.flo"), *words])
    except SystemExit as ended:
        code = ended.code

    shown = capsys.readouterr().err
    assert code == 2
    assert shown.startswith(f"atilite: {told}")
    assert shown.count("\n") == 1


def test_the_command_stands_in_the_help_and_its_own_help_names_its_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (["--help"], ["flow", "--help"], ["flow", "run", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0

    shown = capsys.readouterr().out
    for word in ("flow check", "check", "show", "--realtime", "--watch", "--behaviors", "--log-dir", "--replay"):
        assert word in shown
    assert main(["--port", "0", "flow", "check", "x"]) == 2
    assert "let `flow` be the first word" in capsys.readouterr().err
