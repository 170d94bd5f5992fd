"""Functions in other processes, which may crash and never stay behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from atilite.errors import TaskCancelled, TaskError
from atilite.runtime.processes import Processes
from tests.runtime import fakes
from tests.runtime.fakes import gone, wait_for

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    processes = Processes(1)
    yield processes
    processes.stop(1)


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A pipe through which a process tells its number; `wait_for` reads it."""
    os.mkfifo(tmp_path / "told")
    return tmp_path / "told"


@pytest.mark.row("A139")
def test_a_function_runs_in_another_process_that_is_used_again(processes: Processes) -> None:
    first = processes.submit(fakes.process_id).wait(60)

    assert first != os.getpid()
    assert processes.submit(fakes.process_id).wait(60) == first
    assert processes.submit(fakes.double, 4, plus=1).wait(60) == 9


@pytest.mark.row("A139")
def test_its_error_comes_back_with_the_traceback_from_there(processes: Processes) -> None:
    with pytest.raises(ValueError, match=r"^not so") as caught:
        processes.submit(fakes.refuse, "not so").wait(60)

    assert str(caught.value) == "not so"
    assert "fakes.py" in caught.value.__notes__[0]


@pytest.mark.row("A139")
def test_an_error_that_cannot_travel_comes_as_text(processes: Processes) -> None:
    with pytest.raises(TaskError, match="Stubborn: no way"):
        processes.submit(fakes.refuse_stubbornly).wait(60)
    with pytest.raises(TaskError, match="SystemExit"):
        processes.submit(fakes.leave).wait(60)
    with pytest.raises(Exception, match=r"(?i)pickle"):
        processes.submit(fakes.give_back_lambda).wait(60)


@pytest.mark.row("A139")
def test_a_function_that_is_not_importable_is_refused_with_the_remedy(processes: Processes) -> None:
    with pytest.raises(TaskError, match="top level of a module"):
        processes.submit(lambda: 1).wait(60)


@pytest.mark.row("A139")
@pytest.mark.parametrize(
    ("function", "args", "how"),
    [(fakes.exit_hard, (3,), "exit code 3"), (fakes.crash, (), "ended by SIGSEGV")],
)
def test_a_process_that_dies_fails_its_task_and_the_pool_heals(
    processes: Processes, function: object, args: tuple[int, ...], how: str
) -> None:
    dying = processes.submit(function, *args)  # type: ignore[arg-type]
    following = processes.submit(fakes.double, 2)

    with pytest.raises(TaskError, match=how):
        dying.wait(60)
    assert following.wait(60) == 4


def test_one_that_died_while_it_had_nothing_to_do_is_replaced(processes: Processes) -> None:
    process = processes.submit(fakes.process_id).wait(60)
    os.kill(process, signal.SIGKILL)
    assert gone(process)

    assert processes.submit(fakes.process_id).wait(60) != process


def test_a_cancel_kills_the_process_that_is_at_it(processes: Processes, told: Path) -> None:
    promise = processes.submit(fakes.touch_and_stay, str(told), 60.0)
    process = wait_for(told)
    queued = processes.submit(fakes.double, 1)
    assert queued.cancel()

    assert promise.cancel()
    with pytest.raises(TaskCancelled):
        promise.wait(60)
    with pytest.raises(TaskCancelled):
        queued.wait(60)
    assert gone(process)


def test_stop_ends_the_processes(told: Path) -> None:
    processes = Processes(1)
    promise = processes.submit(fakes.touch_and_stay, str(told), 60.0)
    process = wait_for(told)

    assert processes.stop(0.01) == 1
    assert gone(process)
    with pytest.raises(TaskError):
        promise.wait(10)


PARENT = """
import sys, threading
from atilite.runtime.processes import Processes
from tests.runtime import fakes
if __name__ == "__main__":
    Processes(1).submit(fakes.touch_and_stay, sys.argv[1], 60.0)
    threading.Event().wait(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_process_ends_with_its_parent_however_that_ends(tmp_path: Path, told: Path, number: signal.Signals) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, script, told], env=environment, stderr=subprocess.DEVNULL)
    try:
        process = wait_for(told)
        parent.send_signal(number)
        parent.wait(20)

        assert gone(process)
    finally:
        parent.kill()
        parent.wait(20)
