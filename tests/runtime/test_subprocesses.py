"""Programs as tasks: what they print, how they end, and that nothing of them stays."""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from atilite.errors import TaskCancelled, TaskTimeout
from atilite.runtime.engine import Runtime
from atilite.runtime.subprocesses import Subprocesses, exit_text
from tests.runtime.fakes import gone, wait_for


@pytest.fixture
def subprocesses() -> Iterator[Subprocesses]:
    subprocesses = Subprocesses(4, grace=0.2)
    yield subprocesses
    subprocesses.stop(3)


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A pipe through which a program tells its process number; `wait_for` reads it."""
    os.mkfifo(tmp_path / "told")
    return tmp_path / "told"


@pytest.mark.row("A140")
def test_a_shell_command_gives_its_stdout_as_text(subprocesses: Subprocesses) -> None:
    assert subprocesses.run("echo one; echo zw\u00f6lf").wait(10) == "one\nzw\u00f6lf\n"


@pytest.mark.row("A140")
def test_a_list_does_not_go_through_the_shell(subprocesses: Subprocesses) -> None:
    assert subprocesses.run(["echo", "$HOME; exit 3"]).wait(10) == "$HOME; exit 3\n"


def test_folder_environment_and_input_can_be_given(subprocesses: Subprocesses, tmp_path: Path) -> None:
    command = "pwd; echo $WORD; cat"

    text = subprocesses.run(command, cwd=str(tmp_path), env={"WORD": "hello"}, input="from outside").wait(10)

    assert text == f"{tmp_path}\nhello\nfrom outside"


def test_output_that_is_no_text_does_not_fail(subprocesses: Subprocesses) -> None:
    assert subprocesses.run(r"printf '\377ok'").wait(10) == "\ufffdok"


@pytest.mark.row("A140")
def test_another_exit_code_raises_system_error_with_stderr(subprocesses: Subprocesses) -> None:
    with pytest.raises(SystemError, match=r"^no such sensor$"):
        subprocesses.run("echo no such sensor >&2; exit 3").wait(10)
    with pytest.raises(SystemError, match=r"^exit code 3$"):
        subprocesses.run("exit 3").wait(10)
    with pytest.raises(SystemError, match=r"^ended by SIGKILL$"):
        subprocesses.run("kill -9 $$").wait(10)


def test_a_program_that_does_not_exist_is_a_clear_error(subprocesses: Subprocesses) -> None:
    with pytest.raises(FileNotFoundError):
        subprocesses.run(["/no/such/program"]).wait(10)


@pytest.mark.row("A140")
def test_its_timeout_is_honoured_and_the_whole_group_ends(runtime: Runtime, told: Path) -> None:
    task = runtime.Subprocess(f"sleep 60 & echo $! > {told}; wait", timeout=0.3)
    process = wait_for(told)

    with pytest.raises(TaskTimeout, match=r"longer than 0\.3 s"):
        task.fetch()

    assert gone(process)


@pytest.mark.row("A140")
def test_a_longer_timeout_than_the_usual_one_is_honoured_too(runtime: Runtime) -> None:
    assert runtime.Subprocess("true", timeout=60).timeout is None


@pytest.mark.row("A140")
def test_a_group_that_ignores_sigterm_is_killed(subprocesses: Subprocesses, told: Path) -> None:
    stubborn = f"trap '' TERM; echo $$ > {told}; sleep 60; sleep 60"

    promise = subprocesses.run(stubborn, 0.3)
    process = wait_for(told)

    with pytest.raises(TaskTimeout):
        promise.wait(20)
    assert gone(process)


def test_a_child_that_ignores_sigterm_does_not_outlive_its_shell(subprocesses: Subprocesses, told: Path) -> None:
    script = f"(trap '' TERM; echo $BASHPID > {told}; sleep 60; sleep 60) & wait"

    promise = subprocesses.run(["bash", "-c", script], 0.3)
    process = wait_for(told)

    with pytest.raises(TaskTimeout):
        promise.wait(20)
    assert gone(process)


def test_a_cancel_ends_the_group_and_then_fails_the_promise(subprocesses: Subprocesses, told: Path) -> None:
    promise = subprocesses.run(f"echo $$ > {told}; sleep 60")
    process = wait_for(told)

    assert promise.cancel()
    with pytest.raises(TaskCancelled):
        promise.wait(10)
    assert gone(process)


def test_stop_ends_what_runs(told: Path) -> None:
    subprocesses = Subprocesses(2, grace=0.2)
    promise = subprocesses.run(f"echo $$ > {told}; sleep 60")
    process = wait_for(told)

    assert subprocesses.stop(5) == 0
    assert gone(process)
    with pytest.raises(TaskCancelled):
        promise.wait(1)


def test_one_that_waits_for_its_turn_can_be_cancelled(tmp_path: Path) -> None:
    subprocesses = Subprocesses(1, grace=0.2)
    first = subprocesses.run("sleep 60")
    second = subprocesses.run(f"touch {tmp_path}/ran")

    assert second.cancel()
    assert first.cancel()
    for promise in (first, second):
        with pytest.raises(TaskCancelled):
            promise.wait(10)
    assert not (tmp_path / "ran").exists()
    subprocesses.stop(3)


def test_a_program_has_a_session_of_its_own(subprocesses: Subprocesses) -> None:
    group = int(subprocesses.run("ps -o pgid= -p $$").wait(10))

    assert group != os.getpgid(0)


def test_an_unknown_signal_still_has_a_text() -> None:
    assert exit_text(-200) == "ended by signal 200"


def test_stop_ends_by_force_what_is_deaf(told: Path) -> None:
    subprocesses = Subprocesses(4, grace=60)
    subprocesses.run(f"trap '' TERM; echo $$ > {told}; sleep 60; sleep 60", None)
    pid = wait_for(told)
    subprocesses.stop(0.1)
    assert gone(pid)


def test_the_output_of_a_streamed_program_is_told_while_it_runs(subprocesses: Subprocesses, told: Path) -> None:
    heard: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
    script = f"echo one; echo oops >&2; cat {told}; echo two; exit 3"

    promise = subprocesses.stream(["sh", "-c", script], lambda stream, text: heard.put((stream, text)))

    assert {heard.get(timeout=10), heard.get(timeout=10)} == {("stdout", "one\n"), ("stderr", "oops\n")}
    assert not promise.done
    told.write_text("go on\n", encoding="utf-8")
    assert promise.wait(10) == 3
    assert heard.get(timeout=10)[1].startswith("go on\n")


def test_a_streamed_program_takes_input_folder_and_environment(subprocesses: Subprocesses, tmp_path: Path) -> None:
    heard: list[str] = []
    text = "\u00f6" * 200_000

    promise = subprocesses.stream(
        ["sh", "-c", "pwd; echo $WORD; cat"], lambda _, piece: heard.append(piece), cwd=str(tmp_path),
        env={"WORD": "hello"}, input=text,
    )  # fmt: skip

    assert promise.wait(10) == 0
    assert "".join(heard) == f"{tmp_path}\nhello\n{text}"


def test_a_cancel_ends_the_group_of_a_streamed_program_even_a_deaf_one(subprocesses: Subprocesses, told: Path) -> None:
    script = f"trap '' TERM; sleep 60 & echo $! > {told}; wait; sleep 60"

    promise = subprocesses.stream(["sh", "-c", script], lambda *_: None)
    process = wait_for(told)

    assert promise.cancel()
    with pytest.raises(TaskCancelled):
        promise.wait(10)
    assert gone(process)


@pytest.mark.parametrize("watched", [True, False])
def test_the_end_of_a_streamed_program_is_the_end_of_what_it_left_behind(
    subprocesses: Subprocesses, told: Path, monkeypatch: pytest.MonkeyPatch, watched: bool
) -> None:
    if not watched:  # a system that cannot wait for a process and its output together
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    heard: list[str] = []

    promise = subprocesses.stream(
        ["sh", "-c", f"sleep 60 & echo $! > {told}; echo last"], lambda _, text: heard.append(text)
    )
    process = wait_for(told)

    assert promise.wait(10) == 0
    assert heard == ["last\n"]
    monkeypatch.undo()
    assert gone(process)
