"""kill -9 at a few random moments of everything at once; `python -m tests.bench kills` takes two hundred."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.faults.killing import SCRIPT, kill_at
from tests.faults.program import Program

MOMENTS = 4


@pytest.mark.row("reliability-7", "M1", "M7")
def test_a_kill_at_any_moment_loses_nothing_acknowledged_and_leaves_nothing_pending(
    serve: Callable[..., Program],
) -> None:
    account = kill_at(MOMENTS, lambda: serve(SCRIPT), random.Random(7))
    assert account.faults == []
    assert account.kills == MOMENTS
    assert account.runs
    assert account.values
    assert account.counted
