"""Framer turns a second beside the original engine, in interleaved rounds, and what flows cost in real time.

FLOW_ORIGINAL names an interpreter that has the original; without it only our own figures are told. Each round is a
process of its own, and CPU time is what is counted.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.server import verdict

NAME = "flows"
ROOT = Path(__file__).parents[2]
ORIGINAL = os.environ.get("FLOW_ORIGINAL", "")
GOAL = 10  # times as many framer turns a second as the original
GOAL_BUILD = 1.0  # the time to build, as a part of the original's
GOAL_KIB = 1.0  # the memory of a thousand framers, as a part of the original's
GOAL_IDLE, GOAL_THOUSAND = 1.0, 15.0  # percent of a core: eight framers that wait; a thousand, ten turns a second
LIMIT = 300.0  # seconds after which a round is given up

OURS = """\
import json, os, sys, time
from atilite.flow.behaviors import Behaviors
from atilite.flow.building import build
from atilite.flow.syntax import parse
from atilite.flow.turns import Turns


def memory():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024


file, count = sys.argv[1], int(sys.argv[2])
before = memory()
begin = time.process_time()
plan, problems = parse(open(file).read(), file)
house, more = build(next(iter(plan.houses.values())), Behaviors({}))
assert not problems + more
built = time.process_time() - begin
turns = Turns([house])
begin = time.process_time()
while turns.count < count:
    turns.turn()
took = time.process_time() - begin
held = memory() - before
print(json.dumps({"build": built, "turn": took, "kib": held}))
"""

REAL = """\
import json, os, sys, time
from atilite.flow.behaviors import Behaviors
from atilite.flow.running import Running
from atilite.flow.syntax import parse

file, period, seconds = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
running = Running(parse(open(file).read(), file)[0], Behaviors({}), period=period)
running.start()
time.sleep(0.5)
used, turns = sum(os.times()[:2]), running.turns.count
time.sleep(seconds)
used, turns = sum(os.times()[:2]) - used, running.turns.count - turns
running.stop()
print(json.dumps({"percent": 100 * used / seconds, "turns": turns, "overruns": running.overruns}))
"""


def script(count: int, kind: str) -> str:
    """So many framers: `waits` has one transition that is not due, `counts` an inc each turn and one each second."""
    lines = ["house bench"]
    for at in range(count):
        if kind == "counts":
            lines.append(f"init .n{at} with 0")
        lines += [f"framer f{at} be active first a", "frame a"]
        if kind == "waits":
            lines += [" go next if elapsed >= 1000000", "frame b"]
        else:
            for far in ("b", "a"):
                lines += [" recur", f"  inc .n{at} with 1", " native", f" go {far} if elapsed >= 1.0"]
                lines += ["frame b"] if far == "b" else []
    return "\n".join(lines) + "\n"


def process(arguments: list[str], **given: Any) -> dict[str, float]:
    done = subprocess.run(
        arguments, capture_output=True, text=True, check=True, timeout=LIMIT, cwd=ROOT, **given
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def compared(count: int, kind: str, rounds: int, quick: bool) -> dict[str, dict[str, float]]:
    """Medians of interleaved rounds, of each engine."""
    seen: dict[str, list[dict[str, float]]] = {"ours": [], "original": []}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plan.flo"
        file.write_text(script(count, kind))
        for _ in range(rounds):
            turns = (60_000 if quick else 200_000) // count
            found = process([sys.executable, "-c", OURS, str(file), str(turns)])
            seen["ours"].append({**found, "rate": turns * count / found["turn"]})
            if ORIGINAL:
                turns = max(1, turns // 10)
                peer = str(Path(__file__).parent / "peers" / "flow_original.py")
                found = process([ORIGINAL, peer, str(file), str(turns)])
                seen["original"].append({**found, "rate": turns * count / found["turn"]})
    return {
        name: {key: statistics.median(one[key] for one in rounds) for key in ("rate", "build", "kib")}
        for name, rounds in seen.items()
        if rounds
    }


def in_real_time(count: int, kind: str, period: float, seconds: float) -> dict[str, float]:
    """What framers cost that turn in real time."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plan.flo"
        file.write_text(script(count, kind))
        return process([sys.executable, "-c", REAL, str(file), str(period), str(seconds)])


def run(quick: bool) -> list[str]:
    """Return the table and the verdicts."""
    lines = [f"{'flows':22} {'framer turns a s':>17} {'build s':>9} {'KiB':>8}"]
    verdicts = []
    for kind in ("waits", "counts"):
        for count in (1, 100, 1000):
            found = compared(count, kind, 3 if quick else 5, quick)
            for name, one in found.items():
                head = f"{name} {kind} {count}"
                lines.append(f"{head:22} {one['rate']:17,.0f} {one['build']:9.3f} {one['kib']:8.0f}")
            if ORIGINAL:
                ours, original = found["ours"], found["original"]
                verdicts.append(verdict(f"flow-{kind}-{count}", ours["rate"] / original["rate"], GOAL, at_least=True))
                if count == 1000:
                    verdicts.append(verdict(f"flow-{kind}-build", ours["build"] / original["build"], GOAL_BUILD))
                    verdicts.append(verdict(f"flow-{kind}-memory", ours["kib"] / original["kib"], GOAL_KIB))
    seconds = 3.0 if quick else 10.0
    for name, count, kind, period, goal in (
        ("idle", 8, "waits", 0.125, GOAL_IDLE), ("thousand", 1000, "counts", 0.1, GOAL_THOUSAND),
    ):  # fmt: skip
        found_real = in_real_time(count, kind, period, seconds)
        head = f"real {kind} {count}"
        rate, percent = found_real["turns"] * count / seconds, found_real["percent"]
        lines.append(f"{head:22} {rate:17,.0f} {percent:8.2f}% of a core")
        verdicts.append(verdict(f"flow-{name}-percent", percent, goal))
    return lines + verdicts
