"""What all tests share: nothing of the machine's environment reaches them."""

from __future__ import annotations

import os

import pytest

from atilite.config import OTHER_VARIABLES, PREFIX


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the developer's own settings away, so that a test sees the defaults and what it sets itself."""
    for variable in list(os.environ):
        if variable in ("DB_URL", "DEV") or (variable.startswith(PREFIX) and variable not in OTHER_VARIABLES):
            monkeypatch.delenv(variable)
