"""The long runs of `tests/bench/soak.py`, for seconds instead of minutes: nothing fails, nothing grows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.bench import soak
from tests.faults.program import Program, until

MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def program(serve: Callable[..., Program]) -> Program:
    made = serve(soak.SCRIPT, "--keep", "500").start()
    made.call("noop")
    soak.ask_for(made, 4, 0.3)
    return made


@pytest.mark.row("reliability-1", "reliability-5")
def test_fifty_keep_alive_clients_are_served_without_an_error(program: Program) -> None:
    soak.ask_for(program, 50, 1)  # makes the caches that stay
    found = soak.ask_for(program, 50, 3)
    assert found.errors == []
    assert len(found.delays) > 100
    # The bars are 150 ms and 10 MB; these tell a machine that has other work from one that hangs or leaks.
    assert soak.share(found.delays, 99) < 5
    assert found.grown < 15 * MEGABYTE
    assert program.resident() < 160 * MEGABYTE


@pytest.mark.row("reliability-2")
def test_a_thousand_runs_queued_in_one_go_are_all_stored_while_pages_are_served(serve: Callable[..., Program]) -> None:
    program = serve(soak.SCRIPT).start()
    found = soak.queue(program, 1000)
    assert found.stored == 1000
    assert program.json("/internal/journals/?status=succeeded&limit=1")
    assert max(found.delays) < 5


@pytest.mark.row("reliability-4")
def test_thousands_of_short_actions_leave_nothing_open(program: Program) -> None:
    _, warm, last = soak.short_actions(program, 3000, 3)
    assert last.greenlets <= warm.greenlets + 2
    assert last.threads <= warm.threads + 4
    assert last.descriptors <= warm.descriptors + 4
    assert last.resident - warm.resident < 10 * MEGABYTE


@pytest.mark.row("reliability-6")
def test_a_hundred_viewers_of_one_run_see_every_line_and_slow_no_button_down(program: Program) -> None:
    before = program.sockets()
    found = soak.viewers(program, 100, 25, 0.1)
    assert found.lines == [25] * 100
    assert len(found.buttons) >= 3
    assert max(found.buttons) < 5
    until(lambda: program.sockets() <= before)
