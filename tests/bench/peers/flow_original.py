"""Turns a script on the original engine, and prints the seconds of CPU that building and turning it took.

PYTHON flow_original.py FILE TURNS
"""

from __future__ import annotations

import collections.abc  # noqa: F401  # the original uses it without importing it
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from ioflo.aid.consoling import getConsole  # type: ignore[import-not-found]
from ioflo.base import skedding, storing  # type: ignore[import-not-found]


class Enough(BaseException):
    """So many turns were asked for."""


def memory() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024


def main() -> None:
    file, turns = sys.argv[1], int(sys.argv[2])
    getConsole().reinit(verbosity=0)
    before = memory()
    skedder = skedding.Skedder(name="bench", period=0.125, real=False, filepath=file)
    begin = time.process_time()
    assert skedder.build()
    built = time.process_time() - begin
    stamp, count = storing.Store.changeStamp, 0

    def change(self: Any, value: float) -> Any:
        nonlocal count
        count += 1
        if count > turns:
            raise Enough
        return stamp(self, value)

    storing.Store.changeStamp = change
    begin = time.process_time()
    try:
        skedder.run()
    except Enough:
        took = time.process_time() - begin
        held = memory() - before
        print(json.dumps({"build": built, "turn": took, "kib": held}))


if __name__ == "__main__":
    main()
