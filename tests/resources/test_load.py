"""Many requests at once: they take as long as the slowest, hold no threads, and let everybody else have the hub."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.bench.client import AT_ONCE, DELAY, REQUESTS, measured
from tests.resources.authority import Authority


@pytest.mark.row("A134")
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_five_hundred_requests_hold_no_thread_and_leave_the_hub_to_others(encrypted: bool, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = authority.certificate("IP:127.0.0.1") if encrypted else None
    measured(tls, authority.file)  # what is started once is started now
    before = threading.active_count()
    seconds, lag, _, work = measured(tls, authority.file)

    # One after the other they would take 50 s; the bars for a quiet machine are those of the benchmark.
    assert DELAY * REQUESTS / AT_ONCE <= seconds < 10
    # A hub that waited for them would be held for all that time; a machine that others use holds it for some of it.
    assert lag < 4
    assert work < 2.0  # a hub that waits for each of them would be held for 50 s
    assert threading.active_count() == before
