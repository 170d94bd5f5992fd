"""run ACTION name=value ..."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from atilite.app import Atilite
from atilite.scalars import Secret
from atilite.store.database import Database
from atilite.uploads import Upload
from tests.cli.conftest import Shell

ROOT = Path(__file__).parents[2]


def garden(app: Atilite) -> None:
    @app.action(name="Water")
    def water(zone: str, seconds: int = 30) -> dict[str, object]:
        print("opening")
        logging.getLogger("garden").info("not shown")
        app.journal.record("watered", zone=zone, seconds=seconds)
        return {"liters": seconds * 2}

    @app.action
    def fail() -> None:
        raise ValueError("the valve is stuck")

    @app.action(timeout=0.2)
    async def hang() -> None:
        import asyncio

        await asyncio.Event().wait()

    @app.action(journal=False)
    def quiet() -> int:
        return 5

    @app.action(name="Count")
    def count(file: Upload, dry_run: bool = False) -> str:
        return f"{file.name} {len(file.read())} {dry_run}"

    @app.action(name="Unlock")
    def unlock(code: Secret) -> int:
        return len(code)

    app.action(name="After", after="Count succeeded")(lambda: None)
    app.command("Say", "echo {text}")


@pytest.fixture
def running(shell: Shell) -> Shell:
    # What these print is captured by the run; the names are looked up in this module.
    shell.declare = garden
    return shell


def action(shell: Shell, name: str) -> str:
    return name if name[0].isupper() else f"garden.<locals>.{name}"


def test_what_it_prints_records_and_returns_is_shown(running: Shell) -> None:
    assert running("run", "Water", "zone=north", "seconds=5") == 0

    assert running.out.splitlines()[:3] == ["opening", 'watered zone="north" seconds=5', 'result: {"liters": 10}']
    assert running.out.splitlines()[3].startswith("Water succeeded after ")
    assert running.out.endswith("(run 1)\n")


def test_the_run_is_kept_with_who_and_how(running: Shell, tmp_path: Path) -> None:
    running("run", "Water", "zone=north")

    with Database.open(f"sqlite:///{tmp_path}/data.db", readonly=True) as database:
        from atilite.store.journals import Journals

        headline = Journals(database).headline(1)
    assert headline is not None
    assert (headline.operation, headline.trigger, headline.status) == ("Water", "cli", "succeeded")
    assert headline.parameters == {"zone": "north", "seconds": 30}


def test_a_failure_is_exit_code_1_with_the_traceback(running: Shell) -> None:
    assert running("run", action(running, "fail")) == 1

    assert 'raise ValueError("the valve is stuck")' in running.err
    assert running.err.splitlines()[-1].startswith("atilite: ")
    assert running.err.splitlines()[-1].endswith("failed: ValueError: the valve is stuck (run 1)")


def test_a_timeout_is_told_as_one(running: Shell) -> None:
    assert running("run", action(running, "hang")) == 1
    assert "timed out" in running.err


def test_json_is_the_only_thing_on_stdout(running: Shell) -> None:
    assert running("run", "Water", "zone=north", "--json") == 0
    answer = json.loads(running.out)
    assert (answer["action"], answer["run"], answer["status"]) == ("Water", 1, "succeeded")
    assert answer["result"] == {"liters": 60}
    assert "opening" in running.err

    assert running("run", action(running, "fail"), "--json") == 1
    assert json.loads(running.out)["error"] == "ValueError: the valve is stuck"


def test_an_action_without_a_journal_runs_as_well(running: Shell) -> None:
    assert running("run", action(running, "quiet")) == 0
    assert running.out.startswith("result: 5\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("Water",), "Water: zone: "),
        (("Water", "zone=north", "seconds=long"), "seconds: must be a whole number"),
        (("Water", "zone=north", "depth=3"), "depth: "),
        (("Water", "north"), "'north' is no parameter (write name=value)"),
        (("Water", "zone=a", "zone=b"), "parameter 'zone' is given twice"),
        (("Wine",), "no action named 'Wine'"),
    ],
)
def test_a_wrong_word_runs_nothing_and_is_exit_code_2(words: tuple[str, ...], said: str, running: Shell) -> None:
    assert running("run", *words) == 2
    assert said in running.err
    assert running.err.count("\n") == 1
    assert running.out == ""


def test_beside_a_running_server_it_is_refused(running: Shell, tmp_path: Path) -> None:
    with Database.open(f"sqlite:///{tmp_path}/data.db"):
        assert running("run", "Water", "zone=north") == 1
    assert f"in use by process {os.getpid()}" in running.err or "already open in this process" in running.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("sender", ["itself", "another"])
def test_ctrl_c_cancels_the_run_however_early_it_comes(tmp_path: Path, number: int, sender: str) -> None:
    (tmp_path / "serve.py").write_text(
        "import atilite, os\n"
        "app = atilite.Atilite(__name__)\n"
        "@app.action\n"
        "def wait(was):\n"
        f"    if {sender == 'itself'}:\n"
        f"        os.kill(os.getpid(), {int(number)})\n"
        "    print('waiting', flush=True)\n"
        "    was.wait()\n"
        "atilite.mount('/', app)\n"
        "atilite.run()\n",
        encoding="utf-8",
    )
    command = [sys.executable, "serve.py", "run", "wait"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"

    if sender == "another":
        process.send_signal(number)
    _, said = process.communicate(timeout=30)

    assert process.returncode == 1
    assert said.splitlines()[-1].startswith("atilite: wait cancelled")


def test_a_file_is_given_by_its_path_and_stays_where_it_is(running: Shell, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("12345", encoding="utf-8")

    assert running("run", "Count", "file=notes.txt") == 0
    assert 'result: "notes.txt 5 False"' in running.out
    assert (tmp_path / "notes.txt").exists()
    assert running("run", "Count", "file=nowhere.txt") == 2
    assert "parameter 'file': nowhere.txt: No such file or directory (write the path of a file)" in running.err


def test_a_dry_run_is_a_flag_for_actions_that_have_one(running: Shell, tmp_path: Path) -> None:
    (tmp_path / "x").touch()

    assert running("run", "Count", "file=x", "--dry-run") == 0
    assert 'result: "x 0 True"' in running.out
    assert running("run", "--dry-run", "Water", "zone=north") == 2
    assert "Water has no dry run" in running.err


def test_a_secret_that_is_left_out_is_asked_for_on_a_terminal(
    running: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("getpass.getpass", lambda prompt: {"code: ": "tulip"}[prompt])

    assert running("run", "Unlock", stdin=Terminal()) == 0
    assert "result: 5" in running.out
    assert running("run", "Unlock") == 2
    assert "Unlock: code: is required" in running.err


def test_a_program_is_run_like_any_other_action(running: Shell) -> None:
    assert running("run", "Say", "text=hello $HOME") == 0

    assert running.out.splitlines()[:2] == ["hello $HOME", 'result: "hello $HOME"']


def test_what_follows_an_action_is_left_to_the_server(running: Shell, tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    running("run", "Count", "file=x")

    with Database.open(f"sqlite:///{tmp_path}/data.db", readonly=True) as database:
        from atilite.store.journals import Journals

        assert [run.operation for run in Journals(database).search()] == ["Count"]


@pytest.mark.row("M18")
def test_a_program_without_a_required_secret_says_in_one_line_how_to_give_it(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def declare(app: Atilite) -> None:
        app.secret.require("pump")

        @app.action(name="open")
        def open_valve() -> str:
            return str(len(app.secret("pump")))

    shell.declare = declare
    assert shell("run", "open") == 2
    assert shell.err.startswith("atilite: secret 'pump' is missing (set ATILITE_SECRET_PUMP, or")
    assert shell.err.count("\n") == 1
    monkeypatch.setenv("ATILITE_SECRET_PUMP", "correct horse")
    assert shell("run", "open") == 0
