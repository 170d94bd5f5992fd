"""A pod of 1,000 beans: what starting and stopping them costs, what each holds, and what a storm of crashes costs.

Each round is a process of its own. Half of the beans are coroutines, half generators; in the storm fifty more fail as
soon as they run, all at the same moment, again and again.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench.server import verdict

NAME = "pods"
ROOT = Path(__file__).parents[2]
BEANS, FAILING = 1000, 50
GOAL_START, GOAL_STOP = 1.0, 1.0  # seconds of wall clock, all of them
GOAL_KIB = 16.0  # of memory, for one bean
GOAL_PERCENT = 5.0  # of one core, while fifty beans fail and wait, fail and wait
LIMIT = 300.0  # seconds after which a round is given up

PROGRAM = """\
import asyncio, gc, json, logging, os, sys, threading, time
from atilite.pod import Pod, pass_context

beans, failing, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
logging.basicConfig(stream=open(os.devnull, "w"))  # what is logged costs time, and is seen by nobody here


@pass_context
async def coroutine(context, number):
    over = asyncio.Event()

    def on_stop(**_):
        over.set()

    context.add_signal_handler("SIGTERM", on_stop)
    await over.wait()


@pass_context
def generator(context, number):
    yield context.ending


async def fails():
    raise ValueError("no water")


def memory():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024


def cpu():
    return sum(os.times()[:2])


def round(count):
    pod = Pod()
    before, used, begin = memory(), cpu(), time.perf_counter()
    for number in range(count):
        pod.add_bean(coroutine if number % 2 else generator, label=f"b{number}", number=number)
    pod.start().wait(60)
    took = time.perf_counter() - begin
    started_cpu = cpu() - used
    held = (memory() - before) / max(1, count)
    threads = threading.active_count()
    used, begin = cpu(), time.perf_counter()
    code = pod.stop().wait(60)
    return {"start": took, "start_cpu": started_cpu, "kib": held, "threads": threads, "code": code,
            "stop": time.perf_counter() - begin, "stop_cpu": cpu() - used}


def storm():
    pod = Pod()
    pod.add_bean(coroutine, number=0)
    for number in range(failing):
        pod.add_bean(fails, label=f"f{number}", restart="on_failure", max_restarts=None)
    used = cpu()
    pod.start().wait(60)
    time.sleep(seconds)
    spent = cpu() - used
    restarts = sum(status.restarts for status in pod.statuses())
    pod.stop().wait(60)
    return {"core": spent / seconds, "restarts": restarts}


round(10)  # what is loaded with the first bean is not counted
print(json.dumps({**round(beans), **storm()}))
"""


def figures(beans: int, failing: int, seconds: float) -> dict[str, Any]:
    """Run one round; returns its figures."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(beans), str(failing), str(seconds)],
        cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def run(quick: bool) -> list[str]:
    """Return the figures and the verdicts."""
    seconds = 15.0 if quick else 60.0
    found = figures(BEANS, FAILING, seconds)
    return [
        f"{BEANS} beans: started in {found['start']:.3f} s ({found['start_cpu']:.3f} s of processor time), ended in "
        f"{found['stop']:.3f} s ({found['stop_cpu']:.3f} s), exit code {found['code']}, {found['threads']} threads",
        f"{FAILING} beans that fail at once: {found['restarts']} restarts in {seconds:.0f} s, "
        f"{found['core'] * 100:.2f} % of a core",
        verdict("pods-start-seconds", found["start"], GOAL_START),
        verdict("pods-stop-seconds", found["stop"], GOAL_STOP),
        verdict("pods-bean-kib", found["kib"], GOAL_KIB),
        verdict("pods-storm-percent", found["core"] * 100, GOAL_PERCENT),
    ]
