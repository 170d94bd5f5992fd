"""Runs and services as the tests of the console need them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from atilite.automation.actions import ActionInfo
from atilite.automation.parameters import Schema
from atilite.console.words import Clockface
from atilite.store.runs import Headline

NOW = datetime(2026, 11, 21, 13, 32, 7, tzinfo=UTC)
FACE = Clockface(NOW, ZoneInfo("Europe/Berlin"))


def headline(id: int = 7, status: str = "succeeded", *, ago: float = 60.0, **given: Any) -> Headline:
    """A run that began `ago` seconds before NOW."""
    at = NOW - timedelta(seconds=ago)
    values: dict[str, Any] = {
        "operation": "Water", "description": "", "kind": "action", "trigger": "console", "who": None,
        "parameters": {}, "created_at": at, "started_at": at,
        "duration": None if status in ("queued", "running") else 1.5,
    }  # fmt: skip
    return Headline(id=id, status=status, **{**values, **given})


def action(function: Any = None, **given: Any) -> ActionInfo:
    """An action with the schema of `function`."""
    values: dict[str, Any] = {"name": "Water", "description": "Open one valve", "operation": "Water"}
    return ActionInfo(**{**values, "schema": Schema.of(function) if function else Schema(), **given})


def service(**given: Any) -> Any:
    """A service as listed."""
    values: dict[str, Any] = {
        "name": "poll", "description": "", "status": "running", "autostart": True, "restart": True,
        "restart_delay": 3.0, "restarts": 0, "since": NOW - timedelta(hours=2), "error": None, "traceback": None,
        "uptime": 7200.0, "run": None, "needs": (), "critical": False, "kind": "service",
    }  # fmt: skip
    return SimpleNamespace(**{**values, **given})


def plan(**given: Any) -> Any:
    """A schedule as listed."""
    values: dict[str, Any] = {
        "id": "s1", "action": "Water", "rule": "30 18 * * *", "every": None, "words": "daily at 18:30",
        "next": NOW + timedelta(hours=4), "last": None, "paused": False, "at_start": False, "at": None,
        "missed": "skip", "window": None, "missed_times": 0, "last_missed": None,
        "times": tuple(NOW + timedelta(hours=4, days=day) for day in range(7)),
    }  # fmt: skip
    return SimpleNamespace(**{**values, **given})
