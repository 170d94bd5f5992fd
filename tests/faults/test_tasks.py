"""The long run of `tests/bench/tasks.py`, with some thousands of tasks: nothing of them is left."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.bench import tasks
from tests.faults.program import Program


@pytest.mark.row("A132", "A138", "A139", "A140", "A142")
def test_thousands_of_tasks_leave_no_thread_greenlet_timer_descriptor_or_socket(serve: Callable[..., Program]) -> None:
    program = serve(tasks.SCRIPT).start()
    found, before, after = tasks.soaked(program, 4000, 30)
    assert found["good"] + found["bad"] == 4000
    # What fails: the raising functions, the cancelled timers, the empty lists, the programs that take too long.
    assert 0 < found["bad"] < 2000
    assert after.within(before), (before, after)
