"""What all tests share: nothing of the machine's environment reaches them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from atilite.config import PREFIX
from atilite.store import passwords

ROOT = Path(__file__).parents[1]


def pytest_configure() -> None:
    """Let programs that tests start find atilite without its being installed, and let Ctrl-C reach them.

    A job in the background is started with Ctrl-C ignored, and so would be what it starts.
    """
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    # On a machine that is shared the time of one example says nothing about the code.
    shared = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("shared", shared)
    settings.load_profile("shared")
    # With --hypothesis-profile=thorough: ten times as many examples of everything, 10,000 of what strangers send.
    settings.register_profile("thorough", shared, max_examples=1000)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the developer's own settings away, so that a test sees the defaults and what it sets itself."""
    for variable in list(os.environ):
        if variable in ("DB_URL", "DEV") or (variable.startswith(PREFIX) and variable != "ATILITE_REQUIRE"):
            monkeypatch.delenv(variable)
    # Programs that a test starts buffer what they print, as those of users do.
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[int]:
    """Let a password cost next to nothing where it only lets somebody in; gives what it costs else."""
    dear = passwords.N
    passwords.N = 2**4
    yield dear
    passwords.N = dear


@pytest.fixture
def dear_passwords(quick_passwords: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords as they are in use, for the tests that are about their hashes."""
    monkeypatch.setattr(passwords, "N", quick_passwords)
