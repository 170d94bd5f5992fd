"""What a process does around the site that it serves."""

from __future__ import annotations

import subprocess
import sys

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
