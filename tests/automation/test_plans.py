"""The plans of an app, whatever a plan is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from atilite.automation import plans
from atilite.automation.plans import Plans


class Played:
    """A plan that never ends once it is stopped, and notes how long it was waited for."""

    houses: Mapping[str, Any] = {}
    files: tuple[str, ...] = ()

    def __init__(self, name: str, clock: list[float], waited: list[tuple[str, float]]) -> None:
        self.name, self._clock, self._waited = name, clock, waited

    def freeze(self) -> None: ...

    def start_all(self) -> None: ...

    def stop(self, timeout: float) -> bool:
        self._waited.append((self.name, timeout))
        self._clock[0] += timeout
        return False


def test_all_are_asked_to_stop_before_one_is_waited_for_and_all_have_the_same_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, waited = [100.0], list[tuple[str, float]]()
    monkeypatch.setattr(plans, "time", type("Time", (), {"monotonic": staticmethod(lambda: clock[0])}))
    several = Plans()
    for name in ("a", "b", "c"):
        several.add(Played(name, clock, waited))

    assert several.stop(5.0) == ["plan a", "plan b", "plan c"]

    assert waited == [("a", 0.0), ("b", 0.0), ("c", 0.0), ("a", 5.0), ("b", 0.0), ("c", 0.0)]
    assert clock == [105.0]
