"""The runtime's makers of tasks, and its end."""

from __future__ import annotations

import asyncio
import math
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from atilite.errors import TaskError, TaskTimeout
from atilite.runtime.engine import Runtime, process_runtime
from atilite.runtime.loop import Loop
from atilite.runtime.promise import Promise
from tests.runtime import fakes

ROOT = Path(__file__).parents[2]


@pytest.mark.row("A138")
def test_thread_takes_arguments_in_both_ways(runtime: Runtime) -> None:
    assert runtime.Thread(math.sqrt, 4.0).fetch() == 2.0
    assert runtime.Thread(math.sqrt, args=(4.0,)).fetch() == 2.0
    assert runtime.Thread(fakes.double, 1, kwargs={"plus": 3}).fetch() == 5


@pytest.mark.row("A133", "A138")
def test_thread_takes_the_common_options(runtime: Runtime) -> None:
    ended: Promise[Any] = Promise()
    task = runtime.Thread(range, 3, meta={"a": 1}, filter=list, timeout=5, callback=ended.set)

    assert task.fetch() == [0, 1, 2]
    assert task.meta == {"a": 1}
    assert task.timeout == 5
    assert ended.wait(10) is task
    assert runtime.Thread(int).timeout == 10.0


@pytest.mark.row("A138")
@pytest.mark.parametrize("maker", ["Thread", "Process", "Subprocess"])
def test_an_option_that_no_task_has_is_refused_before_anything_starts(runtime: Runtime, maker: str) -> None:
    with pytest.raises(TypeError, match=rf"{maker}\(\) has no option base"):
        getattr(runtime, maker)("exit 1" if maker == "Subprocess" else int, base=16)
    assert runtime.uses()[0].started == 0
    assert len(runtime.uses()) == 3  # no pool of processes or programs was made


def test_a_task_has_started_when_it_is_made(runtime: Runtime) -> None:
    started: Promise[str] = Promise()
    runtime.Thread(started.set, "nobody has fetched it")

    assert started.wait(10) == "nobody has fetched it"


@pytest.mark.row("A138")
def test_the_task_threads_are_sixteen_by_default_and_shared_with_nobody(loop: Loop) -> None:
    runtime = Runtime(loop=loop)

    assert runtime.threads.size == 16
    assert runtime.Thread(threading.current_thread).fetch().name.startswith("atilite-task")
    runtime.stop()


@pytest.mark.row("A139")
def test_process_takes_arguments_and_options(runtime: Runtime) -> None:
    assert runtime.Process(math.sqrt, args=(4.0,), meta={"a": 1}).meta == {"a": 1}
    assert runtime.Process(fakes.double, 2, kwargs={"plus": 1}, filter=str).fetch(60) == "5"


@pytest.mark.row("A140")
def test_subprocess_takes_filter_meta_and_folder(runtime: Runtime, tmp_path: Path) -> None:
    task = runtime.Subprocess("pwd", filter=str.strip, meta={"b": 2}, cwd=str(tmp_path))

    assert task.fetch() == str(tmp_path)
    assert task.meta == {"b": 2}


@pytest.mark.row("A140")
def test_a_fetch_with_its_own_timeout_leaves_the_program_running(runtime: Runtime) -> None:
    task = runtime.Subprocess("read word; echo $word", timeout=30)
    slow = runtime.Subprocess("sleep 60", timeout=30)

    assert task.fetch() == "\n"
    with pytest.raises(TaskTimeout, match=r"no result within 0\.05 s"):
        slow.fetch(0.05)
    assert not slow.done
    slow.cancel()


@pytest.mark.row("A141", "A142")
def test_mask_tasks_and_sleep_are_made_here_too(runtime: Runtime) -> None:
    tasks = runtime.Tasks([runtime.Mask(1), runtime.Sleep(0.001, meta={"m": 1})])

    assert tasks.fetch() == [1, None]
    assert runtime.Tasks(a=runtime.Mask(2), timeout=1).fetch() == {"a": 2}


@pytest.mark.row("A132")
def test_then_runs_a_function_of_any_kind_here(runtime: Runtime) -> None:
    def generator(task: Any) -> Any:
        yield runtime.Sleep(0.001)
        return task.fetch() + 1

    async def coroutine(task: Any) -> int:
        return int(await task + 2)

    assert runtime.Thread(lambda: 1).then(generator).fetch() == 2
    assert runtime.Thread(lambda: 1).then(coroutine).fetch() == 3
    assert runtime.Thread(lambda: 1).then(generator).then(coroutine).fetch() == 4


def test_nothing_is_started_before_it_is_used(loop: Loop) -> None:
    before = threading.active_count()
    runtime = Runtime(loop=loop)

    assert threading.active_count() == before
    assert runtime.stop() == []


def test_two_threads_that_need_a_pool_first_get_the_same(runtime: Runtime) -> None:
    barrier = threading.Barrier(8)
    pools: list[object] = []

    def need() -> None:
        barrier.wait()
        pools.append(runtime.aio)

    threads = [threading.Thread(target=need) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({id(pool) for pool in pools}) == 1


def test_stop_ends_all_places_and_names_what_goes_on(runtime: Runtime) -> None:
    gate: Promise[None] = Promise()
    began: Promise[None] = Promise()

    def endless() -> None:
        began.set(None)
        gate.wait(20)

    runtime.Thread(endless)
    program = runtime.Subprocess("sleep 60", timeout=None)
    began.wait(10)

    assert runtime.stop(3) == ["Threads: 1"]
    with pytest.raises(TaskError):
        program.fetch(0)
    with pytest.raises(TaskError, match="stopped"):
        runtime.Thread(int).fetch()
    gate.set(None)


SCRIPT = """
from atilite.runtime.engine import process_runtime
from tests.runtime import fakes
if __name__ == "__main__":
    runtime = process_runtime()
    print(runtime.Thread(lambda: "thread").fetch(), runtime.Process(fakes.double, 2).fetch(60), flush=True)
    runtime.Thread(__import__("time").sleep, 60)
    runtime.Subprocess("echo $$; exec sleep 60 > /dev/null 2>&1", timeout=None)
    runtime.Sleep(0.2).fetch()
    print(runtime.subprocesses._running.copy().pop()._process.pid, flush=True)
"""


def test_a_plain_script_uses_tasks_and_leaves_nothing_behind(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    ran = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, timeout=60, check=True
    )

    first, process = ran.stdout.split("\n", 1)
    assert first == "thread 4"
    assert fakes.gone(int(process))


def test_the_process_has_one_runtime() -> None:
    assert process_runtime() is process_runtime()
    assert process_runtime().loop is process_runtime().loop


def test_a_stop_leaves_coroutines_a_moment_for_their_end_when_others_have_taken_all_the_time(loop: Loop) -> None:
    runtime = Runtime(loop=loop)
    began: Promise[None] = Promise()
    ended = []

    async def code() -> None:
        try:
            began.set(None)
            await asyncio.Event().wait()
        finally:
            for _ in range(10):
                await asyncio.sleep(0)
            ended.append("put away")

    runtime.run(code)
    began.wait(10)

    assert runtime.stop(0) == []
    assert ended == ["put away"]
