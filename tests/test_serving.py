"""What a process does around the site that it serves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from atilite.serving import HUNG_UP
from tests.running import Running
from tests.runtime.fakes import gone

PROGRAM = """
import gc
from atilite.serving import COLLECT_AFTER, spare_collector
before = gc.get_freeze_count()
spare_collector()
assert gc.get_freeze_count() > before + 1000, "what exists already is walked through again"
assert gc.get_threshold() == COLLECT_AFTER
round_trip = []
round_trip.append(round_trip)
del round_trip
assert gc.collect() >= 1, "cycles made later are not found any more"
"""


def test_the_collector_passes_over_what_stays_and_still_finds_what_comes_later() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr


GARDEN = """
    import atilite

    app = atilite.Atilite(__name__)

    @app.service
    def kept(was):
        was.wait()
        print("tidied", flush=True)

    @app.action
    def forked(was):
        import multiprocessing, signal, time
        child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(20,))
        child.start()
        child.terminate()
        child.join()
        return child.exitcode

    @app.action
    async def leaves_a_thread():
        import asyncio, time
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 600)

    @app.action
    def leaves_a_child():
        import multiprocessing, time
        child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
        child.start()
        return child.pid

    atilite.mount("/", app)
    atilite.run(name="garden")
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path, GARDEN, "--devel")
    yield made
    made.close()


@pytest.mark.row("A195")
def test_a_hang_up_ends_it_in_order_and_its_exit_code_tells(program: Running) -> None:
    program.start()
    assert program.process is not None

    program.process.send_signal(signal.SIGHUP)

    assert program.process.wait(20) == HUNG_UP
    assert "tidied" in program.log.read_text(encoding="utf-8")


def test_what_was_started_with_nohup_goes_on(program: Running) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        program.start()
    finally:
        signal.signal(signal.SIGHUP, before)
    assert program.process is not None

    program.process.send_signal(signal.SIGHUP)

    assert program.ask("GET", "/healthz")[0] == 200
    assert program.terminate() == 0


@pytest.mark.parametrize("left", ["thread", "child"])
def test_it_ends_in_time_though_a_function_has_left_something_that_python_would_wait_for(
    program: Running, left: str
) -> None:
    program.start()
    status, body = program.ask("POST", f"/internal/action/leaves_a_{left}", {})
    assert status == 200, body

    assert program.terminate() == 0

    assert "without waiting any longer for what it has started" in program.log.read_text(encoding="utf-8")
    if left == "child":
        # Nobody waits for it any more, so it is gone, or about to be taken by the system.
        assert gone(json.loads(body)["result"])


LINGERING = """
    import atilite
    import lingering

    atilite.mount("/", lingering)
    atilite.run(stop_timeout=1.0)
"""


def test_a_hook_that_does_not_come_to_its_end_holds_nothing_up(tmp_path: Path) -> None:
    (tmp_path / "lingering.py").write_text(
        "import threading\ndef __mount__(app): app.route('/')(lambda: 'here')\n"
        "def __umount__(app): threading.Event().wait(600)\n"
    )
    running = Running(tmp_path, LINGERING, "--devel").start()
    try:
        assert running.terminate() == 0
        assert "a hook such as __umount__" in running.log.read_text(encoding="utf-8")
    finally:
        running.close()


def test_a_child_that_an_action_forks_can_be_ended_as_any_program(program: Running) -> None:
    program.start()

    status, body = program.ask("POST", "/internal/action/forked", {})

    assert (status, json.loads(body)["result"]) == (200, -signal.SIGTERM), body
