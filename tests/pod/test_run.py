"""A pod as a process of its own: signals of the system and exit codes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

WAIT = 60.0  # seconds; only to tell what hangs from what is slow

PROGRAM = '''\
import asyncio, logging, os, sys, threading
from atilite.pod import Pod, pass_context

logging.basicConfig(stream=sys.stderr, level="INFO", format="%(message)s")


def say(*words):
    os.write(1, (" ".join(words) + "\\n").encode())


class Server:
    def __init__(self, context):
        self.over = asyncio.Event()
        self.name = context.label
        for name in ("SIGINT", "SIGTERM"):
            context.add_signal_handler(name, self.on_stop)

    async def on_stop(self, signal, **kwargs):
        say(self.name, "on_stop", signal)
        self.over.set()

    async def __call__(self):
        say(self.name, "runs")
        await self.over.wait()
        say(self.name, "ends")


async def deaf():
    say("deaf runs")
    await asyncio.Event().wait()


def hook(bean):
    say("hook")
    threading.Event().wait(1000)


async def fails():
    raise ValueError("no water")


async def closes():
    sys.stdout.close()
    sys.stderr.close()
    raise ValueError("no water")


async def leaves_a_thread():
    import time
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 600)
    say("left")


def forks():
    import multiprocessing, time
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(20,))
    child.start()
    child.terminate()
    child.join()
    say("ended by", str(child.exitcode))


def blocks():
    say("blocks")
    threading.Event().wait(1000)


pod = Pod(stop_wait_time=float(sys.argv[1]))
'''


class Running:
    """The program with some beans, and what it says."""

    def __init__(self, folder: Path, lines: str, seconds: float) -> None:
        path = folder / "program.py"
        path.write_text(f"{PROGRAM}{lines}\nsys.exit(pod.run())\n", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, str(path), str(seconds)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.said: list[str] = []

    def until(self, *lines: str) -> None:
        """Read what it says until it has said all these lines."""
        assert self.process.stdout is not None
        while not set(lines) <= set(self.said):
            line = self.process.stdout.readline()
            assert line, f"it ended with {self.process.wait(WAIT)}: {self.said}"
            self.said.append(line.rstrip())

    def kill(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Wait for its end; return exit code and what it has told on stderr."""
        out, told = self.process.communicate(timeout=WAIT)
        self.said += out.split("\n")[:-1]
        return self.process.returncode, told


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def start(lines: str, seconds: float = WAIT) -> Running:
        running.append(Running(tmp_path, lines, seconds))
        return running[-1]

    yield start
    for one in running:
        one.process.kill()
        one.process.communicate()


@pytest.mark.row("P11", "P13", "pod-promise-1")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_dispatched_by_name_in_reverse_order_and_all_end_well(
    program: Callable[..., Running], number: signal.Signals
) -> None:
    running = program('pod.add_bean(Server, label="db"); pod.add_bean(Server, label="web", needs="db")')
    running.until("web runs", "db runs")

    running.kill(number)

    code, told = running.end()
    assert code == 0, told
    assert running.said[2:] == [f"web on_stop {number.name}", "web ends", f"db on_stop {number.name}", "db ends"]
    assert f"the pod ends: {number.name} was received" in told


@pytest.mark.row("P12", "pod-defect-3", "pod-promise-6")
def test_the_deadline_ends_what_does_not_listen_and_the_exit_code_says_so(program: Callable[..., Running]) -> None:
    running = program('pod.add_bean(deaf, label="deaf"); pod.add_bean(Server, label="web")', 0.2)
    running.until("web runs", "deaf runs")

    running.kill(signal.SIGTERM)

    code, told = running.end()
    assert code == 1
    assert "the time to end is over for bean 1 (deaf)" in told
    assert "web ends" in running.said


@pytest.mark.row("pod-promise-6", "pod-defect-6", "pod-defect-10")
def test_a_second_signal_shortens_the_deadline_and_calls_nobody_again(program: Callable[..., Running]) -> None:
    running = program(
        'pod.add_bean(deaf, label="deaf"); pod.add_bean(blocks, stop_timeout=0.1); pod.add_bean(Server, label="web")'
    )
    running.until("web runs", "deaf runs", "blocks")
    running.kill(signal.SIGTERM)
    running.until("web ends")

    running.kill(signal.SIGINT)

    code, told = running.end()
    assert code == 1
    assert "the time to end is over for bean 1 (deaf), bean 2 (__main__.blocks)" in told
    assert "bean 2 (__main__.blocks) did not end when it was stopped; it is left behind" in told
    assert [line for line in running.said if "on_stop" in line] == ["web on_stop SIGTERM"]


@pytest.mark.row("pod-promise-10")
def test_a_signal_during_the_start_ends_it(program: Callable[..., Running]) -> None:
    running = program(
        'pod.add_bean(deaf, label="deaf", stop_timeout=0.1); pod.hook("before_start")(lambda bean: hook(bean))', 0.2
    )
    running.until("hook")

    running.kill(signal.SIGTERM)

    code, told = running.end()
    assert (code, "deaf runs" in running.said) == (1, False), told


@pytest.mark.row("P13", "pod-defect-1")
def test_exit_codes_of_natural_ends(program: Callable[..., Running]) -> None:
    assert program("").end()[0] == 0
    code, told = program("pod.add_bean(fails)").end()

    assert code == 1
    assert "ValueError: no water" in told
    assert "Traceback" in told


def test_it_ends_in_time_after_a_signal_though_a_bean_has_left_a_thread_busy(program: Callable[..., Running]) -> None:
    running = program('pod.add_bean(Server, label="web"); pod.add_bean(leaves_a_thread)')
    running.until("web runs", "left")

    running.kill(signal.SIGTERM)

    code, told = running.end()
    assert code == 0, told
    assert "without waiting any longer for what it has started (thread " in told


@pytest.mark.row("P13", "pod-defect-1")
def test_a_bean_that_closes_stderr_and_fails_is_told_with_its_reason(program: Callable[..., Running]) -> None:
    code, told = program("pod.add_bean(closes)").end()

    assert code == 1
    assert "ValueError: no water" in told


def test_a_child_that_a_bean_forks_can_be_ended_as_any_program(program: Callable[..., Running]) -> None:
    running = program("pod.add_bean(forks)")

    assert (running.end()[0], running.said) == (0, ["ended by -15"])
