"""Functions in processes made for them: what they say comes back, and whatever they do stays there."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite.errors import SetupError, TaskCancelled, TaskError
from atilite.runtime.isolated import address_of, check_importable
from atilite.runtime.processes import Processes
from tests.runtime import apart
from tests.runtime.fakes import gone, wait_for

PATIENCE = 60.0


@pytest.fixture
def processes() -> Iterator[Processes]:
    processes = Processes(1)
    yield processes
    processes.stop(1)


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A pipe through which a process tells its number; `wait_for` reads it."""
    os.mkfifo(tmp_path / "told")
    return tmp_path / "told"


def ignore(*_: Any) -> None:
    """Takes what nobody asks for."""


def test_what_it_writes_and_sends_is_told_while_it_runs(processes: Processes) -> None:
    texts: dict[str, str] = {"stdout": "", "stderr": ""}
    heard: list[tuple[str, tuple[Any, ...]]] = []

    def told(stream: str, text: str) -> None:
        texts[stream] += text

    number = processes.isolate(
        apart.talk, {"name": "world"}, told, lambda kind, parts: heard.append((kind, parts)), wants_was=True
    ).wait(PATIENCE)

    assert number != os.getpid()
    assert texts == {"stdout": "hello world\nfrom a program\n", "stderr": "careful\n"}
    assert heard == [("progress", (1, 2, "half")), ("record", ("fetched", {"count": 31}))]


@pytest.mark.parametrize(
    ("function", "arguments", "value"),
    [
        (apart.generator, {"count": 4}, 6),
        (apart.coroutine, {}, "awaited"),
        (apart.decorated, {}, ["wrapped", "inner"]),
        (apart.decorated.__wrapped__, {}, "inner"),  # type: ignore[attr-defined]
        (apart.several, {}, [1, 2]),
    ],
)
def test_each_kind_of_function_runs_there(
    processes: Processes, function: Callable[..., Any], arguments: dict[str, Any], value: Any
) -> None:
    assert processes.isolate(function, arguments, ignore, ignore).wait(PATIENCE) == value


def test_one_that_closes_what_it_writes_to_ends_all_the_same(processes: Processes) -> None:
    texts: list[str] = []

    ended = processes.isolate(apart.close_streams, {}, lambda _, text: texts.append(text), ignore)

    assert ended.wait(PATIENCE) == "done"
    assert "".join(texts) == "after\n"


@pytest.mark.parametrize(
    ("function", "error", "how"),
    [
        (apart.segfault, TaskError, "apart.segfault ended .ended by SIGSEGV. before it had a result"),
        (apart.leave, TaskError, "exit code 7"),
        (apart.out_of_memory, MemoryError, None),
    ],
)
def test_a_crash_is_an_error_of_the_call_alone(
    processes: Processes, function: Callable[..., Any], error: type[Exception], how: str | None
) -> None:
    texts: list[str] = []

    with pytest.raises(error, match=how):
        processes.isolate(function, {}, lambda _, text: texts.append(text), ignore).wait(PATIENCE)
    assert function is not apart.segfault or texts == ["before\n"]


def test_its_error_comes_with_the_traceback_from_there(processes: Processes) -> None:
    with pytest.raises(ValueError, match=r"^no such pump") as caught:
        processes.isolate(apart.fail, {"text": "no such pump"}, ignore, ignore).wait(PATIENCE)

    assert "in fail" in caught.value.__notes__[0]


def test_a_cancel_ends_a_loop_without_end_and_all_its_children(processes: Processes, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "both")
    promise = processes.isolate(apart.spin, {"told": str(tmp_path / "both")}, ignore, ignore)
    mine, child = (int(number) for number in (tmp_path / "both").read_text(encoding="utf-8").split())

    assert promise.cancel()
    with pytest.raises(TaskCancelled):
        promise.wait(PATIENCE)
    assert gone(mine)
    assert gone(child)


def test_its_finally_blocks_run_before_it_is_ended(processes: Processes, told: Path, tmp_path: Path) -> None:
    arguments = {"told": str(told), "left": str(tmp_path / "left")}
    promise = processes.isolate(apart.tidy, arguments, ignore, ignore)
    process = wait_for(told)

    promise.cancel()
    with pytest.raises(TaskCancelled):
        promise.wait(PATIENCE)
    assert gone(process)
    assert (tmp_path / "left").read_text(encoding="utf-8") == "tidied up"


def test_a_stop_ends_them_and_no_more_are_started(told: Path, tmp_path: Path) -> None:
    processes = Processes(1)
    arguments = {"told": str(told), "left": str(tmp_path / "left")}
    promise = processes.isolate(apart.tidy, arguments, ignore, ignore)
    process = wait_for(told)

    processes.stop(1)

    assert gone(process)
    with pytest.raises(TaskCancelled):
        promise.wait(PATIENCE)
    with pytest.raises(TaskError, match="have been stopped"):
        processes.isolate(apart.coroutine, {}, ignore, ignore).wait(PATIENCE)


def test_a_function_that_another_process_cannot_find_is_refused() -> None:
    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()

    with pytest.raises(SetupError, match="top level of a module"):
        check_importable(lambda: heard.get())
    check_importable(apart.talk)

    def talk() -> None:
        return None

    talk.__qualname__, talk.__module__ = "talk", apart.__name__
    with pytest.raises(TaskError, match="is not the function of that name"):
        address_of(talk)


PARENT = """
import sys, threading
from atilite.runtime.processes import Processes
from tests.runtime import apart
if __name__ == "__main__":
    Processes(1).isolate(apart.spin, {"told": sys.argv[1]}, print, print)
    threading.Event().wait(60)
"""


def test_it_ends_with_its_parent_and_takes_its_children_along(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "both")
    (tmp_path / "parent.py").write_text(PARENT, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(tmp_path / "parent.py"), str(tmp_path / "both")]
    parent = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        mine, child = (int(number) for number in (tmp_path / "both").read_text(encoding="utf-8").split())
        parent.kill()
        parent.wait(20)

        assert gone(mine)
        assert gone(child)
    finally:
        parent.kill()
        parent.wait(20)
