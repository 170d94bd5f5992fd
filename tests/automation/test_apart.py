"""Actions in processes of their own, and programs as actions: what they say, how they end, what they cost nobody."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import pytest

from atilite.automation.engine import Automation
from atilite.errors import DuplicateName, ParameterError, RunFailed, SetupError
from atilite.scalars import MASK, Range, Secret
from atilite.uploads import Upload
from tests.automation import apart
from tests.runtime.fakes import gone

PATIENCE = 90.0


def ended(automation: Automation, name: str, **params: Any) -> Any:
    """Run an action to its end, well or not, and return what is stored."""
    run, task = automation.action.start(name, params)
    assert task.wait(PATIENCE)
    return automation.journal.get(run).fetch()


def said(journal: Any, source: str = "print") -> list[str]:
    return [record.message for record in reversed(journal.records) if record.source == source]


# -- functions in processes of their own


def test_output_records_labels_result_and_masking_come_from_the_other_process(automation: Automation) -> None:
    automation.action(name="talk", process=True)(apart.talk)

    journal = ended(automation, "talk", word="tulip")

    assert (journal.status, journal.result) == ("succeeded", {"count": 2})
    assert said(journal) == [f"{MASK} 0", f"{MASK} 1", "careful"]
    (logged,) = (record for record in journal.records if record.source == "log")
    assert (logged.message, logged.level, logged.params) == (f"two of {MASK}", "info", {"logger": "pump"})
    (record,) = (record for record in journal.records if record.source == "record")
    assert (record.message, record.params) == ("counted", {"count": 2, "word": MASK})
    assert journal.labels == ("chatty",)


@pytest.mark.row("M9")
@pytest.mark.parametrize(("function", "told"), [(apart.crash, "SIGSEGV"), (apart.exhaust, "MemoryError: too much")])
def test_a_crash_costs_the_run_and_not_the_server(automation: Automation, function: Any, told: str) -> None:
    automation.action(name="crash", process=True, retries=1, retry_delay=0)(function)

    journal = ended(automation, "crash")

    assert (journal.status, journal.attempt) == ("failed", 2)
    assert told in journal.error


@pytest.mark.row("M9")
@pytest.mark.parametrize("way", ["cancelled", "timed_out"])
def test_a_loop_without_end_is_ended_with_its_process(automation: Automation, way: str) -> None:
    automation.action(name="spin", process=True, timeout=None if way == "cancelled" else 3)(apart.spin)

    with automation.journal.record_added.subscribe() as added:
        run, task = automation.action.start("spin")
        assert added.get(PATIENCE) == run
        if way == "cancelled":
            automation.action.cancel(run)
    with pytest.raises(RunFailed) as caught:
        task.fetch(PATIENCE)

    assert caught.value.status == way
    assert automation.storage.runtime.processes._apart == set()


def test_only_a_function_that_can_be_imported_has_a_process_of_its_own(automation: Automation) -> None:
    with pytest.raises(SetupError, match="top level of a module"):
        automation.action(name="x", process=True)(lambda: None)


def test_each_item_of_a_list_may_have_its_own_process(automation: Automation) -> None:
    automation.action(name="Greet {name}", each=["ana"], process=True)(apart.greet)

    assert ended(automation, "Greet ana", greeting="hi").result == "hi ana"


def test_the_journal_of_the_app_and_a_file_are_there_over_there_too(automation: Automation, tmp_path: Path) -> None:
    automation.action(name="measure", process=True)(apart.journaled)
    (tmp_path / "x").write_bytes(b"12345")
    with (tmp_path / "x").open("rb") as file:
        journal = ended(automation, "measure", photo=Upload.copy_of(file, "x.bin"))

    assert (journal.status, journal.result, journal.labels) == ("succeeded", 5, ("big",))
    assert [(record.message, record.params) for record in journal.records] == [("measured", {"size": 5})]


# -- programs


def test_the_output_of_a_program_is_in_its_journal_and_its_end_is_the_result(automation: Automation) -> None:
    automation.action.command("Say", "sh -c 'echo \"$1\"; echo careful >&2; echo two words' - {text}")

    journal = ended(automation, "Say", text="$HOME; rm -rf /")

    assert (journal.status, journal.result) == ("succeeded", "$HOME; rm -rf /\ntwo words")
    assert sorted(said(journal)) == ["$HOME; rm -rf /", "careful", "two words"]
    assert journal.parameters == {"text": "$HOME; rm -rf /"}


def test_the_signature_of_a_function_types_the_placeholders(automation: Automation) -> None:
    @automation.action.command("Count", "seq {first} {last}", label="numbers")
    def count(last: Annotated[int, Range(1, 10)], first: int | None = None):
        """Counts."""

    info = automation.action.get("Count")
    assert (info.description, info.labels, info.command) == ("Counts.", ("numbers",), "seq {first} {last}")
    assert ended(automation, "Count", last="3").result == "1\n2\n3"
    assert ended(automation, "Count", first=2, last=3).result == "2\n3"
    with pytest.raises(ParameterError):
        automation.action.invoke("Count", last=11)


@pytest.mark.parametrize(("code", "status"), [(0, "succeeded"), (1, "succeeded"), (3, "failed")])
def test_the_exit_code_decides(automation: Automation, code: int, status: str) -> None:
    automation.action.command("Leave", f"sh -c 'echo no such pump >&2; exit {code}'", ok=(0, 1))

    journal = ended(automation, "Leave")

    assert journal.status == status
    assert journal.error == (None if status == "succeeded" else "SystemError: exit code 3: no such pump")


def test_a_program_that_is_not_there_fails_with_its_name(automation: Automation) -> None:
    automation.action.command("Gone", "no-such-program-anywhere")

    journal = ended(automation, "Gone")

    assert journal.status == "failed"
    assert "no-such-program-anywhere" in journal.error


def test_secrets_reach_it_through_environment_and_stdin_and_no_journal(automation: Automation, tmp_path: Path) -> None:
    @automation.action.command(
        "Login", "sh -c 'pwd; echo $TOKEN; cat'", cwd=str(tmp_path), env={"TOKEN": "Bearer {token}"}, stdin="{token}\n"
    )
    def login(token: Secret): ...

    journal = ended(automation, "Login", token="tulip")

    assert said(journal) == [str(tmp_path), f"Bearer {MASK}", MASK]
    assert "tulip" not in repr(journal)
    assert "PATH" in os.environ  # it is added to, not replaced: `sh` was found


def test_a_file_that_was_sent_is_a_path_for_the_program(automation: Automation, tmp_path: Path) -> None:
    @automation.action.command("Length", "wc -c {file}")
    def length(file: Upload): ...

    (tmp_path / "x").write_bytes(b"12345")
    with (tmp_path / "x").open("rb") as file:
        upload = Upload.copy_of(file, "x.bin")
    assert ended(automation, "Length", file=upload).result.startswith("5 ")


def test_no_text_becomes_an_option_of_the_program(automation: Automation) -> None:
    automation.action.command("List", "ls {folder}")
    automation.action.command("List it", "ls -- {folder}")

    with pytest.raises(ParameterError, match="must not begin with -"):
        automation.action.invoke("List", folder="--help")
    assert ended(automation, "List it", folder="--help").status == "failed"  # there is no such folder


@pytest.mark.parametrize("way", ["cancelled", "timed_out"])
def test_the_end_of_its_run_ends_the_whole_group_of_a_program(automation: Automation, tmp_path: Path, way: str) -> None:
    os.mkfifo(tmp_path / "told")
    command = f"sh -c 'sleep 60 & echo $! > {tmp_path / 'told'}; echo up; wait'"
    automation.action.command("Sleep", command, timeout=None if way == "cancelled" else 2)

    run, task = automation.action.start("Sleep")
    process = int((tmp_path / "told").read_text(encoding="utf-8"))
    if way == "cancelled":
        automation.action.cancel(run)
    with pytest.raises(RunFailed) as caught:
        task.fetch(PATIENCE)

    assert caught.value.status == way
    assert gone(process)


def test_a_schedule_runs_the_program_and_not_the_function_that_types_it(automation: Automation) -> None:
    @automation.schedule(at_start=True)
    @automation.action.command("Say", "echo {text}")
    def say(text: str = "hello"):
        raise AssertionError("it only types")

    with automation.runs.ended.subscribe() as ends:
        automation.start()
        assert (ends.get(timeout=PATIENCE).operation) == "Say"
    assert automation.journal.search("Say").fetch()[0].result == "hello"


def test_what_is_wrong_with_a_command_is_told_at_set_up(automation: Automation) -> None:
    with pytest.raises(SetupError, match=r"action 'X': '\|' is for a shell"):
        automation.action.command("X", "dmesg | tail")
    with pytest.raises(SetupError, match=r"\{b\} is no parameter of .*f\(\)"):

        @automation.action.command("Y", "echo {a} {b}")
        def f(a: str): ...

    with pytest.raises(SetupError, match="'c' is nowhere in the command"):

        @automation.action.command("Z", "echo {a}")
        def g(a: str, c: str): ...

    with pytest.raises(DuplicateName, match=__name__):
        automation.action.command("Z", "echo")
