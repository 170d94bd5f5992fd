"""The example that ships, after a day of work on a small board: `python -m tests.e2e.example FOLDER`.

What it has done is written into the database before it is served, and the board's vitals are always the same, so that
its pictures differ only when the console does.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import time
from pathlib import Path

from atilite.config import Settings
from atilite.console import vitals
from atilite.mounting import Preference
from atilite.site import Site
from atilite.store.accounts import Accounts
from atilite.store.database import Database
from atilite.store.journals import Journals
from atilite.testing.clock import FakeClock

ROOT = Path(__file__).parents[2]
PASSWORD = "only for pictures"
HOUR, DAY = 3600, 24 * 3600
# Seconds since the day began: when the power went, and for how long.
CUT, DARK = 13 * HOUR, 25 * 60
BOARD = vitals.Reading(
    load=0.31, processors=4, celsius=52.0, memory=(188 << 20, 427 << 20), disk=(21_400_000_000, 31_200_000_000)
)


def lived(database: Path) -> None:
    """Fill the database with a day of runs, and add the account `admin`."""
    start, chance = int(time.time()) - DAY, random.Random(5)
    clock = FakeClock(start)
    with Database.open(f"sqlite:///{database}", clock=clock) as opened:
        journals = opened.part(Journals)
        for second in range(0, DAY - 60, 60):
            if CUT < second < CUT + DARK:
                continue
            clock.set(start + second)
            _read(journals, chance, cut=second == CUT)
            if second % (6 * HOUR) == 2 * HOUR:
                _rates(journals, chance, good=second < 12 * HOUR)
            if second in (9 * HOUR, 22 * HOUR + 1800):
                _memo(journals, "Water the tomatoes" if second > 12 * HOUR else "Order seeds")
        Accounts(opened).add("admin", PASSWORD, "admin")


def _read(journals: Journals, chance: random.Random, *, cut: bool) -> None:
    number = journals.open("Read the board", description="Read load, memory, disk and temperature now.",
                           kind="action", trigger="schedule", labels=["board"])  # fmt: skip
    took = chance.uniform(0.004, 0.009)
    result = {"load": round(chance.uniform(0.1, 0.6), 2), "temperature": round(chance.uniform(48, 55), 1)}
    journals.close(number, "interrupted" if cut else "succeeded", duration=took, result=None if cut else result)


def _rates(journals: Journals, chance: random.Random, *, good: bool) -> None:
    number = journals.open("Fetch currency rates", description="Ask the rates server for today's rates and keep them.",
                           kind="action", trigger="schedule", parameters={"base": "EUR"}, labels=["rates"])  # fmt: skip
    if good:
        journals.record(number, "current exchange rates", {"base": "EUR", "count": 30})
        journals.close(number, "succeeded", duration=chance.uniform(0.2, 0.5), result={"base": "EUR", "count": 30})
    else:
        error = "TaskTimeout: api.frankfurter.dev did not answer in 10 s"
        journals.close(number, "failed", duration=10.01, error=error)


def _memo(journals: Journals, title: str) -> None:
    number = journals.open("Write a memo", description="Write text files into the inbox.", kind="action",
                           trigger="console", who="admin", parameters={"title": title}, labels=["inbox"])  # fmt: skip
    journals.close(number, "succeeded", duration=0.003, result=[f"{title.replace(' ', '-')}-1.txt"])


def serve(folder: Path) -> int:
    """Serve the example from `folder`, into which it is copied, until the process is told to end."""
    for name in ("services", "static", "templates"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    lived(folder / "data.db")
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    import services

    def reading(database: Path, root: Path = Path("/")) -> vitals.Reading:
        return vitals.Reading(**{name: getattr(BOARD, name) for name in vitals.Reading.__slots__} | {"data": 1_240_000})

    vitals.read = reading
    site, pref = Site(folder), Preference()
    pref.set_static("/static", "static")
    site.mount("/", services, pref)
    return site.serve(Settings(port=0, name="board", db=f"sqlite:///{folder / 'data.db'}"))


if __name__ == "__main__":
    sys.exit(serve(Path(sys.argv[1])))
