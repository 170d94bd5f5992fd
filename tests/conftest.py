"""What all tests share: nothing of the machine's environment reaches them."""

from __future__ import annotations

import os
import signal

import pytest

from atilite.config import OTHER_VARIABLES, PREFIX


def pytest_configure() -> None:
    """Let Ctrl-C reach the programs that tests start: a job in the background is itself started with it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the developer's own settings away, so that a test sees the defaults and what it sets itself."""
    for variable in list(os.environ):
        if variable in ("DB_URL", "DEV") or (variable.startswith(PREFIX) and variable not in OTHER_VARIABLES):
            monkeypatch.delenv(variable)
