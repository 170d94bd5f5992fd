"""Leaving slow tests out, for projects that ask for it."""

from __future__ import annotations

import pytest

from .plugin import SLOW


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is marked slow, unless the command line says --run-slow."""
    if config.getoption(SLOW, True):
        return
    for item in items:
        if item.get_closest_marker("slow") is not None:
            item.add_marker(pytest.mark.skip(reason="slow; run it with --run-slow"))
