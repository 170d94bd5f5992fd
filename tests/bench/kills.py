"""kill -9 at 200 random moments: actions, retries, schedules and keys are under way at each of them.

Two programs are killed side by side, which also makes their moments those of a busy machine.
"""

from __future__ import annotations

import random
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bench.soak import verdict
from tests.faults.killing import SCRIPT, Account, Verdict, kill_at
from tests.faults.program import Program

NAME = "kills"
MOMENTS, PROGRAMS = 200, 2


def killed(folder: Path, moments: int, seed: int) -> tuple[Account, Verdict]:
    """One program, killed so many times, with what became of it."""
    folder.mkdir()
    program = Program(folder, SCRIPT, "--devel")
    try:
        account = kill_at(moments, lambda: program, random.Random(seed))
    finally:
        program.close()
    return account, Verdict(folder, account)


def run(quick: bool) -> list[str]:
    """Return what was found and the verdicts."""
    each, seed = (10 if quick else MOMENTS) // PROGRAMS, int(time.time())
    begin, lines = time.monotonic(), [f"the moments are those of seed {seed}"]
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(PROGRAMS) as side_by_side:
        found = list(
            side_by_side.map(lambda number: killed(Path(name) / str(number), each, seed + number), range(PROGRAMS))
        )
    for account, checked in found:
        told = ", ".join(f"{count} {status}" for status, count in sorted(checked.statuses().items()))
        lines.append(
            f"{account.kills} kills: {len(account.runs)} runs, {sum(account.values.values())} values and "
            f"{account.counted} counts were acknowledged; stored: {told}"
        )
        lines += account.faults[:20]
    lines.append(f"in {time.monotonic() - begin:.0f} s")
    lines.append(verdict("kills-faults", sum(len(account.faults) for account, _ in found), 0))
    return lines
