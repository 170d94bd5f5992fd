"""The pytest plugin: fixtures for programs that use atilite."""

from __future__ import annotations

import pytest

from .clock import FakeClock


@pytest.fixture
def fake_clock() -> FakeClock:
    """A clock that moves only when it is told."""
    return FakeClock()
