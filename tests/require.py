"""Tests that need something of the machine: a browser, systemd, another program."""

from __future__ import annotations

import os

import pytest


def require(condition: object, reason: str) -> None:
    """Skip the calling test when `condition` is false; fail it instead when ATILITE_REQUIRE=all.

    The build server sets the variable, so that a missing program there is a fault and not a silent gap.
    """
    if condition:
        return
    if os.environ.get("ATILITE_REQUIRE") == "all":
        pytest.fail(f"needed here: {reason}", pytrace=False)
    pytest.skip(reason)
