"""kill -9 at a few random moments of everything at once; `python -m tests.bench kills` takes two hundred."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.faults.killing import SCRIPT, Verdict, kill_at
from tests.faults.program import Program

MOMENTS = 4


@pytest.mark.row("reliability-7", "M1", "M7")
def test_a_kill_at_any_moment_loses_nothing_acknowledged_and_leaves_nothing_pending(
    serve: Callable[..., Program],
) -> None:
    program = serve(SCRIPT)
    account = kill_at(MOMENTS, lambda: program, random.Random(7))
    assert account.faults == []
    assert account.kills == MOMENTS
    assert account.runs
    assert account.values
    assert account.counted

    # What had been lost would be noticed.
    name = next(iter(account.values))
    account.runs[10**9], account.values[name] = 1, account.values[name] + 10
    account.counted += 10**6
    account.begun.add(next(iter(account.runs)))
    assert len(Verdict(program.folder, account).faults()) == 4
