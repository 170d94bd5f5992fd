"""What the journal of a plan takes, and what one turn hands to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from atilite import Atilite
from atilite.config import Settings
from atilite.plansteps import EACH_TURN
from atilite.runtime.promise import Promise
from atilite.site import Site
from atilite.store.runs import Filter

WAIT = 20.0  # seconds; only to tell what hangs from what is slow
MANY = 3 * EACH_TURN


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    app = Atilite("garden")
    framers = "".join(
        f"framer f{number} be active\nframe a\ngo b if elapsed >= 0.02\nframe b\n" for number in range(MANY)
    )
    app.mount_plan(f"house box\n{framers}", name="crowd", period=0.01)
    site = Site(tmp_path)
    site.mount("/", app, name="garden")
    site.open(Settings(name="board", db=f"sqlite:///{tmp_path / 'data.db'}"))
    yield site
    site.stop(5.0)
    site.close()


def test_one_turn_hands_so_many_steps_to_the_journal_and_says_that_there_are_more(site: Site) -> None:
    house = site.catalogue.plans.house("box")
    reached: Promise[None] = Promise()
    house.plan.running.after_turn(lambda: house.plan.running.turns.count > 6 and reached.set(None))
    site.start()
    reached.wait(WAIT)
    assert house.plan.stop(WAIT)

    site.database().writer.flush()
    (run,) = site.catalogue.journals.search(Filter(kind="flow"))
    records = list(site.catalogue.journals.records(run.id))
    moved = [one for one in records if one.params.get("event") == "transition"]
    assert len(moved) == EACH_TURN
    assert len({one.params["t"] for one in moved}) == 1
    more = [one for one in records if one.message.startswith("more happens")]
    assert len(more) == 3  # the start, the transitions, the stop
    assert sum(step.event == "transition" for step in house.history(limit=10_000)) > EACH_TURN
