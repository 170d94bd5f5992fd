"""kill -9 at random moments while schedules run: no time fires twice, and none is lost beyond the one at each end."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from atilite.store.database import Database
from atilite.store.history import History
from atilite.store.runs import Filter, Headline
from tests.faults.program import Program, until

KILLS = 6
SCRIPT = """
    import os
    import atilite
    from atilite import Atilite

    app = Atilite(__name__)

    @app.schedule("* * * * * *", timezone="UTC", missed="all", window="1h")
    @app.action(name="each second")
    def each_second():
        pass

    @app.schedule(every=2, missed="once")
    @app.action(name="interval")
    def interval():
        pass

    @app.schedule(at=os.environ["AT"], window="1h")
    @app.action(name="single")
    def single():
        pass

    @app.schedule("* * * * * *", timezone="UTC", missed="skip")
    @app.action(name="in vain", retries=3, retry_delay=0.3)
    def in_vain():
        raise ValueError("again")

    atilite.mount("/", app)
    atilite.run(name="killed", keep="1000000")
"""


def stored(folder: Path, operation: str) -> list[Headline]:
    """The runs of an action, oldest first."""
    with Database.open(f"sqlite:///{folder}/data.db", readonly=True) as database:
        return History(database).search(Filter(operation=operation), limit=10_000)[::-1]


def seconds(first: datetime, last: datetime) -> int:
    """How many whole seconds begin after one moment and up to another."""
    return math.floor(last.timestamp()) - math.floor(first.timestamp())


@pytest.mark.row("reliability-7", "M7", "M1")
def test_no_due_time_fires_twice_and_none_is_lost_but_at_the_moment_of_a_kill(serve: Callable[..., Program]) -> None:
    chance = random.Random(5)
    at = datetime.now().astimezone() + timedelta(seconds=8)
    program = serve(SCRIPT)
    for _ in range(KILLS):
        program.start(AT=at.isoformat())
        time.sleep(chance.uniform(0.3, 2.5))
        program.kill()
    program.start(AT=at.isoformat())
    until(lambda: program.json("/internal/journals/?operation=single&status=succeeded"))
    program.terminate()

    each = stored(program.folder, "each second")
    passed = seconds(each[0].created_at, each[-1].created_at) + 1
    assert passed - KILLS - 1 <= len(each) <= passed
    interval = stored(program.folder, "interval")
    assert len(interval) <= seconds(interval[0].created_at, interval[-1].created_at) / 2 + 1.5
    assert len(stored(program.folder, "single")) == 1
    assert {run.status for run in stored(program.folder, "in vain")} <= {"interrupted", "failed", "cancelled"}
    assert not any(run.pending for run in each + interval)
