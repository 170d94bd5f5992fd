"""Events from outside, and for those outside."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from atilite.automation.engine import Automation
from atilite.automation.eventboard import EventBoard


@pytest.mark.row("M19")
def test_an_event_from_outside_is_told_in_every_app_and_kept_once(make: Callable[..., Automation]) -> None:
    north, south = make("north"), make("south")
    heard: list[str] = []
    for one in (north, south):
        one.bus.on("frost")(lambda degrees, name=one.name: heard.append(f"{name} {degrees}"))
    board = EventBoard([north, south])
    start = board.log.begin()

    assert board.emit("frost", -3) == 2
    assert board.emit("nobody's") == 0

    assert [(one.name, one.app) for one in board.log.since(start, 10)[0]] == [("frost", ""), ("nobody's", "")]
    for one in (north, south):
        one.bus.close()


@pytest.mark.row("M3")
def test_an_event_takes_the_role_of_the_actions_that_it_starts(make: Callable[..., Automation]) -> None:
    app = make("app")

    @app.trigger(on="frost")
    @app.action(role="admin")
    def cover() -> None: ...

    board = EventBoard([app])
    assert (board.roles("frost"), board.roles("thaw")) == ({"admin"}, set())
